"""Readable.from_ and wrap: other things as sources."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

from nodehttp import errors
from nodehttp._readable import Readable
from nodehttp._stream import BYTES_MARK, Function
from nodehttp.threadpool import call_user, internal_hook, monitor, next_tick, released

# What is known not to block is iterated over at once, as Node does it with what is no async iterable.
_PROMPT = (list, tuple, range, dict, set, frozenset)


def from_(source: Any, options: dict[str, Any]) -> Readable:
    """See Readable.from_."""
    if isinstance(source, (str, bytes, bytearray, memoryview)):
        return IteratorSource(iter((source,)), {'objectMode': True, **options}, may_block=False)
    if isinstance(source, io.TextIOBase) or not (hasattr(source, 'read') and hasattr(source, 'readline')):
        if not isinstance(source, Iterable):
            raise errors.invalid_arg_type('iterable', 'an instance of Iterable', source)
        return IteratorSource(iter(source), {'objectMode': True, 'highWaterMark': 1, **options},
                              may_block=not isinstance(source, _PROMPT))
    read = getattr(source, 'read1', source.read)  # what is there, where it need not be a full chunk
    return IteratorSource(iter(lambda: read(BYTES_MARK), b''), options, may_block=True)


class IteratorSource(Readable):
    """Items of an iterator. Asking it may block or raise: it is the user's code, run without the monitor.

    One that may block is asked in a tick that does not belong to the strand: the events of this stream go on
    meanwhile. One thread at a time asks it, `_busy`. Who finds it busy leaves a note (`_asked_again`,
    `_closing`) that the other one reads, with the monitor, before it stops.
    """

    def __init__(self, iterator: Iterator[Any], options: dict[str, Any], may_block: bool) -> None:
        super().__init__(options)
        self._iterator = iterator
        self._may_block = may_block
        self._busy = False
        self._asked_again = False
        self._closing: tuple[Any, Function] | None = None

    @internal_hook
    def _read(self, size: int) -> None:
        if self._busy:
            self._asked_again = True
            return
        self._busy = True
        if self._may_block:
            next_tick(self._advance)
        else:
            self._advance()

    def _advance(self) -> None:
        try:
            self._advance_while_wanted()
        finally:
            self._busy = False
            if self._closing is not None:
                self._close_iterator(*self._closing)

    def _advance_while_wanted(self) -> None:
        while self._closing is None and self.readable:
            self._asked_again = False
            try:
                with released():
                    value = next(self._iterator)
            except StopIteration:
                self.push(None)
                return
            except Exception as error:
                self._fail(error)
                return
            if value is None:
                self._fail(errors.node_error('ERR_STREAM_NULL_VALUES'))
                return
            if not self.push(value) and not self._asked_again:
                return

    @internal_hook
    def _destroy(self, error: Any, callback: Function) -> None:
        if self._busy:
            self._closing = error, callback  # a generator that runs cannot be closed
        else:
            self._close_iterator(error, callback)

    def _close_iterator(self, error: Any, callback: Function) -> None:
        throw, close = getattr(self._iterator, 'throw', None), getattr(self._iterator, 'close', None)
        try:
            with released():
                if error is not None and throw is not None:
                    try:
                        throw(error)
                    except StopIteration:
                        pass
                if close is not None:
                    close()
        except Exception as caught:
            callback(error or caught)
        else:
            callback(error)


def wrap(readable: Readable, stream: Any) -> None:
    """See Readable.wrap. The old stream has no buffer of its own: it is paused as long as ours is full."""
    is_paused = False

    def on_data(chunk: Any) -> None:
        nonlocal is_paused
        if not readable.push(chunk) and hasattr(stream, 'pause'):
            is_paused = True
            stream.pause()

    @internal_hook
    def resume(size: int) -> None:
        nonlocal is_paused
        if is_paused and hasattr(stream, 'resume'):
            is_paused = False
            call_user(stream.resume)

    readable._read = resume  # type: ignore[method-assign]
    stream.on('data', on_data)
    stream.on('end', lambda: readable.push(None))
    stream.on('error', lambda error: _fail(readable, error))
    stream.on('close', lambda: readable.destroy())
    stream.on('destroy', lambda: readable.destroy())


def _fail(readable: Readable, error: Any) -> None:
    with monitor:
        readable._fail(error)
