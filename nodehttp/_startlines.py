"""Start lines: the states of `GET / HTTP/1.1` and of `HTTP/1.1 200 OK`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn

from nodehttp._headerlines import COLON, CR, LF, SPACE, SPACES, TO_LINE_END, HeaderLines
from nodehttp._reads import NONE, ONE_BYTE
from nodehttp.common import METHODS

# Runs of bytes. Each matches everywhere, if need be the empty run.
_LETTERS = re.compile(rb'[A-Za-z]*')
_URL_SERVER = re.compile(rb"[!$%&'()*+,\-.0-9:;=A-Z\[\]_a-z~]*")
_URL_RUNS = {
    'path': re.compile(rb'[!"$->@-~]*'),
    'query': re.compile(rb'[!"$-~]*'),
    'fragment start': re.compile(rb'[!-~]*'),
}

_NUMBER_SIGN, _DOT, _SLASH, _QUESTION_MARK, _AT = b'#./?@'

# Node's parser also knows RTSP (RFC 2326) and ICE (Icecast); each has methods of its own.
_RTSP_METHODS = (
    'OPTIONS', 'DESCRIBE', 'ANNOUNCE', 'SETUP', 'PLAY', 'PAUSE', 'TEARDOWN', 'GET_PARAMETER', 'SET_PARAMETER',
    'REDIRECT', 'RECORD', 'FLUSH', 'GET', 'POST',
)
_PROTOCOLS = {
    b'HTTP': (frozenset([*METHODS, 'PRI']), 'Invalid method for HTTP/x.x request'),
    b'RTSP': (frozenset(_RTSP_METHODS), 'Invalid method for RTSP/x.x request'),
    b'ICE': (frozenset(['SOURCE']), 'Expected SOURCE method for ICE/x.x request'),
}
_ALL_METHODS = {method.encode(): method for methods, _ in _PROTOCOLS.values() for method in methods}


def _starts(words: Iterable[bytes]) -> frozenset[bytes]:
    return frozenset(word[:length] for word in words for length in range(len(word) + 1))


_METHOD_STARTS = _starts(_ALL_METHODS)
_PROTOCOL_STARTS = _starts(name + b'/' for name in _PROTOCOLS)
_LONGEST_METHOD = max(map(len, _ALL_METHODS))
_VERSIONS = frozenset([(0, 9), (1, 0), (1, 1), (2, 0)])
_HTTP2_PREFACE = b'\r\n\r\nSM\r\n\r\n'  # what follows `PRI * HTTP/2.0`, RFC 9113 section 3.4


class StartLines(HeaderLines):
    """From `_request_method` or `_protocol_name` to `_after_start_line`."""

    __slots__ = ('_digits', '_major', '_method', '_minor', '_part', '_reason', '_status', '_url')

    _method: str
    _url: str
    _status: int
    _reason: str
    _major: int
    _minor: int
    _part: str  # of the URL
    _digits: int  # how many the number at hand has

    # The request line.

    def _request_method(self) -> None:
        known = len(self._span)
        word = self._span + self._data[self._pos:self._pos + _LONGEST_METHOD + 1]
        length = known
        while length < len(word) and word[:length + 1] in _METHOD_STARTS:
            length += 1
        self._pos += length - known
        if length == len(word):
            self._span = word
            return
        method = _ALL_METHODS.get(word[:length])
        if method is None:
            self._refuse('HPE_INVALID_METHOD', 'Invalid method encountered', self._pos)
        if word[length] != SPACE:
            self._refuse('HPE_INVALID_METHOD', 'Expected space after method', self._pos)
        self._method = method
        self._span = b''
        self._pos += 1
        self._state = StartLines._before_url

    def _before_url(self) -> None:
        byte = self._skip(SPACES)
        if byte == NONE:
            return
        if self._method == 'CONNECT':
            self._state = StartLines._url_server
        elif byte in b'/*':
            self._part = 'path'
            self._take(ONE_BYTE)
            self._state = StartLines._url_rest
        elif 0x41 <= byte & 0xdf <= 0x5a:
            self._state = StartLines._url_schema
        elif byte in b'\t\n\x0c\r':
            self._refuse('HPE_INVALID_URL', 'Invalid characters in url', self._pos + 1)
        else:
            self._refuse('HPE_INVALID_URL', 'Unexpected start char in url', self._pos)

    def _url_schema(self) -> None:
        byte = self._take(_LETTERS)
        if byte == COLON:
            self._take(ONE_BYTE)
            self._state = StartLines._url_first_slash
        elif byte != NONE:
            self._refuse_in_schema(byte)

    def _url_first_slash(self) -> None:
        if self._data[self._pos] != _SLASH:
            self._refuse_in_schema(self._data[self._pos])
        self._take(ONE_BYTE)
        self._state = StartLines._url_second_slash

    def _refuse_in_schema(self, byte: int) -> NoReturn:
        if byte in b'\t\n\x0c\r ':
            self._refuse('HPE_INVALID_URL', 'Invalid characters in url', self._pos + 1)
        self._refuse('HPE_INVALID_URL', 'Unexpected char in url schema', self._pos)

    def _url_second_slash(self) -> None:
        if self._data[self._pos] != _SLASH:
            self._refuse('HPE_INVALID_URL', 'Unexpected char in url schema', self._pos)
        self._take(ONE_BYTE)
        self._state = StartLines._url_server

    def _url_server(self) -> None:
        byte = self._take(_URL_SERVER)
        if byte == NONE:
            return
        if byte == _AT:
            if self._span.endswith(b'@'):
                self._refuse('HPE_INVALID_URL', 'Double @ in url', self._pos + 1)
            self._take(ONE_BYTE)
        elif byte in b'/?':
            self._part = 'path' if byte == _SLASH else 'query'
            self._take(ONE_BYTE)
            self._state = StartLines._url_rest
        else:
            self._end_url(byte, 'Unexpected char in url server')

    def _url_rest(self) -> None:
        byte = self._take(_URL_RUNS[self._part])
        if byte == NONE:
            return
        if byte == _QUESTION_MARK:
            self._part = 'query'
            self._take(ONE_BYTE)
        elif byte == _NUMBER_SIGN:
            self._part = 'fragment start'
            self._take(ONE_BYTE)
        else:
            self._end_url(byte, f'Invalid char in url {self._part}')

    def _end_url(self, byte: int, reason: str) -> None:
        if byte in b'\t\x0c':
            self._refuse('HPE_INVALID_URL', 'Invalid characters in url', self._pos + 1)
        if byte not in b' \r\n':
            self._refuse('HPE_INVALID_URL', reason, self._pos)
        self._url = self._end_span(self._pos).decode('latin1')
        self._major, self._minor = 0, 9  # unless a version follows
        self._pos += 1
        if byte == SPACE:
            self._state = StartLines._after_url
        else:
            self._state = StartLines._url_line_feed if byte == CR else StartLines._after_simple_request

    def _url_line_feed(self) -> None:
        if self._data[self._pos] != LF:
            self._refuse('HPE_INVALID_URL', 'Expected CRLF', self._pos)
        self._pos += 1
        self._state = StartLines._after_simple_request

    def _after_simple_request(self) -> None:
        """`GET /` alone is HTTP/0.9. As Node: headers may follow all the same, and the next byte is checked
        as the URL's.
        """
        self._refuse_blank_in_url()
        self._state = HeaderLines._after_start_line

    def _after_url(self) -> None:
        self._refuse_blank_in_url()
        self._state = StartLines._before_protocol

    def _refuse_blank_in_url(self) -> None:
        if self._data[self._pos] in b'\t\x0c':
            self._refuse('HPE_INVALID_URL', 'Invalid characters in url', self._pos + 1)

    def _before_protocol(self) -> None:
        if self._skip(SPACES) != NONE:
            self._state = StartLines._protocol_name

    # `HTTP/1.1`, in requests and responses.

    def _protocol_name(self) -> None:
        byte = self._data[self._pos:self._pos + 1]
        self._span += byte
        if self._span not in _PROTOCOL_STARTS:
            self._refuse('HPE_INVALID_CONSTANT', 'Expected HTTP/, RTSP/ or ICE/', self._pos)
        self._pos += 1
        if byte == b'/':
            self._span = b''
            self._state = StartLines._version_major
        elif self._is_request and self._span in _PROTOCOLS:
            methods, reason = _PROTOCOLS[self._span]
            if self._method not in methods:
                self._refuse('HPE_INVALID_CONSTANT', reason, self._pos)

    def _version_major(self) -> None:
        self._major = self._digit('HPE_INVALID_VERSION', 'Invalid major version')
        self._state = StartLines._version_dot

    def _version_dot(self) -> None:
        if self._data[self._pos] != _DOT:
            self._refuse('HPE_INVALID_VERSION', 'Expected dot', self._pos)
        self._pos += 1
        self._state = StartLines._version_minor

    def _version_minor(self) -> None:
        self._minor = self._digit('HPE_INVALID_VERSION', 'Invalid minor version')
        if (self._major, self._minor) not in _VERSIONS and not self._lenient:
            self._refuse('HPE_INVALID_VERSION', 'Invalid HTTP version', self._pos)
        if not self._is_request:
            self._state = StartLines._after_response_version
        elif self._method == 'PRI':
            self._state = StartLines._http2_preface
        else:
            self._state = StartLines._after_request_version

    def _digit(self, code: str, reason: str) -> int:
        digit = self._data[self._pos] - 0x30
        if not 0 <= digit <= 9:
            self._refuse(code, reason, self._pos)
        self._pos += 1
        return digit

    def _after_request_version(self) -> None:
        byte = self._data[self._pos]
        if byte not in b'\r\n':
            self._refuse('HPE_INVALID_VERSION', 'Expected CRLF after version', self._pos)
        self._pos += 1
        if byte == CR:
            self._state = StartLines._request_line_feed
        elif self._lenient:
            self._state = HeaderLines._after_start_line
        else:
            self._refuse('HPE_INVALID_VERSION', 'Expected CRLF after version', self._pos)

    def _request_line_feed(self) -> None:
        self._expect_line_feed('HPE_STRICT', 'Expected CRLF after version')
        self._state = HeaderLines._after_start_line

    def _http2_preface(self) -> None:
        self._span += self._data[self._pos:self._pos + 1]
        if not _HTTP2_PREFACE.startswith(self._span):
            self._refuse('HPE_INVALID_VERSION', 'Expected HTTP/2 Connection Preface', self._pos)
        self._pos += 1
        if self._span == _HTTP2_PREFACE:
            self._refuse('HPE_PAUSED_H2_UPGRADE', 'Pause on PRI/Upgrade', self._pos)

    # The rest of a status line.

    def _after_response_version(self) -> None:
        if self._data[self._pos] != SPACE:
            self._refuse('HPE_INVALID_VERSION', 'Expected space after version', self._pos)
        self._pos += 1
        self._status = self._digits = 0
        self._reason = ''
        self._state = StartLines._status_code

    def _status_code(self) -> None:
        self._status = self._status * 10 + self._digit('HPE_INVALID_STATUS', 'Invalid status code')
        self._digits += 1
        if self._digits == 3:
            self._state = StartLines._after_status

    def _after_status(self) -> None:
        byte = self._data[self._pos]
        if byte not in b' \r\n':
            self._refuse('HPE_INVALID_STATUS', 'Invalid response status', self._pos)
        self._pos += 1
        if byte == SPACE:
            self._state = StartLines._status_reason
        elif byte == CR:
            self._state = StartLines._status_line_feed
        elif self._lenient:
            self._state = HeaderLines._after_start_line
        else:
            self._refuse('HPE_INVALID_STATUS', 'Invalid response status', self._pos)

    def _status_reason(self) -> None:
        byte = self._take(TO_LINE_END)
        if byte == NONE:
            return
        self._pos += 1
        self._reason = self._end_span(self._pos).decode('latin1')
        if byte == CR:
            self._state = StartLines._status_line_feed
        elif self._lenient:
            self._state = HeaderLines._after_start_line
        else:
            self._refuse('HPE_CR_EXPECTED', 'Missing expected CR after response line', self._pos)

    def _status_line_feed(self) -> None:
        if self._data[self._pos] == CR:  # as Node
            self._pos += 1
        else:
            self._expect_line_feed('HPE_STRICT', 'Expected LF after CR')
        self._state = HeaderLines._after_start_line
