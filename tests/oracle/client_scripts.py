"""What many of the cases of client_cases.py are made of: messages, scripts of a server, points."""

from __future__ import annotations

from typing import Any

Case = dict[str, Any]

OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
CLOSING = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello'
LONG = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'
CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
EMPTY = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

HEAD = ['head']
ANSWER = [HEAD, ['send', OK]]
BEGINNING = [HEAD, ['send', LONG + 'part']]
SILENCE = [HEAD]

POINTS = (
    'called',
    'tick',
    'immediate',
    'req socket',
    'sock connect',
    'req finish',
    'req response',
    'res data',
    'res end',
    'res close',
    'req close',
)
WAYS = ('destroy', 'destroyError', 'abort', 'signal', 'socketDestroy', 'socketDestroyError')
SECURE = 'sock secureConnect'
SCRIPT_AT = {
    'req response': BEGINNING,
    'res data': BEGINNING,
    'res end': ANSWER,
    'res close': ANSWER,
    'req close': ANSWER,
}
