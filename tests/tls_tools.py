"""What the tests of TLS share: certificates, made when they run, and both ends of a connection."""

from __future__ import annotations

import contextlib
import datetime
import queue
import socket
import ssl
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from nodehttp import events, threadpool
from nodehttps import tls

LOCAL = ('localhost', '127.0.0.1', '::1')


class Authority:
    """A certificate authority. `pem` is its certificate; credentials are options of createSecureContext."""

    def __init__(self, parent: Authority | None = None) -> None:
        self._ca = trustme.CA() if parent is None else parent._ca.create_child_ca()
        self.pem = self._ca.cert_pem.bytes()

    @cache  # noqa: B019 -- as long as the tests run
    def issue(self, *names: str, **options: Any) -> dict[str, bytes]:
        """Return key and cert for `names`, with the chain up to below the authority that is trusted."""
        issued = self._ca.issue_cert(*(names or LOCAL), **options)
        return {
            'key': issued.private_key_pem.bytes(),
            'cert': b''.join(pem.bytes() for pem in issued.cert_chain_pems),
        }

    def issue_rsa(self, *names: str) -> dict[str, bytes]:
        """As `issue`, with a key of RSA."""
        return self.issue(*names, key_type=trustme.KeyType.RSA)

    def issue_expired(self) -> dict[str, bytes]:
        """As `issue`; it was valid in 2020."""
        return self.issue(not_before=datetime.datetime(2020, 1, 1), not_after=datetime.datetime(2021, 1, 1))

    def issue_future(self) -> dict[str, bytes]:
        """As `issue`; it will be valid in 2990."""
        return self.issue(not_before=datetime.datetime(2990, 1, 1), not_after=datetime.datetime(2991, 1, 1))

    def issue_for_servers(self) -> dict[str, bytes]:
        """As `issue`; it may be used by servers, but not by clients."""
        issued = self.issue('one.test')
        old = x509.load_pem_x509_certificate(issued['cert'])
        builder = x509.CertificateBuilder(
            old.issuer, old.subject, old.public_key(), x509.random_serial_number(),
            old.not_valid_before_utc, old.not_valid_after_utc)
        usage = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])
        made = builder.add_extension(usage, critical=False).sign(self._ca._private_key, hashes.SHA256())
        return {**issued, 'cert': made.public_bytes(serialization.Encoding.PEM)}

    def child(self) -> Authority:
        """Return an authority below this one."""
        return Authority(self)

    def server_context(self) -> ssl.SSLContext:
        """Return a context of Python's own for a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*LOCAL).configure_cert(context)
        return context

    def client_context(self, **options: Any) -> ssl.SSLContext:
        """Return a context of Python's own for a client that trusts the authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem.decode())
        for name, value in options.items():
            setattr(context, name, value)
        return context


def self_signed(name: str = 'localhost') -> dict[str, bytes]:
    """Return key and cert of one who trusts himself only."""
    from nodehttps.__main__ import self_signed as make

    key, cert = make([name, '127.0.0.1'])
    return {'key': key, 'cert': cert}


def encrypted(key: bytes, passphrase: bytes) -> bytes:
    """Return a PEM key encrypted."""
    loaded = serialization.load_pem_private_key(key, None)
    return loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )


def pfx(credentials: dict[str, bytes], passphrase: bytes | None, authority: Authority | None = None) -> bytes:
    """Return a key and its certificate, and an authority, as PKCS #12."""
    return pkcs12.serialize_key_and_certificates(
        None,
        serialization.load_pem_private_key(credentials['key'], None),  # type: ignore[arg-type]
        x509.load_pem_x509_certificate(credentials['cert']),
        [x509.load_pem_x509_certificate(authority.pem)] if authority else None,
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption(),
    )


