"""Whom to trust when nobody says: certifi's list of authorities, and those of NODE_EXTRA_CA_CERTS.

Documentation: "tls.rootCertificates", "tls.getCACertificates([type])", "NODE_EXTRA_CA_CERTS=file".
"""

from __future__ import annotations

import os
import ssl
import sys
import warnings
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import Any

from nodehttp import errors
from nodehttp.monitor import monitor
from nodehttps._pem import certificates_in, to_bytes, to_pem

_OWN_FOLDERS = tuple(os.path.join(os.path.dirname(path), '') for path in (__file__, errors.__file__))

_chosen: tuple[bytes, ...] | None = None  # by setDefaultCACertificates


class SecurityWarning(UserWarning):
    """Something in the environment makes TLS weaker than it looks, or does not work."""


@cache
def bundled() -> tuple[bytes, ...]:
    """Return the authorities that come with certifi, as DER."""
    # Imported when it is first needed, as are other things in this package: a server does without, and it
    # brings half of Python's library along.
    import certifi

    with open(certifi.where(), 'rb') as file:
        return tuple(certificates_in(file.read()))


@cache
def extra() -> tuple[bytes, ...]:
    """Return those of the file that NODE_EXTRA_CA_CERTS names; read once, when they are first needed."""
    path = os.environ.get('NODE_EXTRA_CA_CERTS')
    if not path:
        return ()
    try:
        with open(path, 'rb') as file:
            found = certificates_in(file.read())
    except OSError as error:
        _warn_of_extra(path, error)
        return ()
    if not found:
        _warn_of_extra(path, 'there is none in it')
    return tuple(found)


def _warn_of_extra(path: str, why: Any) -> None:
    warn_of_danger(f'Ignoring extra certs from `{path}`, load failed: {why}')


def warn_of_danger(text: str) -> None:
    """Give a SecurityWarning at the line of the user's program that led here."""
    frame: FrameType | None = sys._getframe()
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(_OWN_FOLDERS):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, SecurityWarning, stacklevel=level)


@cache
def _system() -> tuple[bytes, ...]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    path = ssl.get_default_verify_paths().cafile
    if path:
        context.load_verify_locations(path)
    return tuple(context.get_ca_certs(binary_form=True))


def default() -> tuple[bytes, ...]:
    """Return those that are trusted without the option `ca`."""
    return bundled() + extra() if _chosen is None else _chosen


_KINDS: dict[str, Callable[[], tuple[bytes, ...]]] = {
    'default': default, 'bundled': bundled, 'extra': extra, 'system': _system}


@cache
def root_certificates() -> tuple[str, ...]:
    """Return certifi's authorities as PEM."""
    return tuple(map(to_pem, bundled()))


def getCACertificates(type: str = 'default') -> list[str]:
    """Return authorities as PEM: 'default' (trusted without the option `ca`), 'bundled' (certifi's), 'extra'
    (NODE_EXTRA_CA_CERTS) or 'system' (the operating system's, which are not trusted by default).

    TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE. ("tls.getCACertificates([type])")
    """
    if not isinstance(type, str):
        raise errors.invalid_arg_type('type', 'of type string', type)
    if type not in _KINDS:
        raise errors.node_error('ERR_INVALID_ARG_VALUE', 'type', type)
    return list(map(to_pem, _KINDS[type]()))


def setDefaultCACertificates(certs: Any) -> None:
    """Trust `certs`, PEM texts, instead of the default authorities, in connections without the option `ca`
    from now on. ("tls.setDefaultCACertificates(certs)")"""
    global _chosen
    if not isinstance(certs, (list, tuple)):
        raise errors.invalid_arg_type('certs', 'an instance of Array', certs)
    found: list[bytes] = []
    for index, cert in enumerate(certs):
        found += certificates_in(to_bytes(cert, f'certs[{index}]'))
    with monitor:
        _chosen = tuple(dict.fromkeys(found))
