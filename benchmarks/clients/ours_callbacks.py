"""This library's client, in callbacks: what node.js does, line by line."""

from __future__ import annotations

import time

import nodehttp as http
from benchmarks.clients.loop import PATH, Clock, arguments

port, concurrency, seconds = arguments()
clock = Clock(seconds)
agent = http.Agent(keepAlive=True, maxSockets=concurrency)
open_requests = concurrency


def ask() -> None:
    global open_requests
    if not clock.running():
        open_requests -= 1
        if open_requests == 0:
            agent.destroy()
            clock.report()
        return
    asked = time.perf_counter()

    def on_response(res: http.IncomingMessage) -> None:
        chunks: list[bytes] = []
        res.on('data', chunks.append)

        @res.on('end')
        def _() -> None:
            clock.answered(asked, b''.join(chunks))
            ask()

    http.get({'host': '127.0.0.1', 'port': port, 'path': PATH, 'agent': agent}, on_response)


def main() -> None:
    for _ in range(concurrency):
        ask()


http.run(main)
