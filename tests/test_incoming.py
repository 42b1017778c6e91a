"""IncomingMessage on its own: headers, trailers, reading, and what ends it.

As a request of a server it is compared with Node's in `test_server_oracle.py`, as a response in
`test_client_events.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Recorder, in_a_callback

import nodehttp as http
from nodehttp import errors, events, stream, threadpool, timers
from nodehttp.parser import Head
from nodehttp.record import Record

EVENTS = ('end', 'close', 'aborted', 'error')


class Idle:
    """A source that notes when it is asked to go on."""

    def __init__(self) -> None:
        self.wanted = 0

    def want_data(self) -> None:
        self.wanted += 1


class Connection(stream.Duplex):
    """A socket on which nothing happens."""

    def _read(self, size: int) -> None:
        pass


def message(*raw: str, join: bool | None = None, limit: int | None = None) -> http.IncomingMessage:
    """Return a request with these headers."""
    made = http.IncomingMessage()
    head = Head('GET', '/', None, None, 1, 1, list(raw), frozenset(), False, True)
    made._take_head(head, Idle(), limit, join)
    return made


def test_a_fresh_message() -> None:
    """Its properties, as documented."""
    made = http.IncomingMessage()
    names = ('socket', 'connection', 'client', 'headers', 'headersDistinct', 'rawHeaders', 'trailers',
        'trailersDistinct', 'rawTrailers',
             'complete', 'aborted', 'httpVersion', 'httpVersionMajor', 'httpVersionMinor', 'url', 'method',
             'statusCode',
             'statusMessage', 'upgrade', 'readable', 'destroyed', 'readableEnded', 'readableHighWaterMark',
             'readableFlowing')
    assert [getattr(made, name) for name in names] == [
        None, None, None, {}, {}, [], {}, {}, [], False, False, None, None, None, '', None, None, None, None,
        True, False, False, 65536, None]
    assert isinstance(made, stream.Readable)


SINGLE = ('Age', 'Authorization', 'Content-Length', 'Content-Type', 'ETag', 'Expires', 'From', 'Host',
    'If-Modified-Since',
          'If-Unmodified-Since', 'Last-Modified', 'Location', 'Max-Forwards', 'Proxy-Authorization',
          'Referer', 'Retry-After',
          'Server', 'User-Agent')


@pytest.mark.parametrize('name', SINGLE)
def test_repeated_headers_of_which_the_first_counts(name: str) -> None:
    """Unless joinDuplicateHeaders says otherwise."""
    raw = (name, '1', 'X', 'y', name.upper(), '2')
    assert message(*raw).headers == {name.lower(): '1', 'x': 'y'}
    assert message(*raw, join=True).headers == {name.lower(): '1, 2', 'x': 'y'}
    assert message(*raw).headersDistinct == {name.lower(): ['1', '2'], 'x': ['y']}


@pytest.mark.parametrize(('name', 'value'), [
    ('Set-Cookie', ['1', '2']), ('Cookie', '1; 2'), ('Date', '1, 2'), ('X-Any', '1, 2'), ('Accept', '1, 2'),
])
@pytest.mark.parametrize('join', [None, False, True])
def test_repeated_headers_that_are_combined(name: str, value: Any, join: bool | None) -> None:
    """By their own rules, whatever joinDuplicateHeaders says."""
    assert message(name, '1', name.lower(), '2', join=join).headers == {name.lower(): value}


def test_one_cookie_is_a_list() -> None:
    """set-cookie always is."""
    assert message('Set-Cookie', 'a').headers == {'set-cookie': ['a']}


def test_headers_are_records() -> None:
    """What is missing reads as None; names read as attributes."""
    made = message('Host', 'x', '__proto__', '1')
    assert isinstance(made.headers, Record)
    assert (made.headers.host, made.headers['x-id'], made.headers['__proto__']) == ('x', None, '1')
    assert made.rawHeaders == ['Host', 'x', '__proto__', '1']
    assert made.headersDistinct['__proto__'] == ['1']


def test_headers_are_built_when_they_are_read() -> None:
    """Once, and they can be replaced."""
    made = message('A', '1')
    assert made._headers is None
    assert made.headers is made.headers
    made.headers = made.headersDistinct = made.trailers = made.trailersDistinct = Record(b=2)
    assert made.headers == made.headersDistinct == made.trailers == made.trailersDistinct == {'b': 2}


@pytest.mark.parametrize(('change', 'as_request', 'as_response'), [
    (lambda made: made.rawHeaders.extend(['C', '3']), [{'a': '1', 'b': '2'}] * 2, [{'a': '1', 'b': '2'}] * 2),
    (lambda made: made.rawHeaders.__setitem__(1, 'x'),
        [{'a': '1', 'b': '2'}, {'a': 'x', 'b': '2'}], [{'a': 'x', 'b': '2'}] * 2),
    (lambda made: setattr(made, 'rawHeaders', ['D', '4', 'E', '5', 'F', '6']),
        [{'a': '1', 'b': '2'}, {'d': '4', 'e': '5'}], [{'d': '4', 'e': '5'}] * 2),
    (lambda made: made.rawTrailers.append('T'), [{'a': '1', 'b': '2'}] * 2, [{'a': '1', 'b': '2'}] * 2),
], ids=['more', 'others', 'another list', 'trailers'])
def test_what_is_done_to_raw_headers_before_headers_are_read(
        change: Any, as_request: Any, as_response: Any) -> None:
    """As in Node, which asks for the headers of a request itself: changes show, additions do not."""
    for status, expected in ((None, as_request), (200, as_response)):
        head = Head('GET', '/', status, '', 1, 1, ['A', '1', 'B', '2'], frozenset(), False, True)
        made = http.IncomingMessage()
        made._take_head(head, Idle(), None, None)
        change(made)
        distinct = {name: value for name, [value] in made.headersDistinct.items()}
        assert [made.headers, distinct, made.trailers] == [*expected, {}]
        assert head.rawHeaders == ['A', '1', 'B', '2']


@pytest.mark.parametrize(('limit', 'count', 'raw_count'), [(None, 1000, 2046), (0, 1100, 2200), (1, 1, 62),
    (50, 50, 124)])
def test_max_headers_count(limit: int | None, count: int, raw_count: int) -> None:
    """The rest is dropped without a word, as in Node in lots."""
    raw = [text for index in range(1100) for text in (f'h{index}', '1')]
    made = message(*raw, limit=limit)
    assert (len(made.headers), len(made.headersDistinct), len(made.rawHeaders)) == (count, count, raw_count)


def test_trailers_come_with_the_end() -> None:
    """Who holds them before sees them appear."""
    made = message('A', '1')
    trailers, distinct = made.trailers, made.trailersDistinct
    assert (trailers, distinct, made.rawTrailers) == ({}, {}, [])
    with threadpool.monitor:
        made._complete(['T', '1', 't', '2'])
    assert (trailers, distinct, made.rawTrailers) == ({'t': '1, 2'}, {'t': ['1', '2']}, ['T', '1', 't', '2'])
    assert made.trailers is trailers
    assert made.complete


def test_the_source_is_asked_only_when_somebody_reads() -> None:
    """And told when there is room again."""
    made = message()
    source = made._source
    assert isinstance(source, Idle)
    assert made.push(b'x' * 70000) is False
    assert source.wanted == 0
    assert in_a_callback(lambda: len(made.read())) == 70000
    assert source.wanted == 1


def test_reading_to_the_end(record: Recorder) -> None:
    """A message with its end is destroyed, and not aborted, if the source has said that it is complete."""
    def act() -> None:
        made = message()
        record.on(made, *EVENTS)
        made.on('data', record)
        made.push(b'abc')
        with threadpool.monitor:
            made._complete(None)
        events.once(made, 'close', timeout=10)
        assert (made.destroyed, made.aborted, made.readableEnded, made.complete) == (True, False, True, True)
    in_a_callback(act)
    assert record.events == [b'abc', 'end', 'close']


def test_a_request_forgets_who_listens_to_what_is_over() -> None:
    """The others stay, and who comes later."""
    def act() -> None:
        made, told = message(), []
        for name in ('data', 'end', 'close', 'error', 'mine'):
            made.on(name, lambda name=name: told.append(name))
        with threadpool.monitor:
            made._complete(None)
        events.once(made, 'close', timeout=10)
        timers.sleep(0)
        assert made.eventNames() == ['error', 'mine']
        made.on('end', told.append)
        made.off('data', told.append)
        assert made.listenerCount('end') == 1
        assert made.emit('mine')
        assert list(made) == []
        assert told == ['end', 'close', 'mine']
    in_a_callback(act)


def test_an_end_without_completion_is_an_abort(record: Recorder) -> None:
    """The socket is destroyed with it."""
    def act() -> None:
        socket = Connection()
        made = http.IncomingMessage(socket)
        record.on(made, *EVENTS, prefix='message')
        record.on(socket, 'close', 'error', prefix='socket')
        made.push(b'abc')
        made.push(None)
        made.resume()
        events.once(made, 'close', timeout=10)
        assert (made.destroyed, socket.destroyed, made.aborted) == (True, True, True)
    in_a_callback(act)
    assert record.events == ['message end', 'message aborted', 'socket close', 'message close']


@pytest.mark.parametrize('listens', [False, True])
def test_destroy_with_an_error(record: Recorder, escaped: list[BaseException], listens: bool) -> None:
    """The error is the socket's; the message emits it only to who listens."""
    def act() -> None:
        socket = Connection()
        made = http.IncomingMessage(socket)
        record.on(made, *(EVENTS if listens else EVENTS[:-1]), prefix='message')
        record.on(socket, 'close', 'error', prefix='socket')
        error = errors.Error('boo')
        assert made.destroy(error) is made
        timers.sleep(5)
        assert made.errored is error
    in_a_callback(act)
    heard = ['message error'] if listens else []
    assert record.events == ['message aborted', 'socket error', 'socket close', *heard, 'message close']
    assert not escaped


