"""What all streams share: options, calling hooks, and the way from construction to 'close'.

A stream's life is one of six states, in this order; `_enter` is the only place that changes it:

    CONSTRUCTING   `_construct` has not called back yet: nothing is read or written
    OPEN
    DOOMED         destroyed while constructing: `_destroy` has to wait for `_construct`
    DESTROYING     `_destroy` runs
    CLOSED         `_destroy` has called back
    GONE           'close' is being, or has been, emitted

Rules for the stream modules:

- Public methods take the monitor. User code (listeners, hooks of the user's, callbacks) runs with the monitor
  released, so after each such call everything may have changed; state is therefore kept on the stream, never
  in local variables across a call.
- A hook of the library's own is marked `@internal_hook` and called with the monitor held.
- Every tick goes out on the stream's strand, so that the events of one stream stay in order and do not
  overlap even when a listener blocks. A stream that nobody gave a strand (sockets and messages have theirs)
  makes one when it first needs it.
- State has class-level defaults: constructing a stream stores only what differs from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from nodehttp import errors, threadpool
from nodehttp.arity import adapt, fit, parameters
from nodehttp.checks import check_signal, is_integer, is_signal
from nodehttp.events import EventEmitter
from nodehttp.threadpool import (
    add_tick,
    call_user,
    internal_hook,
    monitor,
    release_monitor,
    report_exception,
    retake_monitor,
)

Function = Callable[..., Any]
Options = Mapping[str, Any] | None
Self = TypeVar('Self', bound='Lifecycle')

BYTES_MARK = 65536  # bytes; Node's default highWaterMark since v22
OBJECT_MARK = 16  # objects
ANY_STREAM = 'an instance of ReadableStream, WritableStream, or Stream'
CHUNK_TYPES = 'of type string or an instance of Buffer, TypedArray, or DataView'

NOTHING: Any = ()  # stands for a queue until there is one

CONSTRUCTING, OPEN, DOOMED, DESTROYING, CLOSED, GONE = range(6)

_MOVES = {
    OPEN: (CONSTRUCTING, DESTROYING),
    CONSTRUCTING: (OPEN, DOOMED),
    DOOMED: (DESTROYING,),
    DESTROYING: (CLOSED,),
    CLOSED: (GONE,),
    GONE: (),
}


def merged(options: Options, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the two ways to give options; one given as None is not given. TypeError ERR_INVALID_ARG_TYPE."""
    if options and not isinstance(options, Mapping):
        raise errors.invalid_arg_type('options', 'of type object', options)
    return {name: value for name, value in {**(options or {}), **keywords}.items() if value is not None}


def chosen_mark(options: dict[str, Any], sided: str) -> int | None:
    """Return the highWaterMark that the options ask for, or None; TypeError ERR_INVALID_ARG_VALUE."""
    name = 'highWaterMark' if 'highWaterMark' in options else sided
    mark = options.get(name)
    if mark is None:
        return None
    if not is_integer(mark) or mark < 0:
        raise errors.node_error('ERR_INVALID_ARG_VALUE', f'options.{name}', mark)
    return int(mark)


def call_hook(hook: Function, *args: Any) -> None:
    """Call `_read`, `_write`, ...: the library's own with the monitor held, a user's without. Exceptions pass
    through.
    """
    if getattr(hook, 'is_internal_hook', False):
        hook(*args)
        return
    least, most = parameters(hook)
    state = release_monitor()
    try:
        hook(*(args if least <= len(args) <= most else fit(args, least, most)))
    finally:
        retake_monitor(state)


def user_callback(
    callback: Function, failed: Callable[[BaseException], object] = report_exception,
) -> Function:
    """Turn a callback of the user into one that internal code may call: released, exceptions reported (given
    to `failed`), arguments fitted.
    """
    return partial(_call_back, partial(call_user, adapt(callback), failed=failed))


def _call_back(call: Function, *args: Any) -> None:
    """Success is told by no argument rather than by None: `lambda name=name: ...` is how Python binds a
    loop's variable.
    """
    args = args if args != (None,) else ()
    if not threadpool.leave_to_pool(call, *args):
        call(*args)


class Stream(EventEmitter):
    """Node's legacy base of all streams: an emitter that can pipe what it emits as 'data'. ("Class:
    Stream")
    """

    def pipe(self, destination: Any, options: Options = None, **kwargs: Any) -> Any:
        """Write every 'data' to `destination`, end it at 'end' unless the option `end` is False; returns
        `destination`.
        """
        _LegacyPipe(self, destination, merged(options, kwargs).get('end', True))
        return destination


