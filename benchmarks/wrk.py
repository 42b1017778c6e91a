"""Runs `wrk` and reads what it measured."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name('wrk.lua')


@dataclass
class Result:
    """What one run came to. Times in seconds."""

    rate: float  # requests/s
    p50: float
    p99: float
    failed: int = 0  # answers other than 2xx and 3xx, broken connections, requests without an answer


def find() -> str | None:
    """The path of wrk, if it is installed."""
    return shutil.which('wrk')


def version(path: str) -> str:
    """The first words of what wrk says of itself."""
    output = subprocess.run([path, '--version'], capture_output=True, text=True).stdout  # its status is 1
    match = re.search(r'wrk \S+', output)
    return match.group() if match else 'wrk'


def run(path: str, url: str, connections: int, seconds: int, body: int = 0) -> Result:
    """Load `url` over so many connections, each asking again as soon as it is answered.

    One thread is enough: it outruns every server here, and the processors are for these.
    """
    output = subprocess.check_output(
        [path, '-t1', f'-c{connections}', f'-d{seconds}s', '--timeout', '10s', '-s', str(SCRIPT), url, '--',
         str(body)], text=True)
    counts = json.loads(output.splitlines()[-1])
    return Result(counts['requests'] / counts['seconds'], counts['p50'], counts['p99'],
                  counts['failed'] + counts['timeouts'])
