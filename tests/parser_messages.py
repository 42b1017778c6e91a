"""Messages that Node 25.2.1 accepts, and the events that its parser makes of them.

(title, who reads it, bytes, events). A head is (method or status, path or reason, version, raw headers), with
'upgrade' where the parser sees one and 'close' where the connection does not stay open; then the body, 'end'
or ('end', raw trailers). The end of the data is the end of the connection. An error is (code, reason,
bytesParsed).
"""

from typing import Any, Literal

Row = tuple[str, Literal['request', 'response'], bytes, list[Any]]

GET = b'GET / HTTP/1.1\r\n'
POST = b'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
OK = b'HTTP/1.1 200 OK\r\n'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

PLAIN = ('GET', '/', '1.1', [])
POST_HEAD = ('POST', '/', '1.1', ['Transfer-Encoding', 'chunked'])
CHUNKED_HEAD = (200, 'OK', '1.1', ['Transfer-Encoding', 'chunked'])

# What the tests send behind a message.
NEXT = {
    'request': b'PUT /next HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi',
    'response': b'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhi',
}
NEXT_EVENTS: dict[str, list[Any]] = {
    'request': [('PUT', '/next', '1.1', ['Host', 'a', 'Content-Length', '2']), b'hi', 'end'],
    'response': [(404, 'Not Found', '1.1', ['Content-Length', '2']), b'hi', 'end'],
}


def get(*headers: str, notes: tuple[str, ...] = ()) -> list[Any]:
    """The events of a GET without a body."""
    return [(*PLAIN[:3], list(headers), *notes), 'end']


