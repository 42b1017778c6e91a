"""The command of the benchmarks starts, and our own programs in it do what they are measured with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.check import check
from benchmarks.loads import HELLO, LOADS, Load
from benchmarks.peers import CLIENTS, SERVERS, Peer
from benchmarks.process import Failed, Server, run_client, shake_hands
from benchmarks.readme import write
from benchmarks.report import Line, Summary

ROOT = Path(__file__).parent.parent
SECONDS = 0.05  # for which a client asks; it counts one answer at least


def test_the_command_lists_what_there_is() -> None:
    result = subprocess.run(
        [sys.executable, '-m', 'benchmarks', '--list'], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (result.returncode, result.stderr) == (0, '')
    assert '  nodehttp: ' in result.stdout
    assert '  http.client: Python 3' in result.stdout


def test_an_unknown_workload_is_refused(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, 'argv', ['benchmarks', '--workloads', 'hello-64,nothing'])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert 'no such workload: nothing' in capsys.readouterr().err


def peer_named(name: str, peers: Sequence[Peer] = SERVERS) -> Peer:
    return next(peer for peer in peers if peer.name == name)


@pytest.fixture(scope='module')
def own_server() -> Iterator[Server]:
    with Server(peer_named('nodehttp')) as server:
        yield server


@pytest.fixture(scope='module')
def own_secure_server() -> Iterator[Server]:
    with Server(peer_named('nodehttp'), secure=True) as server:
        yield server


@pytest.mark.parametrize('name', ['nodehttp', 'ThreadingHTTPServer', 'bare loop'])
def test_a_server_answers_what_it_is_measured_with(name: str) -> None:
    peer = peer_named(name)
    for secure in [False, True] if peer.secure else [False]:
        with Server(peer, secure=secure) as server:
            for load in LOADS:
                if peer.fits(load.name) and load.secure == secure:
                    check(server, load)


@pytest.mark.parametrize(('changes', 'failure'), [
    ({'path': '/nothing'}, 'answers 404 to /nothing'),
    ({'path': '/echo'}, 'wrong body for /echo'),
    ({'path': '/stream'}, 'wrong body for /stream'),
    ({'browser': True}, 'lacks headers'),
])
def test_a_wrong_answer_is_noticed(own_server: Server, changes: dict[str, Any], failure: str) -> None:
    with pytest.raises(Failed, match=rf'^{failure}(:|$)'):
        check(own_server, replace(HELLO, **changes))


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


@pytest.mark.parametrize('name', ['nodehttp callbacks', 'nodehttp blocking', 'http.client', 'bare loop'])
def test_a_client_counts_its_answers(own_server: Server, name: str) -> None:
    assert run_client(peer_named(name, CLIENTS), own_server.port, 4, SECONDS).rate > 0


@pytest.mark.parametrize('kind', ['new', 'resumed'])
def test_connections_over_tls_are_counted(own_secure_server: Server, kind: str) -> None:
    client = Peer('', 'clients/handshakes.py', arguments=(kind,))
    assert shake_hands(client, own_secure_server, 2, SECONDS).rate > 0
