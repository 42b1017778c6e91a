"""The command: `python -m benchmarks [--workloads all] [--peers node,cheroot] [--seconds 5] [--rounds 5]`,
and `python -m benchmarks --table` for the figures in the README.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import sys
from collections.abc import Callable

from benchmarks import growth, handshakes, idle, imports, readme, wrk
from benchmarks.loads import LOADS
from benchmarks.peers import CLIENTS, OURS, SERVERS, missing, version
from benchmarks.workloads import CLIENT_LOADS, Settings, run_clients, run_named_load

ALL = (*(load.name for load in LOADS), *handshakes.KINDS, idle.NAME, growth.NAME, *CLIENT_LOADS, imports.NAME)
SHORT = ('hello-64', 'echo-64', 'sleep-64', 'clients-1')


def main() -> int:
    """Measure what the command line names; without arguments a short run of the main workloads."""
    arguments = parse()
    if arguments.list:
        list_all()
        return 0
    path = wrk.find()
    settings = Settings(path, arguments.seconds, arguments.rounds, selector(arguments.peers))
    wrk_version = wrk.version(path) if path else 'no wrk'
    # What is measured is told on the way; with --table not where the table goes.
    with contextlib.redirect_stdout(sys.stderr if arguments.table else sys.stdout):
        print(f'Python {platform.python_version()}, {wrk_version}, {readme.machine()}\n')
        for name in arguments.workloads:
            run(name, settings)
    if arguments.table:
        print(readme.write(settings.summary,
                           f'{wrk_version}, medians of {settings.rounds} rounds of {settings.seconds} s'))
    return 0


def run(name: str, settings: Settings) -> None:
    """Measure one workload and print its table."""
    if name in CLIENT_LOADS:
        run_clients(name, settings)
    elif name in handshakes.KINDS:
        handshakes.measure_handshakes(name, settings)
    elif name == imports.NAME:
        imports.measure_imports(settings)
    elif settings.wrk is None:
        print(f'{name}: skipped, because there is no wrk\n')
    elif name == idle.NAME:
        idle.measure_idle(settings, settings.wrk)
    elif name == growth.NAME:
        growth.measure_growth(settings, settings.wrk)
    else:
        run_named_load(name, settings, settings.wrk)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument(
        '--workloads', type=words, metavar='NAME,...',
        help=f'"all", or some of {", ".join(ALL)} (default: {",".join(SHORT)}; with --table: all)')
    parser.add_argument(
        '--peers', type=words, default=[], metavar='NAME,...',
        help='only peers with one of these in their name, beside ours (default: all that are there)')
    parser.add_argument('--seconds', type=int, default=1, help='of each round (default: 1)')
    parser.add_argument('--rounds', type=int, default=3, help='(default: 3)')
    parser.add_argument('--table', action='store_true',
                        help='print the section of figures in README.rst; what it comes from goes to stderr')
    parser.add_argument('--list', action='store_true', help='show what there is to measure, and end')
    arguments = parser.parse_args()
    if arguments.workloads is None:
        arguments.workloads = list(ALL if arguments.table else SHORT)
    elif arguments.workloads == ['all']:
        arguments.workloads = list(ALL)
    if unknown := set(arguments.workloads) - set(ALL):
        parser.error(f'no such workload: {", ".join(sorted(unknown))}')
    return arguments


def words(text: str) -> list[str]:
    return [word for word in text.split(',') if word]


def selector(wanted: list[str]) -> Callable[[str], bool]:
    """Ours is always measured; without names, all are."""
    return lambda name: not wanted or name.startswith(OURS) or any(word in name for word in wanted)


def list_all() -> None:
    print('workloads:', ', '.join(ALL))
    for title, peers in (('servers', SERVERS), ('clients', CLIENTS)):
        print(f'{title}:')
        for peer in peers:
            print(f'  {peer.name}: {missing(peer) or version(peer)}')


if __name__ == '__main__':
    sys.exit(main())
