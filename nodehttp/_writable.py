"""Writable: a destination that takes one chunk after the other and says when it has had enough.

One chunk is with the hook `_write` at a time; the others wait in the queue (all of them go out in one
`_writev` where there is one). `_output` says how far it is:

    WRITING    -> write() is allowed
    ENDING     -> end() was called; what is queued is still written
    FINALIZING -> all is written: `_final` was called
    FLUSHED    -> `_final` is done, 'prefinish' is being, or has been, emitted
    FINISHED   -> 'finish' is being, or has been, emitted

The order of callbacks and events is Node's: what completes at once (while `_write` is on the stack) calls
back in a tick, what completes later calls back at once; 'drain' before the write's callback; 'finish' always
from a tick.

The short path: a write that completes at once, with nothing queued, without callback, leaves nothing behind,
no tick either.
"""

from __future__ import annotations

from collections import deque
from operator import itemgetter
from threading import get_ident
from typing import Any, Self

from nodehttp import encoding as encodings
from nodehttp import errors
from nodehttp._stream import (
    BYTES_MARK,
    CHUNK_TYPES,
    DOOMED,
    NOTHING,
    OPEN,
    Function,
    Lifecycle,
    Options,
    call_hook,
    chosen_mark,
    merged,
    user_callback,
)
from nodehttp.arity import adapt
from nodehttp.record import Record
from nodehttp.threadpool import internal_hook, may_deliver, monitor

WRITING, ENDING, FINALIZING, FLUSHED, FINISHED = range(5)
_MOVES = {
    WRITING: (ENDING,),
    ENDING: (FINALIZING, FLUSHED),
    FINALIZING: (FLUSHED,),
    FLUSHED: (FINISHED,),
    FINISHED: (),
}


# A write that waits: chunk, encoding, callback. An internal `_writev` is given a list of these, a user's a
# list of Records.
Queued = tuple[Any, str | None, Function | None]
chunk_of, _callback_of = itemgetter(0), itemgetter(2)


