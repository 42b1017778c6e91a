"""Errors of TLS under the names of Node and OpenSSL, not Python's.

Three kinds: rows of Node's own codes (ERR_TLS_*), what OpenSSL reports while two ends speak (ERR_SSL_*, built
from the reason that Python passes on), and why a certificate is not trusted (OpenSSL's names, as
`authorizationError` shows them).

The text of an OpenSSL error lacks what Python does not tell: the error's number and where in OpenSSL it was
raised. Reasons are those of the OpenSSL that Python was built with: 3.0 says SSLV3_ALERT_HANDSHAKE_FAILURE
where Node 25 (3.5) says SSL/TLS_ALERT_HANDSHAKE_FAILURE.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from nodehttp import errors
from nodehttp.errors import Error, NodeError, NodeRangeError, NodeTypeError


def _alpn_result(result: Any, offered: list[str]) -> str:
    return (f"ALPN callback returned a value ({result}) that did not match any of the client's offered "
            f'protocols ({", ".join(offered)})')


_CODES: dict[str, tuple[type[NodeError], str | Callable[..., str]]] = {
    'ERR_CRYPTO_OPERATION_FAILED': (Error, '{}'),
    'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM': (Error, "{} is not possible with Python's ssl module{}"),
    'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT': (NodeTypeError, _alpn_result),
    'ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS': (
        NodeTypeError, 'The ALPNCallback and ALPNProtocols TLS options are mutually exclusive'),
    'ERR_TLS_ALPN_PROTOCOL_TOO_LONG': (
        NodeRangeError, 'The byte length of the protocol at index {} exceeds the maximum length. It must be '
        '<= 255. Received {}'),
    'ERR_TLS_CERT_ALTNAME_FORMAT': (Error, 'Invalid subject alternative name string'),
    'ERR_TLS_CERT_ALTNAME_INVALID': (Error, "Hostname/IP does not match certificate's altnames: {}"),
    'ERR_TLS_HANDSHAKE_TIMEOUT': (Error, 'TLS handshake timeout'),
    'ERR_TLS_INVALID_CONTEXT': (NodeTypeError, '{} must be a SecureContext'),
    'ERR_TLS_INVALID_PROTOCOL_METHOD': (NodeTypeError, '{}'),
    'ERR_TLS_INVALID_PROTOCOL_VERSION': (NodeTypeError, '{} is not a valid {} TLS protocol version'),
    'ERR_TLS_PROTOCOL_VERSION_CONFLICT': (
        NodeTypeError, 'TLS protocol version "{}" conflicts with secureProtocol "{}"'),
    'ERR_TLS_REQUIRED_SERVER_NAME': (Error, '"servername" is required parameter for Server.addContext'),
}
errors.CODES.update(_CODES)


def unavailable(what: str, why: str = '') -> NodeError:
    """Return the error for what Python's ssl cannot do; `what` names the option, event or method."""
    return errors.node_error('ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', what, f': {why}' if why else '')


