"""`for chunk in readable`: the callback or thread that iterates waits for each chunk, nobody else does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nodehttp._finished import Finish
from nodehttp._stream import DOOMED
from nodehttp.threadpool import Waiter, monitor

if TYPE_CHECKING:
    from nodehttp._readable import Readable


def iterate(stream: Readable, destroy_on_return: bool) -> Iterator[Any]:
    """Yield the chunks of `stream`; raise what it fails with. See Readable.__iter__."""
    turn = _Turn(stream)
    is_complete = False
    try:
        while True:
            waiter = None
            with monitor:
                chunk = None if stream.destroyed else stream.read()
                if chunk is None:
                    if turn.is_over:
                        is_complete = True
                        break
                    turn.waiter = waiter = Waiter()
            if waiter is None:
                yield chunk
            else:
                waiter.wait()
        if turn.error is not None:
            raise turn.error
    finally:
        with monitor:
            turn.end(is_complete, destroy_on_return)


class _Turn:
    """What an iteration waits for: data, or the end of the stream."""

    def __init__(self, stream: Readable) -> None:
        self.waiter: Waiter | None = None
        self.is_over = False
        self.error: Any = None
        self._stream = stream
        stream.on('readable', self._wake)
        self._finish = Finish(stream, self._over, writable=False)

    def _wake(self) -> None:
        with monitor:
            if self.waiter is not None:
                self.waiter.set()

    def _over(self, error: Any = None) -> None:
        with monitor:
            self.is_over, self.error = True, error
            self._wake()

    def end(self, is_complete: bool, destroy_on_return: bool) -> None:
        """The loop is over. With the monitor held."""
        stream = self._stream
        if not destroy_on_return or (is_complete and (stream._life >= DOOMED or not stream._auto_destroy)):
            stream.off('readable', self._wake)
            self._finish.leave()
        elif is_complete:
            # As in Node: reading all of a Duplex destroys also the side that is still open.
            stream._destroy_unread()
        else:
            stream._iteration_left()