class Writable(Lifecycle):
    """Node's stream.Writable. Subclasses implement `_write(chunk, encoding, callback)`; or give the option
    `write`.

    Options: highWaterMark (bytes, or objects), decodeStrings, defaultEncoding, objectMode, emitClose,
    autoDestroy, signal, and the hooks write, writev, final, destroy, construct. ("new
    stream.Writable([options])")
    """

    _output = WRITING
    _is_writable = True  # False: a Duplex without this side
    _write_mark = BYTES_MARK
    _write_objects = False
    _decode_strings = True
    _write_encoding = 'utf8'

    _queue: Any = NOTHING  # a deque of Queued from the first one on
    _write_length = 0  # bytes or objects with the hook and in the queue
    _corked = 0
    _writing = False  # the hook has not called back
    _calling = 0  # the thread that has the hook on its stack
    _flushing = False  # the queue is being written out
    _size = 0  # of what is with the hook
    _callback: Function | None = None  # of the write that is with the hook
    _pending = 0  # callbacks that come before 'finish'
    _need_drain: tuple[int, ...] = ()  # the threads that were told to wait for 'drain'
    _calling_final = 0  # the thread that has `_final` on its stack
    _finish_scheduled = False
    _finish_callbacks: tuple[Function, ...] = ()  # of end()

    _writev: Any = None  # hook: _writev(chunks, callback)
    _final: Any = None  # hook: _final(callback)

    def __init__(self, options: Options = None, **kwargs: Any) -> None:
        super().__init__()
        if options or kwargs:
            given = merged(options, kwargs)
            self._take_writable_options(given)
            self._take_options(given)
        self._begin_construction()

    def _take_writable_options(self, options: dict[str, Any]) -> None:
        if options.get('objectMode') or options.get('writableObjectMode'):
            self._write_objects, self._write_mark = True, self._object_mark
        mark = chosen_mark(options, 'writableHighWaterMark')
        if mark is not None:
            self._write_mark = mark
        if options.get('decodeStrings') is False:
            self._decode_strings = False
        if 'defaultEncoding' in options:
            self._write_encoding = encodings.normalized(options['defaultEncoding'])
        for name in ('write', 'writev', 'final'):
            if callable(options.get(name)):
                setattr(self, f'_{name}', adapt(options[name]))

    @internal_hook
    def _write(self, chunk: Any, encoding: str | None, callback: Function) -> None:
        """Hook: write `chunk`, then `callback(error=None)`, from any thread. ("writable._write(chunk,
        encoding, callback)")
        """
        if self._writev is None:
            raise errors.node_error('ERR_METHOD_NOT_IMPLEMENTED', '_write()')
        self._call_writev([(chunk, encoding, None)], callback)

    def _call_writev(self, items: list[Queued], callback: Function) -> None:
        hook = self._writev
        if not getattr(hook, 'is_internal_hook', False):
            records = [Record(chunk=chunk, encoding=encoding) for chunk, encoding, _ in items]
            call_hook(hook, records, callback)
            return
        call_hook(hook, items, callback)

    def _on_constructed(self) -> None:
        super()._on_constructed()
        self._flush_queue()
        self._maybe_finish()

    # Writing

    def write(self, chunk: Any, encoding: Any = None, callback: Function | None = None) -> bool:
        """Write `chunk`, a str (in `encoding`, 'utf8') or bytes-like object; in object mode anything but
        None.

        Returns False when `highWaterMark` is reached: wait for 'drain' before writing more. `callback(error)`
        is called when the chunk has been handled. Raises TypeError ERR_STREAM_NULL_VALUES,
        ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_ENCODING; a write after end() or destroy() is an error given to
        `callback` and, after end(), to 'error'. ("writable.write(chunk[, encoding][, callback])")
        """
        if callback is None and callable(encoding):
            encoding, callback = None, encoding
        if callback is not None:
            callback = user_callback(callback)
        with monitor:
            if not self._write_objects:
                chunk, encoding = self._prepared(chunk, encoding)
            elif chunk is None:
                raise errors.node_error('ERR_STREAM_NULL_VALUES')
            error = self._refusal('write')
            if error is not None:
                self._refuse(error, callback)
                return False
            return self._accept(chunk, encoding, callback)

    def _prepared(self, chunk: Any, encoding: str | None) -> tuple[Any, str]:
        """Return the chunk and its encoding as the hook gets them: bytes and 'buffer', unless `decodeStrings`
        is off.
        """
        if type(chunk) is bytes:
            return chunk, 'buffer'
        if isinstance(chunk, str):
            encoding = encodings.normalized(encoding or self._write_encoding)
            if not self._decode_strings:
                return chunk, encoding
            return encodings.encode(chunk, encoding), 'buffer'
        if chunk is None:
            raise errors.node_error('ERR_STREAM_NULL_VALUES')
        try:
            # A copy: the buffer may be changed before it is written.
            return bytes(memoryview(chunk)), 'buffer'
        except TypeError:
            raise errors.invalid_arg_type('chunk', CHUNK_TYPES, chunk) from None

    def _write_internal(self, chunk: bytes, callback: Function | None = None) -> bool:
        """`write` for internal callers, which hold the monitor and write bytes; `callback` is internal,
        too.
        """
        if self._output != WRITING or self._life >= DOOMED:
            error = self._refusal('write')
            assert error is not None
            self._refuse(error, callback)
            return False
        return self._accept(chunk, 'buffer', callback)

    def _refusal(self, what: str) -> errors.NodeError | None:
        """Return why nothing can be written any more, or None."""
        if self._output != WRITING:
            return errors.node_error('ERR_STREAM_WRITE_AFTER_END')
        if self._life >= DOOMED:
            return errors.node_error('ERR_STREAM_DESTROYED', what)
        return None

    def _refuse(self, error: errors.NodeError, callback: Function | None) -> None:
        if callback is not None:
            self._tick(callback, error)
        self._fail(errors.with_caller(error), sync=True)

    def _accept(self, chunk: Any, encoding: str | None, callback: Function | None) -> bool:
        """Hand a chunk to the hook, or queue it; return whether more is wanted."""
        size = 1 if self._write_objects else len(chunk)
        # (1. A thread calls the hook, 2. which calls back, 3. another one writes before the hook is over.)
        if (self._corked or self._writing or self._life != OPEN or self._errored is not None
                or ((self._queue or self._calling) and self._calling != get_ident())):
            return self._queue_up(chunk, encoding, size, callback)
        self._write_length += size
        self._pending += 1
        self._call_write(chunk, encoding, size, callback)
        return self._has_room()

    def _queue_up(self, chunk: Any, encoding: str | None, size: int, callback: Function | None) -> bool:
        self._write_length = length = self._write_length + size
        self._pending += 1
        if self._queue is NOTHING:
            self._queue = deque()
        self._queue.append((chunk, encoding, callback))
        if self._errored is not None:
            self._tick(self._fail_queue)  # nobody will write it any more
        if length < self._write_mark and self._life == OPEN and self._errored is None:
            return True
        return self._has_room()

    def _has_room(self) -> bool:
        """Is more wanted? Else 'drain' is to come."""
        if self._write_length < self._write_mark or not self._write_length:
            return self._errored is None and self._life < DOOMED
        if get_ident() not in self._need_drain:
            self._need_drain = (*self._need_drain, get_ident())
            self._hold_events()  # a thread outside of the pool is about to listen to it
        return False

    def _call_write(self, chunk: Any, encoding: str | None, size: int, callback: Function | None) -> None:
        self._size, self._callback = size, callback
        self._call(call_hook, self._write, chunk, encoding)

    def _call(self, function: Function, *args: Any) -> None:
        """Call a hook by way of `function`."""
        outer, self._calling = self._calling, get_ident()
        self._writing = True
        try:
            function(*args, self._written)
        except Exception as error:
            self._raised(error)
        finally:
            self._calling = outer
        if self._queue and not self._flushing:  # by other threads, when the hook had called back already
            self._flush_queue()

    def _raised(self, error: Exception) -> None:
        """A hook raised: as if it had called back with that (Node lets it out of `write`, and the stream
        hangs).
        """
        if self._writing:
            self._written(error)
        else:
            self._fail(error, sync=True)

    def _written(self, error: Any = None) -> None:
        """What the hook calls when a chunk is written. Any thread may; only the first call for a chunk
        counts.
        """
        with monitor:
            if self._calling == get_ident() or may_deliver(self._strand or self._own_strand()):
                self._written_now(error)
            else:
                # What follows calls listeners of the user's: another thread has to leave that to the loop.
                self._tick(self._written_now, error)

    def _written_now(self, error: Any) -> None:
        if not self._writing:
            self._fail(errors.node_error('ERR_MULTIPLE_CALLBACK'), sync=True)
            return
        at_once, callback = self._calling == get_ident(), self._callback
        self._writing, self._callback = False, None
        self._write_length -= self._size
        self._size = 0
        if error is not None:
            if self._errored is None:
                self._errored = error
            if at_once:
                self._tick(self._write_failed, error, callback)
            else:
                self._write_failed(error, callback)
            return
        if self._queue:
            self._flush_queue()
        if not at_once:
            self._after_write(callback)
        else:
            self._end_write(callback)

    def _after_write(self, callback: Function | None) -> None:
        if self._need_drain and self._output == WRITING and not self._write_length and self._life < DOOMED:
            self._need_drain = ()
            self._fire('drain')
        self._pending -= 1
        if callback is not None:
            callback(None)
        if self._life >= DOOMED:
            self._fail_queue()
        self._maybe_finish()

    def _write_failed(self, error: Any, callback: Function | None) -> None:
        self._pending -= 1
        if callback is not None:
            callback(error)
        self._fail_queue()
        self._fail(error)

    # The queue

    def _flush_queue(self) -> None:
        """Hand what is queued to the hook, as far as it takes it."""
        if self._flushing or self._calling not in (0, get_ident()):  # who is at it goes on with it
            return
        queue = self._queue
        self._flushing = True
        try:
            while queue and not (self._writing or self._corked or self._life != OPEN
                                 or self._errored is not None):
                if self._writev is not None and len(queue) > 1:
                    self._flush_together()
                else:
                    chunk, encoding, callback = queue.popleft()
                    self._call_write(chunk, encoding, 1 if self._write_objects else len(chunk), callback)
        finally:
            self._flushing = False

    def _flush_together(self) -> None:
        """All of the queue in one `_writev`."""
        items = list(self._queue)
        self._callback = self._take_queue()
        self._size = len(items) if self._write_objects else sum(len(item[0]) for item in items)
        self._call(self._call_writev, items)

    def _take_queue(self) -> Function | None:
        """What is queued becomes one write; return its callback."""
        queue = self._queue
        self._pending -= len(queue) - 1
        callbacks = [*filter(None, map(_callback_of, queue))]
        queue.clear()
        return (lambda error: [callback(error) for callback in callbacks]) if callbacks else None

    def _end_write(self, callback: Function | None) -> None:
        """A write is over that has completed at once."""
        if callback is not None or self._need_drain or self._life >= DOOMED:
            self._tick(self._after_write, callback)
        else:
            self._pending -= 1
            if self._output != WRITING:
                self._maybe_finish()

    def _fail_queue(self) -> None:
        """Nothing more is written: tell those who wait for it."""
        if self._writing:
            return  # when that is over
        while self._queue:
            chunk, _, callback = self._queue.popleft()
            self._write_length -= 1 if self._write_objects else len(chunk)
            self._pending -= 1
            if callback is not None:
                callback(self._errored or errors.node_error('ERR_STREAM_DESTROYED', 'write'))
        self._call_finish_callbacks(self._errored or errors.node_error('ERR_STREAM_DESTROYED', 'end'))

    def _call_finish_callbacks(self, error: Any) -> None:
        callbacks, self._finish_callbacks = self._finish_callbacks, ()
        for callback in callbacks:
            callback(error)

    def _before_destroy(self) -> None:
        super()._before_destroy()
        if self._queue or self._finish_callbacks:
            self._tick(self._fail_queue)

    def cork(self) -> None:
        """Queue what is written from now on, until `uncork`. ("writable.cork()")"""
        with monitor:
            self._corked += 1

    def uncork(self) -> None:
        """Undo one `cork()`; at the last one what was queued is written. ("writable.uncork()")"""
        with monitor:
            if self._corked:
                self._corked -= 1
                self._flush_queue()

    # The end

    def end(self, chunk: Any = None, encoding: Any = None, callback: Function | None = None) -> Self:
        """Write `chunk`, if there is one, and then nothing more; 'finish' follows when all is written.
        Returns the stream.

        `callback(error)` is called before 'finish', or when it cannot come any more. Raises as `write` does.
        ("writable.end([chunk[, encoding]][, callback])")
        """
        if callable(chunk):
            chunk, callback = None, chunk
        elif callable(encoding):
            encoding, callback = None, encoding
        if callback is not None:
            callback = user_callback(callback)
        with monitor:
            self._hold_events()
            error = self._write_last(chunk, encoding)
            if self._corked:
                self._corked = 1
                self.uncork()
            if error is None:
                error = self._begin_to_end()
            if callback is not None:
                self._call_at_finish(callback, error)
        return self

    def _write_last(self, chunk: Any, encoding: Any) -> errors.NodeError | None:
        if chunk is None:
            return None
        if not self._write_objects:
            chunk, encoding = self._prepared(chunk, encoding)
        error = self._refusal('write')
        if error is not None:
            self._fail(error, sync=True)
        else:
            self._accept(chunk, encoding, None)
        return error

    def _begin_to_end(self) -> errors.NodeError | None:
        """Enter ENDING; return why that makes no difference."""
        if self._output == FINISHED:
            return errors.node_error('ERR_STREAM_ALREADY_FINISHED', 'end')
        if self._errored is None and self._output == WRITING:
            self._advance(ENDING)
            self._maybe_finish()
        return None

    def _call_at_finish(self, callback: Function, error: Any) -> None:
        if error is not None:
            self._tick(callback, error)
        elif self._errored is not None and not self._writing:
            self._tick(callback, self._errored)
        elif self._life >= DOOMED and not self._writing:
            # Node never calls it; but somebody waits for it.
            self._tick(callback, errors.node_error('ERR_STREAM_DESTROYED', 'end'))
        elif self._output == FINISHED:
            self._tick(callback, None)
        else:
            self._finish_callbacks = (*self._finish_callbacks, callback)

    def _can_finish(self) -> bool:
        return (WRITING < self._output < FINISHED and self._life == OPEN and self._errored is None
                and not self._write_length and not self._queue and not self._writing)

    def _maybe_finish(self) -> None:
        """Go on to the end if everything was written."""
        if not self._can_finish():
            return
        if self._output == ENDING:
            if self._final is not None:
                self._call_final()
            else:
                self._prefinish()
        if self._output == FLUSHED and not self._pending and not self._finish_scheduled:
            self._finish_scheduled = True
            self._tick(self._finish_if_possible)

    def _call_final(self) -> None:
        self._advance(FINALIZING)
        self._pending += 1
        self._calling_final = get_ident()
        try:
            call_hook(self._final, self._finalized)
        except Exception as error:
            self._finalized(error)
        finally:
            self._calling_final = 0

    def _finalized(self, error: Any = None) -> None:
        """What `_final` calls when it is done."""
        with monitor:
            if self._calling_final == get_ident() or may_deliver(self._strand or self._own_strand()):
                self._finalized_now(error)
            else:
                self._tick(self._finalized_now, error)

    def _finalized_now(self, error: Any) -> None:
        if self._output != FINALIZING:
            self._fail(error or errors.node_error('ERR_MULTIPLE_CALLBACK'), sync=True)
            return
        self._pending -= 1
        if error is not None:
            self._call_finish_callbacks(error)
            self._fail(error, sync=bool(self._calling_final))
        elif self._can_finish():
            self._prefinish()
            # Everything has arrived where it should: as in Node a destroy() does not undo that any more.
            self._finish_scheduled = True
            self._tick(self._finish)

    def _prefinish(self) -> None:
        self._advance(FLUSHED)
        self._fire('prefinish')

    def _finish_if_possible(self) -> None:
        self._finish_scheduled = False
        if self._can_finish():
            self._finish()

    def _finish(self) -> None:
        self._advance(FINISHED)
        self._call_finish_callbacks(None)
        self._fire('finish')
        self._after_finish()

    def _after_finish(self) -> None:
        if self._auto_destroy and self._is_over():
            self._destroy_once()

    def _advance(self, output: int) -> None:
        assert output in _MOVES[self._output], (self, self._output, output)
        self._output = output

    def _is_over(self) -> bool:
        return self._output == FINISHED and super()._is_over()

    # State

    def setDefaultEncoding(self, encoding: str) -> Self:
        """Set the encoding of str chunks that come without one. TypeError ERR_UNKNOWN_ENCODING.

        ("writable.setDefaultEncoding(encoding)")
        """
        self._write_encoding = encodings.normalized(encoding)
        return self

    def pipe(self, destination: Any, options: Options = None, **kwargs: Any) -> Any:
        """Not readable: emits 'error' ERR_STREAM_CANNOT_PIPE."""
        with monitor:
            self._fail(errors.node_error('ERR_STREAM_CANNOT_PIPE'), sync=True)
        return None

    @property
    def writable(self) -> bool:
        """Is it safe to call write(): not destroyed, failed or ended? ("writable.writable")"""
        return self._output == WRITING and self._life < DOOMED and self._errored is None

    @property
    def writableAborted(self) -> bool:
        """Was it destroyed, or did it fail, before 'finish'? ("writable.writableAborted")"""
        was_cut_off = self._life >= DOOMED or self._errored is not None
        return self._is_writable and was_cut_off and self._output != FINISHED

    @property
    def writableEnded(self) -> bool:
        """Has end() been called? ("writable.writableEnded")"""
        return self._output != WRITING

    @property
    def writableFinished(self) -> bool:
        """True from just before 'finish'. ("writable.writableFinished")"""
        return self._output == FINISHED

    @property
    def writableCorked(self) -> int:
        """How often uncork() has to be called. ("writable.writableCorked")"""
        return self._corked

    @property
    def writableHighWaterMark(self) -> int:
        """From how many bytes (objects) on `write` returns False. ("writable.writableHighWaterMark")"""
        return self._write_mark

    @property
    def writableLength(self) -> int:
        """Bytes (objects) that wait to be written. ("writable.writableLength")"""
        return self._write_length

    @property
    def writableNeedDrain(self) -> bool:
        """Has `write` returned False, and 'drain' is to come? ("writable.writableNeedDrain")"""
        return bool(self._need_drain) and self._life < DOOMED and self._output == WRITING

    @property
    def writableObjectMode(self) -> bool:
        """Is it a stream of objects? ("writable.writableObjectMode")"""
        return self._write_objects

    def _describe(self) -> str:
        state = ('writing', 'ending', 'finalizing', 'flushed', 'finished')[self._output]
        return f' {state} queued={self._write_length}{super()._describe()}'