class _LegacyPipe:
    """Listeners that copy an old-style source, one whose `pause` and `resume` are optional, to a
    destination.
    """

    def __init__(self, source: Stream, destination: Any, end: bool) -> None:
        self.source, self.destination = source, destination
        self._ended = False
        self._on_source: dict[str, Function] = {
            'data': self.on_data, 'error': self.on_error, 'close': self.clean_up, 'end': self.clean_up}
        self._on_destination: dict[str, Function] = {
            'drain': self.on_drain, 'error': self.on_error, 'close': self.clean_up}
        if end:
            source.on('end', self.on_end)
            source.on('close', self.on_close)
        for name, listener in self._on_source.items():
            source.on(name, listener)
        for name, listener in self._on_destination.items():
            destination.on(name, listener)
        destination.emit('pipe', source)

    def on_data(self, chunk: Any) -> None:
        if getattr(self.destination, 'writable', False) and self.destination.write(chunk) is False:
            pause = getattr(self.source, 'pause', None)
            if pause is not None:
                pause()

    def on_drain(self) -> None:
        resume = getattr(self.source, 'resume', None)
        if resume is not None and getattr(self.source, 'readable', False):
            resume()

    def on_end(self) -> None:
        if not self._ended:
            self._ended = True
            self.destination.end()

    def on_close(self) -> None:
        if not self._ended:
            self._ended = True
            destroy = getattr(self.destination, 'destroy', None)
            if destroy is not None:
                destroy()

    def on_error(self, error: Any) -> None:
        self.clean_up()
        if self.source.listenerCount('error') == 0:  # not ours alone: the error is the user's to see
            EventEmitter.emit(self.source, 'error', error)

    def clean_up(self) -> None:
        for name, listener in self._on_source.items():
            self.source.off(name, listener)
        self.source.off('end', self.on_end)
        self.source.off('close', self.on_close)
        for name, listener in self._on_destination.items():
            self.destination.off(name, listener)


