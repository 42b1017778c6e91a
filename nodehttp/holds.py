"""Threads outside the pool, and the line after the one that starts something.

`get(url).on('error', f)` has started the request before there is a listener. In Node no event can come in
between; here the pool is another thread. So what such a thread starts is held back until that thread waits in
the library, or has had HOLD ms. Time that passed is not enough, though: the pool itself may have had the
interpreter's lock all the while, other processes the processors, or nobody anything, the machine being
suspended. So the thread must have run in that time, or be seen to wait for something else.

A callback that goes on without the baton is on such a thread, too.

Needs the monitor.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from nodehttp.loop import Loop, Strand, Timer, monotonic
from nodehttp.monitor import released
from nodehttp.worker import Clocks, Sample

HOLD = 5  # ms that the first event of what a foreign thread started is held back
AT_ONCE = 0.2  # ms; what is started so soon after the last thing does not prolong a hold
ENOUGH = 4  # ms of processor time: on an idle machine a thread that computes has them in HOLD ms
IN_ONE_GO = 3  # ms that count of what it used between two looks: the rest may be a garbage collection
PATIENCE = 100  # ms that an 'error' waits for a listener
MOST_LOOKS = 20  # that a hold lasts, of at least HOLD ms each: a pause of the whole process is one of them
MANY = 64  # holds of a thread, or threads, after which it is time to forget those that are over
GIVE_WAY = 1e-4  # s; who releases a lock and takes it again at once has it before one who is only waking up
PLENTY = 20  # ms of processor time after which no listener is to be expected any more, but for an 'error'


class Guest:
    """A thread without the baton that has started something, and what was seen of it.

    One look serves all its holds, however many they are: to read what a thread uses takes system calls, each
    of which lets go of the interpreter's lock.
    """

    __slots__ = ('_last', '_looked', 'calls', 'clocks', 'computed', 'holds', 'is_forgotten', 'looks', 'many',
                 'stands_still', 'used')

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self.is_forgotten = False
        self.holds: list[tuple[Strand, Hold]] = []
        self.many = MANY  # with more holds than that it seems never to wait: some will be over
        self.looks = 0
        self._looked = -math.inf  # ms; when that was last
        self.used = math.inf  # processor time at that look
        self.computed = 0.0  # what counts of all that it has used, in ms
        self.calls = 0  # so often it was seen in a system call
        self._last: Sample | None = None
        self.stands_still = False  # it has done nothing since the look before, and wants no processor

    def forget_old(self) -> None:
        """Keep only what is not over."""
        self.holds = [(strand, hold) for strand, hold in self.holds if hold in strand.holds]
        self.many = max(MANY, 2 * len(self.holds))

    def look(self, now: float) -> float:
        """Look at the thread, unless that was just done. Returns when (ms) to look next: things must have had
        the time to change. OSError: the thread has ended."""
        # Who waits for the interpreter's lock wakes up every switch interval.
        pause = max(HOLD, 1.2 * sys.getswitchinterval() * 1000)
        if now < self._looked + pause:
            return self._looked + pause
        self.calls += self.clocks.is_in_a_call()
        used = self.clocks.processor_time()
        self.computed += max(0, min(used - self.used, IN_ONE_GO))
        self.used = used
        last, self._last = self._last, self.clocks.sample()
        self.clocks.close()
        # `sample` does not show that a thread waits for a processor, only that it has waited for one.
        # Nor does the processor time alone tell.
        self.stands_still = (
            self._last == last and self._last[1] is not None and not self.clocks.is_runnable())
        self.looks += 1
        self._looked = now
        return now + pause


class Hold:
    """For how long one thread holds back one strand; and when that is over, for how long it may yet add a
    listener."""

    __slots__ = ('_began', '_calls', '_computed', '_first_look', '_limit', 'guest', 'has_waited', 'until')

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        now = monotonic() * 1000
        self.until = now + HOLD  # ms; it is not over before
        self._limit = now + PATIENCE
        self.has_waited = False
        # Which of the thread's looks came first: what it did before does not count. Nearly all threads have
        # begun to wait before somebody looks, and nothing needs to be counted.
        self._first_look: int | None = None
        self._began: float | None = None  # the processor time then

    def prolong(self) -> None:
        """The thread has started the next thing with this strand."""
        now = monotonic() * 1000
        if self.until - now > HOLD - AT_ONCE and self._first_look is None and not self.has_waited:
            return
        self.until = now + HOLD
        self._limit = now + PATIENCE
        self.has_waited = False
        self._first_look = self._began = None

    def remaining(self) -> float:
        """Return for how many ms it lasts yet, as far as one can say now; 0: it is over."""
        now = monotonic() * 1000
        if now < self.until:
            return self.until - now
        guest = self.guest
        calls = guest.calls
        try:
            self.until = guest.look(now)
        except OSError:  # the thread has ended
            return 0
        if self._first_look is None:
            self._first_look, self._calls, self._computed = guest.looks, calls, guest.computed
            self._began = guest.used
        # (Once it may happen to be in a short call, late as everything is on a busy machine.)
        elif (guest.stands_still or guest.computed - self._computed >= ENOUGH or guest.calls - self._calls > 1
                or guest.looks - self._first_look >= MOST_LOOKS):
            return 0
        return self.until - now

    def is_patient(self, is_error: bool) -> bool:
        """May the thread yet add the listener that an event has not found? An 'error' waits for longer: it is
        the one that nobody must miss."""
        if self.has_waited:
            return False
        clocks = self.guest.clocks
        try:
            used = clocks.processor_time()
            if self._began is None:
                self._began = used
            is_fresh = used - self._began < PLENTY
            if monotonic() * 1000 < self._limit:
                return is_error or is_fresh
            # Who still wants a processor may have wanted it all the while.
            return is_error and is_fresh and clocks.is_runnable()
        except OSError:  # the thread has ended
            return False


class Holds:
    """What is held back at present."""

    def __init__(self, loop: Loop, release_strand: Callable[[Strand], None]) -> None:
        self._loop = loop
        self._release_strand = release_strand
        self._guests: dict[int, Guest] = {}  # by the kernel's number of the thread: its clocks go by that
        self._caller = threading.local()  # its `guest`, so that the kernel need not be asked for the number
        self._awaited: dict[Hold, Strand] = {}  # those that an event waits for
        self._is_used = False  # has any begun to wait since these were last looked at?
        self._timer: Timer | None = None  # of the next look,
        self._due = 0.0  # and when that is
        self._not_urgent: set[Callable[[], Any]] = set()  # what is done then, too,
        self._recent: set[Callable[[], Any]] = set()  # and what the time after that

    def begin(self, strand: Strand, clocks: Clocks | None = None) -> None:
        """The calling thread, or the one with these clocks, has started something."""
        guest = self._guest() if clocks is None else self._guests.get(clocks.thread)
        if guest is None:
            guest = self._welcome(Clocks(clocks))
        for hold in strand.holds:
            if hold.guest is guest:
                hold.prolong()
                strand.patience = hold
                return
        if len(guest.holds) > guest.many:
            guest.forget_old()
        last = strand.patience
        if last is not None and last.guest is guest and last.has_waited:
            hold = last  # which is over, and begins anew
            hold.prolong()
        else:
            hold = Hold(guest)
        self._hold_back(strand, hold, guest)

    def _hold_back(self, strand: Strand, hold: Hold, guest: Guest) -> None:
        strand.patience = hold
        strand.holds = (*strand.holds, hold) if strand.holds else (hold,)
        guest.holds.append((strand, hold))
        self._loop.occupy(strand)
        if strand.backlog:  # of a callback that runs detached, at whose end nobody would ask about the hold
            self.check_later(strand)

    def begin_instead(self, strand: Strand, other: Strand) -> bool:
        """See Pool.hold_instead."""
        guest = self._guest()
        if guest is None or strand.busy != 1 or strand.backlog or not strand.holds:
            return False
        hold = strand.holds[0]
        if hold.guest is not guest:
            return False
        if other.holds or guest.holds[-1] != (strand, hold):
            self.begin(other)
        else:  # the same hold goes on elsewhere
            guest.holds.pop()
            self._awaited.pop(hold, None)
            strand.holds, strand.busy = (), 0
            self._hold_back(other, hold, guest)
        return True

    def _guest(self) -> Guest | None:
        """Return what the calling thread is here, if it has started something."""
        guest: Guest | None = getattr(self._caller, 'guest', None)
        if guest is None or guest.is_forgotten:
            guest = self._caller.guest = self._guests.get(threading.get_native_id()) if self._guests else None
        return guest

    def _welcome(self, clocks: Clocks) -> Guest:
        if len(self._guests) > MANY:  # some of them will have ended
            for number, guest in list(self._guests.items()):
                guest.forget_old()
                if not guest.holds:
                    guest.is_forgotten = True
                    del self._guests[number]
        guest = self._guests[clocks.thread] = Guest(clocks)
        return guest

    def check_later(self, strand: Strand) -> None:
        """An event of the strand is ready: see to it that it comes, when its holds are over."""
        self._is_used = True
        for hold in strand.holds:
            if hold not in self._awaited:
                self._awaited[hold] = strand
                if self._timer is None or self._due > hold.until:
                    self._look_after(hold.remaining())

    def looks_soon(self) -> bool:
        """Will the holder wake up within HOLD ms, or so?"""
        self._is_used = True
        return self._timer is not None

    def look_soon(self) -> None:
        """Let it do so."""
        self._look_after(HOLD)

    def call_soon(self, function: Callable[[], Any]) -> None:
        """Have the holder call `function`, which is not urgent, when it looks the second time from now; once,
        however often this is said until then. So what goes on and on is never interrupted."""
        if function not in self._recent:
            self._recent.add(function)
            self._not_urgent.discard(function)
            if not self.looks_soon():
                self.look_soon()

    def _look_after(self, delay: float) -> None:
        due = monotonic() * 1000 + delay
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.start_timer(delay, self._look, ref=False)

    def _look(self) -> None:
        """End what is over.

        A thread that asks one thing after the other ends its holds itself, by waiting, but begins the next at
        once. So there is one look more than needed: each time that the first timer is started the holder has
        to wake up.
        """
        self._timer = None
        if self._awaited:
            with released():  # a thread that waits for just the monitor is not idle: now it gets that
                time.sleep(GIVE_WAY)
        if self._is_used or self._recent:
            self._is_used = False
            self._look_after(HOLD)
        due, self._not_urgent, self._recent = self._not_urgent, self._recent, set()
        for function in due:
            function()
        for hold, strand in list(self._awaited.items()):
            remaining = hold.remaining()
            if remaining > 0:
                self._look_after(remaining)
            else:
                self._end(strand, hold)

    def end(self) -> None:
        """The calling thread begins to wait: it has said all it wanted."""
        guest = self._guest()
        if guest is not None and guest.holds:
            holds, guest.holds = guest.holds, []
            for strand, hold in holds:
                hold.has_waited = True
                self._end(strand, hold)

    def _end(self, strand: Strand, hold: Hold) -> None:
        self._awaited.pop(hold, None)
        if hold in strand.holds:
            strand.holds = () if len(strand.holds) == 1 else tuple(
                other for other in strand.holds if other is not hold)
            self._release_strand(strand)
