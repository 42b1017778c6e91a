"""The wire side of a client: one connection, and the exchange of one request for one response on it.

A `ClientConnection` belongs to a socket for as long as that is used for HTTP, through any number of
requests. It feeds what arrives to the parser and tells the request what that was. Its state:

    IDLE       no request: whatever arrives now belongs to nobody, and ends the connection
    WAITING    a request is being sent; heads of 1xx may come, then the head of the response
    RECEIVING  the response's body is coming
    COMPLETE   the response is there; the request may still be on its way out, or the response unread
    TUNNEL     after 'upgrade' or 'connect': the socket is the user's
    CLOSED

Parsing is a pull: `_advance` takes what the parser has next and delivers it, until it has nothing. All
input is kept in the parser and the response, so that another thread can go on when a listener waits in the
middle (`_go_on`).

It works over any Duplex, and listens to its 'data'; a `net.Socket` hands its bytes over without that detour
when nobody else does.
"""

from __future__ import annotations

from typing import Any

from nodehttp import errors
from nodehttp._stream import DOOMED
from nodehttp._writable import WRITING
from nodehttp.listeners import internal
from nodehttp.outgoing import FINISHED
from nodehttp.parser import END, Parser
from nodehttp.threadpool import next_tick, pool

IDLE, WAITING, RECEIVING, COMPLETE, TUNNEL, CLOSED = (
    'idle', 'waiting', 'receiving', 'complete', 'tunnel', 'closed')
_MOVES = {
    IDLE: (WAITING, CLOSED),
    WAITING: (RECEIVING, TUNNEL, CLOSED),
    RECEIVING: (COMPLETE, CLOSED),
    COMPLETE: (IDLE, CLOSED),
    TUNNEL: (),
    CLOSED: (),
}

_HEARD = 'data', 'end', 'error', 'close', 'drain'  # the events of the socket that each request hears of


def connection_of(socket: Any) -> ClientConnection:
    """Return the ClientConnection of a socket; a new one if it has none yet, or is connected anew."""
    connection: ClientConnection | None = getattr(socket, '_httpConnection', None)
    if connection is None or connection.state is TUNNEL or (
            connection.state is CLOSED and not socket.destroyed):
        connection = socket._httpConnection = ClientConnection(socket)
    return connection


