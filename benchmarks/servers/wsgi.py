"""The application that the WSGI servers serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from benchmarks.servers.content import DOWNLOAD, EXTRA_HEADERS, HELLO, PIECE, SLEEP


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    path = environ['PATH_INFO']
    status, body = '200 OK', HELLO
    headers = [('Content-Type', 'text/plain')]
    if path == '/stream':
        start_response(status, headers)
        return pieces(environ)
    if path == '/browser':
        headers.extend(EXTRA_HEADERS.items())
    elif path == '/echo':
        body = environ['wsgi.input'].read(int(environ['CONTENT_LENGTH']))
    elif path == '/count':
        body = b'%d' % sum(map(len, pieces(environ)))
    elif path == '/download':
        body = DOWNLOAD
    elif path == '/sleep':
        time.sleep(SLEEP)
    elif path != '/hello':
        status, body = '404 Not Found', b''
    start_response(status, [*headers, ('Content-Length', str(len(body)))])
    return [body]


def pieces(environ: dict[str, Any]) -> Iterator[bytes]:
    """The body of the request as it comes."""
    read = environ['wsgi.input'].read
    while piece := read(PIECE):
        yield piece