ROWS: list[Row] = [
    # Start lines
    ('GET', 'request', GET + b'\r\n', [PLAIN, 'end']),
    ('empty lines before', 'request', b'\r\n\n\r' + GET + b'\r\n', [PLAIN, 'end']),
    ('QUERY', 'request', b'QUERY /a?b#c HTTP/1.1\r\n\r\n', [('QUERY', '/a?b#c', '1.1', []), 'end']),
    ('M-SEARCH', 'request', b'M-SEARCH * HTTP/1.1\r\n\r\n', [('M-SEARCH', '*', '1.1', []), 'end']),
    ('RTSP', 'request', b'PLAY / RTSP/1.0\r\n\r\n', [('PLAY', '/', '1.0', [], 'close'), 'end']),
    ('ICE', 'request', b'SOURCE / ICE/1.0\r\n\r\n', [('SOURCE', '/', '1.0', [], 'close'), 'end']),
    ('absolute URL', 'request', b'GET http://u:p@[::1]:80/?q HTTP/1.1\r\n\r\n',
     [('GET', 'http://u:p@[::1]:80/?q', '1.1', []), 'end']),
    ('more spaces', 'request', b'GET   /   HTTP/1.1\r\n\r\n', [PLAIN, 'end']),
    ('HTTP/0.9', 'request', b'GET /\r\n\r\n', [('GET', '/', '0.9', [], 'close'), 'end']),
    ('HTTP/0.9 with LF and headers', 'request', b'GET /\nA: b\r\n\r\n',
     [('GET', '/', '0.9', ['A', 'b'], 'close'), 'end']),
    ('HTTP/2.0', 'request', b'GET / HTTP/2.0\r\n\r\n', [('GET', '/', '2.0', [], 'close'), 'end']),
    ('HTTP/1.0', 'request', b'GET / HTTP/1.0\r\n\r\n', [('GET', '/', '1.0', [], 'close'), 'end']),
    ('HTTP/1.0 kept alive', 'request', b'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
     [('GET', '/', '1.0', ['Connection', 'keep-alive']), 'end']),
    ('HTTP/1.0 keep-alive and close', 'request', b'GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n',
     [('GET', '/', '1.0', ['Connection', 'close, keep-alive']), 'end']),
    # Header lines
    ('blanks around a value', 'request', GET + b'A: \t b  c \t \r\nB:\r\nC: \t\r\nD:d\r\n\r\n',
     get('A', 'b  c', 'B', '', 'C', '', 'D', 'd')),
    ('upper half of latin1', 'request', GET + b'A: b\x80\xff\tc\r\n\r\n', get('A', 'b\x80\xff\tc')),
    ('colons in a value', 'request', GET + b'Host: a:80\r\nReferer: http://a/: b: c\r\n\r\n',
     get('Host', 'a:80', 'Referer', 'http://a/: b: c')),
    ('repeated headers', 'request', GET + b'A: 1\r\na: 2\r\nA: 1\r\n\r\n', get('A', '1', 'a', '2', 'A', '1')),
    ('every character of a name', 'request', GET + b"!#$%&'*+-.^_`|~09azAZ: 1\r\n\r\n",
     get("!#$%&'*+-.^_`|~09azAZ", '1')),
    # Connection
    ('close', 'request', GET + b'Connection: Close\r\n\r\n', get('Connection', 'Close', notes=('close',))),
    ('close in a list', 'request', GET + b'Connection: x y,\tclose ,z\r\n\r\n',
     get('Connection', 'x y,\tclose ,z', notes=('close',))),
    ('no close', 'request', GET + b'Connection: close x, closed, "close"\r\n\r\n',
     get('Connection', 'close x, closed, "close"')),
    ('Proxy-Connection', 'request', GET + b'Proxy-Connection: close\r\n\r\n',
     get('Proxy-Connection', 'close', notes=('close',))),
    ('upgrade', 'request', GET + b'Connection: x, Upgrade\r\nUpgrade: y\r\n\r\n',
     get('Connection', 'x, Upgrade', 'Upgrade', 'y', notes=('upgrade',))),
    ('upgrade that closes', 'request', GET + b'Upgrade: y\r\nConnection: close, upgrade\r\n\r\n',
     get('Upgrade', 'y', 'Connection', 'close, upgrade', notes=('upgrade', 'close'))),
    ('Upgrade alone', 'request', GET + b'Upgrade: y\r\n\r\n', get('Upgrade', 'y')),
    ('Connection: upgrade alone', 'request', GET + b'Connection: upgrade\r\n\r\n',
     get('Connection', 'upgrade')),
    ('empty Upgrade', 'request', GET + b'Connection: upgrade\r\nUpgrade:\r\n\r\n',
     get('Connection', 'upgrade', 'Upgrade', '')),
    ('CONNECT', 'request', b'CONNECT a.b:80 HTTP/1.1\r\nContent-Length: 3\r\n\r\n',
     [('CONNECT', 'a.b:80', '1.1', ['Content-Length', '3'], 'upgrade'), 'end']),
    # Bodies of requests
    ('length', 'request', GET + b'Content-Length: 3\r\n\r\nabc',
     [('GET', '/', '1.1', ['Content-Length', '3']), b'abc', 'end']),
    ('length with zeros and spaces', 'request',
     GET + b'content-length:\t0000000000000000000000003  \r\n\r\nabc',
     [('GET', '/', '1.1', ['content-length', '0000000000000000000000003']), b'abc', 'end']),
    ('length of 0', 'request', GET + b'Content-Length: 0\r\n\r\n', get('Content-Length', '0')),
    ('chunked', 'request', POST + b'3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n',
     [POST_HEAD, b'abc0123456789', 'end']),
    ('no chunk', 'request', POST + b'000\r\n\r\n', [POST_HEAD, 'end']),
    ('line ends as data', 'request', POST + b'4\r\n\r\n\r\n\r\n0\r\n\r\n', [POST_HEAD, b'\r\n\r\n', 'end']),
    ('zeros before a chunk size', 'request', POST + b'0000000000000000000003\r\nabc\r\n0\r\n\r\n',
     [POST_HEAD, b'abc', 'end']),
    ('extensions', 'request', POST + b'3;a;b=c;d="e f;\\"\x80"\r\nabc\r\n1;;=\r\nd\r\n0;x=\r\n\r\n',
     [POST_HEAD, b'abcd', 'end']),
    ('trailers', 'request', POST + b'3\r\nabc\r\n0\r\nA: b\r\nA:\r\nC: d \r\n\r\n',
     [POST_HEAD, b'abc', ('end', ['A', 'b', 'A', '', 'C', 'd'])]),
    ('trailer Connection: close', 'request', POST + b'0\r\nConnection: x\r\n\r\n',
     [POST_HEAD, ('end', ['Connection', 'x'])]),
    ('gzip, chunked', 'request', GET + b'Transfer-Encoding: gzip ,\tCHUNKED \r\n\r\n0\r\n\r\n',
     get('Transfer-Encoding', 'gzip ,\tCHUNKED')),
    ('gzip, chunked in two headers', 'request',
     GET + b'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
     get('Transfer-Encoding', 'gzip', 'Transfer-Encoding', 'chunked')),
    ('empty Transfer-Encoding', 'request', GET + b'Transfer-Encoding:\r\nContent-Length: 1\r\n\r\na',
     [('GET', '/', '1.1', ['Transfer-Encoding', '', 'Content-Length', '1']), b'a', 'end']),
    ('chunked in HTTP/1.0', 'request', b'GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
     [('GET', '/', '1.0', ['Transfer-Encoding', 'chunked'], 'close'), 'end']),
    # Status lines
    ('no reason', 'response', b'HTTP/1.1 204\r\n\r\n', [(204, '', '1.1', []), 'end']),
    ('empty reason', 'response', b'HTTP/1.1 204 \r\n\r\n', [(204, '', '1.1', []), 'end']),
    ('odd reason', 'response', b'HTTP/1.1 204  a\0b\xff \t\r\n\r\n',
     [(204, ' a\0b\xff \t', '1.1', []), 'end']),
    ('status of any three digits', 'response', b'HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n',
     [(99, 'X', '1.1', ['Content-Length', '0']), 'end']),
    ('RTSP response', 'response', b'RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n',
     [(200, 'OK', '1.0', ['Content-Length', '0'], 'close'), 'end']),
    # Bodies of responses
    ('response of known length', 'response', OK + b'Content-Length: 3\r\n\r\nabc',
     [(200, 'OK', '1.1', ['Content-Length', '3']), b'abc', 'end']),
    ('response in chunks', 'response', CHUNKED + b'3\r\nabc\r\n0\r\nA: b\r\n\r\n',
     [CHUNKED_HEAD, b'abc', ('end', ['A', 'b'])]),
    ('HTTP/1.0 response', 'response', b'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na',
     [(200, 'OK', '1.0', ['Content-Length', '1'], 'close'), b'a', 'end']),
    ('HTTP/1.0 response kept alive', 'response',
     b'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na',
     [(200, 'OK', '1.0', ['Connection', 'keep-alive', 'Content-Length', '1']), b'a', 'end']),
    ('response that closes', 'response', OK + b'Connection: close\r\nContent-Length: 1\r\n\r\na',
     [(200, 'OK', '1.1', ['Connection', 'close', 'Content-Length', '1'], 'close'), b'a', 'end']),
    ('304', 'response', b'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
     [(304, 'Not Modified', '1.1', ['Content-Length', '5']), 'end']),
    ('100 first', 'response', b'HTTP/1.1 100 Continue\r\n\r\n' + OK + b'Content-Length: 0\r\n\r\n',
     [(100, 'Continue', '1.1', []), 'end', (200, 'OK', '1.1', ['Content-Length', '0']), 'end']),
    ('102 with a length', 'response', b'HTTP/1.1 102 X\r\nContent-Length: 3\r\n\r\n',
     [(102, 'X', '1.1', ['Content-Length', '3']), 'end']),
    ('101', 'response', b'HTTP/1.1 101 X\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n',
     [(101, 'X', '1.1', ['Upgrade', 'y', 'Connection', 'upgrade'], 'upgrade'), 'end']),
    ('200 with Upgrade', 'response', OK + b'Upgrade: y\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n',
     [(200, 'OK', '1.1', ['Upgrade', 'y', 'Connection', 'upgrade', 'Content-Length', '0']), 'end']),
]

