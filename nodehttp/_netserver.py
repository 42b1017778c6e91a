"""net.Server: listens, accepts, and knows its connections.

How it listens is one word, `_state`; `_enter` changes it:

    CLOSED -> LOOKING (the host is looked up) -> BOUND ('listening' is to come) -> LISTENING -> CLOSED

With an IP literal, a path or a handle it is bound before `listen` returns, so that `address()` is there at
once, with a thread too that is not in a callback; Node binds to a literal in the next tick. The events come
in the same order as Node's.

One connection is accepted when the listening handle becomes readable, as in Node, and several at once while
it is so in one turn of the loop after the other. Each is an event of its own, on the strand of its socket: a
'connection' listener that blocks holds up this connection and no other. Without descriptors left, accepting
pauses.
"""

from __future__ import annotations

import os
import socket as sockets
from functools import partial
from typing import Any, Self

from nodehttp import errors, threadpool
from nodehttp._addresses import address_record, isIP, resolve
from nodehttp._handles import (
    Exhausted,
    Listener,
    end_for_all,
    listen_on_handle,
    listen_on_path,
    listen_on_port,
)
from nodehttp._netoptions import (
    backlog_of,
    listen_arguments,
    seconds_of,
    server_arguments,
    server_mark,
)
from nodehttp._netsocket import Socket
from nodehttp._stream import Function
from nodehttp.arity import adapt
from nodehttp.checks import check_function, check_signal
from nodehttp.events import EventEmitter
from nodehttp.listeners import internal
from nodehttp.monitor import monitor
from nodehttp.record import Record
from nodehttp.threadpool import (
    Source,
    Strand,
    Waiter,
    call_soon,
    hold,
    next_tick,
    pool,
    start_timer,
    submit,
    watch,
)

ACCEPTED_AT_ONCE = 64  # connections of one turn, so that those that are open have theirs
EXHAUSTED_PAUSE = 100  # ms without descriptors until the next try

CLOSED, LOOKING, BOUND, LISTENING = 'closed', 'looking', 'bound', 'listening'
_MOVES = {
    CLOSED: (LOOKING, BOUND),
    LOOKING: (BOUND, CLOSED),
    BOUND: (LISTENING, CLOSED),
    LISTENING: (CLOSED,),
}


