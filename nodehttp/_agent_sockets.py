"""What an Agent knows of each of its sockets, and of each connection that it is opening."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nodehttp.events import EventEmitter
from nodehttp.listeners import internal
from nodehttp.monitor import monitor
from nodehttp.record import Record

if TYPE_CHECKING:
    from nodehttp.agent import Agent

BUSY, FREE, GONE = 'busy', 'free', 'gone'

_is_timeout = re.compile(r'timeout=(\d+)', re.ASCII).match


class Lease:
    """One socket of one agent, with the listeners by which the agent follows it."""

    __slots__ = (
        'agent', 'is_stale', 'listeners', 'name', 'options', 'socket', 'state', 'thread', 'unheard')

    def __init__(self, agent: Agent, socket: Any, name: str, options: Record[Any]) -> None:
        self.agent, self.socket, self.name, self.options = agent, socket, name, options
        self.state = BUSY
        self.thread = 0  # that has it in hand
        self.listeners = {
            'free': internal(self.free),
            'close': internal(self.closed),
            'timeout': internal(self.timed_out),
            'agentRemove': internal(self.removed),
        }
        for event, listener in self.listeners.items():
            socket.on(event, listener)
        self.unheard = listeners_if_alone(socket, 'free')
        # Is the idle connection over, or out of step, even if only the kernel knows that yet?
        self.is_stale: Callable[[], bool] = getattr(socket, '_is_stale', None) or self._is_over

    def _is_over(self) -> bool:
        return not self.socket.writable

    def free(self, *_: Any) -> None:
        """The socket has no request any more."""
        self.agent._fire('free', self.socket, self.options)

    def closed(self, *_: Any) -> None:
        """The socket is closed."""
        self.agent._remove(self.socket, self.options)

    def timed_out(self) -> None:
        """Nothing happened for a while; a busy socket's request decides itself."""
        if self.state is FREE:
            self.socket.destroy()

    def removed(self, *_: Any) -> None:
        """'agentRemove': the socket is no business of the agent's any more."""
        self.forget()
        self.agent._remove(self.socket, self.options)

    def forget(self) -> None:
        """Stop following the socket."""
        for event, listener in self.listeners.items():
            self.socket.off(event, listener)


class Opening:
    """A connection that was asked for. It counts against the limits until it is answered, by calling it,
    once."""

    is_internal_hook = True
    __slots__ = ('agent', 'is_for_waiting', 'is_pending', 'name', 'options', 'request')

    def __init__(self, agent: Agent, name: str, request: Any, is_for_waiting: bool) -> None:
        self.agent, self.name, self.request, self.is_for_waiting = agent, name, request, is_for_waiting
        self.is_pending = True

    def start(self, given: dict[str, Any]) -> None:
        """Ask for it. Raises what is wrong with the options, if the caller of `request` is still there."""
        self.options: Record[Any] = Record(given)
        agent, name = self.agent, self.name
        agent._opening[name] = agent._opening.get(name, 0) + 1
        agent._all_opening += 1
        try:
            agent._call(agent.createSocket, self.request, self.options, self)
        except Exception as error:
            if self.is_for_waiting or not getattr(agent.createSocket, 'is_internal_hook', False):
                self(error)
                return
            self._settle()
            raise

    def __call__(self, error: BaseException | None = None, socket: Any = None) -> None:
        with monitor:
            if (error is not None or socket is not None) and self._settle():
                self.agent._opened(self, error, socket)

    def give_up(self) -> None:
        """Whom it was for was destroyed, and with it what would have become a connection."""
        if self._settle():
            if not self.is_for_waiting:
                self.request.onSocket(None)
            self.agent._serve_waiting(self.name)

    def _settle(self) -> bool:
        was_pending, self.is_pending = self.is_pending, False
        if was_pending:
            opening = self.agent._opening
            self.agent._all_opening -= 1
            opening[self.name] -= 1
            if not opening[self.name]:
                del opening[self.name]
        return was_pending


def listeners_if_alone(emitter: EventEmitter, event: str) -> Any:
    """Return what stands for the listeners of `event` as long as there are no others; they are to be one."""
    listeners = emitter._events[event]
    return listeners if len(listeners) == 1 else ()


def set_timeout(socket: Any, timeout: float) -> None:
    """Set the idle timeout (ms) of a socket, if it is another one and the socket can have one."""
    if (getattr(socket, 'timeout', timeout) or 0) != timeout:
        (getattr(socket, '_set_timeout', None) or socket.setTimeout)(timeout)


def timeout_hint(socket: Any) -> float | None:
    """Return how long (ms) the server keeps the connection as its last response says; None if it does not."""
    message = getattr(socket, '_httpMessage', None)
    if message is None or not message._has_keep_alive_hint:
        return None
    raw = message.res._raw_headers
    at = raw.index('Keep-Alive') if 'Keep-Alive' in raw else 1
    if at % 2:  # written in another way, or the value of another header comes first
        names = [*map(str.lower, raw[::2])]
        if 'keep-alive' not in names:
            return None
        at = 2 * names.index('keep-alive')
    return _timeout_in(raw[at + 1])


@functools.lru_cache(64)  # a server says the same over and over
def _timeout_in(value: str) -> float | None:
    found = _is_timeout(value)
    return int(found[1]) * 1000 if found else None
