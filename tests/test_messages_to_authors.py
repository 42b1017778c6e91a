"""What the author of a program is shown when something is wrong with it: tracebacks, notes, reprs."""

import copy
import inspect
import io
import linecache
import pickle
import re
import traceback
from typing import Any

import pytest
from conftest import Recorder

import nodehttp as http
from nodehttp import errors, events, net, stream, timers, url

HOST = '127.0.0.1'


def shown(error: BaseException) -> list[str]:
    """What a traceback ends with."""
    return ''.join(traceback.format_exception_only(error)).splitlines()


def called(error: BaseException) -> str:
    """The line of this file that a note of `error` says it is about."""
    for note in error.__notes__:
        if place := re.fullmatch(r'called from File "(.+)", line (\d+), in \w+', note):
            return linecache.getline(place[1], int(place[2])).strip()
    raise AssertionError(error.__notes__)


def test_a_traceback_tells_the_code_that_the_text_does_not() -> None:
    with pytest.raises(ValueError) as raised:
        http.createServer().listen(70000)
    assert shown(raised.value)[1:] == ["code: 'ERR_SOCKET_BAD_PORT'"]
    assert shown(errors.system_error('ECONNREFUSED', 'connect', HOST, 1)) == [
        f'nodehttp.errors.SystemError: connect ECONNREFUSED {HOST}:1']
    with pytest.raises(TypeError) as invalid:
        http.get('/x')
    assert shown(invalid.value)[1:] == ["code: 'ERR_INVALID_URL'", "input: '/x'"]


def test_an_unhandled_error_of_misuse_names_the_line_and_the_emitter(escaped: Any) -> None:
    def listener(req: Any, res: Any) -> None:
        res.end('over')
        res.write('x')
        res.end('y')

    with http.createServer(listener).listen(0, HOST) as server:
        [res] = http.once(http.get({'port': server.address().port, 'agent': False}), 'response', timeout=5)
        assert b''.join(res) == b'over'
    assert [called(error) for error in escaped] == ["res.write('x')", "res.end('y')"]
    for error in escaped:
        text, code, _, emitter = shown(error)
        assert text == 'nodehttp.errors.Error: write after end'
        assert code == "code: 'ERR_STREAM_WRITE_AFTER_END'"
        assert emitter.startswith("unhandled 'error' of <ServerResponse 200 to GET / ")


def test_streams_that_are_misused_name_the_line(record: Recorder) -> None:
    writable = stream.PassThrough().on('error', record)
    writable.end()
    writable.write('x')
    readable = stream.Readable().on('error', record)
    readable.push(None)
    readable.push('x')
    assert sorted(map(called, record.wait_count(2))) == ["readable.push('x')", "writable.write('x')"]


def test_a_port_in_use_is_told_in_three_lines(escaped: Any) -> None:
    with http.createServer().listen(0, HOST) as server:
        port = server.address().port
        with pytest.raises(OSError, match='EADDRINUSE') as raised, net.createServer().listen(port, HOST):
            pass
        alone = net.createServer()
        alone.listen(port, HOST)
        while not escaped:
            timers.sleep(1)
    assert raised.value.__suppress_context__ and raised.value.__cause__ is None
    assert [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)] == [
        'test_a_port_in_use_is_told_in_three_lines', '__enter__', 'wait']
    assert 'net.createServer().listen(port, HOST)' in called(raised.value)
    assert called(escaped[0]) == 'alone.listen(port, HOST)'
    assert [len(shown(escaped[0])), escaped[0].__traceback__, escaped[0].__notes__[-1]] == [
        3, None, "unhandled 'error' of <Server closed connections=0>"]


def test_an_unhandled_error_says_so_once() -> None:
    error, emitter = ValueError('mine'), events.EventEmitter()
    for _ in range(2):
        with pytest.raises(ValueError, match='mine'):
            emitter.emit('error', error)
    assert error.__notes__ == [f"unhandled 'error' of {emitter!r}"]


def test_messages_are_shown_with_their_first_line() -> None:
    seen: list[str] = []

    def listener(req: Any, res: Any) -> None:
        seen.extend((repr(req), repr(res)))
        res.writeHead(404).end()

    with http.createServer(listener).listen(0, HOST) as server:
        req = http.get({'port': server.address().port, 'path': '/a?b', 'agent': False})
        [res] = http.once(req, 'response', timeout=5)
        res.resume()
        seen.append(repr(res).partition(' open')[0])
    assert seen == [
        '<IncomingMessage GET /a?b open idle reading buffered=0>',
        '<ServerResponse 200 to GET /a?b open, no head>', '<IncomingMessage 404 Not Found']


def test_what_is_open_can_be_neither_copied_nor_pickled() -> None:
    with http.createServer().listen(0, HOST) as server, net.Socket() as socket:
        for thing in (server, socket):
            for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
                with pytest.raises(TypeError, match='cannot copy or pickle'):
                    attempt(thing)  # type: ignore[operator]


def test_search_params_are_no_mapping() -> None:
    params = url.URLSearchParams('a=1&a=2')
    for attempt in (dict, lambda given: given['a']):
        with pytest.raises(TypeError, match=r'^URLSearchParams has no items: use get'):
            attempt(params)
    assert dict(params.entries()) == {'a': '2'}


@pytest.mark.parametrize('given', [5, None, print, io.StringIO()], ids=['int', 'None', 'function', 'text'])
def test_pipe_refuses_what_is_no_stream(given: Any) -> None:
    source = stream.PassThrough()
    with pytest.raises(TypeError, match=r'^The "destination" argument must be an instance of Writable or a'):
        source.pipe(given)
    source.end('x')
    assert list(source) == [b'x']


def test_keys_of_records_are_completed() -> None:
    headers = http.createServer().listen(0, HOST)
    with headers:
        assert {'address', 'family', 'port', 'items'} <= {*dir(headers.address())}


def test_timers_are_shown() -> None:
    immediate = timers.setImmediate(print)
    timers.clearImmediate(immediate)
    assert repr(immediate) == '<Immediate over>'


def test_a_patched_class_has_its_head_hook_called(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, seen = http.ServerResponse.writeHead, []

    def write_head(self: Any, *args: Any) -> Any:
        seen.append(args)
        return plain(self, *args)

    monkeypatch.setattr(http.ServerResponse, 'writeHead', write_head)
    with http.createServer(lambda req, res: res.end('x')).listen(0, HOST) as server:
        [res] = http.once(http.get({'port': server.address().port, 'agent': False}), 'response', timeout=5)
        assert b''.join(res) == b'x'
    assert seen == [(200,)]


def test_a_wait_refuses_a_timeout_that_is_no_number() -> None:
    for target in (events.EventEmitter(), http.AbortController().signal):
        with pytest.raises(TypeError, match='"timeout" argument must be of type number'):
            http.once(target, 'x', timeout='5')  # type: ignore[arg-type]


def test_help_shows_no_addresses_in_memory() -> None:
    for cls in (http.Server, url.URLSearchParams):
        for name in dir(cls):
            if not name.startswith('_') and callable(method := getattr(cls, name)):
                assert ' at 0x' not in str(inspect.signature(method)), name
