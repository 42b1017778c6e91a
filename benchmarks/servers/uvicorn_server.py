"""uvicorn; the argument says which parser: h11 or httptools."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import uvicorn

from benchmarks.servers.content import BACKLOG, DOWNLOAD, HELLO, KEEP_ALIVE, SLEEP, listening


async def read_body(receive: Any) -> bytes:
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get('body', b''))
        more = message.get('more_body', False)
    return b''.join(chunks)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    path = scope['path']
    status, body = 200, HELLO
    if path == '/echo':
        body = await read_body(receive)
    elif path == '/download':
        body = DOWNLOAD
    elif path == '/sleep':
        await asyncio.sleep(SLEEP)
    elif path != '/hello':
        status, body = 404, b''
    headers = [(b'content-type', b'text/plain'), (b'content-length', b'%d' % len(body))]
    await send({'type': 'http.response.start', 'status': status, 'headers': headers})
    await send({'type': 'http.response.body', 'body': body})


if __name__ == '__main__':
    # Named TCP, because asyncio turns Nagle off only then.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind(('127.0.0.1', 0))
    sock.listen(BACKLOG)
    listening(sock.getsockname()[1])
    config = uvicorn.Config(
        application, http=sys.argv[1], lifespan='off', access_log=False, log_level='error',
        backlog=BACKLOG, timeout_keep_alive=KEEP_ALIVE)
    uvicorn.Server(config).run(sockets=[sock])
