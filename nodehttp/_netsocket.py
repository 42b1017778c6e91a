"""net.Socket: a Duplex over a non-blocking handle.

It is read when the poller says so, one `recv` each time. `_netoutput` writes it, `_netidle` notes when it is
used, `_connecting` brings it from a name to a connection, `_handles` is what is asked of the system.

What can go on at once is named by attributes: `_connecting` (an attempt to connect), `_receiving` (the poller
is asked for input), `_unsent` (a write that the kernel has not taken whole), `_idle_timer`.
"""

from __future__ import annotations

import errno
import socket as sockets
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, Self

from nodehttp import errors
from nodehttp._connecting import Connecting
from nodehttp._handles import (
    close_with_reset,
    end_for_all,
    has_ended,
    has_input,
    has_peer,
    is_unix,
    set_keep_alive,
    set_no_delay,
)
from nodehttp._netoptions import Target, connect_arguments, given_handle, seconds_of
from nodehttp._netoutput import Output
from nodehttp._readable_state import ENDED, MORE
from nodehttp._stream import CLOSED, DOOMED, GONE, NOTHING, OPEN, Function, Options, merged
from nodehttp._writable import FINISHED, WRITING
from nodehttp.checks import check_signal
from nodehttp.events import NO_EVENTS
from nodehttp.listeners import OwnListener, internal
from nodehttp.monitor import internal_hook, monitor
from nodehttp.poller import DONT_WAIT, READ_SIZE, Received
from nodehttp.threadpool import Strand, call_closing, call_pending, hold, watch

# The options of Duplex that a Socket passes on; it never emits 'close' by itself and always destroys itself,
# as in Node.
_STREAM_OPTIONS = (
    'highWaterMark', 'readableHighWaterMark', 'writableHighWaterMark', 'readable', 'writable', 'signal')

# What a stream's life has left behind when its socket is connected anew, beside what `_begin_life` sets. To
# be kept up with the attributes of Lifecycle, Readable and Writable that change during a life.
_USED_UP = frozenset((
    '_error_emitted', '_destroy_callback', '_input', '_buffer', '_offset', '_length', '_reading', '_asking',
    '_need_readable', '_emitted_readable', '_did_read', '_awaited', '_writing',
    '_calling', '_flushing', '_size', '_callback', '_pending', '_need_drain', '_calling_final',
    '_finish_scheduled', '_finish_callbacks', '_is_reset', '_destroys_soon', '_own_name', '_has_closed',
))


class Consumer(Protocol):
    """Who takes what a socket receives. Called with the monitor held."""

    needs_bytes: bool  # the socket cannot have an encoding

    def _received(self, data: bytes) -> object:
        """Take what one read has brought."""


