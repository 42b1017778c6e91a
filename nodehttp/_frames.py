"""The frames of a WebSocket, made and read by wsproto: the only module that imports it.

Knows nothing of connections or events: bytes in, messages out, and the other way round. Node compresses
nothing that it sends, and so does this. Compressed messages are read here rather than by wsproto's own
extension, which loses the rest of a message when a ping comes in its middle, and all that follows a message
whose sender has ended the stream of the compressor.
"""

from __future__ import annotations

import zlib
from typing import Any

from wsproto.frame_protocol import CloseReason, FrameProtocol, Opcode, ParseFailed, RsvBits

from nodehttp.threadpool import released

_KINDS = {
    Opcode.TEXT: 'text', Opcode.BINARY: 'binary', Opcode.PING: 'ping', Opcode.PONG: 'pong',
    Opcode.CLOSE: 'close'}

_PLAIN = RsvBits(False, False, False)
_MAY_BE_COMPRESSED = RsvBits(True, False, False)
_PIECE = 4096  # bytes that are inflated at once: 4 MiB at most come of them, in some 15 ms
_PAUSE_AFTER = 1 << 20  # bytes that have come of them: others go first
_TAIL = b'\x00\x00\xff\xff'  # that the sender left out at the end of a message (RFC 7692, 7.2.2)


class Inflater:
    """An extension for wsproto, 'permessage-deflate', as far as one reads (RFC 7692). `keeps_context`: a
    message may refer to those before it."""

    def __init__(self, keeps_context: bool) -> None:
        self._keeps_context = keeps_context
        self._stream = _new_stream()
        self._is_compressed = False  # the message that is coming
        self._is_control = False  # the frame that is coming: it may be in the middle of a message
        self._inflated = 0  # bytes since somebody has asked

    def enabled(self) -> bool:
        """It was agreed on."""
        return True

    def frame_inbound_header(self, _: Any, opcode: Any, rsv: Any, length: int) -> Any:
        """A frame begins. Returns which of the reserved bits it may have set."""
        self._is_control = opcode.iscontrol()
        if self._is_control or opcode is Opcode.CONTINUATION:
            return _PLAIN
        self._is_compressed = rsv.rsv1
        return _MAY_BE_COMPRESSED

    def frame_inbound_payload_data(self, _: Any, data: bytes) -> Any:
        """Some of its payload. Returns what that says, or what is wrong with it."""
        if self._is_control or not self._is_compressed:
            return data
        return self._inflate(data)

    def frame_inbound_complete(self, _: Any, is_last: bool) -> Any:
        """It ends, and the message with it if `is_last`. Returns what is left of that."""
        if self._is_control or not (is_last and self._is_compressed):
            return None
        rest = self._inflate(_TAIL)
        if self._stream.eof or not self._keeps_context:
            self._stream = _new_stream()
        return rest

    def frame_outbound(self, _: Any, opcode: Any, rsv: Any, data: bytes, is_last: bool) -> tuple[Any, bytes]:
        """One's own frames stay as they are."""
        return rsv, data

    def _inflate(self, data: bytes) -> Any:
        try:
            with released():
                inflated = self._stream.decompress(data)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._inflated += len(inflated)
        return inflated

    def takes_long(self) -> bool:
        """Has so much been inflated that others should have their turn?"""
        inflated = self._inflated
        self._inflated = 0 if inflated > _PAUSE_AFTER else inflated
        return inflated > _PAUSE_AFTER


def _new_stream() -> Any:
    return zlib.decompressobj(-zlib.MAX_WBITS)  # which reads those of a smaller window, too


class Frames:
    """Both directions of one connection, after the handshake, at the client's end."""

    MORE = 'more', None  # see `next`

    def __init__(self, inflater: Inflater | None = None) -> None:
        extensions: list[Any] = [] if inflater is None else [inflater]
        self._protocol = FrameProtocol(client=True, extensions=extensions)
        self._inflater = inflater
        self._waiting = bytearray()  # what the protocol has not been given yet
        self._parts: list[Any] = []  # of a message that is not complete yet

    # Reading

    def feed(self, data: bytes) -> None:
        """Take what has arrived."""
        if self._inflater is None:
            self._protocol.receive_bytes(data)
        else:
            self._waiting += data

    def next(self) -> tuple[str, Any] | None:
        """Return what has come, None if that is nothing (more) as yet: 'text' and a str; 'binary', 'ping' or
        'pong' and bytes; 'close' and (code, reason), for ever the last one; or 'bad', the last one too, for
        what is against the protocol, and (code, reason) for the Close frame that tells the sender. MORE: to
        look on takes its time, and others should have theirs before."""
        item = self._take()
        while item is None and self._waiting:
            if self._inflater.takes_long():  # type: ignore[union-attr]
                return self.MORE
            piece = self._waiting[:_PIECE]
            del self._waiting[:_PIECE]
            self._protocol.receive_bytes(bytes(piece))
            item = self._take()
        return item

    def _take(self) -> tuple[str, Any] | None:
        try:
            for frame in self._protocol.received_frames():
                kind = _KINDS[frame.opcode]
                payload: Any = frame.payload
                if kind == 'close':
                    code, reason = payload
                    return kind, (int(code), reason.removeprefix('\ufeff'))
                if kind in ('ping', 'pong'):
                    return kind, bytes(payload)
                self._parts.append(payload)
                if frame.message_finished:
                    return kind, self._take_message(kind)
        except ParseFailed as error:
            return 'bad', (int(error.code), str(error))
        return None

    def _take_message(self, kind: str) -> str | bytes:
        parts, self._parts = self._parts, []
        if kind == 'binary':
            return b''.join(parts)
        return ''.join(parts).removeprefix('\ufeff')  # as Node's TextDecoder

    # Writing

    def message(self, data: str | bytes) -> bytes:
        """Return the frame of a message. May be called by several threads at a time."""
        return bytes(self._protocol.send_data(data))

    def pong(self, payload: bytes) -> bytes:
        """Return the answer to a ping."""
        return bytes(self._protocol.pong(payload))

    def close(self, code: int | None, reason: str = '') -> bytes:
        """Return a Close frame; without a code it is empty. `reason` is cut to what fits."""
        return bytes(self._protocol.close(code, reason or None))
