"""The programs of Node's documentation of https, of version 25, 4 and 0.x, line for line, and what Node
25.2.1 makes of them.

Ports are ephemeral and hosts are local; the authority of the tests is one that is trusted by default.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Recorder
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from program_tools import run_script
from tls_tools import Authority, pfx, python_client

import nodehttps as https
from nodehttp import errors
from nodehttp.url import URL
from nodehttps import _roots, tls

Requester = Callable[[Any, Recorder], None]


@pytest.fixture(autouse=True)
def trust(authority: Authority, monkeypatch: pytest.MonkeyPatch, closes_https: None) -> None:
    """The authority of the tests is trusted when nothing is said."""
    monkeypatch.setattr(_roots, '_chosen', None)
    tls.setDefaultCACertificates([authority.pem])


@pytest.fixture
def folder(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the files that the programs read."""
    monkeypatch.chdir(tmp_path)
    own = authority.issue()
    for names, data in (
        (('private-key.pem', 'agent2-key.pem'), own['key']),
        (('certificate.pem', 'agent2-cert.pem'), own['cert']),
        (('test_cert.pfx',), pfx(own, b'sample')),
        (('server.pfx',), pfx(own, None)),
    ):
        for name in names:
            Path(name).write_bytes(data)
    return tmp_path


@pytest.fixture
def server(authority: Authority) -> Iterator[Any]:
    """The server that clients ask: it tells who they are."""
    options = {**authority.issue(), 'requestCert': True, 'ca': authority.pem}

    def listener(req: Any, res: Any) -> None:
        client = req.socket.getPeerCertificate()
        name = client.subjectaltname if client else 'nobody'
        headers = req.headers
        res.setHeader('X-Seen', f'{req.method} {req.url} {headers.connection} {headers.authorization}')
        res.end(f'hello {name}')

    with https.createServer({**options, 'rejectUnauthorized': False}, listener).listen(0) as server:
        yield server


# Servers


def with_key(version: int) -> Any:
    """ "https.createServer([options][, requestListener])" """
    names = ('private-key.pem', 'certificate.pem') if version == 25 else ('agent2-key.pem', 'agent2-cert.pem')
    options = {
        'key': Path(names[0]).read_bytes(),
        'cert': Path(names[1]).read_bytes(),
    }

    def listener(req: Any, res: Any) -> None:
        res.writeHead(200)
        res.end('hello world\n')

    return https.createServer(options, listener).listen(0)


def with_pfx(version: int) -> Any:
    """The same with a PFX file."""
    options: dict[str, Any] = {
        'pfx': Path('test_cert.pfx').read_bytes(),
        'passphrase': 'sample',
    }
    if version == 4:
        options = {'pfx': Path('server.pfx').read_bytes()}

    def listener(req: Any, res: Any) -> None:
        res.writeHead(200)
        res.end('hello world\n')

    return https.createServer(options, listener).listen(0)


@pytest.mark.parametrize('version', [25, 4])
@pytest.mark.parametrize('program', [with_key, with_pfx])
def test_servers(folder: Path, authority: Authority, program: Callable[[int], Any], version: int) -> None:
    with program(version) as server, python_client(authority, server) as client:
        client.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
        received = b''.join(iter(lambda: client.recv(65536), b''))
    head, _, body = received.partition(b'\r\n\r\n')
    assert head.startswith(b'HTTP/1.1 200 OK\r\nDate: ')
    assert head.endswith(b'GMT\r\nConnection: close\r\nTransfer-Encoding: chunked')
    assert body == b'c\r\nhello world\n\r\n0\r\n\r\n'


# Clients


def options_for(server: Any) -> dict[str, Any]:
    """What nearly all programs begin with."""
    return {
        'hostname': 'localhost',
        'port': server.address().port,
        'path': '/',
        'method': 'GET',
    }


def get(server: Any, record: Recorder) -> None:
    """ "https.get(url[, options][, callback])" """

    def callback(res: Any) -> None:
        record('statusCode:', res.statusCode)
        record('headers:', res.headers['x-seen'])

        res.on('data', record)

    https.get(f'https://localhost:{server.address().port}/', callback).on('error', record)


