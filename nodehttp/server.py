"""Server, ServerResponse, createServer: HTTP on top of `net.Server`.

Documentation: "Class: http.Server", "Class: http.ServerResponse", "http.createServer([options][,
requestListener])". What happens on a connection is in `_connection.py`; here is what the user has in hand.

Listeners of 'request' and its like may block (see `baton.py`). An exception of theirs, or of a listener
of the request or of the response, ends the exchange: 500 where nothing was sent yet, else the connection is
destroyed.

Time limits cost a request next to nothing: the server keeps the connections on which a request is arriving,
in the order in which that began (`_receiving`), and one timer looks at the front of them. An idle connection
is ended by the timeout of its socket.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Self

from nodehttp import errors, net
from nodehttp._answering import Answering
from nodehttp._connection import ServerConnection
from nodehttp._head import flat_pairs, header_pairs
from nodehttp._netoptions import server_arguments
from nodehttp._netoutput import JOIN_LIMIT
from nodehttp._overduplex import DuplexConnection
from nodehttp._stream import GONE, user_callback
from nodehttp.arity import adapt
from nodehttp.checks import check_boolean, check_function, check_integer
from nodehttp.common import (
    STATUS_CODES,
    has_chunked,
    has_invalid_char,
    validateHeaderName,
    validateHeaderValue,
)
from nodehttp.events import NO_EVENTS
from nodehttp.incoming import IncomingMessage
from nodehttp.listeners import internal
from nodehttp.outgoing import ENDED, FINISHED, OPEN, OutgoingMessage
from nodehttp.strings import to_string
from nodehttp.threadpool import (
    Source,
    Timer,
    monitor,
    next_tick,
    now,
    released,
    report_exception,
    start_timer,
)

Callback = Callable[..., Any]

_REASONS = dict(STATUS_CODES)  # a plain dict is faster
_status_lines: dict[tuple[int, str], str] = {}
# One link of an early hint: <target>, and parameters without blanks. Node takes anything for a target, even
# what ends the line.
_is_link = re.compile(r'<[^>\x00-\x1f\x7f]*>(?:\s*;\s*[^;"\s]+(?:=("?)[^;"\s]*\1)?)*', re.ASCII).fullmatch


class ServerResponse(OutgoingMessage):
    """The answer to a request. A server makes it; any thread may use it. ("Class: http.ServerResponse")"""

    __slots__ = '_connection', '_expects_continue', '_hears_close', '_sent_continue', 'req'  # see net.Socket

    statusCode: Any = 200
    statusMessage: str | None = None
    sendDate = True

    req: Any
    _connection: Answering | None
    _hears_close: bool  # listens to the socket by itself
    _expects_continue: bool
    _sent_continue: bool

    def __init__(self, req: Any, options: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        """Options: highWaterMark (bytes), rejectNonStandardBodyWrites (bool)."""
        if options or kwargs:
            super().__init__(options, **kwargs)
        self._take_request(req)

    def __repr__(self) -> str:
        request = f'{self.req.method} {getattr(self.req, "url", "")}'
        return super().__repr__().replace(' ', f' {self.statusCode} to {request} ', 1)

    def _take_request(self, req: Any) -> None:
        self.req = req
        self._connection = None
        self._hears_close = self._expects_continue = self._sent_continue = False
        # (See `IncomingMessage`: they are asked for often.)
        self._events, self._phase, self._has_body = NO_EVENTS, OPEN, req.method != 'HEAD'
        self.destroyed = self._head_sent = self._last = self._is_answered = False
        self.chunkedEncoding = self.maxRequestsOnConnectionReached = False
        self._queue = self._header = self._headers = None
        self._corked = self._removed = 0
        if req.httpVersionMinor == 0 or req.httpVersionMajor == 0:
            # No chunks for HTTP/1.0, unless it says that it knows them; 0.9 and 2.0 count as such.
            self.useChunkedEncodingByDefault = has_chunked(req.headers['te'] or '') is not None
            self.shouldKeepAlive = False

    # Head

    def writeHead(self, statusCode: Any, statusMessage: Any = None, headers: Any = None) -> Self:
        """Render the head: status, reason and headers, merged with those that were set. Returns the response.

        `headers` is a mapping, [name, value, ...] or, if none was set before, [[name, value], ...];
        `statusMessage` may be left out.
        Raises ValueError ERR_HTTP_INVALID_STATUS_CODE outside 100 to 999, ERR_HTTP_HEADERS_SENT the second
        time, TypeError for bad names and values and ERR_INVALID_CHAR for a bad reason.
        ("response.writeHead(statusCode[, statusMessage][, headers])")
        """
        with monitor:  # else another thread could send a head that frames the body in another way meanwhile
            if self._header is not None:
                self._refuse_when_sent('write')
            status = _to_status(statusCode)
            if type(statusMessage) is not dict and isinstance(statusMessage, str):  # (faster)
                self.statusMessage = statusMessage
            else:
                if headers is None:
                    headers = statusMessage
                if not self.statusMessage:
                    self.statusMessage = _REASONS.get(status, 'unknown')
            self.statusCode = status
            self._write_head(status, self._merged_headers(headers))
            return self

    def writeHeader(self, statusCode: Any, statusMessage: Any = None, headers: Any = None) -> Self:
        """The same as `writeHead`. (Deprecated: DEP0063)"""
        return self.writeHead(statusCode, statusMessage, headers)

    def _merged_headers(self, headers: Any) -> Iterable[tuple[str, Any]] | None:
        """Return the headers of `writeHead`; or None, if they were put among those that were set, in their
        places or behind them."""
        if self._headers is None:
            return () if headers is None else headers.items() if type(headers) is dict else _pairs(headers)
        if isinstance(headers, (list, tuple)):
            # What is listed several times is sent several times. Here a list of pairs is none, as in Node.
            pairs = [(name, value) for name, value in flat_pairs(headers) if name]
            for name, _ in pairs:
                self.removeHeader(name)
            for name, value in pairs:
                self.appendHeader(name, value)
        else:
            for name, value in _pairs(headers):
                if name:
                    self.setHeader(name, value)
        return None

    def _write_head(self, status: int, headers: Iterable[tuple[str, Any]] | None = None) -> None:
        reason = self.statusMessage or ''
        if type(reason) is not str:
            reason = to_string(reason)
        line = _status_lines.get((status, reason)) or _status_line(status, reason)
        if status < 200 or status == 204 or status == 304:
            self._has_body = False
        if self._expects_continue and not self._sent_continue:
            # The client may or may not send the body now: where the next request begins is not known.
            self.shouldKeepAlive = False
        if self._render_head(line, headers):
            with monitor:
                self._send(b'')

    def _is_never_chunked(self) -> bool:
        return self.statusCode in (204, 304)

    def _implicit_header(self) -> None:
        if getattr(self.writeHead, '__func__', None) is _PLAIN_WRITE_HEAD:  # not middleware's
            status = self.statusCode = _to_status(self.statusCode)
            if not self.statusMessage:
                self.statusMessage = _REASONS.get(status, 'unknown')
            self._write_head(status)
        else:
            with released():
                self.writeHead(self.statusCode)
            if self._header is None:
                _PLAIN_WRITE_HEAD(self, self.statusCode)

    def _answer(self, status: int, *headers: tuple[str, Any]) -> None:
        """Answer without asking the user."""
        self.statusCode, self.statusMessage = status, STATUS_CODES[status]
        self._write_head(status, headers)
        self._end(None, None)

    def _fail_exchange(self) -> None:
        """End what a callback that has raised had begun."""
        with monitor:
            if self._phase is not OPEN or self.destroyed:
                return
            if self._head_sent or self._queue:
                self.destroy()
                return
            for name in ('_headers', '_header', '_content_length', 'chunkedEncoding', 'strictContentLength',
                         '_removed', '_corked_chunks', 'sendDate'):
                self.__dict__.pop(name, None)
            self._has_body = self.req.method != 'HEAD'
            self._content_length = 0
            self._answer(500, ('Connection', 'close'))

    # 1xx

    def writeContinue(self, callback: Callback | None = None) -> None:
        """Send 'HTTP/1.1 100 Continue': the client may send the body. ("response.writeContinue()")"""
        with monitor:
            self._write_information('HTTP/1.1 100 Continue\r\n\r\n', callback)
            self._sent_continue = True

    def writeProcessing(self, callback: Callback | None = None) -> None:
        """Send 'HTTP/1.1 102 Processing': the answer takes a while. ("response.writeProcessing()")"""
        with monitor:
            self._write_information('HTTP/1.1 102 Processing\r\n\r\n', callback)

    def writeEarlyHints(self, hints: Mapping[str, Any], callback: Callback | None = None) -> None:
        """Send 'HTTP/1.1 103 Early Hints' with the links `hints['link']`, a str or a list, and other headers.

        Without links nothing is sent. Raises TypeError ERR_INVALID_ARG_TYPE, and ERR_INVALID_ARG_VALUE for a
        link that is none. Node 25.2.1 lets line ends in hints through, which splits the message; here they
        raise ERR_INVALID_CHAR and the like. ("response.writeEarlyHints(hints[, callback])")
        """
        if not isinstance(hints, Mapping):
            raise errors.invalid_arg_type('hints', 'of type object', hints)
        given = hints.get('link')
        links = list(given) if isinstance(given, (list, tuple)) else [] if given is None else [given]
        if not links:
            return
        for link in links:
            if not isinstance(link, str) or not _is_link(link) or has_invalid_char(link):
                raise errors.node_error(
                    'ERR_INVALID_ARG_VALUE', 'hints', link,
                    'must be an array or string of format "</styles.css>; rel=preload; as=style"')
        lines = ['HTTP/1.1 103 Early Hints\r\nLink: ', ', '.join(links), '\r\n']
        for name, value in hints.items():
            if name != 'link':
                text = to_string(value)
                validateHeaderName(name)
                validateHeaderValue(name, text)
                lines.append(f'{name}: {text}\r\n')
        with monitor:
            self._write_information(''.join(lines) + '\r\n', callback)

    def _write_information(self, head: str, callback: Callback | None) -> None:
        done = None if callback is None else user_callback(callback, self._listener_failed)
        self._write_out(head.encode('latin-1'), done)

    # Socket and end

    def assignSocket(self, socket: Any) -> None:
        """Attach the response to a socket, which a server does itself.

        Raises ERR_HTTP_SOCKET_ASSIGNED if that has another one.
        """
        with monitor:
            if getattr(socket, '_httpMessage', None) is not None:
                raise errors.node_error('ERR_HTTP_SOCKET_ASSIGNED')
            self._attach(socket)
            if self._connection is None:
                self._strand = socket._strand or socket._own_strand()
                self._hear_close()
            self._fire('socket', socket)
            self._flush()

    def detachSocket(self, socket: Any) -> None:
        """Detach the response from its socket."""
        with monitor:
            self._detach()

    def _hear_close(self, first: bool = False) -> None:
        if not self._hears_close:
            self._hears_close = True
            add = self.socket.prependListener if first else self.socket.on
            add('close', self._socket_closed)

    def _socket_closed(self, *_: Any) -> None:
        with monitor:
            self._emit_close()

    def _attach(self, socket: Any) -> None:
        socket._httpMessage = self
        self.socket = socket

    def _detach(self) -> None:
        socket, self.socket = self.socket, None
        if socket is not None:
            socket._httpMessage = None
            if self._hears_close:
                self._hears_close = False
                socket.off('close', self._socket_closed)

    def _needs_tick(self) -> None:
        if self._connection is not None:
            self._connection.needs_tick()

    def _cork_until_tick(self, socket: Any, size: int) -> None:
        if self._connection is None:
            super()._cork_until_tick(socket, size)
        else:
            self._connection.cork_until_tick(size)

    def _queue_changed(self, delta: int) -> None:
        if self._connection is not None:
            self._connection.queue_changed(delta)

    def _send_end(self, data: bytes | None) -> None:
        connection, socket, is_unheard = self._connection, self.socket, self._is_unheard()
        if (connection is None or (not is_unheard and self._hears_prefinish())
                or not connection.saves_tick(self)):
            super()._send_end(data)
            return
        if self._head_sent or self.chunkedEncoding or (data and len(data) > JOIN_LIMIT):
            self._send_last(data, None)
        else:  # all of it is one short write, and nothing is before it
            self._head_sent = True
            head = self._header.encode('latin-1')  # type: ignore[union-attr]
            socket._accept(head + data if data else head, 'buffer', None)
        if not is_unheard:
            self._leave_to_socket()
        elif socket._corked:  # what that comes to
            self._corked = 0
            while socket._corked:
                socket.uncork()
        connection.response_sent(self)

    def _flush(self) -> None:
        connection = self._connection
        if connection is not None and connection.saves_tick(self) and self._flush_whole():
            connection.response_sent(self)
        else:
            super()._flush()

    def _is_over_unheard(self) -> bool:
        """If all of the response was sent, is the exchange over, and nobody listens to what comes of that?"""
        request = self.req
        return request.complete and self._is_unheard() and (request._is_unheard() or (
            request._life == GONE and (request._consumed or 'resume' not in request._events)))

    def _end_unheard(self) -> None:
        """What comes of that, without ticks in which nothing would be heard."""
        self.destroyed = self._closed = True
        self.req._end_unread()

    # For the connection, while the response waits for its turn

    def is_short_and_unheard(self) -> bool:
        """May it be sent as `send_unheard` does?"""
        return (self._is_whole() and self._queue_size <= JOIN_LIMIT and not self._last
                and self._is_over_unheard())

    def send_unheard(self) -> bytes:
        """Return all of it; what follows from its having been sent is over."""
        self._phase = FINISHED
        self._end_unheard()
        return self._take_whole()

    def _on_flushed(self, error: BaseException | None = None) -> None:
        # As in Node also after an error of the socket, when nothing more can be sent.
        if self._phase is ENDED:
            self._phase = FINISHED
            connection = self._connection
            if connection is not None:
                if connection.comes_next() and self._is_over_unheard():
                    connection.response_finished(self, True)
                    return
                if not self._has_plain_emit():  # Node's own listener is the first, but behind an `emit`
                    self.prependOnceListener('finish', internal(partial(connection.response_finished, self)))
                else:
                    connection.response_finished(self)
            self._fire('finish')

    def _emit_close(self) -> None:
        if not self._closed:
            self.destroyed = self._closed = True
            self._fire('close')
            if self._is_awaited:
                self._end_waits()


def _to_status(code: Any) -> int:
    """Return a status as a number, as JavaScript's `code | 0`; ValueError ERR_HTTP_INVALID_STATUS_CODE."""
    if type(code) is int and code in _REASONS:
        return code
    try:
        status = code if type(code) is int else int(float(code))
    except (TypeError, ValueError, OverflowError):
        status = 0
    if not 100 <= status <= 999:
        shown = code if isinstance(code, str) else errors.show(code)
        raise errors.node_error('ERR_HTTP_INVALID_STATUS_CODE', shown)
    return status