def revocation_list(authority: Authority, *certificates: bytes) -> bytes:
    """Return a list of revoked certificates, as PEM."""
    root = x509.load_pem_x509_certificate(authority.pem)
    builder = x509.CertificateRevocationListBuilder(
        root.subject, root.not_valid_before_utc, root.not_valid_after_utc
    )
    for pem in certificates:
        serial = x509.load_pem_x509_certificate(pem).serial_number
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder(serial, root.not_valid_before_utc).build()
        )
    return builder.sign(authority._ca._private_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Ends:
    """Makes servers and clients, and closes them."""

    def __init__(self, authority: Authority, timeout: float) -> None:
        self.authority, self.timeout = authority, timeout
        self.servers: list[tls.Server] = []
        self.clients: list[tls.TLSSocket] = []

    def serve(self, listener: Any = None, **options: Any) -> tls.Server:
        """Return a listening server; with a certificate of the authority, if the options bring none."""
        if 'cert' not in options:
            options = {**self.authority.issue(), **options}
        server = tls.createServer(options, listener).listen(0)
        # A client that leaves without having read everything resets the connection.
        server.on('secureConnection', lambda peer: peer.on('error', lambda error: None))
        self.servers.append(server)
        events.once(server, 'listening', self.timeout)
        return server

    def connect(self, target: Any, **options: Any) -> tls.TLSSocket:
        """Return a client of a server, or port, that trusts the authority."""
        port = target if isinstance(target, int) else target.address().port
        client = tls.connect({'port': port, 'host': 'localhost', 'ca': self.authority.pem, **options})
        self.clients.append(client)
        return client

    def close(self) -> None:
        """Destroy what is open."""
        for client in self.clients:  # first of all: a server that is destroyed may reset the connection
            client.on('error', lambda error: None)
        for server in self.servers:
            server.close()
            with threadpool.monitor:
                open_sockets = list(server._sockets)
            for one in open_sockets:
                one.destroy()
        for client in self.clients:
            client.destroy()


def wait_unless(done: Callable[[], bool], emitter: Any, name: str, timeout: float = 10) -> None:
    """Wait for an event, unless what it tells is so already."""
    waiter = threadpool.Waiter()
    with threadpool.monitor:
        if done():
            return
        emitter.once(name, waiter.set)
    waiter.wait(timeout)


def wait_secure(client: tls.TLSSocket) -> None:
    """Wait until the handshake is over."""
    wait_unless(lambda: not client.secureConnecting, client, 'secureConnect')


def wait_closed(one: Any) -> None:
    """Wait until a socket is closed."""
    wait_unless(lambda: bool(one.closed), one, 'close')


def python_client(
    authority: Authority, server: Any, name: str = 'localhost', **options: Any
) -> ssl.SSLSocket:
    """Return a connection made by Python's own ssl."""
    plain = socket.create_connection(('127.0.0.1', server.address().port), 10)
    try:
        return authority.client_context(**options).wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


class Caught:
    """The arguments of an event, from now on, to be waited for one after the other."""

    def __init__(self, emitter: Any, name: str) -> None:
        self._queue: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        emitter.on(name, lambda *args: self._queue.put(args))

    def next(self) -> Any:
        """Return the first argument of the next one."""
        with threadpool.blocking():
            return self._queue.get(timeout=10)[0]


def wait(emitter: Any, name: str) -> list[Any]:
    """Wait for an event."""
    return events.once(emitter, name, timeout=10)


def echo(peer: tls.TLSSocket) -> None:
    """Send back what comes, as long as it comes."""
    peer.pipe(peer)


def failed(client: tls.TLSSocket) -> Any:
    """Wait for the error of a connection, and its end."""
    [error] = wait(client, 'error')
    wait_closed(client)
    assert client.destroyed
    return error


class SecureClient:
    """A connection over TLS, as much of a socket as tests of servers need; unlike Python's `SSLSocket` one
    thread may read while another one writes."""

    def __init__(
        self, target: int | socket.socket, context: ssl.SSLContext, timeout: float = 10,
        name: str = 'localhost', session: ssl.SSLSession | None = None,
    ) -> None:
        """`target` is a port, or a connection; with the context of a server it is the server's end of it."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._lock = threading.Lock()
        self._socket = (socket.create_connection(('127.0.0.1', target), timeout)
                        if isinstance(target, int) else target)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context.protocol is ssl.PROTOCOL_TLS_SERVER:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        else:
            self._tls = context.wrap_bio(
                self._incoming, self._outgoing, server_hostname=name, session=session)
        try:
            self._until_done(self._tls.do_handshake)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> SecureClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection without a word."""
        self._socket.close()

    def settimeout(self, seconds: float) -> None:
        """Give each wait so many seconds."""
        self._socket.settimeout(seconds)

    def _until_done(self, step: Callable[[], Any]) -> Any:
        """Read until a step does not need more."""
        while True:
            with self._lock:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    pass
                finally:
                    if self._outgoing.pending:
                        self._socket.sendall(self._outgoing.read())
            data = self._socket.recv(65536)
            with self._lock:
                self._incoming.write(data) if data else self._incoming.write_eof()

    def protocol(self) -> str | None:
        """Return what ALPN came to."""
        return self._tls.selected_alpn_protocol()

    def session(self) -> ssl.SSLSession | None:
        """Return the session, to be resumed."""
        return self._tls.session

    def recv(self, size: int) -> bytes:
        """Return what comes, b'' at the end, with or without a close_notify."""
        try:
            data: bytes = self._until_done(lambda: self._tls.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b''
        return data

    def sendall(self, data: bytes) -> None:
        """Send everything, in one piece; nothing to a peer that has ended."""
        with self._lock, contextlib.suppress(ssl.SSLEOFError, BrokenPipeError, ConnectionResetError):
            self._tls.write(data)
            self._socket.sendall(self._outgoing.read())

    def send_last(self, data: bytes) -> None:
        """Send data and close_notify, in one piece, and no FIN."""
        with self._lock:
            self._tls.write(data)
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._socket.sendall(self._outgoing.read())

    def send_before(self, data: bytes, more: bytes) -> None:
        """Send data and, in one piece with it, bytes that are not encrypted."""
        with self._lock:
            self._tls.write(data)
            self._socket.sendall(self._outgoing.read() + more)

    def end(self) -> None:
        """Send close_notify, and no FIN."""
        with self._lock:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._socket.sendall(self._outgoing.read())

    def shutdown(self, how: int) -> None:
        """Send close_notify, and what a socket sends."""
        self.end()
        self._socket.shutdown(how)
