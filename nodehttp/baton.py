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

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from nodehttp import errors
from nodehttp.loop import Function, Item, Loop, Strand, monotonic
from nodehttp.monitor import monitor, owns_monitor, release_monitor, released, retake_monitor
from nodehttp.worker import Source, Worker

if TYPE_CHECKING:
    from nodehttp.threadpool import Waiter

HANDOFF_AFTER = 5  # ms; a handler slower than this is worth a thread switch (about 50 us)
MAX_THREADS = 128
COMPUTE_LIMIT = 100  # ms of processor time after which a computing callback loses the baton as well
IDLE_LINGER = 2  # s before a surplus idle thread ends
QUIET_LOOKS = 20  # looks without traffic after which the watcher sleeps until there is some
HOLD = 5  # ms that the first event of what a foreign thread started is held back
ERROR_PATIENCE = 100  # ms that an 'error' of such a thing waits for a listener


class Pool(Loop):
    """The threads and the baton. All methods need the monitor unless they say otherwise."""

    def __init__(self) -> None:
        self.handoff_after: float | None = HANDOFF_AFTER
        self.max_threads = MAX_THREADS
        super().__init__()

    def reset(self) -> None:
        """Begin without threads; after a fork too."""
        super().reset()
        self.holder: Worker | None = None
        self._watcher: Worker | None = None
        self._idle: list[Worker] = []  # last in, first out: the warm ones are used again, the others end
        self._workers: dict[int, Worker] = {}  # by thread identity
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

    def _serve(self, worker: Worker, until: Waiter | None = None) -> None:
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
                self.report(error)
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

    def _spawn(self) -> Worker | None:
        """Start a thread; None if there are too many, or the system refuses."""
        if len(self._workers) + self._starting >= self.max_threads:
            return None
        worker = Worker()
        self._starting += 1
        thread = threading.Thread(target=self._work, args=(worker,), name='nodehttp', daemon=True)
        try:
            thread.start()
        except RuntimeError:  # out of threads, or the interpreter is shutting down
            self._starting -= 1
            return None
        return worker

    def _work(self, worker: Worker) -> None:
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

    def _take_part(self, worker: Worker) -> bool:
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

    def _be_idle(self, worker: Worker) -> bool:
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

    def _park(self, worker: Worker, timeout: float = -1) -> None:
        state = release_monitor()
        try:
            worker.gate.wait(timeout)
        finally:
            retake_monitor(state)

    def _successor(self) -> Worker | None:
        """Choose who gets the baton: an idle thread, a new one, the watcher."""
        if self._idle:
            return self._idle.pop()
        successor = self._watcher
        if successor is None:
            return self._spawn()
        self._watcher = None
        return successor

    def _give(self, worker: Worker) -> None:
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

    def _current(self) -> Worker | None:
        """Return the worker of the calling thread if it is in a callback."""
        return self._workers.get(threading.get_ident())

    # The watcher

    def _rouse_watcher(self) -> None:
        self._watcher_asleep = False
        if self._watcher is not None:
            self._watcher.gate.open()

    def _watch_over(self, worker: Worker) -> None:
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

    def _take_baton(self, worker: Worker, holder: Worker) -> None:
        """The watcher becomes the holder; the holder's callback goes on without the baton."""
        if holder.source is not None:
            holder.source.blocky = True
        self._watcher = None
        self._detach(holder)
        self._give(worker)

    def _detach(self, worker: Worker) -> None:
        """`worker` goes on without the baton, its strand staying busy."""
        worker.detached = True
        self._detached += 1
        strand = worker.strand
        if strand is not None:
            worker.kept_strand = strand
            strand.busy += 1

    def _finish_detached(self, worker: Worker) -> None:
        worker.detached = False
        self._detached -= 1
        self._free_strand(worker)
        if self._detached == 0 and self.on_idle is not None:
            self.notify()

    def _free_strand(self, worker: Worker) -> None:
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

    def leave(self, worker: Worker) -> bool:
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

    def come_back(self, worker: Worker) -> None:
        """The wait is over: queue the callback as an item of its strand."""
        self.call_soon(self._resume, worker, strand=worker.strand)

    def _resume(self, worker: Worker) -> None:
        """The holder hands the baton to a callback that has waited."""
        worker.detached = False
        self.holder = worker
        self._busy = False
        worker.gate.open()

    def park_until_holder(self, worker: Worker) -> None:
        """Park until the baton comes back."""
        while self.holder is not worker:
            self._park(worker)
        # Not before: 1. the baton is handed to a parked thread, 2. the watcher sees a busy holder that stands
        # still, 3. and takes the baton from a thread that has not even woken up.
        self._turn += 1
        self._busy = True

    def park_or_serve(self, worker: Worker, waiter: Waiter) -> None:
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

    def begin_callback(self, source: Source) -> Worker | None:
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
            worker = Worker(is_runner=True)
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

    def _run_main(self, worker: Worker, main: Function, args: tuple[Any, ...]) -> None:
        try:
            with released():
                main(*args)
        except BaseException as error:
            worker.exit = error

    def _retire(self, worker: Worker) -> None:
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

    def report(self, error: BaseException) -> None:
        """What escaped a callback goes to `threading.excepthook`; SystemExit and KeyboardInterrupt end the
        program. Called with the monitor or without."""
        with released() if owns_monitor() else nullcontext():
            if isinstance(error, (SystemExit, KeyboardInterrupt)):
                with monitor:
                    ended = self.end(error)
                if not ended and self.on_exit is not None:
                    self.on_exit(error)
                return
            what = type(error), error, error.__traceback__, threading.current_thread()
            threading.excepthook(threading.ExceptHookArgs(what))

    def after_fork(self) -> None:
        """In the child: none of the parent's threads is here, and its poller must not be touched."""
        monitor._at_fork_reinit()  # type: ignore[attr-defined]
        self.close_descriptors()
        for worker in self._workers.values():
            worker.finish()
        self.reset()
