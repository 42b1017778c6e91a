"""The handshake of a WebSocket: the request that a client sends, and what the answer must be (RFC 6455, 4).

Names, order and case of the headers are those of Node 25.2.1. Where this leaves it: an answer whose
`Connection` names other things beside `Upgrade` is taken, as RFC 6455 has it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from nodehttp.abort import DOMException
from nodehttp.errors import Error
from nodehttp.strings import to_string
from nodehttp.url import URL

EXTENSION = 'permessage-deflate'
_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'  # RFC 6455, 1.3
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_WINDOW_BITS = re.compile('8|9|1[0-5]')  # RFC 7692, 7.1.2.1

# What follows from the URL and the protocol itself: not to be set by the user.
_FIXED = re.compile('host|connection|upgrade|sec-websocket-.*', re.IGNORECASE)

# Where no page may make a browser connect to, and nobody Node's WebSocket ("port blocking" in the standard
# Fetch of the WHATWG).
BLOCKED_PORTS = frozenset((
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
    109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
    526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
    3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080))


def checked_url(url: Any) -> URL:
    """Return the URL of a WebSocket; http: and https: stand for ws: and wss:.

    Raises DOMException (SyntaxError).
    """
    try:
        parsed = URL(url)
    except TypeError:
        raise DOMException('TypeError: Invalid URL', 'SyntaxError') from None
    if parsed.protocol in ('http:', 'https:'):
        parsed = URL('ws' + parsed.href[4:])
    if parsed.protocol not in ('ws:', 'wss:'):
        raise DOMException('expected a ws: or wss: url', 'SyntaxError')
    if '#' in parsed.href:
        raise DOMException('hash', 'SyntaxError')
    return parsed


def checked_protocols(protocols: Any) -> list[str]:
    """Return the names of the subprotocols that are wished for. Raises DOMException (SyntaxError)."""
    if protocols is None:
        return []
    is_list = isinstance(protocols, Iterable) and not isinstance(protocols, (str, bytes))
    names = [to_string(name) for name in (protocols if is_list else [protocols])]
    if not all(map(_TOKEN.fullmatch, names)) or len({name.lower() for name in names}) < len(names):
        raise DOMException('Invalid Sec-WebSocket-Protocol value', 'SyntaxError')
    return names


def new_key() -> str:
    """Return a Sec-WebSocket-Key."""
    return base64.b64encode(os.urandom(16)).decode()


def request_headers(url: URL, key: str, protocols: list[str], headers: Any) -> list[tuple[str, str]]:
    """Return the headers of the request, with those that the user wants to add."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    own = [(name, value) for name, value in pairs if not _FIXED.fullmatch(to_string(name))]
    given = {to_string(name).lower() for name, _ in own}
    defaults = [
        ('accept', '*/*'),
        ('accept-language', '*'),
        ('sec-fetch-mode', 'websocket'),
        ('user-agent', 'node'),
        ('pragma', 'no-cache'),
        ('cache-control', 'no-cache'),
        ('accept-encoding', 'br, gzip, deflate' if url.protocol == 'wss:' else 'gzip, deflate'),
    ]
    return [
        ('host', url.host),
        ('connection', 'upgrade'),
        ('upgrade', 'websocket'),
        *own,
        ('sec-websocket-key', key),
        ('sec-websocket-version', '13'),
        *([('sec-websocket-protocol', ', '.join(protocols))] if protocols else ()),
        ('sec-websocket-extensions', f'{EXTENSION}; client_max_window_bits'),
        *(pair for pair in defaults if pair[0] not in given),
    ]


class Agreed(NamedTuple):
    """What an answer has settled."""

    protocol: str
    extensions: str
    keeps_context: bool | None  # of the compressor, between messages; None: nothing is compressed


def check_answer(response: Any, key: str, protocols: list[str]) -> Agreed:
    """Look at the head of the answer with which a server has taken the connection. Raises Error with what is
    wrong with it."""
    headers = response.headers
    if (headers['upgrade'] or '').lower() != 'websocket':
        raise Error(f'The server has upgraded to {headers["upgrade"]!r}, not to a WebSocket')
    digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
    if headers['sec-websocket-accept'] != base64.b64encode(digest).decode():
        raise Error('The Sec-WebSocket-Accept of the server does not fit the key it was sent')
    protocol = headers['sec-websocket-protocol']
    if (protocol is not None or protocols) and protocol not in protocols:
        chosen = 'none' if protocol is None else repr(protocol)
        raise Error(f'The server has chosen {chosen} of the subprotocols {protocols}')
    extensions = headers['sec-websocket-extensions']
    return Agreed(
        protocol or '', extensions or '', None if extensions is None else _keeps_context(extensions))


def _keeps_context(extensions: str) -> bool:
    name, *parameters = (part.strip() for part in extensions.split(';'))
    if name != EXTENSION or ',' in extensions:
        raise Error(f'The server wants extensions that were not offered: {extensions}')
    values = {name.strip(): value.strip() for name, _, value in (item.partition('=') for item in parameters)}
    bits = values.get('server_max_window_bits')
    if bits and not _WINDOW_BITS.fullmatch(bits):
        raise Error(f'The server wants extensions that cannot be: {extensions}')
    return 'server_no_context_takeover' not in values
