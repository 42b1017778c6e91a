"""Strings to bytes and back under Node's names of encodings ("Buffers and character encodings").

As lenient as Node: what cannot be encoded is replaced or cut off, never refused. A `Decoder` keeps what is
incomplete at the end of a chunk (half a character, a third of a base64 group) for the next one.
"""

from __future__ import annotations

import binascii
import codecs
import re
from typing import Any, Protocol

from nodehttp import errors

# Every accepted spelling, in lower case.
_NAMES = {
    'utf8': 'utf8', 'utf-8': 'utf8',
    'utf16le': 'utf16le', 'utf-16le': 'utf16le', 'ucs2': 'utf16le', 'ucs-2': 'utf16le',
    'latin1': 'latin1', 'binary': 'latin1', 'ascii': 'ascii',
    'hex': 'hex', 'base64': 'base64', 'base64url': 'base64url',
}

_URL_LETTERS = str.maketrans('+/', '-_')
_SEVEN_BITS = bytes(byte & 0x7F for byte in range(256))


def normalized(encoding: Any) -> str:
    """Return Node's own spelling of an encoding ('UCS-2' is 'utf16le'; None is 'utf8'); TypeError
    ERR_UNKNOWN_ENCODING.
    """
    if encoding is None:
        return 'utf8'
    name = _NAMES.get(encoding) or (_NAMES.get(encoding.lower()) if isinstance(encoding, str) else None)
    if name is None:
        raise errors.node_error('ERR_UNKNOWN_ENCODING', encoding)
    return name


def encode(text: str, encoding: Any = 'utf8') -> bytes:
    """Return `text` in an encoding ("Buffer.from(string[, encoding])")."""
    name = normalized(encoding)
    if name == 'utf8':
        try:
            return text.encode()
        except UnicodeEncodeError:  # lone surrogates become U+FFFD
            return text.encode('utf-16-le', 'surrogatepass').decode('utf-16-le', 'replace').encode()
    if name in ('latin1', 'ascii'):
        try:
            return text.encode('latin-1')
        except UnicodeEncodeError:  # the low byte of each UTF-16 unit
            return text.encode('utf-16-le', 'surrogatepass')[::2]
    if name == 'utf16le':
        return text.encode('utf-16-le', 'surrogatepass')
    if name == 'hex':
        return _from_hex(text)
    return _from_base64(text)


def _from_hex(text: str) -> bytes:
    """The pairs of digits up to the first that is none."""
    wrong = re.search('[^0-9a-fA-F]', text)
    digits = text if wrong is None else text[:wrong.start()]
    return bytes.fromhex(digits[:len(digits) & ~1])


def _from_base64(text: str) -> bytes:
    """Both alphabets, up to the first '='; anything else between is skipped."""
    digits = re.sub('[^A-Za-z0-9+/]', '', text.partition('=')[0].replace('-', '+').replace('_', '/'))
    if len(digits) % 4 == 1:  # six bits make no byte
        digits = digits[:-1]
    return binascii.a2b_base64(digits + '=' * (-len(digits) % 4))


class Decoder(Protocol):
    """Chunks of bytes to chunks of text; `final` flushes what is incomplete."""

    def decode(self, data: bytes, final: bool = False) -> str:
        """Return the text that `data` completes."""


class _Utf16Decoder:
    """Surrogate pairs are never split; a single byte at the end is dropped, as in Node."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder('utf-16-le')('surrogatepass')

    def decode(self, data: bytes, final: bool = False) -> str:
        text = self._decoder.decode(data)
        if final:
            rest = self._decoder.getstate()[0]
            self._decoder.reset()
            text += rest[:len(rest) & ~1].decode('utf-16-le', 'surrogatepass')
        return text


class _Base64Decoder:
    """Whole groups of three bytes; the rest, and only that, is padded at the end."""

    def __init__(self, url: bool) -> None:
        self._url = url
        self._rest = b''

    def decode(self, data: bytes, final: bool = False) -> str:
        data = self._rest + data
        whole = len(data) if final else len(data) - len(data) % 3
        self._rest = data[whole:]
        text = binascii.b2a_base64(data[:whole], newline=False).decode()
        return text.rstrip('=').translate(_URL_LETTERS) if self._url else text


class _ByteDecoder:
    """Encodings in which every byte stands for itself."""

    def __init__(self, name: str) -> None:
        self._name = name

    def decode(self, data: bytes, final: bool = False) -> str:
        if self._name == 'hex':
            return data.hex()
        return (data if self._name == 'latin1' else data.translate(_SEVEN_BITS)).decode('latin-1')


def decoder(encoding: Any) -> Decoder:
    """Return a Decoder ("Class: StringDecoder")."""
    name = normalized(encoding)
    if name == 'utf8':
        return codecs.getincrementaldecoder('utf-8')('replace')
    if name == 'utf16le':
        return _Utf16Decoder()
    if name in ('base64', 'base64url'):
        return _Base64Decoder(name == 'base64url')
    return _ByteDecoder(name)
