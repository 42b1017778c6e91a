"""The head of an outgoing message: the headers that the user sets, and how they become bytes.

The first half of OutgoingMessage ("Class: http.OutgoingMessage"), apart from it because it knows nothing of
sockets. The user's headers come first, in their order and as they are written; then those that only the
library can know: Date, Connection and Keep-Alive, Content-Length or Transfer-Encoding.

Header text is checked where it comes in. The head is latin1, always. (Node 25 sends UTF-8 when a string body
shares the first write; RFC 9110, 5.5 knows no such thing.)
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, Self

from nodehttp import errors
from nodehttp._stream import Stream
from nodehttp.common import has_chunked, has_close, http_date, validateHeaderName, validateHeaderValue
from nodehttp.record import Record
from nodehttp.strings import to_number, to_string
from nodehttp.threadpool import monitor

Headers = Mapping[str, Any] | list[Any] | tuple[Any, ...] | None

# The headers that decide about framing and persistence, as bits of what has been seen of them.
CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH, DATE, EXPECT, TRAILER, KEEP_ALIVE = 1, 2, 4, 8, 16, 32, 64
_SPECIAL = {
    'connection': CONNECTION,
    'transfer-encoding': TRANSFER_ENCODING,
    'content-length': CONTENT_LENGTH,
    'date': DATE,
    'expect': EXPECT,
    'trailer': TRAILER,
    'keep-alive': KEEP_ALIVE,
}
_AUTOMATIC = CONNECTION | TRANSFER_ENCODING | CONTENT_LENGTH

KEEP_ALIVE_LINE = 'Connection: keep-alive\r\n'
CLOSE_LINE = 'Connection: close\r\n'


class Header:
    """A header as it was set. Never changed: messages share them."""

    __slots__ = ('kind', 'line', 'lower', 'name', 'value')

    def __init__(self, name: str, value: Any, line: str, kind: int, lower: str) -> None:
        self.name = name
        self.value = value
        self.line = line  # as it is sent; '': the value, a list or an object, may change until then
        self.kind = kind  # which special header it is; 0: none
        self.lower = lower  # the name in lower case


# Names and whole headers that have been checked. A program uses few of them, again and again; a collection
# that grows (numbers and ids in values) is thrown away and begins anew.
_CACHE_SIZE = 1024
_LONGEST_CACHED = 128  # characters of a value
_names: dict[str, str] = {}
_headers: dict[tuple[str, str | int], Header] = {}


def checked_name(name: str) -> str:
    """Return a header's name in lower case; TypeError ERR_INVALID_HTTP_TOKEN if it is none."""
    lower = _names.get(name) if type(name) is str else None
    if lower is None:
        validateHeaderName(name)
        if len(_names) >= _CACHE_SIZE:
            _names.clear()
        lower = _names[name] = name.lower()
    return lower


def checked_header(name: str, value: Any) -> Header:
    """Return a header with one value, after a look into the cache in vain.

    Raises TypeError ERR_INVALID_HTTP_TOKEN, ERR_HTTP_INVALID_HEADER_VALUE, ERR_INVALID_CHAR.
    """
    lower = checked_name(name)
    # What is checked is what is sent: an object of the user's may say something else when asked again.
    text: Any = value if type(value) is str or value is None else to_string(value)
    validateHeaderValue(name, text)
    header = Header(name, value, f'{name}: {text}\r\n', _SPECIAL.get(lower, 0), lower)
    # (No bool: True is equal to 1.)
    if (type(value) is str or type(value) is int) and type(name) is str and len(text) <= _LONGEST_CACHED:
        if len(_headers) >= _CACHE_SIZE:
            _headers.clear()
        _headers[name, value] = header
    return header


def header_pairs(headers: Headers) -> Iterable[tuple[str, Any]]:
    """Return (name, value) pairs of what `writeHead` and `request` take: a mapping, a flat list, a list of
    pairs.

    Raises TypeError ERR_INVALID_ARG_VALUE for a flat list of odd length.
    """
    if isinstance(headers, Mapping):
        return headers.items()
    if not headers:
        return ()
    if isinstance(headers[0], (list, tuple)):
        return map(_pair, headers)
    return flat_pairs(headers)


