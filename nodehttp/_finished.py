"""`finished`: when is a stream over, whatever its kind?

Streams of this library, messages of http (which are no Writable) and old-style emitters are asked by the
names of Node's public properties only, so that a stream of the user's own works as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodehttp import errors
from nodehttp._stream import ANY_STREAM, Lifecycle, Stream, merged, user_callback
from nodehttp.arity import adapt
from nodehttp.checks import check_signal
from nodehttp.listeners import internal
from nodehttp.threadpool import monitor, next_tick, report_exception

Callback = Callable[..., Any]


def is_readable_stream(stream: Any) -> bool:
    """Can it be read from, now or earlier?"""
    if not hasattr(stream, 'on'):
        return False
    if isinstance(stream, Lifecycle):
        return getattr(stream, '_is_readable', False)
    # As in Node an outgoing message of http, which has a `pipe`, counts: so 'close' ends it, not 'finish'.
    return hasattr(stream, 'pipe')


def is_writable_stream(stream: Any) -> bool:
    """Can it be written to, now or earlier?"""
    has_names = hasattr(stream, 'on') and hasattr(stream, 'write')
    return has_names and getattr(stream, '_is_writable', True) is not False


def is_stream(stream: Any) -> bool:
    """Is it a stream at all?"""
    return isinstance(stream, Stream) or is_readable_stream(stream) or is_writable_stream(stream)


def is_request(stream: Any) -> bool:
    """Is it a client's request?"""
    return hasattr(stream, 'setHeader') and callable(getattr(stream, 'abort', None))


def will_emit_close(stream: Any) -> bool:
    """Will 'close' follow? Of what is not ours, a server's response is known to do so."""
    ask = getattr(stream, '_will_emit_close', None)
    if ask is not None:
        return bool(ask())
    return hasattr(stream, 'setHeader') and not is_request(stream) and not getattr(stream, 'closed', False)


def is_readable_finished(stream: Any) -> bool:
    """Has 'end' been emitted?"""
    return bool(getattr(stream, 'readableEnded', False))


def is_writable_finished(stream: Any) -> bool:
    """Has 'finish' been emitted?"""
    return bool(getattr(stream, 'writableFinished', False))


def is_premature_close(error: Any) -> bool:
    """Is it what `finished` itself says of a stream that closed too early?"""
    return getattr(error, 'code', None) == 'ERR_STREAM_PREMATURE_CLOSE'


class Finish:
    """The listeners of one `finished`: they call `callback(error)` once, without the monitor, when they know.

    `readable`, `writable`: does this side matter? None: if there is one. `error` False: 'error' does not
    count. `is_internal`: the callback is a function of the library that is to be called with the monitor.
    """

    def __init__(self, stream: Any, callback: Callback, *, readable: bool | None = None,
                 writable: bool | None = None, error: bool = True, is_internal: bool = False) -> None:
        is_readable, is_writable = is_readable_stream(stream), is_writable_stream(stream)
        self.stream, self._callback = stream, callback
        self.readable = is_readable if readable is None else readable
        self.writable = is_writable if writable is None else writable
        self._called = False
        self._read_to_end = is_readable_finished(stream)
        self._written = is_writable_finished(stream)
        self._close_follows = (
            will_emit_close(stream) and is_readable == self.readable and is_writable == self.writable)
        self._listeners = self._choose_listeners(error)
        if is_internal:
            self._listeners = [(name, internal(adapt(listener))) for name, listener in self._listeners]
        for name, listener in self._listeners:
            stream.on(name, listener)
        self._look_at_the_past()

    def _choose_listeners(self, error: bool) -> list[tuple[str, Callback]]:
        stream = self.stream
        listeners: list[tuple[str, Callback]] = []
        if is_request(stream):
            listeners.append(('complete', self._on_finish))
            if not self._close_follows:
                listeners.append(('abort', self._on_close))
        elif self.writable and not hasattr(stream, 'writableFinished'):  # old style
            listeners += [('end', self._on_legacy_finish), ('close', self._on_legacy_finish)]
        if not self._close_follows and isinstance(getattr(stream, 'aborted', None), bool):
            listeners.append(('aborted', self._on_close))
        listeners += [('end', self._on_end), ('finish', self._on_finish)]
        if error:
            listeners.append(('error', self._on_error))
        listeners.append(('close', self._on_close))
        return listeners

    def _look_at_the_past(self) -> None:
        """What is over already says nothing any more: tell in the next tick."""
        stream = self.stream
        if getattr(stream, 'closed', False):
            self.tick(self._on_close)
        elif self._close_follows:
            return
        elif getattr(stream, '_error_emitted', False) or (
                not self.readable and self._written) or (not self.writable and self._read_to_end):
            self.tick(self._on_closed)

    def tick(self, function: Callback) -> None:
        """Call a function, without the monitor, in the next tick of the stream."""
        with monitor:
            next_tick(user_callback(function), strand=getattr(self.stream, '_strand', None))

    def _done(self, error: Any = None) -> None:
        with monitor:
            called, self._called = self._called, True
        if not called:
            self._callback(error)

    def leave(self) -> None:
        """Take all listeners away; the callback is not called any more."""
        self._called = True
        for name, listener in self._listeners:
            self.stream.off(name, listener)

    def _on_finish(self) -> None:
        self._written = True
        if getattr(self.stream, 'destroyed', False):  # without autoDestroy 'close' may never come
            self._close_follows = False
        if self._close_follows and (not getattr(self.stream, 'writable', False) or self.readable):
            return
        if not self.readable or self._read_to_end:
            self._done()

    def _on_end(self) -> None:
        self._read_to_end = True
        if getattr(self.stream, 'destroyed', False):
            self._close_follows = False
        if self._close_follows and (not getattr(self.stream, 'readable', False) or self.writable):
            return
        if not self.writable or self._written:
            self._done()

    def _on_legacy_finish(self) -> None:
        if not getattr(self.stream, 'writable', False):
            self._on_finish()

    def _on_error(self, error: Any = None) -> None:
        self._done(error)

    def _on_close(self) -> None:
        stream = self.stream
        error = getattr(stream, 'errored', None)
        unread = (self.readable and not self._read_to_end and not is_readable_finished(stream)
                  and is_readable_stream(stream) and hasattr(stream, 'pause') and hasattr(stream, 'resume'))
        unwritten = self.writable and not self._written and not is_writable_finished(stream)
        if error is None and (unread or unwritten):
            error = errors.node_error('ERR_STREAM_PREMATURE_CLOSE')
        self._done(error)

    def _on_closed(self) -> None:
        self._done(getattr(self.stream, 'errored', None))


