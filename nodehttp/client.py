"""ClientRequest, and `request` and `get`, which make one.

Documentation: "Class: http.ClientRequest". The way of a request, `_state`:

    QUEUED     it has no socket: the agent has none free, or it is being made
    ASSIGNED   it has been given one, and takes it in the next tick (left out where nobody sees that)
    SENT       it is on its connection: what is written goes out
    ANSWERED   the response has come
    RELEASED   response and request are over, the connection goes back to the agent in the next tick
    CLOSED     'close' has been, or is being, emitted

`destroy` is no state: it may come at any moment, and what it does depends on how far the request has got.
In all cases 'close' comes exactly once, and last.

What belongs to the connection (bytes, the parser, events of the socket) is in `_exchange.py`; which socket
a request gets, in `agent.py`; what it asks for, in `_requesthead.py`; what is written to it, in
`outgoing.py`.

Where this leaves Node 25.2.1: `path` and `method` are checked again when the head is rendered, so that
setting them cannot split a message; a request whose `createConnection` fails gets its 'close' too; an
aborted signal opens no connection; a reset connection is no end of a response without a length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from nodehttp import agent as agents
from nodehttp import errors
from nodehttp._exchange import ClientConnection, connection_of
from nodehttp._finished import Finish, is_premature_close
from nodehttp._iteration import is_waited_for
from nodehttp._netoutput import JOIN_LIMIT
from nodehttp._request_options import Place, read_arguments, timer_duration
from nodehttp._requesthead import PLAIN_PARSER_OPTIONS, PLAIN_SET_HEADER, RequestHead
from nodehttp._stream import OPEN as ALIVE
from nodehttp.arity import adapt
from nodehttp.common import collect_headers
from nodehttp.incoming import IncomingMessage, aborted_error, new_object
from nodehttp.listeners import registration
from nodehttp.outgoing import ENDED, FINISHED, OPEN, OutgoingMessage
from nodehttp.record import Record
from nodehttp.threadpool import (
    Strand,
    add_tick,
    hold,
    hold_instead,
    is_busy_elsewhere,
    is_outside,
    monitor,
    next_tick,
    occupy,
    pool,
    release_strand,
    released,
)

Callback = Callable[..., Any]

QUEUED, ASSIGNED, SENT, ANSWERED, RELEASED, CLOSED = (
    'queued', 'assigned', 'sent', 'answered', 'released', 'closed')
_MOVES = {
    QUEUED: (ASSIGNED, SENT, CLOSED),
    ASSIGNED: (SENT, CLOSED),
    SENT: (ANSWERED, CLOSED),
    ANSWERED: (RELEASED, CLOSED),
    RELEASED: (CLOSED,),
    CLOSED: (),
}

# The events by which one can tell when it is sent.
_OF_SENDING = frozenset(('socket', 'prefinish', 'finish'))


class ClientRequest(RequestHead):
    """A request that is under way. ("Class: http.ClientRequest")

    Made by `request` and `get`. Any thread may call any method. Events come on the strand of the socket; of
    a request that a thread outside the pool makes, the first is held back until that thread waits (see
    `holds.py`).
    """

    # What every request has (see `net.Socket`).
    __slots__ = (
        '_has_keep_alive_hint', '_response_over', '_signal', '_state', '_timeout_is_own', 'maxHeadersCount',
        'res', 'reusedSocket')

    aborted = False
    reusedSocket: bool
    maxHeadersCount: int | None
    res: IncomingMessage | None
    _strand: Strand  # one of its own until it has a socket, then the socket's

    _is_answered = True
    _state: str
    _failure: BaseException | None = None  # what 'error' was emitted with
    _response_over: bool  # the response has emitted 'end'
    _was_timed_out = False
    _timeout_is_own: bool  # the socket's timeout was set by setTimeout
    _signal: Any
    _on_abort: Any = None
    _has_keep_alive_hint: bool  # does the response say how long the server keeps the connection?

    def __init__(
        self, input: Any = None, options: Any = None, callback: Callback | None = None, **kwargs: Any,
    ) -> None:
        """See `request`."""
        with monitor:
            self._begin(input, options, callback, kwargs)

    def _begin(
        self, input: Any, options: Any, callback: Callback | None, keywords: dict[str, Any],
    ) -> Place | None:
        """Returns where the request goes if that is all there is to say in its head, so far."""
        # What most requests get sooner or later: it takes longer to find an attribute in the class.
        self._state, self._phase, self._events = QUEUED, OPEN, {}
        self.socket = self.res = self._header = self._headers = self._queue = self._signal = None
        self.timeout = self.maxHeadersCount = self._join_duplicates = None
        self.destroyed = self.reusedSocket = self._head_sent = self._response_over = self._closed = False
        self._has_keep_alive_hint = self._hears_timeouts = self._timeout_is_own = False
        self._parser_options = PLAIN_PARSER_OPTIONS
        self._corked = 0
        default = keywords.pop('_defaultAgent', None) if keywords else None  # https has its own
        given, callback, has_rare = read_arguments(input, options, callback, keywords)
        place = self._take_options(given, has_rare, default)
        # What users have overridden is called, as in Node.
        kind = type(self)
        has_plain_once = kind.once is _PLAIN_ONCE
        if callback is not None:
            if has_plain_once:
                self._events['response'] = (registration(callback, True),)
            else:
                with released():
                    self.once('response', callback)
        is_plain = not has_rare and 'headers' not in given and kind.setHeader is PLAIN_SET_HEADER
        if is_plain:
            self._headers = {'host': place.host_header}
        elif has_rare or not self._set_few_headers(given.get('headers'), place.host_header):
            self._set_headers(given, place.host_header)
        is_unseen = self._start(given, None if has_rare else place.name)
        return place if is_plain and is_unseen and has_plain_once else None

    def __repr__(self) -> str:
        host = self.getHeader('host') or self.host  # the former has the port
        return f'<{type(self).__name__} {self.method} {self.protocol}//{host}{self.path} {self._state}>'

    def _enter(self, state: str) -> None:
        """The one place where the state changes, but for what has just asked for it."""
        assert state in _MOVES[self._state], f'{self._state} -> {state}'
        self._state = state

    # The socket

    def _send_end(self, data: bytes | None) -> None:
        if (self.socket is None and self._queue is None and not self.chunkedEncoding
                and (data is None or len(data) <= JOIN_LIMIT)):
            self._corked = 0
            head = self._header.encode('latin-1')  # type: ignore[union-attr]
            self._wait_whole(head if data is None else head + data)
        else:
            super()._send_end(data)

    def _end_plain(self, place: Place) -> None:
        """`end()`, right after `_begin`."""
        if self.useChunkedEncodingByDefault:
            self._end(None, None)
        else:  # what that comes to where there is no body
            lines = place.kept_lines if self.shouldKeepAlive else place.closing_lines
            self._header = head = f'{self.method} {self.path} HTTP/1.1\r\n{lines}'
            self._phase = ENDED
            self._wait_whole(head.encode('latin-1'))

    def _wait_whole(self, data: bytes) -> None:
        """Let the whole request wait for a socket."""
        self._head_sent = True
        self._queue, self._queue_size = [(data, self._on_flushed)], len(data)

    def _start(self, options: dict[str, Any], name: str | None) -> bool:
        """Ask the agent, or the user's `createConnection`, for a socket. `name`: see `Agent._admit`. Returns
        whether nobody has seen the request for that."""
        agent = self.agent
        if (name is not None and isinstance(agent, agents.Agent) and type(self) is ClientRequest
                and ClientRequest.onSocket is _PLAIN_ON_SOCKET):
            socket = agent.admit_unasked(self, options, name)
            if socket is agents.WAITING:
                self._strand = Strand()
                hold(self._strand)
                return True
            if socket is not None:
                self._take_idle(socket)
                return True
        # First of all: where hooks are the user's, another thread may go on with this request at once.
        self._strand = Strand()
        hold(self._strand)
        if self.destroyed:  # by a signal that was aborted already: no need for a connection
            self.onSocket(None)
        elif agent is not None:
            add = agent.addRequest
            if getattr(add, 'is_internal_hook', False):
                add.__self__._admit(self, options, name)
            else:
                with released():
                    add(self, Record(options))
        else:
            # As in Node not before: a head that is made in advance, of a list or with Expect, promises more.
            self._last, self.shouldKeepAlive = True, False
            self._create_connection(Record(options))
        # Once more: of the processor time that a hold lasts, all this has used a good part, and the caller's
        # listeners come only now.
        hold(self._strand)
        return False

    def _take_idle(self, socket: Any) -> None:
        """`onSocket`, with a socket that is in use already, before anybody else knows of this request."""
        self._state = ASSIGNED
        self._strand = strand = socket._strand
        hold(strand)
        add_tick(strand, self._take_socket, (socket, None))

    def _create_connection(self, options: Record[Any]) -> None:
        """The option `createConnection`: it returns a socket or passes one to its callback; the first
        counts."""
        def created(error: BaseException | None = None, socket: Any = None) -> None:
            with monitor:
                if self._state is QUEUED:
                    self.onSocket(socket, error)
        try:
            with released():
                socket = adapt(options['createConnection'])(options, created)
        except Exception as error:
            created(error)
            return
        if socket is not None:
            created(None, socket)

    def onSocket(self, socket: Any, err: BaseException | None = None) -> None:
        """Take `socket` in the next tick, or fail with `err`. Called by agents."""
        with monitor:
            if self._state is not QUEUED:
                return
            self._enter(ASSIGNED)
            if socket is not None:
                if socket._strand is None:
                    socket._strand = self._strand
                connection_of(socket)  # now, so that whatever befalls the socket meanwhile is heard
                strand = socket._strand
                own = self._strand
                if own.busy and strand is not own and not hold_instead(own, strand):
                    # Held back: the events of the socket come behind 'socket', whatever is held for longer.
                    occupy(strand)
                    add_tick(strand, self._take_socket, (socket, err))
                    add_tick(own, self._join, (strand,))
                    return
                self._move_to(strand)
            add_tick(self._strand, self._take_socket, (socket, err))

    def _visitable_strand(self) -> Strand | None:
        connection, agent, response = self._strand.owner, self.agent, self.res
        if connection is None:
            return None
        on_it = connection.request
        is_private = (
            (on_it is self or (on_it is None and self._state is ASSIGNED))
            and self._is_private() and connection.is_private()
            and (response is None or response._is_private())
            and type(self) is ClientRequest and isinstance(agent, agents.Agent) and agent._is_private())
        return self._strand if is_private else None

    def _join(self, strand: Strand) -> None:
        """The events of this request need no longer be held back."""
        self._move_to(strand)
        release_strand(strand)

    def _move_to(self, strand: Strand) -> None:
        """From here on the events of this request are events of its socket."""
        strand.patience = self._strand.patience
        self._strand = strand

    def _take_socket(self, socket: Any, error: BaseException | None) -> None:
        if socket is None or self.destroyed or error is not None:
            self._refuse_socket(socket, error or self._error)
            return
        connection = connection_of(socket)
        self._state = SENT
        connection.begin(self)
        if connection.saves_tick() and self._goes_unheard():
            self._send_whole(socket)
        else:
            self._fire('socket', socket)
            self._flush()
            connection.catch_up()

    def take_in_place(self, socket: Any) -> bool:
        """`onSocket`, where the next tick is the next thing to be done, and the socket is in use already.
        Returns whether no tick is needed."""
        connection = socket._httpConnection
        if (connection.is_plain and self._goes_unheard() and not self._strand.busy and not self.destroyed
                and getattr(self.onSocket, '__func__', None) is _PLAIN_ON_SOCKET):
            self._move_to(socket._strand)
            self._state = SENT
            connection.begin(self)
            self._send_whole(socket)
            return True
        self.onSocket(socket)
        return False

    def _goes_unheard(self) -> bool:
        """Is all of the request there, in one piece, and would nobody notice how it is sent?"""
        queue = self._queue
        return (self._phase is ENDED and queue is not None and len(queue) == 1
                and _OF_SENDING.isdisjoint(self._events) and self._has_plain_emit())

    def _send_whole(self, socket: Any) -> None:
        """Send all of the request on a connection that takes it, and do at once what follows from that."""
        data = self._queue[0][0]  # type: ignore[index]
        self._queue, self._queue_size = None, 0
        socket._accept(data, 'buffer', None)
        if socket._write_length:
            socket._write_internal(b'', self._on_flushed)  # when what is before it has been sent
        else:
            self._phase = FINISHED

    def _refuse_socket(self, socket: Any, error: BaseException | None) -> None:
        """The request was destroyed before it had a socket, or there is none for it."""
        if hasattr(error, 'proxyTunnelTimeout'):  # as in Node, whoever has set the time
            self._fire('timeout')
        if socket is None:
            self._end_unsent(error)
        elif error is self._error and self.agent is not None and not socket.destroyed:
            self._give_back(socket)
            self._end_unsent(error)
        else:  # as in Node the socket is over before the request is
            def over(failure: Any) -> None:
                self._end_unsent(error if failure is None or is_premature_close(failure) else failure)

            socket.destroy(error)
            Finish(socket, over)

    def _end_unsent(self, error: BaseException | None) -> None:
        """It ends without having been on a connection."""
        with monitor:
            if error is None and not self.aborted:
                error = errors.connection_reset()
            if error is not None:
                self._fire('error', error)
            self._close()

    def _give_back(self, socket: Any) -> None:
        if isinstance(self.agent, agents.Agent):
            self.agent.socket_is_free(socket)
        else:
            socket._fire('free')

    # From the connection

    def _informed(self, head: Any) -> None:
        """A 1xx has come."""
        if head.statusCode == 100:
            self._fire('continue')
        raw = head.rawHeaders
        self._fire('information', Record(
            statusCode=head.statusCode, statusMessage=head.statusMessage, httpVersion=head.httpVersion,
            httpVersionMajor=head.httpVersionMajor, httpVersionMinor=head.httpVersionMinor,
            headers=collect_headers(raw, bool(self._join_duplicates)), rawHeaders=raw))

    def _receive(self, head: Any, connection: ClientConnection) -> IncomingMessage:
        """Make the response that `head` begins."""
        self.res = response = new_object(IncomingMessage)
        response._take_socket(self.socket)
        if 'keep-alive' in response._take_head(
                head, connection, self.maxHeadersCount, self._join_duplicates):
            self._has_keep_alive_hint = True
        response.upgrade = head.upgrade
        response.req = self
        return response

    def _answered(self, head: Any, connection: ClientConnection) -> None:
        """The head of the response has come."""
        self._state = ANSWERED  # as the connection was waiting for it
        if not head.shouldKeepAlive:
            self.shouldKeepAlive = False
        response = self._receive(head, connection)
        if (self.destroyed and self.aborted) or not (
                ('response' in self._events or self._is_heard('response'))
                and self._fire('response', response)):
            response._dump()

    def _is_heard(self, event: str) -> bool:
        """Does anybody listen, or is the thread that made the request just about to?

        What follows from nobody listening cannot be undone: the body is thrown away, the connection closed.
        """
        return event in self._events or not self._has_plain_emit() or self._has_late_listener(event)

    def _tunnel_opened(self, head: Any, connection: ClientConnection) -> bool:
        """The connection is no HTTP any more; False if nobody listens for that."""
        # Also if nobody listens: it is this that makes the end of the connection no error.
        response, socket = self._receive(head, connection), self.socket
        response.complete = True
        response._end_of_input()
        event = 'connect' if self.method == 'CONNECT' else 'upgrade'
        if not self._is_heard(event):
            return False
        socket._fire('agentRemove')
        rest = connection.leave()
        self._fire(event, response, socket, rest)
        self._close()
        return True

    def _response_ended(self, unheard: bool = False) -> None:
        """The response was read to its end, and is about to emit 'end'. `unheard`: nobody sees what comes
        of it, now or in the next tick."""
        self._response_over = True
        if self._state is not ANSWERED:  # the connection is closed, or a tunnel
            return
        if not self.shouldKeepAlive:
            if self.socket.writable:
                destroy_soon(self.socket)
            return
        response: Any = self.res
        if self._phase is not FINISHED or (response._life != ALIVE and response.aborted):
            return
        # Response and request are over: the connection may serve another.
        self._state = RELEASED
        self.destroyed = True
        if self._timeout_is_own:
            self.socket.setTimeout(0)
        if unheard:
            next_one = self._release_unheard(is_outside())
            if next_one is not None:
                next_one.onSocket(self.socket)
        else:
            add_tick(self._strand, self._release, ())

    def _on_flushed(self, error: BaseException | None = None) -> None:
        OutgoingMessage._on_flushed(self, error)
        if self._response_over and self._phase is FINISHED and self.shouldKeepAlive:
            self._response_ended()

    def _release(self) -> None:
        if self._state is RELEASED:
            socket = self.socket
            self._close()
            socket._httpConnection.release()
            self._give_back(socket)

    def _release_unheard(self, may_keep: bool) -> Any:
        """What `_release` comes to, if nobody hears of it. Returns the request that is to have the socket
        next, if there is one. `may_keep`: see `Agent.keep_in_hand`."""
        self._state, self._closed = CLOSED, True
        if self._signal is not None:
            self._forget_signal()
        if self._events and self._is_awaited:
            self._end_waits()
        socket, agent = self.socket, self.agent
        socket._httpConnection.release()
        return None if may_keep and agent.keep_in_hand(socket) else agent.next_for(socket)

    def _release_in_place(self) -> bool:
        """If the tick of `_release` is the only one before that of the response's 'close', and nobody hears
        of either, do now what it comes to. Returns whether the other one is not needed."""
        # (Were another thread at it, the tick would wait for that.)
        if (len(pool.ticks) != 1 or self._state is not RELEASED or self._strand.busy
                or not self._is_release_unheard()):
            return False
        pool.ticks.clear()
        next_one = self._release_unheard(False)
        if next_one is not None:
            if type(next_one) is not ClientRequest:
                next_one.onSocket(self.socket)
                return False
            return next_one.take_in_place(self.socket)
        return True

    def _is_release_unheard(self) -> bool:
        """Would nobody hear of `_release`?"""
        return ('close' not in self._events and self._has_plain_emit()
                and isinstance(self.agent, agents.Agent) and self.agent.is_free_unheard(self.socket))

    def _releases_unheard(self) -> bool:
        """May `_release` come before its tick, since nobody would see that?"""
        return not self.shouldKeepAlive or (
            not is_busy_elsewhere(self._strand) and self._is_release_unheard())

    def _timed_out(self) -> None:
        # Once for each request, and not when only its own end is still missing, as in Node.
        if self._hears_timeouts and not self._was_timed_out and not self._response_over:
            self._was_timed_out = True
            self._fire('timeout')

    # The end

    def destroy(self, error: BaseException | None = None) -> Self:
        """End the request and its connection, whatever state it is in; 'error' and 'close' follow. Returns
        the request.

        Before the response 'error' is `error`, or ECONNRESET 'socket hang up'; after it the response gets
        ECONNRESET 'aborted'. A request that waits in the queue of an agent stays silent until its turn.
        ("request.destroy([error])")
        """
        with monitor:
            if not self.destroyed:
                self.destroyed = True
                self._error = error
                if self.res is not None:
                    self.res._dump()
                if self.socket is not None:
                    self.socket.destroy(error)
                elif isinstance(self.agent, agents.Agent):
                    self.agent._abandon(self)
        return self

    def abort(self) -> None:
        """Mark the request as aborted and destroy it. (Deprecated: "request.abort()")"""
        with monitor:
            if not self.aborted:
                self.aborted = True
                next_tick(self._fire, 'abort', strand=self._strand)
                self.destroy()

    def _follow(self, signal: Any) -> None:
        """Destroy the request when `signal` is aborted."""
        def on_abort(*_: Any) -> None:
            self.destroy(errors.abort_error(signal.reason))
        if signal.aborted:
            on_abort()
        else:
            self._signal, self._on_abort = signal, on_abort
            signal.addEventListener('abort', on_abort)

    def _forget_signal(self) -> None:
        """The request has failed or is over: to abort the signal changes nothing any more."""
        if self._signal is not None:
            self._signal.removeEventListener('abort', self._on_abort)
            self._signal = None

    def _connection_failed(self, error: BaseException) -> None:
        """The connection broke, or what came on it was no HTTP. Of several such errors the first is told."""
        if self._failure is None:
            self._failure = error
            self._forget_signal()
            if 'error' in self._events or not self._has_plain_emit() or not self._is_told_by_response():
                self._fire('error', error)

    def _is_told_by_response(self) -> bool:
        """Who waits for the response, or has waited for its beginning and is yet to read it, is told by what
        it is destroyed with."""
        response = self.res
        return response is not None and (is_waited_for(response) or (
            self._is_awaited and not response.complete
            and (response._flowing is None or response._dumped)))

    def _hang_up(self) -> None:
        """The connection ended before the response began."""
        self._connection_failed(errors.connection_reset())

    def _connection_closed(self) -> None:
        """The connection is closed, and this request with it."""
        if self._state is RELEASED or self._state is CLOSED:
            return
        self.destroyed = True
        response = self.res
        if response is None:
            self._hang_up()
            self._close()
            return
        if not response.complete:
            response.destroy(aborted_error(self._failure))
        self._close()
        if not response.aborted and response.readable:
            response.push(None)

    def _close(self) -> None:
        if self._state is CLOSED:
            return
        self._enter(CLOSED)
        if self._strand.visit is not None:  # what follows on this connection may be another request's
            self._strand.visit.stop()
        self._closed = self.destroyed = True
        self._forget_signal()
        self._fire('close')
        if self._is_awaited:
            self._end_waits()

    # Settings of the socket

    def setTimeout(self, timeout: float, callback: Callback | None = None) -> Self:
        """Emit 'timeout' when the socket was idle for `timeout` ms, counted from the connection on. Returns
        the request.

        Nothing is closed by that. `callback` becomes a one-time 'timeout' listener. Raises TypeError
        ERR_INVALID_ARG_TYPE, ValueError ERR_OUT_OF_RANGE. ("request.setTimeout(timeout[, callback])")
        """
        with monitor:
            if self._response_over:
                return self
            milliseconds = timer_duration('msecs', timeout)
            if self.socket is None:
                if not self._timeout_is_own:
                    self.once('socket', lambda socket: connection_of(socket).hear_timeouts())
            elif not self._hears_timeouts:
                connection_of(self.socket).hear_timeouts()
            self._hears_timeouts = self._timeout_is_own = True
            if callback is not None:
                self.once('timeout', callback)
            self._when_connected('setTimeout', milliseconds)
        return self

    def clearTimeout(self, callback: Callback | None = None) -> None:
        """The same as `setTimeout(0)`."""
        self.setTimeout(0, callback)

    def setNoDelay(self, noDelay: bool = True) -> None:
        """Call `socket.setNoDelay` once the socket is connected. ("request.setNoDelay([noDelay])")"""
        with monitor:
            self._when_connected('setNoDelay', noDelay)

    def setSocketKeepAlive(self, enable: bool = False, initialDelay: float = 0) -> None:
        """Call `socket.setKeepAlive` once the socket is connected.

        ("request.setSocketKeepAlive([enable][, initialDelay])")
        """
        with monitor:
            self._when_connected('setKeepAlive', enable, initialDelay)

    def _when_connected(self, method: str, *args: Any) -> None:
        """Call a method of the socket now, or as soon as there is one that is connected."""
        def call() -> None:
            getattr(self.socket, method)(*args)

        def assigned(socket: Any) -> None:
            if getattr(socket, 'connecting', False):
                socket.once('connect', call)
            elif hasattr(socket, method):
                call()

        if self.socket is None:
            self.once('socket', assigned)
        else:
            assigned(self.socket)


# As they are here: somebody who looks on, such as a tracer, may put others in their place.
_PLAIN_END, _PLAIN_ON_SOCKET, _PLAIN_ONCE = ClientRequest.end, ClientRequest.onSocket, ClientRequest.once


def destroy_soon(socket: Any) -> None:
    """End a socket and destroy it when everything is written."""
    if hasattr(socket, 'destroySoon'):
        socket.destroySoon()
    else:
        socket.end()


def request(
    input: Any = None, options: Any = None, callback: Callback | None = None, **kwargs: Any,
) -> ClientRequest:
    """Begin a request: `request(options[, callback])` or `request(url[, options][, callback])`.

    `url` is a str, a URL, or a result of `urllib.parse`; options win over it, keyword arguments over both.
    `callback(response)` is a one-time 'response' listener. Returns the ClientRequest; nothing is complete
    before its `end()` is called. Does not wait.

    Options: agent, auth, createConnection, defaultPort, family, headers, hints, host, hostname,
    insecureHTTPParser, joinDuplicateHeaders, localAddress, localPort, lookup, maxHeaderSize, method, path,
    port, protocol, setDefaultHeaders, setHost, signal, socketPath, timeout (ms), uniqueHeaders.

    Raises TypeError and ValueError for bad arguments; all that fails later is an 'error' event.
    ("http.request(url[, options][, callback])")
    """
    return ClientRequest(input, options, callback, **kwargs)


def get(
    input: Any = None, options: Any = None, callback: Callback | None = None, **kwargs: Any,
) -> ClientRequest:
    """As `request`, and `end()` is called. ("http.get(url[, options][, callback])")"""
    req = new_object(ClientRequest)
    with monitor:  # once for both
        place = req._begin(input, options, callback, kwargs)
        if ClientRequest.end is not _PLAIN_END or req._phase is not OPEN:  # by a hook of the user's
            req.end()
        elif place is None:
            req._end(None, None)
        else:
            req._end_plain(place)
    return req
