"""Record what a local Node does with the cases beside this file: `python tests/oracle/record.py [node]`.

The tests compare with what is recorded, so that they need no Node; this brings it up to date. `--new` records
only what is not recorded yet, `--check` nothing: it says what differs. Recorded with Node 25.2.1.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import trustme

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent)]  # cases; tls_tools; the packages
import client_cases  # noqa: E402
import https_cases  # noqa: E402
import proxy_cases  # noqa: E402
import reading_cases  # noqa: E402
import request_cases  # noqa: E402
import server_cases  # noqa: E402
import websocket_cases  # noqa: E402


def with_tls(cases: list[Any]) -> list[Any]:
    """Return cases with what a server and its client need for TLS."""
    authority = trustme.CA()
    own = authority.issue_cert('127.0.0.1', 'origin.test')
    credentials = {
        'key': own.private_key_pem.bytes().decode(),
        'cert': own.cert_chain_pems[0].bytes().decode(),
        'ca': authority.cert_pem.bytes().decode(),
    }
    return [{**case, 'tls': credentials} for case in cases]


def with_certificates(cases: list[Any]) -> Any:
    """Return cases with the certificates that they name."""
    return {'cases': cases, 'certificates': https_cases.certificates()}


def by_name(cases: list[dict[str, Any]]) -> dict[str, Any]:
    """Return cases by their names."""
    return {case['name']: case for case in cases}


def by_text(cases: list[Any]) -> dict[str, Any]:
    """Return cases without names by what they are."""
    return {json.dumps(case): case for case in cases}


class Source(NamedTuple):
    """Where the results of a file come from."""

    script: str
    cases: dict[str, Any]
    prepared: Callable[[list[Any]], Any] = list  # what the script is given for cases

    def observe(self, node: str, names: Collection[str]) -> dict[str, Any]:
        """Return what the script says of the cases of these names."""
        if not names:
            return {}
        with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
            json.dump(self.prepared([self.cases[name] for name in names]), file)
            file.flush()
            done = subprocess.run(
                [node, HERE / self.script, file.name], check=True, capture_output=True, text=True)
        results = json.loads(done.stdout)
        return results if isinstance(results, dict) else dict(zip(names, results, strict=True))


SOURCES = {
    'client_events.json': Source('client.js', by_name(client_cases.cases())),
    'client_events_tls.json': Source('client.js', by_name(client_cases.secure_cases()), with_tls),
    'https.json': Source('https.js', by_name(https_cases.cases()), with_certificates),
    'proxies.json': Source('proxies.js', by_text(proxy_cases.addresses())),
    'proxy_events.json': Source('client.js', by_name(proxy_cases.programs()), with_tls),
    'reading.json': Source('reading.js', by_name(reading_cases.cases())),
    'requests.json': Source('requests.js', by_text(request_cases.cases())),
    'server.json': Source('server.js', by_name(server_cases.cases())),
    'server_tls.json': Source('server.js', by_name(server_cases.secure_cases()), with_tls),
    'websocket.json': Source('websocket.js', by_name(websocket_cases.cases())),
}


def differing(node: str, source: Source, recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the results that are not those recorded, each time: a machine may be busy."""
    names: Collection[str] = source.cases
    for _ in range(3):
        results = source.observe(node, names)
        names = [name for name in names if results[name] != recorded.get(name)]
    return {name: results[name] for name in names}


def main() -> int:
    """Record, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('node', nargs='?', default='node')
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--new', action='store_true', help='record only what is not recorded yet')
    what.add_argument('--check', action='store_true', help='only print what differs from what is recorded')
    arguments = parser.parse_args()
    found = False
    for name, source in SOURCES.items():
        file = HERE / name
        recorded = json.loads(file.read_text())
        if arguments.check:
            for case, result in differing(arguments.node, source, recorded).items():
                print(case, '\n    recorded:', recorded.get(case), '\n    now:     ', result)
                found = True
            continue
        missing = [case for case in source.cases if not arguments.new or case not in recorded]
        results = {**recorded, **source.observe(arguments.node, missing)}
        lines = ',\n'.join(f'{json.dumps(case)}: {json.dumps(results[case])}' for case in source.cases)
        file.write_text(f'{{\n{lines}\n}}\n')
    return 1 if found else 0


if __name__ == '__main__':
    raise SystemExit(main())
