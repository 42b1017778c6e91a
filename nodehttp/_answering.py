"""The half of a server's connection that sends: the responses, each in its turn.

`_unanswered` are the requests without a finished response, in order. The response to the first one is the
socket's current message (`socket._httpMessage`), those to the others wait in `_waiting`, with what was
written to them.

A tick costs more than most of what is done in it. So the thread that is at work on the connection
(`_at_work`) does by itself, at the end of that, what the next tick would be for (`_due`): where that is the
next thing to come, nobody can tell the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any

from nodehttp._intake import Intake
from nodehttp._netoutput import JOIN_LIMIT
from nodehttp._stream import BYTES_MARK, DOOMED, NOTHING
from nodehttp._writable import WRITING
from nodehttp.incoming import IncomingMessage, new_object
from nodehttp.listeners import internal
from nodehttp.threadpool import add_tick, has_baton, may_do_now, next_tick, pool, released

if TYPE_CHECKING:
    from nodehttp.parser import End, Head, ParseError, Parser
    from nodehttp.server import Server, ServerResponse

ASKING = 'asking'  # a function of the user's has a say in what becomes of the head that has arrived


class Answering(Intake):
    """See above; `ServerConnection` is the only subclass. All methods need the monitor."""

    __slots__ = (
        '_at_work', '_due', '_is_idle_timed', '_is_secure', '_late', '_mark', '_may_be_late',
        '_may_save_ticks', '_parser', '_postponed', '_queued', '_request', '_unanswered', '_waiting',
        'server')

    _parser: Parser | None  # of what arrives
    _request: IncomingMessage | None  # received last; none when that is answered
    _postponed: Head | End | ParseError | str | None  # what waits for a thread, or for ticks, or ASKING

    def __init__(self, server: Server, socket: Any) -> None:
        super().__init__(socket)
        self.server = server
        self._postponed = None
        self._queued = 0  # bytes of responses that wait for their turn
        self._at_work = 0  # the thread that delivers what has arrived, and then finishes responses
        self._due: ServerResponse | None = None  # whose end the next tick would be for; to be done by it
        # A tick that uncorks the socket, and may as well come later.
        self._late: Callable[[], None] | None = None
        self._is_idle_timed = False  # the socket's timeout is that of an idle connection
        self._unanswered: list[IncomingMessage] = NOTHING
        self._waiting: list[ServerResponse] = NOTHING
        self._mark: int = socket.writableHighWaterMark
        self._is_secure = hasattr(socket, 'encrypted')
        # Nor does the socket emit 'drain' for what is sent at once, as it does for a head above its mark.
        self._may_save_ticks = self._has_ticks and self._mark >= BYTES_MARK
        self._may_be_late = self._may_save_ticks and not self._is_secure

    # A new response

    def _respond_to(self, request: IncomingMessage, keep_alive: bool) -> ServerResponse:
        """Make the response to a request that has just arrived. It is its turn if no other one is before it.
        """
        socket = self.socket
        if not self._unanswered:
            self._unanswered = [request]
        else:
            self._unanswered.append(request)
            if socket._need_drain or self._queued >= self._mark:
                self._is_swamped = True
                socket.pause()
        response = self._new_response(request)
        response.shouldKeepAlive = keep_alive
        if socket._httpMessage is None:
            socket._httpMessage, response.socket = response, socket  # as `_attach`
            if len(socket._events.get('close', NOTHING)) > 1:
                response._hear_close()
        else:
            self._waiting = self._waiting or []
            self._waiting.append(response)
        return response

    def fail_exchange(self, request: IncomingMessage) -> None:
        """See incoming.RequestSource."""
        for response in (self.socket._httpMessage, *self._waiting):
            if getattr(response, 'req', None) is request:
                response._fail_exchange()

    def _new_response(self, request: IncomingMessage) -> ServerResponse:
        server, message_class = self.server, self.server._response_class
        if server._builds_plainly:
            response: ServerResponse = new_object(message_class)
            response._take_request(request)
            response._high_water_mark = self._mark
            if server.rejectNonStandardBodyWrites:
                response._reject_body = True
        else:
            reject = server.rejectNonStandardBodyWrites
            options = {'highWaterMark': self._mark, 'rejectNonStandardBodyWrites': reject}
            response = self._build(message_class, request, options)
        response._connection = self
        response._strand = self._strand
        response._keep_alive_timeout = server.keepAliveTimeout
        response._max_requests_per_socket = server.maxRequestsPerSocket or 0
        if server._unique_headers:
            response._unique_headers = server._unique_headers
        return response

    def _build(self, message_class: Any, *args: Any) -> Any:
        """Make a message of the user's class; without one there is no way on."""
        self._postponed = ASKING
        try:
            with released():
                return message_class(*args)
        except BaseException:
            self.socket.destroy()
            raise
        finally:
            self._postponed = None

    def _attach(self, response: ServerResponse) -> None:
        """It is the turn of `response`: it hears of the end of the socket in the order of Node."""
        response._attach(self.socket)
        if len(self.socket._events.get('close', ())) > 1:
            response._hear_close()

    # Its end

    def saves_tick(self, response: ServerResponse | None) -> bool:
        """Is the next tick at the end of the calling thread's work here, so that what a response leaves to it
        can be done there? (None stands for those that are not the socket's current message yet.)

        So it is for a listener of 'request' that has left nothing to the next tick itself, and for a response
        that has waited for the one in that tick. It saves 1 us of 32 for a short answer.
        """
        socket = self.socket
        return (self._at_work == get_ident() and self._may_save_ticks and socket._httpMessage is response
                and (not pool.ticks or self.comes_next())
                and socket._output == WRITING and socket._life < DOOMED and socket._errored is None)

    def response_sent(self, response: ServerResponse) -> None:
        """All of a response, for which `saves_tick`, was given to the socket."""
        late, ticks = self._late, pool.ticks
        if late is not None and not self.socket._corked and ticks and ticks[-1][1] is late:
            ticks.pop()  # nothing is left to it
            self._late = None
        if self.socket._write_length or (self._is_secure and self._is_end_awaited(response)):
            self.socket._write_internal(b'', response._on_flushed)  # when what is before it has been sent
        elif pool.ticks and not self.comes_next():  # behind the callbacks of what was written before
            next_tick(response._on_flushed, strand=self._strand)
        else:
            self._due = response

    def _is_end_awaited(self, response: ServerResponse) -> bool:
        """Over TLS what was sent counts as written from the check phase on, as in Node, and the response ends
        then. Would anybody notice if it ended before, such as a tick, or who is to answer what else has
        arrived? If not, nothing comes back to this connection after it has left the caches of the processor.
        """
        parser = self._parser
        return (bool(self._waiting) or response._last or parser is None or parser.has_input()
                or bool(pool.ticks) or not response._is_unheard() or not response.req._is_unheard())

    def _was_sent(self, response: ServerResponse) -> None:
        if self._is_secure and self._is_end_awaited(response):  # by now
            self.socket._write_internal(b'', response._on_flushed)
        else:
            response._on_flushed()

    def response_finished(self, response: ServerResponse, is_unheard: bool = False) -> None:
        """All of a response was handed to the system: on to the next one. `is_unheard`: nobody hears of that,
        nor of what follows."""
        server, socket, request, unanswered = self.server, self.socket, response.req, self._unanswered
        if unanswered and unanswered[0] is request:
            if len(unanswered) == 1:
                self._unanswered = NOTHING
            else:
                del unanswered[0]
        response._detach()
        if request.complete and self._request is request:
            self._request = None  # an idle connection holds nothing that was for one request
        if is_unheard:
            response._end_unheard()
        else:
            if not request._consumed and not request._resume_scheduled:
                request._dump()
            next_tick(response._emit_close, strand=self._strand)
        if response._last:
            destroy_soon = getattr(socket, 'destroySoon', socket.end)
            destroy_soon()
        elif self._waiting:
            if len(self._waiting) > 2:
                self._send_together()
            following = self._waiting.pop(0)
            self._attach(following)
            following._fire('socket', socket)
            following._flush()
        elif server.keepAliveTimeout:
            self._is_idle_timed = True
            limit = server.keepAliveTimeout + server.keepAliveTimeoutBuffer
            if limit == server._idle_limit:
                limit = server._idle_limit  # the same object for all: it stays in the caches of the processor
            else:
                server._idle_limit = limit
            socket._set_timeout(limit)

    def _send_together(self) -> None:
        """Send those of the waiting responses whose turn it is in one packet, as far as they are complete and
        nobody hears of what happens in between. The last one that waits is not among them: how fast the
        client takes it sets the pace."""
        socket, waiting = self.socket, self._waiting
        count = 0
        while count < len(waiting) - 1 and waiting[count].is_short_and_unheard():
            count += 1
        if (count < 2 or socket.writableLength or not self.saves_tick(None)
                or self._unanswered[0] is not waiting[0].req):
            return
        data = b''.join([response.send_unheard() for response in waiting[:count]])
        del waiting[:count], self._unanswered[:count]
        socket._write_internal(data)
        self.queue_changed(-len(data))

    def closes_unheard(self, request: IncomingMessage) -> bool:
        """See incoming.RequestSource."""
        return self.comes_next() and not self._strand.busy and (
            self._due is None or (self._unanswered[0] is request and self.socket._httpMessage._is_unheard()))

    # Ticks

    def _do_what_is_due(self) -> None:
        """And what that leaves to the next tick in turn."""
        while (response := self._due) is not None:
            self._due = None
            if not may_do_now(self._strand):
                next_tick(self._was_sent, response, strand=self._strand)
            elif self._is_secure:
                self._was_sent(response)
            else:
                response._on_flushed()

    def comes_next(self) -> bool:
        """Would what is left to the next tick be next, or behind `_late` only?"""
        return len(pool.ticks) == (self._late is not None)

    def cork_until_tick(self, size: int) -> None:
        """What this callback writes, next so many bytes, leaves together when it is over."""
        socket = self.socket
        if self._late is not None and socket._overdue and size + socket._write_length > JOIN_LIMIT:
            self._uncork()  # what has waited does not count any more for what `write` returns
        if not socket._corked and has_baton():
            socket.cork()
            if self._late is None:
                uncork = self._uncork
                # Of no strand: if the callback blocks, the next holder of the baton sends what there is.
                add_tick(None, uncork, ())
                if self._may_be_late:
                    self._late = uncork

    def _uncork(self) -> None:
        self._late = None
        if self._may_be_late:
            self.socket._overdue = 0
        self.socket.uncork()

    def needs_tick(self) -> None:
        """Somebody waits for what was written in this callback."""
        self._late = None

    # Room

    def queue_changed(self, delta: int) -> None:
        """More (or fewer) bytes of responses wait for their turn. As in Node that counts as room in the
        socket."""
        self._queued += delta
        message = self.socket._httpMessage
        if self._is_swamped or (message is not None and message._need_drain):
            self._go_on_sending()

    @internal
    def _drained(self) -> None:
        """The socket has room again."""
        self._go_on_sending()

    def _go_on_sending(self) -> None:
        if self._is_swamped and self._queued <= self._mark:
            self._is_swamped = False
            self.socket.resume()
        message = self.socket._httpMessage
        if message is not None:
            message._socket_drained()
