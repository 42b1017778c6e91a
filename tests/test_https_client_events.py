"""The order of events of requests over TLS, compared with Node's: the programs of test_client_events.py with
https, and what Node 25.2.1 does with them (`oracle/client_events_tls.json`)."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from conftest import RawPeer, Recorder, first_right
from test_client_events import ORACLE, Run, client_cases, differences, events_of, is_timed
from tls_tools import Authority, SecureClient

import nodehttps

NODE = json.loads((ORACLE / 'client_events_tls.json').read_text())


def finish_tls(secure: Any) -> None:
    """Send close_notify and FIN, and do not wait for the other's."""
    secure.setblocking(False)
    try:
        secure.unwrap()
    except OSError:
        pass
    secure.settimeout(10)
    socket.socket.shutdown(secure, socket.SHUT_WR)


class SecureRun(Run):
    """One case over TLS; the server is Python's own ssl."""

    module = nodehttps

    def __init__(self, case: dict[str, Any], context: ssl.SSLContext, authority: Authority) -> None:
        self.context = context
        self.defaults = {'ca': authority.pem}  # type: ignore[misc]
        super().__init__(case)

    def open(self, sock: socket.socket) -> RawPeer:
        """Shake hands."""
        peer = RawPeer(sock)
        self.peers.append(peer)  # to be closed, if that fails
        peer.socket = self.context.wrap_socket(sock, server_side=True)
        return peer

    def finish(self, peer: RawPeer) -> None:
        finish_tls(peer.socket)


@pytest.fixture(scope='module')
def context(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """What the servers are."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file = tmp_path_factory.mktemp('tls') / 'own.pem'
    own = authority.issue()
    file.write_bytes(own['key'] + own['cert'])
    made.load_cert_chain(file)
    return made


@pytest.mark.usefixtures('strictly')
@pytest.mark.parametrize('case', client_cases.secure_cases(), ids=lambda case: case['name'])
def test_events_over_tls_are_those_of_node(
    case: dict[str, Any], context: ssl.SSLContext, authority: Authority
) -> None:
    expected = differences(case['name'], NODE[case['name']])

    def run() -> list[str]:
        return events_of(SecureRun(case, context, authority), expected)

    assert first_right(run, expected, is_timed(case)) == expected


def test_a_listener_that_waits_hears_the_end_that_came_with_the_answer(
    context: ssl.SSLContext, authority: Authority, scripted: Callable[..., int], record: Recorder
) -> None:
    def serve(peer: RawPeer) -> None:
        secure = SecureClient(peer.socket, context)
        assert secure.recv(1000).startswith(b'GET / ')
        secure.send_last(b'HTTP/1.1 200 OK\r\n\r\nabc')
        record.wait_count(1)
        assert secure.recv(1) == b''

    def listener(res: Any) -> None:
        record(b''.join(res))

    nodehttps.get(f'https://localhost:{scripted(serve)}', {'ca': authority.pem, 'agent': False}, listener)
    assert record.wait_count(1) == [b'abc']


def test_a_broken_record_behind_a_response_is_no_error_of_the_request(
    context: ssl.SSLContext, authority: Authority, scripted: Callable[..., int], record: Recorder
) -> None:
    # Node 25.2.1.
    def serve(peer: RawPeer) -> None:
        secure = SecureClient(peer.socket, context)
        assert secure.recv(1000).startswith(b'GET / ')
        response = b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'
        secure.send_before(response, b'\x17\x03\x03\x00\x20' + b'z' * 32)
        peer.read_to_end()

    def listener(res: Any) -> None:
        record.on(res, 'data', 'end', 'error', 'close')

    request = nodehttps.get(
        f'https://localhost:{scripted(serve)}', {'ca': authority.pem, 'agent': False}, listener)
    record.on(request, 'error', 'close', prefix='req')
    assert record.wait_for('req close') == ['data', 'end', 'close', 'req close']