class Server(EventEmitter):
    """A server of TCP or Unix sockets. ("Class: net.Server")

    Options: allowHalfOpen, pauseOnConnect, noDelay, keepAlive, keepAliveInitialDelay (ms), highWaterMark
    (bytes): those of the sockets that it accepts. ("new net.Server([options][, connectionListener])")

    Any thread may call any method. `with server:` waits until it listens, and at the end closes it and waits
    for that.
    """

    maxConnections: int | None = None  # more are dropped; event 'drop'

    _strand: Strand
    _state = CLOSED
    _listener: Listener | None = None
    _watch: threadpool.Watch | None = None
    _path: str | None = None  # as given to listen()
    _listen_call: object = None  # the listen() that is in force
    _referenced = True
    _paused: threadpool.Timer | None = None  # until there may be descriptors again
    _closings = 0  # 'close' events to come
    _has_closed = False  # one has come, and nobody has called listen() since
    _closed_code = 'ERR_SERVER_NOT_RUNNING'
    _accepted_in = 0  # the turn of the loop in which something was accepted last
    _joining: tuple[Waiter, ...] = ()

    def __init__(
        self, options: Any = None, connectionListener: Function | None = None, **kwargs: Any,
    ) -> None:
        given, connectionListener = server_arguments(options, connectionListener, kwargs)
        self.allowHalfOpen = bool(given.get('allowHalfOpen'))
        self.pauseOnConnect = bool(given.get('pauseOnConnect'))
        self.noDelay = bool(given.get('noDelay'))
        self.keepAlive = bool(given.get('keepAlive'))
        self.keepAliveInitialDelay = seconds_of(given.get('keepAliveInitialDelay'))  # s, as Node keeps it
        self.highWaterMark = server_mark(given, Socket._read_mark)
        self._strand = Strand()
        self._connection_source = Source()
        self._sockets: set[Socket] = set()
        if callable(connectionListener):
            self.on('connection', connectionListener)

    def __repr__(self) -> str:
        address = self.address()
        if isinstance(address, Record):
            host = f'[{address.address}]' if address.family == 'IPv6' else address.address
            address = f'{host}:{address.port}'
        state = f'{self._state} {address}' if address else self._state
        return f'<{type(self).__name__} {state} connections={len(self._sockets)}>'

    def _enter(self, state: str) -> None:
        assert state in _MOVES[self._state], (self._state, state)
        self._state = state

    # Listening

    def listen(self, *args: Any, **kwargs: Any) -> Self:
        """Listen: listen([port[, host[, backlog]]]), listen(path[, backlog]), listen(handle[, backlog]) or
        listen(options), each with a function that listens for 'listening' once.

        Options: port (0: a free one), host (all addresses), path, handle or fd, backlog (511), exclusive,
        reusePort, ipv6Only, readableAll, writableAll, signal. A handle is a Python socket or another Server.
        Returns the server at once; 'listening' or 'error' follows. Raises ERR_SERVER_ALREADY_LISTEN, and
        TypeError and ValueError for wrong arguments. ("server.listen()")
        """
        options, listener = listen_arguments(args, kwargs)
        with monitor:
            if self._state != CLOSED:
                raise errors.node_error('ERR_SERVER_ALREADY_LISTEN')
            if listener is not None:
                self.once('listening', listener)
            check_signal('options.signal', options.get('signal'))
            self._listen_call = call = object()
            self._has_closed = False
            self._begin_to_listen(options, call)
            if 'signal' in options:
                self._close_on_abort(options['signal'])
            hold(self._strand)  # from now on, when the caller can go on
        return self

    def _begin_to_listen(self, options: dict[str, Any], call: object) -> None:
        backlog = backlog_of(options)
        self._path = None
        if 'handle' in options:
            self._bind(call, partial(listen_on_handle, _handle_of(options['handle']), backlog))
        elif 'port' in options:
            self._listen_on_port(options, backlog, call)
        else:
            self._path = path = options['path']
            self._bind(call, partial(listen_on_path, path, backlog, options))

    def _listen_on_port(self, options: dict[str, Any], backlog: int, call: object) -> None:
        port, host = options['port'], options.get('host')
        if host is None or host == '':
            self._bind(call, partial(listen_on_port, None, port, 0, backlog, options))
        elif not isinstance(host, str):
            raise errors.invalid_arg_type('hostname', 'of type string', host)
        elif family := isIP(host):
            self._bind(call, partial(listen_on_port, host, port, family, backlog, options), later=True)
        else:
            self._enter(LOOKING)

            def resolved(error: Any, addresses: Any) -> None:
                if self._listen_call is call:
                    if error is not None:
                        self._listen_failed(call, error)
                    else:
                        address, family = addresses[0]
                        self._bind(call, partial(listen_on_port, address, port, family, backlog, options))
            submit(partial(resolve, host), resolved, self._strand)

    def _bind(self, call: object, open_listener: Any, later: bool = False) -> None:
        """Open the listening handle. `later`: as Node, which does it in the next tick, the events come one
        tick later."""
        try:
            self._listener = open_listener()
        except OSError as error:
            if self._state == CLOSED:
                self._enter(LOOKING)  # until 'error' says that it is over
            # Where in the library it came up helps nobody.
            announce: Any = partial(
                self._listen_failed, call, errors.with_caller(error.with_traceback(None)))
        else:
            self._enter(BOUND)
            self._watch = watch(self._listener.handle, self)
            if not self._referenced:
                self._watch.unref()
            announce = partial(self._listening, call)
        self._tick(self._tick, announce) if later else self._tick(announce)

    def _tick(self, function: Any, *args: Any) -> None:
        next_tick(function, *args, strand=self._strand)

    def _listen_failed(self, call: object, error: Exception) -> None:
        if self._listen_call is call:
            self._listen_call = None
            self._enter(CLOSED)
            self._fire('error', error)

    def _listening(self, call: object) -> None:
        if self._listen_call is call and self._watch is not None:
            self._enter(LISTENING)
            self._watch.want(True, False)
            self._fire('listening')

    def _close_on_abort(self, signal: Any) -> None:
        def abort(*_: Any) -> None:
            self.close()
        if signal.aborted:
            self._tick(internal(abort))
        else:
            signal.addEventListener('abort', abort)
            self.once('close', lambda: signal.removeEventListener('abort', abort))

    @property
    def listening(self) -> bool:
        """Does it listen? ("server.listening")"""
        return self._listener is not None

    def address(self) -> Record[Any] | Any:
        """Return the address, family and port that it listens on, or the path of a Unix socket; None before
        and afterwards.

        ("server.address()")
        """
        with monitor:
            if self._state == CLOSED:
                return None
            if self._path is not None:
                return self._path
            if self._listener is None:
                return None
            name = self._listener.handle.getsockname()
            return address_record(name) if isinstance(name, tuple) else os.fsdecode(name)

    # Accepting

    def _on_writable(self) -> None:
        """A listening handle does not become so."""

    def _on_readable(self, received: object = None) -> None:
        listener = self._listener
        # To look for another one, in vain, costs more than to be told of it.
        before, self._accepted_in = self._accepted_in, pool.checks
        for count in range(ACCEPTED_AT_ONCE if pool.checks == before + 1 else 1):
            if listener is None or self._listener is not listener:
                return
            try:
                accepted = listener.accept()
            except Exhausted:
                self._pause_accepting()
                return
            except OSError as error:
                # The listening handle itself is broken: trying again would be a busy loop.
                if self._watch is not None:
                    self._watch.want(False, False)
                self._tick(self._fire, 'error', errors.os_error(error, 'accept'))
                return
            if accepted is None:
                return
            # The first one is an event right now, as in Node; each other one an event of its own later.
            self._admit(*accepted, next_tick if not count else call_soon)

    def _pause_accepting(self) -> None:
        """Leave connections in the queue of the kernel until some other descriptor has been closed."""
        if self._watch is not None:
            self._watch.want(False, False)
            self._paused = start_timer(EXHAUSTED_PAUSE, self._accept_again, ref=False)

    def _accept_again(self) -> None:
        self._paused = None
        if self._watch is not None:
            self._watch.want(True, False)

    def _admit(self, handle: sockets.socket, peer: Any, schedule: Function) -> None:
        """Make a connection of what was accepted, or drop it."""
        if self.maxConnections is not None and len(self._sockets) >= self.maxConnections:
            data = _both_ends(handle.getsockname(), peer)
            handle.close()
            schedule(self._fire, 'drop', data, strand=self._strand)
            return
        socket = self._new_socket(handle, peer)
        self._sockets.add(socket)
        schedule(self._announce, socket, strand=socket._strand)

    def _new_socket(self, handle: sockets.socket, peer: Any) -> Socket:
        """Make the Socket of a connection that was accepted; `peer` is its name. Overridable."""
        socket = Socket()
        if self.allowHalfOpen:
            socket.allowHalfOpen = True
        if self.highWaterMark != socket._read_mark:
            socket._read_mark = socket._write_mark = self.highWaterMark
        socket._no_delay = self.noDelay
        if self.keepAlive:
            socket._keep_alive, socket._keep_alive_delay = True, self.keepAliveInitialDelay
        socket.server = socket._server = self
        socket._open(handle, peer, paused=self.pauseOnConnect)
        return socket

    def _announce(self, socket: Socket) -> None:
        _, error = self._fire_from(self._connection_source, 'connection', socket)
        if error is not None:
            # Nobody will serve it. In Node the process ends here.
            threadpool.report_exception(error)
            socket._destroy_once()

    def _connection_closed(self, socket: Socket) -> None:
        """For Socket: it is destroyed."""
        self._sockets.discard(socket)
        self._close_if_over()

    @property
    def _connections(self) -> int:
        """How many connections are open."""
        return len(self._sockets)

    def getConnections(self, callback: Function) -> Self:
        """Call `callback(error, count)` with the number of open connections.
        ("server.getConnections(callback)")"""
        check_function('callback', callback)
        with monitor:
            self._tick(threadpool.call_user, adapt(callback), None, len(self._sockets))
        return self

    # The end

    def close(self, callback: Function | None = None) -> Self:
        """Accept no more; 'close' comes when all connections have ended. `callback(error)` hears of that,
        with ERR_SERVER_NOT_RUNNING if it did not listen. ("server.close([callback])")"""
        with monitor:
            if callback is not None:
                running = self._listener is not None
                self.once('close', callback if running else partial(
                    adapt(callback), errors.node_error('ERR_SERVER_NOT_RUNNING')))
            hold(self._strand)  # a thread outside of the pool may wait for 'close' on its next line
            self._listen_call = None
            if self._state != CLOSED:
                self._enter(CLOSED)
            self._stop_listening()
            self._close_if_over()
        return self

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        pause, self._paused = self._paused, None
        if pause is not None:
            pause.cancel()
        if listener is not None and self._watch is not None:
            if self._watch.may_have_copies() and not listener.is_shared:
                end_for_all(listener.handle)
            self._watch.close()
            self._watch = None
            listener.close()

    def _close_if_over(self) -> None:
        """'close', if it does not listen and nothing is open."""
        if self._state == CLOSED and not self._sockets:
            self._closings += 1
            self._tick(self._emit_close)

    def _is_past(self, name: str) -> bool:
        return self._has_closed

    def _emit_close(self) -> None:
        self._closings -= 1
        self._has_closed = self._state == CLOSED
        self._fire('close')
        if self._is_awaited:
            self._end_waits()
        joining, self._joining = self._joining, ()
        for waiter in joining:
            waiter.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the server is closed and all its connections have ended, at most `timeout` seconds:
        TimeoutError after that.

        In a callback other callbacks go on meanwhile. Not in Node.
        """
        with monitor:
            if self._state == CLOSED and not self._sockets and not self._closings:
                return
            waiter = Waiter()
            self._joining = (*self._joining, waiter)
        try:
            waiter.wait(timeout)
        finally:
            with monitor:
                self._joining = tuple(other for other in self._joining if other is not waiter)

    def __enter__(self) -> Self:
        """Wait until it listens, if `listen` was called; raises what keeps it from that, such as
        ERR_SERVER_NOT_RUNNING if another thread closes it."""
        with monitor:
            if self._state not in (LOOKING, BOUND):
                return self
            waiter = Waiter()
            closed = partial(waiter.fail, errors.node_error('ERR_SERVER_NOT_RUNNING'))
            outcomes: dict[str, Function] = {'listening': waiter.set, 'error': waiter.fail, 'close': closed}
            for name, listener in outcomes.items():
                self.once(name, listener)
            if self._state == CLOSED:  # by a listener of 'newListener', or while it ran
                closed()
            elif self._state == LISTENING:
                waiter.set()
        try:
            waiter.wait()
        finally:
            for name, listener in outcomes.items():
                self.off(name, listener)
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        """Close it and wait for that. After an exception nobody serves the connections any more: they are
        destroyed.

        ("server[Symbol.asyncDispose]()")
        """
        with monitor:
            if self._state != CLOSED:
                self.close()
            if kind is not None:
                for socket in list(self._sockets):
                    socket.destroy()
        self.join()

    def ref(self) -> Self:
        """Keep the process alive while it listens (the default). ("server.ref()")"""
        with monitor:
            self._referenced = True
            if self._watch is not None:
                self._watch.ref()
        return self

    def unref(self) -> Self:
        """Do not keep the process alive. ("server.unref()")"""
        with monitor:
            self._referenced = False
            if self._watch is not None:
                self._watch.unref()
        return self


def _both_ends(own: Any, peer: Any) -> Record[Any] | None:
    """What 'drop' tells about a connection; nothing if it is one of a Unix socket."""
    local, remote = address_record(own), address_record(peer)
    if not local:
        return None
    return Record(
        localAddress=local['address'], localPort=local['port'], localFamily=local['family'],
        remoteAddress=remote['address'], remotePort=remote['port'], remoteFamily=remote['family'])


def _handle_of(given: Any) -> Any:
    """The socket, or descriptor, to listen on; that of another server is shared."""
    if isinstance(given, Server):
        listener = given._listener
        if listener is None:
            raise errors.node_error('ERR_SERVER_NOT_RUNNING')
        listener.is_shared = True
        return listener.handle.dup()
    if isinstance(given, (sockets.socket, int)) and not isinstance(given, bool):
        return given
    raise errors.node_error('ERR_INVALID_ARG_VALUE', 'options', given)