def request(server: Any, record: Recorder) -> None:
    """ "https.request(url[, options][, callback])" """
    options = options_for(server)

    def callback(res: Any) -> None:
        record('statusCode:', res.statusCode)
        record('headers:', res.headers['x-seen'])

        res.on('data', record)

    req = https.request(options, callback)

    req.on('error', record)
    req.end()


def request_with_an_agent(server: Any, record: Recorder) -> None:
    """ "Example using options from tls.connect()": an Agent that is made of them."""
    options = {
        **options_for(server),
        'key': Path('private-key.pem').read_bytes(),
        'cert': Path('certificate.pem').read_bytes(),
    }
    options['agent'] = https.Agent(options)

    def callback(res: Any) -> None:
        record('statusCode:', res.statusCode)
        record('headers:', res.headers['x-seen'])

        res.on('data', record)

    https.request(options, callback).end()


def request_without_an_agent(server: Any, record: Recorder) -> None:
    """ "Alternatively, opt out of connection pooling by not using an Agent." """
    options = {
        **options_for(server),
        'key': Path('agent2-key.pem').read_bytes(),
        'cert': Path('agent2-cert.pem').read_bytes(),
        'agent': False,
    }

    def callback(res: Any) -> None:
        record('statusCode:', res.statusCode)
        record('headers:', res.headers['x-seen'])

        res.on('data', record)

    https.request(options, callback).end()


def request_of_a_url(server: Any, record: Recorder) -> None:
    """ "Example using a URL as options" """
    options = URL(f'https://abc:xyz@localhost:{server.address().port}')

    def callback(res: Any) -> None:
        record('statusCode:', res.statusCode)
        record('headers:', res.headers['x-seen'])

        res.on('data', record)

    https.request(options, callback).end()


OWN = 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1'


@pytest.mark.parametrize(
    ('program', 'seen', 'client'),
    [
        (get, 'GET / keep-alive None', 'nobody'),
        (request, 'GET / keep-alive None', 'nobody'),
        (request_with_an_agent, 'GET / close None', OWN),
        (request_without_an_agent, 'GET / close None', OWN),
        (request_of_a_url, 'GET / keep-alive Basic YWJjOnh5eg==', 'nobody'),
    ],
    ids=lambda value: getattr(value, '__name__', ''),
)
def test_clients(
    folder: Path, server: Any, record: Recorder, program: Requester, seen: str, client: str
) -> None:
    program(server, record)
    lines = [('statusCode:', 200), ('headers:', seen), f'hello {client}'.encode()]
    assert record.wait_count(3) == lines


def test_an_error(record: Recorder, server: Any) -> None:
    """ "console.error(e)" """
    tls.setDefaultCACertificates([])
    get(server, record)
    [error] = record.wait_count(1)
    assert (error.code, error.message) == (
        'SELF_SIGNED_CERT_IN_CHAIN',
        'self-signed certificate in certificate chain',
    )


def test_keylog(server: Any, record: Recorder, tmp_path: Path) -> None:
    """ "Event: 'keylog'": key material in a file, for Wireshark."""
    path = tmp_path / 'ssl-keys.log'

    def append(line: bytes, tlsSocket: Any) -> None:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 'ab') as file:
            file.write(line)

    https.globalAgent.on('keylog', append)
    try:
        get(server, record)
        record.wait_count(3)
    finally:
        https.globalAgent.removeListener('keylog', append)
    labels = [line.split()[0] for line in path.read_text().splitlines()]
    assert sorted(labels) == [
        'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
        'CLIENT_TRAFFIC_SECRET_0',
        'EXPORTER_SECRET',
        'SERVER_HANDSHAKE_TRAFFIC_SECRET',
        'SERVER_TRAFFIC_SECRET_0',
    ]


# Pinning


def sha256(s: bytes) -> str:
    """As in the program."""
    return base64.b64encode(hashlib.sha256(s).digest()).decode()


