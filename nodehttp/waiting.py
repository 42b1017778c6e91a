"""Waiting: in a callback, the baton is let go meanwhile; in any other thread, what that thread has started is
not held back any longer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident, main_thread
from typing import Any

from nodehttp import errors
from nodehttp.baton import pool
from nodehttp.checks import check_number
from nodehttp.loop import Handle, Strand, monotonic
from nodehttp.monitor import Gate, monitor, release_monitor, retake_after_signal, retake_monitor, take_in_turn
from nodehttp.visit import Visit, begin_visit, longest_wait
from nodehttp.worker import Worker

# At hand, for what is done with each request of a thread that waits for it: Python binds a method of what was
# imported anew at each call.
_acquire, _release, _current = monitor.acquire, monitor.release, pool.current


class Waiter:
    """The one way to wait: for one result that something else sets, in a callback as in any other thread.

    In a callback the baton and the strand are free meanwhile, and the callback takes its turn again
    afterwards. `set` and `fail` may be called by any thread, the first call counts. `wait` must be called
    without the monitor, once.
    """

    __slots__ = ('_error', '_gate', '_strand', '_value', '_visit', 'done', 'worker')

    def __init__(self) -> None:
        self.done = False
        self.worker: Worker | None = None  # of the callback that waits
        self._strand: Strand | None = None  # of which its return is an item
        self._value: Any = None
        self._error: BaseException | None = None
        self._gate: Gate | None = None  # of a foreign thread that waits,
        self._visit: Visit | None = None  # or what it does meanwhile

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
            if self._visit is not None:
                self._visit.disturb()
            elif self._gate is not None:
                self._gate.open()
            elif self.worker is not None:
                pool.come_back(self.worker, self._strand)
            else:  # the holder may wait on top of its callback
                pool.notify()

    def _expire(self) -> None:
        self.fail(TimeoutError('timed out'))

    def wait(self, timeout: float | None = None, emitter: Any = None) -> Any:
        """Wait for `set` or `fail`, at most `timeout` seconds; TimeoutError after that. `emitter`: by whose
        event either is called, if that is so. Error if too many callbacks wait,
        TypeError and ValueError for a bad timeout."""
        if timeout is not None:
            _check_timeout(timeout)
        with monitor:
            if self.done:
                pool.holds.end()  # it would have waited
            else:
                worker = _current()
                if worker is None:
                    self._wait_foreign(timeout, emitter)
                else:
                    self._wait_in_callback(worker, timeout)
            error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # no cycle through the traceback
        return self._value

    def _wait_foreign(self, timeout: float | None, emitter: Any) -> None:
        deadline = math.inf if timeout is None else monotonic() + timeout
        self._visit = visit = begin_visit(emitter)
        pool.holds.end()
        if pool.ticks or pool.ready:  # now somebody waits for what was not urgent
            pool.notify()
        if visit is not None:
            try:
                visit.go_on_until(self, deadline)
            finally:
                visit.end()
                self._visit = None
            if visit.error is not None:
                error, visit.error = visit.error, None
                raise error
        if not self.done:
            self._park_until(deadline)

    def _park_until(self, deadline: float) -> None:
        longest = longest_wait()
        self._gate = gate = Gate()
        while not self.done:
            remaining = deadline - monotonic()
            if remaining <= 0:
                self._expire()
                return
            state = None
            try:
                state = release_monitor()
                gate.wait(min(remaining, longest))
            finally:
                if state is not None:
                    retake_monitor(state)
                else:  # a signal handler has raised
                    retake_after_signal()

    def _wait_in_callback(self, worker: Worker, timeout: float | None) -> None:
        timer = None if timeout is None else pool.start_timer(timeout * 1000, self._expire)
        self._strand = worker.strand
        try:
            if not pool.wait(worker, self):
                raise errors.Error('Too many callbacks wait')
        finally:
            if timer is not None:
                timer.cancel()


def _check_timeout(timeout: Any) -> None:
    if math.isnan(check_number('timeout', timeout)):
        raise errors.node_error('ERR_OUT_OF_RANGE', 'timeout', 'a number of seconds', timeout)


@contextmanager
def blocking() -> Iterator[None]:
    """`with http.blocking():` around a call that blocks: the callbacks of others go on at once, and this one
    takes its turn again afterwards. Outside of callbacks it lets go what the thread has just started; else it
    does nothing."""
    with monitor:
        worker = pool.current()
        if worker is None:
            pool.holds.end()
        elif not pool.leave(worker):
            worker = None  # nobody can take the baton: simply block
        else:
            strand, alive = worker.strand, Handle(pool)
            alive.activate()
    try:
        yield
    finally:
        if worker is not None:
            with monitor:
                alive.deactivate()
                pool.come_back(worker, strand)
                pool.park_until_holder(worker)


class Unhurried:
    """Takes the monitor, for a thread outside the pool and what it leaves behind that nobody waits for: the
    holder of the baton does that when it next wakes up, which is soon, but need not do so for each."""

    __slots__ = ()

    def __enter__(self) -> None:
        if not _acquire(False):
            take_in_turn()
        pool.unhurried = get_ident()

    def __exit__(self, *exception: object) -> None:
        pool.unhurried = 0
        _release()


_unhurried = Unhurried()


def unhurried() -> tuple[Any, int]:
    """Return what takes the monitor so for the calling thread, and what `pool.unhurried` is to be meanwhile,
    if that is not seen to: in the main thread a signal handler may raise anywhere, and a context manager that
    is written in Python would be left with the monitor taken."""
    identity = get_ident()
    return (monitor, identity) if identity == main_thread().ident else (_unhurried, 0)


def await_listener(strand: Strand, is_there: Callable[[], bool], is_error: bool) -> bool:
    """An event finds no listener, and that has consequences: wait until it has one, or the thread that
    started it has had its time. Returns whether it has one. Needs the monitor."""
    worker, patience = pool.current(), strand.patience
    if worker is None or patience is None or not patience.is_patient(is_error):
        return False
    waiter = Waiter()

    def look() -> None:
        if is_there() or not patience.is_patient(is_error):
            waiter.set()

    # Nothing announces a listener, and it is likely to come soon.
    timer = pool.start_timer(1, look, repeat=1)
    pool.occupy(strand)  # no other event may overtake this one
    try:
        pool.wait(worker, waiter)
    finally:
        timer.cancel()
        pool.release_strand(strand)
    return is_there()
