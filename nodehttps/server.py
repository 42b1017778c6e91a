"""https.Server: HTTP on a tls.Server. ("Class: https.Server")"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodehttp import server as http_server
from nodehttp._netoptions import server_arguments
from nodehttp.listeners import internal
from nodehttps import tls

Callback = Callable[..., Any]


class Server(http_server.Server, tls.Server):
    """An HTTPS server: what http.Server and tls.Server do.

    `Server(options=None, requestListener=None, **options)`: options of "tls.createServer()",
    "tls.createSecureContext()" and "http.createServer()". As in Node `uniqueHeaders` has no effect, and
    'http/1.1' is offered by ALPN unless ALPNProtocols or ALPNCallback say what is.
    """

    maxRequestsPerSocket = None  # until it is set, as in Node

    _http_event = 'secureConnection'

    def __init__(self, options: Any = None, requestListener: Callback | None = None, **kwargs: Any) -> None:
        given, requestListener = server_arguments(options, requestListener, kwargs)
        given.pop('uniqueHeaders', None)
        if 'ALPNProtocols' not in given and 'ALPNCallback' not in given:
            given['ALPNProtocols'] = ['http/1.1']
        super().__init__(given, requestListener)
        self.on('tlsClientError', internal(self._handshake_failed))

    def _options_of_net(self, given: dict[str, Any]) -> dict[str, Any]:
        return {'noDelay': True, **given}  # half open only when asked for, unlike those of http

    def _handshake_failed(self, error: BaseException, socket: tls.TLSSocket) -> None:
        if not self._tell_of_client(error, socket):
            socket.destroy(error)


def createServer(options: Any = None, requestListener: Callback | None = None, **kwargs: Any) -> Server:
    """Return a new Server; may be used as a decorator of its request listener.

    ("https.createServer([options][, requestListener])")
    """
    return Server(options, requestListener, **kwargs)


__all__ = ['Server', 'createServer']
