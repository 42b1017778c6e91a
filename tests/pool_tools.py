"""What the tests of the pool share: a witness that sees callbacks overlap, hogs, and ways into the pool."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from conftest import MUST_NOT_EXPIRE

from nodehttp import threadpool
from nodehttp.events import EventEmitter
from nodehttp.threadpool import call_soon, call_user, monitor


class Witness:
    """Wraps callbacks and sees whether two of them run at the same time."""

    def __init__(self) -> None:
        self.inside = 0
        self.calls = 0  # a plain counter, which only callbacks that do not overlap count right
        self.overlaps = 0

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any) -> Any:
            self.enter()
            try:
                return function(*args)
            finally:
                self.leave()
        return watched

    def enter(self) -> None:
        """A callback begins, or goes on after a wait."""
        self.overlaps += self.inside > 0
        self.inside += 1

    def leave(self) -> None:
        """It ends, or begins to wait."""
        calls = self.calls
        self.inside -= 1
        self.calls = calls + 1


def soon(function: Callable[..., Any], *args: Any, strand: threadpool.Strand | None = None) -> None:
    """Run a function of the user's as an event of its own."""
    with monitor:
        call_soon(call_user, function, *args, strand=strand)


def from_source(source: threadpool.Source, function: Callable[..., Any], *args: Any) -> None:
    """Internal callback: call a function that may turn out to block."""
    emitter = EventEmitter()
    emitter.on('callback', function)
    emitter._fire_from(source, 'callback', *args)


class Latency:
    """A timer every 2 ms that notes the longest time between two of its calls, in ms."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._last = time.monotonic()
        with monitor:
            self._timer = threadpool.start_timer(2, call_user, self._beat, repeat=2)

    def _beat(self) -> None:
        now = time.monotonic()
        self.worst = max(self.worst, (now - self._last) * 1000)
        self._last = now

    def stop(self) -> float:
        """Return the longest gap."""
        with monitor:
            self._timer.cancel()
        return self.worst


class Watcher:
    """Calls these functions when a descriptor becomes readable or writable."""

    def __init__(self, on_readable: Callable[[], Any], on_writable: Callable[[], Any] = lambda: None) -> None:
        self._readable, self._on_writable = on_readable, on_writable

    def _on_readable(self, received: object = None) -> None:
        self._readable()


class Echo:
    """A socket pair, of which the pool answers one end by calling a function of the user's."""

    def __init__(self, answer: Callable[[bytes], bytes], strand: threadpool.Strand | None = None,
                 source: threadpool.Source | None = None) -> None:
        self.client, self._server = socket.socketpair()
        self.client.settimeout(MUST_NOT_EXPIRE)
        self._server.setblocking(False)
        self._answer, self._source = answer, source
        with monitor:
            self._watch = threadpool.watch(self._server, self, strand)
            self._watch.want(True, False)

    def _on_writable(self) -> None:
        """Nobody asks for that."""

    def _on_readable(self, received: object = None) -> None:
        try:
            data = self._server.recv(1000)
        except BlockingIOError:  # it may be told twice
            return
        if self._source is None:
            call_user(self._reply, data)
        else:
            from_source(self._source, self._reply, data)

    def _reply(self, data: bytes) -> None:
        if data:
            self._server.send(self._answer(data))

    def ask(self, data: bytes) -> bytes:
        """Send, and wait for the answer."""
        self.client.send(data)
        return self.client.recv(1000)

    def close(self) -> None:
        """Close both ends."""
        with monitor:
            self._watch.close()
        self._server.close()
        self.client.close()


@contextlib.contextmanager
def hogs_as_processes(count: int = 4) -> Iterator[None]:
    """Other processes that want all processors."""
    processes = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def hogs_as_threads(count: int = 4) -> Iterator[None]:
    """Threads of this interpreter that want its lock all the time."""
    running = True

    def hog() -> None:
        while running:
            sum(range(100))

    threads = [threading.Thread(target=hog) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        running = False
        for thread in threads:
            thread.join()
