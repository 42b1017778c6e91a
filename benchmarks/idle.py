"""What idle keep-alive connections cost: threads, memory, and the time of the requests beside them."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks import report
from benchmarks.check import check
from benchmarks.loads import HELLO, Load
from benchmarks.peers import NODE, OURS, SERVERS, Peer, version
from benchmarks.process import Failed, Server, load_server
from benchmarks.servers import content
from benchmarks.workloads import WARM_UP, Settings
from benchmarks.wrk import Result

NAME = 'idle-10000'
CONNECTIONS = 10_000
BUSY = HELLO  # the load beside them
SAMPLED = 50  # every so many idle connections one is asked at the end whether it is still served
SPARE = 200  # files that are open anyway


@dataclass
class Cost:
    """Of one server. `without` and `beside` are rounds in turns, of a server without and one with them."""

    threads: int
    memory: float  # bytes for each connection
    without: list[Result]
    beside: list[Result]

    def tail(self) -> float:
        """How many times as long 99 % of the answers take: the median over the rounds."""
        pairs = zip(self.without, self.beside, strict=True)
        return median(beside.p99 / without.p99 for without, beside in pairs)


def measure_idle(settings: Settings, wrk_path: str) -> None:
    """Measure one server after the other and print the table."""
    settings.print_title(
        f'{CONNECTIONS:,} idle keep-alive connections; {BUSY.title} over {BUSY.connections} others, '
        'without and with them')
    count = min(CONNECTIONS, allow_files(CONNECTIONS + SPARE) - SPARE)
    if count < CONNECTIONS:
        print(f'  only {count} connections: the system allows no more open files')
    costs: dict[Peer, Cost] = {}
    for peer in settings.chosen(NAME, SERVERS):
        try:
            costs[peer] = measure(settings, wrk_path, peer, count)
        except Failed as failure:
            print(f'  {peer.name} left out: {failure}')
    report.print_table(
        ['server', 'threads', 'KiB each', 'p99 ms without', 'with', 'ratio', 'requests/s without', 'with',
         'ratio', 'version'], [row(peer, cost) for peer, cost in costs.items()])
    by_name = {peer.name: cost for peer, cost in costs.items()}
    if OURS in by_name:
        settings.summary.remarks.append(remark(by_name[OURS], by_name.get(NODE), count))


def measure(settings: Settings, wrk_path: str, peer: Peer, count: int) -> Cost:
    """Load two servers of the same kind in turns: one without the idle connections, one with them."""
    with Server(peer) as plain, Server(peer) as laden:
        check(laden, BUSY)
        for server in (plain, laden):
            load_server(wrk_path, server, BUSY, WARM_UP)
        memory = laden.memory()
        with idle_connections(laden.port, count, BUSY):
            cost = Cost(laden.threads(), (laden.memory() - memory) / count, [], [])
            for _ in range(settings.rounds):
                cost.without.append(load_server(wrk_path, plain, BUSY, settings.seconds))
                cost.beside.append(load_server(wrk_path, laden, BUSY, settings.seconds))
    return cost


def row(peer: Peer, cost: Cost) -> list[str]:
    both = cost.without, cost.beside
    tails = [report.milliseconds(median(result.p99 for result in results)) for results in both]
    rates = [report.number(median(result.rate for result in results)) for results in both]
    return [
        peer.name, str(cost.threads), f'{cost.memory / 1024:.1f}', *tails, f'{cost.tail():.2f}', *rates,
        report.ratio(cost.beside, cost.without),
        version(peer) + report.failures([*cost.without, *cost.beside])]


def remark(ours: Cost, node: Cost | None, count: int) -> str:
    """What the README says."""
    beside = f' (Node: {node.memory / 1024:.1f})' if node else ''
    tail = f' (Node: {node.tail():.2f})' if node else ''
    return (f'{count:,} idle keep-alive connections cost it {ours.threads} threads, and '
            f'{ours.memory / 1024:.1f} KiB of memory each{beside}. Beside them 99 % of the answers came '
            f'within {ours.tail():.2f} times{tail} the time that it takes without, and it served '
            f'{report.ratio(ours.beside, ours.without)} of the requests.')


@contextlib.contextmanager
def idle_connections(port: int, count: int, load: Load) -> Iterator[None]:
    """Open connections that had one answer each and stay open; reset them at the end (no TIME_WAIT)."""
    connections: list[socket.socket] = []
    try:
        for _ in range(count):
            connections.append(socket.create_connection(('127.0.0.1', port), 10))
            ask(connections[-1], load)
        yield
        for connection in connections[::SAMPLED]:
            ask(connection, load)
    except OSError as error:
        raise Failed(f'with {len(connections)} connections: {error}') from error
    finally:
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            connection.close()


def ask(connection: socket.socket, load: Load) -> None:
    connection.sendall(load.packet())
    answer = b''
    while not answer.endswith(content.HELLO):
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
