"""Node's grammar of HTTP/1, byte for byte: the long way of `parser.py`, which takes any input, cut anywhere.

Node refuses a message at the first byte that is wrong, in the read that brings it, and says which byte
(`bytesParsed`) of which read (`rawPacket`). So this is a machine of named states, one method each, that goes
on wherever the data stopped: first `_startlines.py`, then `_headerlines.py`, then the bodies, here. A state
takes a *run* of bytes with one compiled expression, never byte by byte, and looks at the byte behind it.
Reads are kept as they were fed and never joined: bodies are slices of them, and what is remembered of an
unfinished head is bounded by `max_header_size`.

What each state accepts and where it places an error was measured on Node 25.2.1: all 256 bytes in each state,
strict and lenient (`insecureHTTPParser`), then mutated messages, cut at random. Rules that look odd are
marked "as Node" and are not to be tidied up. Two differences are on purpose: what follows a request with an
`Upgrade` that nobody took is parsed, where Node loses the part of it that came in the same read; and a
lenient parser does not join the digits of a Content-Length to those of one that an earlier message did not
use.

h11 does not read the messages. What Node refuses, h11 accepts (bare LF, obs-fold, blanks behind a chunk
size), what Node accepts, h11 refuses (`gzip, chunked`, a missing Host, anything lenient), and it names
neither byte nor code: a check in front of it that knows all this has read the message already. But it is
asked for a second opinion on framing (`referee.py`), and the tests hold the two against each other on whole
messages.
"""

from __future__ import annotations

import re
from typing import NoReturn

from nodehttp._headerlines import (
    BLANKS,
    CHUNKED,
    CLOSE,
    CODING,
    CONNECTION_UPGRADE,
    CR,
    IN_TRAILERS,
    KEEP_ALIVE,
    LENGTH,
    LF,
    SKIP_BODY,
    SPACE,
    TOKEN,
    UPGRADE,
    HeaderLines,
)
from nodehttp._reads import END, NO_FIELDS, NONE, End, Event, Head, Kind, ParseError, Pattern
from nodehttp._startlines import StartLines
from nodehttp.common import MAX_HEADER_SIZE
from nodehttp.referee import is_disputed

_LINE_ENDS = re.compile(rb'[\r\n]*')
_HEX_DIGITS = re.compile(rb'[0-9A-Fa-f]*')
_QUOTED = re.compile(rb'[\t !#-\[\]-\xff]*')

_TAB, _QUOTE, _SEMICOLON, _EQUALS, _BACKSLASH, _DELETE = b'\t";=\\\x7f'

_BOTH_UPGRADES = UPGRADE | CONNECTION_UPGRADE
_MAX_HEX_DIGITS = 16  # of a chunk size: 2**64 - 1
_MAX_EXTENSIONS = 16384  # bytes of extensions of one chunk; Node's value, no option changes it


