"""A thread outside the pool that waits for its own connection, and goes on with that by itself.

`[res] = once(req, 'response')` in a script's main thread costs a dozen switches of threads where the pool
does all: its holder wakes up to send the request, and again for the answer, and then the main thread for what
it has waited for, and each wants the monitor and the interpreter's lock. So the thread that waits *visits*
the connection: it keeps its strand busy, as a detached callback does, looks at the descriptor in place of the
poller, and does what comes up, until what it waits for is there. It needs no baton for that, because nothing
of it is a callback:

- It visits only a connection where everything that comes is for what it waits for, and calls no function of
  the user's (`EventEmitter._visitable_strand`). With the first that might, the visit is over (`stop`). So
  callbacks do not overlap, and the thread waits for nothing but the kernel.
- It is over, too, when anything comes up for the strand elsewhere, in other threads or by a timer
  (`disturb`): the pool goes on, and the thread waits as any other.

Many threads may visit at a time, each another connection. Then no system call of theirs is made with the
monitor, for the reason that staying.py gives, and a thread waits for input in `recv` itself. What is for
others is PATIENCE late at most by that, and input that comes meanwhile is delivered by the pool.
"""

from __future__ import annotations

import math
import select
import threading
from typing import Any, Protocol

from nodehttp.baton import pool
from nodehttp.loop import Strand, monotonic
from nodehttp.monitor import release_monitor, retake_after_signal, retake_monitor
from nodehttp.poller import CAN_BE_PATIENT, Bell, Received
from nodehttp.watch import Watch

PATIENCE = 5  # ms that a thread waits in `recv`, where the bell does not reach it
LONGEST = 1e6  # s that one poll may take: it is given them in ms, in 32 bits
# s; a signal wakes the main thread up, but not if it comes in the last instant before the wait.
SIGNALS_AFTER = 0.5
_CAN_POLL = hasattr(select, 'poll')
_occupy, _release_strand, _take_deferred = pool.occupy, pool.release_strand, pool.take_deferred  # at hand


def longest_wait() -> float:
    """Return for how many s the calling thread may wait at once."""
    is_main = threading.get_ident() == threading.main_thread().ident
    return SIGNALS_AFTER if is_main else threading.TIMEOUT_MAX


class Awaited(Protocol):
    """What the thread waits for (waiting.Waiter)."""

    done: bool


class _Own(threading.local):
    """What each thread has."""

    visit: Visit | None = None


_own = _Own()


def begin_visit(emitter: Any) -> Visit | None:
    """The calling thread, which is not in a callback, is about to wait for an event of `emitter`. Returns its
    visit to the connection of that; None if the pool has to do it."""
    visit = _own.visit
    if visit is not None and visit.strand is not None:
        visit.end()  # what waits here is a signal handler, perhaps for just that connection
    if emitter is None or not _CAN_POLL:
        return None
    strand: Strand | None = emitter._visitable_strand()
    if strand is None or strand.watch is None or strand.visit is not None:
        return None
    if visit is None or not visit.is_free():
        try:
            visit = _own.visit = Visit(Bell())
        except OSError:  # out of descriptors
            return None
    visit.begin(emitter, strand, strand.watch)
    return visit


