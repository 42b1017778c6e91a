"""Header lines, of heads and of trailers: the states between a start line and the body."""

from __future__ import annotations

import re
from typing import NoReturn

from nodehttp._reads import NONE, ONE_BYTE, Event, Reads

# Runs of bytes. Each matches everywhere, if need be the empty run.
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]*")
SPACES = re.compile(rb' *')
BLANKS = re.compile(rb'[ \t]*')
TO_LINE_END = re.compile(rb'[^\r\n]*')
_DIGITS = re.compile(rb'[0-9]*')
_VALUE = re.compile(rb'[\t -~\x80-\xff]*')
_VALUE_TO_COMMA = re.compile(rb'[\t -+\--~\x80-\xff]*')

LF, CR, SPACE, COLON, _COMMA = b'\n\r :,'

# What the headers said, and where the message stands.
LENGTH, CODING, CHUNKED, UPGRADE, CLOSE, KEEP_ALIVE, CONNECTION_UPGRADE, SKIP_BODY, IN_TRAILERS = (
    1 << bit for bit in range(9)
)
CONNECTION_OPTIONS = {b'close': CLOSE, b'keep-alive': KEEP_ALIVE, b'upgrade': CONNECTION_UPGRADE}

# The names that say something about framing or connection.
FRAMING_NAMES = frozenset([
    b'connection', b'content-length', b'proxy-connection', b'transfer-encoding', b'upgrade',
])

_MAX_LENGTH = 2**64 - 1  # of 20 digits

_BAD_TOKEN = 'HPE_INVALID_HEADER_TOKEN'
_BAD_LENGTH = 'HPE_INVALID_CONTENT_LENGTH'
_BAD_CODING = 'HPE_INVALID_TRANSFER_ENCODING'


def options(value: bytes) -> list[bytes]:
    """The elements of `Connection` or `Transfer-Encoding`. As Node: a tab may stand before one, not behind
    it.
    """
    return [option.lstrip(b' \t').rstrip(b' ') for option in value.lower().split(b',')]


