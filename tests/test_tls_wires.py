"""TLS over other things than a connection of its own."""

from __future__ import annotations

from typing import Any

from conftest import Recorder
from tls_tools import (
    Authority,
    Caught,
    echo,
    wait,
)

from nodehttp import net, stream, timers
from nodehttps import tls

# Other wires


def test_over_a_socket_that_is_connecting(serve: Any, authority: Authority, record: Recorder) -> None:
    server = serve(echo)
    clients: list[tls.TLSSocket] = []

    def begin() -> None:
        plain = net.connect(server.address().port, 'localhost')
        client = tls.connect({'socket': plain, 'ca': authority.pem})
        names = ('connect', 'ready', 'secureConnect', 'end', 'finish', 'close', 'error')
        record.on(client, *names, prefix='tls')
        record.on(plain, *names, prefix='plain')
        client.on('secureConnect', lambda: client.end('x')).resume()
        clients.append(client)

    timers.setImmediate(begin)
    assert record.wait_for('tls close') == [
        'tls connect',
        'plain connect',
        'plain ready',
        'tls secureConnect',
        'tls finish',
        'tls end',
        'plain close',
        'tls close',
    ]
    assert clients[0].authorized  # for the host that the socket was told to connect to


def test_over_a_socket_that_is_connected(serve: Any, authority: Authority) -> None:
    server = serve(echo)
    plain = net.connect(server.address().port, '127.0.0.1')
    wait(plain, 'connect')
    client = tls.connect(socket=plain, host='localhost', ca=authority.pem)
    client.end('x')
    assert b''.join(client) == b'x'


def test_over_any_duplex(authority: Authority, record: Recorder) -> None:
    one, other = stream.duplexPair()
    server = tls.TLSSocket(one, isServer=True, secureContext=tls.createSecureContext(authority.issue()))
    record.on(server, 'secure', 'data', 'end', 'close', 'error', prefix='server')
    client = tls.connect({'socket': other, 'ca': authority.pem, 'host': 'localhost'})
    record.on(client, 'connect', 'secureConnect', 'data', 'end', 'close', 'error', prefix='client')
    assert (client.connecting, client.remoteAddress, client.address()) == (False, None, {})
    server.on('data', lambda data: server.end(data * 100_000))
    client.write('hello')
    client.once('data', lambda data: client.end())
    events_seen = record.wait(lambda seen: 'client close' in seen and 'server close' in seen)
    assert events_seen[:4] == ['client secureConnect', 'server secure', 'server data', 'client data']
    assert 'client error' not in events_seen
    assert client.bytesRead == 500_000
    client.setNoDelay().setKeepAlive().ref().unref()


def test_over_a_duplex_that_is_gone(authority: Authority, record: Recorder) -> None:
    one, _ = stream.duplexPair()
    one.destroy()
    client = tls.connect({'socket': one, 'ca': authority.pem})
    record.on(client, 'close', 'error')
    assert record.wait_for('close') == ['close']


def test_tls_in_tls(serve: Any, connect: Any, authority: Authority) -> None:
    inner = tls.createSecureContext(authority.issue('inner.test'))

    def listener(outer: tls.TLSSocket) -> None:
        echo(tls.TLSSocket(outer, isServer=True, secureContext=inner))

    outer = connect(serve(listener))
    client = tls.connect(socket=outer, servername='inner.test', ca=authority.pem)
    client.end('through two')
    assert b''.join(client) == b'through two'
    assert client.getPeerCertificate().subjectaltname == 'DNS:inner.test'


def test_unix_sockets(tmp_path: Any, authority: Authority) -> None:
    path = str(tmp_path / 'tls')
    with tls.createServer(authority.issue(), echo).listen(path):
        client = tls.connect(path, ca=authority.pem)
        client.end('x')
        assert b''.join(client) == b'x'


def test_paused_connections(serve: Any, connect: Any, record: Recorder) -> None:
    server = serve(pauseOnConnect=True)
    served = Caught(server, 'secureConnection')
    client = connect(server)
    client.write('x')
    peer = served.next()
    record.on(peer, 'data')
    assert peer.isPaused() or peer.readableFlowing is False
    peer.resume()
    record.wait_for('data')
