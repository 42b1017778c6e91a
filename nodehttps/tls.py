"""Node's `tls`: TLS over TCP or any other stream, with Python's ssl. ("TLS (SSL)")

Who is where: `_tlssocket` (TLSSocket) and `_tlsinfo` (what it tells), `_tlsserver` (Server), `_connect`,
`_context` (SecureContext) with `_credentials`, `_roots` and `_protocols`; `_verify` (trust), `_identity`
(names), `_certificate` (what a certificate says), `_hello` (a client's first message).

Left out, because Python's ssl has no way to them, with an error where they are asked for: pre-shared keys,
OCSP, sessions as bytes and their events on a server, ticket keys, renegotiation, exported keying material.
"""

from __future__ import annotations

from typing import Any

from nodehttps import _roots
from nodehttps._connect import connect
from nodehttps._context import SecureContext, createSecureContext
from nodehttps._identity import checkServerIdentity
from nodehttps._protocols import (
    DEFAULT_CIPHERS,
    DEFAULT_ECDH_CURVE,
    DEFAULT_MAX_VERSION,
    DEFAULT_MIN_VERSION,
    convertALPNProtocols,
    getCiphers,
)
from nodehttps._roots import getCACertificates, setDefaultCACertificates
from nodehttps._tlsserver import Server
from nodehttps._tlssocket import TLSSocket

__all__ = [
    'CLIENT_RENEG_LIMIT', 'CLIENT_RENEG_WINDOW', 'DEFAULT_CIPHERS', 'DEFAULT_ECDH_CURVE',
    'DEFAULT_MAX_VERSION', 'DEFAULT_MIN_VERSION', 'SecureContext', 'Server', 'TLSSocket',
    'checkServerIdentity', 'connect', 'convertALPNProtocols', 'createSecureContext', 'createServer',
    'getCACertificates', 'getCiphers', 'rootCertificates', 'setDefaultCACertificates',
]

# Node's limits of renegotiation, which is refused here.
CLIENT_RENEG_LIMIT = 3
CLIENT_RENEG_WINDOW = 600

rootCertificates: tuple[str, ...]

for _class in (SecureContext, Server, TLSSocket):
    _class.__module__ = __name__  # the path that users know, in tracebacks too


def createServer(options: Any = None, secureConnectionListener: Any = None, **kwargs: Any) -> Server:
    """Return a new Server. ("tls.createServer([options][, secureConnectionListener])")"""
    return Server(options, secureConnectionListener, **kwargs)


def __getattr__(name: str) -> Any:
    """`rootCertificates`: the authorities that come with certifi, as PEM; read when first asked for."""
    if name == 'rootCertificates':
        return _roots.root_certificates()
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
