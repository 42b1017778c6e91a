"""How the time of a request grows with the number of connections that are busy."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from statistics import median

from benchmarks import report
from benchmarks.check import check
from benchmarks.idle import SPARE, allow_files
from benchmarks.loads import HELLO
from benchmarks.peers import BARE, NODE, OURS, SERVERS, version
from benchmarks.process import Server, load_server
from benchmarks.workloads import Settings, reporting
from benchmarks.wrk import Result

NAME = 'growth'
CONNECTIONS = (1, 16, 64, 256, 1000, 2000)


def measure_growth(settings: Settings, wrk_path: str) -> None:
    """Ours, Node's and the bare loop in turns, with more and more connections; print the table of processor
    time (us)."""
    settings.print_title('processor time (us) for each short answer, by number of connections')
    allow_files(max(CONNECTIONS) + SPARE)
    peers = tuple(peer for peer in SERVERS if peer.name in (OURS, NODE, BARE))
    results: dict[str, dict[int, list[Result]]] = {}
    with contextlib.ExitStack() as stack:
        servers = {}
        for peer in settings.chosen(NAME, peers):
            with reporting(peer):
                servers[peer] = stack.enter_context(Server(peer))
                check(servers[peer], HELLO)
                results[peer.name] = {count: [] for count in CONNECTIONS}
        for _ in range(settings.rounds):
            for count in CONNECTIONS:
                for peer, server in servers.items():
                    load = replace(HELLO, connections=count)
                    results[peer.name][count].append(
                        load_server(wrk_path, server, load, settings.seconds))
    report.print_table(
        ['server', *map(str, CONNECTIONS), 'most / 1', 'version'],
        [[peer.name, *map(report.processor, results[peer.name].values()), growth(results[peer.name]),
          version(peer)] for peer in servers])
    if OURS in results:
        each = ', '.join(map(report.processor, results[OURS].values()))
        counts = ', '.join(f'{count:,}' for count in CONNECTIONS)
        settings.summary.remarks.append(
            f'A short answer took {each} us of processor time with {counts} connections.')


def growth(by_count: dict[int, list[Result]]) -> str:
    """The longest time by that of one connection, median over the rounds."""
    rounds = zip(*by_count.values(), strict=True)
    ratios = [max(result.processor or 0 for result in results) / results[0].processor
              for results in rounds if results[0].processor]
    return f'{median(ratios):.2f}' if ratios else '-'
