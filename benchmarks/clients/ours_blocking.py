"""This library's client, waiting in threads."""

from __future__ import annotations

import nodehttp as http
from benchmarks.clients.loop import PATH, Ask, run

agent = http.Agent(keepAlive=True)


def make(port: int) -> Ask:
    def ask() -> bytes:
        req = http.get({'host': '127.0.0.1', 'port': port, 'path': PATH, 'agent': agent})
        [res] = http.once(req, 'response')
        return b''.join(res)
    return ask


run(make)
agent.destroy()
