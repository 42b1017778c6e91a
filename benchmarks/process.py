"""Starts the programs of the benchmarks, each in a process of its own, and looks at them from outside."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks import wrk
from benchmarks.loads import Load
from benchmarks.peers import Peer, command
from benchmarks.wrk import Result
from nodehttps.__main__ import self_signed

ROOT = Path(__file__).parent.parent
START_WITHIN = 20  # s
STOP_WITHIN = 5  # s


class Failed(Exception):
    """A program did not do what it should; the text is for the reader of the report."""


class Server:
    """A server in a process; a context manager that ends it."""

    def __init__(self, peer: Peer, threads: int | None = None, secure: bool = False) -> None:
        self.peer = peer
        arguments = [str(threads)] if threads and peer.threaded else []
        if secure:
            self._certificate = tempfile.NamedTemporaryFile()  # noqa: SIM115  (closed with the process)
            self._certificate.write(b''.join(self_signed(['localhost', '127.0.0.1'])))
            self._certificate.flush()
            arguments.append(self._certificate.name)
        self._errors = tempfile.TemporaryFile('w+')  # noqa: SIM115  (closed with the process)
        self._process = subprocess.Popen(
            command(peer, *arguments), cwd=ROOT, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors)
        try:
            self.port = self._read_port()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def _read_port(self) -> int:
        out = self._process.stdout
        assert out
        readable, _, _ = select.select([out], [], [], START_WITHIN)
        words = out.readline().split() if readable else []
        if words[:1] != ['listening']:
            raise Failed(f'does not start: {self._last_error()}')
        return int(words[1])

    def _last_error(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return lines[-1] if lines else 'it says nothing'

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
        self._errors.close()

    def threads(self) -> int:
        """How many threads it has, in all its processes (Linux)."""
        return sum(len(os.listdir(f'/proc/{pid}/task')) for pid in _family(self._process.pid))

    def processor(self) -> float:
        """Seconds of processor time that it has used, in all its processes (Linux)."""
        return sum(_processor(pid) for pid in _family(self._process.pid))

    def memory(self) -> int:
        """Its resident memory in bytes, of all its processes (Linux)."""
        return sum(_resident(pid) for pid in _family(self._process.pid))


def _family(pid: int) -> list[int]:
    """A process and those it started."""
    children = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _processor(pid: int) -> float:
    # After the name in brackets, which may hold anything, utime and stime are the fields 12 and 13 (proc(5)).
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def _resident(pid: int) -> int:
    return int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def run_client(client: Peer, port: int, concurrency: int, seconds: float) -> Result:
    """Run a client to its end."""
    counts = client_counts(client, port, concurrency, seconds)
    latencies = sorted(counts['latencies'])
    return Result(
        len(latencies) / counts['seconds'], percentile(latencies, 50), percentile(latencies, 99),
        len(latencies), processor=counts['processor'] / len(latencies))


def shake_hands(client: Peer, server: Server, concurrency: int, seconds: float) -> Result:
    """Run a client that makes connections, and look at what each of them costs the server."""
    before = server.processor()
    counts = client_counts(client, server.port, concurrency, seconds)
    latencies = sorted(counts['latencies'])
    return Result(
        len(latencies) / counts['seconds'], percentile(latencies, 50), percentile(latencies, 99),
        len(latencies), processor=(server.processor() - before) / counts['total'])


def client_counts(client: Peer, port: int, concurrency: int, seconds: float) -> dict[str, Any]:
    """Run a client to its end, and return what it says."""
    process = subprocess.run(
        command(client, str(port), str(concurrency), str(seconds)), cwd=ROOT, capture_output=True, text=True,
        timeout=seconds + START_WITHIN)
    lines = process.stdout.splitlines()
    if process.returncode or not lines:
        raise Failed((process.stderr.strip().splitlines() or ['it says nothing'])[-1])
    counts: dict[str, Any] = json.loads(lines[-1])
    return counts


def load_server(wrk_path: str, server: Server, load: Load, seconds: int) -> Result:
    """Run `wrk` on a server, and look at what it costs the server."""
    before = server.processor()
    result = wrk.run(wrk_path, server.port, load, seconds)
    if result.requests:
        result.processor = (server.processor() - before) / result.requests
    return result


def percentile(ordered: list[float], percent: float) -> float:
    """The value that `percent` of a sorted list do not exceed."""
    return ordered[min(len(ordered) - 1, round(len(ordered) * percent / 100))]