class HeaderLines(Reads):
    """From `_header_start` until the empty line, which calls `_end_headers`."""

    __slots__ = ('_fields', '_flags', '_folded', '_key', '_left')

    # Each message sets them as it goes.
    _fields: list[str]  # name, value, name, ...
    _flags: int
    _left: int  # bytes of the body, or of the chunk, that are still to come
    _key: bytes  # the name at hand in lower case if it is one of FRAMING_NAMES
    _folded: bool

    def _end_headers(self) -> Event | None:
        raise NotImplementedError

    def _expect_line_feed(self, code: str, reason: str) -> None:
        """A lenient parser takes a bare CR for the end of a line."""
        if self._data[self._pos] == LF:
            self._pos += 1
        elif not self._lenient:
            self._refuse(code, reason, self._pos)

    def _after_start_line(self) -> None:
        if self._data[self._pos] == SPACE:
            self._pos += 1
            if not self._lenient:
                self._refuse('HPE_UNEXPECTED_SPACE', 'Unexpected space after start line', self._pos)
        self._state = HeaderLines._header_start

    def _header_start(self) -> Event | None:
        byte = self._data[self._pos]
        if byte not in b'\r\n':
            self._state = HeaderLines._header_name
            return None
        self._pos += 1
        if byte == CR:
            self._state = HeaderLines._headers_line_feed
            return None
        if not self._lenient:
            self._refuse(_BAD_TOKEN, 'Invalid header field char', self._pos)
        return self._end_headers()

    def _headers_line_feed(self) -> Event | None:
        self._expect_line_feed('HPE_STRICT', 'Expected LF after headers')
        return self._end_headers()

    # Names.

    def _header_name(self) -> None:
        byte = self._take(TOKEN)
        if byte == NONE:
            return
        key = self._span.rstrip(b' ').lower()
        if byte == COLON and key:
            self._pos += 1
            self._end_name(key)
        elif byte == SPACE and key in FRAMING_NAMES:  # as Node: these names only
            if not self._lenient:
                self._check_limit(self._pos + 1)
                self._refuse(_BAD_TOKEN, 'Invalid header field char', self._pos + 1)
            self._take(SPACES)
        else:
            self._refuse(_BAD_TOKEN, 'Invalid header token', self._pos)

    def _end_name(self, key: bytes) -> None:
        self._fields.append(self._end_span(self._pos).decode('latin1'))
        self._key = key if key in FRAMING_NAMES else b''
        self._folded = False
        self._state = HeaderLines._before_value
        if self._lenient:
            return
        if key == b'transfer-encoding' and self._flags & LENGTH:
            self._refuse(_BAD_CODING, "Transfer-Encoding can't be present with Content-Length", self._pos)
        if key == b'content-length' and self._flags & CODING:
            self._refuse(_BAD_LENGTH, "Content-Length can't be present with Transfer-Encoding", self._pos)

    # Values.

    def _before_value(self) -> None:
        byte = self._skip(BLANKS)
        if byte == NONE:
            return
        if byte not in b'\r\n':
            self._start_value()
            return
        self._pos += 1
        if byte == CR:
            self._state = HeaderLines._empty_line_feed
        elif self._lenient:
            self._state = HeaderLines._after_empty_line
        else:
            self._refuse(_BAD_TOKEN, 'Invalid header value char', self._pos)

    def _empty_line_feed(self) -> None:
        self._expect_line_feed('HPE_STRICT', 'Expected LF after CR')
        self._state = HeaderLines._after_empty_line

    def _after_empty_line(self) -> None:
        """An empty value, unless it goes on in the next line (obs-fold), which only a lenient parser accepts.
        """
        if self._data[self._pos] in b' \t':
            self._pos += 1
            if not self._lenient:
                self._refuse(_BAD_TOKEN, 'Invalid header value char', self._pos)
            self._state = HeaderLines._before_value
            return
        if self._key == b'content-length':
            self._refuse(_BAD_LENGTH, 'Empty Content-Length', self._pos)
        self._fields.append('')  # as Node: an empty `Transfer-Encoding` or `Upgrade` says nothing
        self._state = HeaderLines._header_start

    def _start_value(self) -> None:
        self._state = HeaderLines._value
        if self._key == b'content-length':
            if self._flags & LENGTH:
                self._refuse('HPE_UNEXPECTED_CONTENT_LENGTH', 'Duplicate Content-Length', self._pos)
            self._flags |= LENGTH
            self._state = HeaderLines._length_value
        elif self._key == b'transfer-encoding':
            if self._is_request and not self._lenient:
                if self._flags & CHUNKED:
                    self._refuse_coding_behind_chunked()
                self._state = HeaderLines._coding_value
            self._flags = self._flags & ~CHUNKED | CODING
        elif self._key == b'upgrade':
            self._flags |= UPGRADE

    def _value(self) -> None:
        self._end_value_line(self._take(TO_LINE_END if self._lenient else _VALUE))

    def _length_value(self) -> None:
        byte = self._take(_DIGITS)
        digits = self._span.lstrip(b'0')
        self._left = int(digits[:20] or b'0')
        if self._left > _MAX_LENGTH or len(digits) > 20:
            fitting = 19 if self._left > _MAX_LENGTH else 20
            parsed = self._pos - len(digits) + fitting + 1
            self._check_limit(parsed)
            self._refuse(_BAD_LENGTH, 'Content-Length overflow', parsed)
        if byte == SPACE:
            self._state = HeaderLines._after_length
        else:
            self._end_value_line(byte, _BAD_LENGTH, 'Invalid character in Content-Length')

    def _after_length(self) -> None:
        self._end_value_line(self._take(SPACES), _BAD_LENGTH, 'Invalid character in Content-Length')

    def _coding_value(self) -> None:
        """`Transfer-Encoding` of a request: `chunked` must be the last one, RFC 9112 section 6.1."""
        byte = self._take(_VALUE_TO_COMMA)
        if byte != _COMMA:
            self._end_value_line(byte)
            return
        if options(self._span)[-1] == b'chunked':
            self._refuse_coding_behind_chunked()
        self._take(ONE_BYTE)

    def _refuse_coding_behind_chunked(self) -> NoReturn:
        self._check_limit(self._pos + 1)
        self._refuse(_BAD_CODING, 'Invalid `Transfer-Encoding` header value', self._pos + 1)

    def _end_value_line(
        self, byte: int, code: str = _BAD_TOKEN, reason: str = 'Invalid header value char',
    ) -> None:
        if byte == NONE:
            return
        if byte == CR:
            self._pos += 1
        self._check_limit(self._pos)
        if byte == CR:
            self._state = HeaderLines._value_line_feed
        elif byte != LF:
            self._refuse(code, reason, self._pos)
        elif self._lenient:
            self._pos += 1
            self._state = HeaderLines._after_value_line
        else:
            self._refuse('HPE_CR_EXPECTED', 'Missing expected CR after header value', self._pos)

    def _value_line_feed(self) -> None:
        if self._data[self._pos] != LF:  # as Node: even a lenient parser wants it here
            self._refuse('HPE_LF_EXPECTED', 'Missing expected LF after header value', self._pos)
        self._pos += 1
        self._state = HeaderLines._after_value_line

    def _after_value_line(self) -> None:
        if self._data[self._pos] not in b' \t':
            self._end_value()
            self._state = HeaderLines._header_start
            return
        if not self._lenient:
            self._refuse(_BAD_TOKEN, 'Unexpected whitespace after header value', self._pos)
        if self._key == b'content-length':
            self._refuse('HPE_UNEXPECTED_CONTENT_LENGTH', 'Duplicate Content-Length', self._pos)
        self._folded = True
        self._state = HeaderLines._value

    def _end_value(self) -> None:
        value = self._span
        self._span = b''
        self._fields.append(value.rstrip(b' \t').decode('latin1'))
        if self._key == b'transfer-encoding':
            if options(value)[-1] == b'chunked' and not self._folded:
                self._flags |= CHUNKED
        elif self._key.endswith(b'connection'):
            for option in options(value):
                self._flags |= CONNECTION_OPTIONS.get(option, 0)
