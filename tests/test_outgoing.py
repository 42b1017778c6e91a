"""OutgoingMessage on its own: what it is before it has a socket, and any Writable as one.

What it sends as a response is compared with Node's in `test_server_oracle.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Recorder, in_a_callback

import nodehttp as http
from nodehttp import _head, errors, outgoing, stream, threadpool, timers
from nodehttp.headers import Headers
from nodehttp.record import Record

CHUNK_TYPES = 'The "chunk" argument must be of type string or an instance of Buffer or Uint8Array. Received '


class Message(outgoing.OutgoingMessage):
    """One that knows its head."""

    def _implicit_header(self) -> None:
        self._header = 'H\r\n\r\n'


def writable(record: Recorder) -> stream.Writable:
    """Return a Writable that notes what it is given."""
    def write(chunk: bytes, encoding: str, callback: Callable[..., None]) -> None:
        record(re.sub('Date: .*GMT', 'Date: now', chunk.decode()))
        callback()
    return stream.Writable(write=write)


def request(method: str = 'GET', minor: int | None = 1) -> Any:
    """Return what stands for an IncomingMessage."""
    return Record(method=method, httpVersionMajor=1, httpVersionMinor=minor, headers=Record())


def test_a_fresh_message() -> None:
    """Its properties, as documented."""
    message = http.OutgoingMessage()
    names = ('sendDate', 'chunkedEncoding', 'shouldKeepAlive', 'useChunkedEncodingByDefault',
        'writableCorked',
             'writableHighWaterMark', 'writableObjectMode', 'writableLength', 'writableNeedDrain', 'finished',
             'headersSent', 'writable', 'errored', 'closed', 'destroyed', 'socket', 'connection',
             'writableEnded',
             'writableFinished', 'strictContentLength', 'maxRequestsOnConnectionReached')
    assert [getattr(message, name) for name in names] == [
        False, False, True, True, 0, 65536, False, 0, False, False, False, True, None, False, False, None,
            None, False,
        False, False, False]
    assert repr(message) == '<OutgoingMessage open, no head>'


@pytest.mark.parametrize('act', [
    lambda message: message.write('x'), lambda message: message.end('x'), lambda message: message.end(),
    lambda message: message.flushHeaders(),
])
def test_a_bare_message_has_no_head(act: Callable[[Any], Any]) -> None:
    """Only the subclasses know how to render it."""
    with pytest.raises(errors.Error, match=r'The _implicitHeader\(\) method is not implemented') as raised:
        act(http.OutgoingMessage())
    assert raised.value.code == 'ERR_METHOD_NOT_IMPLEMENTED'


@pytest.mark.parametrize(('chunk', 'text'), [
    (5, CHUNK_TYPES + 'type number (5)'), ({}, CHUNK_TYPES + 'an instance of Object'),
    (None, 'May not write null values to stream'),
])
def test_wrong_chunks(chunk: Any, text: str) -> None:
    """They raise before anything happens."""
    message = Message()
    with pytest.raises(TypeError) as raised:
        message.write(chunk)
    assert str(raised.value) == text
    assert not message.headersSent


@pytest.mark.parametrize('chunk', [b'ab', bytearray(b'ab'), memoryview(b'ab'), 'ab'])
def test_any_bytes_like_object_is_accepted(record: Recorder, chunk: Any) -> None:
    """And text."""
    message = Message()
    message.write(chunk)
    assert message.writableLength == 7


def test_a_bytearray_may_change_after_the_write(record: Recorder) -> None:
    """What was written stays as it was."""
    message, buffer = Message(), bytearray(b'ab')
    message.write(buffer)
    buffer[:] = b'cdef'
    destination = writable(record)
    message.socket = destination
    destination._httpMessage = message  # type: ignore[attr-defined]
    with threadpool.monitor:
        message._flush()
    assert record.events == ['H\r\n\r\nab']


def test_waiting_for_a_socket(record: Recorder) -> None:
    """What is written is kept, counted against the mark, and sent when the socket comes; then 'drain'."""
    def act() -> None:
        message = Message(highWaterMark=5)
        assert message.writableHighWaterMark == 5
        assert (message.write('abc'), message.writableLength) == (False, 8)
        assert (message.write('abcdef'), message.writableLength, message.writableNeedDrain) == (False, 14,
            True)
        record.on(message, 'drain', 'prefinish', 'finish')
        destination = writable(record)
        message.socket, destination._httpMessage = destination, message  # type: ignore[attr-defined]
        assert message.writableHighWaterMark == destination.writableHighWaterMark != 5
        with threadpool.monitor:
            message._flush()
        assert (message.writableNeedDrain, message.writableLength) == (False, 0)
        message.end('z')
        timers.sleep(0)
        assert message.writableFinished
    in_a_callback(act)
    assert record.events == ['H\r\n\r\nabc', 'abcdef', 'drain', 'z', 'prefinish', 'finish']


def test_assign_socket(record: Recorder) -> None:
    """A response can be written to any Writable."""
    def act() -> None:
        response, destination = http.ServerResponse(request()), writable(record)
        record.on(response, 'socket', 'prefinish', 'finish', 'close')
        response.assignSocket(destination)
        with pytest.raises(errors.Error) as raised:
            http.ServerResponse(request()).assignSocket(destination)
        assert raised.value.code == 'ERR_HTTP_SOCKET_ASSIGNED'
        response.end('hi', lambda: record('ended'))
        timers.sleep(1)
        assert response.socket is destination
        response.detachSocket(destination)
        assert response.socket is None
        assert (response.destroyed, response.writableFinished) == (False, True)
        http.ServerResponse(request()).assignSocket(destination)
    in_a_callback(act)
    assert record.events == [
        'socket', 'HTTP/1.1 200 OK\r\nDate: now\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi',
            'prefinish',
        'finish', 'ended']


def test_assign_socket_after_the_end(record: Recorder) -> None:
    """Everything goes out then."""
    def act() -> None:
        response, destination = http.ServerResponse(request('HEAD')), writable(record)
        response.end('hi')
        record.on(response, 'socket', 'prefinish', 'finish')
        assert (response.writableLength > 0, response.writableFinished) == (True, False)
        response.assignSocket(destination)
        timers.sleep(1)
    in_a_callback(act)
    assert record.events == [
        'socket', 'HTTP/1.1 200 OK\r\nDate: now\r\nConnection: keep-alive\r\n\r\n', 'prefinish', 'finish']


def test_the_socket_closes(record: Recorder) -> None:
    """So does the response, and writing to it fails."""
    def act() -> None:
        response, destination = http.ServerResponse(request(minor=0)), writable(record)
        record.on(response, 'finish', 'close', 'error')
        response.assignSocket(destination)
        response.write('a')
        destination.destroy()
        timers.sleep(1)
        assert response.destroyed and response.closed
        assert not response.write('x', lambda error: record(error.code))
        response.destroy()
        timers.sleep(1)
    in_a_callback(act)
    assert record.events == ['close', 'ERR_STREAM_DESTROYED']


def test_destroy_before_there_is_a_socket(record: Recorder) -> None:
    """The socket is destroyed as soon as it comes."""
    def act() -> None:
        response, destination = http.ServerResponse(request()), writable(record)
        record.on(destination, 'error', 'close')
        response.destroy(errors.Error('boo'))
        assert response.destroyed and str(response.errored) == 'boo'
        response.assignSocket(destination)
        timers.sleep(1)
    in_a_callback(act)
    assert record.events == ['error', 'close']


def test_set_timeout_before_there_is_a_socket() -> None:
    """It is passed on then."""
    response = http.ServerResponse(request())
    assert response.setTimeout(5, lambda: None) is response
    assert response.listenerCount('timeout') == 1
    socket = stream.Duplex()
    socket.setTimeout = lambda msecs: setattr(socket, 'timeout', msecs)  # type: ignore[attr-defined]
    response.assignSocket(socket)
    assert socket.timeout == 5  # type: ignore[attr-defined]


def test_pipe_is_an_error() -> None:
    """'error' with a listener, an exception without."""
    message = http.OutgoingMessage()
    with pytest.raises(errors.Error, match='Cannot pipe, not readable'):
        message.pipe()
    seen: list[Any] = []
    message.on('error', seen.append)
    message.pipe(5)
    assert [error.code for error in seen] == ['ERR_STREAM_CANNOT_PIPE']


def test_headers_and_messages_as_headers() -> None:
    """setHeaders takes a mapping and what iterates as Headers does; cookies are never joined."""
    message = http.OutgoingMessage()
    headers = Headers({'c': '1'})
    headers.append('set-cookie', 'q=1')
    headers.append('set-cookie', 'q=2')
    assert message.setHeaders({'a': 1, 'B': ['2', '3']}) is message
    message.setHeaders(headers)
    assert message.getHeaders() == {'a': 1, 'b': ['2', '3'], 'c': '1', 'set-cookie': ['q=1', 'q=2']}
    for wrong in ([], None, 5, 'x'):
        with pytest.raises(TypeError, match='must be an instance of Headers or Map'):
            message.setHeaders(wrong)


def test_get_headers_is_a_copy() -> None:
    """A Record, whose changes nobody sees."""
    message = http.OutgoingMessage()
    message.setHeader('X-A', 1)
    headers = message.getHeaders()
    headers['x-b'] = 2
    assert headers.nothing is None
    assert (message.getHeaderNames(), message.getRawHeaderNames()) == (['x-a'], ['X-A'])


def test_a_list_of_values_may_be_changed() -> None:
    """getHeader and getHeaders give the list itself, and what is in it then is sent."""
    message, values = http.OutgoingMessage(), ['1']
    message.setHeader('a', values)
    assert message.getHeader('a') is message.getHeaders().a is values
    values.append('2')
    with threadpool.monitor:
        message._render_head('')
    assert message._header == 'a: 1\r\na: 2\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n'


def test_append_header_leaves_the_list_of_the_user_alone() -> None:
    """It makes its own."""
    message, values = http.OutgoingMessage(), ['1']
    message.setHeader('a', values)
    message.appendHeader('a', '2')
    assert (message.getHeader('a'), values) == (['1', '2'], ['1'])


def test_remembered_lines_stay_few() -> None:
    """Values that are never the same twice do not fill the memory."""
    message = http.OutgoingMessage()
    for number in range(3000):
        message._header = None
        with threadpool.monitor:
            message._render_head('', [('X-Id', f'{number}'), (f'X-{number}', 'x' * 1000)])
    assert len(_head._headers) <= 1024
    assert len(_head._names) <= 1024


def test_an_uncork_too_many_changes_nothing(record: Recorder) -> None:
    """In Node later writes come behind the end of the message then."""
    def act() -> None:
        message = Message()
        message.chunkedEncoding = True
        message.uncork()
        record(message.writableCorked)
        message.write('a')
        message.cork()
        record(message.writableCorked)
        message.uncork()
        message.uncork()
        message.end('b')
        message.socket = sink = writable(record)
        sink._httpMessage = message
        message._flush()
    in_a_callback(act)
    record.wait_for('1\r\nb\r\n0\r\n\r\n')
    assert record.events == [0, 1, 'H\r\n\r\n1\r\na\r\n', '1\r\nb\r\n0\r\n\r\n']


def test_write_from_a_callback_leaves_with_the_next_tick(record: Recorder) -> None:
    """What one callback writes is one packet; another thread's write goes out at once."""
    def act() -> http.ServerResponse:
        response, destination = http.ServerResponse(request()), writable(record)
        response.assignSocket(destination)
        response.write('a')
        response.write('b')
        record('written')
        return response
    response = in_a_callback(act)
    record.wait(lambda events: any('1\r\nb' in event for event in events))
    assert record.events[0] == 'written'
    response.write('c')
    assert record.events[-1] == '1\r\nc\r\n'
