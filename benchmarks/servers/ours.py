"""This library, used as a user would."""

from __future__ import annotations

import time

import nodehttp as http
from benchmarks.servers.content import BACKLOG, DOWNLOAD, HELLO, KEEP_ALIVE, SLEEP, listening


def send(res: http.ServerResponse, body: bytes) -> None:
    res.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': len(body)})
    res.end(body)


def echo(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    chunks: list[bytes] = []
    req.on('data', chunks.append)
    req.on('end', lambda: send(res, b''.join(chunks)))


def sleep(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    time.sleep(SLEEP)
    send(res, HELLO)


def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    if req.url == '/hello':
        send(res, HELLO)
    elif req.url == '/echo':
        echo(req, res)
    elif req.url == '/download':
        send(res, DOWNLOAD)
    elif req.url == '/sleep':
        sleep(req, res)
    else:
        res.writeHead(404)
        res.end()


server = http.createServer(listener)
server.keepAliveTimeout = KEEP_ALIVE * 1000
# Of a pipe the address would be a str.
server.listen(0, '127.0.0.1', BACKLOG, lambda: listening(server.address().port))  # type: ignore[union-attr]
