"""Python programs in processes of their own, which find the packages of this checkout and take warnings for
errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parent.parent
MUST_END = 20.0  # s
AT_ONCE = 3  # interpreters; more of them start so slowly on a busy machine that it looks like a hang

Outcome = tuple[int, str, str]  # status, output, errors
Case = TypeVar('Case')


class Program:
    """`python ...arguments`; a context, at whose end it is over. `environment` are further variables."""

    def __init__(self, *arguments: str, folder: Path | None = None, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *arguments], cwd=folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONWARNINGS': 'error', **environment})

    def read_line(self) -> str:
        """Return the next line that it prints; '' when there is none."""
        assert self.process.stdout is not None
        deadline = threading.Timer(MUST_END, self.process.kill)
        deadline.start()
        try:
            return self.process.stdout.readline()
        finally:
            deadline.cancel()
            deadline.join()

    def interrupt(self) -> Outcome:
        """Press Ctrl-C, and wait for the end."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self, typed: str = '') -> Outcome:
        """Wait for its end. `typed` is its input."""
        try:
            out, err = self.process.communicate(typed, timeout=MUST_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(f'did not end: {self.process.args}, printed {out!r} and {err!r}') from None
        return self.process.returncode, out, err

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def script(text: str, *arguments: str, **environment: str) -> Program:
    """Start a script."""
    return Program('-c', textwrap.dedent(text), *arguments, **environment)


def run_script(text: str, *arguments: str, **environment: str) -> Outcome:
    """Run a script to its end."""
    with script(text, *arguments, **environment) as program:
        return program.wait()


def beside(run: Callable[[Case], Outcome], cases: Iterable[Case]) -> list[Outcome]:
    """Run programs that have nothing to do with each other beside each other: `run` is given a case."""
    with ThreadPoolExecutor(AT_ONCE) as executor:
        return list(executor.map(run, cases))
