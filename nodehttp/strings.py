"""Strings as JavaScript makes and reads them: for the classes that Node takes from the web.

`URLSearchParams({'n': 1})` and `Headers({'x': True})` take any value and turn it into the text that
JavaScript would.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from nodehttp.errors import NodeError


def to_string(value: Any) -> str:
    """Return `value` as JavaScript's String(value): true, null, 1, 'a,b' for a list; bytes are UTF-8."""
    if isinstance(value, str):
        return value
    if value is None:
        return 'null'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return ','.join('' if item is None else to_string(item) for item in value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode('utf-8', 'replace')
    return str(value)


def to_usv_string(value: Any) -> str:
    """Return `to_string(value)` with U+FFFD for each lone surrogate, so that it can be encoded."""
    text = to_string(value)
    if text.isascii():
        return text
    return text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')


class URIError(NodeError, ValueError):
    """A `%` that is no escape of UTF-8."""

    name = 'URIError'


def decode_component(text: str) -> str:
    """JavaScript's decodeURIComponent. Raises URIError."""
    if re.search('%(?![0-9A-Fa-f]{2})', text):
        raise URIError('URI malformed')
    try:
        return unquote(text, errors='strict')
    except UnicodeDecodeError:
        raise URIError('URI malformed') from None
