"""The command of the benchmarks starts, and our own programs in it do what they are measured with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.loads import Load
from benchmarks.readme import write
from benchmarks.report import Line, Summary

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


@pytest.mark.parametrize('server', ['nodehttp', 'ThreadingHTTPServer', 'bare loop'])
def test_a_server_answers_what_it_is_measured_with(server: str) -> None:
    program = f"""
from benchmarks.check import check
from benchmarks.peers import SERVERS
from benchmarks.process import Server
from benchmarks.loads import LOADS
with Server(peer := next(peer for peer in SERVERS if peer.name == {server!r})) as server:
    for load in LOADS:
        if peer.fits(load.name) and not load.secure:
            check(server, load)
if peer.secure:
    with Server(peer, secure=True) as server:
        for load in LOADS:
            if load.secure:
                check(server, load)
"""
    result = run('-W', 'error', '-c', program)
    assert (result.returncode, result.stderr) == (0, '')


def test_a_wrong_answer_is_noticed() -> None:
    program = """
from dataclasses import replace
from benchmarks.check import check
from benchmarks.loads import HELLO
from benchmarks.peers import SERVERS
from benchmarks.process import Failed, Server
with Server(SERVERS[0]) as server:
    for changes in {'path': '/nothing'}, {'path': '/echo'}, {'path': '/stream'}, {'browser': True}:
        try:
            check(server, replace(HELLO, **changes))
        except Failed as error:
            print(str(error).partition(':')[0])
"""
    result = run('-W', 'error', '-c', program)
    assert (result.stdout.splitlines(), result.stderr) == ([
        'answers 404 to /nothing', 'wrong body for /echo', 'wrong body for /stream', 'lacks headers'], '')


def test_the_packet_is_what_its_load_says() -> None:
    chunked = Load('', '', '/x', 1, body=5, chunk=4, close=True)
    assert chunked.packet() == (
        b'POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
        b'4\r\nxxxx\r\n1\r\nx\r\n0\r\n\r\n')
    assert Load('', '', '/', 1, pipelined=2).packet() == b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n' * 2
    assert Load('', '', '/', 1, browser=True).packet().count(b'\r\n') == 20 + 2


def test_the_table_of_the_readme() -> None:
    summary = Summary(
        servers=[Line('hello', '1,000', '25.0', {'node': '0.50'}),
                 Line('echo', '900', '-', {'cheroot': '2.00'})],
        remarks=['It is so.'], versions={'nodehttp': 'from the checkout', 'node': 'v25.2.1', 'cheroot': '11'})
    text = write(summary, 'wrk 4')
    assert ', wrk 4; node v25.2.1, cheroot 11. ' in text.replace('\n', ' ')
    assert text.endswith("""
.. list-table::
   :header-rows: 1

   * - Servers
     - requests/s
     - us each
     - node
     - cheroot
   * - hello
     - 1,000
     - 25.0
     - 0.50
     -
   * - echo
     - 900
     - -
     -
     - 2.00

* It is so.""")


@pytest.mark.parametrize('client', ['ours_callbacks', 'ours_blocking', 'http_client', 'bare_client'])
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


@pytest.mark.parametrize('kind', ['new', 'resumed'])
def test_connections_over_tls_are_counted(kind: str) -> None:
    program = f"""
from benchmarks.peers import SERVERS, Peer
from benchmarks.process import Server, shake_hands
with Server(SERVERS[0], secure=True) as server:
    assert shake_hands(Peer('', 'clients/handshakes.py', arguments=({kind!r},)), server, 2, 0.2).rate > 0
"""
    result = run('-W', 'error', '-c', program)
    assert (result.returncode, result.stderr) == (0, '')