def test_destroy_without_a_socket(record: Recorder) -> None:
    """It is aborted and closed."""
    def act() -> None:
        made = http.IncomingMessage()
        record.on(made, *EVENTS)
        made.destroy()
        timers.sleep(5)
        assert made.aborted
    in_a_callback(act)
    assert record.events == ['aborted', 'close']


def test_set_timeout() -> None:
    """It is the socket's; the callback is a listener."""
    socket = Connection()
    set_to: list[float] = []
    socket.setTimeout = set_to.append  # type: ignore[attr-defined]
    made = http.IncomingMessage(socket)
    assert made.setTimeout(5, lambda: None) is made
    assert (set_to, made.listenerCount('timeout')) == ([5], 1)


def test_connection_is_the_socket() -> None:
    """And can be set."""
    first, second = Connection(), Connection()
    made = http.IncomingMessage(first)
    assert made.connection is made.client is made.socket is first
    made.connection = second
    assert made.socket is second


def test_the_mark_is_that_of_the_socket() -> None:
    """As in Node."""
    assert http.IncomingMessage(stream.Duplex(readableHighWaterMark=5)).readableHighWaterMark == 5


def test_leaving_an_iteration(record: Recorder) -> None:
    """A response, and its socket, are destroyed; of a request the rest is left to be thrown away."""
    def act(status: int | None) -> tuple[bool, bool]:
        socket = Connection()
        made = http.IncomingMessage(socket)
        made.statusCode = status
        made.push(b'a')
        made.push(b'b')
        for chunk in made:
            assert chunk == b'ab'
            break
        timers.sleep(5)
        return made.destroyed, socket.destroyed
    assert in_a_callback(lambda: act(200)) == (True, True)
    assert in_a_callback(lambda: act(None)) == (False, False)


def test_set_encoding(record: Recorder) -> None:
    """Characters are never split."""
    def act() -> None:
        made = message()
        made.setEncoding('utf8')
        made.on('data', record)
        for piece in (b'a\xc3', b'\xa9b'):
            made.push(piece)
        with threadpool.monitor:
            made._complete(None)
        events.once(made, 'close', timeout=10)
    in_a_callback(act)
    assert record.events == ['a', '\xe9b']
