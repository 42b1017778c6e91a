"""Record: the plain object of JavaScript, for what the library hands out (`headers`, `address()`, `info`,
...)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

Value = TypeVar('Value')


class Record(dict[str, Value]):
    """A `dict` whose missing keys read as None and whose keys also read as attributes.

    `req.headers['x-id']` is None when there is no such header, `req.headers.host` is `req.headers['host']`.
    `in`, `get`, `==`, iteration and `json.dumps` are those of `dict`; a key that is also the name of a method
    of `dict` (`items`, `get`, ...) is reached with brackets. Keys can be set as attributes too.
    """

    __slots__ = ()

    def __missing__(self, key: str) -> Any:
        return None

    def __getattr__(self, name: str) -> Any:
        # copy, pickle and the like probe for dunder names, which must not look present.
        if name.startswith('__') and name.endswith('__'):
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name: str, value: Value) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        self.pop(name, None)

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *(key for key in self if isinstance(key, str) and key.isidentifier())]

    def copy(self) -> Record[Value]:
        """Return a shallow copy, again a Record."""
        return type(self)(self)
