"""tls.Server: who is refused and why, client certificates, ALPN and server names."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, Dial, Recorder
from tls_tools import (
    Authority,
    Caught,
    echo,
    failed,
    revocation_list,
    self_signed,
    wait,
)

from nodehttp import errors, timers
from nodehttps import _context, tls
from nodehttps._verify import certificates_of_message


def test_forms_of_create_server() -> None:
    def listener(peer: tls.TLSSocket) -> None:
        pass
    for server in (tls.createServer(listener), tls.createServer(None, listener),
                   tls.createServer({}, listener), tls.Server(listener)):
        assert server.listeners('secureConnection') == [listener]
    for wrong, name in (((5,), '"options" argument'), (({}, 5), '"listener" argument')):
        with pytest.raises(TypeError, match=name):
            tls.createServer(*wrong)


# Errors at a server


@pytest.mark.parametrize(
    ('data', 'code'),
    [
        (b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'ERR_SSL_HTTP_REQUEST'),
        (b'CONNECT x:1 HTTP/1.1\r\n\r\n', 'ERR_SSL_HTTPS_PROXY_REQUEST'),
        (b'hello world hello world', 'ERR_SSL_WRONG_VERSION_NUMBER'),
        (b'\x16\x03\x01\x00\x04\x02\x00\x00\x00', 'ERR_SSL_UNEXPECTED_MESSAGE'),
    ],
)
def test_a_client_that_speaks_something_else(serve: Any, dial: Dial, data: bytes, code: str) -> None:
    for options in ({}, {'ALPNProtocols': ['http/1.1']}):
        server = serve(**options)
        refused = Caught(server, 'tlsClientError')
        peer = dial(server)
        peer.send(data)
        assert refused.next().code == code
        assert not peer.read_to_end().startswith(b'HTTP')


def test_a_client_that_goes_away(serve: Any, dial: Dial) -> None:
    server = serve(ALPNProtocols=['http/1.1'])
    accepted = Caught(server, 'connection')
    refused = Caught(server, 'tlsClientError')
    for beginning in (b'', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'):
        peer = dial(server)
        accepted.next()
        peer.send(beginning)
        peer.close()
        error = refused.next()
        assert (error.code, error.message) == ('ECONNRESET', 'socket hang up')
    peer = dial(server)
    peer.send(b'\x16\x03')
    accepted.next()
    peer.reset()
    assert refused.next().code == 'ECONNRESET'


def test_a_client_that_stops_in_the_handshake(serve: Any, dial: Dial) -> None:
    server = serve(handshakeTimeout=30)
    refused = Caught(server, 'tlsClientError')
    peer = dial(server)
    peer.send(b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03')
    error = refused.next()
    assert (error.code, error.message) == ('ERR_TLS_HANDSHAKE_TIMEOUT', 'TLS handshake timeout')
    assert peer.read_to_end() == b''
    with pytest.raises(TypeError, match=r'options.handshakeTimeout'):
        tls.createServer(handshakeTimeout='x')
    assert tls.createServer()._handshake_timeout == 120_000


def test_a_callback_that_never_answers(serve: Any, connect: Any) -> None:
    server = serve(SNICallback=lambda servername, callback: None, handshakeTimeout=30)
    refused = Caught(server, 'tlsClientError')
    client = connect(server, servername='x.test')
    assert failed(client).code == 'ECONNRESET'
    assert refused.next().code == 'ERR_TLS_HANDSHAKE_TIMEOUT'


def test_close_with_a_handshake_under_way(serve: Any, dial: Dial, record: Recorder) -> None:
    server = serve(handshakeTimeout=50)
    accepted = Caught(server, 'connection')
    peer = dial(server)
    accepted.next()
    record.on(server, 'tlsClientError', 'close')
    server.close()
    assert record.wait_for('close') == ['tlsClientError', 'close']
    assert peer.read_to_end() == b''


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
def test_one_byte_at_a_time(serve: Any, authority: Authority, dial: Dial, version: str) -> None:
    server = serve(echo, ALPNProtocols=['http/1.1'])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = authority.client_context(
        maximum_version=ssl.TLSVersion.TLSv1_2 if version == 'TLSv1.2' else ssl.TLSVersion.TLSv1_3
    )
    client = context.wrap_bio(incoming, outgoing, server_hostname='localhost')
    peer = dial(server)

    def go_on(step: Callable[[], Any]) -> Any:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                result = None
            for byte in outgoing.read():
                peer.send(bytes((byte,)))
            if result is not None:
                return result
            incoming.write(peer.socket.recv(1))

    go_on(lambda: client.do_handshake() or True)
    client.write(b'hello')
    assert go_on(lambda: client.read(100)) == b'hello'


def test_renegotiation_is_refused(serve: Any, dial: Dial) -> None:
    server = serve(maxVersion='TLSv1.2')
    done = subprocess.run(
        ['openssl', 's_client', '-connect', f'127.0.0.1:{server.address().port}', '-tls1_2'],
        input=b'R\n',
        capture_output=True,
        timeout=MUST_NOT_EXPIRE,
        check=False,
    )
    assert b'RENEGOTIATING\n' in done.stderr
    assert b'no renegotiation' in done.stderr


# Client certificates


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
def test_client_certificates_that_are_demanded(
    serve: Any, connect: Any, authority: Authority, version: str
) -> None:
    server = serve(echo, requestCert=True, ca=authority.pem, maxVersion=version)
    refused = Caught(server, 'tlsClientError')
    client = connect(server, **authority.issue('me@example.test'))
    client.write('x')
    assert wait(client, 'data') == [b'x']

    nobody = connect(server)
    nobody.resume()
    wait(nobody, 'error')
    assert refused.next().code == 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'
    stranger = connect(server, **Authority().issue('me@example.test'))
    stranger.resume()
    [error] = wait(stranger, 'error')
    assert error.code == 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'
    refused.next()


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
def test_client_certificates_that_are_asked_for(
    serve: Any, connect: Any, authority: Authority, version: str
) -> None:
    server = serve(requestCert=True, rejectUnauthorized=False, ca=authority.pem, maxVersion=version)
    served = Caught(server, 'secureConnection')
    keys: list[bytes] = []
    server.on('keylog', keys.append)
    stranger = Authority()
    for credentials, verdict in (
        (authority.issue('me@example.test', common_name='me'), None),
        ({}, 'UNABLE_TO_GET_ISSUER_CERT'),
        (stranger.issue('me@example.test', common_name='me'), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
        (stranger.child().issue('me@example.test', common_name='me'), 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'),
        (authority.issue_expired(), 'CERT_HAS_EXPIRED'),
        (self_signed('me'), 'DEPTH_ZERO_SELF_SIGNED_CERT'),
    ):
        client = connect(server, **credentials)
        peer = served.next()
        assert (peer.authorized, peer.authorizationError) == (verdict is None, verdict)
        assert bool(peer.getPeerCertificate()) == bool(credentials)
        assert len(keys) == {'TLSv1.2': 1, 'TLSv1.3': 5}[version]
        keys.clear()
        client.destroy()
    # None of them has become somebody whom the next connection trusts.
    connect(server, **stranger.issue('me@example.test', common_name='me'))
    assert served.next().authorizationError == 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'


def revoked_or_worse(authority: Authority) -> list[tuple[dict[str, bytes], str | None]]:
    """Return clients, and what Node 25.2.1 says of them with a list of revoked certificates."""
    me, late, below = authority.issue('me@example.test'), authority.issue_expired(), authority.child()
    through = below.issue('me@example.test')
    own = through['cert'].split(b'-----END')[0] + b'-----END CERTIFICATE-----\n'
    return [
        (authority.issue('you@example.test'), None),
        (me, 'CERT_REVOKED'),
        (late, 'CERT_HAS_EXPIRED'),  # and revoked
        (through, 'UNABLE_TO_GET_CRL'),
        ({**through, 'cert': own}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
        (self_signed('me'), 'UNABLE_TO_GET_CRL'),
        (Authority().issue('me@example.test'), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
        (authority.issue_for_servers(), 'INVALID_PURPOSE'),
    ]


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
@pytest.mark.parametrize('rejects', [True, False])
def test_clients_that_a_list_of_revoked_certificates_is_asked_about(
    serve: Any, connect: Any, authority: Authority, version: str, rejects: bool
) -> None:
    revoked = [authority.issue('me@example.test')['cert'], authority.issue_expired()['cert']]
    server = serve(requestCert=True, rejectUnauthorized=rejects, ca=authority.pem, maxVersion=version,
                   crl=revocation_list(authority, *revoked))
    served, refused = Caught(server, 'secureConnection'), Caught(server, 'tlsClientError')
    for credentials, verdict in revoked_or_worse(authority):
        client = connect(server, **credentials).on('error', lambda error: None)
        if rejects and verdict:
            assert refused.next().code == verdict
        else:
            peer = served.next()
            assert (peer.authorized, peer.authorizationError) == (
                verdict is None, None if rejects else verdict)
        client.destroy()


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
@pytest.mark.parametrize('rejects', [True, False])
def test_clients_with_a_certificate_for_something_else_or_from_nowhere(
    serve: Any, connect: Any, authority: Authority, version: str, rejects: bool
) -> None:
    server = serve(requestCert=True, rejectUnauthorized=rejects, ca=authority.pem, maxVersion=version)
    served, refused = Caught(server, 'secureConnection'), Caught(server, 'tlsClientError')
    for credentials, verdict in (
        (authority.issue_for_servers(), 'INVALID_PURPOSE'),
        (Authority().issue('me@example.test'), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    ):
        client = connect(server, **credentials).on('error', lambda error: None)
        if rejects:
            assert refused.next().code == verdict
        else:
            assert served.next().authorizationError == verdict
        client.destroy()


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
def test_a_resumed_session_is_as_trusted_as_the_first_one(
    serve: Any, connect: Any, authority: Authority, version: str
) -> None:
    """Only the client's own certificate comes with it, not those that lead to the authority."""
    server = serve(
        echo, requestCert=True, rejectUnauthorized=False, ca=authority.pem, maxVersion=version)
    served = Caught(server, 'secureConnection')
    below, stranger = authority.child(), Authority().child()
    for who, verdict in ((below, None), (stranger, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY')):
        credentials = who.issue('me@example.test')
        first = connect(server, **credentials)
        sessions = Caught(first, 'session')
        first.write('x')
        assert served.next().authorizationError == verdict
        assert wait(first, 'data') == [b'x']
        second = connect(server, session=sessions.next(), **credentials)
        peer = served.next()
        wait(second, 'secureConnect') if second.secureConnecting else None
        assert (second.isSessionReused(), peer.isSessionReused()) == (True, True)
        assert (peer.authorized, peer.authorizationError) == (verdict is None, verdict)


def test_memory_for_chains_is_limited(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_context, 'CHAINS_KEPT', 2)
    context = tls.createSecureContext()
    for own in (b'1', b'2', b'1', b'3'):
        context.remember_chain([own, b'root'])
    assert [context.recalled_chain(own) for own in (b'1', b'2', b'3')] == [
        [b'1', b'root'], [b'2'], [b'3', b'root']]


# Certificates of the server


def test_messages_without_certificates() -> None:
    # OpenSSL shows them before it has looked at them.
    message = b'\x0b\0\0\x0b\0\0\0\x07\0\0\x02xy\0\0'
    for is_tls13, whole in ((True, message), (False, message[:4] + message[5:13])):
        assert certificates_of_message(whole, is_tls13) == [b'xy']
        for size in range(len(whole)):
            assert certificates_of_message(whole[:size], is_tls13) in ([], [b''], [b'x'], [b'xy'])


def test_keys_of_two_kinds(serve: Any, connect: Any, authority: Authority) -> None:
    ecdsa, rsa = authority.issue(), authority.issue_rsa()
    for order in (1, -1):
        server = serve(
            key=[ecdsa['key'], rsa['key']], cert=[ecdsa['cert'], rsa['cert']][::order], maxVersion='TLSv1.2')
        for kind in ('RSA', 'ECDSA'):
            client = connect(server, ciphers=f'ECDHE-{kind}-AES128-GCM-SHA256')
            wait(client, 'secureConnect')
            assert bool(client.getPeerCertificate().modulus) == (kind == 'RSA')


def test_without_a_certificate_nobody_is_served(serve: Any, connect: Any) -> None:
    server = serve(cert=None, key=None)
    refused = Caught(server, 'tlsClientError')
    failed(connect(server))
    assert refused.next().code in ('ERR_SSL_NO_SHARED_CIPHER', 'ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM')


# ALPN and names


def test_alpn(serve: Any, connect: Any) -> None:
    server = serve(ALPNProtocols=['first', 'second'])
    served = Caught(server, 'secureConnection')
    refused = Caught(server, 'tlsClientError')
    for offered, chosen in (
        (['second', 'first'], 'first'),
        (b'\x05other\x06second', 'second'),
        (None, False),
    ):
        client = connect(server, ALPNProtocols=offered)
        peer = served.next()
        assert peer.alpnProtocol == client.alpnProtocol == chosen
    client = connect(server, ALPNProtocols=['other'])
    assert failed(client).code == 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'
    error = refused.next()
    assert (error.code, error.reason) == ('ERR_SSL_NO_APPLICATION_PROTOCOL', 'no application protocol')
    with pytest.raises(TypeError, match='mutually exclusive'):
        tls.createServer(ALPNProtocols=['x'], ALPNCallback=print)
    with pytest.raises(TypeError, match=r'"options\.ALPNCallback" property must be of type function'):
        tls.createServer(ALPNCallback=1)


def test_alpn_callback(serve: Any, connect: Any, record: Recorder, escaped: list[BaseException]) -> None:
    answers: list[Any] = ['b', b'a', None, 'other', errors.Error('raised')]

    def choose(offer: Any) -> Any:
        record(offer.servername, offer.protocols)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    server = serve(ALPNCallback=choose)
    served = Caught(server, 'secureConnection')
    refused = Caught(server, 'tlsClientError')
    for chosen in ('b', 'a'):
        connect(server, ALPNProtocols=['a', 'b'], servername='localhost')
        assert served.next().alpnProtocol == chosen
    assert record.events == [('localhost', ['a', 'b'])] * 2
    for _ in range(3):
        connect(server, ALPNProtocols=['a', 'b']).on('error', lambda error: None)
        assert refused.next().code == 'ERR_SSL_NO_APPLICATION_PROTOCOL'
    assert [str(error) for error in escaped] == [
        'ALPN callback returned a value (other) that did not match any of the '
        "client's offered protocols (a, b)",
        'raised',
    ]
    connect(server)
    assert served.next().alpnProtocol is False  # nothing was asked


def certificate_for(connect: Any, server: Any, name: str | None) -> str:
    """Return the names of the certificate that a server shows to one who asks for a name."""
    client = connect(server, servername=name, checkServerIdentity=lambda host, certificate: None)
    wait(client, 'secureConnect')
    names: str = client.getPeerCertificate().subjectaltname
    return names


def test_contexts_for_names(serve: Any, connect: Any, authority: Authority) -> None:
    server = serve(**authority.issue('default.test'))
    server.addContext('*.wild.test', authority.issue('wild.test'))
    server.addContext('one.test', tls.createSecureContext(authority.issue('one.test')))
    server.addContext('two.test', authority.issue('old.test'))
    server.addContext('two.test', authority.issue('two.test'))
    server.addContext('bare.test', {'minVersion': 'TLSv1.3'})  # has the server's certificate
    for name, shown in (
        ('one.test', 'one'),
        ('two.test', 'two'),
        ('a.wild.test', 'wild'),
        ('a.b.wild.test', 'default'),
        ('xone.test', 'default'),
        ('onextest', 'default'),
        ('bare.test', 'default'),
        (None, 'default'),
    ):
        assert certificate_for(connect, server, name) == f'DNS:{shown}.test'
    with pytest.raises(errors.Error, match='"servername" is required parameter'):
        server.addContext('', {})
    with pytest.raises(TypeError, match='"hostname" argument must be of type string'):
        server.addContext(5, {})  # type: ignore[arg-type]
    with pytest.raises(errors.Error, match='DECODER'):
        server.addContext('x', {'key': 'x', 'cert': ''})


def test_sni_callback(
    serve: Any, connect: Any, authority: Authority, record: Recorder, escaped: list[BaseException]
) -> None:
    contexts = {
        name: tls.createSecureContext(authority.issue(name))
        for name in ('now.test', 'later.test', 'old.test')
    }

    def choose(servername: str, callback: Callable[..., None]) -> Any:
        record(servername)
        if servername == 'old.test':  # Node 0.x
            return contexts[servername]
        if servername == 'later.test':
            timers.setTimeout(lambda: callback(None, contexts[servername]), 5)
        elif servername == 'error.test':
            callback(errors.Error('no such name', 'MINE'))
        elif servername == 'raises.test':
            raise RuntimeError('raised')
        elif servername == 'junk.test':
            callback(None, 5)
        else:
            callback(None, contexts.get(servername))
            if servername == 'twice.test':
                callback(None, None)
        return None

    server = serve(SNICallback=choose)
    refused = Caught(server, 'tlsClientError')
    for name in ('now.test', 'later.test', 'old.test'):
        assert certificate_for(connect, server, name) == f'DNS:{name}'
    assert certificate_for(connect, server, 'unknown.test').startswith('DNS:localhost, ')
    assert certificate_for(connect, server, None).startswith('DNS:localhost, ')
    for name, code in (
        ('error.test', 'MINE'),
        ('junk.test', None),
        ('twice.test', 'ERR_MULTIPLE_CALLBACK'),
        ('raises.test', None),
    ):
        connect(server, servername=name).on('error', lambda error: None)
        assert getattr(refused.next(), 'code', None) == code
    assert [str(error) for error in escaped] == ['raised']
    assert record.events == [
        'now.test',
        'later.test',
        'old.test',
        'unknown.test',
        'error.test',
        'junk.test',
        'twice.test',
        'raises.test',
    ]
    with pytest.raises(TypeError, match=r'options.SNICallback'):
        tls.createServer(SNICallback=1)


def test_certificates_are_renewed_without_a_restart(serve: Any, connect: Any, authority: Authority) -> None:
    server = serve(echo, **authority.issue('old.test'))
    old = connect(server, servername='old.test')
    wait(old, 'secureConnect')
    server.setSecureContext(authority.issue('new.test'))
    assert certificate_for(connect, server, None) == 'DNS:new.test'
    old.write('still here')
    assert wait(old, 'data') == [b'still here']
    with pytest.raises(errors.Error, match='PEM routines'):
        server.setSecureContext(authority.issue('x.test'), cert='x')
    assert certificate_for(connect, server, None) == 'DNS:new.test'
