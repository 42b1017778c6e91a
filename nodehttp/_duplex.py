"""Duplex: both directions in one stream; Transform and PassThrough: what is written comes out, changed or
not.
"""

from __future__ import annotations

from typing import Any

from nodehttp import errors
from nodehttp._readable import Readable
from nodehttp._readable_state import ENDED, MORE
from nodehttp._stream import DOOMED, Function, Lifecycle, Options, call_hook, merged
from nodehttp._writable import FINISHED, WRITING, Writable
from nodehttp.arity import adapt
from nodehttp.checks import check_integer
from nodehttp.threadpool import internal_hook, monitor


class Duplex(Readable, Writable):
    """Node's stream.Duplex: a Readable and a Writable that have nothing in common but their life.

    Options: those of Readable and Writable; readableHighWaterMark, writableHighWaterMark, readableObjectMode,
    writableObjectMode; readable, writable (False: not this side); allowHalfOpen (False: end() is called after
    'end'). ("new stream.Duplex(options)")
    """

    allowHalfOpen = True

    def __init__(self, options: Options = None, **kwargs: Any) -> None:
        if options or kwargs:
            given = merged(options, kwargs)
            self._take_readable_options(given)
            self._take_writable_options(given)
            if given.get('allowHalfOpen') is False:
                self.allowHalfOpen = False
            if given.get('readable') is False:
                self._is_readable, self._input = False, ENDED
            if given.get('writable') is False:
                self._is_writable, self._output = False, FINISHED
            self._take_options(given)
        self._begin_construction()

    def _after_end(self) -> None:
        if self.allowHalfOpen or not self.writable:
            super()._after_end()
        else:
            self._tick(self._end_other_side)

    def _end_other_side(self) -> None:
        if self._output == WRITING and self._life < DOOMED:
            self._begin_to_end()

    def _set_timeout(self, timeout: float) -> None:
        """For http: emit 'timeout' after so many ms without traffic, if the user's class knows how to."""
        set_timeout = getattr(self, 'setTimeout', None)
        if set_timeout is not None:
            set_timeout(timeout)

    def _destroy_unread(self) -> None:
        # Without half-open streams the other side ends by itself when this one has: that is no abort.
        ends_itself = self._input == ENDED and not self.allowHalfOpen
        is_open = self.readable or (self.writable and not ends_itself)
        self._destroy_once(errors.abort_error() if is_open else None)


class Transform(Duplex):
    """Node's stream.Transform. Subclasses implement `_transform(chunk, encoding, callback)` and, for what is
    left at the end, `_flush(callback)`; or give the options transform and flush. Both call
    `callback(error=None, chunk=None)`.

    ("new stream.Transform([options])")
    """

    _asking = False  # what is pushed comes out at once: it comes from a write, not from `_read`
    _flush: Any = None  # hook: _flush(callback)
    _withheld: Function | None = None  # callback of a write whose result found the readable side full
    _length_before = 0
    _transforming: Function | None = None

    def __init__(self, options: Options = None, **kwargs: Any) -> None:
        given = merged(options, kwargs)
        for name in ('transform', 'flush'):
            if callable(given.get(name)):
                setattr(self, f'_{name}', adapt(given[name]))
        super().__init__(given)

    @internal_hook
    def _transform(self, chunk: Any, encoding: str | None, callback: Function) -> None:
        """Hook: `push` what becomes of `chunk`, then `callback(error)`. ("transform._transform(chunk,
        encoding, callback)")
        """
        raise errors.node_error('ERR_METHOD_NOT_IMPLEMENTED', '_transform()')

    @internal_hook
    def _write(self, chunk: Any, encoding: str | None, callback: Function) -> None:
        self._length_before, self._transforming = self._length, callback
        call_hook(self._transform, chunk, encoding, self._transformed)

    def _transformed(self, error: Any = None, chunk: Any = None) -> None:
        """What `_transform` calls back."""
        with monitor:
            callback, self._transforming = self._transforming, None
            if error is not None or callback is None:
                (callback or self._written)(error)
                return
            if chunk is not None:
                self.push(chunk)
            if (self._input != MORE or self._output == FINISHED or self._length == self._length_before
                    or self._length < self._read_mark):
                callback()
            else:
                self._withheld = callback

    @internal_hook
    def _read(self, size: int) -> None:
        if self._withheld is not None:
            callback, self._withheld = self._withheld, None
            callback()

    @internal_hook
    def _final(self, callback: Function) -> None:
        self._flush_and_end(callback)

    def _flush_and_end(self, callback: Function) -> None:
        def flushed(error: Any = None, chunk: Any = None) -> None:
            with monitor:
                if error is None:
                    if chunk is not None:
                        self.push(chunk)
                    self.push(None)
                callback(error)

        if self._flush is not None and self._life < DOOMED:
            call_hook(self._flush, flushed)
        else:
            flushed()

    def _prefinish(self) -> None:
        # A `_final` of the user's replaces the one above: what is left has to come out all the same.
        if not getattr(self._final, 'is_internal_hook', False):
            self._flush_and_end(self._flush_done)
        super()._prefinish()

    def _flush_done(self, error: Any = None) -> None:
        if error is not None:
            self._destroy_once(error)


class PassThrough(Transform):
    """Node's stream.PassThrough: what is written comes out. ("Class: stream.PassThrough")"""

    @internal_hook
    def _transform(self, chunk: Any, encoding: str | None, callback: Function) -> None:
        callback(None, chunk)


class _PairedSide(Duplex):
    """One end of a duplexPair: what is written here is read there, and not called written before."""

    _peer: _PairedSide
    _unread: Function | None = None  # callback of the peer's write that has not been read yet

    @internal_hook
    def _read(self, size: int) -> None:
        if self._unread is not None:
            callback, self._unread = self._unread, None
            callback()

    @internal_hook
    def _write(self, chunk: Any, encoding: str | None, callback: Function) -> None:
        peer = self._peer
        if not len(chunk):
            self._tick(callback)
            return
        peer.push(chunk)
        peer._unread = callback

    @internal_hook
    def _final(self, callback: Function) -> None:
        self._peer.on('end', callback)
        self._peer.push(None)


def duplexPair(options: Options = None, **kwargs: Any) -> list[Duplex]:
    """Return two Duplexes; what is written to one is read from the other. ("stream.duplexPair([options])")"""
    one, other = _PairedSide(options, **kwargs), _PairedSide(options, **kwargs)
    one._peer, other._peer = other, one
    return [one, other]


def getDefaultHighWaterMark(objectMode: bool = False) -> int:
    """Return the `highWaterMark` of streams that are not given one.
    ("stream.getDefaultHighWaterMark(objectMode)")
    """
    return Lifecycle._object_mark if objectMode else Writable._write_mark


def setDefaultHighWaterMark(objectMode: bool, value: int) -> None:
    """Set it. Byte streams that exist already and were not given one follow (in Node they do not).

    ("stream.setDefaultHighWaterMark(objectMode, value)")
    """
    mark = check_integer('value', value)
    if objectMode:
        Lifecycle._object_mark = mark
    else:
        Readable._read_mark = Writable._write_mark = mark
