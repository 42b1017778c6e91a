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

import errno
import math
import os
import sys
import threading
import time
from collections.abc import Callable

from nodehttp.loop import Strand, monotonic
from nodehttp.monitor import Gate

COMPUTE_LIMIT = 100  # ms of processor time after which a computing callback loses the baton as well
PROMPT_RUN = 16  # prompt callbacks in a row after which a blocky source is trusted again,
MOST_PROMPT = 16384  # or as many as this, if it was so time and again
RELAPSE = 1  # s; who is caught so soon after that is caught again
PROMPT = 3  # ms; so long a callback may take that only waits for its turn among many threads
LATE = 1  # ms; an onlooker who wakes up later than this was kept from it by somebody
CHATTY_LOOKS = 4  # looks in a row that show callbacks which mostly wait, if only a little at a time
MOSTLY = 0.25  # of the time at most a source uses itself that keeps the others waiting for the rest


class Source:
    """Where callbacks come from that may turn out to block (a server's 'request').

    When one was caught blocking, the next ones pass the baton on before they run, until PROMPT_RUN in a row
    were prompt, with none beside them that took longer. The same if each of them blocks so briefly that it
    counts as prompt, but one comes after the other. Then the prompt ones mean little: if that was so a moment
    ago, more of them are needed than the last time.
    """

    __slots__ = ('_began', '_needed', '_trusted', 'blocky', 'prompt')

    def __init__(self) -> None:
        self.blocky = False
        self.prompt = 0
        self._needed = PROMPT_RUN
        self._trusted = -math.inf  # s; since when it has been so again
        # When the callbacks began that are not over yet, in this order; only while the source is blocky.
        self._began: dict[object, float] = {}

    def distrust(self, by_sum: bool = False) -> None:
        """A callback was caught blocking; `by_sum`: many were, each of them too briefly for that."""
        if not self.blocky:
            self.blocky = True
            if monotonic() > self._trusted + RELAPSE:
                self._needed = PROMPT_RUN
            elif by_sum:
                self._needed = min(4 * self._needed, MOST_PROMPT)

    def begin(self) -> object:
        """A callback begins. Returns what `end` wants to know."""
        mark = object()
        self._began[mark] = monotonic()
        return mark

    def end(self, mark: object) -> None:
        """It is over."""
        now = monotonic()
        if (now - self._began.pop(mark)) * 1000 >= PROMPT:
            self.prompt = 0
            return
        oldest = next(iter(self._began.values()), now)
        self.prompt = self.prompt + 1 if (now - oldest) * 1000 < PROMPT else 0
        if self.prompt >= self._needed:
            self.blocky, self.prompt, self._trusted = False, 0, now


# Processor time in ms, and `schedstat`: b'' where there is none, None without a descriptor to read it by.
Sample = tuple[float, bytes | None]

_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)