def pinning(server: Any, record: Recorder, pubkey256: str, cert256: str) -> None:
    """ "Example pinning on certificate fingerprint, or the public key (similar to pin-sha256)" """

    def check(host: str, cert: Any) -> Any:
        # Make sure the certificate is issued to the host we are connected to
        err = tls.checkServerIdentity(host, cert)
        if err:
            return err

        # Pin the public key, similar to HPKP pin-sha256 pinning
        if sha256(cert.pubkey) != pubkey256:
            msg = (
                'Certificate verification error: '
                f"The public key of '{cert.subject.CN}' "
                'does not match our pinned fingerprint'
            )
            return errors.Error(msg)

        # Pin the exact certificate, rather than the pub key
        if cert.fingerprint256 != cert256:
            msg = (
                'Certificate verification error: '
                f"The certificate of '{cert.subject.CN}' "
                'does not match our pinned fingerprint'
            )
            return errors.Error(msg)

        # This loop is informational only.
        while True:
            record('Subject Common Name:', cert.subject.CN)
            record('  Certificate SHA256 fingerprint:', cert.fingerprint256)

            record('  Public key ping-sha256:', sha256(cert.pubkey))

            lastprint256 = cert.fingerprint256
            cert = cert.issuerCertificate
            if cert.fingerprint256 == lastprint256:
                break
        return None

    options = {
        'hostname': 'localhost',
        'port': server.address().port,
        'path': '/',
        'method': 'GET',
        'checkServerIdentity': check,
    }

    options['agent'] = https.Agent(options)

    def callback(res: Any) -> None:
        record('All OK. Server matched our pinned cert or public key')
        record('statusCode:', res.statusCode)

        res.on('data', lambda d: None)

    req = https.request(options, callback)

    req.on('error', lambda e: record(e.message))
    req.end()


def pins(certificate: x509.Certificate) -> tuple[str, str]:
    """Return the fingerprint and the pin of a certificate, found by other means; the public key of an
    elliptic curve is its point, as in Node."""
    der = certificate.public_bytes(Encoding.DER)
    key = certificate.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return hashlib.sha256(der).digest().hex(':').upper(), sha256(key)


def common_name(certificate: x509.Certificate) -> Any:
    """Return the common name of its subject, None without one."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return names[0].value if names else None


def test_pinning(authority: Authority, record: Recorder) -> None:
    issued = authority.child().issue('localhost', common_name='localhost')
    chain = [
        *x509.load_pem_x509_certificates(issued['cert']),
        x509.load_pem_x509_certificate(authority.pem),
    ]
    assert len(chain) == 3
    own256, own_key = pins(chain[0])
    with https.createServer(issued, lambda req, res: res.end('x')).listen(0) as server:
        pinning(server, record, own_key, own256)
        expected: list[Any] = []
        for certificate in chain:
            fingerprint, pin = pins(certificate)
            expected += [
                ('Subject Common Name:', common_name(certificate)),
                ('  Certificate SHA256 fingerprint:', fingerprint),
                ('  Public key ping-sha256:', pin),
            ]
        expected += ['All OK. Server matched our pinned cert or public key', ('statusCode:', 200)]
        assert record.wait_count(11) == expected

        record.events.clear()
        pinning(server, record, 'SIXvRyDmBJSgatgTQRGbInBaAK+hZOQ18UmrSwnDlK8=', own256)
        which = "of 'localhost' does not match our pinned fingerprint"
        assert record.wait_count(1) == [f'Certificate verification error: The public key {which}']
        record.events.clear()
        pinning(server, record, own_key, 'FD:6E')
        assert record.wait_count(1) == [f'Certificate verification error: The certificate {which}']


# Is there TLS at all?

WITHOUT_SSL = """
import sys
sys.modules['ssl'] = None  # as in a Python that was built without it
try:
    import nodehttps as https
except ImportError:
    print('https support is disabled!')
import nodehttp as http
print(http.STATUS_CODES[200])
"""


def test_without_support() -> None:
    """ "Determining if crypto support is unavailable" """
    assert run_script(WITHOUT_SSL) == (0, 'https support is disabled!\nOK\n', '')
