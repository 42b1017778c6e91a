"""What `agent.sockets` and `agent.freeSockets` hold for each name: an array in Node, a sequence here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, overload


class Members(Sequence[Any]):
    """Things in the order in which they were added, as a list to read. One is removed without a look at the
    others: an agent with a thousand connections moves one with each request and each response.
    """

    __slots__ = ('_members', 'size')

    def __init__(self) -> None:
        self.size = 0  # what `len` returns, and faster: that is asked with each request
        # Unlike those of a dict its ends can be reached at once, whatever was removed there.
        self._members: OrderedDict[Any, None] = OrderedDict()

    def add(self, member: Any) -> None:
        """Put it at the end."""
        self._members[member] = None
        self.size += 1

    def remove(self, member: Any) -> bool:
        """Take it out; KeyError if it is not there. Returns whether it was the last one."""
        del self._members[member]
        self.size -= 1
        return not self.size

    def first(self) -> Any:
        """Return the one that was added first; there must be one."""
        return next(iter(self._members))

    def last(self) -> Any:
        """Return the one that was added last; there must be one."""
        return next(reversed(self._members))

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Any]:
        yield from self._members

    def __reversed__(self) -> Iterator[Any]:
        yield from reversed(self._members)

    def __contains__(self, member: object) -> bool:
        return member in self._members

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return list(self)[index]
        members, steps = (iter(self), index) if index >= 0 else (reversed(self), -index - 1)
        for member in islice(members, steps, None):
            return member
        raise IndexError('list index out of range')

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, (Members, list)) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a list

    def __repr__(self) -> str:
        return repr(list(self))
