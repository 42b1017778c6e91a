"""Record what a local Node does with the cases beside this file: `python tests/oracle/record.py [node]`.

The tests compare with what is recorded, so that they need no Node; this brings it up to date, and with
`--check` only says what differs. Recorded with Node 25.2.1.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import trustme

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent)]  # cases; tls_tools; the packages
import client_cases  # noqa: E402
import https_cases  # noqa: E402
import request_cases  # noqa: E402
import server_cases  # noqa: E402


def observe(node: str, script: str, cases: Any) -> Any:
    """Return what a script prints for the cases."""
    with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
        json.dump(cases, file)
        file.flush()
        done = subprocess.run([node, HERE / script, file.name], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def observe_events(node: str) -> dict[str, Any]:
    """Return the events of each case of client_cases.py, by its name."""
    events: dict[str, Any] = observe(node, 'client.js', client_cases.cases())
    return events


def with_tls(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return cases with what a server and its client need for TLS."""
    authority = trustme.CA()
    own = authority.issue_cert('127.0.0.1')
    credentials = {
        'key': own.private_key_pem.bytes().decode(),
        'cert': own.cert_chain_pems[0].bytes().decode(),
        'ca': authority.cert_pem.bytes().decode(),
    }
    return [{**case, 'tls': credentials} for case in cases]


def observe_secure_events(node: str) -> dict[str, Any]:
    """Return the events of each case of client_cases.py over TLS, by its name."""
    events: dict[str, Any] = observe(node, 'client.js', with_tls(client_cases.secure_cases()))
    return events


def observe_requests(node: str) -> dict[str, Any]:
    """Return the bytes and notes for each case of request_cases.py, by the case itself as JSON."""
    cases = request_cases.cases()
    results = observe(node, 'requests.js', cases)
    return {json.dumps(case): result for case, result in zip(cases, results, strict=True)}


def observe_server(node: str) -> dict[str, Any]:
    """Return what each case of server_cases.py comes to, by its name."""
    results: dict[str, Any] = observe(node, 'server.js', server_cases.cases())
    return results


def observe_https(node: str) -> dict[str, Any]:
    """Return what each case of https_cases.py comes to, by its name."""
    given = {'cases': https_cases.cases(), 'certificates': https_cases.certificates()}
    results: dict[str, Any] = observe(node, 'https.js', given)
    return results


def observe_secure_server(node: str) -> dict[str, Any]:
    """Return what each case of server_cases.py comes to over TLS, by its name."""
    results: dict[str, Any] = observe(node, 'server.js', with_tls(server_cases.secure_cases()))
    return results


RECORDS = {
    'client_events.json': observe_events,
    'client_events_tls.json': observe_secure_events,
    'https.json': observe_https,
    'requests.json': observe_requests,
    'server.json': observe_server,
    'server_tls.json': observe_secure_server,
}


def main() -> int:
    """Record, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('node', nargs='?', default='node')
    parser.add_argument(
        '--check', action='store_true', help='only print what differs from what is recorded'
    )
    arguments = parser.parse_args()
    differing = 0
    for name, observe_all in RECORDS.items():
        file, results = HERE / name, observe_all(arguments.node)
        if not arguments.check:
            lines = ',\n'.join(
                f'{json.dumps(case)}: {json.dumps(result)}' for case, result in results.items()
            )
            file.write_text(f'{{\n{lines}\n}}\n')
            continue
        recorded = json.loads(file.read_text())
        for case, result in results.items():
            if result != recorded.get(case):
                print(case, '\n    recorded:', recorded.get(case), '\n    now:     ', result)
                differing += 1
    return 1 if differing else 0


if __name__ == '__main__':
    raise SystemExit(main())
