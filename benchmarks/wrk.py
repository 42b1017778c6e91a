"""Runs `wrk` and reads what it measured."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.loads import Load

SCRIPT = Path(__file__).with_name('wrk.lua')


@dataclass
class Result:
    """What one run came to. Times in seconds."""

    rate: float  # requests/s
    p50: float
    p99: float
    requests: int
    failed: int = 0  # answers other than 2xx and 3xx, broken connections, requests without an answer
    processor: float | None = None  # time of it that each request took, where that is known


def find() -> str | None:
    """The path of wrk, if it is installed."""
    return shutil.which('wrk')


def version(path: str) -> str:
    """The first words of what wrk says of itself."""
    output = subprocess.run([path, '--version'], capture_output=True, text=True).stdout  # its status is 1
    match = re.search(r'wrk \S+', output)
    return match.group() if match else 'wrk'


def run(path: str, port: int, load: Load, seconds: int) -> Result:
    """Load the server on `port`.

    One thread is enough: it outruns every server here, and the processors are for these.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(load.packet())
        file.flush()
        output = subprocess.check_output(
            [path, '-t1', f'-c{load.connections}', f'-d{seconds}s', '--timeout', '10s', '-s', str(SCRIPT),
             f'{"https" if load.secure else "http"}://127.0.0.1:{port}/', '--', file.name], text=True)
    counts = json.loads(output.splitlines()[-1])
    return Result(counts['requests'] / counts['seconds'], counts['p50'], counts['p99'], counts['requests'],
                  counts['failed'] + counts['timeouts'])
