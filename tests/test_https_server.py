"""https.Server: what it adds to http.Server and tls.Server, as Node 25.2.1 has it.

What it sends, and the order of its events, are in test_https_server_oracle.py, handshakes in test_tls_*.py.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, Dial, Recorder
from program_tools import run_script
from tls_tools import Authority, Caught, SecureClient

import nodehttp as http
import nodehttps as https
from nodehttp import errors, events, net, stream, timers
from nodehttps import tls

GET = b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
CLOSE = b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'



@pytest.fixture
def start(authority: Authority) -> Iterator[Callable[..., https.Server]]:
    """start(listener=None, **options) -> a server that listens, with a certificate of the authority."""
    servers: list[https.Server] = []

    def create(listener: Any = None, **options: Any) -> https.Server:
        server = https.createServer({**authority.issue(), **options}, listener)
        servers.append(server.listen(0, '127.0.0.1'))
        events.once(server, 'listening', MUST_NOT_EXPIRE)
        return server
    yield create
    for server in servers:
        server.close()
        server.closeAllConnections()


@pytest.fixture
def shake(authority: Authority) -> Iterator[Callable[..., SecureClient]]:
    """shake(server, **attributes of the context) -> SecureClient"""
    clients: list[SecureClient] = []

    def connect(server: Any, **attributes: Any) -> SecureClient:
        context = authority.client_context(**attributes)
        clients.append(SecureClient(server.address().port, context, MUST_NOT_EXPIRE))
        return clients[-1]
    yield connect
    for client in clients:
        client.close()


def answer(client: SecureClient, request: bytes = CLOSE) -> str:
    """Send a request; return all that comes."""
    client.sendall(request)
    received = b''
    while data := client.recv(65536):
        received += data
    return received.decode('latin-1')


# How it is made


def test_defaults() -> None:
    server = https.createServer()
    assert {name: getattr(server, name) for name in (
        'allowHalfOpen', 'noDelay', 'keepAlive', 'pauseOnConnect', 'timeout', 'keepAliveTimeout',
        'keepAliveTimeoutBuffer', 'headersTimeout', 'requestTimeout', 'maxHeadersCount', 'requireHostHeader',
        'maxRequestsPerSocket', 'connectionsCheckingInterval', 'requestCert', 'rejectUnauthorized',
        'listening',
    )} == {
        'allowHalfOpen': False, 'noDelay': True, 'keepAlive': False, 'pauseOnConnect': False, 'timeout': 0,
        'keepAliveTimeout': 5000, 'keepAliveTimeoutBuffer': 1000, 'headersTimeout': 60000,
        'requestTimeout': 300000, 'maxHeadersCount': None, 'requireHostHeader': True,
        'maxRequestsPerSocket': None, 'connectionsCheckingInterval': 30000, 'requestCert': False,
        'rejectUnauthorized': True, 'listening': False}
    assert isinstance(server, tls.Server)
    assert isinstance(server, https.Server)


@pytest.mark.parametrize(('name', 'value'), [
    ('allowHalfOpen', True), ('noDelay', False), ('keepAlive', True), ('requestTimeout', 70000),
    ('headersTimeout', 7), ('keepAliveTimeout', 7), ('keepAliveTimeoutBuffer', 7), ('maxHeaderSize', 7),
    ('connectionsCheckingInterval', 7), ('insecureHTTPParser', True), ('joinDuplicateHeaders', True),
    ('requireHostHeader', False), ('rejectNonStandardBodyWrites', True), ('highWaterMark', 7),
    ('requestCert', True), ('rejectUnauthorized', False), ('ALPNProtocols', ['x']),
])
def test_options_are_attributes_of_the_server(name: str, value: Any) -> None:
    assert getattr(https.createServer({name: value}), name) == value
    assert getattr(https.Server(**{name: value}), name) == value


def test_forms_of_create_server() -> None:
    def listener(req: Any, res: Any) -> None:
        pass
    for server in (https.createServer(listener), https.createServer(None, listener), https.Server(listener),
                   https.createServer({}, listener), https.createServer(listener, requestTimeout=70000)):
        assert server.listeners('request') == [listener]
    for made in (https.createServer(), https.createServer(None), https.createServer({}), https.Server()):
        assert made.listeners('request') == []
    for wrong, shown in ((5, 'type number (5)'), ('x', "type string ('x')")):
        with pytest.raises(TypeError) as caught:
            https.createServer(wrong)
        assert str(caught.value) == f'The "options" argument must be of type object. Received {shown}'


@pytest.mark.parametrize(('options', 'error', 'code', 'message'), [
    ({'handshakeTimeout': 'x'}, TypeError, 'ERR_INVALID_ARG_TYPE',
     'The "options.handshakeTimeout" property must be of type number. Received type string (\'x\')'),
    ({'SNICallback': 1}, TypeError, 'ERR_INVALID_ARG_TYPE',
     'The "options.SNICallback" property must be of type function. Received type number (1)'),
    ({'ALPNCallback': print, 'ALPNProtocols': ['x']}, TypeError, 'ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS',
     'The ALPNCallback and ALPNProtocols TLS options are mutually exclusive'),
    ({'headersTimeout': 5, 'requestTimeout': 3}, ValueError, 'ERR_OUT_OF_RANGE',
     'The value of "headersTimeout" is out of range. It must be <= requestTimeout. Received 5'),
    ({'key': 'x', 'cert': 'y'}, errors.Error, 'ERR_OSSL_PEM_NO_START_LINE',
     'error:PEM routines::no start line'),
])
def test_wrong_options(options: dict[str, Any], error: Any, code: str, message: str) -> None:
    with pytest.raises(error) as caught:
        https.createServer(options)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_what_makes_no_difference(start: Any, shake: Any) -> None:
    def listener(req: Any, res: Any) -> None:
        res.setHeader('X-A', ['1', '2']).end('x')
    # NPN is no more, and in Node 25.2.1 uniqueHeaders has no effect over TLS.
    server = start(listener, uniqueHeaders=['x-a'], NPNProtocols=['x'], requestCert='yes')
    assert (server.requestCert, server.rejectUnauthorized) == (False, True)  # booleans only
    assert 'X-A: 1\r\nX-A: 2\r\n' in answer(shake(server))


def test_wrong_arguments_of_methods() -> None:
    server = https.createServer()
    for names in ((), ('',)):
        with pytest.raises(errors.Error, match='"servername" is required parameter'):
            server.addContext(*names)
    server.addContext('a')
    for wrong in (None, 5):
        with pytest.raises(TypeError, match='"options" argument must be of type object'):
            server.setSecureContext(wrong)
    for what, call in (('getTicketKeys', server.getTicketKeys), ('setTicketKeys', server.setTicketKeys)):
        with pytest.raises(errors.Error, match=rf'^{what}\(\) is not possible'):
            call(*([b'x' * 48] if what == 'setTicketKeys' else []))


def test_without_ssl_only_http_can_be_imported() -> None:
    assert run_script("""
