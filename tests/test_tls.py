"""TLSSocket as a client: orders of events, what it tells, errors; as Node 25.2.1 has them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, RawPeer, Recorder
from tls_tools import (
    Authority,
    Caught,
    failed,
    self_signed,
    wait,
    wait_closed,
    wait_secure,
)

from nodehttp import errors, threadpool, timers
from nodehttps import tls

SOCKET_EVENTS = (
    'connect',
    'ready',
    'secureConnect',
    'secure',
    'session',
    'keylog',
    'data',
    'end',
    'finish',
    'error',
    'close',
)


# Orders of events


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
def test_order_of_events(serve: Any, connect: Any, record: Recorder, version: str) -> None:
    def listener(peer: tls.TLSSocket) -> None:
        record.on(peer, *SOCKET_EVENTS, prefix='server')
        peer.on('data', lambda data: peer.end('bye'))

    server = serve(listener, maxVersion=version)
    record.on(server, 'connection', 'secureConnection', 'close', prefix='S')
    client = connect(server)
    record.on(client, *SOCKET_EVENTS, prefix='client')
    client.on('secureConnect', lambda: client.write('hello'))
    client.on('close', lambda: server.close())
    lines = record.wait_for('server close')

    def of(*prefixes: str) -> list[str]:
        return [line for line in lines if line.startswith(prefixes) and 'keylog' not in line]

    tls12 = version == 'TLSv1.2'
    assert of('client') == [
        'client connect',
        'client ready',
        'client secureConnect',
        *(['client session', 'client secure'] if tls12 else ['client secure', 'client session']),
        'client data',
        'client end',
        'client finish',
        'client close',
    ]
    assert of('S', 'server') == [
        'S connection',
        'S secureConnection',
        'server data',
        'server finish',
        'server end',
        'S close',
        'server close',
    ]


def test_keylog_events(serve: Any, connect: Any, record: Recorder) -> None:
    server = serve()
    served = Caught(server, 'secureConnection')
    lines: dict[str, list[bytes]] = {'client': [], 'server': []}
    server.on('keylog', lambda line, peer: lines['server'].append(line) or record('server', type(peer)))
    for version, labels in (
        ('TLSv1.2', [b'CLIENT_RANDOM']),
        (
            'TLSv1.3',
            [
                b'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
                b'CLIENT_TRAFFIC_SECRET_0',
                b'EXPORTER_SECRET',
                b'SERVER_HANDSHAKE_TRAFFIC_SECRET',
                b'SERVER_TRAFFIC_SECRET_0',
            ],
        ),
    ):
        for kept in lines.values():
            kept.clear()
        client = connect(server, maxVersion=version)
        client.on('keylog', lines['client'].append)
        peer = served.next()
        wait_secure(client)
        assert sorted(line.split(b' ')[0] for line in lines['client']) == labels
        assert sorted(lines['client']) == sorted(lines['server'])
        assert all(line.endswith(b'\n') for line in lines['client'])
        assert record.events[-1] == ('server', tls.TLSSocket)
        peer.destroy()


def test_what_a_socket_says_of_itself(serve: Any, connect: Any, authority: Authority) -> None:
    server = serve(requestCert=True, ca=authority.pem, **authority.child().issue())
    served = Caught(server, 'secureConnection')
    client = connect(server, **authority.issue('client@example.test', common_name='client'))
    assert (client.encrypted, client.connecting, client.pending, client.readyState) == (
        True,
        True,
        True,
        'opening',
    )
    assert (client.authorized, client.authorizationError, client.alpnProtocol) == (False, None, None)
    assert (client.getPeerCertificate(), client.getProtocol(), client.getCipher()) == (None, None, None)
    assert (client.getSession(), client.isSessionReused(), client.secureConnecting) == (None, False, True)
    peer = served.next()
    assert (client.connecting, client.pending, client.readyState, client.secureConnecting) == (
        False,
        False,
        'open',
        False,
    )
    assert (client.authorized, client.authorizationError, client.alpnProtocol, client.servername) == (
        True,
        None,
        False,
        False,
    )
    assert (peer.authorized, peer.authorizationError, peer.alpnProtocol, peer.servername) == (
        True,
        None,
        False,
        False,
    )
    assert client.getProtocol() == peer.getProtocol() == 'TLSv1.3'
    cipher = {
        'name': 'TLS_AES_256_GCM_SHA384',
        'standardName': 'TLS_AES_256_GCM_SHA384',
        'version': 'TLSv1.3',
    }
    assert client.getCipher() == peer.getCipher() == cipher
    assert (client.remotePort, client.remoteAddress) == (server.address().port, '127.0.0.1')
    assert client.address() == {'address': '127.0.0.1', 'family': 'IPv4', 'port': peer.remotePort}
    assert repr(client).startswith('<TLSSocket secure open ')

    chain = client.getPeerCertificate(True)
    assert (
        chain.issuerCertificate.issuerCertificate.issuerCertificate.raw
        == chain.issuerCertificate.issuerCertificate.raw
    )
    assert 'issuerCertificate' not in client.getPeerCertificate()
    assert peer.getPeerCertificate().subject.CN == 'client'
    assert peer.getCertificate().raw == chain.raw
    assert client.getCertificate().subject.CN == 'client'

    with pytest.raises(errors.Error, match='Cannot issue SNI from a TLS server-side socket'):
        peer.setServername('x.test')

    peer.on('error', lambda error: None)  # tickets that nobody has read make it a reset
    client.destroy()
    # In Node all this is null now; here a thread may come late.
    assert client.getProtocol() == 'TLSv1.3'
    assert client.getCipher() == cipher
    assert client.getPeerCertificate(True).issuerCertificate.raw == chain.issuerCertificate.raw


def test_without_certificates_there_are_none(serve: Any, connect: Any) -> None:
    server = serve()
    served = Caught(server, 'secureConnection')
    client = connect(server)
    peer = served.next()
    assert peer.getPeerCertificate() == client.getCertificate() == {}
    assert (peer.authorized, peer.authorizationError) == (False, None)


def test_finished_messages_of_tls12(serve: Any, connect: Any) -> None:
    server = serve(maxVersion='TLSv1.2')
    served = Caught(server, 'secureConnection')
    client = connect(server)
    peer = served.next()
    wait_secure(client)
    assert client.getFinished() == peer.getPeerFinished()
    assert len(client.getFinished()) == 12
    for ask in (client.getPeerFinished, peer.getFinished):
        with pytest.raises(errors.Error, match='keeps only the first Finished'):
            ask()


@pytest.mark.parametrize(
    ('method', 'args'),
    [
        ('renegotiate', ({}, None)),
        ('exportKeyingMaterial', (8, 'label')),
        ('enableTrace', ()),
        ('getEphemeralKeyInfo', ()),
        ('getSharedSigalgs', ()),
        ('getTLSTicket', ()),
        ('getX509Certificate', ()),
        ('getPeerX509Certificate', ()),
    ],
)
def test_methods_that_python_cannot_do_say_so(method: str, args: tuple[Any, ...]) -> None:
    client = tls.TLSSocket()
    with pytest.raises(
        errors.Error, match=rf"^{method}\(\) is not possible with Python's ssl module"
    ) as caught:
        getattr(client, method)(*args)
    assert caught.value.code == 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM'
    client.disableRenegotiation()
    client.destroy()


@pytest.mark.parametrize('option', ['pskCallback', 'requestOCSP', 'minDHSize', 'enableTrace', 'onread'])
def test_options_that_python_cannot_do_say_so(option: str) -> None:
    with pytest.raises(errors.Error, match=f'^options.{option} is not possible'):
        tls.connect({'port': 1, option: 1024})


@pytest.mark.parametrize('name', ['newSession', 'resumeSession', 'OCSPRequest'])
def test_server_events_that_python_cannot_bring_say_so(name: str) -> None:
    with pytest.raises(errors.Error, match=f"^'{name}' is not possible"):
        tls.createServer().on(name, print)


# Errors of clients


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
def test_untrusted_servers(serve: Any, connect: Any, authority: Authority, version: str) -> None:
    stranger = Authority()
    with_root = {**stranger.issue(), 'cert': stranger.issue()['cert'] + stranger.pem}
    for credentials, trusted, code, message in (
        (self_signed(), authority, 'DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'),
        (
            stranger.issue(),
            authority,
            'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
            'unable to verify the first certificate',
        ),
        (
            authority.child().issue(),
            stranger,
            'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
            'unable to get local issuer certificate',
        ),
        (with_root, authority, 'SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'),
        (authority.issue_expired(), authority, 'CERT_HAS_EXPIRED', 'certificate has expired'),
        (authority.issue_future(), authority, 'CERT_NOT_YET_VALID', 'certificate is not yet valid'),
    ):
        server = serve(maxVersion=version, **credentials)
        client = connect(server, ca=trusted.pem)
        error = failed(client)
        assert (error.code, error.message) == (code, message)
        assert (client.authorized, client.authorizationError) == (False, code)

        accepted = connect(server, ca=trusted.pem, rejectUnauthorized=False)
        wait(accepted, 'secureConnect')
        assert (accepted.authorized, accepted.authorizationError) == (False, code)


def test_a_server_hears_why_it_was_not_trusted(serve: Any, connect: Any) -> None:
    server = serve()
    refused = Caught(server, 'tlsClientError')
    failed(connect(server, ca=Authority().pem))
    error = refused.next()
    assert (error.code, error.library, error.reason) == (
        'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
        'SSL routines',
        'tlsv1 alert unknown ca',
    )


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
def test_the_name_has_to_match(
    serve: Any, connect: Any, authority: Authority, record: Recorder, version: str
) -> None:
    server = serve(maxVersion=version, **authority.issue('other.test'))
    record.on(server, 'secureConnection', 'tlsClientError')
    client = connect(server)
    error = failed(client)
    reason = "Host: localhost. is not in the cert's altnames: DNS:other.test"
    assert (error.code, error.reason, error.host) == ('ERR_TLS_CERT_ALTNAME_INVALID', reason, 'localhost')
    assert error.message == f"Hostname/IP does not match certificate's altnames: {reason}"
    assert error.cert.subjectaltname == 'DNS:other.test'
    if version == 'TLSv1.3':  # its last message was not sent
        assert record.wait_count(1) == ['tlsClientError']

    accepted = connect(server, rejectUnauthorized=False)
    wait(accepted, 'secureConnect')
    assert (accepted.authorized, accepted.authorizationError) == (False, 'ERR_TLS_CERT_ALTNAME_INVALID')
    other = connect(server, servername='other.test')
    wait(other, 'secureConnect')
    assert other.authorized


def test_own_check_of_identity(serve: Any, connect: Any, authority: Authority, record: Recorder) -> None:
    server = serve()

    def check(answer: Any) -> Callable[..., Any]:
        def look(host: str, certificate: Any) -> Any:
            record(host, certificate.subjectaltname, certificate.issuerCertificate.ca)
            if isinstance(answer, RuntimeError):
                raise answer
            return answer

        return look

    wrong = errors.Error('not mine')
    assert failed(connect(server, checkServerIdentity=check(wrong))) is wrong
    raised = RuntimeError('raised')
    assert failed(connect(server, checkServerIdentity=check(raised))) is raised
    client = connect(server, checkServerIdentity=check(None), servername='nobody.test')
    wait(client, 'secureConnect')
    assert client.authorized
    names = 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1'
    assert record.events == [
        ('localhost', names, True),
        ('localhost', names, True),
        ('nobody.test', names, True),
    ]
    with pytest.raises(TypeError, match=r'options\.checkServerIdentity'):
        tls.connect(port=1, checkServerIdentity=1)


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
def test_what_a_client_tells_whose_server_has_another_name(
    serve: Any, connect: Any, record: Recorder, version: str
) -> None:
    client = connect(serve(maxVersion=version), servername='other.test')
    record.on(client, 'connect', 'secureConnect', 'session', 'end', 'error', 'close')
    client.on('secure', lambda: record('secure', client.destroyed, client.authorizationError))
    assert record.wait_for('close') == [
        'connect', ('secure', True, 'ERR_TLS_CERT_ALTNAME_INVALID'), 'error', 'close']


@pytest.mark.parametrize('name', ['a..b', 'LOCALHOST', 'x' * 70 + '.test', 'a_b', '-a', 'a.'])
def test_names_go_out_as_they_are(serve: Any, connect: Any, name: str) -> None:
    server = serve()
    served = Caught(server, 'secureConnection')
    connect(server, servername=name, rejectUnauthorized=False)
    assert served.next().servername == name


def test_names_that_python_cannot_send_are_refused(serve: Any, connect: Any) -> None:
    error = failed(connect(serve(), servername='.a', rejectUnauthorized=False))
    assert (error.code, error.message.split(' cannot')[0]) == (
        'ERR_INVALID_ARG_VALUE', "The property 'options.servername' server_hostname")


def test_nothing_goes_out_before_the_check_is_done(
    serve: Any, connect: Any, record: Recorder, authority: Authority
) -> None:
    server = serve(lambda peer: record.on(peer, 'data'))
    record.on(server, 'secureConnection')
    asked, answer = threading.Event(), threading.Event()

    def check(host: str, certificate: Any) -> None:
        asked.set()
        with threadpool.blocking():
            answer.wait(MUST_NOT_EXPIRE)

    client = connect(server, checkServerIdentity=check)
    client.write('hello')
    record.on(client, 'secureConnect')
    with threadpool.blocking():
        assert asked.wait(MUST_NOT_EXPIRE)
    other = connect(server)  # others go on meanwhile
    wait(other, 'secureConnect')
    assert record.wait_count(1) == ['secureConnection']
    answer.set()
    assert record.wait_for('data') == ['secureConnection', 'secureConnect', 'secureConnection', 'data']


def test_a_destroyed_socket_does_not_become_secure(serve: Any, connect: Any, record: Recorder) -> None:
    server = serve()
    client = connect(server, checkServerIdentity=lambda host, certificate: client.destroy())
    record.on(client, 'secureConnect', 'error', 'close')
    assert record.wait_for('close') == ['close']


FATES = {
    'destroy': ['close', 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION', 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION'],
    'connect': ['connect', 'ERR_SOCKET_CLOSED', 'ERR_SOCKET_CLOSED', 'close'],
    'hello': ['connect', 'ECANCELED', 'ECANCELED', 'close'],
    'secureConnect': ['connect', 'secureConnect', 'EBADF', 'EBADF', 'close'],
}


@pytest.mark.parametrize('point', FATES)
def test_what_becomes_of_writes_when_a_socket_is_destroyed(
    serve: Any, scripted: Any, connect: Any, record: Recorder, point: str
) -> None:
    came = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.read_exactly(5)
        came.set()
        peer.read_to_end()

    target = scripted(script) if point == 'hello' else serve()

    def begin() -> None:
        client = connect(target)
        record.on(client, 'connect', 'secureConnect', 'close')
        client.on(point, client.destroy)
        client.write('x', lambda error: record(error.code))
        client.end('y', lambda error: record(error.code))
        if point == 'destroy':
            client.destroy()
        clients.append(client)

    clients: list[tls.TLSSocket] = []
    timers.setImmediate(begin)
    if point == 'hello':
        assert came.wait(MUST_NOT_EXPIRE)
        record.wait_for('connect')
        timers.setImmediate(clients[0].destroy)  # when its listeners have had their turn
    assert record.wait_count(len(FATES[point])) == FATES[point]


# The peer is no TLS, or goes away

@pytest.mark.parametrize('last', [b'', b'\x15\x03\x03\x00\x02\x01\x00'], ids=['', 'close_notify'])
def test_a_peer_that_ends_in_the_handshake(
    scripted: Any, connect: Any, record: Recorder, last: bytes
) -> None:
    def script(raw: RawPeer) -> None:
        raw.read_exactly(5)
        if last:
            raw.send(last)
        else:
            raw.socket.shutdown(socket.SHUT_WR)
        raw.read_to_end()

    client = connect(scripted(script))
    client.write('x', lambda error: record('write', error.code, error.message))
    record.on(client, 'connect', 'secureConnect', 'end', 'error', 'close')
    error = failed(client)
    message = 'Client network socket disconnected before secure TLS connection was established'
    assert (error.code, error.message, error.host, error.path) == ('ECONNRESET', message, 'localhost', None)
    assert record.wait_for('close') == [
        'connect',
        'end',
        'error',
        ('write', 'ECANCELED', 'write ECANCELED Canceled because of SSL destruction'),
        'close',
    ]


def test_a_peer_that_resets(scripted: Any, connect: Any) -> None:
    def script(raw: RawPeer) -> None:
        raw.read_exactly(5)
        raw.reset()

    error = failed(connect(scripted(script)))
    assert (error.code, error.message, error.syscall) == ('ECONNRESET', 'read ECONNRESET', 'read')
    assert isinstance(error, ConnectionResetError)


def test_a_peer_that_speaks_plain_http(scripted: Any, connect: Any, record: Recorder) -> None:
    def script(raw: RawPeer) -> None:
        raw.send(b'HTTP/1.1 400 Bad Request\r\n\r\n')
        raw.read_to_end()

    error = failed(connect(scripted(script)))
    assert error.code in ('ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    client = connect(scripted(script))
    client.write('x', lambda error: record('write', error.code))
    error = failed(client)  # as in Node, a write that waits makes it another one
    assert (error.code, error.syscall) == ('EPROTO', 'write')
    assert error.message.startswith('write EPROTO error:SSL routines::')
    assert isinstance(error, OSError)
    assert record.events == [('write', 'EPROTO')]


def test_no_version_in_common(serve: Any, connect: Any) -> None:
    server = serve(maxVersion='TLSv1.2')
    refused = Caught(server, 'tlsClientError')
    client = connect(server, minVersion='TLSv1.3')
    assert failed(client).code == 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'
    assert refused.next().code == 'ERR_SSL_UNSUPPORTED_PROTOCOL'
    client = connect(server, minVersion='TLSv1.3', maxVersion='TLSv1.2')
    client.write('x')
    assert failed(client).code == 'ERR_SSL_NO_PROTOCOLS_AVAILABLE'


def test_no_cipher_in_common(serve: Any, connect: Any) -> None:
    server = serve(maxVersion='TLSv1.2', ciphers='ECDHE-ECDSA-AES256-GCM-SHA384')
    refused = Caught(server, 'tlsClientError')
    error = failed(connect(server, ciphers='ECDHE-ECDSA-AES128-GCM-SHA256'))
    assert error.code in ('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE')
    assert refused.next().code == 'ERR_SSL_NO_SHARED_CIPHER'
    client = connect(server, ciphers='ECDHE-ECDSA-AES256-GCM-SHA384')
    wait(client, 'secureConnect')
    assert client.getCipher().standardName == 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'


def test_connection_refused(connect: Any, record: Recorder) -> None:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
    client = connect(port, host='127.0.0.1')
    record.on(client, 'connect', 'end', 'error', 'close')
    error = failed(client)
    assert (error.code, error.message) == ('ECONNREFUSED', f'connect ECONNREFUSED 127.0.0.1:{port}')
    assert record.wait_for('close') == ['error', 'close']


def test_timeout_of_a_silent_server(scripted: Any, connect: Any, record: Recorder) -> None:
    client = connect(scripted(lambda peer: peer.read_to_end() and None), timeout=30)
    record.on(client, 'connect', 'secureConnect', 'timeout', 'error', 'close')
    client.on('timeout', lambda: client.destroy())
    seen = record.wait_for('close')
    # As in Node the time to connect counts, too, and may be all of it where the machine is busy.
    assert [event for event in seen if event != 'connect'] == ['timeout', 'close']


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match=r'The "options" or "port" or "path" argument must be specified'):
        tls.connect()
    with pytest.raises(TypeError, match='Setting the TLS ServerName to an IP address is not permitted'):
        tls.connect(port=1, servername='1.2.3.4')
    with pytest.raises(TypeError, match='"msecs" argument must be of type number'):
        tls.connect(port=1, timeout='x')
    with pytest.raises(TypeError, match='not a valid minimum TLS protocol version'):
        tls.connect(port=1, minVersion='x')
    with pytest.raises(TypeError, match=r'"socket" argument must be an instance of stream\.Duplex'):
        tls.connect(socket='x')
    with pytest.raises(TypeError, match=r'options.secureContext must be a SecureContext'):
        tls.connect(port=1, secureContext=1)
    for bad in (1, 'x'):
        with pytest.raises(TypeError, match='The "options" argument must be of type object'):
            tls.createServer(bad)
        with pytest.raises(TypeError, match='The "options" argument must be of type object'):
            tls.createServer().setSecureContext(bad)


@pytest.mark.parametrize('form', range(5))
def test_forms_of_connect(serve: Any, authority: Authority, record: Recorder, form: int) -> None:
    port, trust = serve(lambda peer: peer.end()).address().port, {'ca': authority.pem}
    context = tls.createSecureContext(trust)

    def called() -> None:
        record('called')

    if form == 0:
        client = tls.connect({'port': port, **trust}, called)
    elif form == 1:
        client = tls.connect(port, trust, called)
    elif form == 2:
        client = tls.connect(port, 'localhost', trust, called)
    elif form == 3:
        client = tls.connect(port, host='127.0.0.1', secureContext=context, callback=called)
    else:
        client = tls.TLSSocket(None, {'secureContext': context}).connect(port, 'localhost', called)
    client.resume()
    wait_closed(client)
    assert record.events == ['called']


def test_signal(serve: Any, connect: Any, record: Recorder) -> None:
    from nodehttp.abort import AbortController

    controller = AbortController()
    client = connect(serve(), signal=controller.signal)
    record.on(client, 'error', 'close')
    wait(client, 'secureConnect')
    controller.abort()
    assert record.wait_for('close') == ['error', 'close']
    assert client.errored.code == 'ABORT_ERR'
