"""waitress: one thread for all sockets, a pool of threads for the application."""

from __future__ import annotations

import waitress

from benchmarks.servers.content import BACKLOG, KEEP_ALIVE, listening, threads
from benchmarks.servers.wsgi import application

if __name__ == '__main__':
    server = waitress.create_server(
        application, host='127.0.0.1', port=0, threads=threads(4), backlog=BACKLOG, connection_limit=100_000,
        channel_timeout=KEEP_ALIVE, asyncore_use_poll=True)
    listening(server.effective_port)
    server.run()
