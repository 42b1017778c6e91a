"""One thread of the pool, and how another one sees from outside whether it waits or computes.

A thread that waits for something uses no processor time and is not scheduled. On Linux `schedstat` counts
both, and the time for which it wanted a processor and got none; so a busy machine or a garbage collection is
never taken for blocking. Elsewhere there is the processor time at most; where not even that, every callback
counts as computing.

Waiting for the interpreter's lock looks like waiting, but a thread that wants it wakes up every switch
interval. So things must stand still for longer than that; and for longer yet if whoever looks on is late
himself, since he wants that lock too.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from nodehttp.loop import Strand, monotonic
from nodehttp.monitor import Gate

COMPUTE_LIMIT = 100  # ms of processor time after which a computing callback loses the baton as well
PROMPT_RUN = 16  # prompt callbacks in a row after which a blocky source is trusted again
PROMPT = 1  # ms
LATE = 1  # ms; an onlooker who wakes up later than this was kept from it by somebody
CHATTY_LOOKS = 4  # looks in a row that show a callback which mostly waits, if only a little at a time


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
        self.prompt = self.prompt + 1 if milliseconds < PROMPT else 0
        if self.prompt >= PROMPT_RUN:
            self.blocky, self.prompt = False, 0


class Worker:
    """A thread of the pool.

    The callback that it runs is *attached* while it has the baton, *detached* while it goes on without, and
    *away* while it waits on purpose.
    """

    __slots__ = ('_clock', '_schedstat', '_task', 'detached', 'exit', 'gate', 'is_runner', 'kept_strand',
                 'source', 'strand', 'waits')

    def __init__(self, is_runner: bool = False) -> None:
        self.gate = Gate()
        self.is_runner = is_runner  # the thread of somebody who has called `run`
        self.detached = False
        self.waits = 0  # counts the waits that are over
        self.strand: Strand | None = None  # of the item that runs, or ran last
        self.kept_strand: Strand | None = None  # the one that it keeps busy while detached
        self.source: Source | None = None
        self.exit: BaseException | None = None  # what `run` has to raise
        self._clock: int | None = None
        self._schedstat: int | None = None
        self._task = ''

    def begin(self) -> None:
        """Find the clocks of the calling thread."""
        self._task = f'/proc/self/task/{threading.get_native_id()}/'
        if hasattr(time, 'pthread_getcpuclockid'):
            self._clock = time.pthread_getcpuclockid(threading.get_ident())
        try:
            self._schedstat = os.open(self._task + 'schedstat', os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._schedstat = None

    def finish(self) -> None:
        """Close what `begin` opened."""
        if self._schedstat is not None:
            os.close(self._schedstat)
            self._schedstat = None

    def sample(self) -> tuple[float, bytes]:
        """Return the processor time in ms (without such a clock, the time), and `schedstat`. One of them
        changes whenever the thread runs, has waited for a processor, or wakes up."""
        clock = self._clock
        return ((monotonic() if clock is None else time.clock_gettime(clock)) * 1000,
                b'' if self._schedstat is None else os.pread(self._schedstat, 80, 0))

    def is_runnable(self) -> bool:
        """Does it run, or want a processor right now? (False where nobody knows.)"""
        try:
            with open(self._task + 'stat', 'rb') as file:
                return file.read().rpartition(b')')[2].split()[0] == b'R'
        except OSError:
            return False


def _processor_wait(schedstat: bytes) -> float:
    """Time in ms for which a thread wanted a processor and got none."""
    return int(schedstat.split()[1]) / 1e6 if schedstat else 0.0


def look_period(handoff_after: float) -> float:
    """Return how many ms there are between two looks, so that two of them can be enough."""
    return max(handoff_after, 1.2 * sys.getswitchinterval() * 1000)


class Onlooker:
    """What the watcher has seen of the callback that is running. Nothing in it is shared."""

    def __init__(self) -> None:
        self.turn = -1  # the dispatch that was seen last
        self.is_resting = True  # nothing was running
        self._began = 0.0  # processor time when it was first seen
        self._last: tuple[float, bytes] = (0.0, b'')
        self._still = 0.0  # ms for which it stood still
        self._window: tuple[float, tuple[float, bytes]] | None = None  # where looks in time began
        self._looks = 0

    def rest(self, turn: int) -> None:
        """Nothing is running, and `turn` was the last dispatch."""
        self.turn, self.is_resting = turn, True

    def begin(self, turn: int, worker: Worker) -> None:
        """A dispatch is seen for the first time."""
        self.turn, self.is_resting, self._still, self._window = turn, False, 0.0, None
        self._last = worker.sample()
        self._began = self._last[0]

    def is_enough(self, worker: Worker, passed: float, late: float) -> bool:
        """Look again, `passed` ms after the last look, which is `late` ms later than was meant: has the
        callback had the baton for long enough?"""
        last, self._last = self._last, worker.sample()
        if self._last[0] - self._began >= COMPUTE_LIMIT:
            return True
        if self._last == last:
            self._still += passed
            patience = (2.5 if late > LATE else 1.1) * sys.getswitchinterval() * 1000
            return self._still > patience and not worker.is_runnable()
        self._still = 0.0
        return self._is_chatty(late) and not worker.is_runnable()

    def _is_chatty(self, late: float) -> bool:
        """Does it wait most of the time, but wake up all the time? A hundred small queries, one after the
        other, would else keep the baton for as long as they take."""
        if late > LATE or not self._last[1]:
            self._window = None
            return False
        now = monotonic() * 1000
        if self._window is None:
            self._window, self._looks = (now, self._last), 0
            return False
        self._looks += 1
        began, (processor, schedstat) = self._window
        active = self._last[0] - processor + _processor_wait(self._last[1]) - _processor_wait(schedstat)
        return self._looks >= CHATTY_LOOKS and active < (now - began) / 2
