"""Have records brought anything but data?

In TLS 1.3 a session may come at any time, among the data, and Python's ssl does not say so. Whoever asks it
for the session gets a copy, with the certificate of the peer, which takes 0.1 to 0.3 ms: too much to ask
after each read. But the sizes of records can be read, and they are those of the data unless there was other
(or padding, which hardly anybody uses; then the session is asked for in vain).
"""

from __future__ import annotations

_HEADER = 5  # bytes; the last two are the length of what follows
# Bytes of a record that are not data: the type, and a tag of 16 bytes in all cipher suites that are in use.
_OVERHEAD = 17
_ALERT = 2  # bytes


class Records:
    """Those that a client receives on one connection once the handshake is done."""

    surplus = 0  # bytes that came and were not data; also while data wait to be decrypted

    def __init__(self) -> None:
        self._header = b''  # the beginning of one
        self._missing = 0  # bytes of the last record that are still to come
        self._worth = 0  # the data in that

    def received(self, data: bytes) -> None:
        """These bytes have come; OpenSSL is about to decrypt what is complete with them."""
        if self._header:
            data, self._header = self._header + data, b''
        size, end, worth = len(data), self._missing, self._worth
        while end <= size:
            self.surplus += worth
            if size - end < _HEADER:
                self._header, end, worth = data[end:], size, 0
                break
            length = data[end + 3] << 8 | data[end + 4]
            end, worth = end + _HEADER + length, length - _OVERHEAD
        self._missing, self._worth = end - size, worth

    def decrypted(self, size: int) -> None:
        """They have brought so many bytes of data."""
        self.surplus -= size

    def ended(self) -> None:
        """The last one was a close_notify."""
        self.surplus -= _ALERT
