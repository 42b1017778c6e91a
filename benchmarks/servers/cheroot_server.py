"""cheroot: a selector for idle connections, a pool of threads for requests."""

from __future__ import annotations

from cheroot import wsgi

from benchmarks.servers.content import BACKLOG, KEEP_ALIVE, listening, threads
from benchmarks.servers.wsgi import application

if __name__ == '__main__':
    server = wsgi.Server(
        ('127.0.0.1', 0), application, numthreads=threads(10), request_queue_size=BACKLOG, timeout=KEEP_ALIVE)
    server.keep_alive_conn_limit = 100_000
    server.prepare()
    listening(server.bind_addr[1])
    server.serve()
