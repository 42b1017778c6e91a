"""urllib3, one pool for all threads."""

from __future__ import annotations

import urllib3

from benchmarks.clients.loop import PATH, Ask, arguments, run

port, concurrency, _ = arguments()
pool = urllib3.HTTPConnectionPool('127.0.0.1', port, maxsize=concurrency)


def make(port: int) -> Ask:
    return lambda: pool.request('GET', PATH).data


run(make)
