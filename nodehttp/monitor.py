"""The monitor: the one lock that guards all internal state, and what goes with it.

It is taken by every public method and released exactly while user code runs, so that internal code is
single-threaded between two calls of user code, as in Node, and any thread may call any public method at any
time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

T = TypeVar('T')

SHORTEST_PAUSE, LONGEST_PAUSE = 2e-5, 4e-3  # s

monitor = threading.RLock()
# What threading.Condition uses too: release however deeply it is taken, and take it that deeply again.
release_monitor = monitor._release_save  # type: ignore[attr-defined]
retake_monitor = monitor._acquire_restore  # type: ignore[attr-defined]
owns_monitor = monitor._is_owned  # type: ignore[attr-defined]


def take_in_turn() -> None:
    """Take the monitor, for one of many threads that all go on with their own work.

    Who waits for a lock has it as soon as it is free, but has yet to wait for the interpreter's lock; who has
    that runs until it wants the monitor, and so on: once begun, each taking of the monitor is a switch of
    threads. So who finds it taken lets others run, and then tries again.
    """
    pause = SHORTEST_PAUSE
    while not monitor.acquire(blocking=False):
        if pause > LONGEST_PAUSE:
            monitor.acquire()
            return
        time.sleep(pause)
        pause *= 2


def retake_in_turn(state: tuple[int, int]) -> None:
    """The same, to end `release_monitor`. The main thread does not give way: what a signal handler raises
    meanwhile would leave it without the monitor."""
    if threading.current_thread() is threading.main_thread():
        retake_monitor(state)
        return
    take_in_turn()
    for _ in range(1, state[0]):
        monitor.acquire()


def retake_after_signal() -> None:
    """A signal handler has raised in `state = release_monitor()`, before `state` was set. The main thread had
    the monitor once, as always but in a signal handler."""
    if not owns_monitor():
        monitor.acquire()


def is_monitor_free() -> bool:
    """Does no thread have the monitor at the moment? (Asked by one that has not.)"""
    is_free = monitor.acquire(blocking=False)
    if is_free:
        monitor.release()
    return is_free


class released:
    """Release the monitor around user code; exceptions pass through."""

    __slots__ = ('_state',)

    def __enter__(self) -> None:
        self._state = release_monitor()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        retake_monitor(self._state)


def internal_hook(function: Callable[..., T]) -> Callable[..., T]:
    """Mark a hook (`_read`, `_write`, ...) as the library's own: it is called with the monitor held."""
    function.is_internal_hook = True  # type: ignore[attr-defined]
    return function


class Gate:
    """What one thread is parked on. Anybody may open it, a signal handler too; `wait` must not have the
    monitor; opened twice is opened."""

    __slots__ = ('_lock',)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self) -> None:
        """Let the thread go on, now or when it next waits."""
        try:
            self._lock.release()
        except RuntimeError:  # it was open
            pass

    def wait(self, timeout: float = -1) -> bool:
        """Wait until open, at most `timeout` seconds; return whether it was. May wake without a cause: check
        again."""
        return self._lock.acquire(timeout=timeout)
