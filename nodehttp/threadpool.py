"""The baton: a pool of threads that behaves like Node's one.

The problem: callbacks in Node's order, one at a time, as fast as a single loop; but a callback that blocks
must not stop the others. The answer: **whichever thread holds the baton waits for sockets and timers and runs
the callbacks.** While callbacks return promptly nothing else ever happens. A second thread, the *watcher*,
looks on with a timed wait; when the same callback is still waiting for something after `handoffAfter`, the
watcher takes the baton and becomes the holder, and the blocked callback finishes *detached*, on its own
thread.

The rules of this file:

- `monitor` guards everything here and all internal state of the library. It is released exactly while user
  code runs, while the holder polls, and while a thread is parked. So the baton changes hands only at those
  points, and internal code is single-threaded in between.
- An *item* is `(strand, function, args)`. The holder takes items from `_ticks` (process.nextTick: before all
  else), then from `_ready`, which one phase of the loop after the other fills (`_advance`). Polled events go
  there too, never into a local variable, so that the next holder goes on where the last one was stopped.
- A `Strand` is the order of events of one connection. While one of its callbacks runs detached it is `busy`:
  its items wait in its backlog, its socket is not polled.
- A thread that waits on purpose (`blocking()`, `Waiter`) passes the baton on first, leaves its strand free,
  and comes back as an item of that strand, which hands it the baton again. So waiting callbacks do not
  overlap with others either.
- A thread is parked on its own gate. Who stops being the watcher appoints the next one.

How the watcher tells waiting from computing: a thread that waits for something uses no processor time and is
not scheduled. On Linux `schedstat` counts both, and the time it wanted a processor and got none; so a busy
machine or a garbage collection is never taken for blocking. Waiting for the interpreter's lock looks like
waiting, except that such a thread wakes up every switch interval, and that the watcher, too, is then late.

What did not work: one condition variable for all (wakes the wrong thread), a plain lock as gate (opened
twice, it raises), handing every event to a pool (half the speed).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from nodehttp import errors
from nodehttp.loop import TIMEOUT_MAX, Function, Immediate, Item, Loop, Strand, Timer, Watch, monotonic
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

__all__ = [
    'Gate', 'Immediate', 'Source', 'Strand', 'TIMEOUT_MAX', 'Timer', 'Waiter', 'Watch', 'add_ref',
    'blocking', 'call_closing', 'call_soon', 'call_user', 'configure', 'drop_ref', 'from_source', 'has_baton',
    'hold', 'internal_hook', 'may_deliver', 'monitor', 'monitored', 'next_tick', 'now', 'owns_monitor',
    'pool', 'release_monitor', 'released', 'report_exception', 'retake_monitor', 'run', 'set_immediate',
    'start_timer', 'submit', 'watch',
]

HANDOFF_AFTER = 5  # ms; a handler slower than this is worth a thread switch (about 50 us)
MAX_THREADS = 128
COMPUTE_LIMIT = 100  # ms of processor time after which a computing callback loses the baton as well
IDLE_LINGER = 2  # s before a surplus idle thread ends
QUIET_LOOKS = 20  # looks without traffic after which the watcher sleeps until there is some
PROMPT_RUN = 16  # prompt callbacks in a row after which a blocky source is trusted again
HOLD = 5  # ms that the first event of what a foreign thread started is held back
ERROR_PATIENCE = 100  # ms that an 'error' of such a thing waits for a listener


class Source:
    """Where callbacks come from that may turn out to block (a server's 'request').

    When one was caught blocking, the next ones pass the baton on before they run, until PROMPT_RUN in a row
    were prompt.
    """

    __slots__ = ('blocky', 'prompt')

    def __init__(self) -> None:
        self.blocky = False
        self.prompt = 0

    def ran(self, milliseconds: float) -> None:
        """Take note of how long a callback of a blocky source took."""
        self.prompt = self.prompt + 1 if milliseconds < 1 else 0
        if self.prompt >= PROMPT_RUN:
            self.blocky, self.prompt = False, 0


class _Worker:
    """A thread of the pool; `detached` while its callback runs without the baton."""

    __slots__ = ('clock', 'detached', 'exit', 'gate', 'is_runner', 'kept_strand', 'nested', 'schedstat',
                 'source', 'strand')

    def __init__(self, is_runner: bool = False) -> None:
        self.gate = Gate()
        self.is_runner = is_runner
        self.detached = False
        self.nested = 0
        self.strand: Strand | None = None  # of the item that runs, or ran last
        self.kept_strand: Strand | None = None  # the one it keeps busy while detached
        self.source: Source | None = None
        self.exit: BaseException | None = None  # what `run` has to raise
        self.clock: int | None = None
        self.schedstat: int | None = None

    def begin(self) -> None:
        """Find the clocks of the calling thread."""
        if hasattr(time, 'pthread_getcpuclockid'):
            self.clock = time.pthread_getcpuclockid(threading.get_ident())
        try:
            path = f'/proc/self/task/{threading.get_native_id()}/schedstat'
            self.schedstat = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self.schedstat = None

    def finish(self) -> None:
        """Close what `begin` opened."""
        if self.schedstat is not None:
            os.close(self.schedstat)
            self.schedstat = None

    def processor_time(self) -> float:
        """Processor time used so far in ms; without such a clock, time that passed."""
        return (monotonic() if self.clock is None else time.clock_gettime(self.clock)) * 1000

    def sample(self) -> tuple[float, bytes]:
        """What changes whenever the thread runs, waits for a processor, or wakes up."""
        return self.processor_time(), b'' if self.schedstat is None else os.pread(self.schedstat, 80, 0)


class Pool(Loop):
    """The threads and the baton. All methods need the monitor unless they say otherwise."""

    def __init__(self) -> None:
        self.handoff_after: float | None = HANDOFF_AFTER
        self.max_threads = MAX_THREADS
        super().__init__()

    def reset(self) -> None:
        """Begin without threads; after a fork too."""
        super().reset()
        self.holder: _Worker | None = None
        self._watcher: _Worker | None = None
        self._idle: list[_Worker] = []  # last in, first out: the warm ones are used again, the others end
        self._workers: dict[int, _Worker] = {}  # by thread identity
        self._starting = 0
        self._watcher_asleep = False
        self._turn = 0  # counts dispatches; with _busy all that the watcher reads
        self._busy = False
        self._detached = 0  # callbacks that run without the baton
        self._jobs: deque[tuple[Function, Function, Strand | None]] = deque()
        self._holds: dict[int, list[Strand]] = {}  # by identity of the foreign thread
        self.on_exit: Callable[[BaseException], None] | None = None

    def __repr__(self) -> str:
        return (f'<Pool threads={len(self._workers)} idle={len(self._idle)} detached={self._detached} '
                f'references={self.references} watches={len(self.watches)}>')

    def is_alive(self) -> bool:
        """Is anything referenced open, left to be run, or running without the baton?"""
        return self._detached > 0 or super().is_alive()

    def describe_open(self) -> list[str]:
        """Say what is open or running."""
        return super().describe_open() + [f'callbacks: {self._detached}'] * (self._detached > 0)

    def submit(self, job: Callable[[], Any], done: Callable[[BaseException | None, Any], Any],
               strand: Strand | None = None) -> None:
        """Run `job()` on a thread of its own, without baton and monitor, then `done(error, result)` as an
        item.

        For what can block: name resolution, files. It keeps the process alive meanwhile.
        """
        self.add_ref()
        self._jobs.append((job, done, strand))
        helper = self._idle.pop() if self._idle else self._spawn()
        if helper is not None:
            helper.gate.open()
        self.notify()

    def _run_job(self) -> None:
        job, done, strand = self._jobs.popleft()
        error, result = None, None
        with released():
            try:
                result = job()
            except BaseException as caught:  # whatever it is, it belongs to who asked for the job
                error = caught
        self.drop_ref()
        self.call_soon(done, error, result, strand=strand)

    # The loop

    def _serve(self, worker: _Worker, until: Waiter | None = None) -> None:
        """Run items while `worker` holds the baton (or until `until` is done, or a runner has nothing
        left)."""
        ticks, ready = self.ticks, self.ready
        while self.holder is worker:
            if until is not None and until.done:
                return
            if ticks:
                item = ticks.popleft()
            elif ready:
                item = ready.popleft()
            elif worker.is_runner and (worker.exit is not None or not self.is_alive()):
                return
            elif self._jobs and not self._idle and len(self._workers) + self._starting >= self.max_threads:
                self._run_job()  # nobody else is left to do it
                continue
            else:
                self.advance()
                continue
            strand, function, args = item
            if strand is not None and strand.busy:
                self._defer(strand, item)
                continue
            worker.strand = strand
            self._turn += 1
            self._busy = True
            if self._watcher_asleep:
                self._rouse_watcher()
            try:
                function(*args)
            except BaseException as error:
                report_exception(error)
            if self.holder is worker:
                self._busy = False
            elif worker.detached:
                self._finish_detached(worker)

    # Threads

    def man(self) -> None:
        """Give the baton to somebody, nobody having it."""
        if not self._starting:
            successor = self._successor()
            if successor is not None:
                self._give(successor)

    def _spawn(self) -> _Worker | None:
        """Start a thread; None if there are too many, or the system refuses."""
        if len(self._workers) + self._starting >= self.max_threads:
            return None
        worker = _Worker()
        self._starting += 1
        thread = threading.Thread(target=self._work, args=(worker,), name='nodehttp', daemon=True)
        try:
            thread.start()
        except RuntimeError:  # out of threads, or the interpreter is shutting down
            self._starting -= 1
            return None
        return worker

    def _work(self, worker: _Worker) -> None:
        """Run a thread of the pool: hold the baton, watch, do a job, or be idle. Called without the
        monitor."""
        with monitor:
            self._starting -= 1
            self._workers[threading.get_ident()] = worker
            worker.begin()
            try:
                while self._workers.get(threading.get_ident()) is worker and self._take_part(worker):
                    pass
            finally:
                worker.finish()
                self._workers.pop(threading.get_ident(), None)

    def _take_part(self, worker: _Worker) -> bool:
        """Do what there is to do for this thread once; False ends it."""
        if self.holder is worker:
            self._serve(worker)
        elif self._watcher is worker:
            self._watch_over(worker)
        elif self._jobs:
            self._run_job()
        elif self._watcher is None and self.handoff_after is not None:
            self._watcher = worker
        else:
            return self._be_idle(worker)
        return True

    def _be_idle(self, worker: _Worker) -> bool:
        """Park until there is a use for the thread; False: there was none for long."""
        self._idle.append(worker)
        state = release_monitor()
        try:
            opened = worker.gate.wait(IDLE_LINGER)
        finally:
            retake_monitor(state)
        if worker in self._idle:
            self._idle.remove(worker)
            return opened
        return True

    def _park(self, worker: _Worker, timeout: float = -1) -> None:
        state = release_monitor()
        try:
            worker.gate.wait(timeout)
        finally:
            retake_monitor(state)

    def _successor(self) -> _Worker | None:
        """Choose who gets the baton: an idle thread, a new one, the watcher."""
        if self._idle:
            return self._idle.pop()
        successor = self._watcher
        if successor is None:
            return self._spawn()
        self._watcher = None
        return successor

    def _give(self, worker: _Worker) -> None:
        """Make `worker` the holder, and see to a watcher."""
        self.holder = worker
        self._busy = False
        worker.gate.open()
        self.appoint_watcher()

    def appoint_watcher(self) -> None:
        """See to it that there is a watcher, unless there are too many threads, or in strict mode."""
        if self._watcher is None and self.handoff_after is not None and self.holder is not None:
            watcher = self._idle.pop() if self._idle else self._spawn()
            if watcher is not None:
                self._watcher = watcher
                watcher.gate.open()

    def _current(self) -> _Worker | None:
        """Return the worker of the calling thread if it is in a callback."""
        return self._workers.get(threading.get_ident())

    # The watcher

    def _rouse_watcher(self) -> None:
        self._watcher_asleep = False
        if self._watcher is not None:
            self._watcher.gate.open()

    def _watch_over(self, worker: _Worker) -> None:
        """Look at the holder every `handoff_after` ms while there is traffic; take the baton from one that
        waits."""
        seen, quiet, still = -1, 0, 0
        sample: tuple[float, bytes] = (0.0, b'')
        began = 0.0
        late = False
        while self._watcher is worker and self.handoff_after is not None:
            holder = self.holder
            if not self._busy or holder is None or holder.nested:
                quiet = quiet + 1 if seen == self._turn else 0
                seen = self._turn
                if quiet > QUIET_LOOKS:
                    self._watcher_asleep = True
                    self._park(worker)
                    self._watcher_asleep = False
                    quiet = 0
                    continue
            elif seen != self._turn:
                seen, quiet, still = self._turn, 0, 0
                sample = holder.sample()
                began = sample[0]
            elif (latest := holder.sample()) == sample:
                # Late means that somebody else had the interpreter's lock: the holder may be waiting for just
                # that, and would wake up every switch interval, so that a longer look sees it.
                still += 1
                if not late or still * self.handoff_after > 2.5 * sys.getswitchinterval() * 1000:
                    self._take_baton(worker, holder)
                    return
            else:
                still, sample = 0, latest
                if sample[0] - began >= COMPUTE_LIMIT:
                    self._take_baton(worker, holder)
                    return
            due = monotonic() + self.handoff_after / 1000
            state = release_monitor()
            try:
                worker.gate.wait(self.handoff_after / 1000)
                late = monotonic() - due > 0.001
            finally:
                retake_monitor(state)
        if self._watcher is worker:  # strict mode now
            self._watcher = None

    def _take_baton(self, worker: _Worker, holder: _Worker) -> None:
        """The watcher becomes the holder; the holder's callback goes on without the baton."""
        if holder.source is not None:
            holder.source.blocky = True
        self._watcher = None
        self._detach(holder)
        self._give(worker)

    def _detach(self, worker: _Worker) -> None:
        """`worker` goes on without the baton, its strand staying busy."""
        worker.detached = True
        self._detached += 1
        strand = worker.strand
        if strand is not None:
            worker.kept_strand = strand
            strand.busy += 1

    def _finish_detached(self, worker: _Worker) -> None:
        worker.detached = False
        self._detached -= 1
        self._free_strand(worker)
        if self._detached == 0 and self.on_idle is not None:
            self.notify()

    def _free_strand(self, worker: _Worker) -> None:
        strand, worker.kept_strand = worker.kept_strand, None
        if strand is not None:
            self.release_strand(strand)

    def release_strand(self, strand: Strand) -> None:
        """One reason less for the strand to be busy; at none, its backlog goes on, before newer events."""
        strand.busy -= 1
        if not strand.busy and strand.backlog:
            self.ready.extendleft(reversed(strand.backlog))
            strand.backlog.clear()
            self.notify()

    def _defer(self, strand: Strand, item: Item) -> None:
        strand.backlog.append(item)  # type: ignore[arg-type]
        if strand.held_until:
            remaining = max(0.0, strand.held_until - monotonic() * 1000)
            self.start_timer(remaining, self._end_hold, strand, ref=False)

    def pass_on(self) -> bool:
        """The calling thread, in a callback, gives the baton away and keeps its strand; False if nobody can
        take it."""
        worker = self.holder
        if worker is None or worker is not self._current():
            return True  # it does not have it
        if worker.nested:
            return False
        successor = self._successor()
        if successor is None:
            return False
        self._detach(worker)
        self._give(successor)
        return True

    # Waiting

    def leave(self, worker: _Worker) -> bool:
        """A callback begins to wait: baton and strand are free. False if there is no other thread to take
        over."""
        strand = worker.strand
        if self.holder is worker:
            if worker.nested or (successor := self._successor()) is None:
                return False
            self._detach(worker)
            self._give(successor)
        self._detached -= 1  # it does not run: what it waits for has to keep the process alive
        self._free_strand(worker)
        if strand is not None and strand.resume is not None:
            self.call_soon(strand.resume, strand=strand)
        return True

    def come_back(self, worker: _Worker) -> None:
        """The wait is over: queue the callback as an item of its strand."""
        self.call_soon(self._resume, worker, strand=worker.strand)

    def _resume(self, worker: _Worker) -> None:
        """The holder hands the baton to a callback that has waited."""
        worker.detached = False
        self.holder = worker
        self._busy = False
        worker.gate.open()

    def park_until_holder(self, worker: _Worker) -> None:
        """Park until the baton comes back."""
        while self.holder is not worker:
            self._park(worker)
        # Not before: 1. the baton is handed to a parked thread, 2. the watcher sees a busy holder that stands
        # still, 3. and takes the baton from a thread that has not even woken up.
        self._turn += 1
        self._busy = True

    def park_or_serve(self, worker: _Worker, waiter: Waiter) -> None:
        """Nobody can take the baton: go on with the loop right here until the wait is over."""
        strand, source = worker.strand, worker.source
        worker.nested += 1
        worker.source = None
        while not waiter.done:
            self._serve(worker, waiter)
        worker.nested -= 1
        worker.strand, worker.source = strand, source
        self._turn += 1
        self._busy = True

    def begin_callback(self, source: Source) -> _Worker | None:
        """A callback of `source` is about to run: without the baton if it is likely to block."""
        worker = self.holder
        if worker is None or worker is not self._current():
            return None
        if source.blocky:
            self.pass_on()
        worker.source = source
        return worker

    def may_deliver(self, strand: Strand) -> bool:
        """May the calling thread call listeners of `strand` right now, in the middle of what it does?

        Only in a callback that has the baton, and not beside one of that strand. A callback without a strand
        belongs to this one from then on. Who may not makes it an item of the strand.
        """
        worker = self._current()
        if worker is None:
            return False
        if worker.strand is strand:
            return True
        if strand.busy or worker.detached:
            return False
        if worker.strand is None:
            worker.strand = strand
        return True

    # Foreign threads

    def hold(self, strand: Strand) -> None:
        """What the calling thread has just started keeps its first events for a while, if that thread is not
        of the pool."""
        identity = threading.get_ident()
        if identity in self._workers:
            return
        now = monotonic() * 1000
        strand.patient_until = now + ERROR_PATIENCE
        if strand.held_until:
            strand.held_until = now + HOLD
            return
        strand.held_until = now + HOLD
        strand.busy += 1
        held = self._holds.setdefault(identity, [])
        if len(held) > 64:  # a thread that never waits: forget those that are over
            held[:] = [strand for strand in held if strand.held_until]
        held.append(strand)

    def _end_hold(self, strand: Strand) -> None:
        if strand.held_until:
            remaining = strand.held_until - monotonic() * 1000
            if remaining > 0:
                self.start_timer(remaining, self._end_hold, strand, ref=False)
                return
            strand.held_until = 0.0
            self.release_strand(strand)

    def end_holds(self) -> None:
        """The calling foreign thread begins to wait: it has said all it wanted."""
        for strand in self._holds.pop(threading.get_ident(), ()):
            if strand.held_until:
                strand.held_until = 0.0
                self.release_strand(strand)

    def end_holds_of_caller(self) -> None:
        """For what waits by other means than ours: let go what the calling thread has started. Takes the
        monitor itself."""
        with monitor:
            self.end_holds()

    def await_listener(self, strand: Strand, is_there: Callable[[], bool]) -> bool:
        """Wait, without the baton, until an 'error' has a listener or the thread that started it has had its
        time."""
        remaining = strand.patient_until - monotonic() * 1000
        if remaining <= 0 or threading.get_ident() not in self._workers:
            return False
        self.pass_on()
        state = release_monitor()
        try:
            while not is_there() and monotonic() * 1000 < strand.patient_until:
                time.sleep(0.001)  # nothing announces a listener, and it is likely to come soon
        finally:
            retake_monitor(state)
        return is_there()

    # The calling thread as a member

    def run(self, main: Function, *args: Any) -> None:
        """See `run` below. Called without the monitor."""
        with monitor:
            identity = threading.get_ident()
            if identity in self._workers:
                raise errors.Error('run() was called from a callback')
            self.end_holds()
            worker = _Worker(is_runner=True)
            worker.begin()
            self._workers[identity] = worker
            self.come_back(worker)
            waking, self.on_idle = self.on_idle, worker.gate.open
            try:
                self.park_until_holder(worker)
                self.next_tick(self._run_main, worker, main, args)
                while worker.exit is None and (self.holder is worker or self.is_alive()):
                    if self.holder is worker:
                        self._serve(worker)
                        if worker.exit is None and not self.is_alive():
                            break
                    else:
                        self._park(worker)
            except KeyboardInterrupt:
                worker.exit = SystemExit(130)
            finally:
                self.on_idle = waking
                self._retire(worker)
        if worker.exit is not None:
            raise worker.exit

    def _run_main(self, worker: _Worker, main: Function, args: tuple[Any, ...]) -> None:
        try:
            with released():
                main(*args)
        except BaseException as error:
            worker.exit = error

    def _retire(self, worker: _Worker) -> None:
        worker.finish()
        self._workers.pop(threading.get_ident(), None)
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.detached:
            self._finish_detached(worker)
        if self._watcher is worker:
            self._watcher = None
        if self.holder is worker:
            self.holder = None
            self._busy = False
            if self.watches or self._timers or self.is_alive():
                self.man()

    def end(self, error: BaseException) -> bool:
        """A callback raised SystemExit or KeyboardInterrupt: let `run` raise it; False if nobody is in
        `run`."""
        for worker in self._workers.values():
            if worker.is_runner:
                worker.exit = SystemExit(130) if isinstance(error, KeyboardInterrupt) else error
                worker.gate.open()
                self.notify()
                return True
        return False

    def after_fork(self) -> None:
        """In the child: none of the parent's threads is here, and its poller must not be touched."""
        monitor._at_fork_reinit()  # type: ignore[attr-defined]
        self.close_descriptors()
        for worker in self._workers.values():
            worker.finish()
        self.reset()


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
        self._worker: _Worker | None = None  # the callback that waits

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

    def _wait_in_callback(self, worker: _Worker, timeout: float | None) -> None:
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
        report_exception(error)
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


def report_exception(error: BaseException) -> None:
    """What escaped a callback goes to `threading.excepthook`; SystemExit and KeyboardInterrupt end the
    program."""
    with released() if owns_monitor() else nullcontext():
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            with monitor:
                ended = pool.end(error)
            if not ended and pool.on_exit is not None:
                pool.on_exit(error)
            return
        what = type(error), error, error.__traceback__, threading.current_thread()
        threading.excepthook(threading.ExceptHookArgs(what))


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