class Scanner(StartLines):
    """Bytes in, messages out: `feed()` what a read brought, then take `next_event()` until it returns None.

    All state is in the object: the consumer may stop between any two events and go on later, on another
    thread. Calls must not overlap; the library makes them under its monitor. Nothing here waits.
    """

    __slots__ = ('_extensions', '_persists')

    _extensions: int  # bytes of the extensions of a chunk
    _persists: bool  # may another message follow this one?

    def __init__(self, kind: Kind, *, max_header_size: int = MAX_HEADER_SIZE, lenient: bool = False) -> None:
        """`max_header_size` in bytes, 0 for the default. `lenient` is Node's `insecureHTTPParser`."""
        super().__init__(kind, max_header_size=max_header_size, lenient=lenient)
        self._state = Scanner._between_messages

    def skip_body(self) -> None:
        """To be called after a Head: no body follows, whatever its headers say (the answer to a HEAD)."""
        self._flags |= SKIP_BODY
        self._due = Scanner._end_message

    def in_message(self) -> bool:
        """Has a message begun that is not complete?"""
        state = self._state
        return self._due is not None or (
            state is not BETWEEN_MESSAGES and state is not Scanner._closed and state is not Scanner._upgraded)

    @property
    def fields(self) -> list[str]:
        """The header lines of the head, or of the trailers, that were begun last: name, value, name, ...
        Empty when their message is complete."""
        return self._fields

    def is_in_trailers(self) -> bool:
        """Has the last chunk of a message come that is not complete?"""
        return bool(self._flags & IN_TRAILERS)

    def is_in_last_message(self) -> bool:
        """Has a message begun that lasts until the connection ends?"""
        return self._state is Scanner._body_until_eof

    def is_between_messages(self) -> bool:
        """Is all that was fed parsed, and no message begun?"""
        return (self._state in (Scanner._between_messages, Scanner._closed) and self._pos == self._size
                and not self._reads and self._due is None)

    # Between messages.

    def _between_messages(self) -> None:
        """Empty lines before a message are skipped."""
        if self._skip(_LINE_ENDS) != NONE:
            self._fields = []
            self._flags = self._counted = self._left = 0
            self._state = Scanner._request_method if self._is_request else Scanner._protocol_name

    def _closed(self) -> None:
        """Behind a message that closes the connection only empty lines are accepted."""
        if self._skip(_LINE_ENDS) != NONE:
            self._refuse('HPE_CLOSED_CONNECTION', 'Data after `Connection: close`', self._pos + 1)

    def _end_of_input(self) -> Event | None:
        if self._state in (Scanner._between_messages, Scanner._closed, Scanner._upgraded):
            return None
        if self._state is Scanner._body_until_eof:
            return self._end_message()
        error = ParseError('Parse Error', 'HPE_INVALID_EOF_STATE')  # as Node: without the reason
        error.reason = 'Invalid EOF state'
        return self._fail(error)

    # The end of a head: what it says about its body and about the connection.

    def _end_headers(self) -> Event:
        if self._flags & IN_TRAILERS:
            self._counted = 0
            return self._end_message()
        if self._is_request and not self._lenient and self._flags & (LENGTH | CHUNKED) and is_disputed(
                self._fields, bool(self._flags & CHUNKED), self._left):
            self._refuse('HPE_INTERNAL', 'Framing in dispute', self._pos)
        return self._deliver_head(frozenset(map(str.lower, self._fields[::2])))

    def _deliver_head(self, names: frozenset[str]) -> Head:
        self._counted = 0
        upgrade = self._flags & _BOTH_UPGRADES == _BOTH_UPGRADES
        self._frame_body()
        self._persists = persists = self._keeps_alive()
        if self._is_request:
            method = self._method
            return Head(method, self._url, None, None, self._major, self._minor, self._fields, names,
                        upgrade or method == 'CONNECT', persists)
        return Head(None, '', self._status, self._reason, self._major, self._minor, self._fields, names,
                    upgrade and self._status == 101, persists)

    def _frame_body(self) -> None:
        """RFC 9112 section 6.3. Sets the state that reads the body."""
        flags = self._flags
        if self._is_request and not (flags & (CODING | CHUNKED) or self._left):
            self._due = Scanner._end_message  # so it is with most messages
        elif self._method == 'CONNECT' if self._is_request else self._is_bodiless_response():
            self._due = Scanner._end_message
        elif flags & CHUNKED:
            self._state = Scanner._chunk_start
        elif flags & CODING:
            self._state = Scanner._body_until_eof
            if self._is_request and not self._lenient:
                self._due = Scanner._refuse_coding
        elif self._left:
            self._state = Scanner._body_of_length
        elif self._is_request or flags & LENGTH:
            self._due = Scanner._end_message
        else:
            self._state = Scanner._body_until_eof

    def _refuse_coding(self) -> NoReturn:
        """As Node: the request is announced first."""
        self._refuse('HPE_INVALID_TRANSFER_ENCODING', 'Request has invalid `Transfer-Encoding`', self._pos)

    def _is_bodiless_response(self) -> bool:
        status = self._status
        return not self._is_request and (100 <= status < 200 or status == 204 or status == 304)

    def _keeps_alive(self) -> bool:
        flags = self._flags
        if self._major > 0 and self._minor > 0:
            if flags & CLOSE:
                return False
        elif not flags & KEEP_ALIVE:
            return False
        # Without any of these the end of the connection is the end of the body.
        return (self._is_request or flags & (LENGTH | CODING) == LENGTH or bool(flags & (CHUNKED | SKIP_BODY))
                or self._is_bodiless_response())

    def _end_message(self) -> End:
        if self._pos == self._size:
            self._data = b''  # an idle connection need not hold its last read
        if self._flags & (IN_TRAILERS | SKIP_BODY):
            self.trailers = self._fields if self._flags & IN_TRAILERS else NO_FIELDS
            self._persists = self._keeps_alive()
        elif self.trailers:
            self.trailers = NO_FIELDS
        self._fields = NO_FIELDS
        self._state = BETWEEN_MESSAGES if self._persists or self._lenient else Scanner._closed
        return END

    # Bodies.

    def _body_of_length(self) -> bytes:
        piece = self._body_piece()
        if not self._left:
            self._due = Scanner._end_message
        return piece

    def _body_piece(self) -> bytes:
        """The part of this read that belongs to what is left of a body or chunk."""
        start = self._pos
        self._pos = min(start + self._left, self._size)
        self._left -= self._pos - start
        return self._data[start:self._pos]

    def _body_until_eof(self) -> bytes:
        start = self._pos
        self._pos = self._size
        return self._data[start:]

    # Chunks, RFC 9112 section 7.1.

    def _chunk_start(self) -> None:
        if self._data[self._pos] not in b'0123456789ABCDEFabcdef':
            self._refuse('HPE_INVALID_CHUNK_SIZE', 'Invalid character in chunk size', self._pos)
        self._left = self._digits = self._extensions = 0
        self._state = Scanner._chunk_size

    def _chunk_size(self) -> None:
        start = self._pos
        byte = self._skip(_HEX_DIGITS)
        digits = self._data[start:self._pos]
        if not self._digits:  # as yet only zeros
            digits = digits.lstrip(b'0')
        self._digits += len(digits)
        if self._digits > _MAX_HEX_DIGITS:
            parsed = self._pos - self._digits + _MAX_HEX_DIGITS + 1
            self._refuse('HPE_INVALID_CHUNK_SIZE', 'Chunk size overflow', parsed)
        if digits:
            self._left = self._left << 4 * len(digits) | int(digits, 16)
        if byte == NONE:
            return
        if byte in b' \t':
            if not self._lenient:
                self._refuse('HPE_INVALID_CHUNK_SIZE', 'Invalid character in chunk size', self._pos + 1)
            self._state = Scanner._after_chunk_size
        else:
            self._end_chunk_size(byte)

    def _after_chunk_size(self) -> None:
        byte = self._skip(BLANKS)
        if byte != NONE:
            self._end_chunk_size(byte)

    def _end_chunk_size(self, byte: int) -> None:
        if byte not in b'\r\n;':
            self._refuse('HPE_INVALID_CHUNK_SIZE', 'Invalid character in chunk size', self._pos)
        self._pos += 1
        if byte == _SEMICOLON:
            self._state = Scanner._extension_start
        elif byte == CR or self._lenient:  # as Node: here a lenient parser takes two LF for one line end
            self._state = Scanner._chunk_line_feed
        else:
            self._refuse('HPE_CR_EXPECTED', 'Missing expected CR after chunk size', self._pos)

    def _chunk_line_feed(self) -> None:
        self._expect_line_feed('HPE_STRICT', 'Expected LF after chunk size')
        self._end_chunk_line()

    def _end_chunk_line(self) -> None:
        if self._left:
            self._state = Scanner._chunk_data
        else:
            self._flags |= IN_TRAILERS
            self._fields = []
            self._state = HeaderLines._header_start

    def _chunk_data(self) -> bytes:
        piece = self._body_piece()
        if not self._left:
            self._state = Scanner._chunk_end
        return piece

    def _chunk_end(self) -> None:
        byte = self._data[self._pos]
        if byte == CR:
            self._pos += 1
            self._state = Scanner._chunk_end_line_feed
            return
        if byte == LF:
            self._pos += 1
            if not self._lenient:
                self._refuse('HPE_CR_EXPECTED', 'Missing expected CR after chunk data', self._pos)
        elif not self._lenient:
            self._refuse('HPE_STRICT', 'Expected LF after chunk data', self._pos)
        self._state = Scanner._chunk_start

    def _chunk_end_line_feed(self) -> None:
        self._expect_line_feed('HPE_STRICT', 'Expected LF after chunk data')
        self._state = Scanner._chunk_start

    # Chunk extensions: `;name`, `;name=value`, `;name="quoted"`. They are checked and dropped.

    def _count_extension(self, length: int) -> None:
        self._extensions += length
        if self._pos == self._size:
            self._check_extensions(self._pos)

    def _check_extensions(self, parsed: int) -> None:
        if self._extensions > _MAX_EXTENSIONS:
            self._refuse('HPE_CHUNK_EXTENSIONS_OVERFLOW', 'Chunk extensions overflow', parsed)

    def _skip_extension(self, run: Pattern) -> int:
        start = self._pos
        byte = self._skip(run)
        self._count_extension(self._pos - start)
        return byte

    def _extension_start(self) -> None:
        if self._data[self._pos] in b'\r ':
            self._refuse('HPE_STRICT', 'Invalid character in chunk extensions', self._pos + 1)
        self._state = Scanner._extension_name

    def _extension_name(self) -> None:
        byte = self._skip_extension(TOKEN)
        if byte == _EQUALS:
            self._pos += 1
            self._check_extensions(self._pos)
            self._state = Scanner._extension_value
        else:
            self._end_extension(byte, 'name')

    def _extension_value(self) -> None:
        byte = self._skip_extension(TOKEN)
        if byte == _QUOTE:
            self._pos += 1
            self._count_extension(1)
            self._state = Scanner._extension_quoted
        else:
            self._end_extension(byte, 'value')

    def _end_extension(self, byte: int, part: str) -> None:
        if byte == NONE:
            return
        if byte == LF and not self._lenient:
            self._refuse('HPE_CR_EXPECTED', f'Missing expected CR after chunk extension {part}', self._pos)
        self._pos += 1
        if byte not in b'\r\n;':
            self._refuse('HPE_STRICT', f'Invalid character in chunk extensions {part}', self._pos)
        self._check_extensions(self._pos)
        if byte == LF:
            self._end_chunk_line()
        else:
            self._state = Scanner._extension_start if byte == _SEMICOLON else Scanner._chunk_line_feed

    def _extension_quoted(self) -> None:
        byte = self._skip_extension(_QUOTED)
        if byte == NONE:
            return
        self._pos += 1
        if byte == _QUOTE:
            self._extensions += 1
            self._check_extensions(self._pos)
            self._state = Scanner._after_quoted
        elif byte == _BACKSLASH:
            self._count_extension(1)
            self._state = Scanner._quoted_pair
        else:
            self._refuse('HPE_STRICT', 'Invalid character in chunk extensions quoted value', self._pos)

    def _quoted_pair(self) -> None:
        byte = self._data[self._pos]
        self._pos += 1
        if (byte < SPACE and byte != _TAB) or byte == _DELETE:
            self._refuse('HPE_STRICT', 'Invalid quoted-pair in chunk extensions quoted value', self._pos)
        self._count_extension(1)
        self._state = Scanner._extension_quoted

    def _after_quoted(self) -> None:
        byte = self._data[self._pos]
        if byte not in b'\r\n;':
            self._refuse('HPE_STRICT', 'Invalid character in chunk extensions quote value', self._pos)
        self._end_extension(byte, 'value')


# States that are asked for at each message.
BETWEEN_MESSAGES = Scanner._between_messages
BODY_OF_LENGTH = Scanner._body_of_length
CHUNK_START = Scanner._chunk_start
END_MESSAGE = Scanner._end_message