class Visit:
    """The visits of one thread, one after the other. All methods need the monitor."""

    __slots__ = ('_bell', '_emitter', '_generation', '_is_over', '_is_patient', '_is_waiting', '_longest',
                 '_polled', '_poller', '_watch', 'error', 'identity', 'is_at_work', 'strand')

    def __init__(self, bell: Bell) -> None:
        self.identity = threading.get_ident()
        self.is_at_work = False  # is the thread doing something for the connection just now?
        # In the main thread a signal handler might wait for the same in the middle of `recv`.
        self._is_patient = CAN_BE_PATIENT and threading.current_thread() is not threading.main_thread()
        self._longest = min(longest_wait(), LONGEST)
        self._generation = pool.generation
        self.strand: Strand | None = None  # set while there is a visit
        self._is_waiting = self._is_over = False
        self.error: BaseException | None = None  # of a signal handler
        self._bell = bell
        self._poller = select.poll()
        self._poller.register(self._bell.fd, select.POLLIN)
        self._polled = -1  # the other descriptor that it looks at

    def __del__(self) -> None:
        self._bell.close()

    def is_free(self) -> bool:
        """May it be used once more? Not in a signal handler that runs while it polls, nor after a fork."""
        return not self._is_waiting and self._generation == pool.generation

    def begin(self, emitter: Any, strand: Strand, watch: Watch) -> None:
        """Keep the connection for the calling thread, which waits for an event of `emitter`."""
        self._emitter, self.strand, self._watch = emitter, strand, watch
        self._is_over = False
        strand.visit = self
        pool.visits[self.identity] = self
        _occupy(strand)
        watch.borrow()  # before anything is sent: else the holder might wake up for the answer

    def end(self) -> None:
        """Let the pool go on with the connection."""
        strand, self.strand = self.strand, None
        if strand is not None:
            self.is_at_work, self._is_over, strand.visit = False, True, None
            if pool.visits.get(self.identity) is self:  # else it is the child after a fork
                del pool.visits[self.identity]
            connection = strand.owner  # None: the user's, after 'upgrade' or 'connect'
            if connection is not None and connection.has_all():  # often the next visit begins at once
                pool.holds.call_soon(self._watch.want_back)
            else:
                self._watch.want_back()
            _release_strand(strand)

    def disturb(self) -> None:
        """Something has come up for the connection from elsewhere, or what the thread waits for is there: it
        waits for input no more."""
        if self._is_waiting:
            self.stop()

    def stop(self) -> None:
        """The connection may concern others from now on: the visitor does nothing more."""
        if not self._is_over:
            self._is_over = True
            if self._is_waiting:
                self._bell.ring()

    def go_on_until(self, awaited: Awaited, deadline: float) -> None:
        """Do what there is to do until `awaited` is done, or the deadline has passed, or it is the pool's
        turn."""
        strand, watch = self.strand, self._watch
        assert strand is not None
        if pool.ready and any(item[0] is strand for item in pool.ready):  # comes first, and is the holder's
            return
        is_patient = self._is_patient and watch.handle is not None
        self.is_at_work = True
        while not (awaited.done or self._is_over or strand.busy != 1):
            if strand.backlog:
                item = _take_deferred(strand, self._is_private)
                if item is None:  # the holder's
                    return
                item[1](*item[2])
                continue
            # Looked at once: a negative one is for ever.
            remaining = self._longest if deadline == math.inf else min(deadline - monotonic(), self._longest)
            if remaining <= 0 or not watch.borrow():
                return
            if is_patient and remaining * 1000 >= PATIENCE:
                is_patient = self._receive(strand, watch)
            elif self._wait_for_input(watch.fd, remaining) and watch.active and strand.busy == 1:
                if len(pool.visits) > 1 and watch.handle is not None:
                    self._deliver(strand, watch, watch.receive(0))
                else:
                    watch.read()

    def _is_private(self, strand: Strand, function: Any) -> bool:
        """Is it a method that calls nothing of the user's, as most are that a connection leaves for later?
        That of the response before may be another's."""
        owner = getattr(function, '__self__', None)
        if owner is None:
            return False
        if owner is self._emitter or owner is self._watch or owner is strand.owner:
            return True  # who listens to it now ends the visit
        asks = getattr(owner, '_is_private', None)
        return asks is not None and asks()

    def _wait_for_input(self, fd: int, timeout: float) -> bool:
        """Wait for the bell as well; return whether there is input, and the visit goes on."""
        poller = self._poller
        if self._polled != fd:
            if self._polled >= 0:
                poller.unregister(self._polled)
            poller.register(fd, select.POLLIN)
            self._polled = fd
        self._is_waiting = True
        self.is_at_work = False  # a signal handler may run meanwhile
        milliseconds = math.ceil(timeout * 1000)
        state = None
        try:
            state = release_monitor()
            ready = poller.poll(milliseconds)
        finally:
            if state is not None:
                retake_monitor(state)
            else:  # a signal handler has raised
                retake_after_signal()
            self._waited()
        has_input = False
        for one, _ in ready:
            if one == fd:
                has_input = not self._is_over
            else:  # it may have rung for the last visit, which was just over
                self._bell.silence()
        return has_input

    def _receive(self, strand: Strand, watch: Watch) -> bool:
        """Wait for input for a moment, and take it; return whether there was any. To wait and then to read
        would be two system calls."""
        self._is_waiting = True
        self.is_at_work = False
        try:
            received = watch.receive(PATIENCE)
        finally:
            self._waited()
        self._deliver(strand, watch, received)
        return received is not None

    def _deliver(self, strand: Strand, watch: Watch, received: Received | None) -> None:
        """Something may have come up meanwhile."""
        if received is None:
            return
        if self._is_over or strand.busy != 1 or strand.backlog:
            pool.defer_input(strand, watch, received)
        else:
            watch.take(received)

    def _waited(self) -> None:
        """The thread is back from where it did not have the monitor."""
        self.is_at_work = self.strand is not None
        self._is_waiting = False
        if self._is_over:
            self._bell.silence()
