"""Headers, as the Fetch standard has them: what `setHeaders` of a message takes besides a mapping."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from nodehttp.arity import adapt
from nodehttp.common import is_token
from nodehttp.errors import NodeTypeError
from nodehttp.strings import to_string

__all__ = ['Headers']

_WHITESPACE = ' \t\r\n'
_is_invalid_value = re.compile('[\0\r\n]').search


class Headers:
    """Headers by name, in any case; repeated ones joined with ', ' (cookies with '; '), Set-Cookie kept
    apart.

    `init` is a mapping, an iterable of pairs, or another Headers. Iteration gives `(name, value)`, names
    lower-case and in order. Raises TypeError for names and values that HTTP does not allow. Like a dict it
    needs a lock where several threads change it.
    """

    __slots__ = ('_values',)

    def __init__(self, init: Any = None) -> None:
        self._values: dict[str, list[str]] = {}
        if init is None:
            return
        if isinstance(init, (str, bytes)) or not isinstance(init, (Headers, Mapping, Iterable)):
            raise NodeTypeError('Headers constructor: Argument 1 could not be converted to one of: '
                                'sequence<sequence<ByteString>>, record<ByteString, ByteString>.')
        for pair in init.items() if isinstance(init, Mapping) else init:
            if len(pair) != 2:
                raise NodeTypeError(
                    f'Headers constructor: expected name/value pair to be length 2, found {len(pair)}.')
            self.append(*pair)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return self.entries()

    def __contains__(self, name: Any) -> bool:
        return self.has(name)

    def __repr__(self) -> str:
        return f'Headers({list(self)!r})'

    def append(self, name: Any, value: Any) -> None:
        """Add a value to those that `name` has."""
        self._values.setdefault(_name(name, 'append'), []).append(_value(value, 'append'))

    def set(self, name: Any, value: Any) -> None:
        """Give `name` this one value."""
        self._values[_name(name, 'set')] = [_value(value, 'set')]

    def delete(self, name: Any) -> None:
        """Remove `name`; one that is not there is ignored."""
        self._values.pop(_name(name, 'delete'), None)

    def get(self, name: Any) -> str | None:
        """Return the value of `name`, several of them joined, or None."""
        key = _name(name, 'get')
        return _joined(key, self._values[key]) if key in self._values else None

    def getSetCookie(self) -> list[str]:
        """Return the values of Set-Cookie."""
        return self._values.get('set-cookie', []).copy()

    def has(self, name: Any) -> bool:
        """Whether there is a header of this name."""
        return _name(name, 'has') in self._values

    def entries(self) -> Iterator[tuple[str, str]]:
        """Iterate over (name, value) in the order of the names; each Set-Cookie is an entry of its own."""
        for name in sorted(self._values):
            values = self._values[name]
            for value in values if name == 'set-cookie' else [_joined(name, values)]:
                yield name, value

    def keys(self) -> Iterator[str]:
        """Iterate over the names."""
        return (name for name, _ in self.entries())

    def values(self) -> Iterator[str]:
        """Iterate over the values."""
        return (value for _, value in self.entries())

    def forEach(self, fn: Callable[..., object]) -> None:
        """Call `fn(value, name, headers)` for each entry."""
        call = adapt(fn)
        for name, value in self.entries():
            call(value, name, self)


def _joined(name: str, values: list[str]) -> str:
    return ('; ' if name == 'cookie' else ', ').join(values)


def _byte_string(value: Any) -> str:
    """A text of latin1, as HTTP has them."""
    text = to_string(value)
    for place, character in enumerate(text):
        if character > '\xff':
            raise NodeTypeError(
                f'Cannot convert argument to a ByteString because the character at index {place} has a '
                f'value of {ord(character)} which is greater than 255.')
    return text


def _name(name: Any, method: str) -> str:
    text = _byte_string(name)
    if not is_token(text):
        raise NodeTypeError(f'Headers.{method}: {_quoted(text)} is an invalid header name.')
    return text.lower()


def _value(value: Any, method: str) -> str:
    text = _byte_string(value).strip(_WHITESPACE)
    if _is_invalid_value(text):
        raise NodeTypeError(f'Headers.{method}: {_quoted(text)} is an invalid header value.')
    return text


def _quoted(text: str) -> str:
    return f'"{text}"'
