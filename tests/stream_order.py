"""For the tests of streams: a program is run as a callback, and what it logs is compared with what Node
25.2.1 logged.

The lists in the tests were written by running the same program in Node.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from nodehttp import threadpool
from nodehttp.stream import Readable, Writable
from nodehttp.timers import setImmediate

EVENTS = ('error', 'close', 'end', 'finish', 'prefinish', 'drain', 'pause', 'resume', 'pipe', 'unpipe')

Log = Callable[..., None]


def show(value: Any) -> str:
    """Write a value down as the programs for Node did."""
    if isinstance(value, bytes):
        return 'b:' + value.decode('latin-1')
    if isinstance(value, BaseException):
        return f"{getattr(value, 'code', None) or 'Error'}:{value}"
    return str(value)


def logs(*expected: str) -> Callable[[Callable[[Log], None]], Callable[..., None]]:
    """Make a test of a program: `program(log)` runs as a callback; when nothing is left to be done it must
    have logged this.
    """
    def decorate(program: Callable[[Log], None]) -> Callable[..., None]:
        @functools.wraps(program)
        def test(monkeypatch: pytest.MonkeyPatch) -> None:
            lines: list[str] = []

            def log(*what: Any) -> None:
                lines.append(' '.join(map(show, what)))

            monkeypatch.setattr(threading, 'excepthook', lambda info: log('uncaught', info.exc_value))
            threadpool.run(program, log)
            assert lines == list(expected), f'\n  got  {lines}\n  node {list(expected)}'
        del test.__wrapped__  # type: ignore[attr-defined]
        return test
    return decorate


def watch(log: Log, stream: Any, prefix: str = '', names: Iterable[str] = EVENTS) -> Any:
    """Log every event but those that make a stream flow."""
    def listener(name: str) -> Callable[..., None]:
        return lambda *args: log(prefix + name + (' ' + show(args[0]) if name == 'error' else ''))
    for name in names:
        stream.on(name, listener(name))
    return stream


def data(log: Log, stream: Any, prefix: str = '') -> None:
    """Log every chunk."""
    stream.on('data', lambda chunk: log(prefix + 'data', chunk))


def source(*chunks: Any, **options: Any) -> Readable:
    """A Readable that gives one chunk each time it is asked, and then ends."""
    return _Source(list(chunks), options)


class _Source(Readable):
    def __init__(self, rest: list[Any], options: dict[str, Any]) -> None:
        super().__init__(options)
        self._rest = rest

    def _read(self, size: int) -> None:
        self.push(self._rest.pop(0) if self._rest else None)


def silent(**options: Any) -> Readable:
    """A Readable that gives what the test pushes."""
    return Readable({'read': lambda: None, **options})


def sink(log: Log, prefix: str = '', **options: Any) -> Writable:
    """A Writable that logs what it is given and takes a turn of the loop for it."""
    def write(chunk: Any, encoding: Any, callback: Any) -> None:
        log(prefix + '_write', chunk)
        setImmediate(callback)
    return Writable({'write': write, **options})


def quick(log: Log, **options: Any) -> Writable:
    """A Writable that logs what it is given and is done with it at once."""
    def write(chunk: Any, encoding: Any, callback: Any) -> None:
        log('_write', chunk, encoding)
        callback()
    return Writable({'write': write, **options})


def later(*steps: Callable[[], Any]) -> None:
    """Take the steps, each in a turn of the loop of its own, as nested setImmediate calls do."""
    def take(index: int) -> None:
        steps[index]()
        if index + 1 < len(steps):
            setImmediate(take, index + 1)
    setImmediate(take, 0)
