"""WebSocket and its events: what is not in test_websocket_oracle.py. Messages and orders are Node's."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import MUST_EXPIRE, MUST_NOT_EXPIRE, RawPeer, Recorder
from program_tools import run_script
from websocket_tools import AGREES, Frame, handshake, read_frame

import nodehttp as http
from nodehttp import _proxy, errors, net, threadpool, timers, websocket
from nodehttp.abort import AbortController, DOMException
from nodehttp.eventtarget import Event
from nodehttps import _roots, tls

EVENTS = ('open', 'message', 'error', 'close')
SAYS_CLOSE = b'\x88\x02\x03\xe8'


@pytest.fixture
def wsproto() -> None:
    """Skips the test where the extra is missing."""
    pytest.importorskip('wsproto')


@pytest.fixture
def connect(scripted: Any, wsproto: None) -> Iterator[Callable[..., http.WebSocket]]:
    """connect(script, ..., protocols=None) -> WebSocket to a server that calls script(peer) once it has
    agreed. Closed at the end."""
    opened: list[http.WebSocket] = []

    def start(script: Callable[[RawPeer], Any], *, answer: str = AGREES, then: bytes = b'',
              **options: Any) -> http.WebSocket:
        def serve(peer: RawPeer) -> None:
            handshake(peer, answer, then)
            script(peer)

        opened.append(http.WebSocket(f'ws://127.0.0.1:{scripted(serve)}', **options))
        return opened[-1]

    yield start
    for ws in opened:
        ws.close()


def listen(ws: http.WebSocket, record: Recorder) -> None:
    """Note the events, with the state and what they bring."""
    def note(event: Any) -> None:
        brings = [getattr(event, name) for name in ('data', 'code') if hasattr(event, name)]
        record((event.type, ws.readyState, *brings))

    for name in EVENTS:
        ws.addEventListener(name, note)


def answer_close(peer: RawPeer) -> None:
    """Read what comes until Close, and answer that."""
    while (frame := read_frame(peer)).first != 0x88:
        pass
    peer.send(bytes([0x88, len(frame.payload)]) + frame.payload)


def idle(peer: RawPeer) -> None:
    """Wait for the client to hang up."""
    peer.read_to_end()


# Without the extra

def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, 'nodehttp._frames', raising=False)
    monkeypatch.setitem(sys.modules, 'wsproto.frame_protocol', None)
    with pytest.raises(errors.Error, match=r'WebSocket needs the package wsproto: .*nodehttp\[websocket\]'):
        http.WebSocket('ws://localhost/')


def test_the_classes_are_those_of_their_module() -> None:
    assert (http.WebSocket, http.CloseEvent, http.MessageEvent) == (
        websocket.WebSocket, websocket.CloseEvent, websocket.MessageEvent)
    with pytest.raises(AttributeError, match="module 'nodehttp' has no attribute 'ErrorEvent'"):
        http.ErrorEvent  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(('url', 'message'), [
    *((url, 'TypeError: Invalid URL') for url in (
        'x', '', 'ws://', 'ws://a b/', '//127.0.0.1', 'ws://127.0.0.1:99999/', None, 1, {})),
    *((url, 'expected a ws: or wss: url') for url in ('ftp://127.0.0.1/', 'file:///x', 'mailto:x')),
    *((url, 'hash') for url in ('ws://127.0.0.1/#a', 'ws://127.0.0.1/#', 'https://[::1]:1/x?y#')),
])
def test_what_is_no_url_of_a_websocket(url: Any, message: str) -> None:
    with pytest.raises(DOMException) as raised:
        http.WebSocket(url)
    assert (raised.value.name, raised.value.code, raised.value.message) == ('SyntaxError', 12, message)


@pytest.mark.parametrize('protocols', [
    '', 'a b', 'a,b', 'é', 'a\x7f', 'a\t', *'()<>@,;:\\"/[]?={}', ['a', 'a'], ['a', 'A'], ['a', ''],
    {'protocols': ['a', 'a']}, iter(['a', 'a']), {'protocols': ''},
], ids=repr)
def test_what_is_no_list_of_subprotocols(protocols: Any) -> None:
    with pytest.raises(DOMException) as raised:
        http.WebSocket('ws://127.0.0.1/', protocols)
    assert (raised.value.name, raised.value.code, raised.value.message) == (
        'SyntaxError', 12, 'Invalid Sec-WebSocket-Protocol value')


OF_MESSAGE = 'data', 'origin', 'lastEventId', 'source', 'ports', 'bubbles', 'cancelable'
OF_CLOSE = 'wasClean', 'code', 'reason', 'bubbles', 'cancelable'


@pytest.mark.parametrize(('init', 'values'), [
    (None, (None, '', '', None, [], False, False)),
    ({}, (None, '', '', None, [], False, False)),
    ({'data': [1], 'origin': 5, 'lastEventId': 'x', 'bubbles': 1, 'cancelable': True},
     ([1], '5', 'x', None, [], True, True)),
    ({'data': None, 'ports': [], 'source': None, 'unknown': 1}, (None, '', '', None, [], False, False)),
])
def test_a_message_event_is_what_it_was_made_of(init: Any, values: tuple[Any, ...]) -> None:
    event = http.MessageEvent('x', init)
    assert tuple(getattr(event, name) for name in OF_MESSAGE) == values
    assert isinstance(event, Event) and (event.type, event.isTrusted, repr(event)) == (
        'x', False, '<MessageEvent x>')


@pytest.mark.parametrize(('init', 'values'), [
    (None, (False, 0, '', False, False)),
    ({'code': 1000, 'reason': 'x', 'wasClean': True, 'bubbles': True}, (True, 1000, 'x', True, False)),
    ({'code': '5', 'reason': 5, 'wasClean': 0}, (False, 5, '5', False, False)),
    ({'code': 70000}, (False, 4464, '', False, False)),
    ({'code': -1}, (False, -1, '', False, False)),
    ({'code': 1.9}, (False, 1, '', False, False)),
    ({'code': float('nan')}, (False, 0, '', False, False)),
    ({'code': float('inf'), 'wasClean': 'x'}, (True, 0, '', False, False)),
    ({'code': {}}, (False, 0, '', False, False)),
])
def test_a_close_event_is_what_it_was_made_of(init: Any, values: tuple[Any, ...]) -> None:
    event = http.CloseEvent('close', init)
    assert tuple(getattr(event, name) for name in OF_CLOSE) == values
    assert isinstance(event, Event) and repr(event) == '<CloseEvent close>'
    if init:
        keywords = http.CloseEvent('close', **init)
        assert tuple(getattr(keywords, name) for name in OF_CLOSE) == values


@pytest.mark.parametrize(('init', 'message'), [
    (5, 'MessageEvent constructor: Expected 5 to be one of: Null, Undefined, Object.'),
    ({'source': 5},
     'MessageEvent constructor: Expected eventInitDict.source ("5") to be an instance of MessagePort.'),
    ({'ports': [5]},
     'MessageEvent constructor: Expected eventInitDict.ports[0] ("5") to be an instance of MessagePort.'),
    ({'ports': 5}, 'MessageEvent constructor: eventInitDict.ports (5) is not iterable.'),
])
def test_what_makes_no_event(init: Any, message: str) -> None:
    with pytest.raises(TypeError) as raised:
        http.MessageEvent('x', init)
    assert str(raised.value) == message
    with pytest.raises(TypeError, match=r'CloseEvent constructor: Expected 5 to be one of: Null'):
        http.CloseEvent('x', 5)  # type: ignore[arg-type]


def test_a_thread_waits_for_an_event_of_any_target() -> None:
    controller = AbortController()

    def abort() -> None:
        if controller.signal._listeners:
            interval.close()
            controller.abort('x')

    interval = timers.setInterval(abort, 1)
    [event] = http.once(controller.signal, 'abort', MUST_NOT_EXPIRE)
    assert (event.type, event.target is controller.signal) == ('abort', True)
    with pytest.raises(TimeoutError):
        http.once(controller.signal, 'abort', 0.01)
    assert controller.signal._listeners == {}


# Properties

def test_the_states_are_numbers(connect: Any) -> None:
    names = 'CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'
    assert [getattr(http.WebSocket, name) for name in names] == [0, 1, 2, 3]
    ws = connect(answer_close)
    assert [getattr(ws, name) for name in names] == [0, 1, 2, 3]
    assert (ws.readyState, ws.bufferedAmount, ws.protocol, ws.extensions) == (0, 0, '', '')
    assert repr(ws) == f'<WebSocket {ws.url} connecting>'
    http.once(ws, 'open', MUST_NOT_EXPIRE)
    assert ws.readyState == 1
    ws.close()
    assert ws.readyState == 2
    http.once(ws, 'close', MUST_NOT_EXPIRE)
    assert ws.readyState == 3
    for name in ('readyState', 'bufferedAmount', 'url', 'protocol', 'extensions'):
        with pytest.raises(AttributeError):
            setattr(ws, name, 1)


@pytest.mark.parametrize(('url', 'normal'), [
    ('http://127.0.0.1:1/', 'ws://127.0.0.1:1/'),
    ('https://127.0.0.1:1', 'wss://127.0.0.1:1/'),
    (' WS:127.0.0.1:1 ', 'ws://127.0.0.1:1/'),
    ('ws://[::1]:1/a b?q=ü', 'ws://[::1]:1/a%20b?q=%C3%BC'),
    ('wss://u:p@127.0.0.1:6000/', 'wss://u:p@127.0.0.1:6000/'),
])
def test_the_url_is_resolved(wsproto: None, url: str, normal: str) -> None:
    ws = http.WebSocket(url)
    assert ws.url == normal
    with pytest.raises(errors.Error, match=r'may not be opened on port (1|6000)$'):
        http.once(ws, 'open', MUST_NOT_EXPIRE)


def test_the_binary_type_is_one_of_two(connect: Any) -> None:
    ws = connect(answer_close, then=b'\x82\x01\xff' + SAYS_CLOSE)
    assert ws.binaryType == 'blob'
    for value, kept in (('arraybuffer', 'arraybuffer'), ('x', 'blob'), (None, 'blob')):
        ws.binaryType = value
        assert ws.binaryType == kept
    assert http.once(ws, 'message', MUST_NOT_EXPIRE)[0].data == b'\xff'


def test_a_handler_is_a_listener_that_can_be_replaced(connect: Any, record: Recorder) -> None:
    ws = connect(answer_close)

    def shared() -> None:
        record('shared')

    ws.addEventListener('open', lambda: record('first'))
    ws.onopen = lambda: record('replaced')
    ws.addEventListener('open', lambda: record('second'))
    ws.onopen = shared
    ws.addEventListener('open', lambda: record('third'))
    ws.addEventListener('open', shared)  # it is there
    assert record.wait_count(4) == ['first', 'second', 'shared', 'third']
    for name in EVENTS:
        setattr(ws, f'on{name}', shared)
        assert getattr(ws, f'on{name}') is shared
        setattr(ws, f'on{name}', 5)
        assert getattr(ws, f'on{name}') is None
    ws.dispatchEvent(Event('open'))
    assert record.events[4:] == ['first', 'second', 'third']
    ws.onmessage = lambda event: record(event.data)
    assert ws.dispatchEvent(http.MessageEvent('message', data='own')) is True
    ws.removeEventListener('message', ws.onmessage)
    ws.dispatchEvent(http.MessageEvent('message', data='unheard'))
    assert record.events[7:] == ['own']


# What is sent

def test_what_is_sent(connect: Any) -> None:
    frames: list[Frame] = []

    def serve(peer: RawPeer) -> None:
        while not frames or frames[-1].first != 0x88:
            frames.append(read_frame(peer))
        peer.send(SAYS_CLOSE)

    ws = connect(serve)
    with pytest.raises(DOMException) as raised:
        ws.send('x')
    assert (raised.value.name, raised.value.code, raised.value.message) == (
        'InvalidStateError', 11, 'Sent before connected.')
    http.once(ws, 'open', MUST_NOT_EXPIRE)
    for data in (b'b', bytearray(b'ba'), memoryview(b'xmvx')[1:3], memoryview(b'a-b')[::2], 'ü\ud800', 5,
                 None, True, [1, 2]):
        assert ws.send(data) is None
    ws.close()
    http.once(ws, 'close', MUST_NOT_EXPIRE)
    assert [ws.send('x'), ws.close(), ws.bufferedAmount] == [None, None, 0]
    assert frames == [
        *((0x82, data) for data in (b'b', b'ba', b'mv', b'ab')),
        *((0x81, data) for data in ('ü\ufffd'.encode(), b'5', b'null', b'true', b'1,2')), (0x88, b'')]


@pytest.mark.usefixtures('strictly')
def test_what_is_not_sent_yet_is_counted(connect: Any, record: Recorder) -> None:
    ws = connect(answer_close)

    def on_open() -> None:  # that it was sent is told after the callback
        for data in (bytes(70_000), '\xe4x', ''):
            ws.send(data)
            record(ws.bufferedAmount)
        timers.setImmediate(lambda: record(ws.bufferedAmount))

    ws.onopen = on_open
    assert record.wait_count(4) == [70_000, 70_003, 70_003, 0]


def test_messages_of_several_threads_stay_whole(connect: Any) -> None:
    received: list[bytes] = []

    def serve(peer: RawPeer) -> None:
        received.extend(read_frame(peer).payload for _ in range(80))
        answer_close(peer)

    ws = connect(serve)
    http.once(ws, 'open', MUST_NOT_EXPIRE)
    threads = [threading.Thread(target=lambda text=text: [ws.send(text * 3000) for _ in range(20)])
               for text in 'abcd']
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ws.close()
    http.once(ws, 'close', MUST_NOT_EXPIRE)
    assert sorted(received) == [text * 3000 for text in (b'a', b'b', b'c', b'd') for _ in range(20)]


@pytest.mark.parametrize(('arguments', 'name', 'code', 'message'), [
    *(((value,), 'InvalidAccessError', 15, 'invalid code') for value in (
        999, 1001, 2999, 5000, -1, 66536, 'x', True, float('nan'), float('inf'))),
    ((1000, 'x' * 124), 'SyntaxError', 12, 'Reason must be less than 123 bytes; received 124'),
    ((None, 'é' * 62), 'SyntaxError', 12, 'Reason must be less than 123 bytes; received 124'),
    ((1001, 'x' * 124), 'InvalidAccessError', 15, 'invalid code'),
], ids=lambda value: str(value)[:20])
def test_what_close_does_not_take(connect: Any, arguments: Any, name: str, code: int, message: str) -> None:
    ws = connect(idle)
    with pytest.raises(DOMException) as raised:
        ws.close(*arguments)
    assert (raised.value.name, raised.value.code, raised.value.message) == (name, code, message)
    assert ws.readyState == 0


def test_headers_can_be_added(scripted: Any, wsproto: None) -> None:
    requests: list[str] = []
    port = scripted(lambda peer: requests.append(handshake(peer, then=SAYS_CLOSE)))
    own = {'X-Own': 'v', 'User-Agent': 'me', 'Host': 'other', 'Sec-WebSocket-Key': 'x', 'Origin': 'http://x'}
    ws = http.WebSocket(f'ws://127.0.0.1:{port}', {'protocols': [], 'headers': own})
    http.once(ws, 'close', MUST_NOT_EXPIRE)
    assert requests == [
        f'GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: upgrade\r\nupgrade: websocket\r\n'
        'X-Own: v\r\nUser-Agent: me\r\nOrigin: http://x\r\nsec-websocket-key: KEY\r\n'
        'sec-websocket-version: 13\r\n'
        'sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\naccept: */*\r\n'
        'accept-language: *\r\nsec-fetch-mode: websocket\r\npragma: no-cache\r\n'
        'cache-control: no-cache\r\naccept-encoding: gzip, deflate\r\n\r\n']


# How it ends

@pytest.mark.parametrize(('answer', 'then', 'message'), [
    ('HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n', b'', 'The server does not open a WebSocket: 404 Gone'),
    (AGREES.replace('{accept}', 'x'), b'',
     'The Sec-WebSocket-Accept of the server does not fit the key it was sent'),
    (AGREES.replace('websocket', 'h2c'), b'', "The server has upgraded to 'h2c', not to a WebSocket"),
    (AGREES.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: x\r\n\r\n'), b'',
     "The server has chosen 'x' of the subprotocols []"),
    (AGREES.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: x\r\n\r\n'), b'',
     'The server wants extensions that were not offered: x'),
    (AGREES.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-deflate; '
                                'server_max_window_bits=99\r\n\r\n'), b'',
     'The server wants extensions that cannot be: permessage-deflate; server_max_window_bits=99'),
    (AGREES, b'\x83\0', 'Invalid opcode 0x3'),
    (AGREES, b'\x81\x7e\0\1x', 'Payload length used 2 bytes when 1 would have sufficed'),
], ids=['status', 'accept', 'upgrade', 'protocol', 'extension', 'window', 'opcode', 'length'])
def test_an_error_says_what_it_is(
        connect: Any, record: Recorder, answer: str, then: bytes, message: str) -> None:
    ws = connect(idle, answer=answer, then=then)
    ws.addEventListener('error', lambda event: record((event.message, str(event.error), event.filename)))
    ws.addEventListener('close', lambda event: record((event.code, event.reason, event.wasClean)))
    assert record.wait_count(2) == [(message, message, ''), (1006, '', False)]


def test_a_connection_that_cannot_be(closed_port: int, record: Recorder, wsproto: None) -> None:
    ws = http.WebSocket(f'ws://127.0.0.1:{closed_port}')
    listen(ws, record)
    assert record.wait_count(2) == [('error', 3), ('close', 3, 1006)]
    with pytest.raises(ConnectionRefusedError, match=f'connect ECONNREFUSED 127.0.0.1:{closed_port}'):
        http.once(ws, 'open', MUST_NOT_EXPIRE)


@pytest.mark.parametrize('when', ['at once', 'later'])
def test_closed_before_it_is_open(scripted: Any, record: Recorder, wsproto: None, when: str) -> None:
    asked = threading.Event()

    def serve(peer: RawPeer) -> None:
        peer.socket.recv(65536)
        asked.set()
        peer.read_to_end()

    ws = http.WebSocket(f'ws://127.0.0.1:{scripted(serve)}')
    listen(ws, record)
    ws.onerror = lambda event: record(event.message)
    if when == 'later':
        with http.blocking():
            assert asked.wait(MUST_NOT_EXPIRE)
    ws.close(3000, 'x')
    record(ws.readyState)
    assert record.wait_count(4) == [
        2, ('error', 3), 'The WebSocket was closed before it was open', ('close', 3, 1006)]


def test_another_word_beside_upgrade_is_no_fault(connect: Any, record: Recorder) -> None:
    answer = AGREES.replace('Connection: ', 'Connection: keep-alive, ')
    listen(connect(answer_close, answer=answer, then=SAYS_CLOSE), record)
    assert record.wait_count(2) == [('open', 1), ('close', 3, 1000)]


@pytest.mark.parametrize(('then', 'says_close', 'events'), [
    (b'', True, [('error', 3), ('close', 3, 1006)]),
    (SAYS_CLOSE, False, [('close', 3, 1000)]),
    (b'\x83\0', False, [('error', 3), ('close', 3, 1006)]),
], ids=['that says nothing', 'that does not hang up', 'that has failed'])
def test_a_server_is_given_up(connect: Any, record: Recorder, monkeypatch: pytest.MonkeyPatch,
                              then: bytes, says_close: bool, events: list[Any]) -> None:
    monkeypatch.setattr(websocket, 'CLOSE_TIMEOUT', 30)
    frames: list[Frame] = []

    def serve(peer: RawPeer) -> None:
        frames.append(read_frame(peer))
        peer.read_to_end()  # and hangs up only then
        record('over')

    ws = connect(serve, then=then)
    listen(ws, record)
    if says_close:
        http.once(ws, 'open', MUST_NOT_EXPIRE)
        ws.close()
    record.wait_for('over')
    heard = record.wait_count(len(events) + 2)
    assert [event for event in heard if event != 'over'] == [('open', 1), *events]
    assert [frame.first for frame in frames] == [0x88]


def test_a_server_that_does_not_answer_is_given_up(
        scripted: Any, record: Recorder, monkeypatch: pytest.MonkeyPatch, wsproto: None) -> None:
    monkeypatch.setattr(websocket, 'HANDSHAKE_TIMEOUT', 30)
    ws = http.WebSocket(f'ws://127.0.0.1:{scripted(idle)}')
    listen(ws, record)
    ws.onerror = lambda event: record(event.message)
    assert record.wait_count(3) == [
        ('error', 3), 'No answer to the handshake within 0.03 s', ('close', 3, 1006)]


def test_who_inflates_a_message_holds_up_nobody(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        eof = False

        def decompress(self, data: bytes) -> bytes:
            held.append(threadpool.owns_monitor())
            return data

    _frames = pytest.importorskip('nodehttp._frames')
    held: list[bool] = []
    monkeypatch.setattr(_frames, '_new_stream', Stream)
    agrees = AGREES.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n')
    ws = connect(answer_close, answer=agrees, then=b'\xc2\x01a')
    assert http.once(ws, 'message', MUST_NOT_EXPIRE)[0].data == b'a\0\0\xff\xff'
    assert held == [False, False]


def test_others_go_on_while_a_message_is_inflated(
        connect: Any, record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        eof = False

        def decompress(self, data: bytes) -> bytes:
            record(data)
            timers.setImmediate(record, 'others')
            return data

    _frames = pytest.importorskip('nodehttp._frames')
    monkeypatch.setattr(_frames, '_new_stream', Stream)
    monkeypatch.setattr(_frames, '_PIECE', 4)
    monkeypatch.setattr(_frames, '_PAUSE_AFTER', 3)
    agrees = AGREES.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n')
    ws = connect(answer_close, answer=agrees, then=b'\xc2\x08abcdefgh')
    ws.onmessage = lambda event: record(event.data)
    assert record.wait_count(9) == [
        b'ab', b'cdef', 'others', 'others', b'gh', b'\0\0\xff\xff', b'abcdefgh\0\0\xff\xff', *['others'] * 2]


def test_what_a_listener_raises_ends_nothing(
        connect: Any, record: Recorder, escaped: list[BaseException]) -> None:
    ws = connect(answer_close, then=b'\x81\x011\x81\x012' + SAYS_CLOSE)

    def fail(event: Event) -> None:
        raise ValueError(event.type)

    ws.onopen = ws.onmessage = ws.onclose = fail
    listen(ws, record)
    assert record.wait_count(4) == [('open', 1), ('message', 1, '1'), ('message', 1, '2'), ('close', 3, 1000)]
    assert [str(error) for error in escaped] == ['open', 'message', 'message', 'close']


# Through a proxy

def use_proxy(monkeypatch: pytest.MonkeyPatch, port: int, **names: str) -> None:
    """As if the program had been started with it."""
    monkeypatch.setattr(_proxy, 'USE_ENV_PROXY', True)
    for name, value in {'HTTP_PROXY': f'http://u:p@127.0.0.1:{port}', **names}.items():
        monkeypatch.setenv(name, value)


def test_the_proxy_of_the_environment(
        scripted: Any, record: Recorder, monkeypatch: pytest.MonkeyPatch, wsproto: None) -> None:
    asked: list[str] = []

    def relay(peer: RawPeer) -> None:
        asked.append(peer.read_until(b'\r\n\r\n').decode())
        peer.send(b'HTTP/1.1 200 OK\r\n\r\n')
        asked.append(handshake(peer, then=b'\x81\x05hello' + SAYS_CLOSE).partition('\r\n')[0])
        read_frame(peer)

    def refuse(peer: RawPeer) -> None:
        asked.append(peer.read_until(b'\r\n').decode())
        peer.send(b'HTTP/1.1 403 No\r\n\r\n')
        idle(peer)

    use_proxy(monkeypatch, scripted(relay, refuse), NO_PROXY='127.0.0.1')
    ws = http.WebSocket('ws://a.test/x')
    listen(ws, record)
    http.once(ws, 'close', MUST_NOT_EXPIRE)
    assert record.events == [('open', 1), ('message', 1, 'hello'), ('close', 3, 1000)]
    assert asked == [
        'CONNECT a.test:80 HTTP/1.1\r\nhost: a.test:80\r\nconnection: close\r\n'
        'proxy-authorization: Basic dTpw\r\nproxy-connection: keep-alive\r\n\r\n',
        'GET /x HTTP/1.1']
    with pytest.raises(errors.Error, match=r'^The proxy opens no tunnel: 403 No$'):
        http.once(http.WebSocket('wss://a.test'), 'open', MUST_NOT_EXPIRE)
    assert asked[-1] == 'CONNECT a.test:443 HTTP/1.1\r\n'
    with pytest.raises(ConnectionRefusedError):
        http.once(http.WebSocket(f'ws://127.0.0.1:{unused_port()}'), 'open', MUST_NOT_EXPIRE)


def unused_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return int(listener.getsockname()[1])


# Over TLS

@pytest.mark.parametrize('through_proxy', [False, True])
def test_over_tls(
        serve: Any, authority: Any, record: Recorder, monkeypatch: pytest.MonkeyPatch, wsproto: None,
        through_proxy: bool) -> None:
    def relay(req: Any, client: Any, head: bytes) -> None:
        record(req.url == f'localhost:{port}')
        client.write('HTTP/1.1 200 OK\r\n\r\n')
        origin = net.connect(port, 'localhost')
        origin.on('close', lambda: client.destroy())
        client.pipe(origin).pipe(client)

    seen: list[Any] = []

    def accepted(sock: Any) -> None:
        def on_data(data: bytes) -> None:
            peer = FakePeer(data, sock)
            seen.append((sock.alpnProtocol, b'accept-encoding: br, gzip, deflate\r\n' in data))
            handshake(peer, then=b'\x81\x05hello' + SAYS_CLOSE)  # type: ignore[arg-type]
            sock.once('data', lambda frame: sock.end())
        sock.once('data', on_data)
        sock.on('error', record)

    port = serve(accepted, ALPNProtocols=['h2', 'http/1.1']).address().port
    monkeypatch.setattr(_roots, '_chosen', None)
    tls.setDefaultCACertificates([authority.pem])
    with http.createServer().on('connect', relay).listen(0) as proxy:
        if through_proxy:
            use_proxy(monkeypatch, proxy.address().port)
        listen(http.WebSocket(f'wss://localhost:{port}'), record)
        expected = [True] * through_proxy + [('open', 1), ('message', 1, 'hello'), ('close', 3, 1000)]
        assert record.wait_count(len(expected)) == expected
    assert seen == [('http/1.1', True)]


class FakePeer:
    """What `handshake` needs of a RawPeer, on a socket of the library."""

    def __init__(self, received: bytes, sock: Any) -> None:
        self.received, self.send = received, sock.write

    def read_until(self, mark: bytes) -> bytes:
        return self.received


def test_a_certificate_that_nobody_trusts(serve: Any, wsproto: None) -> None:
    ws = http.WebSocket(f'wss://localhost:{serve(lambda sock: None).address().port}')
    with pytest.raises(errors.NodeError) as raised:
        http.once(ws, 'open', MUST_NOT_EXPIRE)
    assert raised.value.code == 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'


# Threads

def texts(count: int) -> bytes:
    """Return frames with the texts '0', '1', ..."""
    return b''.join(b'\x81\x01%d' % number for number in range(count))


def test_a_thread_that_waits_misses_nothing(connect: Any) -> None:
    ws = connect(answer_close, then=texts(9))
    assert http.once(ws, 'open', MUST_NOT_EXPIRE)[0].type == 'open'
    assert [http.once(ws, 'message', MUST_NOT_EXPIRE)[0].data for _ in range(9)] == [*'012345678']
    ws.close(3000, 'x')
    [event] = http.once(ws, 'close', MUST_NOT_EXPIRE)
    assert (event.code, event.reason, event.wasClean) == (3000, 'x', True)


@pytest.mark.parametrize('event', ['open', 'message'])
def test_a_callback_that_waits_misses_nothing(connect: Any, record: Recorder, event: str) -> None:
    ws = connect(answer_close, then=texts(6))

    def listener() -> None:
        for _ in range(3):
            record(http.once(ws, 'message', MUST_NOT_EXPIRE)[0].data)
        ws.onmessage = lambda event: record(('heard', event.data))

    ws.addEventListener(event, listener, once=True)
    first = int(event == 'message')  # that is in the same read as the others
    numbers = [str(number) for number in range(first, first + 3)]
    rest = [('heard', str(number)) for number in range(first + 3, 6)]
    assert record.wait_count(6 - first) == [*numbers, *rest]


@pytest.fixture
def computes() -> Iterator[Callable[[], None]]:
    """computes(): be busy for a while, in which other threads run, too."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)

    def compute() -> None:
        for _ in range(120_000):  # some ms; the clock is not asked, which might look like waiting
            pass

    yield compute
    sys.setswitchinterval(interval)


