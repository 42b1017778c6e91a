"""What the server's side of a TLS connection tells, and in which order, as Node 25.2.1 does."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, Dial, Recorder
from test_tls_hello import hello_of
from tls_tools import Authority, Caught, wait, wait_closed, wait_secure

from nodehttp import errors, events, net, threadpool, timers
from nodehttps import tls

TOLD = ('data', 'end', 'finish', 'error', 'close')


def listen_to(server: Any, record: Recorder) -> None:
    """Note what a server, its accepted connections and its TLSSockets tell."""
    def failed(error: Any, peer: tls.TLSSocket) -> None:
        record('tlsClientError', error.code, error.message, peer.destroyed)
        peer.on('close', lambda had_error: record('failed close', had_error))

    def secured(peer: tls.TLSSocket) -> None:
        record('secureConnection')
        record.on(peer, 'data', 'end', 'finish', 'error', prefix='peer')
        peer.on('close', lambda had_error: record('peer close', had_error))
    server.on('connection', lambda raw: record.on(raw, *TOLD, prefix='raw'))
    server.on('tlsClientError', failed)
    server.prependListener('secureConnection', secured)


HANG_UP = ('tlsClientError', 'ECONNRESET', 'socket hang up', True)
BEGUN = b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'  # of a hello
FAILURES: dict[str, tuple[bytes, str, list[Any]]] = {
    # What a client sends, how it goes on, what is told.
    'plain HTTP': (b'GET / HTTP/1.1\r\n\r\n', 'wait', [
        ('tlsClientError', 'ERR_SSL_HTTP_REQUEST', 'error:SSL routines::http request', True),
        'raw close', ('failed close', True)]),
    'a record that is no hello': (b'\x16\x03\x01\x00\x04\x02\x00\x00\x00', 'wait', [
        ('tlsClientError', 'ERR_SSL_UNEXPECTED_MESSAGE', 'error:SSL routines::unexpected message', True),
        'raw close', ('failed close', True)]),
    'nothing, then the end': (b'', 'end', ['raw close', HANG_UP]),
    'half a hello, then the end': (BEGUN, 'end', ['raw close', HANG_UP]),
    'empty records, then the end': (b'\x16\x03\x01\x00\x00', 'end', ['raw close', HANG_UP]),
}


@pytest.mark.parametrize('name', FAILURES)
def test_failed_handshakes(serve: Any, dial: Dial, record: Recorder, name: str) -> None:
    data, then, told = FAILURES[name]
    server = serve()
    listen_to(server, record)
    peer = dial(server)
    peer.send(data)
    if then == 'end':
        peer.socket.shutdown(1)
    assert record.wait_count(len(told)) == told


def test_a_reset_in_the_handshake(serve: Any, dial: Dial, record: Recorder) -> None:
    server = serve()
    accepted = Caught(server, 'connection')
    listen_to(server, record)
    peer = dial(server)
    accepted.next()
    peer.send(BEGUN)
    peer.reset()
    told = record.wait_for(('failed close', True))
    assert told[0] == ('tlsClientError', 'ECONNRESET', 'read ECONNRESET', True)


@pytest.mark.parametrize('when', ['in the handshake', 'afterwards'])
def test_the_accepted_connection_hears_of_no_reset(
    serve: Any, connect: Any, dial: Dial, record: Recorder, when: str
) -> None:
    # Node 25.2.1.
    server = serve()

    def accept(raw: net.Socket) -> None:
        record.on(raw, 'error', prefix='raw')
        raw.on('close', lambda had_error: record('raw close', had_error))
    server.on('connection', accept)
    served = Caught(server, 'connection' if when == 'in the handshake' else 'secureConnection')
    server.on('tlsClientError', lambda error, socket: record('failed', error.code))
    server.on('secureConnection', lambda peer: peer.on('error', lambda error: record('failed', error.code)))
    if when == 'in the handshake':
        peer = dial(server)
        served.next()
        peer.send(BEGUN)
        peer.reset()
    else:
        client = connect(server)
        session = Caught(client, 'session')
        served.next()
        session.next()  # what comes at the end of the handshake has been read then
        client.resetAndDestroy()
    assert record.wait_count(2) == [('failed', 'ECONNRESET'), ('raw close', False)]


def test_the_accepted_connection_can_be_destroyed(serve: Any, dial: Dial, record: Recorder) -> None:
    server = serve()
    listen_to(server, record)
    server.on('connection', lambda raw: raw.destroy())
    dial(server).read_to_end()
    assert sorted(map(str, record.wait_count(2))) == sorted(map(str, ['raw close', HANG_UP]))


def test_a_listener_that_blocks_does_not_hold_up_the_handshake(serve: Any, connect: Any) -> None:
    """Up to TLS 1.2 the client cannot go on before the server's last message."""
    is_connected = threading.Event()
    heard: list[bool] = []
    server = serve(lambda socket: heard.append(is_connected.wait(MUST_NOT_EXPIRE)), maxVersion='TLSv1.2')
    client = connect(server)
    events.once(client, 'secureConnect', timeout=MUST_NOT_EXPIRE / 2)
    is_connected.set()
    client.end()
    events.once(client, 'close', timeout=MUST_NOT_EXPIRE)
    assert heard == [True]