class ClientConnection:
    """One socket of a client. All methods need the monitor."""

    needs_bytes = False  # whoever sets an encoding is told when something comes

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.state = IDLE
        self.request: Any = None
        self._parser: Parser | None = None
        self._parser_options: tuple[int, bool] | None = None
        self._informational = False  # the head just parsed was a 1xx: the END behind it ends nothing
        self._stopped = False  # the response is full
        self._holds = False  # something that came meanwhile waits in the parser, and the socket is not read
        # More has come than was asked for: as in Node that ends no request; but no other one follows.
        self._is_out_of_step = False
        self._heard: dict[str, Any] = {}  # the listeners of the socket when the last request began
        # All listeners of the socket, when none of them was the user's.
        self._private_listeners: list[tuple[Any, ...]] | None = None
        self._is_read = False  # what arrives comes here, since the first request
        self._is_consumed = False  # it is a net.Socket
        self.is_plain = False  # nor is it enciphered
        self._has_own_turn = False  # each of its reads is an event of the loop, behind which ticks are next
        # Of a connection that failed before the request was there.
        self._error: BaseException | None = None
        self._listeners = {
            'end': internal(self._ended),
            'close': internal(self._closed),
            'error': internal(self._failed),
            'drain': internal(self._drained),
            'timeout': internal(self._timed_out),
        }
        for name, listener in self._listeners.items():
            socket.on(name, listener)
        self._former_deliverer, socket._strand.deliverer = socket._strand.deliverer, self
        socket._strand.owner = self

    def __repr__(self) -> str:
        return f'<ClientConnection {self.state}>'

    def _enter(self, state: str) -> None:
        """The one place where the state changes, but for what has just asked for it."""
        assert state in _MOVES[self.state], f'{self.state} -> {state}'
        self.state = state

    # For the request

    def begin(self, request: Any) -> None:
        """From now on `request` is sent on this connection, and what arrives is the answer to it."""
        socket = self.socket
        self.request = socket._httpMessage = request
        request.socket, parser_options = socket, request._parser_options
        if self._parser is None or self._parser_options != parser_options:
            self._parser_options = max_header_size, lenient = parser_options
            self._parser = Parser('response', max_header_size=max_header_size, lenient=lenient)
        if request._hears_timeouts:
            self.hear_timeouts()
        if self.state is IDLE:
            self.state = WAITING
        if not self._is_read:
            self._begin_to_read()
        elif socket._events != self._heard:  # somebody has begun to listen since then, or has ceased
            self._hear_last()

    def _begin_to_read(self) -> None:
        self._is_read = True
        self._is_consumed = hasattr(self.socket, '_consume')
        self.is_plain = self._is_consumed and not hasattr(self.socket, 'encrypted')
        self._has_own_turn = self._is_consumed and self.socket._reads_in_own_turn()
        self._listeners['data'] = internal(self._data_came)
        self.socket.on('data', self._listeners['data'])
        if self._is_consumed:
            self.socket._consume(self)

    def hear_timeouts(self) -> None:
        """The request listens from now on."""
        self._listen_last('timeout')

    def _hear_last(self) -> None:
        """The request hears of the socket's events after those who listen already, as if it began to listen
        now."""
        for name in _HEARD:
            self._listen_last(name)
        self._heard = dict(self.socket._events)
        if self._is_consumed:
            self.socket._consume(self)

    def _listen_last(self, name: str) -> None:
        listener, present = self._listeners[name], self.socket._events.get(name)
        if present is None or present[-1].listener is not listener:
            self.socket.off(name, listener).on(name, listener)

    def saves_tick(self) -> bool:
        """In a tick: is the next one the next thing to be done, so that what a request that is sent now
        leaves to it can be done at the end of this one?

        Not over TLS, where nothing is written before the check phase.
        """
        socket = self.socket
        # (The rest is what `socket.writable` comes to, which as a property takes longer than all of this.)
        return (self.is_plain and not pool.ticks and not socket.connecting and socket._output == WRITING
                and socket._life < DOOMED and socket._errored is None)

    def catch_up(self) -> None:
        """Tell the request what has befallen the connection while it was on its way here."""
        request, error, self._error = self.request, self._error, None
        if error is not None and request is not None:
            request._connection_failed(error)
        if self.state is CLOSED and request is not None:
            self.request = None
            request._connection_closed()

    def is_private(self) -> bool:
        """Do the events of the socket call nothing of the user's?"""
        socket = self.socket
        listeners = list(socket._events.values())
        if listeners != self._private_listeners:
            if not socket._is_private():
                return False
            self._private_listeners = listeners
        return bool(socket._has_plain_emit())

    def has_all(self) -> bool:
        """Has all of the response been received? (An IDLE one may be about to be asked for something.)"""
        return self.state is COMPLETE

    def release(self) -> None:
        """The exchange is over and the connection may be used for another."""
        self.request = None
        if self._is_out_of_step:
            self._break()
        elif self.state is COMPLETE:
            self.state = IDLE
            if self._stopped:
                self.want_data()

    def leave(self) -> bytes:
        """Hand the socket over to the user; returns what was received behind the head."""
        self._enter(TUNNEL)
        assert self._parser is not None
        self._parser.upgrade()
        rest = self._parser.take_rest()
        self.request = self._parser = self.socket._httpMessage = None
        for name, listener in self._listeners.items():
            self.socket.off(name, listener)
        self.socket._strand.deliverer = self._former_deliverer
        self.socket._strand.owner = None
        if self._is_consumed:
            self.socket._unconsume()
        self.socket.readableFlowing = None
        return rest

    def want_data(self) -> None:
        """The response has room again."""
        self._end_pause()
        if self._stopped:
            self._stopped = False
            if not self._is_consumed:
                self.socket.resume()
            elif self._holds:
                self._holds = False
                self.socket._start_reading()
                next_tick(self._advance, strand=self.socket._strand)

    # From the socket

    def _received(self, data: bytes) -> None:
        """Nobody else hears of it."""
        socket, parser, is_last = self.socket, self._parser, self._has_own_turn
        if socket._flowing is False:  # the user has paused it
            socket._take_in(data)
        elif self.state is WAITING and parser is not None:
            head = parser.begin(data)
            if head is None or not (self._head_arrived(head) and self._takes_whole(is_last)):
                self._advance(is_last=is_last)
        else:
            self._feed(data, is_last)

    def _data_came(self, data: bytes | str) -> None:
        if isinstance(data, str):  # the user has set an encoding: Node's process ends here
            self.socket.destroy(errors.node_error('ERR_HTTP_SOCKET_ENCODING'))
        else:
            self._feed(data, False)

    def _feed(self, data: bytes, is_last: bool) -> None:
        if self.state in (WAITING, RECEIVING):
            if self._parser is None:
                return
            self._parser.feed(data)
            if self._stopped and self._is_consumed:
                self._holds = True
                self.socket._stop_reading()
            else:  # also what a Duplex of the user's delivers although it is paused
                self._advance(is_last=is_last)
        elif self.state is COMPLETE:
            self._is_out_of_step = True
        else:
            # Nobody asked for it; were it kept, the next request would take it for its answer.
            self._break()

    def _go_on(self) -> None:
        """A listener waits: let others have what is behind its event."""
        self._advance()
        self.socket._go_on()

    def _end_pause(self) -> None:
        """As in Node a pause of the socket lasts until its response is complete, or is read."""
        if self._is_consumed and self.socket._flowing is False:
            self.socket.resume()

    def _advance(self, is_at_end: bool = False, is_last: bool = False) -> None:
        """Deliver what the parser has. `is_at_end`: nothing more comes, and if something is missing, 'close'
        tells. `is_last`: ticks are what follows from the read that brought it."""
        while self._parser is not None and self.request is not None:
            try:
                event = self._parser.next_event()
            except errors.NodeError as error:
                if is_at_end:
                    self._parser = None
                else:
                    self._parse_failed(error)
                return
            if event is None:
                if self.state is COMPLETE and not self._parser.is_between_messages():
                    self._is_out_of_step = True
                elif is_last and self.state is RECEIVING and self.request.res._begins_next():
                    self.want_data()
                return
            if self.state is COMPLETE:
                self.socket.destroy()  # a second response; as Node, look on for what is wrong with it
                if getattr(event, 'statusCode', None) == 101:  # whatever is behind that is no message
                    self._parser = None
            elif event is END:
                self._message_ended(is_last)
            elif type(event) is bytes:
                response = self.request.res
                # Complete: a listener has waited for that, and the connection may be at the next one.
                if not response._dumped and not response.push(event) and not response.complete:
                    self._stop()
            elif self._head_arrived(event) and self._takes_whole(is_last):
                return

    def _takes_whole(self, is_last: bool) -> bool:
        """A response was announced. If all of it is there, and nobody can tell the difference, let it have
        that at once. Nearly always it is like that."""
        request, parser = self.request, self._parser
        if (self.state is not RECEIVING or parser is None or request._phase is not FINISHED
                or request.destroyed or not self._is_consumed or self.socket._flowing is False):
            return False
        response = request.res
        if not response._may_have_whole(is_last) or (body := parser.take_body(with_end=True)) is None:
            return False
        self.state = COMPLETE
        if response._flowing:
            response._flow_whole(body)
        else:
            response._keep_whole(body)
        return True

    def _stop(self) -> None:
        """The response is full: do not read on until it has room. As in Node the socket takes one more piece,
        so that an end or an error that comes instead is heard."""
        if not self._stopped:
            self._stopped = True
            if not self._is_consumed:
                self.socket.pause()

    def _head_arrived(self, head: Any) -> bool:
        """Returns whether it is that of a response as nearly all are."""
        request, status = self.request, head.statusCode
        if request.method == 'CONNECT' or head.upgrade:
            if not request._tunnel_opened(head, self):
                self._break()
            return False
        if 100 <= status < 200 and status != 101:
            self._informational = True
            request._informed(head)
            return False
        self.state = RECEIVING
        if status == 304 or request.method == 'HEAD':
            self._parser.skip_body()  # type: ignore[union-attr]
        request._answered(head, self)
        return bool(status != 101)

    def _message_ended(self, is_last: bool) -> None:
        if self._informational:
            self._informational = False
            return
        self._enter(COMPLETE)
        self.want_data()  # also while nobody reads the response: the connection may end, and be used again
        response: Any = self.request.res
        parser: Any = self._parser
        if response.statusCode == 101:  # without the headers of an upgrade: as Node, read nothing behind it
            self._parser = None
        is_last = is_last and response._flowing and not response._asking and not parser.has_input()
        if response._complete(parser.trailers, ends_next=is_last):
            response._end_next()

    def _break(self) -> None:
        """What comes on this connection is of no use any more."""
        self._parser = None
        self.socket.destroy()

    def _parse_failed(self, error: errors.NodeError) -> None:
        self._break()
        self.request._connection_failed(error)

    def _ended(self) -> None:
        """The peer sends no more: an end for a response without a length, else too early."""
        is_under_way = self.state in (WAITING, RECEIVING)
        if self.request is not None:
            if self.state is WAITING and getattr(self.socket, 'errored', None) is None:  # else 'error' tells
                self.request._hang_up()
            if self._parser is not None and self.state is RECEIVING:
                self._parser.feed_eof()
                self._advance(is_at_end=True)  # full or not: nobody will ask for it later
        if is_under_way:
            self.socket.destroy()
        else:
            self.socket.end()

    def _failed(self, error: BaseException) -> None:
        parser = self._parser
        self._break()
        if self.request is not None:
            self.request._connection_failed(error)
            if self.request is not None:
                self._end_last(self.request.res, parser)
        else:
            self._error = error
            next_tick(self.socket._fire, 'agentRemove', strand=self.socket._strand)

    def _closed(self, *_: Any) -> None:
        if self.state is CLOSED:  # the socket was connected anew, with another ClientConnection
            return
        request, self.request = self.request, None
        parser, self._parser = self._parser, None
        self._enter(CLOSED)
        if request is not None:
            request._connection_closed()
            self._end_last(request.res, parser)

    def _end_last(self, response: Any, parser: Parser | None) -> None:
        """As in Node a response that lasts until the connection ends is complete then, also if it was
        aborted."""
        if parser is not None and response is not None and response.aborted and parser.is_in_last_message():
            response.complete = True

    def _drained(self) -> None:
        if self.request is not None:
            self.request._socket_drained()

    def _timed_out(self) -> None:
        if self.request is not None:
            self.request._timed_out()