@pytest.mark.parametrize('then', [b'', texts(1)], ids=['later', 'with the answer'])
def test_a_callback_that_asks_hears_the_answer(connect: Any, record: Recorder, then: bytes) -> None:
    def serve(peer: RawPeer) -> None:
        if not then:
            peer.send(texts(1))
        assert read_frame(peer).payload == b'x'
        peer.send(b'\x81\x01y')
        answer_close(peer)

    ws = connect(serve, then=then)

    def on_message(event: Any) -> None:
        if event.data == '0':
            ws.send('x')
            record(http.once(ws, 'message', MUST_NOT_EXPIRE)[0].data)
            ws.close()
            record(http.once(ws, 'close', MUST_NOT_EXPIRE)[0].code)

    ws.onmessage = on_message
    assert record.wait_count(2) == ['y', 1005]


def test_a_thread_that_asks_hears_the_answer(connect: Any, computes: Callable[[], None]) -> None:
    def serve(peer: RawPeer) -> None:
        while (frame := read_frame(peer)).first == 0x81:
            peer.send(b'\x81' + bytes([len(frame.payload)]) + frame.payload)
        peer.send(SAYS_CLOSE)

    ws, is_open = connect(serve), threading.Event()
    ws.onopen = is_open.set
    assert is_open.wait(MUST_NOT_EXPIRE)
    for number in range(20):
        ws.send(number)
        computes()
        assert http.once(ws, 'message', MUST_NOT_EXPIRE)[0].data == str(number)