def _pair(pair: Any) -> tuple[str, Any]:
    """As Node, which takes what stands at 0 and at 1 of anything; what is not there is `undefined`."""
    name, value, *_ = (*pair, None, None) if isinstance(pair, (list, tuple, str)) else (None, None)
    return name, value


def flat_pairs(headers: list[Any] | tuple[Any, ...]) -> Iterable[tuple[str, Any]]:
    """Return the pairs of [name, value, name, value, ...]; TypeError ERR_INVALID_ARG_VALUE for an odd one."""
    if len(headers) % 2:
        raise errors.node_error('ERR_INVALID_ARG_VALUE', 'headers', headers)
    return zip(headers[::2], headers[1::2], strict=True)


class OutgoingHead(Stream):
    """Headers and head of a message; see OutgoingMessage, the only subclass."""

    # Node's names, for users to read and to set.
    sendDate = False
    chunkedEncoding = False
    shouldKeepAlive = True
    useChunkedEncodingByDefault = True
    maxRequestsOnConnectionReached = False
    agent: Any = None

    _headers: dict[str, Header] | None = None  # by lower-case name
    _unique_headers: frozenset[str] = frozenset()  # lower case; several values in one line
    _header: str | None = None  # the head once it is rendered, under Node's name: middleware looks at it
    _trailer = ''
    _has_body = True  # may there be one?
    _last = False  # does the connection end with this message?
    _content_length: float | None = None  # NaN: the header is no number
    _removed = 0  # the automatic headers that the user took away, as bits
    _keep_alive_timeout = 0.0  # ms, announced
    _max_requests_per_socket = 0  # announced

    # Headers

    def setHeader(self, name: str, value: Any) -> Self:
        """Set a header: a str, a number, or a list of them for several lines. Returns the message.

        Raises ERR_HTTP_HEADERS_SENT once the head is rendered; TypeError ERR_INVALID_HTTP_TOKEN,
        ERR_INVALID_CHAR or ERR_HTTP_INVALID_HEADER_VALUE. ("outgoingMessage.setHeader(name, value)")
        """
        if self._header is not None:
            self._refuse_when_sent('set')
        if (type(value) is str or type(value) is int) and type(name) is str:
            header = _headers.get((name, value)) or checked_header(name, value)
        else:
            header = Header(name, value, '', 0, checked_name(name))
            validateHeaderValue(name, value)
        if self._headers is None:
            self._headers = {}
        self._headers[header.lower] = header
        return self

    def _refuse_when_sent(self, verb: str) -> None:
        if self._header is not None:
            raise errors.node_error('ERR_HTTP_HEADERS_SENT', verb)

    def appendHeader(self, name: str, value: Any) -> Self:
        """Add a value, or a list of them, to a header. Returns the message.

        ("outgoingMessage.appendHeader(name, value)")
        """
        with monitor:
            self._refuse_when_sent('append')
            lower = checked_name(name)
            validateHeaderValue(name, value)
            if self._headers is None or lower not in self._headers:
                return self.setHeader(name, value)
            first, present = self._headers[lower], self._headers[lower].value
            values = [*present] if isinstance(present, (list, tuple)) else [present]
            values.extend(value if isinstance(value, (list, tuple)) else (value,))
            self._headers[lower] = Header(first.name, values, '', 0, lower)
            return self

    def setHeaders(self, headers: Any) -> Self:
        """Set all headers of a mapping, or of what has `keys` and `get` as Headers has. Returns the message.

        Raises TypeError ERR_INVALID_ARG_TYPE for anything else. ("outgoingMessage.setHeaders(headers)")
        """
        self._refuse_when_sent('set')
        if not callable(getattr(headers, 'keys', None)) or not callable(getattr(headers, 'get', None)):
            raise errors.invalid_arg_type('headers', 'an instance of Headers or Map', headers)
        # Headers gives each cookie as an entry of its own, and a second setHeader would replace the first.
        cookies: list[Any] = []
        spelling = ''
        for name, value in headers.items() if hasattr(headers, 'items') else headers:
            if isinstance(name, str) and name.lower() == 'set-cookie':
                spelling = spelling or name
                cookies.extend(value if isinstance(value, (list, tuple)) else (value,))
            else:
                self.setHeader(name, value)
        if cookies:
            self.setHeader(spelling, cookies)
        return self

    def getHeader(self, name: str) -> Any:
        """Return the value as it was set, None if there is none. ("outgoingMessage.getHeader(name)")"""
        lower = _name_to_look_up(name)
        header = None if self._headers is None else self._headers.get(lower)
        return None if header is None else header.value

    def hasHeader(self, name: str) -> bool:
        """Whether the header is set. ("outgoingMessage.hasHeader(name)")"""
        return _name_to_look_up(name) in (self._headers or ())

    def removeHeader(self, name: str) -> None:
        """Remove a header, be it an automatic one. ("outgoingMessage.removeHeader(name)")"""
        lower = _name_to_look_up(name)
        with monitor:
            self._refuse_when_sent('remove')
            kind = _SPECIAL.get(lower, 0)
            self._removed |= kind & _AUTOMATIC
            if kind == DATE:
                self.sendDate = False
            if self._headers is not None:
                self._headers.pop(lower, None)

    def getHeaderNames(self) -> list[str]:
        """Return the lower-case names of the headers set. ("outgoingMessage.getHeaderNames()")"""
        return list(self._headers or ())

    def getRawHeaderNames(self) -> list[str]:
        """Return the names of the headers in the case they were set in. ("request.getRawHeaderNames()")"""
        return [header.name for header in (self._headers or {}).values()]

    def getHeaders(self) -> Record[Any]:
        """Return a copy of the headers by lower-case name. ("outgoingMessage.getHeaders()")"""
        return Record((lower, header.value) for lower, header in (self._headers or {}).items())

    def addTrailers(self, headers: Headers) -> None:
        """Set the fields that follow the last chunk; a message that is not chunked drops them.

        Raises TypeError ERR_INVALID_HTTP_TOKEN, ERR_INVALID_CHAR. ("outgoingMessage.addTrailers(headers)")
        """
        lines = []
        for name, value in header_pairs(headers):
            validateHeaderName(name, 'Trailer name')
            for item in value if isinstance(value, (list, tuple)) else (value,):
                text = to_string(item)
                try:
                    validateHeaderValue(name, text)
                except errors.NodeError:
                    raise errors.node_error('ERR_INVALID_CHAR', f'trailer content ["{name}"]') from None
                lines.append(f'{name}: {text}\r\n')
        self._trailer = ''.join(lines)

    # The head

    @property
    def headersSent(self) -> bool:
        """Whether the head was rendered. ("outgoingMessage.headersSent")"""
        return self._header is not None

    def _render_head(self, first_line: str, headers: Iterable[tuple[str, Any]] | None = None) -> bool:
        """Render the head with these headers, or with those that were set. `first_line` ends with CRLF.
        Returns whether the peer must see it before the body.

        Raises TypeError for bad names and values, ERR_HTTP_TRAILER_INVALID.
        """
        parts = [first_line]
        seen = 0
        if headers is not None:
            seen = self._render_pairs(parts, headers)
        elif self._headers is not None:
            for header in list(self._headers.values()):  # (another thread may set one)
                line, kind = header.line, header.kind
                if not line:
                    seen |= self._render_pairs(parts, ((header.name, header.value),))
                    continue
                parts.append(line)
                if kind:
                    seen |= kind
                    self._heed(kind, header.value)
        if self.sendDate and not seen & DATE:
            parts.append(f'Date: {http_date()}\r\n')
        if self.chunkedEncoding and self._is_never_chunked():
            # RFC 9112, 6.1 forbids the header, but the user set it: a peer that believes it must not wait.
            self.chunkedEncoding = self.shouldKeepAlive = False
        removed = self._removed
        if removed:
            self._removed = removed = removed & ~seen
        self._render_persistence(parts, seen, removed)
        if not seen & (CONTENT_LENGTH | TRANSFER_ENCODING):
            self._render_framing(parts, seen, removed)
        if seen & TRAILER and not self.chunkedEncoding:
            raise errors.node_error('ERR_HTTP_TRAILER_INVALID')
        parts.append('\r\n')
        self._header = ''.join(parts)
        return seen & EXPECT != 0

    def _render_pairs(self, parts: list[str], headers: Iterable[tuple[str, Any]]) -> int:
        """The lines of headers that nobody has looked at yet; returns which special ones there are."""
        seen = 0
        for name, value in headers:
            if type(value) is str or type(value) is int:
                try:
                    header = _headers.get((name, value)) or checked_header(name, value)
                except TypeError:  # also of a name that has no hash
                    validateHeaderName(name)
                    raise
            elif isinstance(value, (list, tuple)):
                seen |= self._render_list(parts, name, value)
                continue
            else:
                header = checked_header(name, value)
            parts.append(header.line)
            kind = header.kind
            if kind:
                seen |= kind
                self._heed(kind, value)
        return seen

    def _render_list(self, parts: list[str], name: str, values: Iterable[Any]) -> int:
        """One line for each value; cookies, and what the user wants unique, in one."""
        values = list(values)
        lower = checked_name(name)
        if lower in self._unique_headers or (lower == 'cookie' and len(values) > 1):
            values = ['; '.join(map(to_string, values))]
        seen = 0
        for value in values:
            header = checked_header(name, 'null' if value is None else value)
            parts.append(header.line)
            if header.kind:
                seen |= header.kind
                self._heed(header.kind, value)
        return seen

    def _heed(self, kind: int, value: Any) -> None:
        """Draw the consequences of a header that says something about the framing or the connection."""
        if kind == CONTENT_LENGTH:
            self._content_length = value if type(value) is int else to_number(to_string(value))
        elif kind == CONNECTION:
            if has_close(to_string(value)):
                self._last = True
            else:
                self.shouldKeepAlive = True
        elif kind == TRANSFER_ENCODING and has_chunked(to_string(value)):
            self.chunkedEncoding = True

    def _is_never_chunked(self) -> bool:
        """Is this a 204 or a 304?"""
        return False

    def _render_persistence(self, parts: list[str], seen: int, removed: int) -> None:
        """Connection and Keep-Alive: is this the last message of its connection?"""
        if removed & CONNECTION:
            self._last = not self.shouldKeepAlive
        elif seen & CONNECTION:
            pass
        # Without a length the end of the body is the end of the connection.
        elif not self.shouldKeepAlive or not (
                seen & CONTENT_LENGTH or self.useChunkedEncodingByDefault or self.agent):
            self._last = True
            parts.append(CLOSE_LINE)
        elif self.maxRequestsOnConnectionReached:
            parts.append(CLOSE_LINE)
        else:
            timeout = self._keep_alive_timeout
            parts.append(
                keep_alive_lines(timeout, self._max_requests_per_socket) if timeout and not seen & KEEP_ALIVE
                else KEEP_ALIVE_LINE)

    def _render_framing(self, parts: list[str], seen: int, removed: int) -> None:
        """Content-Length where it is known, chunks where not."""
        if not self._has_body:
            self.chunkedEncoding = False
        elif not self.useChunkedEncodingByDefault:
            self._last = True
        elif self._content_length is not None and not (seen & TRAILER or removed & CONTENT_LENGTH):
            parts.append(f'Content-Length: {self._content_length}\r\n')
        elif not removed & TRANSFER_ENCODING:
            parts.append('Transfer-Encoding: chunked\r\n')
            self.chunkedEncoding = True
        else:  # the user removed both
            self._last = True


@functools.lru_cache(64)
def keep_alive_lines(timeout: float, max_requests: int) -> str:
    """Say that the connection stays, and how long (ms) and for how many requests."""
    limit = f', max={max_requests}' if max_requests > 0 else ''
    return f'{KEEP_ALIVE_LINE}Keep-Alive: timeout={int(timeout // 1000)}{limit}\r\n'


def _name_to_look_up(name: Any) -> str:
    if not isinstance(name, str):
        raise errors.invalid_arg_type('name', 'of type string', name)
    return name.lower()
