"""What a new connection over TLS costs a server, and how much less one that resumes a session."""

from __future__ import annotations

import contextlib

from benchmarks import report
from benchmarks.peers import OURS, SERVERS, Peer, version
from benchmarks.process import Server, shake_hands
from benchmarks.workloads import Settings, reporting

CONCURRENCY = 4
KINDS = {
    'tls-new': (f'a new TLS connection for each short answer, {CONCURRENCY} at a time', 'new'),
    'tls-resumed': ('the same, each resumes the session of the one before', 'resumed'),
}


def measure_handshakes(name: str, settings: Settings) -> None:
    """Ours and Node's, in turns; print their table."""
    title, kind = KINDS[name]
    settings.print_title(title)
    client = Peer(kind, 'clients/handshakes.py', arguments=(kind,))
    results: report.Results = {}
    peers = tuple(peer for peer in SERVERS if peer.secure)
    with contextlib.ExitStack() as stack:
        servers = {peer: stack.enter_context(Server(peer, secure=True))
                   for peer in settings.chosen(name, peers)}
        for _ in range(settings.rounds):
            for peer, server in servers.items():
                with reporting(peer):
                    result = shake_hands(client, server, CONCURRENCY, settings.seconds)
                    results.setdefault(peer.name, []).append(result)
    measured = [peer for peer in servers if peer.name in results]
    report.print_table(['server', *report.FIGURES, 'version'], [
        [peer.name, *report.figures(results[peer.name]), version(peer)] for peer in measured])
    if OURS in results:
        others = [other for other in results if other != OURS]
        settings.summary.servers.append(report.line(title, OURS, results, others))