def _status_line(status: int, reason: str) -> str:
    """Return the first line of a response, remembered for standard reasons; TypeError ERR_INVALID_CHAR."""
    if has_invalid_char(reason):
        raise errors.node_error('ERR_INVALID_CHAR', 'statusMessage')
    line = f'HTTP/1.1 {status} {reason}\r\n'
    if _REASONS.get(status) == reason:
        _status_lines[status, reason] = line
    return line


def _pairs(headers: Any) -> Iterable[tuple[str, Any]]:
    """As `header_pairs`; what holds no headers at all (None, a number) counts as empty, as in Node."""
    return header_pairs(headers) if isinstance(headers, (Mapping, list, tuple)) else ()


def _check_option(name: str, value: Any) -> None:
    check_boolean(f'options.{name}', value)


def _is_built_as(kind: type, parent: type) -> bool:
    """Has a subclass no constructor of its own?"""
    return kind.__init__ is parent.__init__ and kind.__new__ is parent.__new__  # type: ignore[misc]


# name: (check, default). Each becomes an attribute of the server, as in Node. Durations are ms.
_OPTIONS: dict[str, tuple[Callable[[str, Any], object], Any]] = {
    'requestTimeout': (check_integer, 300_000),  # for a whole request to arrive
    'headersTimeout': (check_integer, None),  # for its head; the default depends on requestTimeout
    'keepAliveTimeout': (check_integer, 5_000),  # announced to the client,
    'keepAliveTimeoutBuffer': (check_integer, 1_000),  # and how much longer it is really kept
    'connectionsCheckingInterval': (check_integer, 30_000),  # so much later a limit may take effect
    'maxHeaderSize': (check_integer, None),  # bytes; None: http.maxHeaderSize
    'insecureHTTPParser': (_check_option, None),
    'joinDuplicateHeaders': (_check_option, None),
    'requireHostHeader': (_check_option, True),
    'rejectNonStandardBodyWrites': (_check_option, False),
}
_HEADERS_TIMEOUT = 60_000  # ms, if requestTimeout is not shorter


