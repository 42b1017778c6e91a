"""A thread that stays with its connection: whose handler blocks, request after request.

To hand each of them to another thread costs a third of what 64 sleeping handlers could serve. So the thread
on which such a callback has run goes on with the connection by itself for a while, as in a server with a
thread for each: it waits for input in place of the poller, takes it, and runs what comes of it, without the
baton. Where there are more such connections than threads, input is left to any thread that has nothing else
to do: were the baton passed on for each, the next holder would wait for the interpreter's lock each time,
behind all who stay; with 200 connections some waited a second, and others 20 ms.

All such threads want the interpreter's lock and the monitor. Who makes a system call lets go of the first,
and the next one to run would soon stop at the second, so that both change threads again and again: 10 times a
request. So no system call that a sleeper makes is made with the monitor (`Watch.apart`).
"""

from __future__ import annotations

from collections.abc import Callable

from nodehttp.loop import Function, Item, Strand
from nodehttp.outsiders import Outsiders
from nodehttp.poller import CAN_BE_PATIENT, Received
from nodehttp.watch import Watch
from nodehttp.worker import Worker

STAY = 20  # ms that a thread waits for the next request of a connection whose handler blocks
SPARE_THREADS = 4  # for others than those


class Staying(Outsiders):
    """The part of the pool (baton.py) that knows of threads that stay. All methods need the monitor."""

    # What the pool has.
    detached: int
    handoff_after: float | None

    def report(self, error: BaseException) -> None:
        """What escaped a callback."""
        raise NotImplementedError

    def _resume(self, worker: Worker, waits: int) -> None:
        """The holder gives the baton away."""
        raise NotImplementedError

    def _may_detach(self) -> bool:
        """May one more callback go on without the baton?"""
        raise NotImplementedError

    def _detach(self, worker: Worker) -> None:
        """A thread goes on without the baton."""
        raise NotImplementedError

    def _hand_out(self, strand: Strand, item: Item) -> bool:
        """If this is input for callbacks that are likely to block, and threads are scarce, let another one
        take it and go on with the connection; False if it is not so, or no thread is left.

        While there are plenty, the callback may as well pass the baton on: that the next holder has to wait
        for the interpreter's lock keeps more threads from contending for that than it can serve.
        """
        if not (self._is_scarce() and self._may_detach() and self._is_input(strand, item)):
            return False
        worker = self._idle_helper()
        if worker is not None:
            self._idle.remove(worker)
        else:
            worker = self._spawn()
            if worker is None:
                return False
        self._give_input(worker, strand, item)
        worker.gate.open()
        return True

    def _take_input(self, worker: Worker) -> bool:
        """The calling thread has nothing to do: let it take such input, if that is what the holder, who may
        yet have to wake up, would come to next."""
        if worker.is_runner or self.ticks or not self.ready or not self._may_detach():
            return False
        item = self.ready[0]
        strand = item[0]
        if (strand is None or strand.busy or strand.source is None or not strand.source.blocky
                or not self._is_input(strand, item)):
            return False
        self.ready.popleft()
        self._give_input(worker, strand, item)
        return True

    def _is_input(self, strand: Strand, item: Item) -> bool:
        watch = strand.watch
        return watch is not None and watch.tells(item[1]) and self.handoff_after is not None

    def _give_input(self, worker: Worker, strand: Strand, item: Item) -> None:
        worker.strand, worker.stays_for = strand, strand.source
        self._detach(worker)
        self.defer(strand, item, False)

    def _stay(self, worker: Worker) -> None:
        """A callback that was likely to block has ended on the calling thread, and the next one of its
        connection is likely to block as well: go on with the connection."""
        source, worker.stays_for = worker.stays_for, None
        strand = worker.kept_strand
        if source is None or strand is None or worker.is_runner:
            return
        watch = strand.watch
        is_told = False  # by the poller, that there is input
        try:
            while source.blocky and worker.detached and strand.busy == 1:
                if worker.is_guest:
                    worker.is_guest = False
                    self.holds.end()
                if strand.backlog:
                    item = self.take_deferred(strand)
                    if item is None:
                        break
                    _, function, args = item
                    if watch is not None and watch.tells(function):
                        is_told = True
                        watch.write()
                    else:
                        function(*args)
                    continue
                if watch is None:
                    break
                received = self._receive(watch, is_told)
                if strand.backlog:  # from other threads meanwhile, and earlier than the input
                    if received is not None:
                        self.defer_input(strand, watch, received)
                elif received is not None:
                    is_told = False
                    watch.take(received)
                elif is_told:
                    is_told = False
                    watch.read()
                else:
                    break
        except BaseException as error:  # a fault of ours
            self.report(error)
        if watch is not None:
            watch.want_back()

    def _is_scarce(self) -> bool:
        """Are threads?"""
        return self._threads_in_use() - len(self._idle) > self.max_threads - SPARE_THREADS

    def _receive(self, watch: Watch, is_told: bool) -> Received | None:
        """Wait for input for a moment, on the calling detached thread, and take it; None if nothing came, or
        threads are scarce and there may be none, or it has to be taken in another way."""
        if ((self._is_scarce() and not is_told) or not CAN_BE_PATIENT or watch.handle is None
                or not watch.borrow()):
            return None
        self.detached -= 1  # what is idle must not keep the process alive
        if self.references <= 0:
            self.tell_if_idle()
        try:
            return watch.receive(STAY)
        finally:
            self.detached += 1

    def defer_input(self, strand: Strand, watch: Watch, received: Received) -> None:
        """A thread that has received it cannot deliver it any more: it comes before what the poller may have
        told meanwhile, as that is read later."""
        strand.backlog.insert(0, (False, (strand, watch.take, (received,))))
        self._deferred += 1
        if strand.holds:
            self.holds.check_later(strand)

    def take_deferred(
            self, strand: Strand, allows: Callable[[Strand, Function], bool] | None = None) -> Item | None:
        """Return what waits longest for a strand, to the one thread that keeps it busy; None if there is
        nothing, or it is what `allows` does not allow, or else gives the baton away."""
        backlog = strand.backlog
        if not backlog:
            return None
        first = 0 if backlog[0][0] else next((at for at, (is_tick, _) in enumerate(backlog) if is_tick), 0)
        item = backlog[first][1]
        if item[1] == self._resume if allows is None else not allows(strand, item[1]):
            return None
        del backlog[first]
        self._deferred -= 1
        return item