def test_a_thread_that_connects_hears_of_the_failure(
        record: Recorder, wsproto: None, computes: Callable[[], None]) -> None:
    ws = http.WebSocket('ws://127.0.0.1:6000')
    computes()
    listen(ws, record)
    assert record.wait_count(2) == [('error', 3), ('close', 3, 1006)]


@pytest.mark.parametrize(('then', 'message'), [
    (SAYS_CLOSE, 'The WebSocket was closed: 1000'),
    (b'\x88\x05\x0b\xb8bye', 'The WebSocket was closed: 3000 bye'),
    (b'\x83\0', 'Invalid opcode 0x3'),
], ids=['close', 'reason', 'error'])
def test_a_wait_ends_with_the_connection(connect: Any, then: bytes, message: str) -> None:
    ws = connect(answer_close if then[0] == 0x88 else idle, then=then)
    http.once(ws, 'open', MUST_NOT_EXPIRE)
    with pytest.raises(errors.Error) as raised:
        http.once(ws, 'message', MUST_NOT_EXPIRE)
    assert str(raised.value) == message
    with pytest.raises(errors.Error):
        http.once(ws, 'error', MUST_NOT_EXPIRE)
    assert http.once(ws, 'close', MUST_NOT_EXPIRE)[0].wasClean is (then[0] == 0x88)
    assert ws._listeners == {}


