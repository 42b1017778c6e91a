"""The face of the package: which names there are, what importing it costs."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from program_tools import run_script

import nodehttp
import nodehttps
from nodehttp import agent, common, events, net, stream, threadpool

# `Object.keys(require('node:http'))` of Node 25.2.1.
NODE = [
    '_connectionListener', 'METHODS', 'STATUS_CODES', 'Agent', 'ClientRequest', 'IncomingMessage',
    'OutgoingMessage', 'Server', 'ServerResponse', 'createServer', 'validateHeaderName',
    'validateHeaderValue', 'get', 'request', 'setMaxIdleHTTPParsers', 'maxHeaderSize', 'globalAgent',
    'WebSocket', 'CloseEvent', 'MessageEvent',
]
OURS = ['AbortController', 'AbortSignal', 'Headers', 'blocking', 'configure', 'once', 'run']
MODULES = ['errors', 'events', 'fs', 'net', 'stream', 'timers', 'url']


def test_the_names_are_nodes_and_ours_each_once() -> None:
    listed = nodehttp.__all__
    assert len(listed) == len(set(listed))
    assert sorted(listed) == sorted({*NODE, *OURS} - {'_connectionListener'})
    assert all(hasattr(nodehttp, name) for name in [*NODE, *OURS])


def test_every_public_name_of_the_module_is_listed() -> None:
    ours = {name for name, value in vars(nodehttp).items()
            if not name.startswith('_') and getattr(value, '__module__', '').startswith('nodehttp')}
    assert ours <= set(nodehttp.__all__)


@pytest.mark.parametrize('name', MODULES)
def test_nodes_other_modules_are_imported_from_here(name: str) -> None:
    names: dict[str, Any] = {}
    exec(f'from nodehttp import {name}', names)
    assert isinstance(names[name], ModuleType)


def test_import_star_brings_them_all() -> None:
    names: dict[str, Any] = {}
    exec('from nodehttp import *', names)
    del names['__builtins__']
    assert sorted(names) == sorted(nodehttp.__all__)
    assert names['globalAgent'] is nodehttp.globalAgent


def test_completion_shows_what_is_public() -> None:
    assert sorted(dir(nodehttp)) == sorted([*nodehttp.__all__, *MODULES])
    assert sorted(dir(nodehttps)) == sorted([*nodehttps.__all__, 'tls'])
    shown = run_script("""
        import nodehttp
        print(*(getattr(nodehttp, name).__name__ for name in ('url', 'fs', 'stream', 'timers')))
    """)
    assert shown == (0, 'nodehttp.url nodehttp.fs nodehttp.stream nodehttp.timers\n', '')


def test_public_classes_say_where_users_find_them() -> None:
    classes = [value for name in nodehttp.__all__ if isinstance(value := getattr(nodehttp, name), type)]
    assert len(classes) == 12
    assert {cls.__module__ for cls in classes} == {'nodehttp'}
    assert repr(nodehttp.Agent) == "<class 'nodehttp.Agent'>"


@pytest.mark.parametrize(('base', 'classes'), [
    (events.EventEmitter, [nodehttp.Agent, net.Server, stream.Stream]),
    (stream.Stream, [stream.Readable, stream.Writable, nodehttp.OutgoingMessage]),
    (stream.Readable, [stream.Duplex, nodehttp.IncomingMessage]),
    (stream.Writable, [stream.Duplex]),
    (stream.Duplex, [net.Socket]),
    (net.Server, [nodehttp.Server]),
    (nodehttp.OutgoingMessage, [nodehttp.ClientRequest, nodehttp.ServerResponse]),
])
def test_classes_are_based_on_each_other_as_in_node(base: type, classes: list[type]) -> None:
    assert [cls for cls in classes if not issubclass(cls, base)] == []


def test_public_things_have_docstrings() -> None:
    assert [name for name in nodehttp.__all__
            if callable(value := getattr(nodehttp, name)) and not value.__doc__] == []


def test_the_names_are_the_modules_own() -> None:
    assert nodehttp.once is events.once
    assert nodehttp.METHODS is common.METHODS
    assert nodehttp.blocking is threadpool.blocking
    assert len(nodehttp.METHODS) == 35
    assert nodehttp.STATUS_CODES[404] == 'Not Found'


def test_the_global_agent_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    assert nodehttp.globalAgent is agent.globalAgent
    other = nodehttp.Agent()
    monkeypatch.setattr(nodehttp, 'globalAgent', other)
    assert nodehttp.globalAgent is other
    with nodehttp.createServer(lambda req, res: res.end()).listen(0, '127.0.0.1') as server:
        req = nodehttp.get({'port': server.address().port, 'host': '127.0.0.1'})
        assert req.agent is other
        [res] = events.once(req, 'response', 10)
        assert list(res) == []


def test_max_header_size_is_read_only() -> None:
    assert nodehttp.maxHeaderSize == 16384
    with pytest.raises(TypeError, match='Cannot set property maxHeaderSize of nodehttp'):
        nodehttp.maxHeaderSize = 1
    assert nodehttp.maxHeaderSize == 16384


@pytest.mark.parametrize(('value', 'code', 'message'), [
    (None, 'ERR_INVALID_ARG_TYPE', 'The "max" argument must be of type number. Received undefined'),
    ('1', 'ERR_INVALID_ARG_TYPE', "The \"max\" argument must be of type number. Received type string ('1')"),
    (True, 'ERR_INVALID_ARG_TYPE', 'The "max" argument must be of type number. Received type boolean (true)'),
    (0, 'ERR_OUT_OF_RANGE',
     'The value of "max" is out of range. It must be >= 1 && <= 9007199254740991. Received 0'),
    (1.5, 'ERR_OUT_OF_RANGE', 'The value of "max" is out of range. It must be an integer. Received 1.5'),
])
def test_the_number_of_idle_parsers_is_checked(value: Any, code: str, message: str) -> None:
    nodehttp.setMaxIdleHTTPParsers(1)
    with pytest.raises((TypeError, ValueError)) as caught:
        nodehttp.setMaxIdleHTTPParsers(value)
    error: Any = caught.value
    assert (error.code, error.message, isinstance(error, TypeError)) == (code, message, 'TYPE' in code)


def run(code: str) -> str:
    """Return what a program prints in a fresh interpreter."""
    status, out, errors = run_script(code)
    assert (status, errors) == (0, '')
    return out


# Each takes a while, and few programs need it, or not yet.
HEAVY = [
    'asyncio', 'certifi', 'cryptography', 'wsproto', 'concurrent.futures', 'dataclasses', 'email', 'h11',
    'hashlib', 'http', 'inspect', 'ipaddress', 'logging', 'mimetypes', 'argparse', 'multiprocessing',
    'subprocess', 'tempfile', 'unicodedata', 'urllib.parse', 'nodehttp.fs', 'nodehttp.static', 'nodehttp.url',
    'nodehttp.websocket']


@pytest.mark.parametrize(('name', 'heavy'), [('nodehttp', [*HEAVY, 'ssl', 'json']), ('nodehttps', HEAVY)])
def test_import_is_light(name: str, heavy: list[str]) -> None:
    # What the interpreter itself begins with is not ours: an editable installation may bring some of them.
    assert run(
        f'import sys; own = set(sys.modules); import {name}; print({set(heavy)} & (set(sys.modules) - own))'
    ) == 'set()\n'


def test_import_starts_nothing_and_ends_at_once() -> None:
    assert run('import threading, nodehttp; print(threading.active_count())') == '1\n'
    handler = run('import signal, nodehttp; print(signal.getsignal(signal.SIGINT).__name__)')
    assert handler == 'default_int_handler\n'
