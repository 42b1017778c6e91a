"""A server's end of a WebSocket, on a raw socket: the handshake, and frames as bytes."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import NamedTuple

from conftest import RawPeer

GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'  # RFC 6455, 1.3
AGREES = (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    'Sec-WebSocket-Accept: {accept}\r\n\r\n')


class Frame(NamedTuple):
    """A frame of a client, unmasked."""

    first: int  # FIN, RSV1 to RSV3, opcode
    payload: bytes


def accept(key: bytes) -> str:
    """Return the Sec-WebSocket-Accept for a key."""
    return base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()


def read_frame(peer: RawPeer) -> Frame:
    """Return the client's next frame, which is masked, and as short as it can be."""
    first, size = peer.read_exactly(2)
    assert size & 128
    size &= 127
    if size >= 126:
        least = {126: 126, 127: 65536}[size]
        size = int.from_bytes(peer.read_exactly(2 if size == 126 else 8))
        assert size >= least
    mask = peer.read_exactly(4)
    data = peer.read_exactly(size)
    return Frame(first, bytes(byte ^ mask[place % 4] for place, byte in enumerate(data)))


def handshake(peer: RawPeer, answer: str = AGREES, then: bytes = b'') -> str:
    """Read the request and answer it, `then` in the same packet; return it with KEY for its key."""
    request = peer.read_until(b'\r\n\r\n')
    key = re.search(rb'sec-websocket-key: (.*)\r\n', request)[1]  # type: ignore[index]
    peer.send(answer.replace('{accept}', accept(key)).encode() + then)
    return request.replace(key, b'KEY').decode()
