"""The application that the WSGI servers serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.servers.content import DOWNLOAD, HELLO, SLEEP


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    path = environ['PATH_INFO']
    status, body = '200 OK', HELLO
    if path == '/echo':
        body = environ['wsgi.input'].read(int(environ['CONTENT_LENGTH']))
    elif path == '/download':
        body = DOWNLOAD
    elif path == '/sleep':
        time.sleep(SLEEP)
    elif path != '/hello':
        status, body = '404 Not Found', b''
    start_response(status, [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
