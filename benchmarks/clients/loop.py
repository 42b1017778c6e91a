"""What the blocking clients share: N threads, each asking over and over, or for one at a time the main thread
itself; and the line that every client prints.

A client is started with three arguments: the port of the server, how many requests at a time, for how many
seconds.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable

from benchmarks.servers.content import HELLO

WARM_UP = 0.5  # s, not counted; half of what is counted if that is shorter
PATH = '/hello'

Ask = Callable[[], bytes]


class Clock:
    """Counts the answers to what was asked after the warm-up, until the end and one at least, and the
    processor time of the program from the first to the last of them."""

    def __init__(self, seconds: float) -> None:
        self.start = time.perf_counter() + min(WARM_UP, seconds / 2)
        self.end = self.start + seconds
        self.latencies: list[float] = []  # s
        self.total = 0  # answers, those of the warm-up too
        self._last = 0.0
        self._processor_before = 0.0

    def running(self) -> bool:
        return time.perf_counter() < self.end or not self.latencies

    def answered(self, asked: float, body: bytes) -> None:
        """`asked` is the time.perf_counter() of the request. A wrong answer ends the program."""
        if body != HELLO:
            raise SystemExit(f'wrong answer: {body!r}')
        now = time.perf_counter()
        self.total += 1
        if asked >= self.start:
            if not self.latencies:
                self._processor_before = time.process_time()
            self.latencies.append(now - asked)
            self._last = now

    def report(self) -> None:
        processor = time.process_time() - self._processor_before
        seconds = self._last - self.start
        print(json.dumps({
            'seconds': seconds, 'processor': processor, 'latencies': self.latencies, 'total': self.total}))


def arguments() -> tuple[int, int, float]:
    """Port, requests at a time, seconds; before them there may be what only one client knows."""
    port, concurrency, seconds = sys.argv[-3:]
    return int(port), int(concurrency), float(seconds)


def run(make: Callable[[int], Ask]) -> None:
    """Measure `make(port)()` in each of the threads; a call is one request and returns the body."""
    port, concurrency, seconds = arguments()
    clock = Clock(seconds)
    threads = [threading.Thread(target=_ask, args=(clock, make(port))) for _ in range(concurrency - 1)]
    for thread in threads:
        thread.start()
    _ask(clock, make(port))
    for thread in threads:
        thread.join()
    clock.report()


def _ask(clock: Clock, ask: Ask) -> None:
    while clock.running():
        asked = time.perf_counter()
        clock.answered(asked, ask())
