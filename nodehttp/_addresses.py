"""Network addresses: IP literals, what sockets take and give, and names.

The only place where a name is resolved. That can take long, so `resolve` runs on a thread of its own; a
literal is never resolved.
"""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Iterable
from typing import Any

from nodehttp import errors
from nodehttp.record import Record
from nodehttp.strings import to_number

# What dns.lookup takes as `hints`: the flags of getaddrinfo.
HINTS = int(socket.AI_ADDRCONFIG | getattr(socket, 'AI_V4MAPPED', 0) | getattr(socket, 'AI_ALL', 0))
FAMILIES = {0: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}

_ZONE = re.compile('[0-9a-zA-Z.:-]+')

Address = tuple[str, int]  # IP literal and family, 4 or 6


def isIP(input: Any) -> int:
    """Return the family of an IP literal, 4 or 6; 0 if it is none. ("net.isIP(input)")"""
    if isIPv4(input):
        return 4
    return 6 if isIPv6(input) else 0


def isIPv4(input: Any) -> bool:
    """Return whether this is an IPv4 address, four decimal numbers without leading zeros.
    ("net.isIPv4(input)")"""
    return isinstance(input, str) and _is_numeric(socket.AF_INET, input)


def isIPv6(input: Any) -> bool:
    """Return whether this is an IPv6 address, with or without a zone. ("net.isIPv6(input)")"""
    if not isinstance(input, str):
        return False
    address, percent, zone = input.partition('%')
    return _is_numeric(socket.AF_INET6, address) and (not percent or _ZONE.fullmatch(zone) is not None)


def _is_numeric(family: int, text: str) -> bool:
    try:
        socket.inet_pton(family, text)
    except (OSError, ValueError):  # ValueError: not ASCII, or a NUL
        return False
    return True


def port_number(value: Any, name: str) -> int:
    """Return a port that was given as a number or str; ValueError ERR_SOCKET_BAD_PORT."""
    number = to_number(value)
    if not 0 <= number <= 65535 or number != int(number) or (isinstance(value, str) and not value.strip()):
        raise errors.node_error('ERR_SOCKET_BAD_PORT', name, errors.describe(value))
    return int(number)


def socket_address(address: str, port: int, family: int) -> Any:
    """Return what `connect` and `bind` of a Python socket take. OSError: there is no such zone."""
    if family == 4:
        return address, port
    literal, _, zone = address.partition('%')
    if not zone:
        return literal, port
    return literal, port, 0, int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)


def address_record(name: Any) -> Record[Any]:
    """Return what a Python socket calls its own or its peer's name as Node shows it; empty for a Unix
    socket."""
    if not isinstance(name, tuple):
        return Record()
    return Record(address=name[0], family='IPv4' if len(name) == 2 else 'IPv6', port=name[1])


def resolve(host: str, family: int = 0, hints: int = 0) -> list[Address]:
    """Return the addresses of a name, in the order of the system. Blocks; OSError `getaddrinfo ENOTFOUND
    name`."""
    # Imported when the first name comes: a server has no use for tables of letters.
    from nodehttp.hostname import to_ascii

    try:
        # As bytes: Python would encode a str by the older rules for international names, and refuses some.
        found = socket.getaddrinfo(
            to_ascii(host).encode(), None, FAMILIES[family], socket.SOCK_STREAM, 0, hints)
    except ValueError as error:  # no name can look like this
        raise errors.system_error('ENOTFOUND', 'getaddrinfo', hostname=host) from error
    except OSError as error:
        raise errors.os_error(error, 'getaddrinfo', hostname=host) from error
    return [(str(name[0]), 4 if kind == socket.AF_INET else 6) for kind, _, _, _, name in found
            if kind in (socket.AF_INET, socket.AF_INET6)]


def alternated(addresses: Iterable[Address]) -> list[Address]:
    """Order addresses so that the families take turns, the first one's first (RFC 8305, section 4)."""
    addresses = list(addresses)
    first = [address for address in addresses if address[1] == addresses[0][1]]
    others = [address for address in addresses if address[1] != addresses[0][1]]
    pairs = itertools.chain.from_iterable(itertools.zip_longest(first, others))
    return [address for address in pairs if address is not None]
