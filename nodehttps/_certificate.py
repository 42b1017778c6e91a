"""Certificates as Node shows them: from DER to the object that `getPeerCertificate` returns.

Documentation: "Certificate object" (tls). Everything is read out of the certificate itself, so that neither
Python's idea of a certificate (only when it was verified, without its key) nor another package is needed.
`pubkey` is what Node 25 hands out: the SubjectPublicKeyInfo of an RSA key, but the bare point of an EC key.
Keys that Node shows nothing of (Ed25519 and the like) have their SubjectPublicKeyInfo here.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any

from nodehttp.record import Record
from nodehttps import _der
from nodehttps._der import Element

# Attribute types of names, by what OpenSSL calls them in short. Others are shown as numbers.
_ATTRIBUTES = {
    '2.5.4.3': 'CN', '2.5.4.4': 'SN', '2.5.4.5': 'serialNumber', '2.5.4.6': 'C', '2.5.4.7': 'L',
    '2.5.4.8': 'ST', '2.5.4.9': 'street', '2.5.4.10': 'O', '2.5.4.11': 'OU', '2.5.4.12': 'title',
    '2.5.4.13': 'description', '2.5.4.15': 'businessCategory', '2.5.4.17': 'postalCode', '2.5.4.41': 'name',
    '2.5.4.42': 'GN', '2.5.4.43': 'initials', '2.5.4.44': 'generationQualifier',
    '2.5.4.45': 'x500UniqueIdentifier', '2.5.4.46': 'dnQualifier', '2.5.4.65': 'pseudonym',
    '2.5.4.97': 'organizationIdentifier', '1.2.840.113549.1.9.1': 'emailAddress',
    '1.2.840.113549.1.9.2': 'unstructuredName', '1.2.840.113549.1.9.8': 'unstructuredAddress',
    '0.9.2342.19200300.100.1.1': 'UID', '0.9.2342.19200300.100.1.25': 'DC',
    '1.3.6.1.4.1.311.60.2.1.1': 'jurisdictionL', '1.3.6.1.4.1.311.60.2.1.2': 'jurisdictionST',
    '1.3.6.1.4.1.311.60.2.1.3': 'jurisdictionC',
}
_RSA, _RSA_PSS, _EC = '1.2.840.113549.1.1.1', '1.2.840.113549.1.1.10', '1.2.840.10045.2.1'
# Named curves: OpenSSL's name, NIST's name, bits.
_CURVES = {
    '1.2.840.10045.3.1.7': ('prime256v1', 'P-256', 256), '1.3.132.0.34': ('secp384r1', 'P-384', 384),
    '1.3.132.0.35': ('secp521r1', 'P-521', 521), '1.3.132.0.33': ('secp224r1', 'P-224', 224),
    '1.2.840.10045.3.1.1': ('prime192v1', 'P-192', 192), '1.3.132.0.10': ('secp256k1', None, 256),
    '1.3.36.3.3.2.8.1.1.7': ('brainpoolP256r1', None, 256),
    '1.3.36.3.3.2.8.1.1.11': ('brainpoolP384r1', None, 384),
    '1.3.36.3.3.2.8.1.1.13': ('brainpoolP512r1', None, 512),
}
_SAN, _BASIC, _EXTENDED_USAGE, _AUTHORITY = '2.5.29.17', '2.5.29.19', '2.5.29.37', '1.3.6.1.5.5.7.1.1'
_ACCESS_METHODS = {'1.3.6.1.5.5.7.48.1': 'OCSP', '1.3.6.1.5.5.7.48.2': 'CA Issuers'}
# Other names in a subjectAltName that Node knows how to show.
_OTHER_NAMES = {
    '1.3.6.1.4.1.311.20.2.3': 'UPN', '1.3.6.1.5.5.7.8.5': 'XmppAddr', '1.3.6.1.5.5.7.8.7': 'SRVName',
    '1.3.6.1.5.5.7.8.8': 'NAIRealm', '1.3.6.1.5.5.7.8.9': 'SmtpUTF8Mailbox',
}
_FINGERPRINTS = {'fingerprint': 'sha1', 'fingerprint256': 'sha256', 'fingerprint512': 'sha512'}
_is_time = re.compile(r'(\d{4})(0[1-9]|1[0-2])(\d\d)(\d\d)(\d\d)(\d\d)', re.ASCII).fullmatch
_MONTHS = ('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')


class Fields:
    """The parts of one certificate, not interpreted yet."""

    __slots__ = ('extensions', 'issuer', 'key', 'not_after', 'not_before', 'serial', 'subject')

    def __init__(self, der: bytes) -> None:
        """Raises ValueError for what is no certificate."""
        try:
            parts = list(_der.element(_der.element(der).content))
            if parts[0].tag == 0xA0:  # the version
                del parts[0]
            self.serial, _, self.issuer, validity, self.subject, self.key, *more = parts
            self.not_before, self.not_after = validity
            self.extensions: dict[str, bytes] = {}
            for part in more:
                if part.tag == 0xA3:
                    for extension in _der.element(part.content):
                        name, *_, value = extension
                        self.extensions[_der.object_id(name.content)] = value.content
        except IndexError as error:
            raise ValueError('not a certificate') from error


@lru_cache(maxsize=256)
def fields(der: bytes) -> Fields:
    """Return the parts of a certificate; clients meet the same ones again and again."""
    return Fields(der)


def certificate_object(der: bytes) -> Record[Any]:
    """Return a certificate as Node's object, without `issuerCertificate`."""
    import hashlib  # 1 ms; most programs show nobody a certificate

    parts = fields(der)
    extensions = parts.extensions
    result: Record[Any] = Record(subject=_name(parts.subject), issuer=_name(parts.issuer))
    if _SAN in extensions:
        result['subjectaltname'] = ', '.join(map(_general_name, _der.element(extensions[_SAN])))
    if _AUTHORITY in extensions:
        result['infoAccess'] = _access(extensions[_AUTHORITY])
    result['ca'] = _is_authority(extensions)
    key_fields, curve_fields = _key(parts.key)
    result.update(key_fields)
    result['valid_from'], result['valid_to'] = _time(parts.not_before), _time(parts.not_after)
    for name, algorithm in _FINGERPRINTS.items():
        result[name] = hashlib.new(algorithm, der, usedforsecurity=False).digest().hex(':').upper()
    if _EXTENDED_USAGE in extensions:
        purposes = _der.element(extensions[_EXTENDED_USAGE])
        result['ext_key_usage'] = [_der.object_id(purpose.content) for purpose in purposes]
    result['serialNumber'] = _serial(parts.serial)
    result['raw'] = der
    result.update(curve_fields)
    return result


