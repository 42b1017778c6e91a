"""Where there is no `epoll`."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from typing import Any

import pytest

from nodehttp.poller import READ, WRITE, Bell, EpollPoller, SelectorPoller

POLLERS = [SelectorPoller, *([EpollPoller] if hasattr(select, 'epoll') else [])]


@pytest.mark.parametrize('kind', POLLERS)
def test_a_poller_tells_what_it_is_asked_for(kind: Any) -> None:
    poller, (ours, theirs) = kind(), socket.socketpair()
    fd = ours.fileno()
    with ours, theirs:
        poller.register(fd, WRITE)
        assert poller.poll(0, 8) == [(fd, WRITE)]
        poller.modify(fd, READ)
        assert poller.poll(0, 8) == []
        theirs.send(b'x')
        assert poller.poll(None, 8) == [(fd, READ)]
        poller.modify(fd, READ | WRITE)
        assert poller.poll(0, 8) == [(fd, READ | WRITE)]
        poller.unregister(fd)
        assert poller.poll(0, 8) == []
    poller.close()


def test_a_bell_without_eventfd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, 'eventfd', raising=False)
    bell, poller = Bell(), SelectorPoller()
    poller.register(bell.fd, READ)
    for rings in (0, 1, 3):
        for _ in range(rings):
            bell.ring()
        assert poller.poll(0, 8) == [(bell.fd, READ)] * bool(rings)
        bell.silence()
    poller.close()
    bell.close()


def test_a_server_and_a_client() -> None:
    """Beside a handler that blocks, on a connection that is kept."""
    out = subprocess.check_output([sys.executable, '-c', """
import os, select, time
for module, name in ((select, 'epoll'), (os, 'eventfd')):
    if hasattr(module, name):
        delattr(module, name)
import nodehttp as http

def listener(req, res):
    if req.url == '/slow':
        time.sleep(0.05)
    res.end(req.url)

with http.createServer(listener).listen(0) as server:
    agent = http.Agent(keepAlive=True)
    for path in ('/', '/slow', '/'):
        req = http.get(host='127.0.0.1', port=server.address().port, path=path, agent=agent)
        [res] = http.once(req, 'response', timeout=5)
        print(req.reusedSocket, b''.join(res))
    agent.destroy()
"""], text=True, timeout=20)
    assert out == "False b'/'\nTrue b'/slow'\nTrue b'/'\n"
