"""One connection of a server: what arrives on it, and the responses that leave on it in turn.

Two things go on at once. *Receiving* has a named state:

    HEAD      the head of a request is arriving; so it is from the beginning, before the first byte
    BODY      the head was delivered, the rest of the request is arriving
    IDLE      there were requests, and the last one is complete
    REFUSED   what came is no HTTP: nothing more is parsed
    TUNNEL    after 'upgrade' or 'connect': the socket is the user's
    CLOSED

*Answering* is a queue: `_unanswered` are the requests without a finished response, in order. The response to
the first one is the socket's current message (`socket._httpMessage`), those to the others wait in `_waiting`.

Parsing is a pull: `_advance` takes what the parser has next and delivers it, until it has nothing. All input
is kept in the parser and in the request, so that another thread can go on when a listener waits in the middle
of its delivery (`Strand.resume`).

It works over any Duplex. A `net.Socket` hands its bytes over directly (`_consume`), anything else as 'data'.
"""

from __future__ import annotations

import math
from threading import get_ident
from typing import TYPE_CHECKING, Any

from nodehttp import errors
from nodehttp.common import INSECURE_HTTP_PARSER, has_100_continue
from nodehttp.events import internal
from nodehttp.incoming import IncomingMessage, aborted_error
from nodehttp.parser import END, End, Head, ParseError, Parser
from nodehttp.threadpool import (
    call_next,
    call_user,
    has_baton,
    next_tick,
    now,
    pool,
    postpone,
    released,
    report_exception,
)

if TYPE_CHECKING:
    from nodehttp.server import Server, ServerResponse

HEAD, BODY, IDLE, REFUSED, TUNNEL, CLOSED = 'head', 'body', 'idle', 'refused', 'tunnel', 'closed'
_MOVES = {
    HEAD: (BODY, REFUSED, TUNNEL, CLOSED),
    BODY: (IDLE, REFUSED, CLOSED),
    IDLE: (HEAD, BODY, REFUSED, TUNNEL, CLOSED),
    REFUSED: (CLOSED,),
    TUNNEL: (),
    CLOSED: (),
}

# Why the socket is not read, as bits: the request's reader is slow; too much of later answers waits; there is
# no thread left for another request; the user has paused it.
READER_IS_SLOW, SWAMPED, CROWDED, PAUSED = 1, 2, 4, 8

# Names and values. From so many on, or once there were trailers, Node's parser takes the long way, on which
# ticks come before this and each further request of the connection, as they come before the end of one with
# trailers.
MANY_HEADERS = 64

_BAD_REQUEST = b'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'
# What a client is told that did something wrong, by the code of the error.
_ERROR_ANSWERS = {
    'HPE_HEADER_OVERFLOW': b'HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n',
    'HPE_CHUNK_EXTENSIONS_OVERFLOW': b'HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n\r\n',
    'ERR_HTTP_REQUEST_TIMEOUT': b'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n',
}


