"""Certificates for the tests, made when they run."""

from __future__ import annotations

import datetime
import ssl
from functools import cache
from typing import Any

import trustme

LOCAL = ('localhost', '127.0.0.1', '::1')


class Authority:
    """A certificate authority. `pem` is its certificate; credentials are options of createSecureContext."""

    def __init__(self, parent: Authority | None = None) -> None:
        self._ca = trustme.CA() if parent is None else parent._ca.create_child_ca()
        self.pem = self._ca.cert_pem.bytes()

    @cache  # noqa: B019 -- as long as the tests run
    def issue(self, *names: str, **options: Any) -> dict[str, bytes]:
        """Return key and cert for `names`, with the chain up to below the authority that is trusted."""
        issued = self._ca.issue_cert(*(names or LOCAL), **options)
        return {
            'key': issued.private_key_pem.bytes(),
            'cert': b''.join(pem.bytes() for pem in issued.cert_chain_pems),
        }

    def issue_rsa(self, *names: str) -> dict[str, bytes]:
        """As `issue`, with a key of RSA."""
        return self.issue(*names, key_type=trustme.KeyType.RSA)

    def issue_expired(self) -> dict[str, bytes]:
        """As `issue`; it was valid in 2020."""
        return self.issue(not_before=datetime.datetime(2020, 1, 1), not_after=datetime.datetime(2021, 1, 1))

    def issue_future(self) -> dict[str, bytes]:
        """As `issue`; it will be valid in 2990."""
        return self.issue(not_before=datetime.datetime(2990, 1, 1), not_after=datetime.datetime(2991, 1, 1))

    def child(self) -> Authority:
        """Return an authority below this one."""
        return Authority(self)

    def client_context(self, **options: Any) -> ssl.SSLContext:
        """Return a context of Python's own for a client that trusts the authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem.decode())
        for name, value in options.items():
            setattr(context, name, value)
        return context


def self_signed(name: str = 'localhost') -> dict[str, bytes]:
    """Return key and cert of one who trusts himself only."""
    from nodehttps.__main__ import self_signed as make

    key, cert = make([name, '127.0.0.1'])
    return {'key': key, 'cert': cert}