@pytest.mark.parametrize(('version', 'told'), [
    ('TLSv1.2', ['end', ('error', 'ECONNRESET'), 'close']),
    ('TLSv1.3', ['secureConnect', 'end', 'close']),
])
def test_a_listener_that_destroys_the_connection_comes_before_the_end_of_the_handshake(
        serve: Any, connect: Any, record: Recorder, version: str, told: list[Any]) -> None:
    # Node 25.2.1. In TLS 1.3 what the server sends at the end are sessions.
    server = serve(lambda peer: peer.destroy(), maxVersion=version)
    client = connect(server)
    record.on(client, 'secureConnect', 'session', 'end', 'close')
    client.on('error', lambda error: record('error', error.code))
    client.resume()
    assert record.wait_for('close') == told


def ends(peer: tls.TLSSocket) -> None:
    peer.end('bye')


ENDINGS: dict[str, tuple[Callable[[tls.TLSSocket], Any], Callable[[tls.TLSSocket], Any], list[Any]]] = {
    # What the server does, what the client does when it is secure, what is told at the server.
    'server ends': (
        ends, lambda client: None, ['peer finish', 'peer end', 'raw close', ('peer close', False)]),
    'client ends': (
        lambda peer: None, ends,
        ['peer data', 'peer end', 'peer finish', 'raw close', ('peer close', False)]),
    'server destroys': (
        lambda peer: peer.destroy(), lambda client: None, ['raw close', ('peer close', False)]),
    'server destroys with an error': (
        lambda peer: peer.destroy(OSError('mine')), lambda client: None,
        ['peer error', 'raw close', ('peer close', True)]),
    'client destroys': (
        lambda peer: None, lambda client: client.destroy(),
        ['peer end', 'peer finish', 'raw close', ('peer close', False)]),
}


@pytest.mark.parametrize('name', ENDINGS)
def test_endings(serve: Any, connect: Any, record: Recorder, name: str) -> None:
    of_server, of_client, told = ENDINGS[name]
    server = serve()
    listen_to(server, record)
    server.on('secureConnection', lambda peer: (peer.resume(), of_server(peer)))
    client = connect(server)
    client.resume()
    # What comes at the end of the handshake has been read then: no reset.
    client.once('session', lambda _: of_client(client))
    assert record.wait_count(len(told) + 1) == ['secureConnection', *told]


def test_writing_where_nothing_can_be_sent(serve: Any, authority: Authority, record: Recorder) -> None:
    raws: list[net.Socket] = []
    server = serve(lambda peer: record('secure'))
    server.on('connection', raws.append)
    served = Caught(server, 'secureConnection')
    port = server.address().port
    client = tls.connect(port=port, ca=authority.pem)
    peer = served.next()
    wait_secure(client)
    record.on(peer, 'error', 'close', prefix='peer')

    def write() -> None:
        raws[0]._handle.shutdown(1)  # type: ignore[union-attr]  # nothing can be sent from here on
        peer.write('x', lambda error: record(error.code, error.syscall))
        record('written')
    timers.setImmediate(write)
    events = record.wait_for('peer close')
    assert events == ['secure', 'written', ('EPIPE', 'write'), 'peer error', 'peer close']
    assert peer.errored.code == 'EPIPE'
    client.destroy()


def test_the_name_is_known_without_anybody_who_asks_for_it(serve: Any, connect: Any) -> None:
    server = serve()
    served = Caught(server, 'secureConnection')
    for name, seen in (('localhost', 'localhost'), (None, False)):
        connect(server, servername=name)
        assert served.next().servername == seen


