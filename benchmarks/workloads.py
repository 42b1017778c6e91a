"""What is measured: loads of `wrk` on the servers, and the clients. What is of another kind has a module of
its own: `idle.py`, `growth.py`, `imports.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median

from benchmarks import report
from benchmarks.check import check
from benchmarks.loads import LOADS, Load
from benchmarks.peers import CLIENTS, NODE, OURS, SERVERS, Peer, missing, version
from benchmarks.probe import Probe
from benchmarks.process import Failed, Server, load_server, percentile, run_client
from benchmarks.report import FIGURES, Summary
from benchmarks.wrk import Result

WARM_UP = 1  # s
IDEAL_OF_SLEEP = 100  # requests/s of one connection whose handler sleeps 10 ms

CLIENT_LOADS = {'clients-1': ('one after another', 1), 'clients-16': ('16 at a time', 16)}


@dataclass
class Settings:
    """What the command line says; and `summary`, where the results go that the README shows."""

    wrk: str | None
    seconds: int
    rounds: int
    selected: Callable[[str], bool]  # is the peer of this name to be measured?
    summary: Summary = field(default_factory=Summary)

    def chosen(self, name: str, peers: tuple[Peer, ...]) -> list[Peer]:
        """Those that are to be measured with a workload and can be; says so of those that cannot."""
        fit = []
        for peer in peers:
            if self.selected(peer.name):
                reason = missing(peer) if peer.fits(name) else f'{name} is not made for it'
                if reason:
                    print(f'  {peer.name} skipped: {reason}')
                else:
                    fit.append(peer)
                    self.summary.versions[peer.name] = version(peer)
        return fit

    def print_title(self, title: str) -> None:
        print(f'{title} ({self.rounds} rounds of {self.seconds} s)', flush=True)


@contextlib.contextmanager
def reporting(peer: Peer) -> Iterator[None]:
    """A peer that fails is left out, with a line."""
    try:
        yield
    except Failed as failure:
        print(f'  {peer.name} left out: {failure}')


def run_load(load: Load, settings: Settings, wrk_path: str) -> None:
    """All servers are there at once; they are loaded in turns, round by round."""
    settings.print_title(load.title)
    results: report.Results = {}
    prompt: dict[str, list[float]] = {}  # p99 of the requests beside the sleeping ones
    with contextlib.ExitStack() as stack:
        servers = {}
        peers = tuple(peer for peer in SERVERS if peer.secure or not load.secure)
        for peer in settings.chosen(load.name, peers):
            with reporting(peer):
                server = stack.enter_context(Server(peer, load.threads, load.secure))
                check(server, load)
                servers[peer] = server
        for server in servers.values():
            load_server(wrk_path, server, load, WARM_UP)
        for _ in range(settings.rounds):
            for peer, server in servers.items():
                with Probe(server.port) if load.sleeps else contextlib.nullcontext() as probe:
                    result = load_server(wrk_path, server, load, settings.seconds)
                results.setdefault(peer.name, []).append(result)
                if probe:
                    prompt.setdefault(peer.name, []).append(percentile(probe.latencies, 99))
    print_load(load, list(servers), results, prompt)
    summarize_load(load, results, settings.summary)


def print_load(
    load: Load, peers: list[Peer], results: report.Results, prompt: dict[str, list[float]],
) -> None:
    headings = ['server', *FIGURES]
    if load.sleeps:
        headings += ['of ideal', 'prompt p99 ms']
    ours = [OURS] if OURS in results else []
    headings += [f'{name} / it' for name in ours]
    rows = []
    for peer in peers:
        measured = results[peer.name]
        row = [peer.name, *report.figures(measured)]
        if load.sleeps:
            row += [of_ideal(load, measured), report.milliseconds(median(prompt[peer.name]))]
        row += [report.ratio(results[name], measured) for name in ours]
        rows.append([*row, version(peer) + report.failures(measured)])
    report.print_table([*headings, 'version'], rows)


def of_ideal(load: Load, measured: list[Result]) -> str:
    return f'{median(result.rate for result in measured) / load.connections / IDEAL_OF_SLEEP:.0%}'


def summarize_load(load: Load, results: report.Results, summary: Summary) -> None:
    if OURS not in results:
        return
    remark = f' ({of_ideal(load, results[OURS])} of the ideal)' if load.sleeps else ''
    others = [name for name in results if name != OURS]
    summary.servers.append(report.line(load.title, OURS, results, others, remark))
    if load.tail:
        tails = {name: report.milliseconds(median(result.p99 for result in measured))
                 for name, measured in results.items()}
        shown = '; '.join(f'{name} {tail}' for name, tail in tails.items() if name != OURS)
        summary.remarks.append(
            f'99 % of the answers, {load.title}, came within {tails[OURS]} ms ({shown}).')


def run_clients(name: str, settings: Settings) -> None:
    """The clients in turns, against Node's server if there is one, because it is the fastest; else ours."""
    title, concurrency = CLIENT_LOADS[name]
    settings.print_title(f'clients, {title}')
    servers = [peer for peer in SERVERS if peer.name in (NODE, OURS) and not missing(peer)]
    results: report.Results = {}
    clients = settings.chosen(name, CLIENTS)
    with Server(max(servers, key=lambda peer: peer.name == NODE)) as server:
        for _ in range(settings.rounds):
            for client in clients:
                with reporting(client):
                    result = run_client(client, server.port, concurrency, settings.seconds)
                    results.setdefault(client.name, []).append(result)
    measured = [client for client in clients if client.name in results]
    ours = [client.name for client in measured if client.name.startswith(OURS)]
    report.print_table(['client', *FIGURES, *(f'{name} / it' for name in ours), 'version'], [
        [client.name, *report.figures(results[client.name]),
         *(report.ratio(results[name], results[client.name]) for name in ours), version(client)]
        for client in measured])
    for name in ours:
        style = name.removeprefix(OURS).strip()
        others = [other for other in results if other not in ours]
        settings.summary.clients.append(report.line(f'{title}, {style}', name, results, others))


def run_named_load(name: str, settings: Settings, wrk_path: str) -> None:
    run_load(next(load for load in LOADS if load.name == name), settings, wrk_path)