def test_a_wait_for_close_hears_of_errors_there(connect: Any, record: Recorder) -> None:
    ws = connect(idle, then=b'\x83\0')
    assert http.once(ws, 'close', MUST_NOT_EXPIRE)[0].code == 1006
    ws = connect(idle, then=b'\x83\0')
    assert http.once(ws, 'error', MUST_NOT_EXPIRE)[0].message == 'Invalid opcode 0x3'
    ws = connect(idle, then=b'\x83\0')
    ws.onerror = lambda: record(http.once(ws, 'close', MUST_NOT_EXPIRE)[0].code)
    assert record.wait_count(1) == [1006]


def test_nothing_is_kept_of_a_thread_whose_wait_was_the_last(connect: Any) -> None:
    # A hold that no event ends would keep the WebSocket for as long as there are few threads.
    ws = connect(answer_close, then=SAYS_CLOSE)
    http.once(ws, 'open', MUST_NOT_EXPIRE)
    with pytest.raises(errors.Error, match='was closed: 1000'):
        http.once(ws, 'message', MUST_NOT_EXPIRE)
    assert ws._current_strand().holds == ()


def test_a_wait_has_a_timeout(connect: Any) -> None:
    ws = connect(answer_close)
    http.once(ws, 'open', MUST_NOT_EXPIRE)
    with pytest.raises(TimeoutError):
        http.once(ws, 'message', 0.01)
    with pytest.raises(TimeoutError):
        http.once(ws, 'own', 0.01)
    assert ws._listeners == {}


