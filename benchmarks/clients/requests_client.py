"""requests, a session for each thread."""

from __future__ import annotations

import requests

from benchmarks.clients.loop import PATH, Ask, run


def make(port: int) -> Ask:
    session = requests.Session()
    session.trust_env = False
    url = f'http://127.0.0.1:{port}{PATH}'
    return lambda: session.get(url).content


run(make)
