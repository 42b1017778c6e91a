"""The programs of test_server_oracle.py over TLS: what an https server sends, and the order of its events,
compared with Node's (`oracle/server_tls.json`)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE
from test_server_oracle import ORACLE, Run, ours, server_cases
from tls_tools import Authority, SecureClient

import nodehttps

NODE = json.loads((ORACLE / 'server_tls.json').read_text())
CASES = {case['name']: case for case in server_cases.secure_cases()}


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


@pytest.mark.parametrize('name', CASES)
def test_as_node(name: str, authority: Authority, escaped: list[BaseException]) -> None:
    """The same log, the same bytes, and the same end."""
    expected = ours(NODE[name])
    assert SecureRun(CASES[name], authority).result(expected) == expected
    assert not escaped
