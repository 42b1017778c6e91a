"""What connects a Readable to a destination: listeners on both, added by `start` and removed by `_clean_up`.

They are ordinary listeners, called without the monitor: the destination may be anything with `on`, `write`
and `end`, and its `write` may be the user's. "readable.pipe" says what they do; the order in which Node does
it is kept.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nodehttp import threadpool
from nodehttp._writable import Writable
from nodehttp.record import Record
from nodehttp.threadpool import internal_hook, monitor

if TYPE_CHECKING:
    from nodehttp._readable import Readable


class Pipe:
    """One pipe. `destination` is what the user gave, `sink` the stream that is written to: they differ for a
    Python file.
    """

    def __init__(self, source: Readable, sink: Any, destination: Any, end: bool) -> None:
        self.source, self.sink, self._destination = source, sink, destination
        self._end = end
        self._is_over = False
        self._waits_for_drain = False

    def __repr__(self) -> str:
        return f'<Pipe from {self.source!r} to {self.sink!r}>'

    def leads_to(self, destination: Any) -> bool:
        """Is this the pipe to `destination`?"""
        return self.sink is destination or self._destination is destination

    def start(self) -> None:
        """Connect the two. Called without the monitor."""
        source, sink = self.source, self.sink
        if source.readableEnded:
            with monitor:
                source._tick(self._after_end)
        else:
            source.once('end', self._on_end)
        source.on('data', self._on_data)
        sink.prependListener('error', self._on_error)
        sink.once('close', self._on_close)
        sink.once('finish', self._on_finish)
        sink.on('unpipe', self._on_unpipe)
        sink.emit('pipe', source)
        if getattr(sink, 'writableNeedDrain', False) is True:
            self._pause()
        elif not source.readableFlowing:
            source.resume()

    def _on_data(self, chunk: Any) -> None:
        try:
            wants_more = self.sink.write(chunk)
        except Exception as error:
            # As in Node: what `write` raises is the destination's failure, not the source's.
            self.sink.destroy(error)
            return
        if wants_more is False:
            self._pause()

    def _pause(self) -> None:
        with monitor:
            if self._is_over:
                return
            self.source._pause_for(self.sink)
            # Node adds the listener when it is first needed, and so behind those of the user.
            waits, self._waits_for_drain = self._waits_for_drain, True
        if not waits:
            self.sink.on('drain', self._on_drain)

    def _on_drain(self) -> None:
        with monitor:
            self.source._drained(self.sink)

    def _after_end(self) -> None:
        with threadpool.released():
            self._on_end()

    def _on_end(self) -> None:
        if self._end:
            self.sink.end()
        else:
            self._unpipe()

    def _on_error(self, error: Any = None) -> None:
        self._unpipe()
        self.sink.off('error', self._on_error)
        if self.sink.listenerCount('error') == 0:
            # It must not count as handled just because there was a pipe.
            threadpool.report_exception(error)

    def _on_close(self) -> None:
        self.sink.off('finish', self._on_finish)
        self._unpipe()

    def _on_finish(self) -> None:
        self.sink.off('close', self._on_close)
        self._unpipe()

    def _unpipe(self) -> None:
        self.source.unpipe(self.sink)

    def _on_unpipe(self, source: Any, info: Any = None) -> None:
        if source is self.source and info is not None and not info.hasUnpiped:
            info.hasUnpiped = True
            self._clean_up()

    def ended(self, has_unpiped: bool) -> None:
        """The source has given this pipe up. Called without the monitor."""
        self.sink.emit('unpipe', self.source, Record(hasUnpiped=False))

    def _clean_up(self) -> None:
        with monitor:
            self._is_over = True
        source, sink = self.source, self.sink
        sink.off('close', self._on_close)
        sink.off('finish', self._on_finish)
        sink.off('drain', self._on_drain)
        sink.off('error', self._on_error)
        sink.off('unpipe', self._on_unpipe)
        source.off('end', self._on_end)
        source.off('data', self._on_data)
        # Nobody else will tell the source that it need not wait for this destination.
        if self._waits_for_drain and source._awaited and getattr(sink, '_need_drain', True):
            self._on_drain()


class FileSink(Writable):
    """A Python binary file as a Writable: written to on a thread that may wait, flushed at the end and left
    open.
    """

    def __init__(self, file: Any) -> None:
        super().__init__()
        self.file = file

    def _do(self, job: Callable[[], Any], callback: Callable[..., None]) -> None:
        threadpool.submit(job, lambda error, _: callback(error), strand=self._strand or self._own_strand())

    @internal_hook
    def _write(self, chunk: bytes, encoding: str | None, callback: Callable[..., None]) -> None:
        self._do(lambda: write_all(self.file, chunk), callback)

    @internal_hook
    def _writev(self, chunks: list[Any], callback: Callable[..., None]) -> None:
        self._do(lambda: write_all(self.file, b''.join(item[0] for item in chunks)), callback)

    @internal_hook
    def _final(self, callback: Callable[..., None]) -> None:
        self._do(lambda: getattr(self.file, 'flush', int)(), callback)


def write_all(file: Any, data: bytes) -> None:
    """Write all of `data`: a raw file may take a part at a time, and one that takes nothing is asked again by
    the loop.
    """
    rest = memoryview(data)
    while rest:
        written = file.write(rest)
        if written is None:
            if isinstance(file, io.RawIOBase):
                raise BlockingIOError('the file does not take data now (it is non-blocking)')
            return  # file-likes that return nothing have taken it all
        rest = rest[written:]


def sink_of(destination: Any) -> Any:
    """Return the stream to write to for what was given to pipe(): a stream itself, or a FileSink for a Python
    file.
    """
    if hasattr(destination, 'on') or not hasattr(destination, 'write'):
        return destination
    if isinstance(destination, io.TextIOBase):
        if not hasattr(destination, 'buffer'):  # StringIO, which takes no bytes
            return destination
        destination.flush()  # as sys.stdout: what was printed before comes before
        destination = destination.buffer
    return FileSink(destination)
