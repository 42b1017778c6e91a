"""The programs of test_server_oracle.py over TLS: what an https server sends, and the order of its events,
compared with Node's (`oracle/server_tls.json`)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, first_right
from test_server_oracle import NODE as HTTP
from test_server_oracle import ORACLE, Run, is_timed, ours, server_cases
from tls_tools import Authority, SecureClient

import nodehttps

NODE = json.loads((ORACLE / 'server_tls.json').read_text())
CASES = {case['name']: case for case in server_cases.secure_cases()}


# Records that arrive together are one piece here, and each one of its own in Node.
DIFFERENT = ('POST, one read()', "a long head, 'clientError'")


def expectation(name: str) -> dict[str, Any]:
    """Return what a case comes to here: as in Node, but for what differs on purpose."""
    # Node forgets the option over TLS, against its documentation.
    recorded = HTTP[name] if name == 'highWaterMark' else NODE[name]
    expected = ours(recorded)
    return {**expected, 'log': without_counts(expected['log'])}


def without_counts(log: list[str]) -> list[str]:
    """Leave out how many listeners of its own Node has on a TLSSocket."""
    return [line for line in log if 'sock.listenerCount' not in line]


class SecureRun(Run):
    """One case over TLS."""

    accepted = 'secureConnection'

    def __init__(self, case: dict[str, Any], authority: Authority) -> None:
        self.authority = authority
        super().__init__(case)

    def create(self, options: dict[str, Any]) -> Any:  # type: ignore[override]
        return nodehttps.createServer({**options, **self.authority.issue()})

    def dial(self, port: int) -> SecureClient:
        return SecureClient(port, self.authority.client_context(), MUST_NOT_EXPIRE)


@pytest.mark.usefixtures('strictly')
@pytest.mark.parametrize('name', [name for name in NODE if name in CASES and name not in DIFFERENT])
def test_as_node(name: str, authority: Authority, escaped: list[BaseException]) -> None:
    """The same log, the same bytes, and the same end."""
    expected = expectation(name)

    def run() -> dict[str, Any]:
        result = SecureRun(CASES[name], authority).result(expected)
        return {**result, 'log': without_counts(result['log'])}
    assert first_right(run, expected, is_timed(CASES[name])) == expected
    assert not escaped
