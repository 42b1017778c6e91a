"""The command of the benchmarks starts, and our own programs in it do what they are measured with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30)


def test_the_command_lists_what_there_is() -> None:
    result = run('-m', 'benchmarks', '--list')
    assert (result.returncode, result.stderr) == (0, '')
    assert '  nodehttp: ' in result.stdout
    assert '  http.client: Python 3' in result.stdout


def test_an_unknown_workload_is_refused() -> None:
    result = run('-m', 'benchmarks', '--workloads', 'hello-64,nothing')
    assert result.returncode == 2
    assert 'no such workload: nothing' in result.stderr


@pytest.mark.parametrize('server', ['nodehttp', 'ThreadingHTTPServer'])
def test_a_server_answers_what_it_is_measured_with(server: str) -> None:
    program = f"""
from benchmarks.check import check
from benchmarks.peers import SERVERS
from benchmarks.process import Server
from benchmarks.workloads import LOADS
with Server(next(peer for peer in SERVERS if peer.name == {server!r})) as server:
    for load in LOADS:
        check(server, load.path, load.body)
"""
    result = run('-W', 'error', '-c', program)
    assert (result.returncode, result.stderr) == (0, '')


@pytest.mark.parametrize('client', ['ours_callbacks', 'ours_blocking', 'http_client'])
def test_a_client_counts_its_answers(client: str) -> None:
    program = f"""
from benchmarks.peers import SERVERS, CLIENTS
from benchmarks.process import Server, run_client
with Server(next(peer for peer in SERVERS if peer.name == 'ThreadingHTTPServer')) as server:
    client = next(peer for peer in CLIENTS if {client!r} in peer.program)
    assert run_client(client, server.port, 4, 0.2).rate > 0
"""
    result = run('-W', 'error', '-c', program)
    assert (result.returncode, result.stderr) == (0, '')
