"""URLSearchParams: the query of a URL as pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from nodehttp.arity import adapt
from nodehttp.checks import check_function
from nodehttp.errors import node_error
from nodehttp.strings import to_usv_string

_MISSING: Any = ...  # help() shows it  # None is a value, which becomes 'null'


class URLSearchParams:
    """The pairs of a query, in order ("Class: URLSearchParams" of Node's url module).

    `init` is a query (a leading `?` is dropped), a mapping, an iterable of pairs, or another URLSearchParams.
    Names and values that are not str become what JavaScript would make of them. Iteration gives `(name,
    value)`; `len()` is `size`. Methods raise TypeError ERR_MISSING_ARGS.
    """

    __slots__ = ('_on_change', '_pairs')

    def __init__(self, init: Any = None) -> None:
        self._on_change: Callable[[str], None] | None = None
        self._pairs: list[tuple[str, str]] = []
        if isinstance(init, URLSearchParams):
            self._pairs = init._pairs.copy()
        elif isinstance(init, Mapping):
            self._pairs = list(dict(map(_pair, init.items())).items())
        elif isinstance(init, Iterable) and not isinstance(init, (str, bytes, bytearray)):
            self._pairs = list(map(_pair, init))
        elif init is not None:
            self._pairs = _parse_pairs(to_usv_string(init).removeprefix('?'))

    @classmethod
    def of_query(cls, query: str | None, on_change: Callable[[str], None]) -> URLSearchParams:
        """Internal: the pairs of a URL's query, which hears of every change of them."""
        params = cls()
        params.read(query)
        params._on_change = on_change
        return params

    def read(self, query: str | None) -> None:
        """Internal: the URL's query has changed."""
        self._pairs = _parse_pairs(query or '')

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return self.entries()

    def __len__(self) -> int:
        return len(self._pairs)

    def __bool__(self) -> bool:
        return True  # an object of JavaScript is never falsy

    def __contains__(self, name: Any) -> bool:
        return self.has(name)

    def __str__(self) -> str:
        return self.toString()

    def __repr__(self) -> str:
        return f'URLSearchParams({self._pairs!r})'

    def __getitem__(self, name: str) -> Any:
        # For who writes params['q'], or dict(params), which asks for keys() and then for this.
        raise TypeError('URLSearchParams has no items: use get(name), or dict(params.entries())')

    @property
    def size(self) -> int:
        """How many pairs there are."""
        return len(self._pairs)

    def append(self, name: Any = _MISSING, value: Any = _MISSING) -> None:
        """Add a pair at the end."""
        _require(name=name, value=value)
        self._pairs.append(_pair((name, value)))
        self._changed()

    def delete(self, name: Any = _MISSING, value: Any = None) -> None:
        """Remove the pairs with this name; with `value` only those that have it too."""
        _require(name=name)
        self._pairs = [pair for pair in self._pairs if not _matches(pair, name, value)]
        self._changed()

    def get(self, name: Any = _MISSING) -> str | None:
        """Return the first value of `name`, or None."""
        _require(name=name)
        name = to_usv_string(name)
        return next((value for key, value in self._pairs if key == name), None)

    def getAll(self, name: Any = _MISSING) -> list[str]:
        """Return all values of `name`."""
        _require(name=name)
        name = to_usv_string(name)
        return [value for key, value in self._pairs if key == name]

    def has(self, name: Any = _MISSING, value: Any = None) -> bool:
        """Whether there is a pair with this name, and with this value if one is given."""
        _require(name=name)
        return any(_matches(pair, name, value) for pair in self._pairs)

    def set(self, name: Any = _MISSING, value: Any = _MISSING) -> None:
        """Give `name` this one value, in the place of its first; add the pair where there is none."""
        _require(name=name, value=value)
        new = _pair((name, value))
        kept: list[tuple[str, str]] = []
        placed = False
        for pair in self._pairs:
            if pair[0] != new[0]:
                kept.append(pair)
            elif not placed:
                kept.append(new)
                placed = True
        self._pairs = kept if placed else [*kept, new]
        self._changed()

    def sort(self) -> None:
        """Order the pairs by name, by UTF-16 code units as JavaScript does; equal names keep their order."""
        self._pairs = sorted(self._pairs, key=lambda pair: pair[0].encode('utf-16-be'))
        self._changed()

    def entries(self) -> Iterator[tuple[str, str]]:
        """Iterate over the pairs; pairs added meanwhile are met too."""
        place = 0
        while place < len(self._pairs):
            yield self._pairs[place]
            place += 1

    def keys(self) -> Iterator[str]:
        """Iterate over the names."""
        return (name for name, _ in self.entries())

    def values(self) -> Iterator[str]:
        """Iterate over the values."""
        return (value for _, value in self.entries())

    def forEach(self, fn: Any = None) -> None:
        """Call `fn(value, name, params)` for each pair. TypeError ERR_INVALID_ARG_TYPE."""
        check_function('callback', fn)
        call = adapt(fn)
        for name, value in self.entries():
            call(value, name, self)

    def toString(self) -> str:
        """Return the pairs as application/x-www-form-urlencoded, without `?`."""
        return '&'.join(f'{_encode_field(name)}={_encode_field(value)}' for name, value in self._pairs)

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change(self.toString())


def _require(**arguments: Any) -> None:
    if _MISSING in arguments.values():
        raise node_error('ERR_MISSING_ARGS', *arguments)


def _parse_pairs(query: str) -> list[tuple[str, str]]:
    pairs = []
    for field in query.split('&'):
        if field:
            name, _, value = field.partition('=')
            pairs.append((unquote_plus(name), unquote_plus(value)))
    return pairs


def _encode_field(text: str) -> str:
    return quote_plus(text, safe='*').replace('~', '%7E')


def _pair(pair: Any) -> tuple[str, str]:
    is_text = isinstance(pair, (str, bytes, bytearray))
    items = tuple(pair) if isinstance(pair, Iterable) and not is_text else ()
    if len(items) != 2:
        raise node_error('ERR_INVALID_TUPLE', 'Each query pair', '[name, value]')
    return to_usv_string(items[0]), to_usv_string(items[1])


def _matches(pair: tuple[str, str], name: Any, value: Any) -> bool:
    return pair[0] == to_usv_string(name) and (value is None or pair[1] == to_usv_string(value))
