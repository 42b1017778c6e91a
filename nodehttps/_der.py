"""As much of DER as a certificate needs: elements, and the values in them.

Python's ssl decodes some fields of a verified certificate only, and neither its public key nor the rest of
the chain. What is read here OpenSSL has read before, so it is well-formed; anything else is a ValueError.
"""

from __future__ import annotations

from collections.abc import Iterator

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OBJECT, SEQUENCE, SET = 0x01, 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
UTC_TIME = 0x17

# Encodings of the string types in names.
_TEXTS = {0x0C: 'utf-8', 0x12: 'ascii', 0x13: 'ascii', 0x14: 'latin-1', 0x16: 'ascii', 0x1A: 'ascii',
          0x1C: 'utf-32-be', 0x1E: 'utf-16-be'}


class Element:
    """One element: its tag, its content, and all of it as it stands. Iterable, if it consists of others."""

    __slots__ = ('content', 'tag', 'whole')

    def __init__(self, tag: int, content: bytes, whole: bytes) -> None:
        self.tag, self.content, self.whole = tag, content, whole

    def __iter__(self) -> Iterator[Element]:
        """Yield the elements that it consists of."""
        return elements(self.content)


def elements(data: bytes) -> Iterator[Element]:
    """Yield the elements that stand one behind the other in `data`."""
    at, end = 0, len(data)
    while at < end:
        if end - at < 2:
            raise ValueError('DER: a header is cut off')
        tag, length, begin = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            begin += size
            length = int.from_bytes(data[at + 2:begin])
        if begin + length > end:
            raise ValueError('DER: an element is cut off')
        yield Element(tag, data[begin:begin + length], data[at:begin + length])
        at = begin + length


def element(data: bytes) -> Element:
    """Return the first element in `data`."""
    for first in elements(data):
        return first
    raise ValueError('DER: nothing there')


def integer(item: Element) -> int:
    """Return the value of an INTEGER."""
    return int.from_bytes(item.content, signed=True)


def object_id(content: bytes) -> str:
    """Return the dotted form of an OBJECT IDENTIFIER."""
    numbers, value = [], 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    if not numbers:
        raise ValueError('DER: an object identifier is empty')
    first = min(numbers[0] // 40, 2)
    return '.'.join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def text(item: Element) -> str:
    """Return the value of a string of any type."""
    return item.content.decode(_TEXTS.get(item.tag, 'latin-1'), 'replace')
