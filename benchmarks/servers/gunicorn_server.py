"""gunicorn with one gthread worker: one thread for idle connections, a pool of threads for requests."""

from __future__ import annotations

from typing import Any

from gunicorn.app.base import BaseApplication

from benchmarks.servers.content import BACKLOG, KEEP_ALIVE, listening, threads
from benchmarks.servers.wsgi import application


def when_ready(arbiter: Any) -> None:
    listening(arbiter.LISTENERS[0].sock.getsockname()[1])


class Application(BaseApplication):  # type: ignore[misc]
    def load_config(self) -> None:
        settings = {
            'bind': '127.0.0.1:0', 'workers': 1, 'worker_class': 'gthread', 'threads': threads(4),
            'worker_connections': 100_000, 'backlog': BACKLOG, 'keepalive': KEEP_ALIVE, 'loglevel': 'error',
            'when_ready': when_ready,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return application


if __name__ == '__main__':
    Application().run()