class Socket(Output):
    """A connection. ("Class: net.Socket")

    Options: handle (an open Python socket, which is the Socket's from then on) or fd, allowHalfOpen,
    highWaterMark, readable, writable, noDelay, keepAlive, keepAliveInitialDelay (ms), signal; a number stands
    for {fd: number}. ("new net.Socket([options])")

    Any thread may call any public method. `_strand` keeps its events in order.
    """

    # Here and in the classes above is what every socket has. The dict that Python gives an object besides
    # takes four times the room from 30 attributes on, those of the streams and of the user included, and
    # longer to look into: each look is at memory that many connections have long pushed out of the caches.
    __slots__ = (
        '_connecting', '_consumer', '_corked', '_errored', '_events', '_flowing', '_host', '_httpConnection',
        '_httpMessage', '_is_direct', '_keep_alive', '_keep_alive_delay', '_life', '_no_delay', '_output',
        '_queue', '_receiving', '_server', '_write_length', 'allowHalfOpen', 'bytesRead', 'server')

    bytesRead: int
    server: Any  # of an accepted connection
    autoSelectFamilyAttemptedAddresses: list[str] | None = None

    _emit_close = False
    # The source is not asked in advance: once begun, reading goes on until `push` says that it is enough.
    _reading_more = True

    _server: Any  # to be told of the end
    _connecting: Connecting | None
    _receiving: bool  # the handle is to be read
    _referenced = True
    _is_reset = False  # end with RST
    _destroys_soon = False
    _has_closed = False  # 'close' comes in the closing phase, after all else

    _consumer: Consumer | None  # one of those who listen to 'data';
    _is_direct: bool  # it is the only one, and gets what is received without the stream
    # For http: the message that is being sent, and the ClientConnection.
    _httpMessage: Any
    _httpConnection: Any

    _first_final: Function | None = None  # waits for the connection

    _host: str | None  # that it was to be connected to
    _no_delay: bool
    _keep_alive: bool
    _keep_alive_delay: int  # s

    def __init__(self, options: Options | int = None, **kwargs: Any) -> None:
        self._strand = Strand()
        self._strand.deliverer = self
        self.connecting = False
        self._have_at_hand()
        if options is not None or kwargs:
            given = {'fd': options} if isinstance(options, int) else options
            self._take_socket_options(merged(given, kwargs))

    def _have_at_hand(self) -> None:
        """Set up what is in slots, but for the strand, and `connecting`, which others know better."""
        self._begin_life()
        self._events = NO_EVENTS
        self._flowing = self.timeout = self.server = self._server = self._host = self._idle_timer = None
        self._handle = self._link = self._watch = self._connecting = self._consumer = None
        self._unsent = self._write_callback = self._first_write = None
        self._httpMessage = self._httpConnection = None
        self.allowHalfOpen = self._wants_write = self._no_delay = self._keep_alive = self._is_direct = False
        self._corked = self._keep_alive_delay = 0
        self._idle_due = self._idle_delay = self._last_active = 0.0

    def _begin_life(self) -> None:
        self._life, self._output = OPEN, WRITING
        self._errored = self._peer = self._peer_name = None
        self._queue = NOTHING
        self._receiving = False
        self.bytesRead = self._dispatched = self._write_length = 0

    def _take_socket_options(self, options: dict[str, Any]) -> None:
        for name in ('objectMode', 'readableObjectMode', 'writableObjectMode'):
            if options.get(name):
                raise errors.node_error(
                    'ERR_INVALID_ARG_VALUE', f'options.{name}', options[name], 'is not supported')
        if options.get('allowHalfOpen'):
            self.allowHalfOpen = True
        self._no_delay = bool(options.get('noDelay'))
        self._keep_alive = bool(options.get('keepAlive'))
        self._keep_alive_delay = seconds_of(options.get('keepAliveInitialDelay'))
        check_signal('signal', options.get('signal'))
        for_stream = {name: options[name] for name in _STREAM_OPTIONS if name in options}
        with monitor:
            if 'signal' in options:  # which may be aborted already
                hold(self._strand)
            if for_stream:
                super().__init__(for_stream)
            if 'handle' in options or 'fd' in options:
                hold(self._strand)
                self._open(given_handle(options), paused=bool(options.get('pauseOnCreate')))

    def __repr__(self) -> str:
        peer = self._peer_name
        name = f' {peer.address}:{peer.port}' if peer else ''
        return f'<{type(self).__name__} {self.readyState}{name}{self._describe()}>'

    # The handle

    def _take_handle(self, handle: sockets.socket) -> None:
        """Make `handle` the socket's own. To be told what it is watched for (`_update_interest`)."""
        self._handle = handle
        self._watch = watch(handle, self, self._strand)

    def _has_handle(self, handle: sockets.socket) -> bool:
        return self._handle is handle

    def _drop_handle(self) -> None:
        """Close it. Nothing of the socket may be registered or open then."""
        handle, self._handle = self._handle, None
        self._link = None
        self._wants_write = False
        watch, self._watch = self._watch, None
        if handle is not None and watch is not None:
            if watch.may_have_copies():
                end_for_all(handle)
            watch.close_with(partial(close_with_reset, handle) if self._is_reset else handle.close)

    def _open(self, handle: sockets.socket, peer: Any = None, paused: bool = False) -> None:
        """Begin with a connected handle; `peer` is its peer's name if that is known."""
        self._take_handle(handle)
        self._peer = peer
        self._use_handle(handle)
        if paused:
            self._flowing = False
        elif self._input == MORE and self._life == OPEN:
            self._ask()  # what `read(0)` comes to
        if not self._receiving:
            self._update_interest()

    def _use_handle(self, handle: sockets.socket) -> None:
        self._link = handle
        self._watch.handle = handle  # type: ignore[union-attr]
        if self._no_delay:
            set_no_delay(handle, True)
        if self._keep_alive:
            set_keep_alive(handle, True, self._keep_alive_delay)

    def _update_interest(self) -> None:
        """Tell the poller what is waited for. As in Node a socket that waits for nothing does not keep the
        process alive."""
        if self._watch is not None:
            readable = self._receiving and not self.connecting
            self._watch.want(
                readable, self._wants_write, self._referenced and (readable or self._wants_write))

    # Connecting

    def connect(self, *args: Any, **kwargs: Any) -> Self:
        """Connect: connect(port[, host]), connect(path) or connect(options), and a function that listens for
        'connect' once.

        Options: port, host ('localhost'), localAddress, localPort, family, hints, lookup, autoSelectFamily,
        autoSelectFamilyAttemptTimeout (ms); or path, a Unix socket. Returns at once; 'connect' and 'ready' or
        'error' follow. A destroyed socket can be connected anew. Raises TypeError and ValueError for wrong
        arguments. ("socket.connect()")
        """
        options, listener = connect_arguments(args, kwargs)
        target = Target(options)
        with monitor:
            hold(self._strand)
            if self._life >= DOOMED:
                self._begin_anew()
            if listener is not None:
                self.once('connect', listener)
            if self._connecting is not None or self._handle is not None:
                error = errors.system_error(
                    'EALREADY' if self.connecting else 'EISCONN', 'connect', target.path or target.host,
                    target.port or None)
                self._tick(self._destroy_once, error)
                return self
            if self.timeout:
                self._touch()
            self.connecting = True
            self._host = target.host  # whose certificate a TLSSocket on top expects
            self._connecting = Connecting(self, target)
            self._connecting.start()
            hold(self._strand)  # anew: from now on the caller can go on
        return self

    def _begin_anew(self) -> None:
        """Forget the stream that this socket has been."""
        for name in _USED_UP & self.__dict__.keys():
            del self.__dict__[name]
        self._begin_life()
        if not self._is_readable:
            self._input = ENDED
        if not self._is_writable:
            self._output = FINISHED

    def _await_connection(self) -> None:
        """The handle is connecting: it can be written when that is over."""
        self._wants_write = True
        self._update_interest()

    def _connected(self) -> None:
        handle = self._handle
        assert handle is not None
        self._connecting = None
        self.connecting = self._wants_write = False
        if self._own_name is not None:
            self._own_name = None
        self._use_handle(handle)
        if self.timeout:
            self._touch()
        if self._consumer is None and not self.isPaused():
            self._receiving = True
        self._update_interest()
        self._fire('connect')
        self._catch_up()
        self._fire('ready')
        if self._has_handle(handle) and self._consumer is None and not self.isPaused():
            self._take(0)

    @internal
    def _catch_up(self) -> None:
        if self._first_write is not None:
            (chunks, callback), self._first_write = self._first_write, None
            self._transmit(chunks, callback)
        if self._first_final is not None and self._link is not None:
            callback, self._first_final = self._first_final, None
            self._final(callback)

    def _connect_failed(self, error: Any) -> None:
        self._destroy_once(error)

    # Reading

    def _on_readable(self, received: Received | None = None) -> None:
        """One `recv`, unless `received` is what that has come to: the poller says when there is more, unless
        it was full."""
        try:
            if received is None:
                data = self._link.recv(READ_SIZE, DONT_WAIT)  # type: ignore[union-attr]
            elif type(received) is bytes:
                data = received
            else:
                raise received  # type: ignore[misc]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._read_failed(errors.os_error(error, 'read'))
            return
        if not data:
            self._stop_reading()
            self._on_end_of_input()
            return
        if self.timeout:
            self._touch()
        self.bytesRead += len(data)
        if len(data) == READ_SIZE:
            self._watch.again()  # type: ignore[union-attr]
        self._received(data)

    def _received(self, data: bytes) -> None:
        """Hand on what has arrived."""
        if self._is_direct:
            self._consumer._received(data)  # type: ignore[union-attr]
        else:
            self._take_in(data)

    def _take_in(self, data: bytes) -> None:
        """Have the stream hand on what has arrived."""
        if not self.push(data):
            self._stop_reading()

    def _read_failed(self, error: errors.NodeError) -> None:
        self._destroy_once(error)

    def _on_end_of_input(self) -> None:
        self.push(None)
        self._take(0)  # with nothing left to read, 'end' comes even if nobody reads

    @internal_hook
    def _read(self, size: int) -> None:
        self._start_reading()

    def _start_reading(self) -> None:
        """Read from the kernel, as soon as there is a connection."""
        if not self._receiving and self._input == MORE:
            self._receiving = True
            self._update_interest()

    def _stop_reading(self) -> None:
        """Leave what arrives in the kernel."""
        if self._receiving:
            self._receiving = False
            self._update_interest()

    def _consume(self, consumer: Consumer) -> None:
        """For http: one of the listeners of 'data' is an internal function that comes to giving that to
        `consumer`, which may be done without the detour as long as it is the only one. `_stop_reading`
        pauses. Nothing else changes."""
        self._consumer = consumer
        self._is_direct = len(self._events.get('data', ())) == 1 and 'readable' not in self._events

    def _listener_added(self, name: str, prepend: bool) -> None:
        self._is_direct = False  # for good, as in Node
        super()._listener_added(name, prepend)

    def _unconsume(self) -> None:
        """An ordinary stream again."""
        self._consumer, self._is_direct = None, False

    def setEncoding(self, encoding: str | None = None) -> Self:
        """As any stream's. ERR_HTTP_SOCKET_ENCODING on a server's connection: its parser needs bytes.
        ("socket.setEncoding([encoding])")"""
        if self._consumer is not None and self._consumer.needs_bytes:
            raise errors.node_error('ERR_HTTP_SOCKET_ENCODING')
        return super().setEncoding(encoding)

    def _lend(
        self, on_data: Callable[[bytes], Any], on_end: Callable[[], Any], on_error: Callable[[Any], Any],
    ) -> None:
        """For TLS: what is received goes to `on_data(data)` from now on, its end to `on_end()`, and why there
        is no more to `on_error(error)`; all are internal functions, and the stream hears of nothing.
        `_shut_down` ends the other direction."""
        self._received, self._on_end_of_input = on_data, on_end  # type: ignore[method-assign,assignment]
        self._read_failed = on_error  # type: ignore[method-assign,assignment]
        while self._length:
            on_data(self._take(None))
        if self._input == MORE:
            self._start_reading()
        else:
            on_end()

    def _reads_in_own_turn(self) -> bool:
        """Is all that it receives read by the loop, so that ticks are next when that was handed on?"""
        return True

    def _is_stale(self) -> bool:
        """For http: can an idle connection not be written any more, or does the kernel hold something on it
        that nobody waits for: data, an end, an error? Or is it the parent's, after a fork?"""
        if self._output != WRITING or self._life >= DOOMED or self._errored is not None:
            return True
        watch = self._watch
        if self._link is None or watch is None or watch.has_no_news():
            return False
        return watch.is_inherited() or has_input(self._link)

    def _is_cut_off(self) -> bool:
        """For http: the same of one that a thread has read a moment ago, and that nobody has looked at since:
        only the end is looked for."""
        watch = self._watch
        if self._output != WRITING or self._life >= DOOMED or self._errored is not None:
            return True
        return self._link is None or watch is None or watch.is_inherited() or has_ended(self._link)

    def _resume(self) -> None:
        heard_by = self._events.get('resume', ())
        if (self._consumer is not None and self._receiving and self._reading and self._has_plain_emit()
                and len(heard_by) == 1 and isinstance(heard_by[0], OwnListener)):
            self._resume_scheduled = False  # it is being read, and nobody but the consumer hears that it is
        else:
            super()._resume()

    # Writing

    def _refusal(self, what: str) -> errors.NodeError | None:
        if self._output != WRITING and self._input == ENDED and not self.allowHalfOpen:
            return errors.Error('This socket has been ended by the other party', 'EPIPE')
        return super()._refusal(what)

    def _on_writable(self) -> None:
        if self._connecting is not None:
            handle = self._handle
            assert handle is not None
            code = handle.getsockopt(sockets.SOL_SOCKET, sockets.SO_ERROR)
            # 1. The holder polls. 2. Another thread closes a socket for which there is an event, 3. and opens
            # this one, whose descriptor gets the same number. 4. The holder takes the event to be its.
            if code or has_peer(handle):
                self._connecting.attempted(code, handle)
        elif self._unsent:
            self._send_unsent()
        else:
            self._update_interest()

    @internal_hook
    def _final(self, callback: Function) -> None:
        """Everything is written: tell the peer."""
        if self.connecting:
            self._first_final = callback
            self.once('connect', self._catch_up)
        elif self._link is None:
            callback(None)
        else:
            call_pending(callback, self._shut_down(), strand=self._strand)

    def _shut_down(self) -> errors.NodeError | None:
        """Tell the peer that nothing more is sent; return why that was not possible."""
        try:
            self._handle.shutdown(sockets.SHUT_WR)  # type: ignore[union-attr]
        except OSError as error:
            if error.errno != errno.ENOTCONN:  # the peer was faster
                return errors.os_error(error, 'shutdown')
        return None

    # The end

    def destroySoon(self) -> None:
        """End the writable side, and destroy the socket when all is written. ("socket.destroySoon()")"""
        with monitor:
            if self.writable:
                self.end()
            if self._output == FINISHED:
                self._destroy_once()
            else:
                self._destroys_soon = True

    def _after_finish(self) -> None:
        if self._destroys_soon:
            self._destroy_once()
        else:
            super()._after_finish()

    def resetAndDestroy(self) -> Self:
        """Close the connection with a RST and destroy the socket; a connecting one as soon as it is
        connected.

        TypeError ERR_INVALID_HANDLE_TYPE for a Unix socket; one without a connection is destroyed with
        ERR_SOCKET_CLOSED. ("socket.resetAndDestroy()")
        """
        with monitor:
            if self.connecting:
                self.once('connect', internal(self.resetAndDestroy))
            elif self._handle is None:
                self._destroy_once(errors.node_error('ERR_SOCKET_CLOSED'))
            elif is_unix(self._handle):
                raise errors.node_error('ERR_INVALID_HANDLE_TYPE')
            else:
                self._is_reset = True
                self._destroy_once()
        return self

    @internal_hook
    def _destroy(self, error: Any, callback: Function) -> None:
        had_connection = self._connecting is not None or self._handle is not None
        if self._overdue:
            self._send_overdue()
        self.connecting = False
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        self._drop_handle()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        callback(error)
        if had_connection:
            call_closing(self._emit_closed, error is not None, connecting, strand=self._strand)
        else:
            self._tick(self._fire_close)
        if self._server is not None:
            self._server._connection_closed(self)

    def _emit_closed(self, had_error: bool, connecting: Connecting | None) -> None:
        """In the closing phase: what was on its way fails, then 'close'."""
        if connecting is not None:
            connecting.emit_canceled()
        callback, self._write_callback, self._unsent = self._write_callback, None, None
        if callback is not None:
            callback(errors.system_error('ECANCELED', 'write'))
            call_closing(self._emit_closed, had_error, None, strand=self._strand)  # behind the ticks of that
            return
        self._fire_close(had_error)
        if self._first_write is not None and not self.connecting:
            (_, callback), self._first_write = self._first_write, None
            callback(errors.node_error('ERR_SOCKET_CLOSED_BEFORE_CONNECTION'))

    def _emit_end_of_life(self, error: Any) -> None:
        if self._life == CLOSED:  # not connected anew meanwhile
            super()._emit_end_of_life(error)

    def _fire_close(self, *had_error: bool) -> None:
        self._has_closed = True
        self._fire('close', *had_error)

    def _is_past(self, name: str) -> bool:
        return self._has_closed if name == 'close' else self._life == GONE

    # Settings

    def setNoDelay(self, noDelay: bool = True) -> Self:
        """Send small writes at once (Nagle's algorithm off). ("socket.setNoDelay([noDelay])")"""
        with monitor:
            self._no_delay = bool(noDelay)
            if self._link is not None:
                set_no_delay(self._link, self._no_delay)
        return self

    def setKeepAlive(self, enable: bool = False, initialDelay: float = 0) -> Self:
        """Probe an idle connection, first after `initialDelay` ms (0: as before).
        ("socket.setKeepAlive([enable][, initialDelay])")"""
        with monitor:
            if initialDelay and self._keep_alive and enable and (
                    self._keep_alive_delay == seconds_of(initialDelay)):
                return self  # an agent says so after every request
            self._keep_alive = bool(enable)
            if initialDelay:
                self._keep_alive_delay = seconds_of(initialDelay)
            if self._link is not None:
                set_keep_alive(self._link, self._keep_alive, seconds_of(initialDelay))
        return self

    def ref(self) -> Self:
        """Keep the process alive while the socket is connecting, reading or writing (the default).
        ("socket.ref()")"""
        with monitor:
            if not self._referenced:
                self._referenced = True
                if self._receiving and self._watch is not None and not self.connecting:
                    self._watch.use()
                else:
                    self._update_interest()
        return self

    def unref(self) -> Self:
        """Do not keep the process alive. ("socket.unref()")"""
        with monitor:
            self._referenced = False
            if self._watch is not None:
                self._watch.unref()
        return self

    # State

    @property
    def pending(self) -> bool:
        """Is it not connected yet? ("socket.pending")"""
        return self._handle is None or self.connecting

    @property
    def readyState(self) -> str:
        """'opening', 'open', 'readOnly', 'writeOnly' or 'closed'. ("socket.readyState")"""
        if self.connecting:
            return 'opening'
        if self.readable:
            return 'open' if self.writable else 'readOnly'
        return 'writeOnly' if self.writable else 'closed'

    @property
    def bytesWritten(self) -> int:
        """Bytes sent, including those that wait to be. ("socket.bytesWritten")"""
        waiting = self._first_write[0] if self._first_write is not None else ()
        return self._dispatched + sum(map(len, waiting)) + sum(len(item[0]) for item in self._queue)

    @property
    def bufferSize(self) -> int | None:
        """Deprecated: `writableLength`. ("socket.bufferSize")"""
        return None if self._handle is None else self._write_length
