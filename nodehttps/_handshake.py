"""The handshake of a TLSSocket: from the connection of the wire until data may go both ways.

What goes on is one word, `_state`:

    IDLE      the wire is not connected yet
    HELLO     server: the client's first message is arriving
    CHOOSING  server: which context, which protocol? SNICallback and ALPNCallback are asked
    SHAKING   the handshake
    CHECKING  it is complete; the peer's identity is being looked at, which may call the user's function
    SECURE    data go both ways
    OVER      destroyed

Leaving Node: an untrusted certificate ends the handshake itself, with an alert that tells the peer why (Node
completes it and then hangs up). A server whose certificate is trusted, but has another name, hears nothing
more, as in Node: the client's last message waits for the check.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from nodehttp import errors
from nodehttp.arity import adapt
from nodehttp.checks import check_function
from nodehttp.monitor import monitor, released
from nodehttp.record import Record
from nodehttp.threadpool import Timer, call_next, call_soon, next_tick, report_exception, start_timer
from nodehttps._certificate import certificate_object
from nodehttps._context import LENIENT, NONE, REQUIRED, SecureContext, Use, createSecureContext
from nodehttps._errors import openssl_error, ssl_error, verification_error, write_error
from nodehttps._hello import NO_APPLICATION_PROTOCOL, Hello, read_hello
from nodehttps._identity import checkServerIdentity
from nodehttps._keylog import new_lines, start_keylog
from nodehttps._protocols import protocol_list
from nodehttps._records import Records
from nodehttps._session import Session, checked_session
from nodehttps._tlsinfo import Information
from nodehttps._verify import judge, refined, sent_chain, watch_certificates

Function = Callable[..., Any]

IDLE, HELLO, CHOOSING, SHAKING, CHECKING, SECURE, OVER = (
    'idle', 'hello', 'choosing', 'shaking', 'checking', 'secure', 'over')
_MOVES = {
    IDLE: (HELLO, SHAKING, OVER),
    HELLO: (CHOOSING, OVER),
    CHOOSING: (SHAKING, OVER),
    SHAKING: (CHECKING, OVER),
    CHECKING: (SECURE, OVER),
    SECURE: (OVER,),
    OVER: (),
}


class Handshake(Information):
    """A TLSSocket that does not carry data yet."""

    authorized = False
    authorizationError: str | None = None
    alpnProtocol: str | bool | None = None
    servername: str | bool | None = None

    _state = IDLE
    _context: ssl.SSLContext
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO
    _hello = b''  # what has arrived before the handshake began
    _wanted_name = ''  # server: whom the client asks for
    _handshake_timer: Timer | None = None
    _has_failed = False  # with an error that 'error' does not tell
    _server_is_told = False  # of the failure
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
        self._alpn_callback = callback_option(options, 'ALPNCallback')
        self._sni_callback = callback_option(options, 'SNICallback')
        if 'session' in options:
            self._session = checked_session(options['session'])
        if options.get('servername'):
            self.servername = options['servername']

    def _take_options_of(self, server: Any) -> None:
        self._tls_server, self._is_server = server, True
        self._secure_context = server._secure_context
        self._rejects, self._requests_certificate = server.rejectUnauthorized, server.requestCert
        if server.ALPNProtocols is not None:
            self._protocols = tuple(server.ALPNProtocols)
        self._alpn_callback = server._alpn_callback
        self._sni_callback = server._sni_callback or (server._context_of if server._contexts else None)

    def _go_to(self, state: str) -> None:
        """The one place where the state changes."""
        assert state in _MOVES[self._state], f'{self._state} -> {state}'
        self._state = state

    def _flush_outgoing(self) -> None:
        """Send what is not data: of handshakes, alerts, keys."""
        if self._outgoing.pending:
            data = self._outgoing.read()
            if self._wire.writable:
                self._wire._write_internal(data)

    def _deliver_input(self) -> None:
        """Decrypt all that has arrived and hand it on."""
        raise NotImplementedError

    def _wire_ended(self) -> None:
        """The peer sends no more, with or without having said so before."""
        raise NotImplementedError

    # Its beginning

    def _begin_as_client(self) -> None:
        use = Use(False, REQUIRED if self._rejects else NONE, self._protocols)
        context = self._secure_context.context_for(use)
        self._log_keys_of(context)
        name = self.servername if isinstance(self.servername, str) and self.servername else None
        # As bytes ASCII goes out as it is, as in Node; a str that IDNA does not allow is refused.
        sent = name.encode() if name is not None and name.isascii() else name
        try:
            tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=sent)
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
        self._go_to(CHOOSING)
        if hello.servername and self._sni_callback is not None:
            self.servername = hello.servername
            self._update_interest()
            self._ask_for_context(self._sni_callback, hello)
        else:
            self._begin_to_serve(self._secure_context, hello)
            self._shake()

    def _ask_for_context(self, callback: Function, hello: Hello) -> None:
        is_answered = False

        def answer(error: Any = None, context: Any = None) -> None:
            nonlocal is_answered
            with monitor:
                if is_answered:
                    self._tick(self._answered_twice)
                else:
                    is_answered = True
                    self._tick(self._context_chosen, error, context, hello)

        if getattr(callback, 'is_internal_hook', False):
            callback(hello.servername, answer)
            return
        try:
            with released():
                returned = callback(hello.servername, answer)
        except Exception as error:
            report_exception(error)
            if not is_answered:
                answer(error)
            return
        if isinstance(returned, SecureContext) and not is_answered:  # as in Node 0.x
            answer(None, returned)

    def _answered_twice(self) -> None:
        error = errors.node_error('ERR_MULTIPLE_CALLBACK')
        if self._state is SECURE:
            self._destroy_once(error)
        elif self._state is not OVER:
            self._fail_handshake(error)

    def _context_chosen(self, error: Any, context: Any, hello: Hello) -> None:
        if self._state is not CHOOSING:
            return
        if error is not None:
            self._fail_handshake(error)
        elif context is not None and not isinstance(context, SecureContext):
            self._fail_handshake(errors.Error('Invalid SNI context'))
        else:
            self._begin_to_serve(context or self._secure_context, hello)
            self._shake()

    def _begin_to_serve(self, context: SecureContext, hello: Hello) -> None:
        """The context is known, and what the client wants: let OpenSSL see its message."""
        protocols = self._protocols
        if hello.protocols:
            if self._alpn_callback is not None:
                protocols = self._choose_protocol(self._alpn_callback, hello)
                if self._state is OVER:
                    return
            if not set(protocols) & set(hello.protocols) and (protocols or self._alpn_callback is not None):
                self._wire._write_internal(NO_APPLICATION_PROTOCOL)
                self._fail_handshake(openssl_error('SSL', 'NO_APPLICATION_PROTOCOL'))
                return
        self._wanted_name = hello.servername
        self._secure_context = context = context.backed_by(self._secure_context)
        verification = NONE if not self._requests_certificate else REQUIRED if self._rejects else LENIENT
        use = Use(True, verification, protocols)
        ssl_context = context.context_for(use)
        if verification is not NONE and ssl_context._msg_callback is None:  # type: ignore[attr-defined]
            watch_certificates(ssl_context, context, use)
        self._log_keys_of(ssl_context)
        self._tls = ssl_context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._incoming.write(self._hello)
        self._hello = b''
        self._go_to(SHAKING)
        self._update_interest()

    def _choose_protocol(self, callback: Function, hello: Hello) -> tuple[str, ...]:
        """Ask ALPNCallback; what it raises, or an answer that was not offered, is reported and counts as
        none."""
        offered = list(hello.protocols)
        question: Record[Any] = Record(servername=hello.servername or False, protocols=offered)
        self._update_interest()
        try:
            with released():
                chosen = callback(question)
            if isinstance(chosen, (bytes, bytearray)):
                chosen = chosen.decode('latin-1')
            if chosen is not None and chosen not in hello.protocols:
                raise errors.node_error('ERR_TLS_ALPN_CALLBACK_INVALID_RESULT', chosen, offered)
        except Exception as error:
            report_exception(error)
            return ()
        return () if chosen is None else (chosen,)

    # Its course

    def _log_keys_of(self, context: ssl.SSLContext) -> None:
        self._context = context
        server = self._tls_server
        if 'keylog' in self._events or (server is not None and 'keylog' in server._events):
            start_keylog(context)

    def _shake(self, data: bytes = b'', is_first: bool = False) -> None:
        """Go on with the handshake as far as the input goes; `data` is the last of it."""
        tls = self._tls
        if self._state is not SHAKING or tls is None:
            return
        failure: errors.NodeError | None = None
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:  # a close_notify
            self._wire_ended()
        except ssl.SSLError as error:
            failure = self._failure_of(error, tls)
        else:
            self._complete(tls, data)
        if self._state is SHAKING:
            self._flush_outgoing()
        self._tell_keys()
        if failure is not None:
            if self._state is not OVER:
                self._fail_handshake(failure, is_first)
        elif self._state is CHECKING:
            self._shaken()

    def _failure_of(self, error: ssl.SSLError, tls: ssl.SSLObject) -> errors.NodeError:
        """Return what is told of an error of OpenSSL's."""
        failure = ssl_error(error)
        if not isinstance(error, ssl.SSLCertVerificationError):
            return failure
        sent = getattr(tls, 'sent', None) or sent_chain(tls)
        self.authorizationError = refined(str(failure.code), sent, self._secure_context)
        return verification_error(self.authorizationError, error)

    def _complete(self, tls: ssl.SSLObject, data: bytes) -> None:
        """The handshake is; `data` is the last of the input."""
        self._go_to(CHECKING)
        self._is_shaken = True
        is_1_3 = tls.version() == 'TLSv1.3'
        if self._is_server and not is_1_3:
            # The client waits for it. Of no strand: so it does not wait for a listener that blocks.
            next_tick(self._send_end_of_handshake)
        elif not self._is_server and is_1_3:
            self._records = Records()
            self._records.received(data[len(data) - self._incoming.pending:])
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
            self._handshake_timer = None

    def _tell_keys(self) -> None:
        for line in new_lines(self._context):
            self._fire('keylog', line)
            if self._tls_server is not None:
                self._tls_server._fire('keylog', line, self)

    def _fail_handshake(self, error: Any, is_first: bool = False) -> None:
        """It came to nothing: a server is told by 'tlsClientError', else the socket fails.

        As in Node the error of a client is that of the write which waits for the handshake, if there is one
        and the peer had its part in the failure.
        """
        if self._tls_server is not None:
            self._has_failed = True
            self._destroy_once()
            self._tell_server(error)
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
                self._tell_server(error)
                self._destroy_once()
            else:
                self._destroy_once(error)

    def _tell_server(self, error: Any) -> None:
        """Once: why there is no secure connection."""
        if not self._server_is_told:
            self._server_is_told = True
            self._tls_server._fire('tlsClientError', error, self)

    # Its end

    def _shaken(self) -> None:
        tls = self._tls
        assert tls is not None
        self.alpnProtocol = tls.selected_alpn_protocol() or False
        if self._is_server:
            self.servername = self._wanted_name or False
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
                self._fire('secure')
                return
            self._go_secure()
            self._fire('secureConnect')
            if (self._state is SECURE and 'session' in self._events
                    and tls.version() != 'TLSv1.3' and not tls.session_reused):
                self._tell_session()
            self._fire('secure')
        # As in Node ticks come between the end of the handshake and what has arrived behind it.
        call_next(self._read_first, strand=self._strand)

    def _read_first(self) -> None:
        if self._state is not SECURE:
            return
        self._catch_up()  # before the end of the handshake goes out without it
        self._deliver_input()
        if self._state is SECURE and self._consumer is None and not self.isPaused():
            self._take(0)

    def _find_out_about_client(self, tls: ssl.SSLObject) -> None:
        """Server: who is it, and is he to be trusted?"""
        if not self._requests_certificate:
            self._chain = []
            return
        chain = self._peer_chain()
        if chain:
            if tls.session_reused:
                self._chain = chain = self._secure_context.recalled_chain(chain[0])
            else:
                self._secure_context.remember_chain(chain)
        if self._rejects:
            self.authorized = True
            return
        if not chain:
            self._verdict = 'UNABLE_TO_GET_ISSUER_CERT'
        elif hasattr(tls, 'verdict'):
            self._verdict = tls.verdict
        else:
            self._verdict = judge(self._secure_context, chain, is_server=True)
        self.authorized, self.authorizationError = self._verdict is None, self._verdict

    def _is_refused(self, tls: ssl.SSLObject) -> bool:
        """Client: look at the server's identity; destroy the socket if it is not the one that is meant."""
        if tls.session_reused and self._session is not None:
            self._chain, self._verdict = self._session.chain, self._session.verdict
            self._last_session = self._session.inner  # there is no other one yet
            self._told_session = self._last_session.id
        elif not self._peer_chain():  # a cipher without certificates
            self._verdict = 'UNSPECIFIED'
        elif not self._rejects:
            self._verdict = judge(self._secure_context, self._peer_chain(), False)
        error: Any
        if self._verdict is not None:
            error = verification_error(self._verdict)
        else:
            error = self._identity_error()
            if self._state is not CHECKING:
                return True
        if error:
            self.authorizationError = getattr(error, 'code', None) or str(error)
        self.authorized = not error
        if self._rejects and error:
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
        self._update_interest()  # it may take its time
        certificate = self.getPeerCertificate(True)
        try:
            with released():
                return check(host, certificate)
        except Exception as error:
            return error

    def _go_secure(self) -> None:
        self._go_to(SECURE)
        # As in Node the listeners come first: if one destroys the socket, nothing of this is sent. A server
        # sends it together with its answer to what has arrived behind the handshake.
        call_soon(self._begin_to_send, strand=self._strand)
        if self._consumer is None and not self.isPaused():
            self._receiving = True
        self._update_interest()

    def _send_end_of_handshake(self) -> None:
        if self._state is not OVER:
            self._flush_outgoing()

    def _begin_to_send(self) -> None:
        """The end of the handshake, if nothing has taken it along."""
        if self._state is SECURE:
            self._catch_up()
            self._flush_outgoing()

    def _tell_session(self) -> None:
        session = self.getSession()
        if session is not None and session != self._told_session:
            self._told_session = session
            self._fire('session', session)

    @property
    def secureConnecting(self) -> bool:
        """Is the handshake still to be done?"""
        return self._state not in (SECURE, OVER)

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


def callback_option(options: Mapping[str, Any], name: str) -> Function | None:
    """Return an option that is a function, to be called with any number of arguments. Raises TypeError
    ERR_INVALID_ARG_TYPE."""
    function = options.get(name)
    if function is None or getattr(function, 'is_internal_hook', False):
        return function
    check_function(f'options.{name}', function)
    return adapt(function)


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

