"""What is measured: loads of `wrk` on the servers, the cost of idle connections, and the clients."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks import report, wrk
from benchmarks.check import check
from benchmarks.idle import measure_idle
from benchmarks.peers import CLIENTS, NODE, OURS, SERVERS, Peer, missing, version
from benchmarks.probe import Probe
from benchmarks.process import Failed, Server, percentile, run_client
from benchmarks.wrk import Result

WARM_UP = 1  # s
IDEAL_OF_SLEEP = 100  # requests/s of one connection whose handler sleeps 10 ms


@dataclass
class Settings:
    """What the command line says."""

    wrk: str | None
    seconds: int
    rounds: int
    selected: Callable[[str], bool]  # is the peer of this name to be measured?


@dataclass(frozen=True)
class Load:
    """A load on a server. `threads` is the size of a peer's pool where its default is not its best."""

    name: str
    title: str
    path: str
    connections: int
    body: int = 0  # bytes
    threads: int | None = None
    sleeps: bool = False


LOADS = (
    Load('hello-1', 'a short answer, 1 connection', '/hello', 1),
    Load('hello-64', 'a short answer, 64 connections', '/hello', 64),
    Load('hello-256', 'a short answer, 256 connections', '/hello', 256),
    Load('echo-64', 'POST of 1 KiB, sent back, 64 connections', '/echo', 64, body=1024),
    Load('download-8', 'download of 1 MiB, 8 connections', '/download', 8),
    # A thread for each sleeper, and some for the prompt requests beside them.
    Load('sleep-64', 'a handler that sleeps 10 ms, 64 connections', '/sleep', 64, threads=72, sleeps=True),
)
IDLE = 'idle-5000'
CLIENT_LOADS = {'clients-1': 1, 'clients-16': 16}

ALL = (*(load.name for load in LOADS), IDLE, *CLIENT_LOADS)
SHORT = ('hello-64', 'echo-64', 'sleep-64', 'clients-1')


def run(name: str, settings: Settings) -> None:
    """Measure one workload and print its table."""
    if name in CLIENT_LOADS:
        run_clients(CLIENT_LOADS[name], settings)
    elif settings.wrk is None:
        print(f'{name}: skipped, because there is no wrk\n')
    elif name == IDLE:
        print('5,000 idle keep-alive connections; a short answer over 16 others, without and with them')
        measure_idle(settings.wrk, settings.seconds, chosen(SERVERS, settings))
    else:
        run_load(next(load for load in LOADS if load.name == name), settings, settings.wrk)


def chosen(peers: tuple[Peer, ...], settings: Settings) -> list[Peer]:
    """Those that are to be measured and can be; says so of those that cannot."""
    wanted = [peer for peer in peers if settings.selected(peer.name)]
    for peer in wanted:
        if reason := missing(peer):
            print(f'  {peer.name} skipped: {reason}')
    return [peer for peer in wanted if not missing(peer)]


def run_load(load: Load, settings: Settings, wrk_path: str) -> None:
    """All servers are there at once; they are loaded in turns, round by round."""
    print_title(load.title, settings)
    results: report.Results = {}
    prompt: dict[str, list[float]] = {}  # p99 of the requests beside the sleeping ones
    with contextlib.ExitStack() as stack:
        servers = {}
        for peer in chosen(SERVERS, settings):
            with reporting(peer):
                server = stack.enter_context(Server(peer, load.threads))
                check(server, load.path, load.body)
                servers[peer] = server
        for server in servers.values():
            wrk.run(wrk_path, server.url(load.path), load.connections, WARM_UP, load.body)
        for _ in range(settings.rounds):
            for peer, server in servers.items():
                with Probe(server.port) if load.sleeps else contextlib.nullcontext() as probe:
                    result = wrk.run(
                        wrk_path, server.url(load.path), load.connections, settings.seconds, load.body)
                results.setdefault(peer.name, []).append(result)
                if probe:
                    prompt.setdefault(peer.name, []).append(percentile(probe.latencies, 99))
    print_load(load, list(servers), results, prompt)


def print_title(title: str, settings: Settings) -> None:
    print(f'{title} ({settings.rounds} rounds of {settings.seconds} s)', flush=True)


@contextlib.contextmanager
def reporting(peer: Peer) -> Iterator[None]:
    """A peer that fails is left out, with a line."""
    try:
        yield
    except Failed as failure:
        print(f'  {peer.name} left out: {failure}')


def print_load(
    load: Load, peers: list[Peer], results: report.Results, prompt: dict[str, list[float]],
) -> None:
    headings = ['server', 'requests/s', 'spread', 'p99 ms']
    if load.sleeps:
        headings += ['of ideal', 'prompt p99 ms']
    ours = [OURS] if OURS in results else []
    headings += [f'{name} / it' for name in ours]
    rows = []
    for peer in peers:
        measured = results[peer.name]
        row = [peer.name, *report.figures(measured)]
        if load.sleeps:
            ideal = load.connections * IDEAL_OF_SLEEP
            row += [f'{median(result.rate for result in measured) / ideal:.0%}',
                    report.milliseconds(median(prompt[peer.name]))]
        rows.append([*row, *ratios(ours, measured, results), version(peer) + report.failures(measured)])
    report.print_table([*headings, 'version'], rows)


def ratios(ours: list[str], measured: list[Result], results: report.Results) -> list[str]:
    return [report.ratio(results[name], measured) for name in ours]


def run_clients(concurrency: int, settings: Settings) -> None:
    """The clients in turns, against Node's server if there is one, because it is the fastest; else ours."""
    print_title(f'clients, {concurrency} at a time', settings)
    fixed = [peer for peer in SERVERS if peer.name in (NODE, OURS) and not missing(peer)]
    results: report.Results = {}
    clients = chosen(CLIENTS, settings)
    with Server(max(fixed, key=lambda peer: peer.name == NODE)) as server:
        for _ in range(settings.rounds):
            for client in clients:
                with reporting(client):
                    result = run_client(client, server.port, concurrency, settings.seconds)
                    results.setdefault(client.name, []).append(result)
    measured = [client for client in clients if client.name in results]
    ours = [client.name for client in measured if client.name.startswith(OURS)]
    headings = ['client', 'requests/s', 'spread', 'p99 ms', *(f'{name} / it' for name in ours), 'version']
    report.print_table(headings, [
        [client.name, *report.figures(results[client.name]), *ratios(ours, results[client.name], results),
         version(client)] for client in measured])
