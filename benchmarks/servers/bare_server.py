"""No HTTP at all: a loop of epoll, recv and send that reads nothing of a request but the beginning of its
path. What is left between it and a server in Python is what parsing, events and answers cost; what is left
between it and Node is out of reach for any of them.
"""

from __future__ import annotations

import select
import socket

from benchmarks.servers.content import BACKLOG, DOWNLOAD, HELLO, listening


def answer(body: bytes) -> bytes:
    return b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b' % (len(body), body)


ANSWERS = {b'GET /hello': answer(HELLO), b'GET /downl': answer(DOWNLOAD)}
SHORTEST = 10  # bytes that tell the paths apart


def serve(listener: socket.socket) -> None:
    poll = select.epoll()
    listener.setblocking(False)
    poll.register(listener.fileno(), select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    unsent: dict[int, memoryview] = {}
    while True:
        for descriptor, _ in poll.poll():
            connection = connections.get(descriptor)
            if connection is None:
                connection = listener.accept()[0]
                connection.setblocking(False)
                connections[connection.fileno()] = connection
                poll.register(connection.fileno(), select.EPOLLIN)
                continue
            rest = unsent.pop(descriptor, None)
            try:
                if rest is None:
                    request = connection.recv(65536)
                    if not request:
                        raise ConnectionError
                    rest = memoryview(ANSWERS[request[:SHORTEST]])
                sent = connection.send(rest)
            except OSError:
                del connections[descriptor]
                connection.close()
                continue
            waits = sent < len(rest)
            if waits:
                unsent[descriptor] = rest[sent:]
            if waits or sent > 65536:
                poll.modify(descriptor, select.EPOLLOUT if waits else select.EPOLLIN)


if __name__ == '__main__':
    with socket.create_server(('127.0.0.1', 0), backlog=BACKLOG) as listener:
        listening(listener.getsockname()[1])
        serve(listener)
