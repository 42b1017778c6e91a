"""httpx, a client for each thread."""

from __future__ import annotations

import httpx

from benchmarks.clients.loop import PATH, Ask, run


def make(port: int) -> Ask:
    client = httpx.Client(trust_env=False)
    url = f'http://127.0.0.1:{port}{PATH}'
    return lambda: client.get(url).content


run(make)
