"""TLS sessions: resumed, and never a way around a check."""

from __future__ import annotations

import contextlib
import ssl
from collections import deque
from typing import Any

import pytest
from conftest import Recorder
from test_costs import Meter
from tls_tools import (
    Authority,
    failed,
    self_signed,
    wait,
    wait_closed,
)

import nodehttp as http
from nodehttp import stream, timers
from nodehttps import tls
from nodehttps._session import Session

# Sessions


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
def test_sessions(serve: Any, connect: Any, authority: Authority, version: str, record: Recorder) -> None:
    server = serve(lambda peer: peer.end('x'), maxVersion=version)
    first = connect(server)
    first.resume()
    [session] = wait(first, 'session')
    assert isinstance(session, bytes)
    assert len(session) == 32
    assert first.getSession() == session
    certificate = first.getPeerCertificate()
    wait_closed(first)

    second = connect(server, session=session)
    record.on(second, 'session')
    wait(second, 'secureConnect')
    assert second.isSessionReused()
    assert second.authorized
    assert second.getPeerCertificate() == certificate
    second.resume()
    wait_closed(second)
    assert second.isSessionReused()
    # Whom the name has to match is looked at again.
    error = failed(connect(server, session=session, servername='other.test'))
    assert error.code == 'ERR_TLS_CERT_ALTNAME_INVALID'
    # A session of other rules is of no use, and does no harm.
    for options in ({'ca': [authority.pem, Authority().pem]}, {'rejectUnauthorized': False}):
        third = connect(server, session=session, **options)
        wait(third, 'secureConnect')
        assert not third.isSessionReused()


@pytest.mark.parametrize(('size', 'sessions'), [(100_000, 1), (100, 2), (3, 2), (1, 2)])
def test_sessions_that_come_among_data_in_pieces_of_any_size(
        authority: Authority, size: int, sessions: int) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = authority.server_context().wrap_bio(incoming, outgoing, server_side=True)
    pieces: deque[bytes] = deque()
    told: list[Any] = []
    total = 0

    def written(chunk: bytes, encoding: str, callback: Any) -> None:
        incoming.write(chunk)
        callback()
        with contextlib.suppress(ssl.SSLWantReadError):
            server.do_handshake()
            for length in (1, 300, 20):  # behind two sessions
                server.write(bytes(length))
        data = outgoing.read()
        pieces.extend(data[at:at + size] for at in range(0, len(data), size))

    def push_next() -> None:
        if pieces:
            wire.push(pieces.popleft())
        if total == 321:
            client.destroy()
        else:
            timers.setImmediate(push_next)

    wire = stream.Duplex(read=lambda size: None, write=written)
    options = {'socket': wire, 'ca': authority.pem, 'servername': 'localhost'}

    def on_data(data: bytes) -> None:
        nonlocal total
        total += len(data)
        told.append('data')

    def main() -> None:
        nonlocal client
        meter.start()
        client = tls.connect(options)
        client.on('session', lambda session: told.append('session'))
        client.on('data', on_data)
        push_next()
    client: Any = None
    meter = Meter()
    http.run(main)
    meter.stop()
    assert told[:sessions + 1] == ['session'] * sessions + ['data']
    assert 'session' not in told[sessions:]
    assert meter.calls['SSLObject.session'] == sessions  # each is a copy


def test_sessions_of_untrusted_servers_stay_untrusted(serve: Any, connect: Any) -> None:
    server = serve(lambda peer: peer.end('x'), **self_signed())
    first = connect(server, rejectUnauthorized=False)
    first.resume()
    [session] = wait(first, 'session')
    second = connect(server, rejectUnauthorized=False, session=session)
    wait(second, 'secureConnect')
    assert (second.isSessionReused(), second.authorized, second.authorizationError) == (
        True,
        False,
        'DEPTH_ZERO_SELF_SIGNED_CERT',
    )
    assert failed(connect(server, session=session)).code == 'DEPTH_ZERO_SELF_SIGNED_CERT'


def test_sessions_as_bytes_are_refused() -> None:
    with pytest.raises(TypeError, match=r'must be what getSession\(\) returned in this process'):
        tls.connect(port=1, session=b'x' * 32)
    with pytest.raises(TypeError, match='Session must be a buffer'):
        tls.connect(port=1, session='x')
    assert Session.__mro__[1] is bytes
    client = tls.TLSSocket()
    for bad in (b'x', 5):
        with pytest.raises(TypeError):
            client.setSession(bad)
    client.setSession(None)
    client.setServername('x.test')
    assert client.servername == 'x.test'
    with pytest.raises(TypeError, match='"name" argument'):
        client.setServername(5)  # type: ignore[arg-type]
    client.destroy()
