"""The pool of this process, and how the library and its users speak to it. What it does and why is told in
baton.py."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nodehttp import errors
from nodehttp.baton import HANDOFF_AFTER, MAX_THREADS, Pool
from nodehttp.loop import TIMEOUT_MAX, Function, Immediate, Strand, Timer, Watch, monotonic
from nodehttp.monitor import (
    Gate,
    internal_hook,
    monitor,
    monitored,
    owns_monitor,
    release_monitor,
    released,
    retake_monitor,
)
from nodehttp.worker import Source, Worker

__all__ = [
    'TIMEOUT_MAX',
    'Gate',
    'Immediate',
    'Source',
    'Strand',
    'Timer',
    'Waiter',
    'Watch',
    'add_ref',
    'blocking',
    'call_closing',
    'call_soon',
    'call_user',
    'configure',
    'drop_ref',
    'from_source',
    'has_baton',
    'hold',
    'internal_hook',
    'may_deliver',
    'monitor',
    'monitored',
    'next_tick',
    'now',
    'owns_monitor',
    'pool',
    'release_monitor',
    'released',
    'report_exception',
    'retake_monitor',
    'run',
    'set_immediate',
    'start_timer',
    'submit',
    'watch',
]


class Waiter:
    """The one way to wait: for one result that something else sets, in a callback as in any other thread.

    In a callback the baton and the strand are free meanwhile, and the callback takes its turn again
    afterwards. `set` and `fail` may be called by any thread, the first call counts. `wait` must be called
    without the monitor, by one thread.
    """

    __slots__ = ('_error', '_gate', '_value', '_worker', 'done')

    def __init__(self) -> None:
        self.done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._gate: Gate | None = None  # of a foreign thread that waits
        self._worker: Worker | None = None  # the callback that waits

    def set(self, value: Any = None) -> None:
        """Let `wait` return `value`."""
        self._settle(value, None)

    def fail(self, error: BaseException) -> None:
        """Let `wait` raise `error`."""
        self._settle(None, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        with monitor:
            if self.done:
                return
            self.done, self._value, self._error = True, value, error
            if self._gate is not None:
                self._gate.open()
            elif self._worker is not None:
                pool.come_back(self._worker)

    def _expire(self) -> None:
        self.fail(TimeoutError('timed out'))

    def wait(self, timeout: float | None = None) -> Any:
        """Wait for `set` or `fail`, at most `timeout` seconds; TimeoutError after that."""
        with monitor:
            if not self.done:
                worker = pool._current()
                if worker is None:
                    self._wait_foreign(timeout)
                else:
                    self._wait_in_callback(worker, timeout)
            error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # no cycle through the traceback
        return self._value

    def _wait_foreign(self, timeout: float | None) -> None:
        pool.end_holds()
        self._gate = gate = Gate()
        deadline = None if timeout is None else monotonic() + timeout
        while not self.done:
            remaining = -1 if deadline is None else deadline - monotonic()
            if deadline is not None and remaining <= 0:
                self._expire()
                return
            state = release_monitor()
            try:
                gate.wait(min(remaining, threading.TIMEOUT_MAX))
            finally:
                retake_monitor(state)

    def _wait_in_callback(self, worker: Worker, timeout: float | None) -> None:
        timer = None if timeout is None else pool.start_timer(timeout * 1000, self._expire)
        if pool.leave(worker):
            self._worker = worker
            pool.park_until_holder(worker)
        else:
            pool.park_or_serve(worker, self)
        if timer is not None:
            timer.cancel()


@contextmanager
def blocking() -> Iterator[None]:
    """`with http.blocking():` around a call that blocks: the callbacks of others go on at once, and this one
    takes its turn again afterwards. Outside of callbacks it lets go what the thread has just started; else it
    does nothing."""
    with monitor:
        worker = pool._current()
        if worker is None:
            pool.end_holds()
        elif not pool.leave(worker):
            worker = None  # nobody can take the baton: simply block
        if worker is not None:
            pool.add_ref()
    try:
        yield
    finally:
        if worker is not None:
            with monitor:
                pool.drop_ref()
                pool.come_back(worker)
                pool.park_until_holder(worker)


pool = Pool()
next_tick = pool.next_tick
call_soon = pool.call_soon
set_immediate = pool.set_immediate
call_closing = pool.call_closing
start_timer = pool.start_timer
submit = pool.submit
hold = pool.hold
may_deliver = pool.may_deliver
report_exception = pool.report
add_ref = pool.add_ref
drop_ref = pool.drop_ref


def has_baton() -> bool:
    """Is the calling thread in a callback that has the baton, so that what it leaves to the next tick is done
    when the callback is over?"""
    worker = pool.holder
    return worker is not None and worker is pool._current()


def now() -> float:
    """Return the time of the last poll in ms, monotonic. Cheap, and exact enough to measure idleness with."""
    return pool.now


def watch(file: Any, on_readable: Callable[[], Any], on_writable: Callable[[], Any],
          strand: Strand | None = None) -> Watch:
    """Return a Watch of a file descriptor or of what has a `fileno()`."""
    return Watch(pool, file if isinstance(file, int) else file.fileno(), on_readable, on_writable, strand)


def call_user(function: Function, *args: Any) -> Any:
    """Call a function of the user from internal code: without the monitor; an exception is reported, and None
    returned."""
    state = release_monitor()
    try:
        return function(*args)
    except BaseException as error:
        pool.report(error)
        return None
    finally:
        retake_monitor(state)


@contextmanager
def from_source(source: Source) -> Iterator[None]:
    """Around the call of a callback that may block. With the monitor held."""
    worker = pool.begin_callback(source)
    began = monotonic() if source.blocky else 0.0
    try:
        yield
    finally:
        if worker is not None:
            worker.source = None
        if began and source.blocky:
            source.ran((monotonic() - began) * 1000)


def run(main: Function, *args: Any) -> None:
    """Run `main(*args)` as the first callback on the calling thread, and the loop with it, until nothing
    referenced is open.

    Raises what `main` raises. SystemExit out of any callback ends it; Ctrl-C is SystemExit(130).
    """
    pool.run(main, *args)


def configure(*, handoffAfter: float | None = HANDOFF_AFTER, maxThreads: int = MAX_THREADS) -> None:
    """Set how long (ms) a callback may wait before the baton is taken from it (None: never, as in Node), and
    how many threads the pool may have. What is not given goes back to its default."""
    if handoffAfter is not None and not (isinstance(handoffAfter, (int, float)) and handoffAfter > 0):
        raise errors.node_error('ERR_OUT_OF_RANGE', 'handoffAfter', '> 0', handoffAfter)
    if not isinstance(maxThreads, int) or maxThreads < 1:
        raise errors.node_error('ERR_OUT_OF_RANGE', 'maxThreads', '>= 1', maxThreads)
    with monitor:
        pool.handoff_after, pool.max_threads = handoffAfter, maxThreads
        pool.appoint_watcher()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(
        before=monitor.acquire, after_in_parent=monitor.release, after_in_child=pool.after_fork)