class ServerConnection:
    """A socket of a server, for as long as it is used for HTTP. All methods need the monitor."""

    state = HEAD
    _request: IncomingMessage | None = None  # the one that is, or was last, received
    _postponed: Head | End | None = None  # what waits for a thread, or for ticks
    _held = 0  # why the socket is not read
    _queued = 0  # bytes of responses that wait for their turn
    _count = 0  # requests so far, counted under maxRequestsPerSocket only
    _refusal: ParseError | None = None  # why it is refused
    _is_broken = False  # the server's user was told of an error
    _is_late = False  # and that the request takes too long
    _many: float = MANY_HEADERS
    _has_ticks = False  # before each request
    _had_ticks = False  # before an error of the parser
    _is_idle_timed = False  # the socket's timeout is that of an idle connection
    _deliverer = 0  # the thread that is in `_advance`
    _flushed: ServerResponse | None = None  # to be dealt with at the end of that
    _finisher = 0  # the thread that does this

    def __init__(self, server: Server, socket: Any) -> None:
        self.server = server
        self.socket = socket
        self._unanswered: list[IncomingMessage] = []
        self._waiting: list[ServerResponse] = []
        lenient = server.insecureHTTPParser
        self._parser: Parser | None = Parser(
            'request', max_header_size=server.maxHeaderSize or 0,
            lenient=INSECURE_HTTP_PARSER if lenient is None else bool(lenient))
        self._mark: int = socket.writableHighWaterMark
        self._strand = socket._strand or socket._own_strand()
        self._is_consumed = hasattr(socket, '_consume')
        if not self._is_consumed:
            self._many = math.inf  # what it has at once comes without ticks
        self._is_secure = hasattr(socket, 'encrypted')
        # None if the connection cannot time out: a Duplex of the user's.
        self._set_timeout: Any = getattr(socket, '_set_timeout', None) or getattr(socket, 'setTimeout', None)
        self._listeners = {
            'end': internal(self._ended),
            'close': internal(self._closed),
            'error': internal(self._broken),
            'drain': internal(self._drained),
            'timeout': internal(self._timed_out),
        }
        self._take_socket()

    def __repr__(self) -> str:
        return f'<ServerConnection {self.state} unanswered={len(self._unanswered)}>'

    def _enter(self, state: str) -> None:
        """The one place where the state of receiving changes."""
        assert state in _MOVES[self.state], f'{self.state} -> {state}'
        self.state = state

    # The socket

    def _take_socket(self) -> None:
        server, socket = self.server, self.socket
        socket._httpMessage = None
        if server.timeout and self._set_timeout is not None:
            self._set_timeout(server.timeout)
        if self._is_consumed:
            self._listeners['pause'] = internal(self._user_paused)
            self._listeners['resume'] = internal(self._user_resumed)
        else:
            self._listeners['data'] = internal(self._received)
        for name, listener in self._listeners.items():
            socket.on(name, listener)
        socket.server = server
        socket.setEncoding = _refuse_encoding
        self._resume_before, self._strand.resume = self._strand.resume, self._go_on
        server._track(self)
        if self._is_consumed:
            socket._consume(self._received)
            # As in Node it flows, though nobody hears of 'data': to pause it in 'connection' is of no use.
            socket.resume()

    def _leave_socket(self) -> None:
        """The socket is the user's from now on, as if it had never been ours."""
        socket = self.socket
        for name, listener in self._listeners.items():
            socket.off(name, listener)
        del socket.setEncoding
        self._strand.resume = self._resume_before
        self.server._untrack(self)
        if self._is_consumed:
            socket._unconsume()
        socket.readableFlowing = None

    def _hold(self, reason: int) -> None:
        """Do not read on, for a reason more."""
        if not self._held:
            if self._is_consumed:
                self.socket._stop_reading()
            else:
                self.socket.pause()
        self._held |= reason

    def _let_go(self, reason: int) -> None:
        """A reason less not to read."""
        if self._held & reason:
            self._held &= ~reason
            if not self._held and self.state is not CLOSED:
                if self._is_consumed:
                    self.socket._start_reading()
                else:
                    self.socket.resume()

    def want_data(self) -> None:
        """The request's reader has room again. As in Node this also ends the user's pause of the socket."""
        self._let_go(READER_IS_SLOW)
        if self.socket._flowing is False and not self._held & ~PAUSED:
            self.socket.resume()

    def _user_paused(self) -> None:
        self._hold(PAUSED)

    def _user_resumed(self) -> None:
        self._let_go(PAUSED)

    def close_if_idle(self) -> None:
        """Close the connection if it has served requests and is not in one."""
        message = self.socket._httpMessage
        if self.state is IDLE and (message is None or message.finished):
            self.socket.destroy()

    # What arrives

    def _received(self, data: bytes) -> None:
        if self._refusal is not None:  # the listener for 'clientError' has left the socket open
            self._refuse(self._refusal.again(data))
        elif self._parser is not None:
            self._parser.feed(data)
            self._advance()

    def _advance(self) -> None:
        """Deliver what the parser has."""
        outer, self._deliverer = self._deliverer, get_ident()
        try:
            self._deliver()
        finally:
            self._deliverer = outer
        if self._flushed is not None:
            self._finish_flushed()

    def _finish_flushed(self) -> None:
        """What the next tick is for; and those of the answers that have waited for this one."""
        self._finisher = get_ident()
        try:
            while (response := self._flushed) is not None:
                self._flushed = None
                if has_baton():
                    response._on_flushed()
                else:
                    next_tick(response._on_flushed, strand=self._strand)
        finally:
            self._finisher = 0

    def _admit(self) -> None:
        """There may be a thread for what was postponed, or the ticks before it are over."""
        event, self._postponed = self._postponed, None
        if event is None or self._parser is None:
            return
        if event is END:
            self._request_ended(self._parser)
        elif postpone(self._admit, self._strand):
            self._postponed = event
            return
        else:
            self._let_go(CROWDED)
            self._request_arrived(event)  # type: ignore[arg-type]
        self._advance()

    def _deliver(self) -> None:
        while self._parser is not None and self._postponed is None:
            try:
                event = self._parser.next_event()
            except ParseError as error:
                if not self._had_ticks and self._is_in_long_block(self._parser):
                    self._had_ticks = True
                    call_next(self._advance, strand=self._strand)
                else:
                    self._failed(error)
                return
            if event is END:
                if self._parser.trailers and self._is_consumed:
                    self._has_ticks = True
                    self._after_ticks(event)
                else:
                    self._request_ended(self._parser)
            elif event is None:
                if self.state is not IDLE or self._parser.in_message:
                    self._note_what_is_missing()
                return
            elif type(event) is bytes:
                self._body_arrived(event)
                if self._parser is not None and not self._parser.has_more:
                    self._note_what_is_missing()
                    return
                if self._is_consumed:
                    # As in Node, ticks come between a piece of the body and what follows it.
                    call_next(self._advance, strand=self._strand)
                    return
            elif self._has_ticks or len(event.rawHeaders) >= self._many:  # type: ignore[union-attr]
                self._has_ticks = True
                self._after_ticks(event)  # type: ignore[arg-type]
            elif postpone(self._admit, self._strand):
                self._postponed = event  # type: ignore[assignment]
                self._hold(CROWDED)
            else:
                self._request_arrived(event)  # type: ignore[arg-type]

    def _is_in_long_block(self, parser: Parser) -> bool:
        """Does the parser stop in a head, or in trailers, with so many lines that ticks have come since?"""
        fields, request = parser.fields, self._request
        is_complete = fields is parser.trailers or (request is not None and fields is request.rawHeaders)
        return not is_complete and len(fields) >= self._many - 1

    def _after_ticks(self, event: Head | End) -> None:
        self._postponed = event
        call_next(self._admit, strand=self._strand)

    def bring(self, request: IncomingMessage) -> bool:
        """The listener that is being told of `request` is about to wait for its body: deliver a piece of it,
        or its end, if that was received already. Returns whether it was."""
        parser = self._parser
        if (parser is None or self._request is not request or request.complete
                or self._deliverer != get_ident()):
            return False
        try:
            event = parser.next_event()
        except ParseError as error:
            self._failed(error)
            return False
        if event is END:
            self._request_ended(parser)
        elif type(event) is bytes:
            self._body_arrived(event)
        return event is not None

    def _body_arrived(self, data: bytes) -> None:
        request = self._request
        assert request is not None
        if not request._dumped and not request.push(data):
            self._hold(READER_IS_SLOW)

    def _go_on(self) -> None:
        """A listener waits in the middle of a delivery: deliver what is behind it."""
        self._advance()
        if not self._is_consumed and self._parser is not None:
            self.socket._flow()

    def _note_what_is_missing(self) -> None:
        """The rest of a request is to come in another read: its time runs from now on."""
        if self.state is IDLE:
            self._enter(HEAD)
        if (self.state is HEAD or self.state is BODY) and not self._is_late:
            self.server._receiving.setdefault(self, now())

    def _request_ended(self, parser: Parser) -> None:
        self._enter(IDLE)
        self._is_late = False
        self.server._receiving.pop(self, None)
        assert self._request is not None
        self._request._complete(parser.trailers)
        if self._held or self.socket._flowing is False:
            self.want_data()

    def _request_arrived(self, head: Head) -> None:
        server, socket = self.server, self.socket
        if self._is_idle_timed:
            self._is_idle_timed = False
            self._set_timeout(server.timeout or 0)
        if server._builds_plainly:
            request: IncomingMessage = server._incoming_class(socket)
        else:
            request = self._build(server._incoming_class, socket)
        names = request._take_head(head, self, server.maxHeadersCount, server.joinDuplicateHeaders)
        request.method, request.url = head.method, head.url
        if head.upgrade and self._upgrade(request):
            return
        request.upgrade = False
        self._enter(BODY)
        self._request = request
        self._unanswered.append(request)
        if len(self._unanswered) > 1 and (socket.writableNeedDrain or self._queued >= self._mark):
            self._hold(SWAMPED)
        response = self._new_response(request)
        response.shouldKeepAlive = head.shouldKeepAlive
        if socket._httpMessage is None:
            self._attach(response)
        else:
            self._waiting.append(response)
        if server._optimizes_empty and names.isdisjoint(('content-length', 'transfer-encoding')):
            request._end_unread()
        is_1_1 = head.versionMinor == 1 and head.versionMajor == 1
        if not is_1_1 or self._is_for_user(names, request, response):
            self._emit('request', request, response)

    def _attach(self, response: ServerResponse) -> None:
        """It is the turn of `response`: it hears of the end of the socket in the order of Node."""
        response._attach(self.socket)
        if len(self.socket._events.get('close', ())) > 1:
            response._hear_close()

    def _new_response(self, request: IncomingMessage) -> ServerResponse:
        server = self.server
        if server._builds_plainly:
            response: ServerResponse = server._response_class(request)
            response._high_water_mark = self._mark
            if server.rejectNonStandardBodyWrites:
                response._reject_body = True
        else:
            reject = server.rejectNonStandardBodyWrites
            options = {'highWaterMark': self._mark, 'rejectNonStandardBodyWrites': reject}
            response = self._build(server._response_class, request, options)
        response._connection = self
        response._strand = self._strand
        response._keep_alive_timeout = server.keepAliveTimeout
        if server.maxRequestsPerSocket:
            response._max_requests_per_socket = server.maxRequestsPerSocket
        if server._unique_headers:
            response._unique_headers = server._unique_headers
        return response

    def _build(self, message_class: Any, *args: Any) -> Any:
        """Make a message of the user's class; without one there is no way on."""
        try:
            with released():
                return message_class(*args)
        except BaseException:
            self.socket.destroy()
            raise

    def _is_for_user(self, names: frozenset[str], request: IncomingMessage, response: ServerResponse) -> bool:
        """Tell whether a request of HTTP/1.1 with headers of these names is the user's to answer; else the
        rules have answered it."""
        server = self.server
        if 'host' not in names and server.requireHostHeader:
            response._answer(400, ('Connection', 'close'))
            return False
        if server.maxRequestsPerSocket and self._is_beyond_limit(request, response):
            return False
        return not ('expect' in names and self._expects(request, response))

    def _emit(self, name: str, request: IncomingMessage, response: ServerResponse) -> None:
        _, error = self.server._fire_from(self.server._source, name, request, response)
        if error is not None:
            report_exception(error)
            response._fail_exchange()

    def _is_beyond_limit(self, request: IncomingMessage, response: ServerResponse) -> bool:
        """maxRequestsPerSocket: announce that this is the last request, or refuse it."""
        self._count += 1
        most = self.server.maxRequestsPerSocket or 0
        response.maxRequestsOnConnectionReached = self._count >= most
        if self._count <= most:
            return False
        self.server._fire('dropRequest', request, self.socket)
        response._answer(503)
        return True

    def _expects(self, request: IncomingMessage, response: ServerResponse) -> bool:
        """Deal with an Expect header; False if it is an ordinary request after all."""
        server = self.server
        if not has_100_continue(request.headers['expect']):
            if 'checkExpectation' in server._events:
                self._emit('checkExpectation', request, response)
            else:
                response._answer(417)
            return True
        response._expects_continue = True
        if 'checkContinue' in server._events:
            self._emit('checkContinue', request, response)
            return True
        response.writeContinue()
        return False

    # Upgrades

    def _upgrade(self, request: IncomingMessage) -> bool:
        """Hand the socket over to the user if the request asks for that, and somebody wants it."""
        server, socket = self.server, self.socket
        if request.method == 'CONNECT':
            name = 'connect'
        elif call_user(server.shouldUpgradeCallback, request):
            name = 'upgrade'
        else:
            return False
        parser, self._parser = self._parser, None
        if parser is None:  # the callback has waited, and the connection is over
            return True
        request.upgrade = True
        if socket._httpMessage is not None:  # of an earlier request
            socket._httpMessage._hear_close(first=True)
        parser.upgrade()
        rest = parser.take_rest()
        self._enter(TUNNEL)
        self._leave_socket()
        request._complete(None)
        has_listener, error = server._fire_from(server._source, name, request, socket, rest)
        if error is not None:
            report_exception(error)
        if error is not None or not has_listener:
            socket.destroy()
        return True

    # What leaves

    def saves_tick(self, response: ServerResponse) -> bool:
        """Is the next tick the end of `_advance`, so that what a response leaves to it can be done there?

        So it is for a listener of 'request' that has left nothing to the next tick itself, and for a response
        that has waited for the one in that tick. It saves 1 us of 32 for a short answer. Not so over TLS,
        where nothing is written before the check phase.
        """
        socket = self.socket
        return ((self._deliverer == get_ident() or self._finisher == get_ident()) and not self._is_secure
                and not pool.ticks and not socket.writableCorked and socket._httpMessage is response
                and bool(socket.writable))

    def response_sent(self, response: ServerResponse) -> None:
        """All of a response, for which `saves_tick`, was given to the socket."""
        if self.socket.writableLength:
            self.socket._write_internal(b'', response._on_flushed)  # when what is before it has been sent
        else:
            self._flushed = response

    def response_finished(self, response: ServerResponse) -> None:
        """All of a response was handed to the system: on to the next one."""
        server, socket, request = self.server, self.socket, response.req
        if self._unanswered and self._unanswered[0] is request:
            del self._unanswered[0]
        response._detach()
        if request.complete and response._is_unheard() and request._is_unheard():
            # What follows otherwise, without ticks in which nothing would be heard.
            response._close_unheard()
            request._end_unread()
        else:
            if not request._consumed and not request._resume_scheduled:
                request._dump()
            next_tick(response._emit_close, strand=self._strand)
        if response._last:
            destroy_soon = getattr(socket, 'destroySoon', socket.end)
            destroy_soon()
        elif self._waiting:
            following = self._waiting.pop(0)
            self._attach(following)
            following._fire('socket', socket)
            following._flush()
        elif server.keepAliveTimeout and self._set_timeout is not None:
            self._is_idle_timed = True
            self._set_timeout(server.keepAliveTimeout + server.keepAliveTimeoutBuffer)

    def queue_changed(self, delta: int) -> None:
        """More (or fewer) bytes of responses wait for their turn."""
        self._queued += delta
        if delta < 0:
            self._drained()

    def _drained(self) -> None:
        """The socket, or the queue, has room again."""
        if self._held and self._queued <= self._mark:
            self._let_go(SWAMPED)
        message = self.socket._httpMessage
        if message is not None:
            message._socket_drained()

    # Ends

    def _ended(self) -> None:
        """The client sends no more."""
        if self._parser is not None and self.state is not REFUSED:
            self._parser.feed_eof()
            self._advance()
            if self.state is REFUSED:
                return
        if self.state is CLOSED:
            return
        socket = self.socket
        if self.server.httpAllowHalfOpen and self._waiting:
            self._waiting[-1]._last = True
        elif self.server.httpAllowHalfOpen and socket._httpMessage is not None:
            socket._httpMessage._last = True
        else:
            socket.end()

    def has_head(self) -> bool:
        """Was the head of the request delivered that is arriving?"""
        return self._request is not None and not self._request.complete

    def expire(self) -> None:
        """The request took too long to arrive. A listener may let it go on; it is not told again then."""
        if self.state is HEAD or self.state is BODY or self.state is REFUSED:
            self._is_broken = self._is_late = True
            self._refuse(errors.node_error('ERR_HTTP_REQUEST_TIMEOUT'))

    def _failed(self, error: ParseError) -> None:
        """The client did something wrong. The parser says so again whenever it is asked."""
        if self.state is not CLOSED and self._refusal is None:
            if error.code != 'HPE_CLOSED_CONNECTION':
                self._note_what_is_missing()  # its time runs on, should the listener leave the socket open
            self._enter(REFUSED)
            self._is_broken = True
            self._refusal = error
            self._refuse(error)

    def _broken(self, error: BaseException) -> None:
        """There was an error of the socket. What was received before is delivered yet."""
        if not self._is_broken and self.state is not CLOSED:
            self._is_broken = True
            self._refuse(error)

    def _refuse(self, error: BaseException) -> None:
        """Tell the server's user of an error; if nobody listens, the client gets an answer and is closed."""
        socket = self.socket
        for name in ('reason', 'bytesParsed', 'rawPacket'):  # as the documented listeners expect
            if not hasattr(error, name):
                setattr(error, name, None)
        if self.server._fire('clientError', error, socket):
            return  # the listener closes the socket
        message = socket._httpMessage
        if socket.writable and (message is None or not message._head_sent):
            socket._write_internal(_ERROR_ANSWERS.get(getattr(error, 'code', None) or '', _BAD_REQUEST))
        socket.destroy(error)

    def _timed_out(self) -> None:
        """Nothing was sent or received for the time of the socket's timeout."""
        socket, request = self.socket, self._request
        heard = request is not None and not request.complete and request._fire('timeout', socket)
        message = socket._httpMessage
        if message is not None and message._fire('timeout', socket):
            heard = True
        if not self.server._fire('timeout', socket) and not heard:
            socket.destroy()

    def _closed(self, *_: Any) -> None:
        if self.state is TUNNEL:
            return
        self._enter(CLOSED)
        self._parser = None
        self.server._untrack(self)
        unanswered, self._unanswered = self._unanswered, []
        for request in unanswered:
            request._destroy_once(aborted_error())
        message = self.socket._httpMessage
        if message is not None and not message._hears_close:
            message._emit_close()


def _refuse_encoding(encoding: str | None = None) -> None:
    """Stands for the socket's `setEncoding`: the parser needs bytes."""
    raise errors.node_error('ERR_HTTP_SOCKET_ENCODING')