class _UserFinish:
    """One `finished` of the user: a Finish, and the options that only users give."""

    def __init__(self, stream: Any, callback: Callback, options: dict[str, Any]) -> None:
        self._callback: Callback | None = user_callback(
            callback, getattr(stream, '_listener_failed', report_exception))
        self._signal = options.get('signal')
        self._cleanup = options.get('cleanup', False)
        self._finish = Finish(stream, self._settle, readable=options.get('readable'),
                              writable=options.get('writable'), error=options.get('error', True))
        if self._signal is not None:
            if self._signal.aborted:
                self._finish.tick(self._abort)
            else:
                self._signal.addEventListener('abort', self._abort)

    def _settle(self, error: Any = None) -> None:
        with monitor:
            callback, self._callback = self._callback, None
            if callback is None:
                return
            self._forget_signal()
            if self._cleanup:
                self._finish.leave()
            callback(error)

    def _abort(self, *_: Any) -> None:
        self._finish.leave()
        self._settle(errors.abort_error(getattr(self._signal, 'reason', None)))

    def _forget_signal(self) -> None:
        if self._signal is not None:
            self._signal.removeEventListener('abort', self._abort)

    def leave(self) -> None:
        """Not interested any more."""
        self._callback = None
        self._forget_signal()
        self._finish.leave()


def finished(
    stream: Any, options: Any = None, callback: Callback | None = None, **kwargs: Any,
) -> Callable[[], None]:
    """Call `callback(error)` when `stream` is over: read to the end, finished, failed, or closed too early
    (ERR_STREAM_PREMATURE_CLOSE).

    Options: readable, writable (False: this side does not matter), error (False: errors do not count), signal
    (an AbortSignal that ends the wait with an AbortError), cleanup (True: remove the listeners when called).
    Returns a function that removes the listeners. Raises TypeError ERR_INVALID_ARG_TYPE.
    ("stream.finished(stream[, options], callback)")
    """
    if callback is None and callable(options):
        options, callback = None, options
    if not callable(callback):
        raise errors.invalid_arg_type('callback', 'of type function', callback)
    if not is_stream(stream):
        raise errors.invalid_arg_type('stream', ANY_STREAM, stream)
    given = merged(options, kwargs)
    check_signal('options.signal', given.get('signal'))
    return _UserFinish(stream, callback, given).leave


def isReadable(stream: Any) -> bool | None:
    """Can it be read from? None for what is no readable stream. ("stream.isReadable(stream)")"""
    return bool(stream.readable) if is_readable_stream(stream) else None


def isWritable(stream: Any) -> bool | None:
    """Can it be written to? None for what is no writable stream."""
    return bool(stream.writable) if is_writable_stream(stream) else None


def isErrored(stream: Any) -> bool:
    """Has it failed? ("stream.isErrored(stream)")"""
    return getattr(stream, 'errored', None) is not None