_PLAIN_WRITE_HEAD = ServerResponse.writeHead


class Server(net.Server):
    """An HTTP server. ("Class: http.Server")

    Any thread may call any method. Listeners run in the pool's threads, one after the other as long as they
    do not block. `Server(options=None, requestListener=None, **options)`: options are those of
    "http.createServer([options][, requestListener])" and of `net.Server`; TypeError ERR_INVALID_ARG_TYPE,
    ValueError ERR_OUT_OF_RANGE for bad ones.
    """

    requestTimeout: float
    headersTimeout: float
    keepAliveTimeout: float
    keepAliveTimeoutBuffer: float
    connectionsCheckingInterval: float
    maxHeaderSize: int | None
    insecureHTTPParser: bool | None
    joinDuplicateHeaders: bool | None
    requireHostHeader: bool
    rejectNonStandardBodyWrites: bool
    shouldUpgradeCallback: Callback
    # A subclass may have others:
    timeout: float | None = 0  # ms of inactivity; 0: no limit
    maxHeadersCount: int | None = None
    maxRequestsPerSocket: int | None = 0
    httpAllowHalfOpen = False

    _http_event = 'connection'  # brings a socket on which HTTP is spoken

    _checker: Timer | None = None
    _idle_limit: float = 0  # ms; for how long idle connections are kept

    def __init__(self, options: Any = None, requestListener: Callback | None = None, **kwargs: Any) -> None:
        given, requestListener = server_arguments(options, requestListener, kwargs)
        self._take_options(given)
        super().__init__(self._options_of_net(given))
        self._request_source = Source()
        self._http_connections: dict[ServerConnection, None] = {}  # in the order in which they came
        # Those on which a request is arriving, and since when (ms); the oldest first.
        self._receiving: dict[ServerConnection, float] = {}
        if requestListener is not None:
            self.on('request', requestListener)
        self.on(self._http_event, internal(self._connected))
        self.on('listening', internal(self._start_checking))

    def _options_of_net(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return what net.Server is made with."""
        return {'noDelay': True, **given, 'allowHalfOpen': True}

    def _take_options(self, given: dict[str, Any]) -> None:
        for name, (check, default) in _OPTIONS.items():
            if name in given:
                check(name, given[name])
            setattr(self, name, given.get(name, default))
        if 'headersTimeout' not in given:
            self.headersTimeout = min(_HEADERS_TIMEOUT, self.requestTimeout)
        elif 0 < self.requestTimeout < self.headersTimeout:
            raise errors.node_error(
                'ERR_OUT_OF_RANGE', 'headersTimeout', '<= requestTimeout', self.headersTimeout)
        # What each request asks for is found sooner in the object.
        self.timeout, self.maxHeadersCount = self.timeout, self.maxHeadersCount
        self.maxRequestsPerSocket = self.maxRequestsPerSocket
        self._optimizes_empty = given.get('optimizeEmptyRequests', False)
        check_boolean('options.optimizeEmptyRequests', self._optimizes_empty)
        if 'shouldUpgradeCallback' in given:
            check_function('options.shouldUpgradeCallback', given['shouldUpgradeCallback'])
            self.shouldUpgradeCallback = adapt(given['shouldUpgradeCallback'])
        else:
            self.shouldUpgradeCallback = self._has_upgrade_listener
        unique = given.get('uniqueHeaders')
        self._unique_headers: frozenset[str] = frozenset()
        if isinstance(unique, (list, tuple)):
            for name in unique:
                if not isinstance(name, str):
                    raise errors.invalid_arg_type('options.uniqueHeaders', 'an array of strings', unique)
            self._unique_headers = frozenset(map(str.lower, unique))
        self._incoming_class = given.get('IncomingMessage', IncomingMessage)
        self._response_class = given.get('ServerResponse', ServerResponse)
        # Constructors of the user's run without the monitor.
        self._builds_plainly = (_is_built_as(self._incoming_class, IncomingMessage)
                                and _is_built_as(self._response_class, ServerResponse))

    def _has_upgrade_listener(self, request: Any = None) -> bool:
        return 'upgrade' in self._events

    # Connections

    def _connected(self, socket: Any) -> None:
        kind = ServerConnection if hasattr(socket, '_consume') else DuplexConnection
        kind(self, socket)

    def _track(self, connection: ServerConnection) -> None:
        self._http_connections[connection] = None
        self._receiving[connection] = now()

    def _untrack(self, connection: ServerConnection) -> None:
        self._http_connections.pop(connection, None)
        self._receiving.pop(connection, None)

    def _start_checking(self) -> None:
        self._stop_checking()
        interval = max(1, self.connectionsCheckingInterval)
        self._checker = start_timer(interval, self._check, ref=False, repeat=interval)

    def _stop_checking(self) -> None:
        if self._checker is not None:
            self._checker.cancel()
            self._checker = None

    def _check(self) -> None:
        """End the connections whose requests take too long to arrive."""
        limits = [limit for limit in (self.headersTimeout, self.requestTimeout) if limit]
        if not limits:
            return
        shortest, current = min(limits), now()
        expired = []
        for connection, since in self._receiving.items():
            age = current - since
            if age < shortest:
                break
            if (self.requestTimeout and age >= self.requestTimeout) or (
                    self.headersTimeout and age >= self.headersTimeout and not connection.has_head()):
                expired.append(connection)
        for connection in expired:
            del self._receiving[connection]
            next_tick(connection.expire, strand=connection._strand)

    def _tell_of_client(self, error: BaseException, socket: Any) -> bool:
        """Emit 'clientError', and return whether anybody listens, who deals with the socket then. One that
        raises has not done so."""
        has_listener, raised = self._fire_from(self._request_source, 'clientError', error, socket)
        if raised is not None:
            report_exception(raised)
            socket.destroy()
        return has_listener

    # For users

    def setTimeout(self, msecs: Any = None, callback: Callback | None = None) -> Self:
        """Set `timeout`, the limit of inactivity (ms) of new sockets. Returns the server.

        `callback` becomes a 'timeout' listener, and has to deal with the socket then.
        ("server.setTimeout([msecs][, callback])")
        """
        if callable(msecs):
            msecs, callback = None, msecs
        self.timeout = msecs
        if callback is not None:
            self.on('timeout', callback)
        return self

    def close(self, callback: Callback | None = None) -> Self:
        """Accept no more connections and close those that are idle; 'close' comes when all are closed.

        `callback` hears of that, or ERR_SERVER_NOT_RUNNING. Connections that were never used, or are busy,
        stay. Returns the server. ("server.close([callback])")
        """
        with monitor:
            self.closeIdleConnections()
            self._stop_checking()
            super().close(callback)
        return self

    def closeAllConnections(self) -> None:
        """Destroy all connections, those with a request too, but not upgraded ones.

        ("server.closeAllConnections()")
        """
        with monitor:
            for connection in list(self._http_connections):
                connection.socket.destroy()

    def closeIdleConnections(self) -> None:
        """Destroy the connections that have served a request and are not in one.

        ("server.closeIdleConnections()")
        """
        with monitor:
            # Looking at all of them costs less than a list of the idle ones would cost each request.
            for connection in list(self._http_connections):
                connection.close_if_idle()


def createServer(options: Any = None, requestListener: Callback | None = None, **kwargs: Any) -> Server:
    """Return a new Server; may be used as a decorator of its request listener.

    ("http.createServer([options][, requestListener])")
    """
    return Server(options, requestListener, **kwargs)


def _connectionListener(server: Server, socket: Any) -> None:
    """Make any Duplex an HTTP connection of `server`, as its 'connection' listener does."""
    with monitor:
        server._connected(socket)


__all__ = ['Server', 'ServerResponse', '_connectionListener', 'createServer']
