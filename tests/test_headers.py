"""Headers; what is expected is what Node 25.2.1 was seen to do."""

from __future__ import annotations

from typing import Any

import pytest

from nodehttp.headers import Headers


@pytest.mark.parametrize('init, entries', [
    (None, []),
    ({'B': '2', 'a': ' 1 \t', 'x-y': 'é'}, [('a', '1'), ('b', '2'), ('x-y', 'é')]),
    ([['a', '1'], ('A', '2'), ('Set-Cookie', 'x'), ('set-cookie', 'y')],
     [('a', '1, 2'), ('set-cookie', 'x'), ('set-cookie', 'y')]),
    (Headers({'a': '1'}), [('a', '1')]),
    ({'a': '\n x \r\n'}, [('a', 'x')]),
    ({'a': '\x01\x7f'}, [('a', '\x01\x7f')]),
    ({'a': 1, 'b': None, 'd': True, 'e': [1, 2]}, [('a', '1'), ('b', 'null'), ('d', 'true'), ('e', '1,2')]),
])
def test_headers_from(init: Any, entries: list[tuple[str, str]]) -> None:
    assert list(Headers(init)) == entries


NOT_CONVERTED = (
    'Headers constructor: Argument 1 could not be converted to one of: sequence<sequence<ByteString>>, '
    'record<ByteString, ByteString>.')
NOT_LATIN1 = (
    'Cannot convert argument to a ByteString because the character at index 0 has a value of 8364 which is '
    'greater than 255.')


@pytest.mark.parametrize('init, message', [
    ('x', NOT_CONVERTED),
    (5, NOT_CONVERTED),
    ([['a']], 'Headers constructor: expected name/value pair to be length 2, found 1.'),
    ([['a', 'b', 'c']], 'Headers constructor: expected name/value pair to be length 2, found 3.'),
    ({'a b': '1'}, 'Headers.append: "a b" is an invalid header name.'),
    ({'': '1'}, 'Headers.append: "" is an invalid header name.'),
    ({'é': '1'}, 'Headers.append: "é" is an invalid header name.'),
    ({'a': 'x\ny'}, 'Headers.append: "x\ny" is an invalid header value.'),
    ({'a': 'x\0y'}, 'Headers.append: "x\0y" is an invalid header value.'),
    ({'a': '€'}, NOT_LATIN1),
])
def test_headers_refuse(init: Any, message: str) -> None:
    with pytest.raises(TypeError) as raised:
        Headers(init)
    assert raised.value.message == message


def test_methods() -> None:
    headers = Headers()
    headers.append('A', '1')
    headers.append('a', '2')
    headers.set('b', '3')
    headers.append('set-cookie', 'x')
    headers.append('Set-Cookie', 'y')
    assert (headers.get('A'), headers.get('x'), headers.get('set-cookie')) == ('1, 2', None, 'x, y')
    assert (headers.getSetCookie(), headers.has('B'), 'c' in headers) == (['x', 'y'], True, False)
    headers.set('A', '9')
    assert list(headers) == [('a', '9'), ('b', '3'), ('set-cookie', 'x'), ('set-cookie', 'y')]
    headers.delete('a')
    headers.delete('a')
    assert list(headers.keys()) == ['b', 'set-cookie', 'set-cookie']
    assert list(headers.values()) == ['3', 'x', 'y']
    headers.set('Set-Cookie', 'z')
    assert headers.getSetCookie() == ['z']
    headers.delete('set-cookie')
    assert headers.getSetCookie() == []
    seen: list[Any] = []
    headers.forEach(lambda value, name: seen.append((value, name)))
    assert (seen, repr(headers)) == ([('3', 'b')], "Headers([('b', '3')])")
    with pytest.raises(TypeError) as raised:
        headers.get('a b')
    assert str(raised.value) == 'Headers.get: "a b" is an invalid header name.'


def test_names_are_in_order_and_cookies_have_their_own_mark() -> None:
    headers = Headers()
    for name, value in (('z', '1'), ('a', '2'), ('set-cookie', 'c1'), ('m', ''), ('set-cookie', 'c2'),
                        ('cookie', 'p'), ('cookie', 'q')):
        headers.append(name, value)
    assert list(headers) == [
        ('a', '2'), ('cookie', 'p; q'), ('m', ''), ('set-cookie', 'c1'), ('set-cookie', 'c2'), ('z', '1')]