class Clocks:
    """What one thread has used, for others to read. Made by that thread, or as a copy for another reader.

    `thread` is the kernel's number of it, by which the clocks go."""

    __slots__ = ('_clock', '_schedstat', '_task', 'thread')

    def __init__(self, original: Clocks | None = None) -> None:
        self._schedstat: int | None = None
        if original is None:
            self.thread = threading.get_native_id()
            self._task = f'/proc/self/task/{self.thread}/'
            self._clock = time.pthread_getcpuclockid(threading.get_ident()) if _HAS_CLOCK else None
        else:
            self.thread, self._task, self._clock = original.thread, original._task, original._clock

    def processor_time(self) -> float:
        """Return the processor time in ms; without such a clock, the time. OSError: the thread has ended."""
        return (monotonic() if self._clock is None else time.clock_gettime(self._clock)) * 1000

    def sample(self) -> Sample:
        """Return the processor time and `schedstat`: one of them changes whenever the thread runs, has waited
        for a processor, or wakes up. OSError: the thread has ended."""
        if self._schedstat is None and _HAS_SCHEDSTAT:
            try:
                self._schedstat = os.open(self._task + 'schedstat', os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                if error.errno not in _NO_DESCRIPTOR:
                    raise
                return self.processor_time(), None
        return self.processor_time(), b'' if self._schedstat is None else os.pread(self._schedstat, 80, 0)

    def is_runnable(self) -> bool:
        """Does it run, or want a processor right now? (False where nobody knows.)"""
        try:
            with open(self._task + 'stat', 'rb') as file:
                return file.read().rpartition(b')')[2].split()[0] == b'R'
        except OSError:
            return False

    def is_in_a_call(self) -> bool:
        """Is it in a system call, but not in the one that waits for a lock? Who sleeps a little again and
        again is seen to wait by this alone. (False where nobody knows.)"""
        if not SEES_CALLS:
            return False
        try:
            with open(self._task + 'syscall', 'rb') as file:
                return file.read().split()[0] not in (b'running', b'-1', _FUTEX)
        except OSError:
            return False

    def close(self) -> None:
        """Give back what `sample` keeps open."""
        if self._schedstat is not None:
            os.close(self._schedstat)
            self._schedstat = None


_HAS_CLOCK = hasattr(time, 'pthread_getcpuclockid')
# The number of the system call that waits for locks, where it is known.
_FUTEX = {'x86_64': b'202', 'aarch64': b'98'}.get(os.uname().machine)
SEES_CALLS = _FUTEX is not None and os.path.exists('/proc/self/syscall')
_HAS_SCHEDSTAT = os.path.exists('/proc/self/schedstat')


class Worker:
    """A thread of the pool.

    The callback that it runs is *attached* while it has the baton, *detached* while it goes on without, and
    *away* while it waits on purpose.
    """

    __slots__ = ('clocks', 'detached', 'exit', 'gate', 'identity', 'is_guest', 'is_runner', 'kept_strand',
                 'source', 'started', 'stays_for', 'strand', 'waits', 'was_polling')

    def __init__(self, is_runner: bool = False) -> None:
        self.gate = Gate()
        self.is_runner = is_runner  # the thread of somebody who has called `run`
        self.identity = 0  # the thread's; 0: it has not begun yet
        self.clocks: Clocks | None = None
        self.detached = False
        self.waits = 0  # counts the waits that are over
        self.was_polling = False  # what waits is a signal handler
        self.strand: Strand | None = None  # of the item that runs, or ran last
        self.kept_strand: Strand | None = None  # the one that it keeps busy while detached
        self.started: list[Strand] = []  # by the callback that runs, since it has the baton
        self.is_guest = False  # may something be held back that it has started without the baton?
        self.source: Source | None = None
        self.stays_for: Source | None = None  # a blocky one: see Staying._stay
        self.exit: BaseException | None = None  # what `run` has to raise

    def begin(self) -> None:
        """The calling thread is the one."""
        self.identity = threading.get_ident()
        self.clocks = Clocks()

    def finish(self) -> None:
        """The thread leaves the pool."""
        if self.clocks is not None:
            self.clocks.close()


def _processor_wait(schedstat: bytes | None) -> float:
    """Time in ms for which a thread wanted a processor and got none."""
    return int(schedstat.split()[1]) / 1e6 if schedstat else 0.0


def look_period(handoff_after: float) -> float:
    """Return how many ms there are between two looks, so that two of them can be enough."""
    return max(handoff_after, 1.2 * sys.getswitchinterval() * 1000)


class Onlooker:
    """What the watcher has seen of the callback that is running.

    It looks without the monitor, but must have it for a moment between two looks, or find it free at the
    last: should the other one wait for just that, it wakes up.
    """

    def __init__(self) -> None:
        self.turn = -1  # the dispatch that was seen last
        self.worker: Worker | None = None  # who ran it
        self.times = 0  # that it was seen; 0: nothing was running
        self.is_enough = False  # it has had the baton for long enough
        self.begin()
        self._began = 0.0  # processor time when it was first seen
        self._last: Sample = (0.0, b'')
        self._still = 0.0  # ms for which it stood still
        self._window: tuple[float, Sample] | None = None  # where looks in time began
        self._looks = 0
        self.waiting: Source | None = None  # its callbacks keep the others waiting, short as each may be
        self._source: Source | None = None  # of the callback that was seen last
        self._used = 0.0  # processor time of its thread then
        self._waits = 0  # looks in a row that found callbacks of this source waiting

    def begin(self) -> None:
        """The time to the next look counts from now on."""
        self._looked = monotonic() * 1000

    def look_on(self, gate: Gate, period: float, what_runs: Callable[[], tuple[int, Worker | None]]) -> bool:
        """Look every `period` ms until a callback runs that was seen before, or none; False if the gate is
        opened meanwhile. While one callback follows the other this goes on without the monitor: the holder
        has it most of the time, and each would wait for the other."""
        while True:
            remaining = max(0, self._looked + period - monotonic() * 1000)
            if gate.wait(remaining / 1000):
                return False
            self._look(*what_runs(), period)
            if self.times != 1 or self.waiting is not None:
                return True

    def _look(self, turn: int, worker: Worker | None, period: float) -> None:
        before, self._looked = self._looked, monotonic() * 1000
        passed = self._looked - before
        self.times = 1 if turn != self.turn else self.times + 1
        former, self.worker = self.worker, worker
        self.turn, self.is_enough = turn, False
        clocks = None if worker is None else worker.clocks
        try:
            if worker is None or clocks is None:
                self.times, self._source, self.waiting = 0, None, None
                return
            if self.times == 1:
                # Nearly all callbacks are over at the next look. To read more of them than a clock would let
                # go of the interpreter's lock, and want it back from a busy thread.
                self._began, self._still, self._window = clocks.processor_time(), 0.0, None
                self._last = self._began, b''
            else:
                self._compare(clocks, passed, passed - period)
            self._look_at_source(worker.source, clocks, passed if worker is former else 0, passed - period)
        except OSError:  # the thread has just left the pool
            self.times = 0

    def _look_at_source(self, source: Source | None, clocks: Clocks, passed: float, late: float) -> None:
        """Do callbacks of this source keep the others waiting, one after the other? It has to be seen in each
        look, in time, that one waits, and that little was used since the last one, `passed` ms ago."""
        used, self._used = self._last[0] - self._used, self._last[0]
        former, self._source = self._source, source
        if (source is not None and source is former and used < MOSTLY * passed and late <= LATE
                and clocks.is_in_a_call()):
            self._waits += 1
        else:
            self._waits = 0
        self.waiting = source if self._waits >= CHATTY_LOOKS else None

    def _compare(self, clocks: Clocks, passed: float, late: float) -> None:
        """Has the callback been seen for long enough? The last look was `passed` ms ago, `late` ms more than
        was meant."""
        last, self._last = self._last, clocks.sample()
        if self._last[0] - self._began >= COMPUTE_LIMIT:
            self.is_enough = True
        elif self._last[0] == last[0] and last[1] in (b'', self._last[1]):
            self._still += passed
            patience = (2.5 if late > LATE else 1.1) * sys.getswitchinterval() * 1000
            self.is_enough = self._still > patience and not clocks.is_runnable()
        else:
            self._still = 0.0
            self.is_enough = self._is_chatty(late) and not clocks.is_runnable()

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
