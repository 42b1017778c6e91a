"""What a Readable keeps of itself, and what it says of that. See `_readable.py`."""

from __future__ import annotations

from typing import Any

from nodehttp import encoding as encodings
from nodehttp._pipe import Pipe
from nodehttp._stream import BYTES_MARK, DOOMED, NOTHING, Lifecycle

MORE, EOF, ENDED = range(3)

# What an iteration listens to that has not waited.
HEARD_BY_ITERATION = frozenset(('error',))


class ReadableState(Lifecycle):
    """The state of a Readable."""

    _input = MORE
    _is_readable = True  # False: a Duplex without this side
    _flowing: bool | None = None
    _paused: bool | None = None  # the last word of pause() and resume()
    _read_mark = BYTES_MARK
    _read_objects = False
    _buffer: Any = NOTHING  # a deque of chunks from the first one on
    _offset = 0
    _length = 0  # bytes, characters or objects in the buffer

    _reading = False  # the source has been asked and has not answered
    _asking = True  # `_read` is on the stack, or was never called: what is pushed now is delivered in a tick
    _need_readable = False  # tell when there is something
    _emitted_readable = False  # told already, or about to be
    _has_readable_listener = False
    # Does anybody listen to 'data'? None: ask `_events`. As in Node who was prepended does not count.
    # Nor is it known that all were removed at once.
    _hears_data: bool | None = None
    _resume_scheduled = False
    _end_scheduled = False
    _reading_more = False  # a tick will ask the source; subclasses set it not to be asked in advance
    _did_read = False

    _read_encoding: str | None = None
    _decoder: encodings.Decoder | None = None
    _push_encoding = 'utf8'
    _pipes: tuple[Pipe, ...] = ()
    _awaited: Any = ()  # destinations of pipes that have to drain: a set once there are any

    def isPaused(self) -> bool:
        """Is the stream paused? ("readable.isPaused()")"""
        return self._paused is True or self._flowing is False

    @property
    def readable(self) -> bool:
        """Is it safe to call read(): not destroyed, failed or ended? ("readable.readable")"""
        return self._is_readable and self._life < DOOMED and self._errored is None and self._input != ENDED

    @property
    def readableAborted(self) -> bool:
        """Was it destroyed, or did it fail, before 'end'? ("readable.readableAborted")"""
        was_cut_off = self._life >= DOOMED or self._errored is not None
        return self._is_readable and was_cut_off and self._input != ENDED

    @property
    def readableDidRead(self) -> bool:
        """Has any data been taken? ("readable.readableDidRead")"""
        return self._did_read

    @property
    def readableEncoding(self) -> str | None:
        """The encoding that was set, or None. ("readable.readableEncoding")"""
        return self._read_encoding

    @property
    def readableEnded(self) -> bool:
        """Has 'end' been emitted? ("readable.readableEnded")"""
        return self._input == ENDED

    @property
    def readableFlowing(self) -> bool | None:
        """True: flowing; False: paused; None: nobody has asked for data. ("readable.readableFlowing")"""
        return self._flowing

    @readableFlowing.setter
    def readableFlowing(self, flowing: bool | None) -> None:
        self._flowing = flowing

    @property
    def readableHighWaterMark(self) -> int:
        """How many bytes (objects) are buffered before the source is told to wait.
        ("readable.readableHighWaterMark")
        """
        return self._read_mark

    @property
    def readableLength(self) -> int:
        """Bytes (after setEncoding() characters, in object mode objects) that can be read.
        ("readable.readableLength")
        """
        return self._length

    @property
    def readableObjectMode(self) -> bool:
        """Is it a stream of objects? ("readable.readableObjectMode")"""
        return self._read_objects

    def _describe(self) -> str:
        flowing = {True: 'flowing', False: 'paused', None: 'idle'}[self._flowing]
        state = ('reading', 'at its end', 'ended')[self._input]
        return f' {flowing} {state} buffered={self._length}{super()._describe()}'
