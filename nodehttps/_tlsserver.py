"""tls.Server: a net.Server whose connections are TLSSockets. ("Class: tls.Server")

Each accepted connection is first a plain Socket ('connection'); the server's own listener for that puts a
TLSSocket on it, which emits 'secureConnection' on the server when its handshake is done, or 'tlsClientError'.
A handshake that takes too long holds no thread, only a timer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nodehttp import errors, net
from nodehttp._netoptions import server_arguments
from nodehttp._stream import Function, merged
from nodehttp.checks import check_number
from nodehttp.listeners import internal
from nodehttp.monitor import internal_hook, monitor
from nodehttp.threadpool import Source
from nodehttps._context import SecureContext, createSecureContext
from nodehttps._errors import unavailable
from nodehttps._handshake import callback_option
from nodehttps._protocols import protocol_list
from nodehttps._tlssocket import TLSSocket

HANDSHAKE_TIMEOUT = 120_000  # ms

# Events that Node has and Python's ssl cannot bring.
_IMPOSSIBLE_EVENTS = ('newSession', 'resumeSession', 'OCSPRequest')
_IMPOSSIBLE_OPTIONS = ('pskCallback', 'pskIdentityHint', 'enableTrace')


class Server(net.Server):
    """A server of TLS connections. ("Class: tls.Server")

    Options: those of createSecureContext and of net.Server; requestCert, rejectUnauthorized (True),
    ALPNProtocols, ALPNCallback, SNICallback, handshakeTimeout (ms). Any thread may call any method.
    """

    requestCert: bool
    rejectUnauthorized: bool

    _secure_context: SecureContext

    def __init__(
        self, options: Any = None, secureConnectionListener: Function | None = None, **kwargs: Any,
    ) -> None:
        given, secureConnectionListener = server_arguments(options, secureConnectionListener, kwargs)
        self._take_tls_options(given)
        super().__init__(given)
        self._secure_source = Source()
        self._contexts: list[tuple[re.Pattern[str], SecureContext]] = []
        self.on('connection', internal(self._secure))
        if secureConnectionListener is not None:
            self.on('secureConnection', secureConnectionListener)

    def _take_tls_options(self, given: dict[str, Any]) -> None:
        for name in _IMPOSSIBLE_OPTIONS:
            if given.get(name):
                raise unavailable(f'options.{name}')
        self.requestCert = given.get('requestCert') is True
        self.rejectUnauthorized = given.get('rejectUnauthorized') is not False
        self._alpn_callback = callback_option(given, 'ALPNCallback')
        self.ALPNCallback: Function | None = given.get('ALPNCallback')
        self.ALPNProtocols: list[str] | None = None
        if 'ALPNProtocols' in given:
            self.ALPNProtocols = protocol_list(given['ALPNProtocols'])
            if self.ALPNCallback is not None:
                raise errors.node_error('ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS')
        self._handshake_timeout = check_number(
            'options.handshakeTimeout', given.get('handshakeTimeout') or HANDSHAKE_TIMEOUT)
        self._sni_callback = callback_option(given, 'SNICallback')
        self._secure_context = createSecureContext(given)

    def _add(self, name: str, function: Function, once: bool, prepend: bool) -> Any:
        if name in _IMPOSSIBLE_EVENTS:
            raise unavailable(f"'{name}'")
        return super()._add(name, function, once, prepend)

    # Connections

    def _secure(self, socket: net.Socket) -> None:
        """Begin the handshake on an accepted connection."""
        secure = TLSSocket._accepted(socket, self)
        if self.highWaterMark != secure._read_mark:
            secure._read_mark = secure._write_mark = self.highWaterMark
        secure.server = self
        secure.timeout = 0  # not None, as it is with clients
        if self.pauseOnConnect:
            secure._flowing = False
        secure._limit_handshake(self._handshake_timeout)

    @internal_hook
    def _context_of(self, servername: str, callback: Function) -> None:
        """The SNICallback of a server that has contexts for names: the one added last wins."""
        for pattern, context in reversed(self._contexts):
            if pattern.fullmatch(servername):
                callback(None, context)
                return
        callback(None, None)

    # For users

    def addContext(self, hostname: str | None = None, context: Any = None) -> None:
        """Use other credentials for clients that ask for `hostname`, which may have `*` for a label;
        `context` is a SecureContext or the options of one. ("server.addContext(hostname, context)")

        Raises Error ERR_TLS_REQUIRED_SERVER_NAME, TypeError ERR_INVALID_ARG_TYPE, and what
        createSecureContext raises.
        """
        if not hostname:
            raise errors.node_error('ERR_TLS_REQUIRED_SERVER_NAME')
        if not isinstance(hostname, str):
            raise errors.invalid_arg_type('hostname', 'of type string', hostname)
        if not isinstance(context, SecureContext):
            context = createSecureContext(context)
        pattern = re.escape(hostname).replace(r'\*', '[^.]*')
        with monitor:
            self._contexts.append((re.compile(pattern), context))

    def setSecureContext(self, options: Any = None, **kwargs: Any) -> None:
        """Use other credentials for connections from now on; those that are open stay.
        ("server.setSecureContext(options)")

        Raises what createSecureContext raises; then all stays as it is.
        """
        if not isinstance(options, Mapping) and not (options is None and kwargs):
            raise errors.invalid_arg_type('options', 'of type object', options)
        context = createSecureContext(merged(options, kwargs))
        with monitor:
            self._secure_context = context

    def getTicketKeys(self) -> bytes:
        """Not possible. ("server.getTicketKeys()")"""
        raise unavailable('getTicketKeys()')

    def setTicketKeys(self, keys: bytes) -> None:
        """Not possible. ("server.setTicketKeys(keys)")"""
        raise unavailable('setTicketKeys()')