import sys
sys.modules['ssl'] = sys.modules['_ssl'] = None
import nodehttp
try:
    import nodehttps
except ImportError:
    print('no https')
""") == (0, 'no https\n', '')


# Its events


def test_order_of_events(start: Any, shake: Any, record: Recorder) -> None:
    server = start(lambda req, res: res.end('x'))
    for name in ('connection', 'secureConnection', 'request', 'close'):
        server.on(name, lambda *args, name=name: record((name, *(type(arg).__name__ for arg in args))))
    assert answer(shake(server)).startswith('HTTP/1.1 200 OK\r\n')
    server.close()
    assert record.wait_count(4) == [
        ('connection', 'Socket'), ('secureConnection', 'TLSSocket'),
        ('request', 'IncomingMessage', 'ServerResponse'), ('close',)]


def test_failed_handshakes_are_errors_of_clients(start: Any, dial: Dial, record: Recorder) -> None:
    server = start()
    for name in ('clientError', 'tlsClientError'):
        server.on(name, lambda error, socket, name=name: record(name, error.code, socket.destroyed))
    peer = dial(server)
    peer.send(GET)
    assert peer.read_to_end() == b''
    assert record.wait_count(2) == [(name, 'ERR_SSL_HTTP_REQUEST', True)
                                    for name in ('clientError', 'tlsClientError')]


def test_a_listener_for_client_errors_ends_the_connection(start: Any, dial: Dial, record: Recorder) -> None:
    server = start(handshakeTimeout=20)

    @server.on('clientError')
    def refuse(error: Any, socket: Any) -> None:
        record(error.code, error.message, socket.destroyed, socket.writable)
        socket.destroy(error)
    peer = dial(server)
    assert peer.read_to_end() == b''
    assert record.events == [('ERR_TLS_HANDSHAKE_TIMEOUT', 'TLS handshake timeout', False, True)]


def test_failed_handshakes_that_nobody_hears_of(
        start: Any, dial: Dial, shake: Any, escaped: list[BaseException]) -> None:
    server = start(lambda req, res: res.end('x'), handshakeTimeout=20)
    peers = [dial(server) for _ in range(3)]
    peers[0].send(GET)
    peers[1].socket.shutdown(1)
    for peer in peers:
        assert peer.read_to_end() == b''
    answered = ''
    while not answered:
        with contextlib.suppress(OSError):  # 20 ms are little on a busy machine
            answered = answer(shake(server))
    assert answered.endswith('x')
    assert not escaped


def test_silent_handshakes_hold_no_threads(start: Any, dial: Dial, shake: Any) -> None:
    server = start(lambda req, res: res.end('x'))
    assert answer(shake(server)).endswith('x')
    before = threading.active_count()
    for _ in range(50):
        dial(server).send(b'\x16\x03\x01')
    assert answer(shake(server)).endswith('x')
    assert threading.active_count() <= before + 1


@pytest.mark.parametrize('name', ['newSession', 'resumeSession'])
def test_events_that_cannot_be_had(name: str) -> None:
    with pytest.raises(errors.Error, match=f"^'{name}' is not possible with Python's ssl module"):
        https.createServer().on(name, print)


def test_keylog(start: Any, shake: Any, record: Recorder) -> None:
    server = start(lambda req, res: res.end('x'))

    @server.on('keylog')
    def note(line: bytes, socket: Any) -> None:
        # As in a file of SSLKEYLOGFILE: what it is, the client's random number, the secret.
        found = re.fullmatch(rb'(\w+) [0-9a-f]{64} (?:[0-9a-f]{64}|[0-9a-f]{96})\n', line)
        record(found and found[1], type(socket).__name__)
    answer(shake(server))
    labels = (b'SERVER_HANDSHAKE_TRAFFIC_SECRET', b'CLIENT_HANDSHAKE_TRAFFIC_SECRET', b'EXPORTER_SECRET',
              b'SERVER_TRAFFIC_SECRET_0', b'CLIENT_TRAFFIC_SECRET_0')
    assert sorted(record.events) == sorted((label, 'TLSSocket') for label in labels)


# What it offers


@pytest.mark.parametrize(('options', 'offered', 'chosen'), [
    ({}, ['http/1.1'], 'http/1.1'),
    ({}, ['h2', 'http/1.1'], 'http/1.1'),
    ({}, None, None),
    ({'ALPNProtocols': ['h2', 'http/1.1']}, ['http/1.1', 'h2'], 'h2'),
    ({'ALPNCallback': lambda offer: offer.protocols[-1]}, ['a', 'b'], 'b'),
])
def test_protocols(start: Any, authority: Authority, options: Any, offered: Any, chosen: str | None) -> None:
    context = authority.client_context()
    if offered:
        context.set_alpn_protocols(offered)
    server = start(lambda req, res: res.end(str(req.socket.alpnProtocol)), **options)
    with SecureClient(server.address().port, context) as client:
        assert client.protocol() == chosen
        assert answer(client).endswith(chosen or 'False')


def test_no_protocol_in_common(start: Any, authority: Authority) -> None:
    server = start()
    refused = Caught(server, 'clientError')
    context = authority.client_context()
    context.set_alpn_protocols(['h2'])
    with pytest.raises(ssl.SSLError, match=r'(?i)no.application.protocol'):
        SecureClient(server.address().port, context)
    assert refused.next().code == 'ERR_SSL_NO_APPLICATION_PROTOCOL'


def test_names(start: Any, authority: Authority) -> None:
    server = start(lambda req, res: res.end(req.socket.servername))
    server.addContext('*.wild.test', authority.issue('a.wild.test'))
    for name in ('localhost', 'a.wild.test'):
        with SecureClient(server.address().port, authority.client_context(), name=name) as client:
            assert answer(client).endswith(name)


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(
        start: Any, authority: Authority, tmp_path: Any, version: ssl.TLSVersion) -> None:
    def listener(req: Any, res: Any) -> None:
        res.end(f'{req.socket.isSessionReused()} {req.socket.authorized}')
    options = {'requestCert': True, 'ca': authority.pem, 'sessionIdContext': 'mine'}
    server, other = start(listener, **options), start(listener, **options)
    context = authority.client_context(maximum_version=version)
    own = tmp_path / 'own.pem'
    own.write_bytes(b''.join(authority.issue('me@example.test').values()))
    context.load_cert_chain(own)
    with SecureClient(server.address().port, context) as client:
        assert answer(client).endswith('False True')
        session = client.session()
    for target, is_resumed in ((server, True), (server, True), (other, False)):
        with SecureClient(target.address().port, context, session=session) as client:
            assert answer(client).endswith(f'{is_resumed} True')


def test_certificates_are_renewed_during_traffic(start: Any, authority: Authority) -> None:
    server = start(lambda req, res: res.end('x'), **authority.issue('0.test'))
    for number in range(1, 6):
        for name in (f'{number - 1}.test', f'{number}.test'):
            with SecureClient(server.address().port, authority.client_context(), name=name) as client:
                server.setSecureContext(authority.issue(f'{number}.test'))  # with the connection open
                assert answer(client).endswith('x')


@pytest.mark.parametrize('size', [10, 100_000])
def test_what_a_handler_writes_is_sent_while_it_blocks(start: Any, shake: Any, size: int) -> None:
    came = threading.Semaphore(0)

    def listener(req: Any, res: Any) -> None:
        res.writeHead(200, {'Content-Length': 3 * size})
        for digit in b'789':
            res.write(bytes((digit,)) * size)
            assert came.acquire(timeout=MUST_NOT_EXPIRE)  # blocks, and nobody knows of it
        res.end()
    client = shake(start(listener))
    client.sendall(GET)
    received = b''
    for count in (1, 2, 3):
        while len(received.partition(b'\r\n\r\n')[2]) < count * size:
            received += client.recv(65536)
        came.release()
    assert received.endswith(b'7' * size + b'8' * size + b'9' * size)


# Its ends


def test_timeout_of_the_server(start: Any, shake: Any, record: Recorder) -> None:
    server = start()
    assert server.setTimeout(20, lambda socket: record('timeout', type(socket).__name__)) is server
    assert server.timeout == 20
    client = shake(server)
    record.wait_for(('timeout', 'TLSSocket'))
    client.sendall(b'GET')  # the listener is to end the connection
    server.removeAllListeners('timeout')
    assert shake(server).recv(1) == b''
    server.setTimeout()
    assert server.timeout is None


def test_timeout_of_the_server_during_the_handshake(start: Any, dial: Dial, record: Recorder) -> None:
    """It does not count."""
    server = start(handshakeTimeout=60).setTimeout(20, lambda socket: record('timeout'))
    server.on('clientError', lambda error, socket: record(error.code) or socket.destroy())
    assert dial(server).read_to_end() == b''
    assert record.events == ['ERR_TLS_HANDSHAKE_TIMEOUT']


def test_closing(start: Any, shake: Any, dial: Dial, record: Recorder) -> None:
    server = start(lambda req, res: None)
    requested = Caught(server, 'request')
    accepted = Caught(server, 'connection')
    refused = Caught(server, 'clientError')
    idle, busy = shake(server), shake(server)
    busy.sendall(GET)
    requested.next()
    handshake = dial(server)
    for _ in range(3):
        accepted.next()
    server.on('close', lambda: record('close'))
    server.close(lambda error=None: record('closed', error))
    assert not server.listening
    server.closeIdleConnections()
    assert not record.events  # without a request a connection is not idle, and a handshake is no connection
    server.closeAllConnections()
    assert (idle.recv(1), busy.recv(1)) == (b'', b'')
    assert not record.events
    handshake.socket.shutdown(1)
    assert refused.next().code == 'ECONNRESET'
    assert record.wait_count(2) == ['close', ('closed', None)]


@pytest.mark.parametrize('way', ['close', 'closeIdleConnections', 'closeAllConnections'])
def test_closing_what_is_idle(start: Any, shake: Any, way: str) -> None:
    server = start(lambda req, res: res.end('x'))
    client = shake(server)
    client.sendall(GET)
    while not client.recv(1000).endswith(b'x'):
        pass
    waiter = http.threadpool.Waiter()
    timers.setImmediate(waiter.set)  # the response is over
    waiter.wait(MUST_NOT_EXPIRE)
    getattr(server, way)()
    assert client.recv(1) == b''
    assert server.listening == (way != 'close')


def test_with_a_server(authority: Authority, closes_https: None) -> None:
    with https.createServer(authority.issue(), lambda req, res: res.end('x')).listen(0) as server:
        assert server.listening
        req = https.get({'port': server.address().port, 'ca': authority.pem})
        [res] = http.once(req, 'response', timeout=MUST_NOT_EXPIRE)
        assert (b''.join(res), res.socket.authorized) == (b'x', True)
    assert not server.listening


def test_listening_on_a_path(tmp_path: Any, authority: Authority, dial: Dial) -> None:
    with https.createServer(authority.issue()).listen(str(tmp_path / 'socket')):
        context = authority.client_context()
        raw = dial(str(tmp_path / 'socket')).socket
        with context.wrap_socket(raw, server_hostname='localhost') as secure:
            secure.sendall(b'BAD\r\n\r\n')
            assert secure.recv(1000).startswith(b'HTTP/1.1 400 Bad Request\r\n')


# The documentation's programs


@pytest.mark.parametrize('kind', ['files', 'pfx', 'passphrase'])
def test_documented_servers(authority: Authority, shake: Any, kind: str) -> None:
    """The programs of "https.createServer([options][, requestListener])"."""
    options: dict[str, Any] = authority.issue()
    if kind != 'files':
        serialization = pytest.importorskip('cryptography.hazmat.primitives.serialization')
        x509 = pytest.importorskip('cryptography.x509')
        key = serialization.load_pem_private_key(options['key'], None)
        encryption = serialization.BestAvailableEncryption(b'sample')
        if kind == 'pfx':
            own = x509.load_pem_x509_certificate(options['cert'])
            data = serialization.pkcs12.serialize_key_and_certificates(b'', key, own, None, encryption)
            options = {'pfx': data, 'passphrase': 'sample'}
        else:
            pem = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
            options = {**options, 'key': pem, 'passphrase': 'sample'}

    def listener(req: Any, res: Any) -> None:
        res.writeHead(200)
        res.end('hello world\n')
    with https.createServer(options, listener).listen(0) as server:
        assert answer(shake(server)).endswith('\r\n\r\nc\r\nhello world\n\r\n0\r\n\r\n')


# Tunnels


@pytest.mark.parametrize('way', ['through', 'into'])
def test_tls_inside_a_tunnel(start: Any, authority: Authority, dial: Dial, way: str) -> None:
    """A proxy that passes the tunnel on, and one that is the server itself."""
    server = start(lambda req, res: req.pipe(res))
    proxy = http.createServer()

    @proxy.on('connect')
    def connect(req: Any, socket: Any, head: bytes) -> None:
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        socket.unshift(head)
        if way == 'into':
            server.emit('connection', socket)
        else:
            onward = net.connect(server.address().port)
            onward.pipe(socket)
            socket.pipe(onward)
    with proxy.listen(0, '127.0.0.1'):
        peer = dial(proxy)
        peer.send(b'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n')
        assert peer.read_until(b'\r\n\r\n') == b'HTTP/1.1 200 Connection established\r\n\r\n'
        with SecureClient(peer.socket, authority.client_context()) as client:
            body = b'x' * 200_000
            head = b'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n'
            assert answer(client, head + body).count('x') == 200_000


# Who reads slowly


@pytest.mark.parametrize('how', ['iterates', 'pauses', 'pipes'])
@pytest.mark.parametrize('module', [http, https])
def test_a_slow_reader_gets_all_of_a_response_that_ends_with_its_connection(
        module: Any, how: str, authority: Authority, start: Callable[..., https.Server], record: Recorder,
) -> None:
    body = bytes(range(256)) * 4096  # 1 MiB: more than the buffers of both ends hold
    chunks: list[bytes] = []
    server = start(lambda req, res: res.end(body))
    if module is http:
        server = http.createServer(lambda req, res: res.end(body)).listen(0)

    def answered(res: Any) -> None:
        res.on('end', lambda: record('end', res.complete))
        if how == 'pauses':
            res.on('data', chunks.append)
            res.on('data', lambda: (res.pause(), timers.setTimeout(res.resume, 1)))
        else:
            res.pipe(stream.Writable(write=lambda chunk, encoding, callback: (
                chunks.append(chunk), timers.setTimeout(callback, 1))))

    try:
        req = module.get({'port': server.address().port, 'ca': authority.pem, 'agent': False})
        if how == 'iterates':
            [res] = events.once(req, 'response', MUST_NOT_EXPIRE)
            chunks += res
            assert res.complete
        else:
            req.on('response', answered)
            assert record.wait_count(1) == [('end', True)]
        assert b''.join(chunks) == body
    finally:
        if module is http:
            server.close()
