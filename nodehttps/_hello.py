"""The first message of a TLS connection, read by the server before OpenSSL sees it.

It tells the name that the client wants and the protocols that it offers. Python's ssl asks for a context in
the middle of the handshake and cannot wait for the answer, and it lets ALPN fail silently. Read beforehand,
`SNICallback` may take its time, and a client without a protocol in common gets the alert that RFC 7301
demands.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

# A fatal no_application_protocol alert (120), as it stands on the wire before anything is encrypted.
NO_APPLICATION_PROTOCOL = b'\x15\x03\x03\x00\x02\x02\x78'

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SERVER_NAME, _ALPN = 0, 16
_LONGEST = 0x10000  # bytes; a hello is a few hundred, with keys of post-quantum algorithms a few thousand
_LONGEST_RECORD = 0x4000
_MOST_RECORDS = 256  # all are looked at again whenever a byte arrives

_two_numbers = struct.Struct('>HH').unpack_from


class Hello(NamedTuple):
    """What a client wants. Empty, if there is no such thing in its message."""

    servername: str
    protocols: list[str]


def read_hello(data: bytes) -> Hello | None:
    """Return what the ClientHello at the beginning of `data` wants; None if more of it is to come.

    What is no ClientHello wants nothing: OpenSSL will say what is wrong with it.
    """
    message, at = b'', 0
    for _ in range(_MOST_RECORDS):
        header = data[at:at + 5]
        length = int.from_bytes(header[3:5])
        if header and (header[0] != _HANDSHAKE or length > _LONGEST_RECORD):
            break
        end = at + 5 + length
        if len(header) < 5 or len(data) < end:
            return None
        message += data[at + 5:end]
        at = end
        if message and message[0] != _CLIENT_HELLO:
            break
        if len(message) >= 4:
            end = 4 + int.from_bytes(message[1:4])
            if end > _LONGEST:
                break
            if len(message) >= end:
                return _read(message[4:end])
    return Hello('', [])


def _read(body: bytes) -> Hello:
    servername, protocols = '', []
    try:
        at = 34  # version and random
        at += 1 + body[at]  # session id
        at += 2 + (body[at] << 8 | body[at + 1])  # cipher suites
        at += 1 + body[at]  # compression methods
        at += 2
        last = len(body) - 4
        while at <= last:
            kind, length = _two_numbers(body, at)
            if kind == _SERVER_NAME and body[at + 6] == 0:
                name = body[at + 9:at + 4 + length]
                servername = name[:body[at + 7] << 8 | body[at + 8]].decode('ascii', 'replace')
            elif kind == _ALPN:
                offered = split_protocols(body[at + 6:at + 4 + length])
                protocols = [protocol.decode('latin-1') for protocol in offered]
            at += 4 + length
    except IndexError:  # cut off
        pass
    return Hello(servername, protocols)


def split_protocols(data: bytes) -> list[bytes]:
    """Return the protocols of a list in wire form: each has its length in front."""
    protocols, at = [], 0
    while at < len(data):
        protocols.append(data[at + 1:at + 1 + data[at]])
        at += 1 + data[at]
    return protocols
