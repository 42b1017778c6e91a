"""Threads outside the pool, and the line after the one that starts something.

`get(url).on('error', f)` has started the request before there is a listener. In Node no event can come in
between; here the pool is another thread. So what such a thread starts is held back until that thread waits in
the library, or has had HOLD ms. Time that passed is not enough, though: the pool itself may have had the
interpreter's lock all the while. So the thread must have run in that time, or be seen to wait for something
else.

Needs the monitor.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from nodehttp.loop import Loop, Strand, monotonic
from nodehttp.worker import Clocks

HOLD = 5  # ms that the first event of what a foreign thread started is held back
ENOUGH = 4  # ms of processor time: on an idle machine a thread that computes has them in HOLD ms
PATIENCE = 100  # ms that an 'error' waits for a listener, and that a hold lasts at most


class _Guest:
    """A thread outside the pool that has started something."""

    __slots__ = ('clocks', 'strands')

    def __init__(self) -> None:
        self.clocks = Clocks()
        self.strands: list[Strand] = []


class Hold:
    """One strand that is held back, by which thread and until when."""

    __slots__ = ('_began', '_clocks', '_last', 'is_timed', 'limit', 'until')

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self.is_timed = False  # a timer sees to its end
        self._last: tuple[float, bytes] | None = None
        self.prolong()

    def prolong(self) -> None:
        """The thread has started the next thing with this strand."""
        now = monotonic() * 1000
        self.until = now + HOLD
        self.limit = now + PATIENCE
        try:
            self._began = self._clocks.processor_time()
        except OSError:  # the thread that began with the strand has ended, another goes on with it
            self._began = 0.0

    def remaining(self) -> float:
        """Return for how many ms it lasts yet, as far as one can say now; 0: it is over."""
        now = monotonic() * 1000
        if now < self.until:
            return self.until - now
        try:
            if now >= self.limit or self._clocks.processor_time() - self._began >= ENOUGH:
                return 0
            last, self._last = self._last, self._clocks.sample()
            self._clocks.close()
        except OSError:  # the thread has ended
            return 0
        if self._last == last and not self._clocks.is_runnable():
            return 0
        # Who waits for the interpreter's lock wakes up every switch interval.
        pause = 1.2 * sys.getswitchinterval() * 1000
        self.until = now + pause
        return pause


class Holds:
    """What is held back at present."""

    def __init__(self, loop: Loop, release_strand: Callable[[Strand], None]) -> None:
        self._loop = loop
        self._release_strand = release_strand
        self._guests: dict[int, _Guest] = {}  # by the kernel's number of the thread: its clocks go by that

    def begin(self, strand: Strand) -> None:
        """The calling thread, which is not of the pool, has started something."""
        if strand.hold is not None:
            strand.hold.prolong()
            return
        guest = self._guests.get(threading.get_native_id()) or self._welcome()
        strand.hold = Hold(guest.clocks)
        strand.patient_until = strand.hold.limit
        self._loop.occupy(strand)
        if strand.backlog:  # it was busy for another reason, which will end
            self.check_later(strand)
        if len(guest.strands) > 64:  # a thread that never waits
            guest.strands = [strand for strand in guest.strands if strand.hold is not None]
        guest.strands.append(strand)

    def _welcome(self) -> _Guest:
        if len(self._guests) > 64:  # some of them will have ended
            self._guests = {number: guest for number, guest in self._guests.items()
                            if any(strand.hold is not None for strand in guest.strands)}
        guest = self._guests[threading.get_native_id()] = _Guest()
        return guest

    def check_later(self, strand: Strand) -> None:
        """An event of the strand is ready: see to it that it comes, when its hold is over."""
        hold = strand.hold
        if hold is not None and not hold.is_timed:
            hold.is_timed = True
            self._loop.start_timer(hold.remaining(), self._check, strand, hold, ref=False)

    def _check(self, strand: Strand, hold: Hold) -> None:
        if strand.hold is hold:
            remaining = hold.remaining()
            if remaining > 0:
                self._loop.start_timer(remaining, self._check, strand, hold, ref=False)
            else:
                self._end(strand)

    def end(self) -> None:
        """The calling thread begins to wait: it has said all it wanted."""
        guest = self._guests.pop(threading.get_native_id(), None)
        if guest is not None:
            for strand in guest.strands:
                self._end(strand)

    def _end(self, strand: Strand) -> None:
        if strand.hold is not None:
            strand.hold = None
            self._release_strand(strand)
