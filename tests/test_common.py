"""What client and server share. The tables were seen in Node 25.2.1."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from nodehttp import common, errors
from nodehttp.common import (
    METHODS,
    STATUS_CODES,
    collect_distinct,
    collect_headers,
    has_100_continue,
    has_chunked,
    has_close,
    has_invalid_char,
    http_date,
    is_token,
    limit_headers,
    validateHeaderName,
    validateHeaderValue,
)

SINGLE = (
    'age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host',
    'if-modified-since', 'if-unmodified-since', 'last-modified', 'location', 'max-forwards',
    'proxy-authorization', 'referer', 'retry-after', 'server', 'user-agent',
)
JOINED = (
    'accept', 'access-control-allow-origin', 'cache-control', 'connection', 'content-encoding', 'date',
    'forwarded', 'keep-alive', 'origin', 'transfer-encoding', 'vary', 'via', 'x-forwarded-for', '__proto__',
)


def test_methods() -> None:
    assert sorted(METHODS) == METHODS
    assert len(METHODS) == len(set(METHODS)) == 35
    assert set(METHODS) > {'ACL', 'M-SEARCH', 'QUERY', 'UNSUBSCRIBE'}


def test_status_codes_by_number_and_by_text() -> None:
    assert len(STATUS_CODES) == 63
    assert (STATUS_CODES[404], STATUS_CODES['404'], STATUS_CODES.get('404')) == ('Not Found',) * 3  # type: ignore[index]
    assert STATUS_CODES[418] == "I'm a Teapot"
    assert (404 in STATUS_CODES, '404' in STATUS_CODES, '0404' in STATUS_CODES) == (True, True, False)
    assert [*STATUS_CODES][:2] == [100, 101]


@pytest.mark.parametrize('code', [600, '600', '0200', '', 'x', None, 200.5])
def test_an_unknown_status_code_reads_as_none(code: Any) -> None:
    assert STATUS_CODES[code] is None
    assert STATUS_CODES.get(code, 'unknown') == 'unknown'
    assert code not in STATUS_CODES


@pytest.mark.parametrize('name', ['a', 'Content-Type', "!#$%&'*+-.^_`|~09"])
def test_a_header_name(name: str) -> None:
    validateHeaderName(name)


@pytest.mark.parametrize(('name', 'shown'), [
    ('', ''), ('a b', 'a b'), ('x:', 'x:'), ('é', 'é'), ('a\r\nb', 'a\r\nb'), ('a\n', 'a\n'), (5, '5'),
    (None, 'undefined'), (True, 'true'), ({}, '{}'),
])
def test_no_header_name(name: Any, shown: str) -> None:
    with pytest.raises(TypeError) as caught:
        validateHeaderName(name)
    assert isinstance(caught.value, errors.NodeError)
    assert caught.value.code == 'ERR_INVALID_HTTP_TOKEN'
    assert caught.value.message == f'Header name must be a valid HTTP token ["{shown}"]'


def test_the_label_of_a_header_name() -> None:
    with pytest.raises(TypeError, match=re.escape('Trailer name must be a valid HTTP token ["a b"]')):
        validateHeaderName('a b', 'Trailer name')
    with pytest.raises(TypeError, match='Header name must be'):
        validateHeaderName('a b', None)


@pytest.mark.parametrize('value', ['', 'a b', '\t', 'é\xff', 5, 1.5, True, ['a', 'b'], [1, None], b'bytes'])
def test_a_header_value(value: Any) -> None:
    validateHeaderValue('X', value)


@pytest.mark.parametrize('value', ['a\r\nb', '\0', '\x1f', '\x7f', 'Ā', '\n', ['a', 'b\n'], b'\0'])
def test_no_header_value(value: Any) -> None:
    with pytest.raises(TypeError) as caught:
        validateHeaderValue('X-Y', value)
    assert isinstance(caught.value, errors.NodeError)
    assert caught.value.code == 'ERR_INVALID_CHAR'
    assert caught.value.message == 'Invalid character in header content ["X-Y"]'


def test_a_missing_header_value() -> None:
    with pytest.raises(TypeError) as caught:
        validateHeaderValue('X-Y', None)
    assert isinstance(caught.value, errors.NodeError)
    assert caught.value.code == 'ERR_HTTP_INVALID_HEADER_VALUE'
    assert caught.value.message == 'Invalid value "undefined" for header "X-Y"'


def test_each_character_of_names_and_values() -> None:
    letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
    assert {chr(n) for n in range(400) if is_token(chr(n))} == {*letters, *"!#$%&'*+-.^_`|~"}
    valid = {'\t', *map(chr, range(0x20, 0x7f)), *map(chr, range(0x80, 0x100))}
    assert {chr(n) for n in range(400) if not has_invalid_char(chr(n))} == valid


@pytest.mark.parametrize(('text', 'found'), [
    ('close', True), ('CLOSE', True), ('keep-alive, close', True), ('x-close', True), ('close-x', True),
    ('éclose', True), ('xclose', False), ('close_', False), ('', False),
])
def test_an_option_counts_where_it_is_a_word_of_its_own(text: str, found: bool) -> None:
    assert bool(has_close(text)) is found
    assert bool(has_chunked(text.replace('close', 'chunked').replace('CLOSE', 'CHUNKED'))) is found
    expectation = text.replace('close', '100-continue').replace('CLOSE', '100-CONTINUE')
    assert bool(has_100_continue(expectation)) is found


# Headers that come more than once


def test_headers_that_come_once() -> None:
    headers = collect_headers(['Host', 'a', 'X-Y', '', 'ACCEPT', '*/*'])
    assert headers == {'host': 'a', 'x-y': '', 'accept': '*/*'}
    assert [*headers] == ['host', 'x-y', 'accept']
    assert (headers.host, headers['x-z']) == ('a', None)
    assert collect_headers([]) == {}


@pytest.mark.parametrize('name', SINGLE)
def test_the_first_one_counts(name: str) -> None:
    raw = [name, 'a', 'X', '1', name.upper(), 'b', name, '']
    assert collect_headers(raw) == {name: 'a', 'x': '1'}
    assert collect_headers(raw, join_duplicates=True) == {name: 'a, b, ', 'x': '1'}
    assert collect_distinct(raw) == {name: ['a', 'b', ''], 'x': ['1']}


@pytest.mark.parametrize('name', JOINED)
@pytest.mark.parametrize('join_duplicates', [False, True])
def test_they_are_joined(name: str, join_duplicates: bool) -> None:
    raw = [name, 'a', 'X', '1', name.upper(), 'b', name, '']
    assert collect_headers(raw, join_duplicates) == {name: 'a, b, ', 'x': '1'}
    assert collect_distinct(raw) == {name: ['a', 'b', ''], 'x': ['1']}


@pytest.mark.parametrize('join_duplicates', [False, True])
def test_cookies(join_duplicates: bool) -> None:
    raw = ['Cookie', 'a=b', 'Set-Cookie', 'c', 'cookie', 'd=e', 'set-cookie', 'f']
    assert collect_headers(raw, join_duplicates) == {'cookie': 'a=b; d=e', 'set-cookie': ['c', 'f']}
    assert collect_headers(['Set-Cookie', 'c'], join_duplicates) == {'set-cookie': ['c']}


def test_an_empty_value_counts_as_one() -> None:
    raw = ['Host', '', 'Host', 'b', 'A', '', 'A', 'b', 'Cookie', '', 'Cookie', 'b']
    assert collect_headers(raw) == {'host': '', 'a': ', b', 'cookie': '; b'}
    assert collect_headers(raw, join_duplicates=True) == {'host': ', b', 'a': ', b', 'cookie': '; b'}


@pytest.mark.parametrize(('sent', 'max_count', 'kept', 'admitted'), [
    (1000, None, 1000, 1000), (1001, None, 1001, 1000), (1023, None, 1023, 1000), (1100, None, 1023, 1000),
    (1500, 0, 1500, 1500), (1, 1, 1, 1), (30, 1, 30, 1), (32, 1, 31, 1), (100, 31, 31, 31), (33, 32, 33, 32),
    (63, 32, 62, 32), (1100, 100, 124, 100), (1100, 2000, 1100, 1100),
])
def test_max_headers_count(sent: int, max_count: int | None, kept: int, admitted: int) -> None:
    """`rawHeaders` keeps whole lots of 31."""
    raw = [text for number in range(sent) for text in (f'h{number}', '1')]
    assert limit_headers(raw, max_count) == 2 * admitted
    assert len(raw) == 2 * kept


# Date


def test_the_date_is_rendered_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [784111777.9]
    monkeypatch.setattr(time, 'time', lambda: now[0])
    monkeypatch.setattr(common, '_date_of', -1)
    monkeypatch.setattr(common, '_date', '')
    first = http_date()
    assert first == 'Sun, 06 Nov 1994 08:49:37 GMT'
    assert http_date() is first
    now[0] += 0.1
    assert http_date() == 'Sun, 06 Nov 1994 08:49:38 GMT'
    now[0] = 951782400
    assert http_date() == 'Tue, 29 Feb 2000 00:00:00 GMT'
