"""http.client of the standard library, a connection for each thread."""

from __future__ import annotations

from http.client import HTTPConnection

from benchmarks.clients.loop import PATH, Ask, run


def make(port: int) -> Ask:
    connection = HTTPConnection('127.0.0.1', port)

    def ask() -> bytes:
        connection.request('GET', PATH)
        return connection.getresponse().read()
    return ask


run(make)
