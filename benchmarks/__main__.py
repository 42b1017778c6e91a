"""The command: `python -m benchmarks [--workloads all] [--peers node,cheroot] [--seconds 5] [--rounds 5]`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable

from benchmarks import workloads, wrk
from benchmarks.peers import CLIENTS, OURS, SERVERS, missing, version


def main() -> int:
    """Measure what the command line names; without arguments a short run of the main workloads."""
    arguments = parse()
    if arguments.list:
        list_all()
        return 0
    path = wrk.find()
    print(f'Python {platform.python_version()}, {wrk.version(path) if path else "no wrk"}, '
          f'{os.cpu_count()} processors, {platform.system()} {platform.release()}\n')
    settings = workloads.Settings(path, arguments.seconds, arguments.rounds, selector(arguments.peers))
    names = workloads.ALL if arguments.workloads == ['all'] else arguments.workloads
    for name in names:
        workloads.run(name, settings)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument(
        '--workloads', type=words, default=list(workloads.SHORT), metavar='NAME,...',
        help=f'"all", or some of {", ".join(workloads.ALL)} (default: {",".join(workloads.SHORT)})')
    parser.add_argument(
        '--peers', type=words, default=[], metavar='NAME,...',
        help='only peers with one of these in their name, beside ours (default: all that are there)')
    parser.add_argument('--seconds', type=int, default=1, help='of each round (default: 1)')
    parser.add_argument('--rounds', type=int, default=3, help='(default: 3)')
    parser.add_argument('--list', action='store_true', help='show what there is to measure, and end')
    arguments = parser.parse_args()
    unknown = set(arguments.workloads) - {'all', *workloads.ALL}
    if unknown:
        parser.error(f'no such workload: {", ".join(sorted(unknown))}')
    return arguments


def words(text: str) -> list[str]:
    return [word for word in text.split(',') if word]


def selector(wanted: list[str]) -> Callable[[str], bool]:
    """Ours is always measured; without names, all are."""
    return lambda name: not wanted or name.startswith(OURS) or any(word in name for word in wanted)


def list_all() -> None:
    print('workloads:', ', '.join(workloads.ALL))
    for title, peers in (('servers', SERVERS), ('clients', CLIENTS)):
        print(f'{title}:')
        for peer in peers:
            print(f'  {peer.name}: {missing(peer) or version(peer)}')


if __name__ == '__main__':
    sys.exit(main())
