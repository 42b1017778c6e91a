"""What the agent's lists of sockets are: lists to read."""

from __future__ import annotations

import pytest

from nodehttp._members import Members


def members(*items: object) -> Members:
    made = Members()
    for item in items:
        made.add(item)
    return made


def test_they_read_as_a_list() -> None:
    some = members('a', 'b', 'c')
    assert (len(some), list(some), list(reversed(some)), repr(some)) == (3, ['a', 'b', 'c'], ['c', 'b', 'a'],
                                                                      "['a', 'b', 'c']")
    assert [some[0], some[2], some[-1], some[-3]] == ['a', 'c', 'c', 'a']
    assert (some[1:], some[::-1]) == (['b', 'c'], ['c', 'b', 'a'])
    assert ('b' in some, 'd' in some, some.index('b'), some.count('c')) == (True, False, 1, 1)
    assert some == ['a', 'b', 'c'] and some == members('a', 'b', 'c')
    assert some != ['a', 'b'] and some != 'abc' and some != members('c', 'b', 'a')
    assert {'x:80:': some} == {'x:80:': ['a', 'b', 'c']}
    assert members('a') and not members()


@pytest.mark.parametrize('index', [2, -3])
def test_an_index_too_far_is_an_error(index: int) -> None:
    with pytest.raises(IndexError):
        members('a', 'b')[index]


def test_they_keep_their_order() -> None:
    some = members('a', 'b', 'c')
    some.remove('b')
    some.add('b')
    some.remove('a')
    assert list(some) == ['c', 'b']
    with pytest.raises(KeyError):
        some.remove('a')
