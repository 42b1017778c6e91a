"""Keys and certificates of one's own: from the options key, cert, pfx and passphrase into an SSLContext.

Documentation: "tls.createSecureContext([options])".
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

from nodehttp import errors
from nodehttps._errors import missing_extra, openssl_error
from nodehttps._pem import certificates_in, readable_path, to_bytes


class Key(NamedTuple):
    """A private key, PEM, and what it is encrypted with."""

    pem: bytes
    passphrase: bytes | None


class Credentials(NamedTuple):
    """What one end shows of itself: certificates (PEM, each with its chain) with their keys, and authorities
    that came with them in a PFX file (DER)."""

    pairs: list[tuple[bytes, Key]]
    authorities: list[bytes]


def read_credentials(options: Mapping[str, Any]) -> Credentials:
    """Read key, cert, pfx and passphrase. Certificates without any key are left out, as in Node.

    Raises TypeError ERR_INVALID_ARG_TYPE for wrong types, and what Node raises for PEM texts that are none:
    Error ERR_OSSL_PEM_NO_START_LINE, ERR_OSSL_UNSUPPORTED, ERR_OSSL_BAD_DECRYPT,
    ERR_OSSL_X509_KEY_VALUES_MISMATCH.
    """
    passphrase = options.get('passphrase')
    certificates = [to_bytes(value, 'cert') for value in _several(options.get('cert'))]
    certificates = [pem for pem in certificates if pem]
    keys = [_key(value, passphrase) for value in _several(options.get('key'))]
    keys = [key for key in keys if key.pem]
    authorities: list[bytes] = []
    for value in _several(options.get('pfx')):
        _add_pfx(value, passphrase, certificates, keys, authorities)
    for pem in certificates:
        if not certificates_in(pem):
            raise openssl_error('PEM', 'NO_START_LINE')
    for key in keys:
        if b'-----BEGIN ' not in key.pem:
            raise openssl_error('DECODER', 'UNSUPPORTED')
    pairs = [(pem, _key_of(pem, keys)) for pem in certificates] if keys else []
    return Credentials(pairs, authorities)


def _several(value: Any) -> list[Any]:
    """One value, or a list of them, as a list."""
    if value is None:
        return []
    return [item for item in value if item is not None] if isinstance(value, (list, tuple)) else [value]


def _key(value: Any, passphrase: Any) -> Key:
    """A key, or {pem, passphrase}."""
    if isinstance(value, Mapping):
        own = value.get('passphrase')
        value, passphrase = value.get('pem'), passphrase if own is None else own
    if passphrase is not None and not isinstance(passphrase, str):
        raise errors.invalid_arg_type('options.passphrase', 'of type string', passphrase)
    return Key(to_bytes(value, 'key'), None if passphrase is None else passphrase.encode())


def _add_pfx(value: Any, passphrase: Any, certificates: list[bytes], keys: list[Key],
             authorities: list[bytes]) -> None:
    """Add what is in a PFX (PKCS #12) file, or {buf, passphrase}."""
    if isinstance(value, Mapping):
        own = value.get('passphrase')
        value, passphrase = value.get('buf'), passphrase if own is None else own
    if passphrase is not None and not isinstance(passphrase, (str, bytes)):
        raise errors.NodeTypeError('Pass phrase must be a buffer', 'ERR_INVALID_ARG_TYPE')
    if not isinstance(value, (str, bytes, bytearray, memoryview)):
        raise errors.node_error('ERR_CRYPTO_OPERATION_FAILED', 'Unable to load PFX certificate')
    data = to_bytes(value, 'pfx')
    secret = passphrase.encode() if isinstance(passphrase, str) else passphrase
    try:
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
            pkcs12,
        )
    except ImportError:
        raise missing_extra('options.pfx') from None
    try:
        key, certificate, more = pkcs12.load_key_and_certificates(data, secret)
    except ValueError as error:
        # The package knows one error for both; what is no DER at all cannot have a passphrase.
        text = 'mac verify failure' if data[:1] == b'\x30' else 'not enough data'
        raise errors.Error(text) from error
    if certificate is not None:
        chain = [certificate, *more]
        certificates.append(b''.join(item.public_bytes(Encoding.PEM) for item in chain))
    if key is not None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        keys.append(Key(pem, None))
    authorities.extend(item.public_bytes(Encoding.DER) for item in more)


def _key_of(certificate: bytes, keys: list[Key]) -> Key:
    """Return the key that belongs to a certificate; raises an Error if it is not among `keys`."""
    failure: errors.Error | None = None
    for key in keys:
        # Each in a context of its own: in one that knows another certificate OpenSSL would take the key for
        # that one's. How strong keys have to be is asked later, by `load`.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers('ALL:@SECLEVEL=0')
        failure = _try(context, certificate, key)
        if failure is None:
            return key
        if failure.code != 'ERR_OSSL_X509_KEY_VALUES_MISMATCH':
            break
    assert failure is not None
    raise failure


def load(context: ssl.SSLContext, credentials: Credentials) -> None:
    """Let `context` use the certificates. Raises Error ERR_SSL_EE_KEY_TOO_SMALL and the like."""
    for certificate, key in credentials.pairs:
        failure = _try(context, certificate, key)
        if failure is not None:
            raise failure


def _try(context: ssl.SSLContext, certificate: bytes, key: Key) -> errors.Error | None:
    """Load a certificate with a key; return why it is not possible."""
    # Without a function here OpenSSL would ask for the passphrase on the terminal.
    passphrase = key.passphrase or b''
    try:
        with readable_path(certificate) as certificate_path, readable_path(key.pem) as key_path:
            context.load_cert_chain(certificate_path, key_path, lambda: passphrase)
    except ssl.SSLError as error:
        if error.library == 'X509' or error.reason == 'NO_CERTIFICATE_ASSIGNED':  # other kind of key
            return openssl_error('X509', 'KEY_VALUES_MISMATCH', error)
        if error.library == 'SSL' and error.reason:  # such as EE_KEY_TOO_SMALL
            return openssl_error(error.library, error.reason, error)
        # Python covers what was wrong inside of the PEM.
        is_locked = b'ENCRYPTED' in key.pem
        return openssl_error('PROV', 'BAD_DECRYPT', error) if is_locked else openssl_error(
            'DECODER', 'UNSUPPORTED', error)
    return None
