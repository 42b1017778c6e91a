"""One thread of the pool, and how one can see from outside whether it waits or computes.

A thread that waits for something uses no processor time and is not scheduled. On Linux `schedstat` counts
both, and the time it wanted a processor and got none; so a busy machine or a garbage collection is never
taken for blocking.
"""

from __future__ import annotations

import os
import threading
import time

from nodehttp.loop import Strand, monotonic
from nodehttp.monitor import Gate

PROMPT_RUN = 16  # prompt callbacks in a row after which a blocky source is trusted again


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


class Worker:
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
