"""The baton: a pool of threads that behaves like Node's one.

The problem: callbacks in Node's order, one at a time, as fast as a single loop; but a callback that blocks
must not stop the others. The answer: **whichever thread holds the baton waits for sockets and timers and runs
the callbacks.** While callbacks return promptly nothing else ever happens. A second thread, the *watcher*,
looks on with a timed wait (worker.py says what it looks at); when the same callback is still waiting for
something after `handoffAfter`, the watcher takes the baton and becomes the holder, and the blocked callback
finishes *detached*, on its own thread.

The rules of this file:

- `monitor` guards everything here and all internal state of the library. It is released exactly while user
  code runs, while the holder polls, and while a thread is parked. So the baton changes hands only at those
  points, and internal code is single-threaded in between.
- An *item* is `(strand, function, args)`. The holder takes items from `ticks` (process.nextTick: before all
  else), then from `ready`, which one phase of the loop after the other fills (`advance`). Polled events go
  there too, never into a local variable, so that the next holder goes on where the last one was stopped.
- A `Strand` is the order of events of one connection. While one of its callbacks runs detached it is `busy`:
  its items wait in its backlog, its socket is not polled.
- A thread that waits on purpose (`blocking()`, `Waiter`) passes the baton on first, leaves its strand free,
  and comes back as an item of that strand, which hands it the baton again (leaving.py). So waiting callbacks
  do not overlap with others either.
- A thread is parked on its own gate. Who stops being the watcher appoints the next one.
- Whoever calls `run` is a thread of the pool until there is nothing left to do.

What did not work: one condition variable for all (wakes the wrong thread), a plain lock as gate (opened
twice, it raises), handing every event to a pool (half the speed).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from threading import get_ident
from typing import Any

from nodehttp import errors
from nodehttp.leaving import Awaited, Leaving
from nodehttp.loop import Function, Item, Strand
from nodehttp.monitor import is_monitor_free, monitor, owns_monitor, release_monitor, released, retake_monitor
from nodehttp.worker import Onlooker, Source, Worker, look_period

HANDOFF_AFTER = 5  # ms; a handler slower than this is worth a thread switch (about 50 us)
MAX_THREADS = 128
IDLE_LINGER = 30  # s before a surplus idle thread ends (trio: 10, Java: 60); 64 new ones take 10 to 20 ms
QUIET_LOOKS = 20  # looks without traffic after which the watcher sleeps until there is some

RESERVED = Worker()  # holds the baton while somebody is about to leave `run`: no callback begins any more


class Pool(Leaving):
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
        self._is_refused = False  # the last thread that was to be started was not
        self._watcher_asleep = False
        self._turn = 0  # counts dispatches; with _busy all that the watcher reads
        self._busy = False  # is an item being run, or was one since the last poll?
        self._returning = False  # the baton was handed to a thread that has yet to wake up
        self.detached = 0  # callbacks that run without the baton
        self.reset_jobs()
        self.reset_leaving()
        self.reset_outsiders()
        self.on_exit: Callable[[BaseException], None] | None = None  # told of a SystemExit outside of `run`
        self.on_stuck_exit: Callable[[BaseException], Any] | None = None  # the same, if `run` cannot see it
        self.let_go = False  # `run` was left by SystemExit: nothing is waited for at the end of the process

    def __repr__(self) -> str:
        return (f'<Pool threads={len(self._workers)} idle={len(self._idle)} detached={self.detached} '
                f'references={self.references} watches={self.watched}>')

    def is_alive(self) -> bool:
        """Is anything referenced open, left to be run, or running?"""
        return (self.references > 0 or self._busy or self._returning or self.detached > 0
                or super().is_alive())

    def describe_open(self) -> list[str]:
        """Say what is open or running."""
        return super().describe_open() + [f'callbacks: {self.detached}'] * (self.detached > 0)

    # The loop

    def _serve(self, worker: Worker, until: Awaited | None = None) -> None:
        """Run items while `worker` holds the baton (or until `until` is done, or a runner has nothing
        left)."""
        ticks, ready = self.ticks, self.ready
        while self.holder is worker:
            if until is not None and until.done:
                return
            queue = ticks or ready
            if not queue:
                self._busy = False
                if worker.is_runner and until is None and not self.is_alive():
                    return
                if self._jobs and self._is_last_helper():
                    self._run_job()
                else:
                    self.advance()
                continue
            item = queue.popleft()
            strand, function, args = item
            if strand is not None:
                if strand.busy:
                    self.defer(strand, item, queue is ticks)
                    continue
                source = strand.source
                if source is not None and source.blocky and self._hand_out(strand, item):
                    continue
            worker.strand = strand
            if worker.started:
                worker.started.clear()
            self._turn += 1
            if not self._busy:
                self._busy = True
                if self._watcher_asleep:
                    self.rouse_watcher()
            try:
                function(*args)
            except BaseException as error:
                self.report(error)
            if worker.detached and self.holder is not worker:
                self._stay(worker)
                self._end_item(worker)

    def _end_item(self, worker: Worker) -> None:
        """An item that has lost the baton is at its end, with the baton again if it has waited at last."""
        if worker.detached:
            self.holds.end()
            self._finish_detached(worker)
        elif self.holder is worker:
            self._busy = False

    # Threads

    def man(self) -> None:
        """Give the baton to somebody, nobody having it."""
        assert owns_monitor()
        self.begin_life()
        successor = self._successor()
        if successor is not None:
            self._give(successor)

    def _spawn(self) -> Worker | None:
        """Start a thread; None if there are too many, or the system refuses."""
        if self._threads_in_use() >= self.max_threads:
            return None
        worker = Worker()
        self._starting += 1
        thread = threading.Thread(target=self._work, args=(worker,), name='nodehttp', daemon=True)
        try:
            thread.start()
            self._is_refused = False
        except RuntimeError:  # out of threads, or the interpreter is shutting down
            self._starting -= 1
            self._is_refused = True
            return None
        return worker

    def _threads_in_use(self) -> int:
        """How many threads there are, but for those that wait for the library."""
        return len(self._workers) + self._starting - self.waiting

    def _may_detach(self) -> bool:
        """May one more callback go on without the baton? After many have waited there may be threads for more
        than may block."""
        return self.detached < self.max_threads - 1

    def _work(self, worker: Worker) -> None:
        """Run a thread of the pool: hold the baton, watch, do a job, or be idle. Called without the
        monitor."""
        with monitor:
            self._starting -= 1
            self._workers[get_ident()] = worker
            try:
                worker.begin()
                # (In the child after a fork it is not a thread of the pool any more.)
                while self._workers.get(get_ident()) is worker and self._take_part(worker):
                    pass
            except BaseException as error:  # a fault of ours: the next thread goes on
                self.report(error)
            finally:
                self._retire(worker)

    def _take_part(self, worker: Worker) -> bool:
        """Do what there is to do for this thread once; False ends it."""
        self._called.discard(worker)
        if worker.detached:
            self._stay(worker)
            self._end_item(worker)
        elif self.holder is worker:
            self._serve(worker)
        elif self._watcher is worker:
            self._watch_over(worker)
        elif self._jobs and not worker.is_runner:
            self._run_job()
        elif self._watcher is None and self.handoff_after is not None:
            self._watcher = worker
        elif not self._take_input(worker):
            return self._be_idle(worker)
        return True

    def _be_idle(self, worker: Worker) -> bool:
        """Park until there is a use for the thread; False: there was none for long."""
        self._idle.append(worker)
        opened = self._park(worker, -1 if worker.is_runner else IDLE_LINGER)
        if worker in self._idle:
            self._idle.remove(worker)
            return opened or worker.is_runner
        return True  # somebody has a use for it, perhaps just as it gave up

    def _park(self, worker: Worker, timeout: float = -1) -> bool:
        state = release_monitor()
        try:
            return worker.gate.wait(timeout)
        finally:
            retake_monitor(state)

    def _retire(self, worker: Worker) -> None:
        """The calling thread leaves the pool; others go on with what it had."""
        worker.finish()
        self._called.discard(worker)
        if self._workers.get(get_ident()) is worker:
            del self._workers[get_ident()]
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.detached:
            self._finish_detached(worker)
        if self._watcher is worker:
            self._watcher = None
            self._watcher_asleep = False
        if self.holder is worker or (self.holder is RESERVED and worker.is_runner):
            self.holder = None
            self._busy = self._returning = False
            if self.watched or self._timers or self.is_alive():
                self.man()
        else:
            self.appoint_watcher()
        self.tell_if_idle()

    def _successor(self) -> Worker | None:
        """Choose who gets the baton: an idle thread, the watcher, a new one."""
        if self._idle:
            return self._idle.pop()
        successor, self._watcher = self._watcher, None
        self._watcher_asleep = False
        return successor or self._spawn()

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

    def current(self) -> Worker | None:
        """Return the worker of the calling thread if it is in a callback."""
        worker = self._workers.get(get_ident())
        return worker if worker is not None and (worker.detached or self.holder is worker) else None

    def is_in_callback(self) -> bool:
        """Is the calling thread in a callback?"""
        return self.current() is not None

    def is_caller_detached(self) -> bool:
        """Is the calling thread in a callback that goes on without the baton?"""
        worker = self._workers.get(get_ident())
        return worker is not None and worker.detached

    def may_do_now(self, strand: Strand) -> bool:
        """May the calling thread do now what would else be left to the next tick of `strand`, which its
        callback is of? Not if it goes on without the baton, and something has come before that meanwhile."""
        worker = self._workers.get(get_ident())
        return worker is not None and (self.holder is worker or (worker.detached and not strand.backlog))

    def has_baton(self) -> bool:
        """Is the calling thread in a callback that has the baton, so that what it leaves to the next tick is
        done when the callback is over?"""
        holder = self.holder
        return holder is not None and holder.identity == get_ident()

    # The watcher

    def rouse_watcher(self) -> None:
        """Have it look now, and begin anew."""
        self._watcher_asleep = False
        if self._watcher is not None:
            self._watcher.gate.open()

    def _watch_over(self, worker: Worker) -> None:
        """Look at the holder every now and then while there is traffic; take the baton from one that
        waits."""
        onlooker = Onlooker()
        quiet = 0
        while (self._watcher is worker and self.handoff_after is not None
               and not (self._may_leave(worker) if worker.is_runner else self._lacks_helper())):
            if quiet > QUIET_LOOKS and not self._busy:
                self._watcher_asleep = True
                self._park(worker)
                quiet = 0
                onlooker.begin()
                continue
            before, period = onlooker.turn, look_period(self.handoff_after)
            state = release_monitor()
            try:
                if not onlooker.look_on(worker.gate, period, self._what_runs):
                    continue  # woken up to see whether it is needed elsewhere
                is_settled = onlooker.is_enough and (onlooker.times > 2 or is_monitor_free())
            finally:
                retake_monitor(state)
            running = onlooker.worker
            quiet = 0 if running or onlooker.turn != before else quiet + 1
            if onlooker.waiting is not None:
                onlooker.waiting.distrust(by_sum=True)
            if (is_settled and running and (onlooker.turn, running) == self._what_runs()
                    and self._may_detach()):
                self._take_baton(worker, running)
                return
        if self._watcher is worker:  # strict mode now, or a job that nobody else can do
            self._watcher = None
            self._watcher_asleep = False

    def _what_runs(self) -> tuple[int, Worker | None]:
        """The dispatch, and who is at it, if the baton may be taken from him. Read without the monitor."""
        return self._turn, self.holder if self._busy and self.handoff_after is not None else None

    def _take_baton(self, worker: Worker, holder: Worker) -> None:
        """The watcher becomes the holder; the holder's callback goes on without the baton."""
        if holder.source is not None:
            holder.source.distrust()
            holder.stays_for = holder.source
        self._watcher = None
        self._detach(holder)
        self._give(worker)

    def _detach(self, worker: Worker) -> None:
        """`worker` goes on without the baton, its strand staying busy."""
        worker.detached = True
        self.detached += 1
        strand = worker.strand
        for started in worker.started:  # it may be about to add its listeners
            if started is not strand:
                worker.is_guest = True
                self.holds.begin(started, worker.clocks)
        worker.started.clear()
        if strand is not None:
            worker.kept_strand = strand
            self.occupy(strand)

    def _finish_detached(self, worker: Worker) -> None:
        worker.detached = False
        self.detached -= 1
        self._free_strand(worker)
        if self.detached == 0 and self.on_idle:
            self.notify()

    def _free_strand(self, worker: Worker) -> None:
        strand, worker.kept_strand = worker.kept_strand, None
        if strand is not None:
            self.release_strand(strand)

    def release_strand(self, strand: Strand) -> None:
        """One reason less for the strand to be busy; at none, its backlog goes on, before newer events."""
        strand.busy -= 1
        if not strand.busy and strand.backlog:
            self._deferred -= len(strand.backlog)
            for is_tick, item in reversed(strand.backlog):
                (self.ticks if is_tick else self.ready).appendleft(item)
            strand.backlog.clear()
            self.notify()

    def defer(self, strand: Strand, item: Item, is_tick: bool) -> None:
        """An item has to wait for its strand."""
        strand.backlog.append((is_tick, item))
        self._deferred += 1
        if strand.visit is not None:
            strand.visit.disturb()
        if strand.holds:
            self.holds.check_later(strand)

    def pass_on(self, worker: Worker) -> bool:
        """The calling thread, in a callback, gives the baton away and keeps its strand; False if nobody can
        take it."""
        successor = self._successor() if self._may_detach() else None
        if successor is None:
            return False
        self._detach(worker)
        self._give(successor)
        return True

    # Callbacks

    def begin_callback(self, source: Source) -> tuple[Worker | None, object]:
        """A callback of `source` is about to run: without the baton if it is likely to block. Returns what
        `end_callback` wants to know."""
        mark = source.begin() if source.blocky else None
        holder = self.holder
        if holder is None or holder.identity != get_ident():
            return None, mark
        holder.source = source
        if mark is not None and self.handoff_after is not None and self.pass_on(holder):
            holder.stays_for = source
        return holder, mark

    @staticmethod
    def end_callback(source: Source, worker: Worker | None, mark: object) -> None:
        """It has ended."""
        if worker is not None:
            worker.source = None
        if mark is not None:
            source.end(mark)

    def may_deliver(self, strand: Strand) -> bool:
        """May the calling thread call listeners of `strand` right now, in the middle of what it does?

        Only in a callback that has the baton, and not beside one of that strand. A callback without a strand
        belongs to this one from then on. Who may not makes it an item of the strand.
        """
        worker = self._workers.get(get_ident())  # as `current`, which would be a call more
        if worker is None or not (self.holder is worker or worker.detached):
            return self.is_visited_by_caller(strand) and not strand.holds
        if strand.holds:  # another thread may have begun it in the middle
            return False
        if worker.strand is strand:
            return True
        if strand.busy or worker.detached:
            return False
        if worker.strand is None:
            worker.strand = strand
        return True

    def may_go_on(self, strand: Strand | None) -> bool:
        """An item of `strand` is at its end, and what the loop would take next is of `strand` as well: may it
        begin with that by itself, as a turn of its own? Not if it has lost the baton, or is no such item."""
        worker = self.holder
        if strand is None or worker is None or worker.strand is not strand or strand.busy:
            return False
        if worker.started:
            worker.started.clear()
        self._turn += 1
        return True

    def forget_last_tick(self, function: Function) -> None:
        """If the last tick is to call `function`, of which nothing would come any more, spare the holder
        that."""
        ticks = self.ticks
        if ticks and ticks[-1][1] == function:
            ticks.pop()

    def is_busy_elsewhere(self, strand: Strand) -> bool:
        """Is another thread in a callback of `strand`, or does it wait for one?"""
        if strand.busy:
            return strand.busy > 1 or not self.is_visited_by_caller(strand)
        holder = self.holder
        return (holder is not None and holder.strand is strand and self._busy
                and holder.identity != get_ident())

    # The calling thread as a member

    def run(self, main: Function, *args: Any) -> None:
        """See `threadpool.run`. Called without the monitor."""
        with monitor:
            identity = get_ident()
            if identity in self._workers:
                raise errors.Error('run() was called from a callback')
            self.holds.end()
            self.begin_life()
            worker = Worker(is_runner=True)
            worker.begin()
            self._workers[identity] = worker
            self.on_idle.append(worker.gate.open)
            self.let_go = False
            try:
                self._run(worker, main, args)
            except KeyboardInterrupt:
                worker.exit = SystemExit(130)
            finally:
                self.on_idle.remove(worker.gate.open)
                self._retire(worker)
            self.let_go = isinstance(worker.exit, SystemExit)
        if worker.exit is not None:
            raise worker.exit

    def _run(self, worker: Worker, main: Function, args: tuple[Any, ...]) -> None:
        if self.holder is None:
            self._give(worker)
        else:
            self.come_back(worker, None)
        self.park_until_holder(worker)
        self._busy = False
        # First of all, so that no callback of somebody else can take this thread away from it.
        self.ticks.appendleft((None, self._run_main, (worker, main, args)))
        while not self._may_leave(worker):
            self._take_part(worker)

    def _may_leave(self, worker: Worker) -> bool:
        return worker.exit is not None or not self.is_alive()

    def _run_main(self, worker: Worker, main: Function, args: tuple[Any, ...]) -> None:
        try:
            with released():
                main(*args)
        except BaseException as error:
            self._leave_with(worker, error)

    def _leave_with(self, runner: Worker, error: BaseException) -> None:
        """Let `run` raise `error`. No callback begins before it has."""
        runner.exit = SystemExit(130) if isinstance(error, KeyboardInterrupt) else error
        is_caller = self._workers.get(get_ident()) is runner
        if not is_caller and (runner.detached or (self.holder is runner and self._busy)):
            # It is in the middle of a callback, which may need the others to come to its end.
            if self.on_stuck_exit is not None:
                self.on_stuck_exit(runner.exit)
            return
        self.notify()  # before the baton is gone: the holder may be in poll
        holder = self.holder
        if holder is not None and self._returning:
            self.come_back(holder, holder.strand)
        elif holder is not None and self._busy and holder is not runner:
            self._detach(holder)
        if runner.detached:
            self._finish_detached(runner)
        self.holder = RESERVED
        self._busy = self._returning = False
        runner.gate.open()

    def end(self, error: BaseException) -> bool:
        """A callback raised SystemExit or KeyboardInterrupt: let `run` raise it; False if nobody is in
        `run`."""
        for worker in self._workers.values():
            if worker.is_runner:
                self._leave_with(worker, error)
                return True
        return False

    def report(self, error: BaseException) -> None:
        """What escaped a callback goes to `threading.excepthook`; SystemExit and KeyboardInterrupt end the
        program. Called with the monitor or without; never raises."""
        with released() if owns_monitor() else nullcontext():
            if isinstance(error, (SystemExit, KeyboardInterrupt)):
                with monitor:
                    ended = self.end(error)
                if not ended and self.on_exit is not None:
                    self.on_exit(error)
                return
            what = type(error), error, error.__traceback__, threading.current_thread()
            try:
                threading.excepthook(threading.ExceptHookArgs(what))
            except BaseException:  # the user's hook is at fault: no thread of ours ends by that
                sys.__excepthook__(*sys.exc_info())

    def after_fork_in_parent(self) -> None:
        """In the parent, which has taken the monitor for the fork."""
        self.has_forked = True
        monitor.release()

    def after_fork(self) -> None:
        """In the child: none of the parent's threads is here, and its poller must not be touched. A thread in
        `run` goes on with the fresh pool."""
        monitor._at_fork_reinit()  # type: ignore[attr-defined]
        self.close_descriptors()
        survivor = self._workers.get(get_ident())
        for worker in self._workers.values():
            worker.finish()
        self.reset()
        if survivor is not None:
            survivor.detached, survivor.kept_strand = False, None
            if survivor.is_runner:
                survivor.begin()
                self._workers[get_ident()] = survivor
                self.on_idle.append(survivor.gate.open)
                self.holder = survivor
                self._busy = True


pool = Pool()
