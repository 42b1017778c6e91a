"""This library, used as a user would."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nodehttp as http
import nodehttps as https
from benchmarks.servers.content import (
    BACKLOG,
    DOWNLOAD,
    EXTRA_HEADERS,
    HELLO,
    KEEP_ALIVE,
    SLEEP,
    listening,
)


def send(res: http.ServerResponse, body: bytes) -> None:
    res.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': len(body)})
    res.end(body)


def browser(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    res.setHeader('Content-Type', 'text/plain')
    res.setHeader('Content-Length', len(HELLO))
    for name, value in EXTRA_HEADERS.items():
        res.setHeader(name, value)
    res.end(HELLO)


def echo(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    chunks: list[bytes] = []
    req.on('data', chunks.append)
    req.on('end', lambda: send(res, b''.join(chunks)))


def stream(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    res.writeHead(200, {'Content-Type': 'text/plain'})
    req.on('data', lambda chunk: res.write(chunk))
    req.on('end', lambda: res.end())


def count(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    total = 0

    @req.on('data')
    def _(chunk: bytes) -> None:
        nonlocal total
        total += len(chunk)

    req.on('end', lambda: send(res, b'%d' % total))


def sleep(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    time.sleep(SLEEP)
    send(res, HELLO)


def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    if req.url == '/hello':
        send(res, HELLO)
    elif req.url == '/browser':
        browser(req, res)
    elif req.url == '/echo':
        echo(req, res)
    elif req.url == '/stream':
        stream(req, res)
    elif req.url == '/count':
        count(req, res)
    elif req.url == '/download':
        send(res, DOWNLOAD)
    elif req.url == '/sleep':
        sleep(req, res)
    else:
        res.writeHead(404)
        res.end()


if len(sys.argv) > 1:
    pem = Path(sys.argv[1]).read_bytes()
    server: http.Server = https.createServer({'key': pem, 'cert': pem}, listener)
else:
    server = http.createServer(listener)
server.keepAliveTimeout = KEEP_ALIVE * 1000
server.listen(0, '127.0.0.1', BACKLOG, lambda: listening(server.address().port))