def test_a_callback_that_waits_is_asked_once(
    serve: Any, dial: Dial, authority: Authority, record: Recorder
) -> None:
    """More that comes meanwhile is not taken for another hello."""
    def choose(offer: Any) -> str:
        record(offer.servername, offer.protocols)
        with threadpool.blocking():
            more.next()
        return 'x'

    server = serve(ALPNCallback=choose)
    more = Caught(server, 'more')
    failures = Caught(server, 'tlsClientError')
    peer = dial(server)
    peer.send(hello_of(protocols=['x']))
    record.wait_count(1)
    peer.send(b'\x15\x03\x03\x00\x02\x02\x28')  # an alert: the client gives up
    other = tls.connect(port=server.address().port, ca=authority.pem)
    wait(other, 'secureConnect')
    server.emit('more', None)
    assert failures.next().code in (
        'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE')
    assert record.events == [(False, ['x'])]
    other.destroy()


def test_what_was_received_can_be_read_when_all_is_over(serve: Any, connect: Any, record: Recorder) -> None:
    server = serve()
    peers = Caught(server, 'secureConnection')
    server.on('connection', lambda raw: record.on(raw, 'close', prefix='raw'))
    server.on('secureConnection', lambda peer: (
        record.on(peer, 'finish', 'end', 'error', 'close'), peer.end('bye')))
    client = connect(server)
    client.end('hello')
    client.resume()
    peer = peers.next()
    wait_closed(client)
    while peer.readableLength < 5:
        timers.sleep(1)
    assert record.events == ['finish']
    assert b''.join(peer) == b'hello'
    assert record.wait_count(4) == ['finish', 'end', 'raw close', 'close']


def test_a_listener_that_raises(serve: Any, connect: Any, escaped: list[BaseException]) -> None:
    """In Node the process ends."""
    error = RuntimeError('raised')

    def listener(peer: tls.TLSSocket) -> None:
        peers.append(peer)
        raise error
    peers: list[tls.TLSSocket] = []
    server = serve()
    server.on('secureConnection', listener)
    client = connect(server)
    client.on('error', lambda error: None)  # tickets that nobody has read make it a reset
    client.resume()
    wait(client, 'close')
    assert escaped == [error]
    assert peers[0].destroyed


def test_answers_that_come_late(serve: Any, connect: Any, record: Recorder) -> None:
    """SNICallback may answer at any time, also when nobody waits for it any more, or again."""
    asked = Questions()
    server = serve(SNICallback=asked)
    accepted, refused = Caught(server, 'connection'), Caught(server, 'tlsClientError')
    client = connect(server, servername='localhost')
    client.on('error', lambda error: None)
    answer = asked.next()
    accepted.next().destroy()
    assert refused.next().code == 'ECONNRESET'
    answer(None, None)
    answer(errors.Error('late'))

    server = serve(SNICallback=asked)
    server.on('secureConnection', lambda peer: peer.on('error', lambda error: record(error.code)))
    served = Caught(server, 'secureConnection')
    client = connect(server, servername='localhost')
    client.on('error', lambda error: None)
    answer = asked.next()
    answer(None, None)
    served.next()
    answer(None, None)
    assert record.wait_count(1) == ['ERR_MULTIPLE_CALLBACK']


class Questions:
    """An SNICallback whose answers are given later."""

    def __init__(self) -> None:
        self._callbacks: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __call__(self, servername: str, callback: Any) -> None:
        self._callbacks.put(callback)

    def next(self) -> Any:
        """Return the callback for the answer to the next question."""
        with threadpool.blocking():
            return self._callbacks.get(timeout=10)


def test_a_connection_that_is_destroyed_while_its_protocol_is_chosen(
        serve: Any, connect: Any, record: Recorder) -> None:
    def choose(offer: Any) -> str:
        raw[0].destroy()
        return 'a'
    raw: list[net.Socket] = []
    server = serve(ALPNCallback=choose)
    server.on('connection', raw.append)
    record.on(server, 'secureConnection')
    refused = Caught(server, 'tlsClientError')
    connect(server, ALPNProtocols=['a']).on('error', lambda error: None)
    error = refused.next()
    assert (error.code, error.message) == ('ECONNRESET', 'socket hang up')
    assert not record.events