def chain_object(chain: Iterable[bytes]) -> Record[Any]:
    """Return the first of a chain of certificates; each has the next as its `issuerCertificate`, and one that
    issued itself has itself."""
    objects = [certificate_object(der) for der in chain]
    for below, above in pairwise(objects):
        below['issuerCertificate'] = above
    last = objects[-1]
    if is_self_issued(last['raw']):
        last['issuerCertificate'] = last
    return objects[0]


def has_rsa_key(der: bytes) -> bool:
    """Is the key of a certificate one of RSA, for signatures of any kind?"""
    algorithm, _ = fields(der).key
    kind, *_ = algorithm
    return _der.object_id(kind.content) in (_RSA, _RSA_PSS)


def is_self_issued(der: bytes) -> bool:
    """Does a certificate name itself as its issuer?"""
    parts = fields(der)
    return parts.subject.whole == parts.issuer.whole


def ordered_chain(der: bytes, others: Iterable[bytes]) -> list[bytes]:
    """Return a certificate followed by its issuer, that one's issuer and so on, as far as they are among
    `others`."""
    chain, left = [der], list(others)
    while not is_self_issued(chain[-1]):
        issuer = fields(chain[-1]).issuer.whole
        found = next((other for other in left if fields(other).subject.whole == issuer), None)
        if found is None:
            break
        left.remove(found)
        chain.append(found)
    return chain


def validity_error(der: bytes, now: str) -> str | None:
    """Return what is wrong with the dates of a certificate, or None; `now` is YYYYMMDDHHMMSS, in UTC."""
    parts = fields(der)
    if now < _digits(parts.not_before):
        return 'CERT_NOT_YET_VALID'
    return 'CERT_HAS_EXPIRED' if now > _digits(parts.not_after) else None


def _serial(item: Element) -> str:
    value = _der.integer(item)
    digits = f'{abs(value):X}'
    return f'{"-" if value < 0 else ""}{"0" * (len(digits) % 2)}{digits}'


def _digits(item: Element) -> str:
    """A point of time as YYYYMMDDHHMMSS. Two digits for the year are from 1950 on."""
    text = item.content.decode('ascii', 'replace').removesuffix('Z')
    if item.tag == _der.UTC_TIME:
        text = ('19' if text >= '50' else '20') + text
    return text


def _time(item: Element) -> str:
    """A point of time as OpenSSL prints it: 'Feb  3 04:05:06 2020 GMT'."""
    found = _is_time(_digits(item))
    if found is None:  # OpenSSL does not look at it before it is to decide on trust
        return 'Bad time value'
    year, month, day, *clock = found.groups()
    return f'{_MONTHS[int(month) - 1]} {int(day):2} {":".join(clock)} {year} GMT'


def _attributes(name: Element) -> list[list[tuple[str, str]]]:
    """The parts of a name, each a list of attributes and their values."""
    relative = []
    for part in name:
        pairs = []
        for attribute in part:
            kind, value = attribute
            number = _der.object_id(kind.content)
            pairs.append((_ATTRIBUTES.get(number, number), _der.text(value)))
        relative.append(pairs)
    return relative


