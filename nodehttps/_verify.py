"""Is a peer's certificate to be trusted, and if not, why?

OpenSSL knows the answer after every handshake, but Python's ssl tells it only by failing the handshake.
Where a connection is to go on without trust (`rejectUnauthorized: false`) the peer's chain is therefore shown
to OpenSSL a second time, in a handshake that is made up here: in TLS 1.2 the Certificate message is the first
one with any news in it, comes before any key is needed, and is verified when it arrives.

- A client does not verify in the handshake itself, and judges the chain afterwards.
- A server has to ask for a certificate, and then Python verifies. It watches for the client's Certificate
  message, judges the chain there, and has OpenSSL trust this one certificate for this one connection.
  (A server that lets in nobody else watches too: after the failure Python no longer tells what was sent.)

Names are Node's: OpenSSL goes on after a failure there, and the last one counts (`refined`).
"""

from __future__ import annotations

import ssl
import time
from typing import Any

from nodehttps._certificate import has_rsa_key, ordered_chain, validity_error
from nodehttps._context import JUDGE, LENIENT, SecureContext, Use
from nodehttps._errors import name_of
from nodehttps._keylog import share_keylog

_CERTIFICATE = 11  # the handshake message
# ECDHE-RSA-AES128-GCM-SHA256, and the same for keys of other kinds.
_FOR_RSA, _FOR_OTHERS = b'\xc0\x2f', b'\xc0\x2b'
_LARGEST_RECORD = 16384  # bytes


def _vector(size: int, *contents: bytes) -> bytes:
    """Contents with their length in front, in `size` bytes."""
    content = b''.join(contents)
    return len(content).to_bytes(size) + content


def _message(kind: int, *contents: bytes) -> bytes:
    return bytes((kind,)) + _vector(3, *contents)


def _records(message: bytes) -> bytes:
    return b''.join(
        b'\x16\x03\x03' + _vector(2, message[at:at + _LARGEST_RECORD])
        for at in range(0, len(message), _LARGEST_RECORD))


def _extension(number: int, content: bytes) -> bytes:
    return number.to_bytes(2) + _vector(2, content)


_BEGIN = b'\x03\x03' + bytes(32) + b'\0'  # TLS 1.2, a random number, no session
_SERVER_HELLOS = {
    is_rsa: _message(2, _BEGIN, cipher, b'\0', _vector(2, _extension(0xFF01, b'\0')))
    for is_rsa, cipher in ((True, _FOR_RSA), (False, _FOR_OTHERS))}
_CLIENT_HELLO = _message(
    1, _BEGIN, _vector(2, _FOR_RSA, _FOR_OTHERS), b'\1\0', _vector(
        2,
        _extension(10, _vector(2, b'\x00\x1d\x00\x17\x00\x18\x00\x19\x00\x1e')),  # groups
        _extension(11, b'\1\0'),  # point formats
        _extension(13, _vector(2, bytes.fromhex('040305030603080408050806080708080809080a080b040105010601'))),
        _extension(0xFF01, b'\0')))


