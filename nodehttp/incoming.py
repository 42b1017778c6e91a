"""IncomingMessage: a request on the server, a response on the client.

Documentation: "Class: http.IncomingMessage". Whoever parses the connection (its *source*) builds the message
from a `Head` (`_take_head`), pushes the body (`push`), and ends it (`_complete`). While `push` returns False
the source does not read; `_read` calls `source.want_data()` when there is room again.

`headers` and its relatives are built from the raw list when they are first read: most programs look at few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, Self

from nodehttp import errors
from nodehttp._finished import finished, is_premature_close
from nodehttp._readable import Readable
from nodehttp._readable_state import ENDED, EOF, HEARD_BY_ITERATION, MORE
from nodehttp._stream import CLOSED, DESTROYING, DOOMED, GONE, NOTHING, OPEN
from nodehttp.common import collect_distinct, collect_headers, limit_headers
from nodehttp.events import NO_EVENTS, PLAIN_EMIT
from nodehttp.listeners import Listener
from nodehttp.loop import Item
from nodehttp.record import Record
from nodehttp.threadpool import (
    Strand,
    internal_hook,
    may_go_on,
    monitor,
    pool,
    release_monitor,
    retake_monitor,
)

Callback = Callable[..., Any]

# How messages are made without their constructors. (At hand: to look it up in a class takes longer.)
new_object = object.__new__
# What cannot come any more once 'close' was emitted.
_OVER = frozenset(('data', 'end', 'readable', 'close'))

_WATCHED_EVENTS = Readable._watched_events


class BodySource(Protocol):
    """Who reads the connection for a message. Called with the monitor held.

    It may also have `bring(message)`: somebody is about to wait for the body while `message` is being
    delivered; push what was received already, and return whether there was anything.
    """

    def want_data(self) -> None:
        """The message has room for more of its body: read on."""


class RequestSource(BodySource, Protocol):
    """The same for a request."""

    def closes_unheard(self, message: IncomingMessage) -> bool:
        """`message` has emitted 'end', and nobody listens to its 'close'. Return whether nobody can do so
        before that would come."""

    def fail_exchange(self, message: IncomingMessage) -> None:
        """A listener of `message` has raised: answer it, or end the connection, unless that was done."""


class IncomingMessage(Readable):
    """The start line, headers and body of a received message. ("Class: http.IncomingMessage")

    Any thread may call any method. Iterating (`for chunk in message`) waits for each chunk; leaving the loop
    early destroys a client's response and its connection, but leaves the rest of a server's request to be
    discarded, so that an early answer (413, say) arrives. A body that breaks off raises ECONNRESET 'aborted',
    a ConnectionResetError; what the client's request failed with is its `__cause__`.
    """

    # What either kind of message has (see `net.Socket`).
    __slots__ = (
        '_raw_headers', '_source', 'complete', 'httpVersion', 'httpVersionMajor', 'httpVersionMinor',
        'method', 'req', 'socket', 'statusCode', 'statusMessage', 'upgrade', 'url')

    socket: Any
    httpVersion: str | None
    httpVersionMajor: int | None
    httpVersionMinor: int | None
    method: str | None
    url: str
    statusCode: int | None
    statusMessage: str | None
    upgrade: bool | None
    complete: bool
    aborted = False
    joinDuplicateHeaders: bool | None = None
    req: Any  # the ClientRequest, of a response

    _source: Any  # a BodySource, or of a request a RequestSource
    _consumed = False  # has anybody asked for the body?
    _dumped = False  # is the body thrown away?
    _was_left = False  # has a loop over a server's request ended early?
    _headers: Record[Any] | None = None
    _headers_distinct: Record[list[str]] | None = None
    _raw_headers: list[str]  # not to be changed: messages that are alike share it
    _shown_headers: Any = NOTHING  # `rawHeaders`, once somebody has asked for it
    _headers_count: int | None = None  # how much of that reaches `headers`; None: all
    _raw_trailers: list[str] | None = None
    _trailers_count = 0  # how much of that was received
    _trailers: Record[Any] | None = None
    _trailers_distinct: Record[list[str]] | None = None
    # As if the source were being asked already: it is asked only when somebody reads.
    _reading_more = True

    def __init__(self, socket: Any = None) -> None:
        self._source = self.httpVersion = self.httpVersionMajor = self.httpVersionMinor = None
        self.method = self.statusCode = self.statusMessage = None
        self.url = ''
        self._raw_headers = []
        self._take_socket(socket)

    def __repr__(self) -> str:
        start = f'{self.method} {self.url}' if self.method else f'{self.statusCode} {self.statusMessage}'
        return super().__repr__().replace(' ', f' {start} ', 1)

    def _take_socket(self, socket: Any) -> None:
        # Readable keeps its state in class-level defaults: nothing to set up there.
        self.socket = socket
        self.req = self.upgrade = None
        self.complete = self._consumed = False
        if socket is not None:
            self._strand = socket._strand or socket._own_strand()
            # These are asked for so often that it pays to have them at hand, and not in the class.
            self._read_mark = socket._read_mark
            self._input, self._life = MORE, OPEN
            self._events: Any = {}  # somebody is about to listen
            self._flowing, self._need_readable, self._length = None, False, 0
            self._errored = self._decoder = self._hears_data = None
            self._has_readable_listener = self._resume_scheduled = self._is_awaited = False
            self._watched_events = _WATCHED_EVENTS

    # For the source

    def _take_head(
            self, head: Any, source: BodySource, max_count: int | None, join: bool | None) -> frozenset[str]:
        """Become the message that `head` begins. `max_count` is `maxHeadersCount`, `join` is
        `joinDuplicateHeaders`.

        Returns the names in `headers`, in lower case: as in Node what is beyond `max_count` has no effect.
        """
        self._source = source
        self.httpVersion = head.httpVersion
        self.httpVersionMajor = head.httpVersionMajor
        self.httpVersionMinor = head.httpVersionMinor
        self.method = head.method
        self.url = head.url
        self.statusCode = head.statusCode
        self.statusMessage = head.statusMessage
        self._raw_headers = raw = head.rawHeaders
        if join:
            self.joinDuplicateHeaders = True
        if max_count or len(raw) > 124:
            self._raw_headers = raw = raw.copy()
            self._headers_count = count = limit_headers(raw, max_count)
            if count < len(raw):
                return frozenset(map(str.lower, raw[:count:2]))
        names: frozenset[str] = head.names
        return names

    def _complete(self, raw_trailers: list[str] | None, ends_next: bool = False) -> bool:
        """The message is received. `ends_next`: the source emits 'end' if that comes next, which is
        returned."""
        self.complete = True
        if raw_trailers:
            self._raw_trailers, self._trailers_count = raw_trailers, len(raw_trailers)
            if self._trailers is not None:  # somebody holds what was empty so far
                self._trailers.update(collect_headers(raw_trailers, bool(self.joinDuplicateHeaders)))
            if self._trailers_distinct is not None:
                self._trailers_distinct.update(collect_distinct(raw_trailers))
        if self._decoder is not None or self._input != MORE:
            self._end_of_input()
        elif ends_next and not self._length and 'readable' not in self._events and self._has_plain_emit():
            self._reading = self._need_readable = False
            self._input = EOF
            return True
        elif self._flowing or pool.ticks or not self._is_unheard():
            self._end_of_input()
        else:
            self._input = EOF  # what that comes to if nobody waits for anything, nor can begin to before
        return False

    @internal_hook
    def _read(self, size: int) -> None:
        if not self._consumed:
            self._consumed = True
        if self._source is not None:
            self._source.want_data()

    def _begins_next(self) -> bool:
        """If it is about to flow, with nothing buffered, and that is what comes next, and unheard, let it do
        so, but for asking the source; return whether it is so."""
        if (not self._resume_scheduled or not self._flowing or not self._may_have_whole(True)
                or getattr(self._read, '__func__', None) is not _PLAIN_READ):
            return False
        pool.ticks.clear()
        self._consumed = self._need_readable = self._reading = True
        self._resume_scheduled = self._asking = False
        return True

    def _takes_first(self, chunk: bytes) -> bool:
        """It has just begun to flow: let its listeners have the first chunk. False: `push` it."""
        if self._decoder is not None or 'data' not in self._events:
            return False
        if self._awaited:
            self._awaited.clear()
        self._reading = False
        self._did_read = True
        self._fire('data', chunk)
        return True

    def _fail_exchange(self) -> None:
        """A request of a server would stay without an answer."""
        with monitor:
            if self.req is None and self._source is not None:
                self._source.fail_exchange(self)

    def _hand_to(self, reader: Callback, chunk: bytes) -> None:
        """`push`, while there is an only reader."""
        self._reading, self._did_read = False, True
        state = release_monitor()
        try:
            reader(chunk)
        except BaseException as error:
            self._listener_failed(error)
        finally:
            retake_monitor(state)

    def _only_reader(self) -> Callback | None:
        """If all that is pushed now goes to one listener of 'data', and has no other effect, return that."""
        listeners = self._events.get('data', NOTHING)
        if (len(listeners) != 1 or listeners[0].once or self._dumped or self._asking or self._awaited
                or self._hears_data is not None or self._errored is not None
                or not self._goes_on_reading(listeners)):
            return None
        reader: Callback = listeners[0].taking(1, self)
        return reader

    def _goes_on_reading(self, listeners: tuple[Listener, ...]) -> bool:
        """There was an only reader, for `listeners`: is it the one yet?"""
        try:
            return (self._flowing is True and not self._length and self._input == MORE
                    and self._life == OPEN and self._decoder is None
                    and self._events.get('data') is listeners
                    and self.emit.__func__ is PLAIN_EMIT  # type: ignore[attr-defined]
                    and self.push.__func__ is _PLAIN_PUSH)  # type: ignore[attr-defined]
        except AttributeError:  # see `_has_plain_emit`
            return False

    def _may_have_whole(self, is_last: bool) -> bool:
        """Would nobody notice if all of it came at once, in one piece? So it is if nobody has asked for it
        yet in any way, nor begun to listen; or if it begins to flow in the next tick, and nothing comes
        before that (`is_last`: not from the source)."""
        if (self._length or self._input != MORE or self._need_readable or self._life != OPEN
                or self._errored is not None or not self._has_plain_emit()):
            return False
        events, ticks = self._events, pool.ticks
        if self._flowing is None:
            return not events and self._decoder is None and not ticks
        return (is_last and self._flowing and len(ticks) == 1 and self._resume_scheduled  # it is that tick
                and 'readable' not in events and 'resume' not in events and may_go_on(self._strand))

    def _keep_whole(self, body: bytes) -> None:
        """It may have `body`, which is all of it, and has to keep that."""
        self.complete = True
        self._input = EOF
        self._reading = self._need_readable = False
        if body:
            self._append(body)

    def _flow_whole(self, body: Any) -> None:
        """It may have `body`, which is all of it, and flows: do what the next ticks are for."""
        self.complete = True
        self._input = EOF
        if self._decoder is not None:
            text, rest = self._decoder.decode(body), self._decoder.decode(b'', True)
            if rest:  # what is incomplete at the end comes by itself
                for piece in filter(None, (text, rest)):
                    self._append(piece)
                self._announce()
                return
            body = text
        self._end_scheduled = True
        self._resume_scheduled = self._need_readable = False
        ticks = pool.ticks
        ticks.clear()
        if body and 'data' in self._events:
            tick: Item = self._strand, self._end_flow, ()
            ticks.append(tick)  # the listener may wait for it
            if self._awaited:
                self._awaited.clear()
            self._did_read = True
            self._fire('data', body)
            if self._length:  # something was put back
                self._flow()
            if not ticks or ticks[0] is not tick or not may_go_on(self._strand):
                return
            ticks.popleft()
        elif body and not self._dumped:
            self._did_read = True
        self._end_flow()

    def _end_flow(self) -> None:
        """What the ticks of `_announce` and `_end` are for, between which nothing can come."""
        if self._length or 'readable' in self._events or not self._has_plain_emit():
            pool.ticks.appendleft((self._strand, self._emit_end, ()))
            self._announce_now()
        else:
            self._need_readable = False
            self._emit_end()

    def _end_next(self) -> None:
        """Emit 'end' in the next tick, at once if that is what comes next."""
        if pool.ticks or not may_go_on(self._strand):
            self._end()
        else:
            self._emit_end()

    def _before_end(self) -> None:
        if self.req is not None:
            self.req._response_ended()  # its ticks come before those of the listeners

    def _dump(self) -> None:
        """Nobody will read the body: throw away what there is and what comes."""
        if not self._dumped:
            self._dumped = True
            self.removeAllListeners('data')
            self.resume()

    def _end_unread(self) -> None:
        """As `_dump`, for a message that nobody listens to: 'end' and 'close' need no ticks. Most requests
        end here; and so do those whose body is known to be empty."""
        if not self._consumed and self._life < DOOMED:
            self._dumped = True
            if self._length:
                self._buffer, self._length, self._offset = NOTHING, 0, 0
            self._input, self._life = ENDED, GONE

    # Headers

    @property
    def rawHeaders(self) -> list[str]:
        """The headers as received: name, value, ... ("message.rawHeaders")"""
        if self._shown_headers is NOTHING:
            self._show_headers()
        return self._shown_headers  # type: ignore[no-any-return]

    @rawHeaders.setter
    def rawHeaders(self, value: list[str]) -> None:
        if self._shown_headers is NOTHING:
            self._show_headers()
        self._shown_headers = value

    def _show_headers(self) -> None:
        """The user may change `rawHeaders` from now on. As in Node what replaces a header shows in `headers`
        and `headersDistinct`, if nobody has asked for these before, but not what comes in addition; and Node
        itself asks for the `headers` of a request of HTTP/1.1."""
        if self.httpVersion == '1.1' and self.statusCode is None:
            self._headers = self.headers
        self._shown_headers = self._raw_headers.copy()
        if self._headers_count is None:
            self._headers_count = len(self._raw_headers)

    def _admitted(self) -> list[str]:
        """The raw headers that reach `headers`."""
        raw = self._raw_headers if self._shown_headers is NOTHING else self._shown_headers
        return raw if self._headers_count is None else raw[:self._headers_count]

    @property
    def headers(self) -> Record[Any]:
        """The headers by lower-case name, repeated ones combined by the rules of "message.headers"."""
        if self._headers is None:
            self._headers = collect_headers(self._admitted(), bool(self.joinDuplicateHeaders))
        return self._headers

    @headers.setter
    def headers(self, value: Record[Any]) -> None:
        self._headers = value

    @property
    def headersDistinct(self) -> Record[list[str]]:
        """The headers by lower-case name, each a list of all values. ("message.headersDistinct")"""
        if self._headers_distinct is None:
            self._headers_distinct = collect_distinct(self._admitted())
        return self._headers_distinct

    @headersDistinct.setter
    def headersDistinct(self, value: Record[list[str]]) -> None:
        self._headers_distinct = value

    @property
    def rawTrailers(self) -> list[str]:
        """The trailers as received: name, value, ... Empty before 'end'. ("message.rawTrailers")"""
        if self._raw_trailers is None:
            self._raw_trailers = []
        return self._raw_trailers

    @rawTrailers.setter
    def rawTrailers(self, value: list[str]) -> None:
        self._raw_trailers = value

    def _received_trailers(self) -> list[str]:
        return (self._raw_trailers or [])[:self._trailers_count]

    @property
    def trailers(self) -> Record[Any]:
        """The trailers by lower-case name. Empty before 'end'. ("message.trailers")"""
        if self._trailers is None:
            self._trailers = collect_headers(self._received_trailers(), bool(self.joinDuplicateHeaders))
        return self._trailers

    @trailers.setter
    def trailers(self, value: Record[Any]) -> None:
        self._trailers = value

    @property
    def trailersDistinct(self) -> Record[list[str]]:
        """The trailers by lower-case name, each a list of all values. ("message.trailersDistinct")"""
        if self._trailers_distinct is None:
            self._trailers_distinct = collect_distinct(self._received_trailers())
        return self._trailers_distinct

    @trailersDistinct.setter
    def trailersDistinct(self, value: Record[list[str]]) -> None:
        self._trailers_distinct = value

    # Socket, iteration, end

    @property
    def connection(self) -> Any:
        """The same as `socket`. (Deprecated: "message.connection")"""
        return self.socket

    @connection.setter
    def connection(self, socket: Any) -> None:
        self.socket = socket

    client = connection  # the name that old programs use: req.client.authorized

    def setTimeout(self, msecs: float, callback: Callback | None = None) -> Self:
        """Call `socket.setTimeout(msecs)`; `callback` becomes a 'timeout' listener. Returns the message.

        ("message.setTimeout(msecs[, callback])")
        """
        if callback is not None:
            self.on('timeout', callback)
        self.socket.setTimeout(msecs)
        return self

    def _visitable_strand(self) -> Strand | None:
        return None if self.req is None else self.req._visitable_strand()

    def __iter__(self) -> Iterator[Any]:
        return super().__iter__() if self.statusCode is not None else self._iterate_request()

    def _bring(self) -> bool:
        bring = getattr(self._source, 'bring', None)
        return bring is not None and bool(bring(self))

    def _end_at_once(self, alone_with: Any) -> bool:
        request = self.req
        # Who has read a response to its end may ask again: as in Node the connection is free by then.
        if request is not None and not request._releases_unheard():
            return False
        # (A tick to come may listen to 'close', which in Node comes before the end of an iteration.)
        may_be_heard = request is None and len(pool.ticks) > self._end_scheduled
        if not may_be_heard and self._is_read_unheard():  # then this is what the rest comes to
            self._input, self._life = ENDED, GONE
            if request is not None:
                request._response_ended(unheard=True)
            return True
        is_over = super()._end_at_once(alone_with)
        if is_over and request is not None:
            request._release()
        return is_over

    def _is_read_unheard(self) -> bool:
        """Was all of it read, and would nobody hear of its end?"""
        return (self._input == EOF and not self._length and self.complete and self._auto_destroy
                and self._is_iterated_unheard())

    def _is_iterated_unheard(self) -> bool:
        """Does nobody hear of what an iteration does with it?"""
        return (self._life == OPEN and self._errored is None and self._events.keys() <= HEARD_BY_ITERATION
                and not self._is_awaited and self._has_plain_emit())

    def _may_be_brought_whole(self) -> bool:
        """An iteration has asked for more, and all of it is there. Would nobody notice how it comes?"""
        return (self._reading and not self._length and self._decoder is None and not self._flowing
                and self._is_iterated_unheard())

    def _iteration_left(self) -> None:
        if self.req is None:
            super()._iteration_left()
        else:
            self.req.abort()  # as Node: the connection is of no use any more

    def _iterate_request(self) -> Iterator[Any]:
        try:
            yield from self.iterator(destroyOnReturn=False)
        finally:
            with monitor:
                # If this came early: the rest is thrown away once the response is finished, or now if it is.
                self._consumed = False
                if self._life == OPEN and not self.readableEnded:
                    self._was_left = True
                if self._dumped:
                    self.resume()

    def _after_end(self) -> None:
        if (self.complete and self._life == OPEN and self._auto_destroy and 'close' not in self._events
                and not self._is_awaited and getattr(self._destroy, '__func__', None) is _PLAIN_DESTROY):
            # What `_destroy` comes to.
            if self._has_plain_emit():
                if self.req is not None:
                    if self.req._release_in_place():
                        self._life = GONE
                        self._forget_listeners()
                        return
                elif self._source is not None and self._source.closes_unheard(self):
                    self._life = GONE
                    self._forget_listeners()
                    return
            self._enter(DESTROYING)
            self._enter(CLOSED)
            self._tick(self._close_unheard)
        else:
            super()._after_end()

    def _close_unheard(self) -> None:
        """Nobody listened to 'close' when 'end' was emitted: save the second tick, unless somebody listens
        now, or may do so before it."""
        if pool.ticks or 'close' in self._events:
            self._tick(self._emit_end_of_life, None)
        else:
            self._emit_end_of_life(None)

    def _emit_end_of_life(self, error: Any) -> None:
        super()._emit_end_of_life(error)
        self._forget_listeners()

    def _forget_listeners(self) -> None:
        """Forget who listens to what is over. Often that refers to the other message of the exchange, which
        refers to this one: a cycle, which would keep all of it, and the body, until the garbage collector
        comes. (A client's request and response refer to each other anyway; but these two are small.)"""
        events: Any = self._events
        if self._hears_data is None:
            self._hears_data = 'data' in events  # Node, which does not forget, may yet ask
        if _OVER.issuperset(events):
            self._events = NO_EVENTS
        else:
            for name in _OVER:
                events.pop(name, None)

    @internal_hook
    def _destroy(self, error: Any, callback: Callback) -> None:
        if self._input != ENDED or not self.complete:
            self.aborted = True
            self._fire('aborted')
        elif error is None and 'close' not in self._events and not pool.ticks:
            callback(None)  # nobody sees that it comes a tick earlier, and an iteration need not wait for it
            return
        socket = self.socket
        if socket is None or socket.destroyed or not self.aborted:
            self._tick(self._end_destruction, error, callback)
            return
        socket.destroy(error)

        def closed(socket_error: Any = None) -> None:
            if is_premature_close(socket_error):
                socket_error = None
            stop()
            self._tick(self._end_destruction, socket_error or error, callback)
        stop = finished(socket, closed)

    def _give_up(self, error: BaseException) -> None:
        """For a pipeline that has failed: `destroy`. But the connection of a server's request goes on, as in
        Node, for it is to bring the response yet. (Node may forget to read on there.)"""
        with monitor:
            if self.req is not None:
                self.destroy(error)
                return
            self.socket, self._dumped = None, True
            self.destroy(error)
            if self._source is not None:
                self._source.want_data()

    def _end_destruction(self, error: Any, callback: Callback) -> None:
        """Only who listens hears of an error: it is the socket's, or was given to `destroy`."""
        callback(error if 'error' in self._events else None)


_PLAIN_DESTROY, _PLAIN_READ = IncomingMessage._destroy, IncomingMessage._read
_PLAIN_PUSH = IncomingMessage.push


def aborted_error(cause: BaseException | None = None) -> errors.NodeError:
    """Return what a message is destroyed with when its connection breaks: ECONNRESET, 'aborted'."""
    error = errors.connection_reset('aborted')
    error.__cause__ = cause
    return error
