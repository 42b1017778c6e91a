"""The standard library's ThreadingHTTPServer: HTTP/1.1, buffered writes, Nagle off, a thread a connection."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.servers.content import BACKLOG, DOWNLOAD, EXTRA_HEADERS, HELLO, PIECE, SLEEP, listening


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one write

    def send(self, body: bytes, extra: Mapping[str, str] | None = None) -> None:
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain')
        self.send_header('Content-Length', str(len(body)))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path == '/hello':
            self.send(HELLO)
        elif self.path == '/browser':
            self.send(HELLO, EXTRA_HEADERS)
        elif self.path == '/download':
            self.send(DOWNLOAD)
        elif self.path == '/sleep':
            time.sleep(SLEEP)
            self.send(HELLO)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        size = int(self.headers['Content-Length'])
        if self.path == '/count':
            self.send(b'%d' % self.count(size))
        else:
            self.send(self.rfile.read(size))

    def count(self, size: int) -> int:
        total = 0
        while piece := self.rfile.read(min(PIECE, size - total)):
            total += len(piece)
        return total

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = BACKLOG


if __name__ == '__main__':
    with Server(('127.0.0.1', 0), Handler) as server:
        listening(server.server_port)
        server.serve_forever()