def test_a_listener_that_blocks_keeps_the_order(connect: Any, record: Recorder) -> None:
    may_go_on = threading.Event()
    slow = connect(answer_close, then=texts(4) + SAYS_CLOSE)

    def on_message(event: Any) -> None:
        if event.data == '1':
            record('waits')
            assert may_go_on.wait(MUST_NOT_EXPIRE)
        record(event.data)

    slow.onmessage = on_message
    slow.onclose = lambda: record('close')
    record.wait_for('waits')
    quick = connect(answer_close, then=texts(1) + SAYS_CLOSE)
    assert http.once(quick, 'message', MUST_NOT_EXPIRE)[0].data == '0'  # others go on
    assert record.events == ['0', 'waits']
    may_go_on.set()
    assert record.wait_for('close') == ['0', 'waits', '1', '2', '3', 'close']


PROGRAM = """
import sys
import nodehttp as http
ws = http.WebSocket(f'ws://127.0.0.1:{sys.argv[1]}')
ws.onmessage = lambda event: print(event.data)
ws.onclose = lambda event: print(event.code)
"""


def test_it_keeps_the_process_alive(scripted: Any, wsproto: None) -> None:
    def serve(peer: RawPeer) -> None:
        handshake(peer)
        assert peer.is_silent(MUST_EXPIRE)  # it neither ends nor hangs up
        peer.send(b'\x81\x01x' + SAYS_CLOSE)
        peer.read_until(b'\x88\x82')
        peer.read_exactly(6)

    assert run_script(PROGRAM, str(scripted(serve))) == (0, 'x\n1000\n', '')
