"""Callbacks that go away to wait for something, and come back: baton and strand are free meanwhile.

What a `Waiter` waits for is often up to another callback, which may wait in turn: so threads that wait for
the library do not count against `maxThreads`, with which such a chain could come to no end. Where the system
refuses another thread, the one that waits goes on with the loop right there, on top of the callback. (Python
3.12.0 and 3.12.1 do so once the main thread has come to its end.)
"""

from __future__ import annotations

from typing import Protocol

from nodehttp.loop import Function, Item, Strand
from nodehttp.staying import Staying
from nodehttp.worker import Worker

MAX_WAITING = 4096  # callbacks that wait for the library, beside those threads; each takes some 22 KiB
MAX_NESTED = 8  # callbacks that wait on top of each other; each needs some 15 frames of Python's 1000


class Awaited(Protocol):
    """What a callback waits for (waiting.Waiter)."""

    done: bool
    worker: Worker | None  # whom to call back


class Leaving(Staying):
    """The part of the pool (baton.py) that knows of callbacks that wait. All methods need the monitor."""

    # What the pool has.
    _busy: bool
    _returning: bool
    _turn: int

    def reset_leaving(self) -> None:
        """Begin without any."""
        self.waiting = 0  # callbacks that have gone away to wait for something of the library
        self._nested = 0  # those that do so with the loop on top of them
        self._postponed: list[Item] = []

    def _serve(self, worker: Worker, until: Awaited | None = None) -> None:
        """Run items."""
        raise NotImplementedError

    def _successor(self) -> Worker | None:
        """Choose who gets the baton."""
        raise NotImplementedError

    def _give(self, worker: Worker) -> None:
        """Make `worker` the holder."""
        raise NotImplementedError

    def _free_strand(self, worker: Worker) -> None:
        """Its strand is free for others."""
        raise NotImplementedError

    def _park(self, worker: Worker, timeout: float = -1) -> bool:
        """Let the calling thread wait at its gate."""
        raise NotImplementedError

    def leave(self, worker: Worker) -> bool:
        """A callback goes away to wait: baton and strand are free. False if there is no other thread to take
        over."""
        strand = worker.strand
        worker.started.clear()
        if strand is not None and strand.deliverer is not None:
            self.call_soon(strand.deliverer._go_on, strand=strand)
        if self.holder is worker:
            successor = self._successor()
            if successor is None:
                return False
            worker.was_polling = not self._busy
            self._give(successor)
        else:
            self.holds.end()
            worker.detached = False
            self.detached -= 1  # it does not run: what it waits for has to keep the process alive
            if strand is not None and strand.watch is not None:
                strand.watch.want_back()  # the thread may have looked at it in place of the poller (`_stay`)
            self._free_strand(worker)
        return True

    def come_back(self, worker: Worker, strand: Strand | None) -> None:
        """The wait is over: queue the callback as an item of its strand."""
        self.call_soon(self._resume, worker, worker.waits, strand=strand)

    def _resume(self, worker: Worker, waits: int) -> None:
        """The holder hands the baton to a callback that has waited."""
        if worker.waits == waits:  # else the wait was broken off meanwhile
            self.holder = worker
            self._busy = False
            self._returning = True
            worker.gate.open()

    def park_until_holder(self, worker: Worker) -> None:
        """Park until the baton comes back. May raise KeyboardInterrupt, or what ends `run`."""
        try:
            while self.holder is not worker:
                if worker.exit is not None:
                    raise worker.exit
                self._park(worker)
        except BaseException:  # nobody may hand the baton to this callback any more: it goes on without
            if self.holder is not worker:
                self._detach(worker)
            raise
        finally:
            worker.waits += 1
            if self.holder is worker:
                # Not before: 1. the baton is handed to a parked thread, 2. the watcher sees a busy holder
                # that stands still, 3. and takes the baton from a thread that has not even woken up.
                self._returning = False
                self._turn += 1
                self._busy = not worker.was_polling
                if worker.was_polling:  # a signal handler has waited, on top of a poll that will go on
                    worker.was_polling = False
                    self.wake()

    def wait(self, worker: Worker, awaited: Awaited) -> bool:
        """Wait, in a callback, until `awaited` is done; False if too many do so already."""
        if self.waiting == MAX_WAITING:
            return False
        strand, source, worker.source = worker.strand, worker.source, None
        self.waiting += 1
        try:
            if not self.leave(worker):
                self._serve_on_top(worker, awaited)
                worker.strand = strand
            if not awaited.done:
                awaited.worker = worker
            elif self.holder is not worker:
                # An item in between has lost the baton by blocking, or a signal handler was faster.
                self.come_back(worker, strand)
            self.park_until_holder(worker)
        finally:
            self.waiting -= 1
            worker.source = source
        return True

    def _serve_on_top(self, worker: Worker, awaited: Awaited) -> None:
        self._busy = False
        self._nested += 1
        try:
            self._serve(worker, awaited)
        finally:
            self._nested -= 1
            self.ready.extend(self._postponed)
            self._postponed.clear()

    def postpone(self, function: Function, strand: Strand) -> bool:
        """Something new is about to begin that may wait. If the system has no thread for what waits already,
        `function` is called once it may have, and True returned: to begin it now would pile it up on top of
        the others, on one stack."""
        if self._nested < MAX_NESTED:
            return False
        self._postponed.append((strand, function, ()))
        return True
