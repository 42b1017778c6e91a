"""TLSSocket: a Socket whose bytes travel encrypted over another stream, the *wire*.

The wire is a `net.Socket` (accepted, given, or made here by `connect`) or any other Duplex. OpenSSL works
between two buffers in memory: what comes from the wire goes into `_incoming`, what it wants to send is taken
out of `_outgoing`. It never waits, so no thread does either.

What goes on is one word, `_state`:

    IDLE      the wire is not connected yet
    HELLO     server: the client's first message is arriving
    CHOOSING  server: SNICallback was asked for a context
    SHAKING   the handshake
    CHECKING  it is complete; the peer's identity is being looked at, which may call the user's function
    SECURE    data go both ways
    OVER      destroyed

Input that is decrypted stays in the object (`_decrypted`) while anything else is told, and all that has
arrived is decrypted before any of it is delivered: whoever waits in a listener can be given the rest.

Leaving Node: an untrusted certificate ends the handshake itself, with an alert that tells the peer why (Node
completes it and then hangs up); `authorizationError` is known for both ends (see _verify.py).
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Self

from nodehttp import errors, net
from nodehttp._duplex import Duplex
from nodehttp._netoptions import check_signal, connect_arguments
from nodehttp._netsocket import NOT_TRIED
from nodehttp._readable import MORE
from nodehttp._stream import DOOMED, Function, Options, merged
from nodehttp.events import adapt, internal
from nodehttp.monitor import internal_hook, monitor, released
from nodehttp.record import Record
from nodehttp.threadpool import (
    Timer,
    call_closing,
    call_soon,
    hold,
    report_exception,
    start_timer,
)
from nodehttps._certificate import certificate_object
from nodehttps._context import LENIENT, NONE, REQUIRED, SecureContext, Use, createSecureContext
from nodehttps._errors import disconnected, ssl_error, unavailable, verification_error, write_error
from nodehttps._hello import NO_APPLICATION_PROTOCOL, Hello, read_hello
from nodehttps._identity import checkServerIdentity
from nodehttps._keylog import new_lines, start_keylog
from nodehttps._protocols import protocol_list
from nodehttps._session import Session, checked_session
from nodehttps._tlsinfo import Information
from nodehttps._verify import admit_untrusted, judge, refined, sent_chain

IDLE, HELLO, CHOOSING, SHAKING, CHECKING, SECURE, OVER = (
    'idle', 'hello', 'choosing', 'shaking', 'checking', 'secure', 'over')
_MOVES = {
    IDLE: (HELLO, SHAKING, OVER),
    HELLO: (CHOOSING, SHAKING, OVER),
    CHOOSING: (SHAKING, OVER),
    SHAKING: (CHECKING, OVER),
    CHECKING: (SECURE, OVER),
    SECURE: (OVER,),
    OVER: (),
}

RECORD = 16384  # bytes of data that one record holds at most
# Bytes that are encrypted at once. More would be in memory twice, and hold the monitor for long.
BATCH = 1 << 18

# Options that Node has and Python's ssl cannot do.
_IMPOSSIBLE = ('pskCallback', 'pskIdentityHint', 'requestOCSP', 'enableTrace', 'minDHSize', 'onread')
_WIRE_OPTIONS = ('noDelay', 'keepAlive', 'keepAliveInitialDelay')
# What a wire that was made here tells about its connecting is told as events of the TLSSocket.
_PASSED_ON = frozenset((
    'lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout'))


class Wire(net.Socket):
    """The TCP connection of a TLSSocket that connects itself."""

    _owner: TLSSocket

    def _fire(self, name: str, *args: Any) -> bool:
        if name in _PASSED_ON:
            return self._owner._fire(name, *args)
        return super()._fire(name, *args)


class TLSSocket(Information, net.Socket):  # type: ignore[misc]
    """An encrypted connection. ("Class: tls.TLSSocket")

    `TLSSocket(socket=None, options=None)`; options: isServer, server, secureContext (or those of
    createSecureContext), requestCert, rejectUnauthorized, ALPNProtocols, ALPNCallback, SNICallback, session,
    servername, and those of net.Socket. Any thread may call any method; it shares the strand of its wire.
    """

    encrypted = True
    authorized = False
    authorizationError: str | None = None
    alpnProtocol: str | bool | None = None
    servername: str | bool | None = None

    _state = IDLE
    _wire: Any
    _is_socket = True  # the wire is a net.Socket
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO
    _decrypted = b''  # on its way to the reader
    _peer_ended = False  # the peer has said that it sends no more
    _hello = b''  # what has arrived before the handshake began
    _wants_hello = False
    _handshake_timer: Timer | None = None
    _told_session: bytes | None = None  # id of the session that was told last
    _session: Session | None = None  # to be resumed
    _tls_server: Any = None
    _protocols: tuple[str, ...] = ()
    _alpn_callback: Function | None = None
    _sni_callback: Function | None = None
    _check_identity: Function | None = None
    _rejects = True
    _requests_certificate = False
    _connect_options: Mapping[str, Any] = {}

    def __init__(self, socket: Any = None, options: Options = None, **kwargs: Any) -> None:
        given = merged(options, kwargs)
        for name in _IMPOSSIBLE:
            if given.get(name):
                raise unavailable(f'options.{name}')
        if socket is not None and not isinstance(socket, Duplex):
            raise errors.invalid_arg_type('socket', 'an instance of stream.Duplex', socket)
        self._take_tls_options(given)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with monitor:
            self._take_wire(socket, given)
            check_signal(given.get('signal'), 'signal')
            for_stream: dict[str, Any] = {
                name: given[name] for name in ('highWaterMark', 'signal') if name in given}
            if for_stream:
                hold(self._strand)
                Duplex.__init__(self, for_stream)
            if socket is not None:
                self._begin_with_wire()

    def _take_tls_options(self, options: dict[str, Any]) -> None:
        context = options.get('secureContext')
        if context is None:
            context = createSecureContext(options)
        elif not isinstance(context, SecureContext):
            raise errors.node_error('ERR_TLS_INVALID_CONTEXT', 'options.secureContext')
        self._secure_context = context
        self._tls_server = options.get('server')
        self._is_server = bool(options.get('isServer'))
        self._rejects = options.get('rejectUnauthorized') is not False
        self._requests_certificate = bool(options.get('requestCert'))
        if 'ALPNProtocols' in options:
            self._protocols = tuple(protocol_list(options['ALPNProtocols']))
        if options.get('ALPNCallback') is not None:
            self._alpn_callback = adapt(options['ALPNCallback'])
        if options.get('SNICallback') is not None:
            self._sni_callback = adapt(options['SNICallback'])
        if 'session' in options:
            self._session = checked_session(options['session'])
        if options.get('servername'):
            self.servername = options['servername']
        self._wants_hello = self._is_server and bool(
            self._protocols or self._alpn_callback or self._sni_callback)

    def __repr__(self) -> str:
        return f'<TLSSocket {self._state} {self.readyState}{self._describe()}>'

    def _go_to(self, state: str) -> None:
        """The one place where the state changes."""
        assert state in _MOVES[self._state], f'{self._state} -> {state}'
        self._state = state

    # The wire

    def _take_wire(self, socket: Any, options: dict[str, Any]) -> None:
        if socket is None:
            wire: Any = Wire({name: options[name] for name in _WIRE_OPTIONS if name in options})
            wire._owner = self
        else:
            wire = socket
            self._is_socket = isinstance(socket, net.Socket)
        self._wire = wire
        self.allowHalfOpen = bool(options.get('allowHalfOpen') if socket is None else socket.allowHalfOpen)
        if self._is_socket:
            wire.allowHalfOpen = True  # when to end is decided here
        self._strand = wire._strand or wire._own_strand()
        self._strand.resume = self._flow_on
        wire.on('error', internal(self._wire_failed))
        wire.on('end', internal(self._wire_ended))
        wire.on('close', internal(self._wire_closed))

    def _begin_with_wire(self) -> None:
        if self._wire.destroyed:
            self._tick(self._wire_closed)
        elif self._is_socket and self._wire.connecting:
            self._wire.once('connect', internal(self._wire_connected))
        elif self._is_server and self._tls_server is not None:
            self._begin()  # on the strand of the wire, in its 'connection' event
        else:
            hold(self._strand)
            self._tick(self._begin)

    def connect(self, *args: Any, **kwargs: Any) -> Self:
        """Connect as `net.Socket.connect`; 'secureConnect' follows 'connect'."""
        options, listener = connect_arguments(args, kwargs)
        with monitor:
            if listener is not None:
                self.once('connect', listener)
            self._connect_options = options
            if self.timeout:
                self._touch()
            self._wire.once('connect', internal(self._wire_connected))
            self._wire.on('ready', internal(self._wire_ready))
            self._wire.connect(options)
        return self

    def _wire_connected(self) -> None:
        if self.timeout:
            self._touch()
        if self._state is IDLE:
            self._begin()
        self._fire('connect')

    def _wire_ready(self) -> None:
        self._fire('ready')

    def _begin(self) -> None:
        """The wire is connected."""
        if self._state is not IDLE:
            return
        if self._is_server:
            self._go_to(HELLO)
            if not self._wants_hello:
                self._begin_to_serve(self._secure_context, Hello('', []))
        else:
            self._begin_as_client()
        if self._state is not OVER:
            if self._is_socket:
                self._wire._consume(self._on_wire)
            else:
                self._wire.on('data', internal(self._on_wire))
            if self._state is SHAKING:
                self._shake(is_first=True)

    def _wire_failed(self, error: Any) -> None:
        if self._state is OVER:
            return
        if self._state is SECURE:
            # A peer that has ended, and got everything, need not hear our close_notify.
            is_done = self._peer_ended and self.writableEnded and not self._write_length
            self._destroy_once(None if is_done else error)
        else:
            self._fail_handshake(error)

    def _wire_ended(self) -> None:
        """The peer sends no more, with or without having said so before."""
        if self._state in (SECURE, CHECKING):
            self._peer_ended = True
            if self._state is SECURE:
                self._deliver_input()
        elif self._state is not OVER:
            if self._is_server:
                self._fail_handshake(errors.connection_reset())
            else:
                self.prependOnceListener('end', internal(self._ended_too_early))
                self._on_end_of_input()

    def _ended_too_early(self) -> None:
        if self._state is not OVER:
            self._destroy_once(disconnected(self._connect_options))

    def _wire_closed(self, *_: Any) -> None:
        if self._state is OVER:
            return
        if self._state is SECURE or self._state is IDLE:
            self._destroy_once()
        elif self._is_server:
            self._fail_handshake(errors.connection_reset())
        else:
            self._destroy_once(disconnected(self._connect_options))

    def _on_wire(self, data: bytes) -> None:
        """Bytes have come. The wire's consumer."""
        state = self._state
        if self.timeout:
            self._touch()
        if state is SECURE:
            self._incoming.write(data)
            self._deliver_input()
        elif state is SHAKING:
            self._incoming.write(data)
            self._shake()
        elif state is HELLO:
            self._hello += data
            self._look_at_hello()
        elif state is CHOOSING:
            self._hello += data
        elif state is CHECKING:
            self._incoming.write(data)

    # The handshake

    def _begin_as_client(self) -> None:
        use = Use(False, REQUIRED if self._rejects else NONE, self._protocols)
        context = self._secure_context.context_for(use)
        self._log_keys_of(context)
        name = self.servername if isinstance(self.servername, str) and self.servername else None
        try:
            tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        except (ValueError, TypeError) as error:
            failure = errors.node_error('ERR_INVALID_ARG_VALUE', 'options.servername', name, str(error))
            self._destroy_once(failure)
            return
        if self._session is not None:
            try:
                tls.session = self._session.inner
            except ValueError:  # of a context that is gone: a full handshake then
                self._session = None
        self._tls = tls
        self._go_to(SHAKING)

    def _look_at_hello(self) -> None:
        hello = read_hello(self._hello)
        if hello is None:
            return
        if hello.servername and self._sni_callback is not None:
            self._go_to(CHOOSING)
            self._ask_for_context(self._sni_callback, hello)
        else:
            self._begin_to_serve(self._secure_context, hello)
            self._shake()

    def _ask_for_context(self, callback: Function, hello: Hello) -> None:
        answers: list[Any] = []

        def answer(error: Any = None, context: Any = None) -> None:
            with monitor:
                if not answers:
                    answers.append(context)
                    self._tick(self._context_chosen, error, context, hello)

        if getattr(callback, 'is_internal_hook', False):
            callback(hello.servername, answer)
            return
        try:
            with released():
                returned = callback(hello.servername, answer)
        except Exception as error:
            report_exception(error)
            answer(error)
            return
        if isinstance(returned, SecureContext):  # as in Node 0.x
            answer(None, returned)

    def _context_chosen(self, error: Any, context: Any, hello: Hello) -> None:
        if self._state is not CHOOSING:
            return
        if error is not None:
            self._fail_handshake(error)
        elif context is not None and not isinstance(context, SecureContext):
            self._fail_handshake(errors.node_error('ERR_TLS_INVALID_CONTEXT', 'context'))
        else:
            self._begin_to_serve(context or self._secure_context, hello)
            self._shake()

    def _begin_to_serve(self, context: SecureContext, hello: Hello) -> None:
        """The context is known, and what the client wants: let OpenSSL see its message."""
        self.servername = hello.servername or False
        protocols = self._protocols
        if hello.protocols:
            offered = [protocol.decode('latin-1') for protocol in hello.protocols]
            if self._alpn_callback is not None:
                chosen = self._choose_protocol(self._alpn_callback, hello.servername, offered)
                if self._state is OVER:
                    return
                protocols = () if chosen is None else (chosen,)
            if (protocols or self._alpn_callback is not None) and not set(protocols) & set(offered):
                self._wire._write_internal(NO_APPLICATION_PROTOCOL)
                self._fail_handshake(ssl_error(_no_application_protocol()))
                return
        self._secure_context = context
        verification = NONE if not self._requests_certificate else REQUIRED if self._rejects else LENIENT
        use = Use(True, verification, protocols)
        ssl_context = context.context_for(use)
        if verification is LENIENT and ssl_context._msg_callback is None:  # type: ignore[attr-defined]
            admit_untrusted(ssl_context, context, use)
        self._log_keys_of(ssl_context)
        self._tls = ssl_context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._incoming.write(self._hello)
        self._hello = b''
        self._go_to(SHAKING)

    def _choose_protocol(self, callback: Function, servername: str, offered: list[str]) -> str | None:
        """Ask ALPNCallback; what it raises, or an answer that was not offered, is reported and counts as
        none."""
        question: Record[Any] = Record(servername=servername, protocols=offered)
        try:
            with released():
                chosen = callback(question)
            if isinstance(chosen, (bytes, bytearray)):
                chosen = chosen.decode('latin-1')
            if chosen is not None and chosen not in offered:
                raise errors.node_error('ERR_TLS_ALPN_CALLBACK_INVALID_RESULT', chosen, offered)
        except Exception as error:
            report_exception(error)
            return None
        return None if chosen is None else str(chosen)

    def _log_keys_of(self, context: ssl.SSLContext) -> None:
        server = self._tls_server
        if 'keylog' in self._events or (server is not None and 'keylog' in server._events):
            start_keylog(context)

    def _shake(self, is_first: bool = False) -> None:
        """Go on with the handshake as far as the input goes."""
        tls = self._tls
        if self._state is not SHAKING or tls is None:
            return
        failure: errors.NodeError | None = None
        complete = False
        try:
            tls.do_handshake()
            complete = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            failure = ssl_error(error)
            self.authorizationError = refined(str(failure.code), sent_chain(tls))
            failure = verification_error(self.authorizationError, error)
        except ssl.SSLError as error:
            failure = ssl_error(error)
        if self._is_server or not complete:
            self._flush_outgoing()  # a client's last message has to wait for the check
        if complete:
            self._go_to(CHECKING)
            if self._handshake_timer is not None:
                self._handshake_timer.cancel()
                self._handshake_timer = None
        self._tell_keys(tls.context)
        if failure is not None:
            if self._state is not OVER:
                self._fail_handshake(failure, is_first)
        elif complete and self._state is CHECKING:
            self._shaken()

    def _tell_keys(self, context: ssl.SSLContext) -> None:
        for line in new_lines(context):
            self._fire('keylog', line)
            if self._tls_server is not None:
                self._tls_server._fire('keylog', line, self)

    def _fail_handshake(self, error: Any, is_first: bool = False) -> None:
        """It came to nothing: a server is told by 'tlsClientError', else the socket fails.

        As in Node the error of a client is that of the write which waits for the handshake, if there is one
        and the peer had its part in the failure.
        """
        server = self._tls_server
        if server is not None:
            self._destroy_once()
            server._fire('tlsClientError', error, self)
            return
        code = getattr(error, 'code', None) or ''
        if self._first_write is not None and not is_first and code.startswith('ERR_SSL_'):
            error = write_error(error)
            (_, callback), self._first_write = self._first_write, None
            callback(error)
        self._destroy_once(error)

    def _limit_handshake(self, timeout: float) -> None:
        """For the server: give the client so many ms."""
        if self._state not in (CHECKING, SECURE, OVER):
            self._handshake_timer = start_timer(
                timeout, self._handshake_timed_out, strand=self._strand, ref=False)

    def _handshake_timed_out(self) -> None:
        self._handshake_timer = None
        if self._state not in (SECURE, OVER):
            error = errors.node_error('ERR_TLS_HANDSHAKE_TIMEOUT')
            if self._tls_server is not None:  # as in Node the socket is still there in the event
                self.on('error', _ignore)  # of a listener that destroys it with the error
                self._tls_server._fire('tlsClientError', error, self)
                self._destroy_once()
            else:
                self._destroy_once(error)

    def _shaken(self) -> None:
        tls = self._tls
        assert tls is not None
        self.alpnProtocol = tls.selected_alpn_protocol() or False
        if self._is_server:
            self._find_out_about_client(tls)
            self._go_secure()
            self._fire('secure')
            if self._state is not SECURE:
                return
            server = self._tls_server
            if server is not None:
                _, error = server._fire_from(server._secure_source, 'secureConnection', self)
                if error is not None:
                    report_exception(error)
                    self._destroy_once()
        else:
            self.servername = self.servername or False
            if self._is_refused(tls):
                return
            self._go_secure()
            self._fire('secureConnect')
            if self._state is SECURE and tls.version() != 'TLSv1.3' and not tls.session_reused:
                self._tell_session()
            if self._state is SECURE:
                self._fire('secure')
        if self._state is SECURE:
            self._deliver_input()
        if self._state is SECURE and self._consumer is None and not self.isPaused():
            self._take(0)

    def _find_out_about_client(self, tls: ssl.SSLObject) -> None:
        """Server: who is it, and is he to be trusted?"""
        if not self._requests_certificate:
            return
        verdict = getattr(tls, 'verdict', None)
        if self._rejects:
            self.authorized = True
        elif not self._peer_chain():
            self._verdict = 'UNABLE_TO_GET_ISSUER_CERT'
        else:
            # A resumed session brings the certificate only.
            self._verdict = verdict[0] if verdict else judge(self._secure_context, self._peer_chain(), True)
        if not self._rejects:
            self.authorized, self.authorizationError = self._verdict is None, self._verdict

    def _is_refused(self, tls: ssl.SSLObject) -> bool:
        """Client: look at the server's identity; destroy the socket if it is not the one that is meant."""
        if tls.session_reused and self._session is not None:
            self._chain, self._verdict = self._session.chain, self._session.verdict
        elif not self._rejects:
            self._verdict = judge(self._secure_context, self._peer_chain(), False)
        error: Any = None
        if self._verdict is not None:
            self.authorizationError = self._verdict
        elif self._peer_chain():
            error = self._identity_error()
            if self._state is not CHECKING:
                return True
            if error is not None:
                self.authorizationError = getattr(error, 'code', None) or str(error)
        self.authorized = self._verdict is None and error is None
        if self._rejects and not self.authorized:
            self._destroy_once(error)
            return True
        return False

    def _identity_error(self) -> Any:
        """What is wrong with the name in the server's certificate, None if nothing."""
        options = self._connect_options
        host = (options.get('servername') or options.get('host') or getattr(self._wire, '_host', None)
                or 'localhost')
        check = self._check_identity
        if check is None:
            return _identity_error_of(host, self._peer_chain()[0])
        certificate = self.getPeerCertificate(True)
        try:
            with released():
                return check(host, certificate)
        except Exception as error:
            return error

    def _go_secure(self) -> None:
        self._go_to(SECURE)
        self._flush_outgoing()
        if self._consumer is None and not self.isPaused():
            self._receiving = True
        self._catch_up()
        self._update_interest()

    def _tell_session(self) -> None:
        session = self.getSession()
        if session is not None and session != self._told_session:
            self._told_session = session
            self._fire('session', session)

    # Reading

    def _deliver_input(self) -> None:
        """Decrypt all that has arrived and hand it on."""
        if self._state is not SECURE:
            return
        failure = self._decrypt()
        if self._outgoing.pending:
            self._flush_outgoing()
        if 'session' in self._events and not self._is_server and self._has_new_ticket():
            self._tell_session()
        data, self._decrypted = self._decrypted, b''
        if data and self._state is SECURE:
            self.bytesRead += len(data)
            self._received(data)
        if self._state is not SECURE:
            return
        if failure is not None:
            self._destroy_once(ssl_error(failure))
        elif self._peer_ended and self._input == MORE and not self._decrypted:
            self._on_end_of_input()

    def _decrypt(self) -> ssl.SSLError | None:
        """Bring the data of all complete records to `_decrypted`; return what is wrong with the next one."""
        tls, incoming = self._tls, self._incoming
        assert tls is not None
        parts: list[bytes] = []
        failure = None
        try:
            while True:
                data = tls.read(RECORD)
                parts.append(data)
                if not data:
                    self._peer_ended = True
                    break
                if not incoming.pending and not tls.pending():
                    break  # nothing more: an exception that says so would cost more than all of this
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._peer_ended = True
        except ssl.SSLError as error:
            failure = error
        if parts:
            data = parts[0] if len(parts) == 1 else b''.join(parts)
            self._decrypted = self._decrypted + data if self._decrypted else data
        return failure

    def _has_new_ticket(self) -> bool:
        """TLS 1.3: has a session come after the handshake?"""
        tls = self._tls
        assert tls is not None
        inner = tls.session
        return (inner is not None and inner.has_ticket and tls.version() == 'TLSv1.3'
                and inner.id != self._told_session)

    def _update_interest(self) -> None:
        wire = self._wire
        if self._state is OVER or (self._is_socket and wire.connecting):
            return
        if self._receiving or self._state is not SECURE:
            wire._start_reading() if self._is_socket else wire.resume()
        elif self._is_socket:
            wire._stop_reading()
        else:
            wire.pause()

    def _flow_on(self) -> None:
        self._deliver_input()
        self._flow()

    # Writing

    def _accept(self, chunk: Any, encoding: str | None, callback: Function | None) -> bool:
        """The short path: nothing waits before this chunk, and the wire takes all of it at once."""
        if (self._state is not SECURE or self._writing or self._queue or self._corked
                or self._errored is not None or not 0 < len(chunk) <= BATCH):
            return super()._accept(chunk, encoding, callback)
        self._encrypt(chunk)
        if not self._send_encrypted():
            self._sent_ahead = len(chunk)
            return super()._accept(chunk, encoding, callback)
        self._dispatched += len(chunk)
        if self.timeout:
            self._touch()
        if callback is not None:
            self._pending += 1
            self._tick(self._after_write, callback)
        return True

    def _transmit(self, chunks: list[Any], callback: Function) -> None:
        ahead, self._sent_ahead = self._sent_ahead, NOT_TRIED
        if self._state is OVER:
            callback(errors.node_error('ERR_SOCKET_CLOSED'))
        elif self._state is not SECURE:
            self._first_write = chunks, callback
        else:
            self._dispatched += sum(map(len, chunks))
            self._write_callback = callback
            if ahead != NOT_TRIED:
                self._unsent = deque()
            else:
                self._unsent = deque(chunks)
                self._encrypt_unsent()

    def _encrypt_unsent(self) -> None:
        """Encrypt as much as the wire takes; the rest follows when it has taken that."""
        unsent = self._unsent
        while unsent:
            room = BATCH
            while unsent and room > 0:
                chunk = unsent.popleft()
                if len(chunk) > room:
                    view = memoryview(chunk)
                    chunk = view[:room]
                    unsent.appendleft(view[room:])
                room -= len(chunk)
                if len(chunk):
                    self._encrypt(chunk)
            if not self._send_encrypted():
                return
        if self._write_callback is not None:
            self._write_over(None)

    def _encrypt(self, data: Any) -> None:
        tls = self._tls
        if tls is None:  # destroyed by the chunk before
            return
        try:
            if len(data) <= self._fragment or self._fragment >= RECORD:
                tls.write(data)
            else:
                view = memoryview(data)
                for at in range(0, len(view), self._fragment):
                    tls.write(view[at:at + self._fragment])
        except ssl.SSLError as error:
            self._destroy_once(ssl_error(error))

    def _send_encrypted(self) -> bool:
        """Send what OpenSSL has made; True if the wire has taken all of it already. Else `_wire_written` is
        called when it has."""
        wire = self._wire
        if self._is_socket:
            wire._write_internal(self._outgoing.read())
            if not wire.writableLength:
                return True
            wire._write_internal(b'', self._wire_written)  # behind all the rest
        else:
            wire._write_internal(self._outgoing.read(), self._wire_written)
        return False

    def _wire_written(self, error: Any = None) -> None:
        if error is None and self._unsent is not None:  # else 'error' or 'close' of the wire tell more
            if self.timeout:
                self._touch()
            self._encrypt_unsent()

    def _flush_outgoing(self) -> None:
        """Send what is not data: of handshakes, alerts, keys."""
        if self._outgoing.pending:
            self._wire._write_internal(self._outgoing.read())

    def _catch_up(self) -> None:
        """Do what has waited for the handshake."""
        if self._first_write is not None:
            (chunks, callback), self._first_write = self._first_write, None
            self._transmit(chunks, callback)

    @internal_hook
    def _final(self, callback: Function) -> None:
        """Everything is written: say so (close_notify), and end the wire."""
        if self._state is SECURE and self._tls is not None:
            try:
                self._tls.unwrap()
            except OSError:  # the peer's is still to come, or will not
                pass
            self._flush_outgoing()
        wire = self._wire
        if self._state is IDLE and self._is_socket and wire.connecting:
            wire.once('connect', wire.end)
        elif wire.writable:
            wire.end()
        call_soon(callback, None, strand=self._strand)

    # The end

    @internal_hook
    def _destroy(self, error: Any, callback: Function) -> None:
        self._has_failed = error is not None
        self._go_to(OVER)
        self._tls = None
        for timer in (self._handshake_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        self._handshake_timer = self._idle_timer = None
        wire = self._wire
        if self._is_reset:
            wire.resetAndDestroy()
        else:
            wire.destroy()
        callback(error)
        call_closing(self._emit_closed, error is not None, None, strand=self._strand)

    def _emit_closed(self, had_error: bool, connecting: Any) -> None:
        """In the closing phase: what was on its way fails, then 'close'."""
        if self._first_write is not None:
            (_, callback), self._first_write = self._first_write, None
            self._write_callback = callback
        callback_of_write, self._write_callback, self._unsent = self._write_callback, None, None
        if callback_of_write is not None:
            message = 'write ECANCELED Canceled because of SSL destruction'
            callback_of_write(errors.system_error('ECANCELED', 'write', message=message))
        self._fire('close', had_error)

    def resetAndDestroy(self) -> Self:
        """Close the connection with a RST and destroy the socket. Node 25 refuses that for TLS.
        ("socket.resetAndDestroy()")"""
        with monitor:
            if self._is_socket and self._life < DOOMED:
                self._is_reset = True
            self._destroy_once()
        return self

    # What the wire knows

    @property
    def connecting(self) -> bool:  # type: ignore[override]
        """Is the wire being connected? ("socket.connecting")"""
        return self._is_socket and self._wire.connecting

    @property
    def secureConnecting(self) -> bool:
        """Is the handshake still to be done?"""
        return self._state not in (SECURE, OVER)

    @property
    def pending(self) -> bool:
        """Is the wire not connected yet? ("socket.pending")"""
        return self._is_socket and self._wire.pending

    @property
    def autoSelectFamilyAttemptedAddresses(self) -> list[str] | None:  # type: ignore[override]
        """The addresses that were tried. ("socket.autoSelectFamilyAttemptedAddresses")"""
        return getattr(self._wire, 'autoSelectFamilyAttemptedAddresses', None)

    @property
    def bufferSize(self) -> int | None:
        """Deprecated: `writableLength`. ("socket.bufferSize")"""
        return None if self._state is OVER else self._write_length

    def address(self) -> Record[Any]:
        """Return the local end: address, family, port. ("tlsSocket.address()")"""
        return self._wire.address() if self._is_socket else Record()

    def _peer_address(self) -> Record[Any]:
        return self._wire._peer_address() if self._is_socket else Record()

    def _is_stale(self) -> bool:
        return self._is_socket and self._wire._is_stale()

    def setNoDelay(self, noDelay: bool = True) -> Self:
        """Send small writes at once. ("socket.setNoDelay([noDelay])")"""
        if self._is_socket:
            self._wire.setNoDelay(noDelay)
        return self

    def setKeepAlive(self, enable: bool = False, initialDelay: float = 0) -> Self:
        """Probe an idle connection. ("socket.setKeepAlive([enable][, initialDelay])")"""
        if self._is_socket:
            self._wire.setKeepAlive(enable, initialDelay)
        return self

    def ref(self) -> Self:
        """Keep the process alive (the default). ("socket.ref()")"""
        if self._is_socket:
            self._wire.ref()
        return self

    def unref(self) -> Self:
        """Do not keep the process alive. ("socket.unref()")"""
        if self._is_socket:
            self._wire.unref()
        return self

    def setServername(self, name: str) -> None:
        """Set the name that the server is asked for; before the handshake."""
        if not isinstance(name, str):
            raise errors.invalid_arg_type('name', 'of type string', name)
        if self._is_server:
            raise errors.Error('Cannot issue SNI from a TLS server-side socket', 'ERR_TLS_SNI_FROM_SERVER')
        self.servername = name

    def setSession(self, session: Any) -> None:
        """Set the session to be resumed; before the handshake."""
        self._session = checked_session(session)


def _no_application_protocol() -> ssl.SSLError:
    error = ssl.SSLError('no application protocol')
    error.library, error.reason = 'SSL', 'NO_APPLICATION_PROTOCOL'
    return error


def _ignore(error: Any) -> None:
    """An error that was told already."""


@lru_cache(maxsize=256)
def _is_certificate_of(host: str, der: bytes) -> bool:
    return checkServerIdentity(host, certificate_object(der)) is None


def _identity_error_of(host: str, der: bytes) -> errors.NodeError | None:
    """`checkServerIdentity`, which remembers whom it has let pass."""
    try:
        if _is_certificate_of(host, der):
            return None
        return checkServerIdentity(host, certificate_object(der))
    except (errors.NodeError, ValueError) as error:
        return error if isinstance(error, errors.NodeError) else errors.Error(str(error))


Check = Callable[[str, Record[Any]], Any]
