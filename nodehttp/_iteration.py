"""`for chunk in readable`: the callback or thread that iterates waits for each chunk, nobody else does.

A wait costs two thread switches and some listeners, so it is avoided where the rest is there already: the
body of a small request is iterated over without either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nodehttp._finished import Finish
from nodehttp._stream import DOOMED
from nodehttp.events import WAIT_FAILED
from nodehttp.listeners import internal, own
from nodehttp.threadpool import Waiter, forget_last_tick, is_in_callback, monitor, pool, unhurried

if TYPE_CHECKING:
    from nodehttp._readable import Readable


def iterate(stream: Readable, destroy_on_return: bool) -> Iterator[Any]:
    """Yield the chunks of `stream`; raise what it fails with. See Readable.__iter__."""
    turn: _Turn | None = None
    guard, mark = (monitor, 0) if is_in_callback() else unhurried()
    try:
        while True:
            with guard:
                if mark:
                    pool.unhurried = mark
                if turn is None:
                    turn = _Turn(stream)
                chunk = turn.take()
                if chunk is None:
                    waiter = turn.begin_to_wait()
                    if waiter is None:
                        turn.end(True, destroy_on_return)
                        pool.unhurried = 0
                        break
                pool.unhurried = 0
            if chunk is not None:
                yield chunk
            elif waiter is not None:
                waiter.wait(None, stream)
    finally:
        if turn is not None and not turn.has_ended:
            with monitor:
                pool.unhurried = 0
                turn.end(False, destroy_on_return)
    if turn.error is not None:
        raise turn.error


@internal
def _handle(*_: Any) -> None:
    """A listener for 'error': the loop raises it."""


_HANDLED = (own(_handle),)  # all listeners of 'error', where nobody else listens


def is_waited_for(stream: Readable) -> bool:
    """Does a loop over it, or `once`, wait for what comes, and raise what it fails with?"""
    functions = [listener.listener for listener in stream._events.get('error', ())]
    return any(function is _handle or getattr(function, '__func__', None) is WAIT_FAILED
               for function in functions)


class _Turn:
    """One iteration: what it waits for, and how it ends. Its methods need the monitor."""

    __slots__ = ('_finish', '_is_over', '_readable_listener', '_stream', '_waiter', 'error', 'has_ended')

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.error: Any = None
        self.has_ended = self._is_over = False
        self._waiter: Waiter | None = None
        self._finish: Finish | None = None  # listens from the first wait on
        # From the beginning: the loop raises it, so it is handled.
        events: Any = stream._events
        if (type(events) is not dict or 'newListener' in events or 'error' in events
                or events.setdefault('error', _HANDLED) is not _HANDLED):
            stream.on('error', _handle)

    def take(self) -> Any:
        """Return the next chunk, or None if there is none now."""
        stream = self._stream
        if stream._life >= DOOMED or (stream._end_scheduled and not stream._length):
            return None
        if stream._flowing and self._finish is None:
            self._listen()  # which ends the flowing
        chunk = stream._read_quietly()
        if chunk is None and stream._bring():
            chunk = stream._read_quietly()
        return chunk

    def begin_to_wait(self) -> Waiter | None:
        """Return what to wait with, None at the end."""
        stream = self._stream
        if self._is_over:
            return None
        if stream._end_at_once(alone_with=self._finish):
            forget_last_tick(stream._emit_end)  # nothing would come of it
            return None
        if self._finish is None:
            self._listen()
        self._waiter = Waiter()
        return self._waiter

    def _listen(self) -> None:
        self._readable_listener = internal(self._on_readable)
        self._stream.on('readable', self._readable_listener)
        self._finish = Finish(self._stream, self._on_finish, writable=False, is_internal=True)

    def _on_readable(self, *_: Any) -> None:
        if self._waiter is not None:
            self._waiter.set()

    def _on_finish(self, error: Any = None) -> None:
        self._is_over, self.error = True, error
        if self._waiter is not None:
            self._waiter.set()

    def end(self, is_complete: bool, destroy_on_return: bool) -> None:
        """The loop is over."""
        self.has_ended = True
        stream = self._stream
        has_ended_alone = is_complete and (stream._life >= DOOMED or not stream._auto_destroy)
        if has_ended_alone or not destroy_on_return:
            self._leave()
        elif is_complete:
            # As in Node: reading all of a Duplex destroys also the side that is still open.
            stream._destroy_unread()
        else:
            stream._iteration_left()

    def _leave(self) -> None:
        stream, events = self._stream, self._stream._events
        if events.get('error') is _HANDLED and 'removeListener' not in events:
            del events['error']  # type: ignore[attr-defined]
        else:
            stream.off('error', _handle)
        if self._finish is not None:
            stream.off('readable', self._readable_listener)
            self._finish.leave()
