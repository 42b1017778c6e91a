"""Agent: which request gets which socket.

Documentation: "Class: http.Agent". Sockets are kept by *name* (`getName`: host, port and what else makes a
connection another one). A request takes an idle socket of its name, else a new one is opened, else, where
that would exceed a limit, it waits in `requests`.

How a socket moves: `Lease` is one socket of one agent, and its state is one of

    BUSY    in `sockets`: it belongs to a request, from the moment it was opened for it
    FREE    in `freeSockets`: idle, without a request
    GONE    in neither: closed, or taken out by 'agentRemove' (an upgrade)

`_enter` is the only place that changes it, and with it the two public lists and `totalSocketCount`.

How a socket comes back: the client emits 'free' on the socket, the agent passes it on as its own 'free',
and the agent's first listener for that (`_on_free`) hands the socket to a waiting request, keeps it, or
destroys it. A socket opened for a waiting request takes the same way. Both events are public; while nobody
else listens they are plain calls. And a thread outside the pool that asks one thing after the other has its
socket back before anybody could see that it was idle: each such thread keeps one *in hand* (`keep_in_hand`),
BUSY, for some ms, or until somebody else has a use for it, or asks what the agent has.

Where this leaves Node 25.2.1, because its documentation promises otherwise:

- The server's `Keep-Alive: timeout=` counts without the option `timeout` too.
- A request never inherits the timeout of an idle socket, or of the request before.
- `maxTotalSockets` is never exceeded, and never starves a request: when it is reached, the socket that has
  been idle longest, of whatever name, makes room.
- A socket whose `createConnection` has not answered yet counts against `maxSockets` and `maxTotalSockets`.
- The options of the agent are looked at when a connection is opened, not when a request is queued for it.
- What an overridden `createConnection` raises becomes the 'error' of the request.
- An idle socket that the peer has closed, or has sent something on, is not used again, even if its events
  are still on their way; unless the poller has told of it in the same turn, and of no end: what has come in
  the few milliseconds since then is not looked for (`Watch.has_no_news`). Of one in hand, which has just been
  read, only the end is.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import get_ident
from typing import Any

from nodehttp import net
from nodehttp._agent_options import (
    guarded,
    max_total_sockets,
    number_or,
    scheduling,
    server_name,
    timeout_buffer,
)
from nodehttp._agent_sockets import (
    BUSY,
    FREE,
    GONE,
    Lease,
    Opening,
    listeners_if_alone,
    set_timeout,
    timeout_hint,
)
from nodehttp._members import Members
from nodehttp._proxy import Proxy, proxies_of_process, proxy_from
from nodehttp._stream import merged
from nodehttp.arity import adapt
from nodehttp.events import EventEmitter
from nodehttp.listeners import internal
from nodehttp.record import Record
from nodehttp.threadpool import internal_hook, is_outside, monitor, pool, released, report_exception

Function = Callable[..., Any]
Options = Mapping[str, Any] | None

KEEP_ALIVE_MSECS = 1000  # ms before the first TCP keep-alive probe
MAX_FREE_SOCKETS = 256  # idle sockets of one name

_MOVES = {BUSY: (FREE, GONE), FREE: (BUSY, GONE), GONE: ()}

WAITING: Any = 'waiting'  # what a request does that is to have a socket later

# The options that `Agent.getName` looks at.
_NAMING = frozenset(('host', 'port', 'localAddress', 'family', 'socketPath'))


class Agent(EventEmitter):
    """A pool of connections. ("Class: http.Agent")

    Any thread may call any method. Public methods that a subclass overrides (`createConnection`,
    `keepSocketAlive`, `reuseSocket`, `getName`, `addRequest`, `createSocket`, `removeSocket`) are called
    without the monitor and may block.
    """

    defaultMaxSockets: float = math.inf

    defaultPort: int = 80
    protocol: str = 'http:'
    _own_sockets: type = net.Socket  # what it opens, if nobody else does
    _needs_server_name = False  # is `servername` part of the name?
    _forwards_keylog = False
    _watched_events = frozenset(('keylog',))

    def __init__(self, options: Options = None, **kwargs: Any) -> None:
        """Options: keepAlive (bool), keepAliveMsecs (ms), agentKeepAliveTimeoutBuffer (ms), maxSockets,
        maxTotalSockets, maxFreeSockets, scheduling ('lifo', 'fifo'), timeout (ms), defaultPort, protocol,
        proxyEnv (a mapping with HTTP_PROXY or http_proxy, NO_PROXY or no_proxy, such as `os.environ`), and
        every option of `net.connect`.

        Raises TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ValueError ERR_OUT_OF_RANGE, Error
        ERR_PROXY_INVALID_CONFIG.
        ("new Agent([options])")
        """
        given = merged(options if isinstance(options, Mapping) else None, kwargs)  # anything else has none
        # `path` would be a Unix socket to net.connect; the path of a request must not become one.
        self.options: Record[Any] = Record({'noDelay': True, **given, 'path': None})
        self.defaultPort = given.get('defaultPort') or type(self).defaultPort
        self.protocol = given.get('protocol') or type(self).protocol
        self.keepAlive: bool = given.get('keepAlive', False)
        self.keepAliveMsecs: float = number_or(KEEP_ALIVE_MSECS, given.get('keepAliveMsecs'))
        self.agentKeepAliveTimeoutBuffer: float = timeout_buffer(given.get('agentKeepAliveTimeoutBuffer'))
        self.maxSockets: float = number_or(self.defaultMaxSockets, given.get('maxSockets'))
        self.maxFreeSockets: float = number_or(MAX_FREE_SOCKETS, given.get('maxFreeSockets'))
        self.maxTotalSockets: float = max_total_sockets(given.get('maxTotalSockets'))
        self.scheduling: str = scheduling(given.get('scheduling'))
        self._proxy: Proxy | None = proxy_from(given.get('proxyEnv'), self.protocol)

        self._busy: Record[Members] = Record()
        self._free: Record[Members] = Record()
        self.requests: Record[list[Any]] = Record()
        self.totalSocketCount = 0
        self._leases: dict[Any, Lease] = {}
        self._idle: OrderedDict[Any, Lease] = OrderedDict()  # the FREE ones, longest idle first
        self._in_hand: dict[int, Lease] = {}  # by thread, some of the BUSY: see `keep_in_hand`
        self._opening: dict[str, int] = {}  # connections asked for and not there yet, by name
        self._all_opening = 0  # the same, of all names
        self._queued_options: dict[Any, dict[str, Any]] = {}  # by waiting request

        self.on('free', internal(self._on_free))
        self._unheard = listeners_if_alone(self, 'free')

    def __repr__(self) -> str:
        free = len(self._idle) + len(self._in_hand)
        busy, waiting = self.totalSocketCount - free, len(self._queued_options)
        return f'<{type(self).__name__} busy={busy} free={free} waiting={waiting}>'

    @property
    def sockets(self) -> Record[Members]:
        """The sockets in use, by name. ("agent.sockets")"""
        self._put_back()
        return self._busy

    @property
    def freeSockets(self) -> Record[Members]:
        """The idle sockets, by name. ("agent.freeSockets")"""
        self._put_back()
        return self._free

    # Requests

    @internal_hook
    def addRequest(self, req: Any, options: Options = None) -> None:
        """Give `req` a socket, now or later, through `req.onSocket(socket)`. Called by ClientRequest."""
        with monitor:
            self._admit(req, {**(options or {})}, None)

    def _admit(self, req: Any, options: dict[str, Any], name: str | None) -> None:
        """`addRequest`, with options that nobody else has. `name`: that of their connections, unless there is
        more to it than the class Agent and these options know."""
        if (name is None or getattr(self.getName, '__func__', None) is not _PLAIN_GET_NAME
                or not _NAMING.isdisjoint(self.options)):
            options = Record(options)  # for a hook of the user's
            name = self._call(self.getName, self._merged(req, options))
        if self._in_hand:
            self._put_back()
        socket = self._take_free(name) if name in self._free else None
        if socket is not None:
            self._reuse(socket, req)
        elif self._may_open(name):
            Opening(self, name, req, False).start(self._merged(req, options))
        else:
            self._let_wait(req, options, name)

    def admit_unasked(self, req: Any, options: dict[str, Any], name: str) -> Any:
        """`_admit`, if there is no hook of the user's to be asked, and no connection to be opened: return the
        idle socket that `req` is to take, or WAITING if it waits for one now; else None. `name`: that of
        connections for http."""
        may_be_idle = name in self._free or bool(self._in_hand)
        try:
            if (self.getName.__func__ is not self._plain_get_name  # type: ignore[attr-defined]
                    or self.addRequest.__func__ is not _PLAIN_ADD  # type: ignore[attr-defined]
                    or (may_be_idle
                        and self.reuseSocket.__func__ is not _PLAIN_REUSE)  # type: ignore[attr-defined]
                    or not _NAMING.isdisjoint(self.options)):
                return None
        except AttributeError:  # a function is no method
            return None
        if may_be_idle:
            socket = self._take_in_hand(name) if self._in_hand else None
            if socket is None:
                if self._in_hand and name not in self._free:
                    self._put_back()
                socket = self._take_free(name) if name in self._free else None
                if socket is not None:
                    socket.ref()
            if socket is not None:
                req.reusedSocket = True
                self._set_timeout_for(req, socket)
                return socket
        if self._may_open(name):
            return None
        self._let_wait(req, options, name)
        return WAITING

    def _let_wait(self, req: Any, options: dict[str, Any], name: str) -> None:
        self._queued_options[req] = options
        if name in self.requests:
            self.requests[name].append(req)
        else:
            self.requests[name] = [req]

    def _merged(self, req: Any, options: dict[str, Any]) -> dict[str, Any]:
        """Add to the options of a request those of the agent, which come first."""
        options.update(self.options)
        options['path'] = options.get('socketPath')
        if req.timeout:
            options['timeout'] = req.timeout
        if self._needs_server_name and options.get('servername') is None:
            options['servername'] = server_name(options, req)
        return options

    def _reuse(self, socket: Any, req: Any) -> None:
        try:
            self._call(self.reuseSocket, socket, req)
        except Exception as error:
            socket.destroy()
            req.onSocket(None, error)
        else:
            self._assign(req, socket)

    def _take_free(self, name: str) -> Any:
        """Take an idle socket that can be used, or None; those that cannot are dropped."""
        free = self._free.get(name)
        while free is not None:
            socket = free.last() if self.scheduling == 'lifo' else free.first()
            lease = self._leases[socket]
            if not lease.is_stale():
                self._enter(lease, BUSY)
                return socket
            self._drop(socket)
            free = self._free.get(name)
        return None

    def _may_open(self, name: str) -> bool:
        """Is there room for one more socket under both limits? An idle socket of another name makes room."""
        busy = self._busy
        used = busy[name].size if name in busy else 0  # (`in`: the `get` of a Record takes twice as long)
        if used + self._opening.get(name, 0) >= self.maxSockets:
            return False
        while self.totalSocketCount + self._all_opening >= self.maxTotalSockets:  # as `_is_full`
            if not self._idle:
                return False
            self._drop(next(iter(self._idle)))
        return True

    def _is_full(self) -> bool:
        """Is `maxTotalSockets` reached?"""
        return self.totalSocketCount + self._all_opening >= self.maxTotalSockets

    def _serve_waiting(self, freed: str) -> None:
        """A socket of the name `freed` has made room: open sockets for waiting requests, as far as the limits
        allow. Requests of other names can have waited for nothing but `maxTotalSockets`; their turn is after
        those of the same, as in Node."""
        for name in [freed] if self.maxTotalSockets == math.inf else [freed, *self.requests]:
            # One that is being opened will take the first of the queue.
            while len(self.requests.get(name, ())) > self._opening.get(name, 0) and self._may_open(name):
                req = self.requests[name][self._opening.get(name, 0)]
                Opening(self, name, req, True).start(self._merged(req, self._queued_options[req]))
            if self._is_full() and not self._idle:
                return

    def _next_waiting(self, name: str) -> Any:
        """Take the first waiting request of a name, or None."""
        requests = self.requests
        if name not in requests:
            return None
        waiting = requests[name]
        if not waiting:
            return None
        req = waiting.pop(0)
        del self._queued_options[req]
        if not waiting:
            del requests[name]
        return req

    def _leave_queue(self, req: Any) -> str | None:
        """Let a request wait no more. Returns its name, None if it does not wait."""
        if self._queued_options.pop(req, None) is not None:
            for name, waiting in self.requests.items():
                if req in waiting:
                    waiting.remove(req)
                    if not waiting:
                        del self.requests[name]
                    return name
        return None

    def _assign(self, req: Any, socket: Any) -> None:
        """Give a socket to a request."""
        self._set_timeout_for(req, socket)
        req.onSocket(socket)

    def _set_timeout_for(self, req: Any, socket: Any) -> None:
        """A socket has its request's timeout and no other."""
        timeout, options = req.timeout, self.options
        if timeout is None:
            timeout = options['timeout'] or 0 if 'timeout' in options else 0
        set_timeout(socket, timeout)

    # Opening

    def _opened(self, opening: Opening, error: BaseException | None, socket: Any) -> None:
        """A connection that was asked for is there, or will not come."""
        req: Any = opening.request
        if error is None:
            if socket not in self._leases:
                self._adopt(socket, opening.name, opening.options)
            if opening.is_for_waiting:  # whoever waits first, if anybody does by now
                self.socket_is_free(socket)
            else:
                self._assign(req, socket)
            return
        if opening.is_for_waiting:
            req = self._next_waiting(opening.name)
        if req is not None:
            req.onSocket(None, error)
        self._serve_waiting(opening.name)

    @internal_hook
    def createSocket(self, req: Any, options: Options, callback: Function) -> None:
        """Open a socket with `createConnection`; `callback(error, socket)` is called once."""
        with monitor:
            merged: Record[Any] = Record(options or {})
            if merged.get('servername') is None:
                merged['servername'] = server_name(merged, req)
            merged['encoding'] = None  # a decoded stream is no use to the parser
            if callable(merged.get('lookup')):
                merged['lookup'] = guarded(merged['lookup'])
            if self.keepAlive:
                merged['keepAlive'] = True
                merged['keepAliveInitialDelay'] = self.keepAliveMsecs
            create = self.createConnection
            if getattr(create, 'is_internal_hook', False):
                callback(None, create(merged, callback))
                return
            try:
                with released():
                    socket = adapt(create)(merged, callback)
            except Exception as error:
                callback(error)
                return
            if socket is not None:
                callback(None, socket)

    @internal_hook
    def createConnection(self, options: Options = None, callback: Function | None = None) -> Any:
        """Return a new connection, a `net.Socket` that is connecting: to the proxy, if there is one.

        An override may return any Duplex, or nothing and call `callback(error, stream)`; the first answer
        counts. ("agent.createConnection(options[, callback])")
        """
        proxy = self._proxy_for(options or {}, self._proxy)
        return net.createConnection(options) if proxy is None else proxy.connect(options or {})

    def _proxy_for(self, options: Mapping[str, Any], proxy: Proxy | None) -> Proxy | None:
        """Return `proxy` if a connection with these options goes through it."""
        if proxy is None or options.get('path') or not proxy.serves(
                options.get('host') or 'localhost', options.get('port')):
            return None
        return proxy

    def _abandon(self, req: Any) -> None:
        """A request that has no socket yet was destroyed. As in Node it hears of that when it is given one;
        but see https.Agent."""

    def _adopt(self, socket: Any, name: str, options: Record[Any]) -> None:
        """A new socket is there: count and follow it."""
        lease = Lease(self, socket, name, options)
        self._leases[socket] = lease
        _add(self._busy, name, socket)
        self.totalSocketCount += 1
        if self._forwards_keylog:
            self._forward_keylog(socket)

    # Coming back

    def keep_in_hand(self, socket: Any) -> bool:
        """The thread that has just read a response to its end is likely to ask for the next at once: keep its
        socket for that, until the pool looks a second time, or anybody else does. False if there is more to
        it: then it comes back like any."""
        lease, thread = self._leases[socket], get_ident()
        if (thread in self._in_hand or self.requests or lease.state is not BUSY
                or type(socket) is not self._own_sockets or not self._has_room_for(lease)
                or getattr(self.keepSocketAlive, '__func__', None) is not _PLAIN_KEEP):
            return False
        if self._idle_limit(socket) is None:
            return False
        self._in_hand[thread] = lease
        lease.thread = thread
        pool.holds.call_soon(self._put_back)
        return True

    def _take_in_hand(self, name: str) -> Any:
        """Take the socket that the calling thread has in hand, if it is of this name, and the one whose turn
        it is."""
        lease = self._in_hand.get(get_ident())
        if lease is not None:
            socket = lease.socket
            if (lease.name == name
                    and (self.scheduling == 'lifo' or (len(self._in_hand) == 1 and name not in self._free))
                    and lease.state is BUSY and is_outside() and not socket._is_cut_off()):
                self._let_go(lease)
                return socket
            self._put_back()
        return None

    def _let_go(self, lease: Lease) -> None:
        """It is not in hand any more, if it was."""
        if lease.thread:
            del self._in_hand[lease.thread]
            lease.thread = 0

    def _put_back(self) -> None:
        """The sockets in hand are idle ones from now on."""
        if self._in_hand:
            with monitor:
                leases = list(self._in_hand.values())
                for lease in leases:
                    self._let_go(lease)
                for lease in leases:
                    self._on_free(lease.socket)

    def socket_is_free(self, socket: Any) -> None:
        """A request gives its socket back: emit 'free' on it."""
        if self.is_free_unheard(socket):
            self._on_free(socket)
        else:
            socket._fire('free')

    def is_free_unheard(self, socket: Any) -> bool:
        """Would nobody but this agent hear 'free', neither that of the socket nor the agent's own?"""
        lease = self._leases.get(socket)
        return (lease is not None and socket._events.get('free') is lease.unheard
                and self._events.get('free') is self._unheard and self._has_plain_emit())

    def _is_private(self) -> bool:
        events = self._events
        if events.get('free') is self._unheard and len(events) == 1:
            return self._has_plain_emit()
        return super()._is_private()

    def _on_free(self, socket: Any, options: Options = None) -> None:
        """A socket has no request: the next one takes it, or it is kept, or destroyed."""
        req = self.next_for(socket)
        if req is not None:
            req.onSocket(socket)

    def next_for(self, socket: Any) -> Any:
        """A socket has no request: return the next one, which is to take it; if there is none, keep the
        socket, or destroy it."""
        lease = self._leases.get(socket)
        if lease is None or lease.state is not BUSY:
            return None
        if lease.thread:
            self._let_go(lease)
        elif self._in_hand:
            self._put_back()  # these were idle before
        name, requests = lease.name, self.requests
        is_awaited = name in requests
        if lease.is_stale() if is_awaited else not socket.writable:
            socket.destroy()
            return None
        if is_awaited:
            req = self._next_waiting(name)
            self._set_timeout_for(req, socket)
            return req
        if not self._is_worth_keeping(lease):
            socket.destroy()
        elif name in requests:  # the hook has taken its time
            self._reuse(socket, self._next_waiting(name))
        else:
            socket._httpMessage = None
            self._enter(lease, FREE)
            if requests:  # of other names, for which there was no room
                self._serve_waiting(name)
        return None

    def _has_room_for(self, lease: Lease) -> bool:
        """May its connection be kept, and are there not too many?"""
        name, message = lease.name, getattr(lease.socket, '_httpMessage', None)
        if message is None or not message.shouldKeepAlive or not self.keepAlive:
            return False
        free = self._free[name].size if name in self._free else 0
        busy = self._busy[name].size if name in self._busy else 0
        return (self.totalSocketCount <= self.maxTotalSockets and free < self.maxFreeSockets
                and free + busy <= self.maxSockets)

    def _is_worth_keeping(self, lease: Lease) -> bool:
        """Does the pool take an idle socket back?"""
        socket = lease.socket
        if not self._has_room_for(lease):
            return False
        try:
            if getattr(self.keepSocketAlive, '__func__', None) is _PLAIN_KEEP:
                return self._prepare_for_idling(socket)
            keeps = self._call(self.keepSocketAlive, socket)
        except Exception as error:
            report_exception(error)
            return False
        # It is the user's: the socket may be closed when it returns.
        return bool(keeps) and lease.state is BUSY and socket.writable

    @internal_hook
    def keepSocketAlive(self, socket: Any) -> bool:
        """Called when a request is done with `socket`: prepare it for being idle and return True, or False
        to have it destroyed.

        By default it gets TCP keep-alive probes, keeps no process alive, and is given up a second before
        the time that the server's `Keep-Alive: timeout=` names. ("agent.keepSocketAlive(socket)")
        """
        with monitor:
            return self._prepare_for_idling(socket)

    def _prepare_for_idling(self, socket: Any) -> bool:
        """`keepSocketAlive`, with the monitor."""
        socket.setKeepAlive(True, self.keepAliveMsecs)
        socket.unref()
        limit = self._idle_limit(socket)
        if limit is None:
            return False
        set_timeout(socket, limit)
        return True

    def _idle_limit(self, socket: Any) -> float | None:
        """Return for how many ms a socket may be idle, 0 without limit; None: the server is about to close
        it."""
        limit: float = self.options.get('timeout') or 0
        hint = timeout_hint(socket)
        if hint is None:
            return limit
        remaining = hint - self.agentKeepAliveTimeoutBuffer
        if remaining <= 0:
            return None
        return min(limit, remaining) if limit else remaining

    @internal_hook
    def reuseSocket(self, socket: Any, request: Any) -> None:
        """Called when an idle `socket` is given to `request`. ("agent.reuseSocket(socket, request)")"""
        with monitor:
            request.reusedSocket = True
            socket.ref()

    # Going

    @internal_hook
    def removeSocket(self, socket: Any, options: Options = None) -> None:
        """Take a socket out of the pool, and open one for a waiting request if that makes room."""
        with monitor:
            lease = self._leases.get(socket)
            if lease is not None:
                self._enter(lease, GONE)
                self._serve_waiting(lease.name)

    def _remove(self, socket: Any, options: Record[Any]) -> None:
        self._call(self.removeSocket, socket, options)

    def _drop(self, socket: Any) -> None:
        """Destroy an idle socket; it counts no more, though its 'close' is still to come."""
        self._enter(self._leases[socket], GONE)
        socket.destroy()

    def destroy(self) -> None:
        """Destroy all sockets, idle or not. The agent can be used on. ("agent.destroy()")"""
        with monitor:
            for by_name in (self._free, self._busy):
                for members in list(by_name.values()):
                    for socket in list(members):
                        socket.destroy()

    def _enter(self, lease: Lease, state: str) -> None:
        """The one place where a socket changes its state."""
        assert state in _MOVES[lease.state], (lease.name, lease.state, state)
        socket, name, was_free = lease.socket, lease.name, lease.state is FREE
        lease.state = state
        left = self._free if was_free else self._busy
        if left[name].remove(socket):
            del left[name]
        if was_free:
            del self._idle[socket]
        if state is GONE:
            self._let_go(lease)
            del self._leases[socket]
            self.totalSocketCount -= 1
        elif state is FREE:
            _add(self._free, name, socket)
            self._idle[socket] = lease
        else:
            _add(self._busy, name, socket)

    # The rest

    @internal_hook
    def getName(self, options: Options = None) -> str:
        """Return the name of the sockets that can serve a request with these options:
        'host:port:localAddress', then ':family' if that is 4 or 6, and ':socketPath'.
        ("agent.getName([options])")"""
        get = (options or {}).get
        name = name_of_connections(get('host') or 'localhost', get('port') or '', get('localAddress') or '')
        family, path = get('family'), get('socketPath')
        if family == 4 or family == 6:
            name = f'{name}:{family}'
        return f'{name}:{path}' if path else name

    _plain_get_name = staticmethod(getName)  # that of the library for this class

    def _call(self, hook: Function, *args: Any) -> Any:
        """Call a method that a subclass may have overridden: such a one without the monitor."""
        if getattr(hook, 'is_internal_hook', False):
            return hook(*args)
        with released():
            return adapt(hook)(*args)

    def _listener_added(self, name: str, prepend: bool) -> None:
        if not self._forwards_keylog:
            with monitor:
                self._forwards_keylog = True
                for socket in self._leases:
                    self._forward_keylog(socket)

    def _forward_keylog(self, socket: Any) -> None:
        """Emit 'keylog' for the lines of a TLS socket."""
        socket.on('keylog', lambda line: self.emit('keylog', line, socket))


_PLAIN_GET_NAME, _PLAIN_ADD = Agent.getName, Agent.addRequest
_PLAIN_REUSE, _PLAIN_KEEP = Agent.reuseSocket, Agent.keepSocketAlive


def _add(by_name: Record[Members], name: str, socket: Any) -> None:
    if name not in by_name:
        by_name[name] = Members()
    by_name[name].add(socket)


def name_of_connections(host: str, port: Any, local_address: str = '') -> str:
    """Return the name of the connections to a place, where that is all there is to say of them."""
    return f'{host}:{port}:{local_address}'


# Node 19 and later: connections are kept, and given up after 5 s without traffic.
globalAgent = Agent(keepAlive=True, scheduling='lifo', timeout=5000, proxyEnv=proxies_of_process())
