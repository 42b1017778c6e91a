"""Looks at a server beside a load: a request now and then, paced, and how long each takes."""

from __future__ import annotations

import threading
import time
from http.client import HTTPConnection
from types import TracebackType

from benchmarks.servers.content import HELLO

INTERVAL = 0.005  # s; 200 requests/s are no load


class Probe:
    """Asks for /hello while its `with` block runs; `latencies` then holds the seconds of each, sorted."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection('127.0.0.1', port, timeout=30)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.latencies: list[float] = []

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._connection.close()
        self.latencies.sort()

    def _run(self) -> None:
        self._ask()  # the connection is made before anything is measured
        self.latencies.clear()
        while not self._over.wait(INTERVAL):
            self._ask()

    def _ask(self) -> None:
        asked = time.perf_counter()
        self._connection.request('GET', '/hello')
        if self._connection.getresponse().read() != HELLO:
            raise AssertionError('wrong answer')
        self.latencies.append(time.perf_counter() - asked)
