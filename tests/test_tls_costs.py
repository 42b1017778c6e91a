"""What TLS costs beyond a plain connection, counted as in test_costs.py."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from conftest import RawPeer
from test_costs import TIMES, Meter, answer, ask, asking, get, run_client, run_server
from test_costs import strict as strict  # a fixture
from tls_tools import Authority, SecureClient

import nodehttp as http
import nodehttps as https


@pytest.fixture
def peers(authority: Authority) -> Any:
    """Makes connections to a server that shows what `credentials` gives it."""
    return lambda port: RawPeer(SecureClient(port, authority.client_context()))  # type: ignore[arg-type]


@pytest.fixture
def credentials(authority: Authority) -> dict[str, bytes]:
    return authority.issue()


def test_a_request_over_tls_costs_no_more_system_calls_and_few_calls(
        strict: None, peers: Any, credentials: Any) -> None:
    drive = asking(*[get()] * TIMES, connect=peers)
    meter = run_server(answer, drive, https.createServer, **credentials)
    assert {name: round(meter.calls[name] / TIMES) for name in ('recv', 'send', 'poll')} == {
        'recv': 1, 'send': 1, 'poll': 1}
    assert meter.each() <= 195


def test_nothing_comes_back_to_a_connection_for_a_response_whose_end_nobody_awaits(
        strict: None, peers: Any, credentials: Any) -> None:
    def awaiting(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        answer(req, res)
        res.on('finish', lambda: None)
    drive = asking(*[get()] * TIMES, connect=peers)
    for listener, times in ((answer, 0), (awaiting, TIMES)):
        meter = run_server(listener, drive, https.createServer, **credentials)
        assert meter.calls['TLSSocket._tell_untold'] == times


def test_a_client_looks_for_a_session_only_when_one_may_have_come(
        strict: None, scripted: Any, authority: Authority) -> None:
    # To look for it takes longer than all the rest of a request.
    def serve(peer: RawPeer) -> None:
        with authority.server_context().wrap_socket(peer.socket, server_side=True) as secure:
            peer = RawPeer(secure)
            for _ in range(TIMES + 3):
                peer.read_until(b'\r\n\r\n')
                peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
            peer.read_to_end()
    meter = run_client(scripted(serve), TIMES, 'end', https, ca=authority.pem)
    assert meter.calls['SSLObject.session'] == 0
    assert meter.each() <= 278


def test_a_request_goes_out_with_the_end_of_the_handshake(
        strict: None, scripted: Any, authority: Authority) -> None:
    def serve(peer: RawPeer) -> None:
        secure = SecureClient(peer.socket, authority.server_context())
        assert secure.recv(1000).startswith(b'GET / ')
        secure.sendall(b'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')
        peer.read_to_end()

    def main() -> None:
        meter.start()
        request = https.get(f'https://localhost:{port}', ca=authority.pem, agent=False)
        request.on('response', lambda res: (meter.stop(), res.resume()))
    meter, port = Meter(), scripted(serve)
    http.run(main)
    assert meter.calls['send'] == 2  # the other one is the ClientHello


def test_a_new_connection_over_tls_takes_few_calls(strict: None, peers: Any, credentials: Any) -> None:
    def drive(port: int, meter: Meter) -> None:
        for times in (1, TIMES):
            with meter.counting():
                for _ in range(times):
                    with contextlib.closing(peers(port)) as peer:
                        ask(peer, get('Connection: close'))
                        peer.read_to_end()
    meter = run_server(answer, drive, https.createServer, **credentials)
    assert meter.each() <= 780
