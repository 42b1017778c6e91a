"""Versions, cipher suites and protocol lists: what the options of TLS say in words, in terms of Python's ssl.

Documentation: "tls.createSecureContext([options])", "Modifying the default TLS cipher suite".
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from functools import cache
from ssl import TLSVersion
from typing import Any

from nodehttp import errors
from nodehttps._errors import openssl_error, unavailable
from nodehttps._hello import split_protocols

VERSIONS = {'TLSv1': TLSVersion.TLSv1, 'TLSv1.1': TLSVersion.TLSv1_1, 'TLSv1.2': TLSVersion.TLSv1_2,
            'TLSv1.3': TLSVersion.TLSv1_3}
DEFAULT_MIN_VERSION = 'TLSv1.2'
DEFAULT_MAX_VERSION = 'TLSv1.3'
DEFAULT_ECDH_CURVE = 'auto'
# Node 25's.
DEFAULT_CIPHERS = (
    'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:'
    'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:'
    'ECDHE-ECDSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256:'
    'DHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA384:ECDHE-RSA-AES256-SHA256:'
    'DHE-RSA-AES256-SHA256:HIGH:!aNULL:!eNULL:!EXPORT:!DES:!RC4:!MD5:!PSK:!SRP:!CAMELLIA')
# Those of TLS 1.3, in OpenSSL's own order; Python before 3.15 cannot choose among them.
TLS13_CIPHERS = tuple(DEFAULT_CIPHERS.split(':')[:3])
# Others are ignored, as in Node, unless there are only such.
_MODERN = (*TLS13_CIPHERS, 'TLS_AES_128_CCM_SHA256', 'TLS_AES_128_CCM_8_SHA256')

Bounds = tuple[TLSVersion, TLSVersion]
_METHODS: dict[str, Bounds] = {
    # Python warns of anything below TLS 1.2 unless it is called so; contexts never do SSLv3.
    'TLS': (TLSVersion.MINIMUM_SUPPORTED, TLSVersion.TLSv1_3),
    'SSLv23': (TLSVersion.MINIMUM_SUPPORTED, TLSVersion.TLSv1_2),
    'TLSv1': (TLSVersion.TLSv1, TLSVersion.TLSv1),
    'TLSv1_1': (TLSVersion.TLSv1_1, TLSVersion.TLSv1_1),
    'TLSv1_2': (TLSVersion.TLSv1_2, TLSVersion.TLSv1_2),
}
_method = re.compile(r'(\w+?)(?:_server|_client)?_method').fullmatch


def version_bounds(options: dict[str, Any]) -> Bounds:
    """Return the lowest and the highest version that minVersion, maxVersion and secureProtocol allow.

    Raises TypeError ERR_TLS_INVALID_PROTOCOL_VERSION, ERR_TLS_INVALID_PROTOCOL_METHOD,
    ERR_TLS_PROTOCOL_VERSION_CONFLICT.
    """
    method = options.get('secureProtocol')
    if method or method == '':
        for name in ('minVersion', 'maxVersion'):
            if options.get(name) is not None:
                raise errors.node_error('ERR_TLS_PROTOCOL_VERSION_CONFLICT', options[name], method)
        return _method_bounds(method)
    lowest = options.get('minVersion', DEFAULT_MIN_VERSION)
    highest = options.get('maxVersion', DEFAULT_MAX_VERSION)
    for word, version in (('minimum', lowest), ('maximum', highest)):
        if not isinstance(version, str) or version not in VERSIONS:
            shown = f'"{version}"' if isinstance(version, str) else errors.show(version)
            raise errors.node_error('ERR_TLS_INVALID_PROTOCOL_VERSION', shown, word)
    return VERSIONS[lowest], VERSIONS[highest]


def _method_bounds(method: Any) -> Bounds:
    found = _method(method) if isinstance(method, str) else None
    if found is None or found[1] not in _METHODS:
        disabled = found is not None and found[1] in ('SSLv2', 'SSLv3')
        text = f'{found[1]} methods disabled' if disabled and found else f'Unknown method: {method}'
        raise errors.node_error('ERR_TLS_INVALID_PROTOCOL_METHOD', text)
    return _METHODS[found[1]]


def split_ciphers(ciphers: str) -> tuple[tuple[str, ...], str]:
    """Return the suites of TLS 1.3 in a cipher list, and the list of the others."""
    names = ciphers.split(':')
    return (tuple(name for name in names if name.startswith('TLS_')),
            ':'.join(name for name in names if name and not name.startswith('TLS_')))


def set_ciphers(context: ssl.SSLContext, ciphers: str) -> None:
    """Apply the option `ciphers`.

    Raises Error ERR_SSL_NO_CIPHER_MATCH; ERR_FEATURE_UNAVAILABLE_ON_PLATFORM for a choice among the suites of
    TLS 1.3 where Python has none.
    """
    named, others = split_ciphers(ciphers)
    modern = tuple(name for name in named if name in _MODERN)
    if named and not modern:
        raise openssl_error('SSL', 'NO_CIPHER_MATCH')
    if modern and modern != TLS13_CIPHERS and context.maximum_version == TLSVersion.TLSv1_3:
        _choose_modern(context, modern)
    try:
        if others:
            context.set_ciphers(others)
        elif modern:  # as Node: nothing for older versions, so they are off
            context.minimum_version = max(context.minimum_version, TLSVersion.TLSv1_3)
    except ssl.SSLError as error:
        raise openssl_error('SSL', 'NO_CIPHER_MATCH', error) from error


def _choose_modern(context: ssl.SSLContext, names: Iterable[str]) -> None:
    choose = getattr(context, 'set_ciphersuites', None)  # Python 3.15
    if choose is None:
        raise unavailable(
            f"options.ciphers with {':'.join(names)}", 'before 3.15 it has no choice of suites for TLS 1.3, '
            'only all of them; maxVersion: TLSv1.2 leaves them out')
    try:
        choose(':'.join(names))
    except ssl.SSLError as error:
        raise openssl_error('SSL', 'NO_CIPHER_MATCH', error) from error


def set_curves(context: ssl.SSLContext, curves: str) -> None:
    """Apply the option `ecdhCurve`.

    Raises Error ERR_CRYPTO_OPERATION_FAILED; ERR_FEATURE_UNAVAILABLE_ON_PLATFORM for several where Python
    takes one.
    """
    if curves in ('auto', ''):
        return
    choose = getattr(context, 'set_groups', None)  # Python 3.15
    try:
        if choose is not None:
            choose(curves)
        elif ':' in curves:
            raise unavailable('options.ecdhCurve with several curves', 'before 3.15 it takes one, or auto')
        else:
            context.set_ecdh_curve(_CURVES.get(curves, curves))
    except (ValueError, ssl.SSLError) as error:
        if isinstance(error, errors.NodeError):
            raise
        raise errors.node_error('ERR_CRYPTO_OPERATION_FAILED', 'Failed to set ECDH curve') from error


_CURVES = {'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1'}


def protocol_list(protocols: Any, name: str = 'ALPNProtocols') -> list[str]:
    """Return the option ALPNProtocols as a list of str; it is one of str or bytes, or bytes in wire form.

    Raises TypeError ERR_INVALID_ARG_TYPE, ValueError ERR_OUT_OF_RANGE.
    """
    if isinstance(protocols, (bytes, bytearray, memoryview)):
        return [protocol.decode('latin-1') for protocol in split_protocols(bytes(protocols))]
    if not isinstance(protocols, (list, tuple)):
        expected = 'an instance of Array, Buffer or TypedArray'
        raise errors.invalid_arg_type(f'options.{name}', expected, protocols)
    result = []
    for index, protocol in enumerate(protocols):
        if isinstance(protocol, (bytes, bytearray)):
            protocol = protocol.decode('latin-1')
        if not isinstance(protocol, str):
            expected = 'of type string or an instance of Buffer or ArrayBuffer'
            raise errors.invalid_arg_type('string', expected, protocol)
        if len(protocol.encode()) > 255:
            what = f'The byte length of the protocol at index {index} exceeds the maximum length.'
            raise errors.NodeRangeError(
                f'{what} It must be <= 255. Received {len(protocol.encode())}', 'ERR_OUT_OF_RANGE')
        result.append(protocol)
    return result


@cache
def _all_ciphers() -> tuple[str, ...]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers('ALL:COMPLEMENTOFALL:!NULL:@SECLEVEL=0')
    return tuple(sorted({cipher['name'].lower() for cipher in context.get_ciphers()}))


def getCiphers() -> list[str]:
    """Return the names of the cipher suites that this OpenSSL has, in lower case. ("tls.getCiphers()")"""
    return list(_all_ciphers())


def convertALPNProtocols(protocols: Any, out: Any) -> None:
    """Set `out['ALPNProtocols']` to the wire form of a list of protocols."""
    names = [name.encode('latin-1') for name in protocol_list(protocols)]
    out['ALPNProtocols'] = b''.join(bytes((len(name),)) + name for name in names)


_KEY_EXCHANGES = ('ECDHE-ECDSA', 'ECDHE-RSA', 'ECDHE-PSK', 'DHE-RSA', 'DHE-DSS', 'DHE-PSK', 'RSA-PSK', 'PSK',
                  'SRP-DSS', 'SRP-RSA', 'SRP', 'ADH', 'AECDH')
_NAMES = {'ADH': 'DH_anon', 'AECDH': 'ECDH_anon', 'SRP': 'SRP_SHA', 'SRP-RSA': 'SRP_SHA_RSA',
          'SRP-DSS': 'SRP_SHA_DSS'}
_suite = re.compile(
    r'(?P<name>AES|CAMELLIA|ARIA)-?(?P<bits>128|256)(?:-(?P<mode>GCM|CBC)|-?(?P<ccm>CCM8?))?(?:-(?P<mac>SHA\d*))?'
).fullmatch


def standard_name(cipher: str) -> str:
    """Return IANA's name of a cipher suite, given OpenSSL's."""
    if cipher.startswith('TLS_'):
        return cipher
    exchange = next((prefix for prefix in _KEY_EXCHANGES if cipher.startswith(f'{prefix}-')), '')
    rest = cipher[len(exchange) + 1:] if exchange else cipher
    front = f'TLS_{_NAMES.get(exchange, exchange or "RSA").replace("-", "_")}_WITH_'
    if rest == 'CHACHA20-POLY1305':
        return f'{front}CHACHA20_POLY1305_SHA256'
    found = _suite(rest)
    if found is None:
        return front + rest.replace('-', '_')
    if found['ccm']:
        return f'{front}{found["name"]}_{found["bits"]}_{found["ccm"].replace("CCM8", "CCM_8")}'
    return f'{front}{found["name"]}_{found["bits"]}_{found["mode"] or "CBC"}_{found["mac"]}'
