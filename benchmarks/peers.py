"""The servers and clients that there are, as data: ours, Node's, and the other ones of Python."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
OURS = 'nodehttp'
NODE = 'node'
BARE = 'bare loop'  # no HTTP at all: what Python itself, and the system, leave to be reached


@dataclass(frozen=True)
class Peer:
    """A program to be measured. Without the packages in `needs` it is skipped; the first is its version."""

    name: str
    program: str  # a module under benchmarks/, or a .js file
    needs: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    threaded: bool = False  # takes the number of its threads as its first argument
    secure: bool = False  # takes a file with key and certificate as its first argument, and then does TLS
    unfit: tuple[str, ...] = ()  # workloads that are no fair question to it
    only: tuple[str, ...] = ()  # the workloads that it is made for, if not for all others

    def fits(self, workload: str) -> bool:
        return workload not in self.unfit and (not self.only or workload in self.only)


SERVERS = (
    Peer(OURS, 'servers/ours.py', (OURS,), secure=True),
    Peer(NODE, 'servers/node.js', (NODE,), secure=True),
    # A thread for each connection, and nothing in it that reads or writes chunks.
    Peer('ThreadingHTTPServer', 'servers/threading_server.py', unfit=('idle-10000', 'chunked-64')),
    Peer('cheroot', 'servers/cheroot_server.py', ('cheroot',), threaded=True),
    Peer('waitress', 'servers/waitress_server.py', ('waitress',), threaded=True),
    Peer('gunicorn gthread', 'servers/gunicorn_server.py', ('gunicorn',), threaded=True),
    Peer('uvicorn h11', 'servers/uvicorn_server.py', ('uvicorn', 'h11'), ('h11',)),
    Peer('uvicorn httptools', 'servers/uvicorn_server.py', ('uvicorn', 'httptools'), ('httptools',)),
    Peer(BARE, 'servers/bare_server.py', only=('hello-1', 'hello-64', 'hello-256', 'download-8', 'growth')),
)

CLIENTS = (
    Peer(f'{OURS} callbacks', 'clients/ours_callbacks.py', (OURS,)),
    Peer(f'{OURS} blocking', 'clients/ours_blocking.py', (OURS,)),
    Peer(NODE, 'clients/node.js', (NODE,)),
    Peer('http.client', 'clients/http_client.py'),
    Peer('urllib3', 'clients/urllib3_client.py', ('urllib3',)),
    Peer('requests', 'clients/requests_client.py', ('requests',)),
    Peer('httpx', 'clients/httpx_client.py', ('httpx',)),
    Peer('aiohttp', 'clients/aiohttp_client.py', ('aiohttp',)),
    Peer(BARE, 'clients/bare_client.py'),
)


def find_node() -> str | None:
    """The path of Node: the environment variable NODE, else what PATH has."""
    return os.environ.get('NODE') or shutil.which('node')


def command(peer: Peer, *arguments: str) -> list[str]:
    """The command line that runs a peer from the root of the checkout."""
    if peer.program.endswith('.js'):
        return [find_node() or 'node', str(HERE / peer.program), *peer.arguments, *arguments]
    module = 'benchmarks.' + peer.program.removesuffix('.py').replace('/', '.')
    return [sys.executable, '-m', module, *peer.arguments, *arguments]


def missing(peer: Peer) -> str | None:
    """Why a peer cannot be measured, or None."""
    if peer.needs == (NODE,):
        return None if find_node() else 'no node in PATH, nor in the environment variable NODE'
    absent = [name for name in peer.needs if not importlib.util.find_spec(name)]
    return f"no {absent[0]}: pip install -e '.[bench]'" if absent else None


@functools.cache
def version(peer: Peer) -> str:
    """The version of what is measured."""
    if not peer.needs:
        return f'Python {platform.python_version()}'
    if peer.needs == (NODE,):
        return subprocess.check_output([find_node() or 'node', '--version'], text=True).strip()
    try:
        return importlib.metadata.version(peer.needs[0])
    except importlib.metadata.PackageNotFoundError:
        return 'from the checkout'