def missing_extra(what: str) -> NodeError:
    """Return the error for what needs the package `cryptography`, which is not installed."""
    return Error(f"{what} needs the package cryptography: pip install 'nodehttp[x509]'",
                 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM')


# OpenSSL's libraries that have a part in Node's codes, by Python's name of them; the others have none.
_LIBRARIES = {'PEM': 'PEM_', 'X509': 'X509_', 'EVP': 'EVP_', 'ASN1': 'ASN1_', 'RSA': 'RSA_', 'EC': 'EC_',
              'PKCS12': 'PKCS12_', 'BIO': 'BIO_', 'DH': 'DH_', 'BN': 'BN_', 'CRYPTO': 'CRYPTO_'}
_TITLES = {'SSL': 'SSL routines', 'PEM': 'PEM routines', 'X509': 'x509 certificate routines',
           'EVP': 'digital envelope routines', 'ASN1': 'asn1 encoding routines', 'RSA': 'rsa routines',
           'DECODER': 'DECODER routines', 'PROV': 'Provider routines'}


def openssl_error(library: str, reason: str, cause: BaseException | None = None) -> Error:
    """Return an error of OpenSSL, as Node words it: library 'SSL' and reason 'HTTP_REQUEST' are
    ERR_SSL_HTTP_REQUEST."""
    prefix = 'SSL_' if library == 'SSL' else f'OSSL_{_LIBRARIES.get(library, "")}'
    text = reason.lower().replace('_', ' ')
    title = _TITLES.get(library, f'{library} routines')
    error = Error(f'error:{title}::{text}', f'ERR_{prefix}{reason}')
    error.library, error.reason = title, text  # type: ignore[attr-defined]
    error.__cause__ = cause
    return error


_text_of = re.compile(r'\[\w+\] (.+?)(?: \(_ssl\.c:\d+\))?').fullmatch


def ssl_error(caught: ssl.SSLError) -> Error:
    """Translate what Python's ssl has raised during a handshake, a read or a write."""
    caught.__traceback__ = None  # its frames would keep OpenSSL's buffers as long as somebody keeps the error
    if isinstance(caught, ssl.SSLCertVerificationError):
        return verification_error(name_of(caught.verify_code), caught)
    reason: str | None = caught.reason
    if not reason and caught.library:
        # Python's table of mnemonics may be older than OpenSSL, whose own the text is.
        found = _text_of(caught.strerror or '')
        reason = found[1].upper().replace(' ', '_') if found else None
    if reason:
        return openssl_error(caught.library or 'SSL', reason, caught)
    # An error that names nothing: OpenSSL met the end of the input where it expected a record.
    error = errors.connection_reset()
    error.__cause__ = caught
    return error  # type: ignore[return-value]


def write_error(failure: Error) -> NodeError:
    """Return the error that a write meets which was waiting for a handshake that failed: EPROTO."""
    error = errors.system_error('EPROTO', 'write', message=f'write EPROTO {failure.message}')
    error.__cause__ = failure
    return error


# X509_V_ERR_*: number, name and text of OpenSSL (x509_vfy.h, X509_verify_cert_error_string).
_VERIFICATION: dict[int, tuple[str, str]] = {
    2: ('UNABLE_TO_GET_ISSUER_CERT', 'unable to get issuer certificate'),
    3: ('UNABLE_TO_GET_CRL', 'unable to get certificate CRL'),
    4: ('UNABLE_TO_DECRYPT_CERT_SIGNATURE', "unable to decrypt certificate's signature"),
    5: ('UNABLE_TO_DECRYPT_CRL_SIGNATURE', "unable to decrypt CRL's signature"),
    6: ('UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY', 'unable to decode issuer public key'),
    7: ('CERT_SIGNATURE_FAILURE', 'certificate signature failure'),
    8: ('CRL_SIGNATURE_FAILURE', 'CRL signature failure'),
    9: ('CERT_NOT_YET_VALID', 'certificate is not yet valid'),
    10: ('CERT_HAS_EXPIRED', 'certificate has expired'),
    11: ('CRL_NOT_YET_VALID', 'CRL is not yet valid'),
    12: ('CRL_HAS_EXPIRED', 'CRL has expired'),
    13: ('ERROR_IN_CERT_NOT_BEFORE_FIELD', "format error in certificate's notBefore field"),
    14: ('ERROR_IN_CERT_NOT_AFTER_FIELD', "format error in certificate's notAfter field"),
    15: ('ERROR_IN_CRL_LAST_UPDATE_FIELD', "format error in CRL's lastUpdate field"),
    16: ('ERROR_IN_CRL_NEXT_UPDATE_FIELD', "format error in CRL's nextUpdate field"),
    17: ('OUT_OF_MEM', 'out of memory'),
    18: ('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'),
    19: ('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'),
    20: ('UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'unable to get local issuer certificate'),
    21: ('UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate'),
    22: ('CERT_CHAIN_TOO_LONG', 'certificate chain too long'),
    23: ('CERT_REVOKED', 'certificate revoked'),
    25: ('PATH_LENGTH_EXCEEDED', 'path length constraint exceeded'),
    26: ('INVALID_PURPOSE', 'unsuitable certificate purpose'),
    27: ('CERT_UNTRUSTED', 'certificate not trusted'),
    28: ('CERT_REJECTED', 'certificate rejected'),
    62: ('HOSTNAME_MISMATCH', 'hostname mismatch'),
    79: ('INVALID_CA', 'invalid CA certificate'),
}
_TEXTS = dict(_VERIFICATION.values())


def name_of(code: int) -> str:
    """Return OpenSSL's name of a verification result; UNSPECIFIED, as Node has it, for the rare ones."""
    return _VERIFICATION.get(code, ('UNSPECIFIED',))[0]


def verification_error(name: str, cause: BaseException | None = None) -> Error:
    """Return the error for a certificate that was not trusted; its code is OpenSSL's `name` of the reason."""
    text = _TEXTS.get(name) or getattr(cause, 'verify_message', None) or 'certificate verify failed'
    error = Error(text, name)
    error.__cause__ = cause
    return error


def disconnected(options: Mapping[str, Any]) -> NodeError:
    """Return the error of a client whose connection ended in the middle of the handshake."""
    error = errors.connection_reset('Client network socket disconnected before secure TLS connection was '
                                    'established')
    error.path, error.host = options.get('path'), options.get('host')  # type: ignore[attr-defined]
    error.port, error.localAddress = options.get('port'), options.get('localAddress')  # type: ignore[attr-defined]
    return error
