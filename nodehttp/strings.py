"""Strings as JavaScript makes and reads them: for the classes that Node takes from the web.

`URLSearchParams({'n': 1})` and `Headers({'x': True})` take any value and turn it into the text that
JavaScript would.
"""

from __future__ import annotations

import math
import re
from typing import Any

from nodehttp.errors import NodeError, show_number

_NUMBER = r'[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?'
_PREFIXED = r'0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)'


def to_string(value: Any) -> str:
    """Return `value` as JavaScript's String(value): true, null, 1, 'a,b' for a list; bytes are UTF-8."""
    if isinstance(value, str):
        return value
    if value is None:
        return 'null'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, float):
        return show_number(value)
    if isinstance(value, (list, tuple)):
        return ','.join('' if item is None else to_string(item) for item in value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode('utf-8', 'replace')
    return '[object Object]' if isinstance(value, dict) else str(value)


def to_usv_string(value: Any) -> str:
    """Return `to_string(value)` with U+FFFD for each lone surrogate, so that it can be encoded."""
    text = to_string(value)
    if text.isascii():
        return text
    return text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')


def to_number(value: Any) -> float:
    """Return what JavaScript's Number() makes of a number or a str; NaN if that is no number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return math.nan
    text = value.strip()
    if not text:
        return 0
    if re.fullmatch(_PREFIXED, text):
        return int(text, 0)
    return float(text) if re.fullmatch(_NUMBER, text) else math.nan


class URIError(NodeError, ValueError):
    """A `%` that is no escape of UTF-8."""

    name = 'URIError'


def decode_component(text: str) -> str:
    """JavaScript's decodeURIComponent. Raises URIError."""
    from urllib.parse import unquote  # only URLs need this

    if re.search('%(?![0-9A-Fa-f]{2})', text):
        raise URIError('URI malformed')
    try:
        return unquote(text, errors='strict')
    except UnicodeDecodeError:
        raise URIError('URI malformed') from None
