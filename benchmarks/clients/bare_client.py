"""No HTTP at all: sends the same bytes again and again and counts what comes, in a loop of epoll, send and
recv. See bare_server.py for what that is good for.
"""

from __future__ import annotations

import select
import socket
import time

from benchmarks.clients.loop import PATH, Clock, arguments
from benchmarks.servers.content import HELLO

port, concurrency, seconds = arguments()
clock = Clock(seconds)
REQUEST = f'GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: keep-alive\r\n\r\n'.encode()

poll = select.epoll()
connections: dict[int, socket.socket] = {}
asked: dict[int, float] = {}


def ask(connection: socket.socket) -> None:
    asked[connection.fileno()] = time.perf_counter()
    connection.send(REQUEST)


for _ in range(concurrency):
    connection = socket.create_connection(('127.0.0.1', port))
    connections[connection.fileno()] = connection
    poll.register(connection.fileno(), select.EPOLLIN)
    ask(connection)
while connections:
    for descriptor, _ in poll.poll():
        clock.answered(asked[descriptor], connections[descriptor].recv(65536)[-len(HELLO):])
        if clock.running():
            ask(connections[descriptor])
        else:
            connections.pop(descriptor).close()
clock.report()