# These end with the connection.
UNTIL_EOF: list[Row] = [
    ('huge length', 'request', GET + b'Content-Length: 18446744073709551615\r\n\r\nabc',
     [('GET', '/', '1.1', ['Content-Length', '18446744073709551615']), b'abc',
      ('HPE_INVALID_EOF_STATE', 'Invalid EOF state', 0)]),
    ('response without length', 'response', OK + b'\r\nabc',
     [(200, 'OK', '1.1', [], 'close'), b'abc', 'end']),
    ('kept alive without length', 'response', OK + b'Connection: keep-alive\r\n\r\n',
     [(200, 'OK', '1.1', ['Connection', 'keep-alive'], 'close'), 'end']),
    ('coding that is not chunked', 'response', OK + b'Transfer-Encoding: chunked, gzip\r\n\r\nabc',
     [(200, 'OK', '1.1', ['Transfer-Encoding', 'chunked, gzip'], 'close'), b'abc', 'end']),
]

LENIENT: list[Row] = [
    ('control bytes', 'request', GET + b'A: b\0\x01\x7fc\r\n\r\n', get('A', 'b\0\x01\x7fc')),
    ('bare LF', 'request', b'GET / HTTP/1.1\nA: b\nB:\n\n', get('A', 'b', 'B', '')),
    ('bare CR in the start line', 'request', b'GET / HTTP/1.1\rA: b\r\n\r\n', get('A', 'b')),
    ('obs-fold', 'request', GET + b'A: b \r\n\t c\r\nB:\r\n d\r\n\r\n', get('A', 'b \t c', 'B', 'd')),
    ('space before the first name', 'request', GET + b' A: b\r\n\r\n', get('A', 'b')),
    ('space before the colon of a framing header', 'request', GET + b'Connection : close\r\n\r\n',
     get('Connection ', 'close', notes=('close',))),
    ('any version', 'request', b'GET / HTTP/3.7\r\n\r\n', [('GET', '/', '3.7', []), 'end']),
    ('data behind close', 'request', GET + b'Connection: close\r\n\r\n' + GET + b'\r\n',
     [*get('Connection', 'close', notes=('close',)), PLAIN, 'end']),
    ('both framings', 'request',
     GET + b'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
     [('GET', '/', '1.1', ['Content-Length', '3', 'Transfer-Encoding', 'chunked']), b'a', 'end']),
    ('chunked not last', 'request', GET + b'Transfer-Encoding: chunked, gzip\r\n\r\nabc',
     [('GET', '/', '1.1', ['Transfer-Encoding', 'chunked, gzip']), b'abc', 'end']),
    ('folded Transfer-Encoding', 'request', GET + b'Transfer-Encoding: gzip\r\n ,chunked\r\n\r\nabc',
     [('GET', '/', '1.1', ['Transfer-Encoding', 'gzip ,chunked']), b'abc', 'end']),
    ('chunks', 'request', POST + b'1 \t\r\na1\nb\r1\rc\r\n1;x\nd0\r\n\r\n', [POST_HEAD, b'abcd', 'end']),
    ('status line', 'response', b'HTTP/7.1 200\nContent-Length: 0\n\n',
     [(200, '', '7.1', ['Content-Length', '0']), 'end']),
    ('space before the colon', 'request', GET + b'A : b\r\n\r\n',
     [('HPE_INVALID_HEADER_TOKEN', 'Invalid header token', 17)]),
    ('two spaces before the first name', 'request', GET + b'  A: b\r\n\r\n',
     [('HPE_INVALID_HEADER_TOKEN', 'Invalid header token', 17)]),
    ('bare CR behind a value', 'request', GET + b'A: b\rB: c\r\n\r\n',
     [('HPE_LF_EXPECTED', 'Missing expected LF after header value', 21)]),
    ('two Content-Length', 'request', GET + b'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc',
     [('HPE_UNEXPECTED_CONTENT_LENGTH', 'Duplicate Content-Length', 51)]),
    ('folded Content-Length', 'request', GET + b'Content-Length: 3\r\n 4\r\n\r\nabc',
     [('HPE_UNEXPECTED_CONTENT_LENGTH', 'Duplicate Content-Length', 35)]),
    ('unknown method', 'request', b'FOO / HTTP/1.1\r\n\r\n',
     [('HPE_INVALID_METHOD', 'Invalid method encountered', 1)]),
]
