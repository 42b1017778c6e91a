"""The bytes of requests, and what making them raises, compared with Node's for the same arguments.

The arguments are data (`oracle/request_cases.py`), and so is what Node 25.2.1 made of them
(`oracle/requests.json`, made by `oracle/record.py`).
"""

from __future__ import annotations

import json
import pathlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, RawPeer, Recorder

from nodehttp import client, net, threadpool
from nodehttp.agent import Agent
from nodehttp.errors import NodeError

RECORDED = json.loads((pathlib.Path(__file__).parent / 'oracle' / 'requests.json').read_text())


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(MUST_NOT_EXPIRE)
        yield listener


def lookup(hostname: str, options: Any, callback: Any) -> None:
    """A resolver that knows one address."""
    if options.get('all'):
        callback(None, [{'address': '127.0.0.1', 'family': 4}])
    else:
        callback(None, '127.0.0.1', 4)


def make(case: dict[str, Any], port: int, agent: Agent) -> client.ClientRequest:
    """Make the request of a case."""
    options, connect = dict(case['options']), case.get('connect')
    if connect == 'option':
        options['createConnection'] = lambda: net.connect(port, '127.0.0.1')
    else:
        options.setdefault('agent', agent)
    if 'url' in case:
        return client.request(case['url'].replace('PORT', str(port)), options)
    if 'host' not in options and 'hostname' not in options:
        options['host'] = '127.0.0.1'
    if connect != 'option':
        options.setdefault('port', port)
    if connect == 'lookup':
        options['lookup'] = lookup
    return client.request(options)


def shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def call(req: client.ClientRequest, method: str, args: list[Any], notes: list[str]) -> None:
    """Do one of the calls of a case."""
    if method == 'set':
        setattr(req, *args)
        return
    args = [
        arg['bytes'].encode('latin-1') if isinstance(arg, dict) and 'bytes' in arg else arg for arg in args
    ]
    result = getattr(req, method)(*args)
    if result is not req and result is not None:
        notes.append(f'{method} -> {json.dumps(result, separators=(",", ":"))}')


@pytest.mark.parametrize('text', RECORDED)
def test_request_is_that_of_node(text: str, listener: socket.socket, record: Recorder) -> None:
    case, expected = json.loads(text), RECORDED[text]
    port = listener.getsockname()[1]
    agent = Agent({'keepAlive': True, 'timeout': 5000} if case.get('agent') is None else case['agent'])
    notes: list[str] = []
    received = b''
    req = None
    try:
        req = make(case, port, agent)
        record.on(req, 'close')
        req.on('error', lambda error: notes.append(f'error {error.name} {error.code} {error.message}'))
        for method, *args in case['calls']:
            call(req, method, args, notes)
        fields = (
            req.method,
            req.path,
            req.host,
            req.protocol,
            req.shouldKeepAlive,
            req.chunkedEncoding,
            req.headersSent,
        )
        notes.append(' '.join(map(shown, fields)))
    except NodeError as error:
        notes.append(f'threw {error.name} {error.code or "undefined"} {error.message}')
    wanted = expected['bytes'].replace(':PORT', f':{port}').encode('latin-1')
    if wanted:
        with threadpool.blocking():
            peer = RawPeer(listener.accept()[0])
            received = peer.read_exactly(len(wanted))
    if req is not None:
        req.destroy()
        record.wait_for('close')
    if wanted:
        received += peer.read_to_end()
        peer.close()
    agent.destroy()
    assert received == wanted
    notes = [note.replace(f':{port}', ':PORT') for note in notes if 'ECONNRESET' not in note]
    assert notes == expected['notes']
