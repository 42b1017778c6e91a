"""How long an import takes, over a bare interpreter."""

from __future__ import annotations

import importlib.util
import os
import resource
import subprocess
import sys
import time
from statistics import median

from benchmarks import report
from benchmarks.peers import OURS
from benchmarks.workloads import Settings

NAME = 'import'
BARE = 'pass'
# Ours, and what others come with for servers and clients.
MODULES = (
    OURS, 'nodehttps', 'http.server', 'http.client', 'asyncio', 'requests', 'httpx', 'aiohttp', 'uvicorn')
TIMES = 5  # in each round
# What is installed is compiled.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}

Start = tuple[float, float]  # seconds from its start to its end, and of processor time


def measure_imports(settings: Settings) -> None:
    """Start interpreters in turns and print the table of milliseconds."""
    print(f'import, ms over a bare interpreter ({settings.rounds * TIMES} times)', flush=True)
    statements = [f'import {name}' for name in MODULES if importlib.util.find_spec(name)]
    starts: dict[str, list[Start]] = {statement: [] for statement in (BARE, *statements)}
    for statement in starts:
        start(statement)  # writes the compiled files, fills the caches
    for _ in range(settings.rounds * TIMES):
        for statement, measured in starts.items():
            measured.append(start(statement))
    taken, processor = ({statement: over_bare(starts, statement, which) for statement in statements}
                        for which in (0, 1))
    report.print_table(['', 'ms', 'spread', 'of processor', ''], [
        [statement, f'{median(times):.1f}', f'±{(max(times) - min(times)) / 2:.1f}',
         f'{median(processor[statement]):.1f}', ''] for statement, times in taken.items()])
    shown = {statement: f'{median(times):.0f}' for statement, times in taken.items()}
    ours = f'import {OURS}'
    others = '; '.join(f'``{statement}`` {times}' for statement, times in shown.items() if statement != ours)
    settings.summary.remarks.append(f'``{ours}`` took {shown[ours]} ms over a bare interpreter ({others}).')


def over_bare(starts: dict[str, list[Start]], statement: str, which: int) -> list[float]:
    """The ms over those of the bare interpreter of the same round."""
    pairs = zip(starts[statement], starts[BARE], strict=True)
    return [(measured[which] - bare[which]) * 1000 for measured, bare in pairs]


def start(statement: str) -> Start:
    """Run a statement in an interpreter of its own."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, '-c', statement], check=True, stdin=subprocess.DEVNULL, env=ENVIRONMENT)
    taken, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