class Lifecycle(Stream):
    """Construction, errors and destruction, the same for both directions.

    Any thread may call any public method. Internal methods (with underscore) need the monitor.
    """

    _life = OPEN
    _errored: Any = None  # the first error, from destroy() or a hook
    _error_emitted = False
    _object_mark = OBJECT_MARK
    _auto_destroy = True
    _emit_close = True
    _destroy_callback: Function | None = None
    _doom: tuple[Any, Function | None] | None = None  # arguments of a destroy() during construction
    _construct: Any = None  # hook: _construct(callback)

    # Options

    def _take_options(self, options: dict[str, Any]) -> None:
        """Apply the options that both directions have. ("new stream.Readable([options])", "new
        stream.Writable([options])")
        """
        if options.get('emitClose') is False:
            self._emit_close = False
        if options.get('autoDestroy') is False:
            self._auto_destroy = False
        for name in ('construct', 'destroy'):
            if callable(options.get(name)):
                setattr(self, f'_{name}', adapt(options[name]))
        if 'signal' in options:
            check_signal('signal', options['signal'])
            _destroy_on_abort(options['signal'], self)

    # Construction

    def _begin_construction(self) -> None:
        """Call `_construct` in the next tick, if there is such a hook."""
        if self._construct is not None and self._life == OPEN:
            self._enter(CONSTRUCTING)
            with monitor:
                self._tick(self._run_construct)

    def _run_construct(self) -> None:
        called = False

        def callback(error: Any = None) -> None:
            nonlocal called
            with monitor:
                if called:
                    self._fail(errors.node_error('ERR_MULTIPLE_CALLBACK'), sync=True)
                else:
                    called = True
                    self._tick(self._constructed, error)
        try:
            call_hook(self._construct, callback)
        except Exception as error:
            callback(error)

    def _constructed(self, error: Any) -> None:
        if self._life == DOOMED:
            assert self._doom is not None
            doom_error, callback = self._doom
            self._enter(DESTROYING)
            self._run_destroy(error if doom_error is None else doom_error, callback)
            return
        self._enter(OPEN)
        if error is not None:
            self._fail(error, sync=True)
        else:
            self._on_constructed()

    def _on_constructed(self) -> None:
        """Begin with what waited for construction; for subclasses."""

    # Errors and destruction

    def destroy(self: Self, error: Any = None, callback: Function | None = None) -> Self:
        """Destroy the stream: no more data; 'error' (if `error` is given) and 'close' follow in the next
        tick. Returns the stream.

        Writes that are still queued are not made. `callback(error)` is called when the hook `_destroy` is
        done. Later calls do nothing. ("readable.destroy([error])", "writable.destroy([error])")
        """
        with monitor:
            self._hold_events()
            self._destroy_once(error, None if callback is None else user_callback(callback))
        return self

    def _destroy_once(self, error: Any = None, callback: Function | None = None) -> None:
        if self._life >= DOOMED:
            if callback is not None:
                callback(None)
            return
        self._before_destroy()
        if error is not None and self._errored is None:
            self._errored = error
        if self._life == CONSTRUCTING:
            self._enter(DOOMED)
            self._doom = error, callback
        else:
            self._enter(DESTROYING)
            self._run_destroy(error, callback)

    def _before_destroy(self) -> None:
        """Note what will not happen any more; for subclasses."""

    def _run_destroy(self, error: Any, callback: Function | None) -> None:
        self._destroy_callback = callback
        try:
            call_hook(self._destroy, error, self._destroyed)
        except Exception as caught:
            self._destroyed(caught)

    @internal_hook
    def _destroy(self, error: Any, callback: Function) -> None:
        """Hook: free what the stream holds, then `callback(error)`. ("readable._destroy(err, callback)")"""
        callback(error)

    def _destroyed(self, error: Any = None) -> None:
        """What `_destroy` calls when it is done. Only the first call counts."""
        with monitor:
            if self._life != DESTROYING:
                return
            if error is not None and self._errored is None:
                self._errored = error
            self._enter(CLOSED)
            callback, self._destroy_callback = self._destroy_callback, None
            if callback is not None:
                callback(error)
            self._tick(self._emit_end_of_life, error)

    def _emit_end_of_life(self, error: Any) -> None:
        if error is not None:
            self._emit_error(error)
        self._enter(GONE)
        if self._emit_close:
            self._fire('close')
        if self._is_awaited:
            self._end_waits()

    def _emit_error(self, error: Any) -> None:
        if not self._error_emitted:
            self._error_emitted = True
            self._fire('error', error)

    def _fail(self, error: Any, sync: bool = False) -> None:
        """Something went wrong: destroy the stream, or with `autoDestroy` off only emit 'error' (`sync`: in
        the next tick).
        """
        if self._life >= DOOMED:
            return
        if self._auto_destroy:
            self._destroy_once(error)
            return
        if self._errored is None:
            self._errored = error
        if sync:
            self._tick(self._emit_error, error)
        else:
            self._emit_error(error)

    def _enter(self, life: int) -> None:
        assert life in _MOVES[self._life], (self, self._life, life)
        self._life = life

    # The other direction, where there is one

    def _is_over(self) -> bool:
        """Is nothing more to come in any direction, so that the stream may be destroyed automatically?"""
        return True

    # Ticks

    def _tick(self, function: Function, *args: Any) -> None:
        """Call `function` in the next tick, as an event of this stream."""
        add_tick(self._strand or self._own_strand(), function, args)

    def _own_strand(self) -> threadpool.Strand:
        """Make a strand for a stream that nobody gave one."""
        self._strand = strand = threadpool.Strand()
        threadpool.hold(strand)
        return strand

    def _hold_events(self) -> None:
        """Something is about to start: a thread that is not of the pool has a moment to add its listeners."""
        threadpool.hold(self._strand or self._own_strand())

    # State

    @property
    def destroyed(self) -> bool:
        """Has destroy() been called, by anyone? ("readable.destroyed", "writable.destroyed")"""
        return self._life >= DOOMED

    @property
    def closed(self) -> bool:
        """Has 'close' been emitted, or is it about to be? ("readable.closed", "writable.closed")"""
        return self._life >= CLOSED

    @property
    def errored(self) -> Any:
        """The error that the stream was destroyed with, or None. ("readable.errored", "writable.errored")"""
        return self._errored

    def _is_past(self, name: str) -> bool:
        return self._life == GONE

    def _will_emit_close(self) -> bool:
        """Will a 'close' follow the end of the stream?"""
        return self._auto_destroy and self._emit_close and self._life < CLOSED

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Destroy the stream unless it is. ("readable[Symbol.asyncDispose]()")"""
        with monitor:
            if self._life < DOOMED:
                if not self._is_over() and 'error' not in self._events:
                    self.on('error', _ignore)  # leaving the block early is no error of anybody's
                self._destroy_once(None if self._is_over() else errors.abort_error())

    def __repr__(self) -> str:
        state = ('constructing', 'open', 'destroyed', 'destroyed', 'closed', 'closed')[self._life]
        return f'<{type(self).__name__} {state}{self._describe()}>'

    def _describe(self) -> str:
        """More for the repr; for subclasses."""
        return ''


def _ignore(error: Any) -> None:
    """A listener for an 'error' that the library itself has made and nobody asked for."""


def _destroy_on_abort(signal: Any, stream: Any) -> None:
    """Destroy `stream` with an AbortError when `signal` is, or was, aborted."""
    def on_abort(*_: Any) -> None:
        stream.destroy(errors.abort_error(getattr(signal, 'reason', None)))

    if signal.aborted:
        on_abort()
    else:
        signal.addEventListener('abort', on_abort)
        stream.once('close', lambda: signal.removeEventListener('abort', on_abort))


def addAbortSignal(signal: Any, stream: Any) -> Any:
    """Destroy `stream` with an AbortError when `signal` aborts; returns `stream`.
    ("stream.addAbortSignal(signal, stream)")

    Raises TypeError ERR_INVALID_ARG_TYPE for what is not a signal or not a stream.
    """
    if not is_signal(signal):
        raise errors.invalid_arg_type('signal', 'an instance of AbortSignal', signal)
    if not isinstance(stream, Stream):
        raise errors.invalid_arg_type('stream', ANY_STREAM, stream)
    _destroy_on_abort(signal, stream)
    return stream
