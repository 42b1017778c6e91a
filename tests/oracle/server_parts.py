"""What the programs of server_cases.py have in common: requests as they are sent, and what is watched."""

from __future__ import annotations

from typing import Any

Case = dict[str, Any]
Actions = list[list[Any]]

GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
HEAD = 'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n'
CLOSE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
OLD = 'GET / HTTP/1.0\r\n\r\n'
OLD_KEPT = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'
POST = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello'
POST_HEAD = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe'
CHUNKED = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
POST_CHUNKED = (CHUNKED + '2\r\nhe\r\n3\r\nllo\r\n0\r\nT: 1\r\nt: 2\r\n\r\n')
THREE_CHUNKS = CHUNKED + '2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n'
TWO = 'GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n'
UPGRADE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n'

RES = ['prefinish', 'finish', 'close', 'error', 'drain', 'timeout', 'socket', 'pipe']
REQ = ['end', 'close', 'error', 'aborted', 'pause', 'resume', 'timeout']
SOCK = ['end', 'finish', 'close', 'error', 'timeout']
ALL = {'res': RES, 'req': REQ}
ALL_AND_SOCKET = {**ALL, 'sock': SOCK}


def with_line(request: str, line: str) -> str:
    """Return a request with another header line."""
    return request.replace('\r\n\r\n', f'\r\n{line}\r\n\r\n', 1)
