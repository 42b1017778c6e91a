"""Node's timers: setTimeout, setInterval, setImmediate, nextTick and their opposites. All times are
milliseconds.

Documentation: "Timers", and "process.nextTick()". Callbacks run on the thread that holds the baton, timers
with the same delay in the order in which they were started. Any thread may call anything here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodehttp import threadpool
from nodehttp.arity import adapt
from nodehttp.checks import check_function, check_number
from nodehttp.threadpool import TIMEOUT_MAX, call_user, monitor

__all__ = [
    'Immediate', 'Timeout', 'clearImmediate', 'clearInterval', 'clearTimeout', 'nextTick', 'queueMicrotask',
    'setImmediate', 'setInterval', 'setTimeout', 'sleep',
]

Function = Callable[..., Any]


class Timeout:
    """What setTimeout and setInterval return. ("Class: Timeout")"""

    __slots__ = ('_is_closed', '_timer')

    def __init__(self, callback: Function, delay: Any, args: tuple[Any, ...], repeat: bool) -> None:
        check_function('callback', callback)
        milliseconds = _delay(delay)
        self._is_closed = False
        with monitor:
            self._timer = threadpool.start_timer(
                milliseconds, call_user, adapt(callback), *args, repeat=milliseconds if repeat else None)

    def __repr__(self) -> str:
        return f'<Timeout {self._timer.delay} ms, {"pending" if self._timer.active else "over"}>'

    def ref(self) -> Timeout:
        """Keep the process alive until it has fired (the default)."""
        with monitor:
            self._timer.ref()
        return self

    def unref(self) -> Timeout:
        """Do not keep the process alive for this."""
        with monitor:
            self._timer.unref()
        return self

    def hasRef(self) -> bool:
        """Return whether it keeps the process alive."""
        with monitor:
            return self._timer.has_ref()

    def refresh(self) -> Timeout:
        """Start the delay anew, also when it has fired already; not when it was cleared."""
        with monitor:
            if not self._is_closed:
                self._timer.refresh()
        return self

    def close(self) -> Timeout:
        """Cancel it, as clearTimeout does."""
        with monitor:
            self._is_closed = True
            self._timer.cancel()
        return self


class Immediate:
    """What setImmediate returns. ("Class: Immediate")"""

    __slots__ = ('_immediate',)

    def __init__(self, callback: Function, args: tuple[Any, ...]) -> None:
        check_function('callback', callback)
        with monitor:
            self._immediate = threadpool.set_immediate(call_user, adapt(callback), *args)

    def __repr__(self) -> str:
        return f'<Immediate {"pending" if self._immediate.active else "over"}>'

    def ref(self) -> Immediate:
        """Keep the process alive until it has run (the default)."""
        with monitor:
            self._immediate.ref()
        return self

    def unref(self) -> Immediate:
        """Do not keep the process alive for this."""
        with monitor:
            self._immediate.unref()
        return self

    def hasRef(self) -> bool:
        """Return whether it keeps the process alive."""
        with monitor:
            return self._immediate.active and self._immediate.has_ref()

    def close(self) -> Immediate:
        """Cancel it, as clearImmediate does."""
        with monitor:
            self._immediate.cancel()
        return self


def _delay(delay: Any) -> float:
    """What is no number of ms between 1 and 2**31 - 1 is 1, as in Node."""
    try:
        milliseconds = int(float(delay))
    except (TypeError, ValueError, OverflowError):
        return 1
    return milliseconds if 1 <= milliseconds <= TIMEOUT_MAX else 1


def setTimeout(callback: Function, delay: float = 1, *args: Any) -> Timeout:
    """Call `callback(*args)` once, `delay` ms from now. ("setTimeout(callback[, delay[, ...args]])")"""
    return Timeout(callback, delay, args, False)


def setInterval(callback: Function, delay: float = 1, *args: Any) -> Timeout:
    """Call `callback(*args)` every `delay` ms. ("setInterval(callback[, delay[, ...args]])")"""
    return Timeout(callback, delay, args, True)


def setImmediate(callback: Function, *args: Any) -> Immediate:
    """Call `callback(*args)` after the events that are ready now. ("setImmediate(callback[, ...args])")"""
    return Immediate(callback, args)


def nextTick(callback: Function, *args: Any) -> None:
    """Call `callback(*args)` before any other event. ("process.nextTick(callback[, ...args])")"""
    check_function('callback', callback)
    with monitor:
        threadpool.next_tick(call_user, adapt(callback), *args)


def queueMicrotask(callback: Function) -> None:
    """The same as nextTick: there are no promises here to stand behind."""
    nextTick(callback)


def clearTimeout(timeout: Any) -> None:
    """Cancel a Timeout. Anything else, None for example, is ignored. ("clearTimeout(timeout)")"""
    if isinstance(timeout, (Timeout, Immediate)):
        timeout.close()


clearInterval = clearTimeout
clearImmediate = clearTimeout


def sleep(ms: float) -> None:
    """Wait for `ms` milliseconds; in a callback, the others go on meanwhile. Node: `await setTimeout(ms)` of
    "Timers Promises API". Raises TypeError ERR_INVALID_ARG_TYPE."""
    check_number('delay', ms)
    waiter = threadpool.Waiter()
    with monitor:
        timer = threadpool.start_timer(max(0, ms), waiter.set)
    try:
        waiter.wait()
    finally:
        with monitor:
            timer.cancel()