def judge(context: SecureContext, chain: list[bytes], is_server: bool) -> str | None:
    """Return OpenSSL's name for why `context` does not trust a chain of certificates (DER, the peer's own
    first), or None. `is_server`: the chain is a client's.

    Only a handshake that gets past the certificate says that it is trusted; whatever else goes wrong is
    UNSPECIFIED.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    judging = context.context_for(Use(is_server, JUDGE))
    tls = judging.wrap_bio(incoming, outgoing, server_side=is_server)
    certificates = _message(_CERTIFICATE, _vector(3, *(_vector(3, der) for der in chain)))
    try:
        if is_server:
            incoming.write(_records(_CLIENT_HELLO))
            _go_on(tls, incoming)
            incoming.write(_records(certificates))
        else:
            _go_on(tls, incoming)
            incoming.write(_records(_SERVER_HELLOS[has_rsa_key(chain[0])] + certificates))
        _go_on(tls, incoming)
    except ssl.SSLCertVerificationError as error:
        return refined(name_of(error.verify_code), chain, context)
    except (ssl.SSLError, ValueError):
        return 'UNSPECIFIED'
    return None


def _go_on(tls: ssl.SSLObject, incoming: ssl.MemoryBIO) -> None:
    """Let it take all that is there, and wait for more. Raises SSLError for anything else."""
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        if not incoming.pending:
            return
    raise ssl.SSLError('the handshake that is made up went astray')


# Failures that do not end the search in Node: lists of revoked certificates, and then the dates, are looked
# at all the same.
_UNTRUSTED = ('UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'DEPTH_ZERO_SELF_SIGNED_CERT',
              'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
_BEFORE_DATES = (*_UNTRUSTED, 'INVALID_PURPOSE', 'CERT_REVOKED', 'UNABLE_TO_GET_CRL', 'CRL_SIGNATURE_FAILURE',
                 'CRL_NOT_YET_VALID', 'CRL_HAS_EXPIRED')


def refined(name: str, chain: list[bytes], context: SecureContext) -> str:
    """Return what Node says where OpenSSL's first failure with `chain` is `name`."""
    if not chain or name not in _BEFORE_DATES:
        return name
    try:
        known = ordered_chain(chain[0], chain[1:])
        if (name == 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' and len(known) == 1
                and not context.allows_partial_chains):
            name = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'
        elif name in _UNTRUSTED and context.checks_revocation:
            name = 'UNABLE_TO_GET_CRL'  # there is none of an authority that is not trusted
        now = time.strftime('%Y%m%d%H%M%S', time.gmtime())
        for der in reversed(known):
            name = validity_error(der, now) or name
    except ValueError:  # OpenSSL could read what we cannot; it is untrusted in any case
        pass
    return name


def sent_chain(tls: ssl.SSLObject) -> list[bytes]:
    """Return the certificates that the peer has sent, its own first, as DER."""
    return _chain(tls, 'get_unverified_chain')


def verified_chain(tls: ssl.SSLObject) -> list[bytes]:
    """Return the certificates from the peer's to the authority that it was verified by; [] if it was not."""
    return _chain(tls, 'get_verified_chain')


def _chain(tls: ssl.SSLObject, method: str) -> list[bytes]:
    # Not the public ones of Python 3.13: they fail where a client has sent none, and a server gets [None].
    found = getattr(getattr(tls, '_sslobj', None), method, None)
    if found is not None:
        der: Any = ssl._ssl.ENCODING_DER  # type: ignore[attr-defined]
        return [certificate.public_bytes(der) for certificate in found() or () if certificate is not None]
    own = tls.getpeercert(True)
    return [own] if own else []


def certificates_of_message(data: bytes, is_tls13: bool) -> list[bytes]:
    """Return the certificates (DER) of a Certificate message as it was received."""
    body = data[4:]
    if is_tls13:
        body = body[1 + int.from_bytes(body[:1]):]  # the context of the request
    body, chain, at = body[3:], [], 0
    while at + 3 <= len(body):
        end = at + 3 + int.from_bytes(body[at:at + 3])
        chain.append(body[at + 3:end])
        if is_tls13:  # extensions
            end += 2 + int.from_bytes(body[end:end + 2])
        at = end
    return chain


def watch_certificates(shared: ssl.SSLContext, context: SecureContext, use: Use) -> None:
    """Look at what clients send to connections of `shared`, a server's context that asks for certificates:
    it is `tls.sent` then (DER, the client's own first). Where the use is LENIENT the connection goes on also
    with a client that cannot be trusted; what was found out is `tls.verdict`, the name or None.

    The hook is Python's own for looking at messages (`SSLContext._msg_callback`, 3.8 and later). It is called
    when the message is there and not yet looked at.
    """
    def look(tls: Any, direction: str, version: Any, content: Any, kind: Any, data: bytes) -> None:
        if direction != 'read' or kind != _CERTIFICATE:
            return
        tls.sent = chain = certificates_of_message(data, version == ssl.TLSVersion.TLSv1_3)
        if chain and use.verification is LENIENT:
            tls.verdict = judge(context, chain, is_server=True)
            if tls.verdict is not None:
                successor = context.admitting(use, chain[0])
                share_keylog(shared, successor)
                tls.context = successor
    shared._msg_callback = look  # type: ignore[attr-defined]