def _name(name: Element) -> Record[Any]:
    """A name as an object; what is there more than once is a list."""
    result: Record[Any] = Record()
    for part in _attributes(name):
        for kind, value in part:
            present = result.get(kind)
            if present is None:
                result[kind] = value
            elif isinstance(present, list):
                present.append(value)
            else:
                result[kind] = [present, value]
    return result


def _one_line(name: Element) -> str:
    """A name as RFC 2253 writes it, last part first."""
    def escaped(value: str) -> str:
        value = ''.join(f'\\{char}' if char in ',+"\\<>;' else char for char in value)
        return f'\\{value}' if value.startswith(('#', ' ')) else value
    return ','.join('+'.join(f'{kind}={escaped(value)}' for kind, value in part)
                    for part in reversed(_attributes(name)))


def _general_name(item: Element) -> str:
    """One entry of a subjectAltName, as Node shows it."""
    kind = item.tag & 0x1F
    content = item.content
    if kind == 0:
        return _other_name(item)
    if kind == 1:
        return f'email:{_guarded(content.decode("latin-1"))}'
    if kind == 2:
        return f'DNS:{_guarded(content.decode("latin-1"))}'
    if kind == 4:
        return f'DirName:{_guarded(_one_line(_der.element(content)), is_ascii=False)}'
    if kind == 6:
        return f'URI:{_guarded(content.decode("latin-1"))}'
    if kind == 7:
        return f'IP Address:{_address(content)}'
    if kind == 8:
        return f'Registered ID:{_der.object_id(content)}'
    return {3: 'X400Name:<unsupported>', 5: 'EdiPartyName:<unsupported>'}.get(kind, '<unsupported>')


def _other_name(item: Element) -> str:
    number, value = item
    kind = _OTHER_NAMES.get(_der.object_id(number.content))
    if kind is None:
        return 'othername:<unsupported>'
    return f'othername:{kind}:{_guarded(_der.text(_der.element(value.content)), is_ascii=False)}'


def _address(content: bytes) -> str:
    """An IP address as OpenSSL prints it: IPv6 in full, in capitals."""
    if len(content) == 4:
        return socket.inet_ntop(socket.AF_INET, content)
    if len(content) != 16:
        return '<invalid>'
    return ':'.join(f'{int.from_bytes(content[at:at + 2]):X}' for at in range(0, 16, 2))


def _guarded(value: str, is_ascii: bool = True) -> str:
    """A name that cannot be taken for two: as it is, or as a JSON string if it has anything odd in it
    (CVE-2021-44532)."""
    def is_odd(char: str) -> bool:
        return char in '",\\\'' or char < ' ' or char == '\x7f' or (is_ascii and char > '~')

    if not any(map(is_odd, value)):
        return value
    return '"' + ''.join(
        f'\\{char}' if char in '"\\' else char if char == "'" or not is_odd(char) else f'\\u{ord(char):04x}'
        for char in value) + '"'


def _access(content: bytes) -> Record[Any]:
    """Where more about the issuer is to be had."""
    result: Record[Any] = Record()
    for description in _der.element(content):
        method, location = description
        number = _der.object_id(method.content)
        kind, _, value = _general_name(Element(location.tag, location.content, b'')).partition(':')
        value = json.loads(value) if value[:1] == '"' else value  # only a subjectAltName needs the quotes
        result.setdefault(f'{_ACCESS_METHODS.get(number, number)} - {kind}', []).append(value)
    return result


def _is_authority(extensions: dict[str, bytes]) -> bool:
    """May it issue certificates?"""
    if _BASIC not in extensions:
        return False
    constraints = _der.element(extensions[_BASIC])
    return any(item.tag == _der.BOOLEAN and item.content != b'\0' for item in constraints)


def _key(info: Element) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is shown of the public key, in two parts because Node shows them in two places."""
    algorithm, bits = info
    parts = list(algorithm)
    kind, value = _der.object_id(parts[0].content), bits.content[1:]
    if kind == _RSA:
        modulus, exponent = map(_der.integer, _der.element(value))
        digits = f'{modulus:X}'
        shown = {'modulus': '0' * (len(digits) % 2) + digits, 'exponent': f'0x{exponent:x}',
                 'pubkey': info.whole, 'bits': modulus.bit_length()}
        return shown, {}
    if kind == _EC:
        curve, nist, size = _CURVES.get(_der.object_id(parts[1].content), (None, None, None))
        shown = {'pubkey': value}
        if size is not None:
            shown['bits'] = size
        names = {'asn1Curve': curve, 'nistCurve': nist}
        return shown, {name: text for name, text in names.items() if text is not None}
    return {'pubkey': info.whole}, {}
