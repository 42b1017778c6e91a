"""Hosts of URLs: names, IPv4 and IPv6 addresses as the WHATWG URL standard reads and writes them.

The rules, in the order in which they apply to a host of an http(s) URL: percent-decoding, the mapping to
ASCII (IDNA), the characters that no host may have, and a host whose last label is a number is an IPv4 address
in any of the forms that browsers take (`0x7f.1`, `2130706433`).

IDNA: browsers and Node use UTS 46 with IDNA2008's letters; the `idna` codec of Python is IDNA2003, which
turns `straße.de` into `strasse.de`, another host. So only the `punycode` codec is used here, with a mapping
made of Python's own Unicode tables (case folding and NFKC; ß and ς are letters of their own). What that
leaves out: joiners (U+200C, U+200D) are refused everywhere, and a few symbols that UTS 46 refuses or maps on
its own (the ideographic description characters, say) are taken as they are. What RFC 5893 forbids in labels
with letters written from right to left is refused; Node 25.2.1 takes some of it.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import quote, unquote_to_bytes


class InvalidURL(ValueError):
    """Internal: a URL or a part of one cannot be read. Callers of the library get ERR_INVALID_URL instead."""


# Every ASCII character that is not a control: what the C0 control percent-encode set of the standard leaves
# alone.
C0_SAFE = ''.join(map(chr, range(0x20, 0x7F)))

_FORBIDDEN = re.compile(r'[\x00\t\n\r #/:<>?@\[\\\]^|]')
_FORBIDDEN_IN_DOMAIN = re.compile(r'[\x00-\x20#%/:<>?@\[\\\]^|\x7f]')
_IPV4_NUMBER = re.compile(r'0[xX][0-9A-Fa-f]*|[0-9]+')
_IPV6 = re.compile(r'[0-9A-Fa-f:.]+')

# UTS 46 takes these out: soft hyphen, grapheme joiner, variation selectors, zero width space, word joiner,
# BOM.
_IGNORED = re.compile(
    '[\u00ad\u034f\u180b-\u180d\u180f\u200b\u2060\u2064\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]')
# Letters that case folding would turn into others (ss, the other sigma), as IDNA2003 did.
_DEVIATIONS = re.compile('([ßς])')
_DOTS = re.compile('[.\u3002\uff0e\uff61]')
# Categories of characters that are never valid in a label: controls, formats, surrogates, private,
# unassigned, separators.
_INVALID_CATEGORIES = frozenset(('Cc', 'Cf', 'Cs', 'Co', 'Cn', 'Zs', 'Zl', 'Zp'))

# RFC 5893 section 2: what a label with right-to-left letters may look like. R letters, A Arabic digits, E
# European digits, N marks, O what has no direction of its own; a label may not have both kinds of digits.
_DIRECTIONS = {'L': 'L', 'R': 'R', 'AL': 'R', 'AN': 'A', 'EN': 'E', 'NSM': 'N', 'BN': 'O', 'CS': 'O',
               'ES': 'O', 'ET': 'O', 'ON': 'O'}
_BIDI_LABEL = re.compile('R(?:[RAON]*[RA]|[REON]*[RE])?N*')


def parse_host(text: str) -> str:
    """Return the host of an http(s) URL in its one canonical form; IPv6 in brackets. Raises InvalidURL."""
    if text.startswith('['):
        return _parse_bracketed(text)
    if '%' in text:
        text = unquote_to_bytes(text).decode('utf-8', 'replace')
    domain = to_ascii(text)
    if not domain or _FORBIDDEN_IN_DOMAIN.search(domain):
        raise InvalidURL(text)
    return _parse_ipv4(domain) if _ends_in_number(domain) else domain


def parse_opaque_host(text: str) -> str:
    """Return the host of a URL of another scheme: not decoded, not lower-cased. Raises InvalidURL."""
    if text.startswith('['):
        return _parse_bracketed(text)
    if _FORBIDDEN.search(text):
        raise InvalidURL(text)
    return quote(text, C0_SAFE)


def to_ascii(domain: str) -> str:
    """Return a domain name in lower-case ASCII, other letters as `xn--` labels. Raises InvalidURL."""
    if domain.isascii():
        domain = domain.lower()
        if 'xn--' not in domain:
            return domain
    return '.'.join(map(_label_to_ascii, _map(domain).split('.')))


def _label_to_ascii(label: str) -> str:
    if label.startswith('xn--'):
        _check_punycode(label)
        return label
    if label.isascii():
        return label
    _check_label(label)
    return 'xn--' + label.encode('punycode').decode('ascii')


def _check_punycode(label: str) -> None:
    """Refuse an `xn--` label that no name in other letters would have become."""
    try:
        decoded = label[4:].encode('ascii').decode('punycode')
        again = 'xn--' + decoded.encode('punycode').decode('ascii')
    except (UnicodeError, OverflowError) as error:
        raise InvalidURL(label) from error
    if decoded.isascii() or again != label or _map(decoded) != decoded or '.' in decoded:
        raise InvalidURL(label)
    _check_label(decoded)


def _check_label(label: str) -> None:
    if unicodedata.category(label[0]).startswith('M') or '\ufffd' in label:
        raise InvalidURL(label)
    if any(unicodedata.category(letter) in _INVALID_CATEGORIES for letter in label if letter > '\x7f'):
        raise InvalidURL(label)
    directions = ''.join(_DIRECTIONS.get(unicodedata.bidirectional(character), 'X') for character in label)
    if ('R' in directions or 'A' in directions) and not _BIDI_LABEL.fullmatch(directions):
        raise InvalidURL(label)


def _map(domain: str) -> str:
    """The mapping of UTS 46: capitals and compatibility forms become plain letters, all dots become `.`."""
    domain = _IGNORED.sub('', domain).replace('ẞ', 'ß')
    pieces = _DEVIATIONS.split(domain)
    pieces[::2] = map(_fold, pieces[::2])
    mapped = unicodedata.normalize('NFC', ''.join(pieces)).replace('\u3002', '.')
    if mapped.count('.') != len(_DOTS.findall(domain)):  # a symbol with a dot in it, such as an ellipsis
        raise InvalidURL(domain)
    return mapped


def _fold(text: str) -> str:
    folded = unicodedata.normalize('NFKC', text.casefold())
    # NFKC may bring capitals back (the circled ones, say), and they compatibility forms.
    return unicodedata.normalize('NFKC', folded.casefold())


def _ends_in_number(domain: str) -> bool:
    labels = domain.split('.')
    if not labels[-1] and len(labels) > 1:
        labels.pop()
    return _IPV4_NUMBER.fullmatch(labels[-1]) is not None


def _parse_ipv4(domain: str) -> str:
    """Up to four numbers, decimal, octal (0...) or hexadecimal (0x...); the last fills the bytes left."""
    labels = domain.removesuffix('.').split('.')
    if len(labels) > 4:
        raise InvalidURL(domain)
    *leading, last = map(_parse_ipv4_number, labels)
    if any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):
        raise InvalidURL(domain)
    address = last + sum(number << 8 * (3 - place) for place, number in enumerate(leading))
    return '.'.join(map(str, address.to_bytes(4, 'big')))


def _parse_ipv4_number(text: str) -> int:
    if not _IPV4_NUMBER.fullmatch(text):
        raise InvalidURL(text)
    try:
        if text.startswith(('0x', '0X')):
            return int(text[2:] or '0', 16)
        return int(text, 8 if text.startswith('0') else 10)
    except ValueError as error:  # an 8 in an octal number, or thousands of digits
        raise InvalidURL(text) from error


def _parse_bracketed(text: str) -> str:
    inside = text[1:-1]
    if not text.endswith(']') or not _IPV6.fullmatch(inside):
        raise InvalidURL(text)
    try:
        packed = ipaddress.IPv6Address(inside).packed
    except ValueError as error:
        raise InvalidURL(text) from error
    return f'[{_compress_ipv6(packed)}]'


def _compress_ipv6(packed: bytes) -> str:
    """The pieces in hexadecimal, the first of the longest runs of two or more zeros as `::`.

    Not str(IPv6Address): newer versions of Python write mapped addresses with dots (::ffff:1.2.3.4), browsers
    do not.
    """
    pieces = [f'{packed[place] << 8 | packed[place + 1]:x}' for place in range(0, 16, 2)]
    for zeros in range(8, 1, -1):
        for start in range(9 - zeros):
            if pieces[start:start + zeros] == ['0'] * zeros:
                return ':'.join(pieces[:start]) + '::' + ':'.join(pieces[start + zeros:])
    return ':'.join(pieces)
