"""What every state of the scanner (`_scanner.py`) stands on: the reads, how far they are parsed, what is made
of them, and how a message is refused.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Literal, NoReturn

from nodehttp.common import MAX_HEADER_SIZE
from nodehttp.errors import Error

Kind = Literal['request', 'response']


class ParseError(Error):
    """A message that Node's parser refuses: `.code` HPE_*, message 'Parse Error: <reason>'.

    `.bytesParsed`: how many bytes of `.rawPacket`, the data of the last read, were parsed. The end of the
    connection in the middle of a message has no `.rawPacket`. ("Event: 'clientError'")
    """

    reason = ''
    bytesParsed = 0
    rawPacket: bytes | None = None

    def again(self, data: bytes) -> ParseError:
        """The error of another read: there is no way on behind a wrong byte."""
        error = ParseError(self.message, self.code)
        error.reason, error.bytesParsed, error.rawPacket = self.reason, self.bytesParsed, data
        return error


class Head:
    """The start line and the headers of one message, as received; its strings are latin1.

    A request has no `statusCode` and `statusMessage`, a response no `method`, and `url` ''. `rawHeaders` is
    flat: name, value, name, ...; `names` holds their names in lower case. `upgrade`: the peer proposes
    another protocol (CONNECT, or `Upgrade` together with `Connection: upgrade`); the consumer decides.
    `shouldKeepAlive`: another message may follow on this connection.

    Messages that begin alike may share one Head: none of it is to be changed.
    """

    __slots__ = (
        'httpVersion', 'httpVersionMajor', 'httpVersionMinor', 'method', 'names', 'rawHeaders',
        'shouldKeepAlive', 'statusCode', 'statusMessage', 'upgrade', 'url',
    )

    def __init__(
        self, method: str | None, url: str, status: int | None, reason: str | None, major: int, minor: int,
        raw_headers: list[str], names: frozenset[str], upgrade: bool, should_keep_alive: bool,
    ) -> None:
        self.method = method
        self.url = url
        self.statusCode = status
        self.statusMessage = reason
        self.httpVersionMajor = major
        self.httpVersionMinor = minor
        self.httpVersion = '1.1' if minor == 1 and major == 1 else f'{major}.{minor}'
        self.rawHeaders = raw_headers
        self.names = names
        self.upgrade = upgrade
        self.shouldKeepAlive = should_keep_alive

    def __repr__(self) -> str:
        start = f'{self.method} {self.url}' if self.method else f'{self.statusCode} {self.statusMessage}'
        return f'<Head {start} HTTP/{self.httpVersion} {self.rawHeaders}>'


class End:
    """The kind of END."""

    def __repr__(self) -> str:
        return 'END'


END: Final = End()  # the event of a complete message

Event = Head | bytes | End
State = Callable[[Any], Event | None]
Pattern = re.Pattern[bytes]

NO_FIELDS: list[str] = []  # between two messages; never added to
NONE = -1  # stands for "the byte behind the run" where the read ends
ONE_BYTE = re.compile(rb'(?s:.)')


class Reads:
    """The data that was fed, read by read, and the machine that takes events out of it.

    A state is a method without arguments that is called when at least one byte is at hand. It passes over
    what it knows and sets the next state; it returns an event, or None to go on.
    """

    __slots__ = (
        '_counted', '_data', '_due', '_eof', '_error', '_is_request', '_lenient', '_limit', '_pos', '_reads',
        '_size', '_span', '_state', 'trailers',
    )

    def __init__(self, kind: Kind, *, max_header_size: int = MAX_HEADER_SIZE, lenient: bool = False) -> None:
        """`max_header_size` in bytes, 0 for the default. `lenient` is Node's `insecureHTTPParser`."""
        self._is_request = kind == 'request'
        self._limit = max_header_size or MAX_HEADER_SIZE
        self._lenient = lenient
        self._data = b''  # the read at hand,
        self._pos = 0     # how far it is parsed,
        self._size = 0    # its length,
        self._reads: deque[bytes] | None = None  # and the reads after it
        self._eof = False
        self._state: State = Reads._upgraded  # the scanner sets the first one
        self._due: State | None = None  # to be done first; needs no byte
        self._error: ParseError | None = None
        self._span = b''   # what was read of the element at hand
        self._counted = 0  # bytes of the head that count against the limit
        self.trailers = NO_FIELDS  # flat: those of the message whose END was returned last

    # What the consumer calls.

    def feed(self, data: bytes) -> None:
        """Take what one read brought. It is kept, not copied."""
        if self._pos == self._size and not self._reads:
            self._data = data
            self._pos = 0
            self._size = len(data)
        elif self._reads is None:
            self._reads = deque((data,))
        else:
            self._reads.append(data)

    def feed_eof(self) -> None:
        """The peer will send no more. What was fed before is parsed first."""
        self._eof = True

    def has_more(self) -> bool:
        """May there be an event that needs no more data?"""
        return self._pos < self._size or self._due is not None or bool(self._reads) or self._eof

    def has_input(self) -> bool:
        """Is there something that was fed, and is not parsed yet?"""
        return self._pos < self._size or bool(self._reads)

    def next_event(self) -> Event | None:
        """Return the next Head, piece of a body (bytes) or END; None when that needs more data.

        Raises ParseError, and the same one at every later call: there is no way on behind a wrong byte.
        """
        while True:
            if self._due is not None:
                due, self._due = self._due, None
                event = due(self)
            elif self._pos < self._size:
                if self._state is Reads._upgraded:
                    return None
                event = self._state(self)
            elif self._reads:
                self._data = self._reads.popleft()
                self._pos = 0
                self._size = len(self._data)
                continue
            else:
                return self._end_of_input() if self._eof else None
            if event is not None:
                return event

    def upgrade(self) -> None:
        """To be called after a Head: what follows is another protocol. No event comes any more; see
        `take_rest()`.
        """
        self._due = None
        self._state = Reads._upgraded

    def take_rest(self) -> bytes:
        """Return, and forget, what was fed and not parsed."""
        rest = b''.join((self._data[self._pos:], *(self._reads or ())))
        self._data = b''
        self._pos = self._size = 0
        self._reads = None
        return rest

    def refusal_of(self, data: bytes) -> ParseError:
        """Return the error for data that comes behind a wrong byte."""
        assert self._error is not None
        return self._error.again(data)

    # What the states call.

    def _upgraded(self) -> None:
        """Not ours: the bytes wait for `take_rest()`."""

    def _end_of_input(self) -> Event | None:
        """All is parsed and no more will come."""
        raise NotImplementedError

    def _refuse(self, code: str, reason: str, parsed: int) -> NoReturn:
        """`parsed`: as Node, either the place of the wrong byte or the one behind it, depending on the state.
        """
        error = ParseError(f'Parse Error: {reason}', code)
        error.reason = reason
        error.bytesParsed = parsed
        error.rawPacket = self._data
        self._fail(error)

    def _fail(self, error: ParseError) -> NoReturn:
        self._error = error
        self._due = Reads._failed
        raise error

    def _failed(self) -> NoReturn:
        assert self._error is not None
        self._fail(self._error)

    def _skip(self, run: Pattern) -> int:
        """Pass over the run of bytes at hand; return the byte behind it, NONE where the read ends."""
        match = run.match(self._data, self._pos)
        assert match is not None  # a run may be empty
        self._pos = end = match.end()
        return self._data[end] if end < self._size else NONE

    def _take(self, run: Pattern) -> int:
        """As `_skip`, but add the run to the span and count it.

        As Node, the limit is looked at where the span ends (`_end_span`) or the read does.
        """
        start = self._pos
        byte = self._skip(run)
        self._span += self._data[start:self._pos]
        self._counted += self._pos - start
        if byte == NONE:
            self._check_limit(self._pos)
        return byte

    def _end_span(self, parsed: int) -> bytes:
        self._check_limit(parsed)
        span = self._span
        self._span = b''
        return span

    def _check_limit(self, parsed: int) -> None:
        """As Node: URL, reason, names and values count, not what stands between; the limit itself is too
        much.
        """
        if self._counted >= self._limit:
            self._refuse('HPE_HEADER_OVERFLOW', 'Header overflow', parsed)
