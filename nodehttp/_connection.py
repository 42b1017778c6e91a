"""One connection of a server: what arrives on it, and the responses that leave on it in turn.

Two things go on at once. *Answering* is in `_answering.py`. *Receiving*, here, has a named state:

    NEW       nothing of a request has arrived yet
    HEAD      the head of a request is arriving
    BODY      the head was delivered, the rest of the request is arriving
    IDLE      there were requests, and the last one is complete
    REFUSED   what came is no HTTP: nothing more is parsed
    TUNNEL    after 'upgrade' or 'connect': the socket is the user's
    CLOSED

From NEW it goes to HEAD or at once to BODY, from HEAD to BODY, from there to IDLE and, with the next bytes,
to HEAD or at once to BODY. REFUSED and CLOSED may come at any time, TUNNEL in place of BODY, and nothing but
CLOSED behind REFUSED.

Parsing is a pull: `_advance` takes what the parser has next and delivers it, until it has nothing. All input
is kept in the parser and in the request, so that another thread can go on when a listener waits in the middle
of its delivery (`_go_on`). An event of the parser that has to wait, for ticks, for a thread or for what a
function of the user's says to it, is `_postponed`; nothing is parsed behind it.

`_intake.py` brings the bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from types import MethodType
from typing import TYPE_CHECKING, Any, ClassVar

from nodehttp import errors
from nodehttp._answering import ASKING, Answering
from nodehttp._netoutput import JOIN_LIMIT
from nodehttp._refusal import refuse
from nodehttp._stream import NOTHING
from nodehttp.common import INSECURE_HTTP_PARSER, has_100_continue
from nodehttp.events import NO_EVENTS
from nodehttp.incoming import IncomingMessage, aborted_error, new_object
from nodehttp.listeners import internal, shared
from nodehttp.parser import END, End, Head, ParseError, Parser
from nodehttp.threadpool import (
    call_next,
    call_user,
    may_go_on,
    next_tick,
    now,
    pool,
    postpone,
    report_exception,
)

if TYPE_CHECKING:
    from nodehttp.server import Server, ServerResponse

NEW, HEAD, BODY, IDLE, REFUSED, TUNNEL, CLOSED = (
    'new', 'head', 'body', 'idle', 'refused', 'tunnel', 'closed')

# Names and values. From so many on, or once there were trailers, Node's parser takes the long way, on which
# ticks come before this and each further request of the connection, as they come before the end of one with
# trailers.
MANY_HEADERS = 64


class ServerConnection(Answering):
    """A socket of a server, for as long as it is used for HTTP. All methods need the monitor."""

    _heard: ClassVar[dict[str, Callable[..., Any]]]  # methods that listen to the socket

    __slots__ = '_count', '_former_deliverer', '_is_late', '_is_told', '_ticks_from', 'state'

    def __init__(self, server: Server, socket: Any) -> None:
        super().__init__(server, socket)
        self.state = NEW
        self._request = None
        # Names and values of a request that ticks come before.
        self._ticks_from = MANY_HEADERS
        self._count = 0  # requests so far, counted under maxRequestsPerSocket only
        self._is_told = False  # the server's user has heard of an error
        self._is_late = False  # and that the request takes too long
        lenient = server.insecureHTTPParser
        self._parser = Parser(
            'request', max_header_size=server.maxHeaderSize or 0,
            lenient=INSECURE_HTTP_PARSER if lenient is None else bool(lenient))
        self._take_socket()

    def __repr__(self) -> str:
        return f'<ServerConnection {self.state} unanswered={len(self._unanswered)}>'

    # The socket

    def _listeners(self) -> dict[str, Callable[..., Any]]:
        return {name: MethodType(function, self) for name, function in self._heard.items()}

    def _take_socket(self) -> None:
        server, socket, strand = self.server, self.socket, self._strand
        socket._httpMessage = None
        if server.timeout:
            socket._set_timeout(server.timeout)
        if socket._events is NO_EVENTS and self._has_ticks:
            socket._events = _SHARED
        else:
            socket._listen(self._listeners())
        socket.server = server
        self._former_deliverer, strand.deliverer = strand.deliverer, self
        strand.source = server._request_source
        server._track(self)
        self._begin_intake()

    def _leave_socket(self) -> None:
        """The socket is the user's from now on, as if it had never been ours."""
        socket = self.socket
        for name, listener in self._listeners().items():
            socket.off(name, listener)
        self._strand.deliverer, self._strand.source = self._former_deliverer, None
        self.server._untrack(self)
        self._end_intake()
        socket.readableFlowing = None

    def close_if_idle(self, looks_again: bool = True) -> None:
        """Close the connection if it has served requests and is not in one."""
        message = self.socket._httpMessage
        if message is not None and not message.finished:
            return
        if self.state is IDLE:
            self.socket.destroy()
        elif looks_again and self._at_work and self._at_work != get_ident():
            # 1. A listener ends the response, 2. another thread reads it, and closes the server, 3. the
            # listener returns: only then is the request over. Those of Node have always returned.
            next_tick(self.close_if_idle, False, strand=self._strand)

    # What arrives

    @internal
    def _data_came(self, data: bytes) -> None:
        """Others listen, too."""
        self._has_ticks = self._may_save_ticks = False
        self._received(data)

    def _received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            return
        if self.state is REFUSED:  # the listener for 'clientError' has left the socket open
            self._refuse(parser.refusal_of(data))
        elif self._postponed is None:
            self._advance(True, parser.begin(data))
        else:
            parser.feed(data)

    def _advance(self, is_last: bool = True, head: Head | None = None) -> None:
        """Deliver what the parser has, behind this head if there is one, and finish what is answered at once.
        `is_last`: nothing else follows from the read that brought it."""
        outer, self._at_work = self._at_work, get_ident()
        try:
            if self._deliver(is_last, head):
                call_next(self._advance, strand=self._strand)
            if self._due is not None:
                self._do_what_is_due()
        finally:
            # 1. A thread delivers, and its listener waits; 2. another one delivers what is behind it, and its
            # listener waits; 3. the first one is over; 4. so is the other: it must not name the first again.
            self._at_work = outer if outer and outer == get_ident() else 0

    def _is_next(self) -> bool:
        """Does nothing come before what else follows from the read at hand? What was written so far may leave
        together with the answer to that, if it is little.

        Not over TLS, where more of the read may be yet to be deciphered.
        """
        socket, late = self.socket, self._late
        if (len(pool.ticks) != (late is not None) or self._due is not None  # as `comes_next`
                or self._is_secure or not self._has_ticks
                or socket._write_length > JOIN_LIMIT or not may_go_on(self._strand)):
            return False
        if late is not None and socket._corked == 1:  # if it is more, by the user
            # What is corked leaves behind that: but before, should the socket be destroyed by it.
            socket._overdue = len(socket._queue)
        return True

    def _deliver(self, is_last: bool, head: Head | None) -> bool:
        """Deliver `head`, if there is one, and what the parser has; return whether there is more behind the
        ticks that are next."""
        is_next = False
        first: Head | bytes | None = head
        while (parser := self._parser) is not None and self._postponed is None:
            event: Any = first
            if first is not None:
                first = None
            else:
                try:
                    event = parser.next_event()
                except ParseError as error:
                    event = error
            kind = type(event)
            if kind is Head:
                if len(event.rawHeaders) >= self._ticks_from and self._has_ticks:
                    self._after_ticks(event)
                elif postpone(self._admit_late, self._strand):
                    self._postponed = event
                    self.socket.pause()
                else:
                    self._request_arrived(event)
                    if is_last and self.state is BODY and self._has_ticks:
                        if self._takes_whole(parser):
                            return False
                        first = parser.take_chunk()
            elif event is END:
                if parser.trailers and self._has_ticks:
                    self._after_ticks(event)
                else:
                    has_more = parser.has_more()
                    self._request_ended(parser, is_next and not has_more)
                    if not has_more:
                        return False
                    is_next = False
            elif event is None:
                if self.state is HEAD or self.state is BODY or parser.in_message():
                    self._note_what_is_missing()
                return False
            elif kind is bytes:
                self._body_arrived(event)
                if not parser.has_more():
                    if self.state is BODY:  # a listener may have waited for its end, or closed the connection
                        self._note_what_is_missing()
                    return False
                # As in Node, ticks come between a piece of the body and what follows it.
                is_next = is_last and self._is_next() and self._flow_on(parser)
                if self._has_ticks and not is_next:
                    return True
            elif self._has_ticks and self._is_in_long_block(parser):
                self._postpone(event)
            else:
                self._failed(event)
                return False
        return False

    def _flow_on(self, parser: Parser) -> bool:
        """Nothing comes before what else follows from the read at hand: while that stays so, give the chunks
        in it to who alone listens to a request that flows. Returns whether it has stayed so."""
        request = self._request
        if request is None or (reader := request._only_reader()) is None:
            return True
        heard_by = request._events['data']
        while (chunk := parser.take_chunk()) is not None:
            request._hand_to(reader, chunk)
            goes_on = request._goes_on_reading(heard_by)
            if not goes_on and not request._wants_more() and not request.complete:
                self.socket.pause()
            if not self._is_next():
                return False
            if not goes_on:
                break
        return True

    def _takes_whole(self, parser: Parser) -> bool:
        """A request was announced. If all else that has arrived is the rest of it, in one piece, deliver that
        in a straight line. Returns whether nothing is left."""
        request: Any = self._request
        if not request._flowing and parser.take_end():
            self._request_ended(parser)
            return not parser.has_more()
        if (body := parser.take_body()) is None:
            return False
        is_next = False
        if not body:
            # (As `_is_next`, but that the tick in which it begins to flow is yet to come.)
            is_next = not self._is_secure and self._begins_next(request)
        elif request._flowing is None and self._keeps_whole(request):
            request._append(body)
        else:
            self._body_arrived(body)
            if request.complete or self._parser is None:  # a listener has waited for its end, or it is over
                return True
            is_next = self._is_next()
            if not is_next:
                call_next(self._advance, strand=self._strand)
                return True
        parser.take_end()
        self._request_ended(parser, is_next)
        return True

    def _keeps_whole(self, request: IncomingMessage) -> bool:
        """Nobody reads the request. Would nobody hear of its end either, nor of that of an answer to it?"""
        return request._may_have_whole(False) and (
            self._due is None or self.socket._httpMessage._is_unheard())

    def _is_in_long_block(self, parser: Parser) -> bool:
        """Does the parser stop in a head, or in trailers, with so many lines that ticks have come since?"""
        is_in_body = self.has_head() and not parser.is_in_trailers()
        return not is_in_body and len(parser.fields) >= MANY_HEADERS - 1

    def _after_ticks(self, event: Head | End) -> None:
        """Go on with this event after the ticks, and so with each request from now on."""
        self._ticks_from = 0
        self._postpone(event)

    def _postpone(self, event: Head | End | ParseError) -> None:
        self._postponed = event
        call_next(self._admit, strand=self._strand)

    def _admit(self) -> None:
        """The ticks before what was postponed are over."""
        event, self._postponed = self._postponed, None
        if event is None or self._parser is None:
            return
        if event is END:
            self._request_ended(self._parser)
        elif isinstance(event, ParseError):
            self._failed(event)
            return
        elif postpone(self._admit_late, self._strand):
            self._postponed = event
            self.socket.pause()
            return
        elif isinstance(event, Head):
            self._request_arrived(event)
        self._advance()

    def _admit_late(self) -> None:
        """There may be a thread for what was postponed."""
        self.want_data()
        self._admit()

    def bring(self, request: IncomingMessage) -> bool:
        """The listener that is being told of `request` is about to wait for its body: deliver a piece of it,
        or its end, if that was received already. Returns whether it was."""
        parser = self._parser
        if (parser is None or self._request is not request or request.complete or self._postponed is not None
                or self._at_work != get_ident()):
            return False
        if request._may_be_brought_whole() and (body := parser.take_body()) is not None:
            if body:
                request._append(body)
            else:
                parser.take_end()
                self._end_of_request_came()
                request._keep_whole(body)
                self.want_data()
            return True
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
        if request._dumped:
            return
        if self._begins_next(request) and request._takes_first(data):
            return
        if not request.push(data) and not request.complete:  # a listener may have waited for its end
            self.socket.pause()

    def _begins_next(self, request: IncomingMessage) -> bool:
        """If nothing comes before the tick in which the request begins to flow, let it do so now."""
        if self._due is not None or not self._has_ticks or not request._begins_next():
            return False
        self.want_data()
        return True

    def _go_on(self) -> None:
        """A listener waits in the middle of a delivery: deliver what is behind it."""
        self._advance(is_last=self._has_ticks)
        if self._parser is not None:
            self.socket._go_on()

    def _note_what_is_missing(self) -> None:
        """The rest of a request is to come in another read: its time runs from now on."""
        if self.state is NEW or self.state is IDLE:
            self._forget_start()
            self.state = HEAD
        if (self.state is HEAD or self.state is BODY) and not self._is_late:
            self.server._receiving.setdefault(self, now())

    def _forget_start(self) -> None:
        """The time of the first request runs anew from its first byte on."""
        self.server._receiving.pop(self, None)

    def _request_ended(self, parser: Parser, is_next: bool = False) -> None:
        """`is_next`: nothing comes before what follows from that."""
        request: Any = self._request
        self._end_of_request_came()
        is_next = request._complete(parser.trailers, is_next and bool(request._flowing))
        self.want_data()
        if is_next:
            request._emit_end()

    def _end_of_request_came(self) -> None:
        self.state = IDLE
        self._is_late = False
        self.server._receiving.pop(self, None)

    def _request_arrived(self, head: Head) -> None:
        server, socket = self.server, self.socket
        if self._is_idle_timed:
            self._is_idle_timed = False
            socket._set_timeout(server.timeout or 0)
        message_class = server._incoming_class
        if server._builds_plainly:
            request: IncomingMessage = new_object(message_class)
            request._take_socket(socket)
        else:
            request = self._build(message_class, socket)
            if self._parser is None:  # the constructor has waited, and the connection is over
                return
        names = request._take_head(head, self, server.maxHeadersCount, server.joinDuplicateHeaders)
        if head.upgrade and self._upgrade(request):
            return
        request.upgrade = False
        if self.state is NEW:
            self._forget_start()
        self.state = BODY
        self._request = request
        response = self._respond_to(request, head.shouldKeepAlive)
        if self._parser is None:  # the same
            return
        if server._optimizes_empty and names.isdisjoint(('content-length', 'transfer-encoding')):
            request._end_unread()
        if head.httpVersion != '1.1' or self._is_for_user(names, request, response):
            self._emit('request', request, response)

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
        server = self.server
        _, error = server._fire_from(server._request_source, name, request, response)
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
        else:
            name = 'upgrade'
            self._postponed = ASKING
            is_wanted = call_user(server.shouldUpgradeCallback, request)
            self._postponed = None
            if self._parser is not None and not is_wanted:
                return False
        parser, self._parser = self._parser, None
        if parser is None:  # the callback has waited, and the connection is over
            return True
        request.upgrade = True
        if socket._httpMessage is not None:  # of an earlier request
            socket._httpMessage._hear_close(first=True)
        parser.upgrade()
        rest = parser.take_rest()
        self.state = TUNNEL
        self._leave_socket()
        request._complete(None)
        has_listener, error = server._fire_from(server._request_source, name, request, socket, rest)
        if error is not None:
            report_exception(error)
        if error is not None or not has_listener:
            socket.destroy()
        return True

    # Ends

    @internal
    def _ended(self) -> None:
        """The client sends no more."""
        if self._parser is not None and self.state is not REFUSED:
            self._parser.feed_eof()
            self._advance(is_last=False)
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
        if self.state in (NEW, HEAD, BODY, REFUSED):
            self._is_late = True
            self._refuse(errors.node_error('ERR_HTTP_REQUEST_TIMEOUT'))

    def _failed(self, error: ParseError) -> None:
        """The client did something wrong. The parser says so again whenever it is asked."""
        if self.state is not CLOSED and self.state is not REFUSED:
            if error.code != 'HPE_CLOSED_CONNECTION':
                self._note_what_is_missing()  # its time runs on, should the listener leave the socket open
            self.state = REFUSED
            if self._late is not None and self.socket._overdue and self.socket._corked == 1:
                self._uncork()
            self._refuse(error)

    @internal
    def _broken(self, error: BaseException) -> None:
        """There was an error of the socket. What was received before is delivered yet."""
        if not self._is_told and self.state is not CLOSED:
            self._refuse(error)

    def _refuse(self, error: BaseException) -> None:
        self._is_told = True
        if 'error' not in self.socket._events:  # the user has removed ours: the socket may end with one yet
            self.socket.on('error', _ignore)
        refuse(self.server, self.socket, error)

    @internal
    def _timed_out(self) -> None:
        """Nothing was sent or received for the time of the socket's timeout."""
        socket, request = self.socket, self._request
        heard = request is not None and not request.complete and request._fire('timeout', socket)
        message = socket._httpMessage
        if message is not None and message._fire('timeout', socket):
            heard = True
        if not self.server._fire('timeout', socket) and not heard:
            socket.destroy()

    @internal
    def _closed(self, *_: Any) -> None:
        if self.state is TUNNEL:
            return
        self.state = CLOSED
        self._parser = None
        self.server._untrack(self)
        unanswered, self._unanswered = self._unanswered, NOTHING
        for request in unanswered:
            request._destroy_once(aborted_error())
        message = self.socket._httpMessage
        if message is not None and not message._hears_close:
            message._emit_close()
        self._let_go_of_socket()

    def _let_go_of_socket(self) -> None:
        """It has nothing to tell any more. That it forgets us frees both with their last user; else they, and
        all that belongs to them, were a cycle, and left to the garbage collector."""
        self.socket._forget_own_listeners()
        self._end_intake()
        self._strand.deliverer = self._strand.source = self._request = None


def _ignore(error: BaseException) -> None:
    """The server's user has been told."""


ServerConnection._heard = {
    'close': ServerConnection._closed, 'error': ServerConnection._broken, 'drain': ServerConnection._drained,
    'data': ServerConnection._data_came, 'end': ServerConnection._ended,
    'timeout': ServerConnection._timed_out, 'resume': ServerConnection._resumed,
    'pause': ServerConnection._paused,
}
# An idle connection would be a quarter larger with listeners of its own.
_SHARED = shared(ServerConnection._heard)
