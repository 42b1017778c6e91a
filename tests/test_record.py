"""Record: a dict that can be read as an object of JavaScript."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from nodehttp.record import Record


@pytest.fixture
def headers() -> Record[Any]:
    """A record."""
    return Record({'host': 'example.org', 'x-id': '7', 'items': 'shadowed'})


def test_keys_read_as_attributes(headers: Record[Any]) -> None:
    assert headers.host == headers['host'] == 'example.org'
    assert headers['x-id'] == '7'


def test_what_is_missing_reads_as_none(headers: Record[Any]) -> None:
    assert headers.missing is headers['missing'] is None
    assert 'missing' not in headers
    assert headers.get('missing', 5) == 5
    assert len(headers) == 3
    with pytest.raises(KeyError):
        headers.pop('missing')


def test_a_key_named_like_a_method_is_read_with_brackets(headers: Record[Any]) -> None:
    assert headers['items'] == 'shadowed'
    assert list(headers.items()) == [('host', 'example.org'), ('x-id', '7'), ('items', 'shadowed')]


def test_attributes_can_be_set_and_deleted(headers: Record[Any]) -> None:
    headers.accept = '*/*'
    assert headers['accept'] == '*/*'
    del headers.accept
    del headers.accept  # as `delete` in JavaScript: no error
    assert 'accept' not in headers


def test_it_is_a_dict(headers: Record[Any]) -> None:
    plain = {'host': 'example.org', 'x-id': '7', 'items': 'shadowed'}
    assert headers == plain
    assert plain == headers
    assert isinstance(headers, dict)
    assert json.loads(json.dumps(headers)) == plain
    assert dict(**headers) == plain
    assert {**headers} == plain
    assert repr(headers) == repr(plain)
    assert not Record()


def test_copies_are_records(headers: Record[Any]) -> None:
    for other in (headers.copy(), copy.copy(headers), copy.deepcopy(headers),
                  pickle.loads(pickle.dumps(headers))):
        assert type(other) is Record
        assert other == headers
        assert other is not headers
        assert other.missing is None


def test_probing_for_special_methods_finds_nothing(headers: Record[Any]) -> None:
    assert not hasattr(headers, '__array__')
    assert not hasattr(headers, '__fspath__')
    assert hasattr(headers, 'anything')


def test_matching(headers: Record[Any]) -> None:
    match headers:
        case {'host': host, 'x-id': number}:
            assert (host, number) == ('example.org', '7')
        case _:
            pytest.fail('no match')
