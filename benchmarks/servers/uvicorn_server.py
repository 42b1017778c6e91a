"""uvicorn; the argument says which parser: h11 or httptools."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

from benchmarks.servers.content import BACKLOG, DOWNLOAD, EXTRA_HEADERS, HELLO, KEEP_ALIVE, SLEEP, listening

ENCODED_HEADERS = [(name.lower().encode(), value.encode()) for name, value in EXTRA_HEADERS.items()]


async def pieces(receive: Any) -> AsyncIterator[bytes]:
    """The body of the request as it comes."""
    more = True
    while more:
        message = await receive()
        yield message.get('body', b'')
        more = message.get('more_body', False)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    path = scope['path']
    status, body = 200, HELLO
    headers = [(b'content-type', b'text/plain')]
    if path == '/stream':
        await send({'type': 'http.response.start', 'status': status, 'headers': headers})
        async for piece in pieces(receive):
            await send({'type': 'http.response.body', 'body': piece, 'more_body': True})
        await send({'type': 'http.response.body'})
        return
    if path == '/browser':
        headers.extend(ENCODED_HEADERS)
    elif path == '/echo':
        body = b''.join([piece async for piece in pieces(receive)])
    elif path == '/count':
        total = 0
        async for piece in pieces(receive):
            total += len(piece)
        body = b'%d' % total
    elif path == '/download':
        body = DOWNLOAD
    elif path == '/sleep':
        await asyncio.sleep(SLEEP)
    elif path != '/hello':
        status, body = 404, b''
    headers.append((b'content-length', b'%d' % len(body)))
    await send({'type': 'http.response.start', 'status': status, 'headers': headers})
    await send({'type': 'http.response.body', 'body': body})


if __name__ == '__main__':
    # Named TCP, because asyncio turns Nagle off only then.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind(('127.0.0.1', 0))
    sock.listen(BACKLOG)
    listening(sock.getsockname()[1])
    config = uvicorn.Config(
        application, http=sys.argv[1], loop='asyncio', lifespan='off', access_log=False, log_level='error',
        backlog=BACKLOG, timeout_keep_alive=KEEP_ALIVE)
    uvicorn.Server(config).run(sockets=[sock])
