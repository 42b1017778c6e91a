"""`pipeline`: pipes that share their fate. An error or an early close of one stream destroys the others.

Each stream has a `_Member`, which knows whether it came to its own end; each pair a `_Link`, a pipe that
reports twice, when its source and when its destination is done. After the last report the callback is called.

Functions among the streams are given the stream before them to iterate over, and what a function in the
middle returns is iterated over in turn: as in Node, but where an async function awaits, a function here
waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from nodehttp import errors
from nodehttp._finished import (
    Finish,
    finished,
    is_premature_close,
    is_readable_finished,
    is_readable_stream,
    is_stream,
    is_writable_stream,
)
from nodehttp._pipe import sink_of
from nodehttp._readable import Readable
from nodehttp._stream import merged, user_callback
from nodehttp.checks import check_signal
from nodehttp.events import EventEmitter
from nodehttp.threadpool import Waiter, monitor, next_tick, released, report_exception

Callback = Callable[..., Any]

_PART = ('of type function or an instance of Blob, ReadableStream, WritableStream, Stream, Iterable, '
         'AsyncIterable, or Promise or { readable, writable } pair')


def pipeline(*streams: Any) -> Any:
    """Pipe each stream to the next one; when all is done, or one has failed, call the last argument:
    `callback(error, value)`.

    A source may also be an iterable, a Python binary file, or a function that returns an iterable; a
    destination may be a Python binary file. A function in the middle takes an iterable and returns another
    one; a function at the end takes one and returns the value for the callback. Functions and iterables may
    block. Returns the last stream. Raises TypeError ERR_INVALID_ARG_TYPE, ERR_MISSING_ARGS,
    ERR_STREAM_UNABLE_TO_PIPE for a destroyed destination. ("stream.pipeline(source[, ...transforms],
    destination, callback)")
    """
    parts = list(streams)
    callback = parts.pop() if parts else None
    if not callable(callback) or is_stream(callback):
        raise errors.invalid_arg_type('streams[stream.length - 1]', 'of type function', callback)
    return _Pipeline(parts, callback, {}).last


class _Pipeline:
    """The state of one pipeline; its methods are called without the monitor. `_pending` counts reports that
    are to come.
    """

    def __init__(self, parts: list[Any], callback: Callback, options: Mapping[str, Any]) -> None:
        if len(parts) == 1 and isinstance(parts[0], (list, tuple)):
            parts = list(parts[0])
        if len(parts) < 2:
            raise errors.node_error('ERR_MISSING_ARGS', 'streams')
        self._callback: Callback | None = user_callback(callback, self._callback_failed)
        self._signal = options.get('signal')
        check_signal('options.signal', self._signal)
        self._ends_last = options.get('end', True)
        self._error: Any = None
        self._value: Any = None
        self._pending = 0
        self._members: list[_Member] = []
        self._streams: list[Any] = []
        self.last: Any = None
        self._connect(parts)
        if self._signal is not None:
            if self._signal.aborted:
                self._abort()
            else:
                self._signal.addEventListener('abort', self._abort)

    def _connect(self, parts: list[Any]) -> None:
        streams: list[Any] = [_source(parts[0])]
        collector = parts.pop() if _is_function(parts[-1]) else None
        for index, part in enumerate(parts[1:]):
            streams.append(
                _transformed(streams[-1], part, index) if _is_function(part) else _destination(part))
        self.last, self._streams = streams[-1], streams
        for index, stream in enumerate(streams):
            is_read = stream is not self.last or collector is not None
            if is_read or self._ends_last:
                self._members.append(_Member(stream, is_read, index > 0 and is_writable_stream(stream)))
            stream.on('error', self._on_error)
        for source, destination in pairwise(streams):
            if is_writable_stream(destination):  # else it is what a function returned, and reads by itself
                self._pending += 2
                _Link(self, source, destination, self._ends_last or destination is not self.last)
        if collector is not None:
            self._pending += 1
            with monitor:
                next_tick(self._collect, collector)

    def _collect(self, collector: Callback) -> None:
        error: Any = None
        with released():
            try:
                self._value = collector(self.last)
            except Exception as caught:
                error = caught
            if getattr(self.last, '_was_left', False):  # Node destroys what its loop leaves
                Finish(self.last, lambda *_: self.report(error))
                self.last._give_up(errors.abort_error())
            else:
                self.report(error)

    def _on_error(self, error: Any = None) -> None:
        if not isinstance(error, errors.AbortError) and not is_premature_close(error):
            self.fail(error)

    def _abort(self, *_: Any) -> None:
        self.fail(errors.abort_error(getattr(self._signal, 'reason', None)))

    def report(self, error: Any = None) -> None:
        """One end of a link is done."""
        with monitor:
            self._pending -= 1
            is_last = self._pending == 0
        self._settle(error, is_last)

    def fail(self, error: Any) -> None:
        """Something went wrong that is not the report of an end."""
        self._settle(error, False)

    def _settle(self, error: Any, is_last: bool) -> None:
        """Remember the first error that is no mere consequence; destroy what is left; call back after the
        last report.
        """
        with monitor:
            if error is not None and (self._error is None or is_premature_close(self._error)):
                self._error = error
            error = self._error
            if error is None and not is_last:
                return
            members, self._members = self._members, []
        for member in members:
            member.destroy(error)
        if is_last:
            self._call_back()

    def _call_back(self) -> None:
        with monitor:
            callback, self._callback = self._callback, None
            if callback is not None:
                if self._signal is not None:
                    self._signal.removeEventListener('abort', self._abort)
                next_tick(callback, self._error, self._value)

    def _callback_failed(self, error: BaseException) -> None:
        report_exception(error)
        for stream in self._streams:
            if isinstance(stream, EventEmitter):
                stream._fail_exchange()


class _Member:
    """One stream, which is destroyed with the pipeline unless it has come to its own end."""

    def __init__(self, stream: Any, is_read: bool, is_written: bool) -> None:
        self._stream = stream
        self._is_over = False
        stream.on('close', self._on_close)
        Finish(stream, self._on_finish, readable=is_read, writable=is_written)

    def _on_close(self) -> None:
        self._is_over = True

    def _on_finish(self, error: Any = None) -> None:
        self._is_over = error is None

    def destroy(self, error: Any) -> None:
        """Destroy the stream if there is a reason to."""
        if not self._is_over:
            self._is_over = True
            destroy = getattr(self._stream, '_give_up', self._stream.destroy)
            destroy(error or errors.node_error('ERR_STREAM_DESTROYED', 'pipe'))


class _Link:
    """A pipe from one stream to the next."""

    def __init__(self, pipeline: _Pipeline, source: Any, destination: Any, end: bool) -> None:
        self._pipeline, self._destination = pipeline, destination
        self._has_ended = False
        destination.on('close', self._on_destination_close)
        source.pipe(destination, {'end': False})
        if not end:
            pipeline.report()
        elif is_readable_finished(source):
            with monitor:
                next_tick(user_callback(self._end), strand=getattr(source, '_strand', None))
        else:
            source.once('end', self._end)
        # Node goes on waiting for 'end' where the source was destroyed with its end in sight; it never comes.
        Finish(source, pipeline.report, readable=True, writable=False)
        Finish(destination, pipeline.report, readable=False, writable=True)

    def _end(self) -> None:
        self._has_ended = True
        self._destination.end()

    def _on_destination_close(self) -> None:
        if not self._has_ended:
            self._pipeline.fail(errors.node_error('ERR_STREAM_PREMATURE_CLOSE'))


def _is_function(part: Any) -> bool:
    return callable(part) and not is_stream(part)


def _source(part: Any) -> Any:
    if is_stream(part):
        if not is_readable_stream(part):
            raise errors.invalid_arg_type('body', _PART, part)
        return part
    if callable(part):
        made = part()
        if not _is_iterable(made):
            expected = 'Iterable, AsyncIterable or Stream'
            raise errors.node_error('ERR_INVALID_RETURN_VALUE', expected, 'source', made)
        return Readable.from_(made)
    if not _is_iterable(part):
        raise errors.invalid_arg_type('body', _PART, part)
    return Readable.from_(part)


def _is_iterable(value: Any) -> bool:
    """Can it be read from? A mapping is what JavaScript calls an object."""
    return isinstance(value, Iterable) and not isinstance(value, Mapping)


def _destination(part: Any) -> Any:
    sink = sink_of(part)
    if not is_writable_stream(sink):
        raise errors.invalid_arg_type('body', _PART, part)
    if getattr(sink, 'destroyed', False):
        raise errors.node_error('ERR_STREAM_UNABLE_TO_PIPE')
    return sink


def _transformed(source: Any, function: Callback, index: int) -> Readable:
    """Call a function in the middle; return what it returns as a stream that reads from `source` by
    itself.
    """
    result = function(source)
    if not _is_iterable(result):
        raise errors.node_error('ERR_INVALID_RETURN_VALUE', 'AsyncIterable', f'transform[{index}]', result)
    return Readable.from_(result)


class promises:
    """`require('stream/promises')`: what returns a promise there waits here. Other callbacks go on
    meanwhile.
    """

    @staticmethod
    def finished(stream: Any, options: Any = None, **kwargs: Any) -> None:
        """Wait until `stream` is over; raise what it failed with. ("stream.finished(stream[, options])")"""
        waiter = Waiter()
        leave = finished(stream, options, _settling(waiter), **kwargs)
        waiter.wait()
        if merged(options, kwargs).get('cleanup'):
            leave()

    @staticmethod
    def pipeline(*streams: Any, **options: Any) -> Any:
        """Wait until a pipeline is done; return the value of a function at its end, raise what failed.

        Options: signal (an AbortSignal), end (False: do not end the last stream).
        ("stream.pipeline(source[, ...transforms], destination[, options])")
        """
        parts = list(streams)
        given = merged(parts.pop() if parts and isinstance(parts[-1], Mapping) else None, options)
        waiter = Waiter()
        _Pipeline(parts, _settling(waiter), given)
        return waiter.wait()


def _settling(waiter: Waiter) -> Callback:
    return lambda error=None, value=None: waiter.set(value) if error is None else waiter.fail(error)
