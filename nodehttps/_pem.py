"""PEM in and out, and files that OpenSSL can read without there being one on the disk."""

from __future__ import annotations

import base64
import binascii
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nodehttp import errors
from nodehttps import _der

_certificates = re.compile(
    r'-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----(.*?)-----END \1-----', re.DOTALL)
BYTES_OR_TEXT = 'of type string or an instance of Buffer, TypedArray, or DataView'


def to_bytes(value: Any, name: str) -> bytes:
    """Return a str or bytes-like option as bytes; TypeError ERR_INVALID_ARG_TYPE names it."""
    if isinstance(value, str):
        return value.encode()
    try:
        return bytes(memoryview(value))
    except TypeError:
        raise errors.invalid_arg_type(f'options.{name}', BYTES_OR_TEXT, value) from None


def certificates_in(pem: bytes) -> list[bytes]:
    """Return the certificates in a PEM text as DER, in order; what cannot be read is left out, as in Node."""
    result = []
    for _, body in _certificates.findall(pem.decode('latin-1')):
        try:
            # A "trusted" certificate has something of OpenSSL's own behind it.
            result.append(_der.element(base64.b64decode(body)).whole)
        except (binascii.Error, ValueError):
            continue
    return result


def to_pem(der: bytes) -> str:
    """Return a certificate as PEM, without a line end behind it, as `rootCertificates` has them."""
    return ssl.DER_cert_to_PEM_cert(der).rstrip('\n')


@contextmanager
def readable_path(data: bytes) -> Iterator[str]:
    """Give the path of a file that has `data` in it, for as long as the block runs.

    Python's ssl takes keys from files only. Where there is such a thing the file is one in memory, so that a
    key that was never on the disk does not get there; else it is a temporary one of this user's.
    """
    if hasattr(os, 'memfd_create') and os.path.isdir('/proc/self/fd'):
        descriptor = os.memfd_create('nodehttps')
        try:
            with open(descriptor, 'wb', closefd=False) as file:
                file.write(data)
            yield f'/proc/self/fd/{descriptor}'
        finally:
            os.close(descriptor)
    else:
        import tempfile  # 3 ms, for these systems alone

        with tempfile.NamedTemporaryFile(prefix='nodehttps-') as file:
            file.write(data)
            file.flush()
            yield file.name
