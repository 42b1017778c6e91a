"""Asks each server once for what it is going to be measured with: a fast wrong answer is not fast."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException

from benchmarks.process import Failed, Server
from benchmarks.servers.content import DOWNLOAD, HELLO

EXPECTED = {'/hello': HELLO, '/download': DOWNLOAD, '/sleep': HELLO}


def check(server: Server, path: str, body: int = 0) -> None:
    """Raise Failed unless the answer is 200, right in body and length, and leaves the connection open."""
    connection = HTTPConnection('127.0.0.1', server.port, timeout=10)
    sent = b'x' * body
    try:
        for _ in range(2):
            connection.request('POST' if body else 'GET', path, sent or None)
            response = connection.getresponse()
            received = response.read()
            if response.status != 200:
                raise Failed(f'answers {response.status} to {path}')
            if received != (sent or EXPECTED[path]):
                raise Failed(f'wrong body for {path}: {len(received)} bytes')
            if response.getheader('Content-Length') != str(len(received)):
                raise Failed(f'wrong Content-Length for {path}')
            if response.will_close:
                raise Failed('closes the connection')
    except (OSError, HTTPException) as error:
        raise Failed(f'{path}: {error!r}') from error
    finally:
        connection.close()
