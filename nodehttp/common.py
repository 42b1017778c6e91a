"""What client and server share: names and texts of HTTP, what a header may hold, and how repeated headers
combine.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any

from nodehttp.errors import node_error, show
from nodehttp.record import Record
from nodehttp.strings import to_string

# What Node's parser accepts as the method of an HTTP request ("http.METHODS").
METHODS: list[str] = [
    'ACL', 'BIND', 'CHECKOUT', 'CONNECT', 'COPY', 'DELETE', 'GET', 'HEAD', 'LINK', 'LOCK', 'M-SEARCH',
    'MERGE', 'MKACTIVITY', 'MKCALENDAR', 'MKCOL', 'MOVE', 'NOTIFY', 'OPTIONS', 'PATCH', 'POST', 'PROPFIND',
    'PROPPATCH', 'PURGE', 'PUT', 'QUERY', 'REBIND', 'REPORT', 'SEARCH', 'SOURCE', 'SUBSCRIBE', 'TRACE',
    'UNBIND', 'UNLINK', 'UNLOCK', 'UNSUBSCRIBE',
]


class StatusCodes(dict[int, str]):
    """Reason phrases by status code. As in JavaScript the code may be a number or a string; an unknown one
    reads as None.
    """

    def __missing__(self, code: Any) -> str | None:
        number = _status_number(code)
        return None if number == code else dict.get(self, number)

    def __contains__(self, code: object) -> bool:
        return dict.__contains__(self, _status_number(code))

    def get(self, code: Any, default: Any = None) -> Any:
        """Return the reason phrase of `code`, a number or a string; else `default`."""
        return dict.get(self, _status_number(code), default)


def _status_number(code: Any) -> Any:
    return int(code) if isinstance(code, str) and re.fullmatch('[1-9][0-9]*', code) else code


# "http.STATUS_CODES"
STATUS_CODES = StatusCodes({
    100: 'Continue', 101: 'Switching Protocols', 102: 'Processing', 103: 'Early Hints',
    200: 'OK', 201: 'Created', 202: 'Accepted', 203: 'Non-Authoritative Information', 204: 'No Content',
    205: 'Reset Content', 206: 'Partial Content', 207: 'Multi-Status', 208: 'Already Reported',
    226: 'IM Used',
    300: 'Multiple Choices', 301: 'Moved Permanently', 302: 'Found', 303: 'See Other', 304: 'Not Modified',
    305: 'Use Proxy', 307: 'Temporary Redirect', 308: 'Permanent Redirect',
    400: 'Bad Request', 401: 'Unauthorized', 402: 'Payment Required', 403: 'Forbidden', 404: 'Not Found',
    405: 'Method Not Allowed', 406: 'Not Acceptable', 407: 'Proxy Authentication Required',
    408: 'Request Timeout', 409: 'Conflict', 410: 'Gone', 411: 'Length Required',
    412: 'Precondition Failed', 413: 'Payload Too Large', 414: 'URI Too Long',
    415: 'Unsupported Media Type', 416: 'Range Not Satisfiable', 417: 'Expectation Failed',
    418: "I'm a Teapot", 421: 'Misdirected Request', 422: 'Unprocessable Entity', 423: 'Locked',
    424: 'Failed Dependency', 425: 'Too Early', 426: 'Upgrade Required', 428: 'Precondition Required',
    429: 'Too Many Requests', 431: 'Request Header Fields Too Large', 451: 'Unavailable For Legal Reasons',
    500: 'Internal Server Error', 501: 'Not Implemented', 502: 'Bad Gateway', 503: 'Service Unavailable',
    504: 'Gateway Timeout', 505: 'HTTP Version Not Supported', 506: 'Variant Also Negotiates',
    507: 'Insufficient Storage', 508: 'Loop Detected', 509: 'Bandwidth Limit Exceeded',
    510: 'Not Extended', 511: 'Network Authentication Required',
})

# Node's command-line switches for a whole process are taken from where it reads them too: the variable
# NODE_OPTIONS ("--max-http-header-size", "--insecure-http-parser", "--use-env-proxy"), with _ for - as there.
_switches = os.environ.get('NODE_OPTIONS', '').replace('_', '-')
_size = _switches and re.search(r'(?:^|\s)--max-http-header-size[=\s]\s*(\d+)', _switches)

MAX_HEADER_SIZE = int(_size[1]) if _size else 16384  # bytes; Apache and nginx: 8 KiB a line
INSECURE_HTTP_PARSER = bool(_switches and re.search(r'(?:^|\s)--insecure-http-parser(?:\s|$)', _switches))
_proxies = _switches and re.findall(r'(?:^|\s)--(no-)?use-env-proxy(?![^\s=])', _switches)
# Do the global agents use the proxies that the environment names? The last switch decides, else the variable.
USE_ENV_PROXY = not _proxies[-1] if _proxies else os.environ.get('NODE_USE_ENV_PROXY') == '1'
DEFAULT_HEADERS_COUNT = 1000  # pairs that reach `headers` while `maxHeadersCount` is unset (documented: 2000)

# RFC 9110 section 5.6.2, and 5.5 as Node reads it: tab, visible ASCII, space, and all of the upper half of
# latin1.
is_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
has_invalid_char = re.compile('[^\t\x20-\x7e\x80-\xff]').search

# As Node, an option counts wherever it is a word of its own, `x-close` included.
has_close = re.compile(r'\bclose(?!\w)', re.IGNORECASE | re.ASCII).search
has_chunked = re.compile(r'\bchunked(?!\w)', re.IGNORECASE | re.ASCII).search
has_100_continue = re.compile(r'\b100-continue(?!\w)', re.IGNORECASE | re.ASCII).search


def validateHeaderName(name: Any, label: str | None = None) -> None:
    """Raise TypeError ERR_INVALID_HTTP_TOKEN unless `name` is a str that HTTP accepts as the name of a
    header.

    `label` (default 'Header name') begins the message. "http.validateHeaderName(name[, label])"
    """
    if not isinstance(name, str) or not is_token(name):
        shown = name if isinstance(name, str) else show(name)
        raise node_error('ERR_INVALID_HTTP_TOKEN', label or 'Header name', shown)


def validateHeaderValue(name: Any, value: Any) -> None:
    """Raise TypeError unless the text of `value` can stand in a header.

    ERR_HTTP_INVALID_HEADER_VALUE for None, ERR_INVALID_CHAR for control characters and what latin1 lacks.
    `name` is only for the message. "http.validateHeaderValue(name, value)"
    """
    if value is None:
        raise node_error('ERR_HTTP_INVALID_HEADER_VALUE', 'undefined', show(name) if name is None else name)
    if has_invalid_char(value if type(value) is str else to_string(value)):
        raise node_error('ERR_INVALID_CHAR', f'header content ["{name}"]')


# Headers of which one message has one: what is repeated is dropped ("message.headers").
_SINGLE = frozenset([
    'age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host',
    'if-modified-since', 'if-unmodified-since', 'last-modified', 'location', 'max-forwards',
    'proxy-authorization', 'referer', 'retry-after', 'server', 'user-agent',
])


def collect_headers(raw: list[str], join_duplicates: bool = False) -> Record[Any]:
    """Return `message.headers` for a flat list of names and values: by lower-case name, duplicates by the
    rules of Node.

    `set-cookie` is always a list; `cookie` is joined with '; ', the others with ', ', except those of which
    only the first counts unless `join_duplicates`.
    """
    headers: Record[Any] = Record(zip(map(str.lower, raw[::2]), raw[1::2], strict=True))
    if len(headers) * 2 == len(raw) and 'set-cookie' not in headers:
        return headers
    headers.clear()
    for name, value in zip(raw[::2], raw[1::2], strict=True):
        name = name.lower()
        if name == 'set-cookie':
            headers.setdefault(name, []).append(value)
        elif name not in headers:
            headers[name] = value
        elif name == 'cookie':
            headers[name] += f'; {value}'
        elif join_duplicates or name not in _SINGLE:
            headers[name] += f', {value}'
    return headers


def collect_distinct(raw: list[str]) -> Record[list[str]]:
    """Return `message.headersDistinct` for a flat list of names and values: every value, by lower-case name.
    """
    headers: Record[list[str]] = Record()
    for name, value in zip(raw[::2], raw[1::2], strict=True):
        headers.setdefault(name.lower(), []).append(value)
    return headers


def limit_headers(raw: list[str], max_count: int | None = None) -> int:
    """Apply `maxHeadersCount` to the flat list `raw`, in place; return how much of it reaches `headers`.

    None means DEFAULT_HEADERS_COUNT, 0 no limit. As Node, whose parser hands headers over in lots of 31 pairs
    and stops asking once it has enough, `rawHeaders` keeps the last lot whole.
    """
    if max_count is None:
        max_count = DEFAULT_HEADERS_COUNT
    if not max_count or len(raw) <= 2 * max_count:
        return len(raw)
    del raw[2 * -(-max_count // _LOT) * _LOT:]
    return 2 * max_count


_LOT = 31

_DAYS = ('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')
_MONTHS = ('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')
_date_of = -1
_date = ''


def http_date() -> str:
    """Return the present time as the `Date` header gives it (IMF-fixdate, RFC 9110 section 5.6.7), rendered
    once a second.

    Threads may call it at the same time: at worst both render the same second.
    """
    global _date, _date_of
    now = int(time.time())
    if now != _date_of:
        # Not strftime, whose names follow the locale.
        year, month, day, hour, minute, second, weekday, *_ = time.gmtime(now)
        date = f'{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year}'
        _date = f'{date} {hour:02}:{minute:02}:{second:02} GMT'
        _date_of = now  # last: who sees this second must find its text
    return _date
