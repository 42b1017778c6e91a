"""What idle keep-alive connections cost: threads, memory, and the time of the requests beside them."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
from collections.abc import Iterator

from benchmarks import report, wrk
from benchmarks.check import check
from benchmarks.peers import Peer, version
from benchmarks.process import Failed, Server
from benchmarks.servers.content import HELLO

CONNECTIONS = 5000
BUSY = 16  # connections of the load beside them
SAMPLED = 50  # every so many idle connections one is asked at the end whether it is still served
SPARE = 200  # files that are open anyway

REQUEST = b'GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'


def measure_idle(wrk_path: str, seconds: int, peers: list[Peer]) -> None:
    """Measure one server after the other and print the table."""
    count = min(CONNECTIONS, allow_files(CONNECTIONS + SPARE) - SPARE)
    if count < CONNECTIONS:
        print(f'  only {count} connections: the system allows no more open files')
    rows = []
    for peer in peers:
        if not peer.holds_idle:
            print(f'  {peer.name} left out: it is not made for thousands of connections')
            continue
        try:
            rows.append(measure(wrk_path, seconds, peer, count))
        except Failed as failure:
            print(f'  {peer.name} left out: {failure}')
    report.print_table(
        ['server', 'threads', 'KiB each', 'p50 ms without', 'with', 'p99 ms without', 'with',
         'requests/s without', 'with', 'ratio', 'version'], rows)


def measure(wrk_path: str, seconds: int, peer: Peer, count: int) -> list[str]:
    """The row of one server."""
    with Server(peer) as server:
        check(server, '/hello')
        url = server.url('/hello')
        wrk.run(wrk_path, url, BUSY, seconds)  # warm-up
        without = wrk.run(wrk_path, url, BUSY, seconds)
        memory = server.memory()
        with idle_connections(server.port, count):
            each = (server.memory() - memory) / count
            threads = server.threads()
            beside = wrk.run(wrk_path, url, BUSY, seconds)
    return [
        peer.name, str(threads), f'{each / 1024:.1f}',
        report.milliseconds(without.p50), report.milliseconds(beside.p50),
        report.milliseconds(without.p99), report.milliseconds(beside.p99),
        report.number(without.rate), report.number(beside.rate), f'{beside.rate / without.rate:.2f}',
        version(peer) + report.failures([without, beside])]


@contextlib.contextmanager
def idle_connections(port: int, count: int) -> Iterator[None]:
    """Open connections that had one answer each and stay open; reset them at the end (no TIME_WAIT)."""
    connections: list[socket.socket] = []
    try:
        for _ in range(count):
            connections.append(socket.create_connection(('127.0.0.1', port), 10))
            ask(connections[-1])
        yield
        for connection in connections[::SAMPLED]:
            ask(connection)
    except OSError as error:
        raise Failed(f'with {len(connections)} connections: {error}') from error
    finally:
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            connection.close()


def ask(connection: socket.socket) -> None:
    connection.sendall(REQUEST)
    answer = b''
    while not answer.endswith(HELLO):
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError('an idle connection was closed')
        answer += chunk


def allow_files(count: int) -> int:
    """Raise the limit of open files, which servers inherit, towards `count`; return what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        soft = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return count if soft == resource.RLIM_INFINITY else soft
