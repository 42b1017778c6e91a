"""ClientRequest, request and get: arguments, responses and threads.

The order of events is in test_client_events.py, the bytes of requests in test_client_requests.py, the
programs of the documentation in test_documented_clients.py.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import MUST_EXPIRE, MUST_NOT_EXPIRE, OK, RawPeer, Recorder, answering

import nodehttp as http
from nodehttp import client, errors, stream, threadpool, timers
from nodehttp.abort import AbortController
from nodehttp.agent import Agent
from nodehttp.client import ClientRequest, get, request
from nodehttp.url import URL


def echoing(peer: RawPeer) -> None:
    """Answer with the head of the request."""
    head = peer.read_until(b'\r\n\r\n')
    peer.send(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n' + head)


@pytest.fixture
def keeping() -> Iterator[Agent]:
    """An agent that keeps its sockets, destroyed at the end."""
    agent = Agent(keepAlive=True)
    yield agent
    agent.destroy()


def response_to(req: ClientRequest) -> Any:
    """Wait for the response."""
    return http.once(req, 'response', MUST_NOT_EXPIRE)[0]


def body_of(req: ClientRequest) -> bytes:
    """Wait for the whole response; return its body."""
    return b''.join(response_to(req))


# Arguments


@pytest.mark.parametrize(
    'make',
    [
        lambda port, done: get(f'http://127.0.0.1:{port}/path?a=b#c', {'agent': False}, done),
        lambda port, done: get(URL(f'http://127.0.0.1:{port}/path?a=b#c'), {'agent': False}, done),
        lambda port, done: get(
            urllib.parse.urlsplit(f'http://127.0.0.1:{port}/path?a=b#c'), {'agent': False}, done
        ),
        lambda port, done: get(
            urllib.parse.urlparse(f'http://127.0.0.1:{port}/path?a=b#c'), callback=done, agent=False
        ),
        lambda port, done: get(
            {'host': '127.0.0.1', 'port': port, 'path': '/path?a=b', 'agent': False}, done
        ),
        lambda port, done: get(
            {'host': 'nowhere', 'port': 1, 'agent': False},
            done,
            host='127.0.0.1',
            port=port,
            path='/path?a=b',
        ),
        lambda port, done: get(
            callback=done, host='127.0.0.1', port=port, path='/path?a=b', agent=False, timeout=None
        ),
        lambda port, done: get(
            'http://nowhere:1/',
            {'hostname': '127.0.0.1', 'port': 2},
            done,
            port=port,
            path='/path?a=b',
            agent=False,
        ),
        lambda port, done: ClientRequest(f'http://127.0.0.1:{port}/path?a=b', {'agent': False}, done).end(),
    ],
)
def test_arguments_come_in_all_of_nodes_forms(scripted: Any, make: Any) -> None:
    port = scripted(echoing)
    waiter = threadpool.Waiter()
    req = make(port, lambda res: waiter.set(b''.join(res)))
    assert (
        waiter.wait(MUST_NOT_EXPIRE)
        == f'GET /path?a=b HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n'.encode()
    )
    assert (req.method, req.path, req.host, req.protocol) == ('GET', '/path?a=b', '127.0.0.1', 'http:')


def test_a_callback_may_declare_what_it_likes(scripted: Any) -> None:
    port, calls = scripted(answering()), []
    req = get(f'http://127.0.0.1:{port}/', lambda: calls.append(()), agent=False)
    req.on('response', lambda res, more: calls.append((res.statusCode, more)))
    response_to(req).resume()
    http.once(req, 'close', MUST_NOT_EXPIRE)
    assert calls == [(), (200, None)]


@pytest.mark.parametrize('arguments', [(5,), ('http://x/', 5), ([],)])
def test_what_is_no_argument_is_refused(arguments: Any) -> None:
    with pytest.raises(TypeError) as caught:
        request(*arguments)
    assert caught.value.code == 'ERR_INVALID_ARG_TYPE'


def test_setting_the_path_or_the_method_cannot_split_a_request(scripted: Any) -> None:
    for name, value, code in (
        ('path', '/ HTTP/1.1\r\nX: y', 'ERR_UNESCAPED_CHARACTERS'),
        ('method', 'GET / HTTP/1.1\r\nX: y\r\n\r\nGET', 'ERR_INVALID_HTTP_TOKEN'),
    ):
        req = request(host='127.0.0.1', port=scripted(lambda peer: peer.read_to_end()), agent=False)
        setattr(req, name, value)
        with pytest.raises(TypeError) as caught:
            req.end()
        assert caught.value.code == code
        req.on('error', lambda: None).destroy()


@pytest.mark.parametrize('at_once', [False, True])
@pytest.mark.parametrize(('method', 'options', 'lines'), [
    ('GET', {'keepAlive': True, 'maxSockets': 1}, 'Connection: keep-alive\r\n'),
    ('HEAD', {'keepAlive': True, 'maxSockets': 1}, 'Connection: keep-alive\r\n'),
    ('POST', {'keepAlive': True, 'maxSockets': 1}, 'Connection: keep-alive\r\nContent-Length: 0\r\n'),
    ('GET', {'maxTotalSockets': 1}, 'Connection: close\r\n')])
def test_a_request_has_the_same_head_whether_it_waits_or_finds_its_connection_idle(
        scripted: Any, method: str, options: dict[str, Any], lines: str, at_once: bool) -> None:
    heads = []

    def serve(peer: RawPeer) -> None:
        while data := peer.socket.recv(65536):
            heads.append(data.decode())
            peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    with contextlib.ExitStack() as stack:
        agent = Agent(options)
        stack.callback(agent.destroy)
        given = {'host': '127.0.0.1', 'port': scripted(serve, serve, serve), 'method': method, 'agent': agent}
        if at_once:
            for req in [get(given, path=path) for path in ('/a', '/b', '/c')]:
                body_of(req)
        else:
            for path in ('/a', '/b', '/c'):
                body_of(get(given, path=path))
    assert heads == [f'{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{given["port"]}\r\n{lines}\r\n'
                     for path in ('/a', '/b', '/c')]


def test_a_unix_socket_is_reached_by_its_path(tmp_path: Any) -> None:
    path = str(tmp_path / 'socket')
    with http.createServer(lambda req, res: res.end(req.headers.host)).listen(path):
        assert body_of(get(socketPath=path, path='/x', agent=False)) == b'localhost'


def test_lookup_is_called_and_what_it_raises_is_the_error(record: Recorder) -> None:
    def lookup(hostname: str, options: Any, callback: Any) -> None:
        record(hostname)
        raise errors.Error('no', 'NO')

    req = get('http://example.org/', lookup=lookup, agent=False)
    req.on('error', lambda error: record(error.code))
    record.on(req, 'close')
    assert record.wait_for('close') == ['example.org', 'NO', 'close']


def test_create_connection_passes_an_error_on(record: Recorder) -> None:
    def raises(options: Any) -> None:
        raise errors.Error('no', 'NO')

    for connect in (raises, lambda options, callback: callback(errors.Error('no', 'NO'))):
        req = get(host='x', createConnection=connect)
        req.on('error', lambda error: record(error.code))
        record.on(req, 'close')
        assert req.agent is None
    assert record.wait_count(4) == ['NO', 'close', 'NO', 'close']


# Responses


def test_a_response_has_what_was_received(scripted: Any) -> None:
    head = (
        b'HTTP/1.0 203 Some Reason\r\nX-Twice: a\r\nx-twice: b\r\nSet-Cookie: c\r\nDate: d\r\nDate: e\r\n'
        b'Content-Length: 0\r\n\r\n'
    )
    res = response_to(get(host='127.0.0.1', port=scripted(answering(head)), agent=False))
    assert (
        res.statusCode,
        res.statusMessage,
        res.httpVersion,
        res.httpVersionMajor,
        res.httpVersionMinor,
    ) == (203, 'Some Reason', '1.0', 1, 0)
    assert res.headers == {'x-twice': 'a, b', 'set-cookie': ['c'], 'date': 'd, e', 'content-length': '0'}
    assert res.rawHeaders == [
        'X-Twice',
        'a',
        'x-twice',
        'b',
        'Set-Cookie',
        'c',
        'Date',
        'd',
        'Date',
        'e',
        'Content-Length',
        '0',
    ]
    assert res.req.res is res and res.socket is res.req.socket
    assert (res.url, res.method, res.upgrade) == ('', None, False)
    res.resume()


def test_a_character_that_is_cut_off_comes_by_itself(scripted: Any, record: Recorder) -> None:
    def on_response(res: Any) -> None:
        res.setEncoding('utf8')
        record.on(res, 'end', 'close')
        res.on('data', record)
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\xc3'
    get({'port': scripted(answering(answer)), 'agent': False}, on_response)
    assert record.wait_for('close') == ['a', '\ufffd', 'end', 'close']


def test_what_is_done_to_the_headers_of_a_response_is_not_seen_in_the_next(
        scripted: Any, keeping: Agent) -> None:
    port = scripted(answering())
    for _ in range(3):
        res = response_to(get(host='127.0.0.1', port=port, agent=keeping))
        assert res.rawHeaders == ['Content-Length', '2']
        res.rawHeaders.append('more')
        assert b''.join(res) == b'ok'


def test_max_headers_count_of_a_request_is_not_that_of_the_next(scripted: Any, keeping: Agent) -> None:
    lines = ''.join(f'H{number}: 1\r\n' for number in range(40))
    port = scripted(answering(f'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n'.encode()))
    for limit, count in ((1, 31), (None, 41)):
        req = get(host='127.0.0.1', port=port, agent=keeping)
        req.maxHeadersCount = limit
        res = response_to(req)
        assert (len(res.rawHeaders), b''.join(res)) == (2 * count, b'')


@pytest.mark.parametrize('waits', [False, True])
def test_the_response_that_opens_a_tunnel_ends(scripted: Any, record: Recorder, waits: bool) -> None:
    """When it is read; the tunnel goes on."""
    def answer(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
        peer.send(peer.read_exactly(5))

    def on_upgrade(res: Any, sock: Any, head: bytes) -> None:
        for name in ('end', 'close'):
            res.on(name, lambda name=name: record(f'res {name}'))
        sock.on('data', lambda data: (record(data), sock.destroy()))
        if waits:
            record(b''.join(res))
        res.resume()
        timers.setImmediate(sock.write, 'hello')

    req = get(host='127.0.0.1', port=scripted(answer), headers={'Connection': 'upgrade', 'Upgrade': 'x'})
    req.on('upgrade', on_upgrade).on('close', lambda: record('req close'))
    expected = ['res end', 'res close', b'', 'req close'] if waits else ['req close', 'res end', 'res close']
    assert record.wait_for(b'hello') == [*expected, b'hello']


@pytest.mark.parametrize('waits', [False, True])
@pytest.mark.parametrize('way', ['subclass', 'patch'])
@pytest.mark.parametrize(
    ('name', 'argument'), [('setHeader', 'Host'), ('once', 'response'), ('onSocket', None)])
def test_who_overrides_a_method_of_the_request_sees_its_calls(
        scripted: Any, keeping: Agent, monkeypatch: pytest.MonkeyPatch, record: Recorder,
        name: str, argument: str | None, way: str, waits: bool) -> None:
    """Also of a request that gets the connection of the one before it."""
    original = getattr(ClientRequest, name)

    def overriding(req: Any, *given: Any) -> Any:
        if given[0] == argument or argument is None:
            record(f'{name} {req.path}')
        return original(req, *given)

    if way == 'patch':
        monkeypatch.setattr(ClientRequest, name, overriding)
    kind = ClientRequest if way == 'patch' else type('Request', (ClientRequest,), {name: overriding})
    port, paths = scripted(answering()), ['/1', '/2', '/3']

    def ask() -> None:
        if paths:
            kind({'host': '127.0.0.1', 'port': port, 'agent': keeping, 'path': paths.pop(0)}, answered).end()

    def answered(res: Any) -> None:
        res.on('data', lambda data: None).on('end', lambda: (record('end'), ask()))

    keeping.maxSockets = 1
    timers.setImmediate(lambda: [ask() for _ in range(3)] if waits else ask())
    expected = [f'{name} /{number}' for number in (1, 2, 3)]
    record.wait(lambda events: events.count('end') == 3)
    assert [event for event in record.events if event != 'end'] == expected


def test_an_on_socket_of_one_request_is_called(scripted: Any, keeping: Agent, record: Recorder) -> None:
    port = scripted(answering())
    keeping.maxSockets = 1

    def ask() -> Any:
        return get(host='127.0.0.1', port=port, agent=keeping, callback=lambda res: (
            res.on('data', lambda data: None).on('end', lambda: record('end'))))

    def start() -> None:
        ask()
        second = ask()
        on_socket = second.onSocket
        second.onSocket = lambda *given: (record(given[0] is not None), on_socket(*given))[1]

    timers.setImmediate(start)
    assert record.wait_count(3) == ['end', True, 'end']


@pytest.mark.parametrize('event', ['data', 'end'])
@pytest.mark.parametrize('ticks', [False, True])
def test_a_listener_of_a_response_may_wait_for_what_comes_next(
        scripted: Any, record: Recorder, event: str, ticks: bool) -> None:
    """Also where all of the response is there, and that need not wait for ticks."""
    agent = Agent(keepAlive=True, maxSockets=1)
    port = scripted(answering())

    def on_response(res: Any) -> None:
        def wait() -> None:
            record('begins')
            if ticks:
                timers.nextTick(record, 'tick')
            if event == 'data':
                http.once(res, 'end', MUST_NOT_EXPIRE)
            else:  # the only connection is free by then
                record(body_of(get(host='127.0.0.1', port=port, agent=agent)))
            record('goes on')
        res.on('data', record if event == 'end' else wait)
        res.on('end', lambda: record('end'))
        if event == 'end':
            res.on('end', wait)

    get(host='127.0.0.1', port=port, agent=agent).on('response', on_response)
    tick = ['tick'] * ticks
    expected = (['begins', 'end', *tick, 'goes on'] if event == 'data'
                else [b'ok', 'end', 'begins', *tick, b'ok', 'goes on'])
    assert record.wait_count(len(expected)) == expected
    agent.destroy()


def test_a_listener_may_wait_until_its_connection_is_used_again(
        scripted: Any, record: Recorder, keeping: Agent) -> None:
    flows = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab')
        assert flows.wait(MUST_NOT_EXPIRE)
        peer.send(b'cd')
        answering()(peer)

    def on_data(chunk: bytes) -> None:
        if chunk == b'cd':
            http.once(second, 'socket', MUST_NOT_EXPIRE)
        flows.set()

    keeping.maxSockets = 1
    port = scripted(script)
    first, second = (get(host='127.0.0.1', port=port, agent=keeping) for _ in range(2))
    first.on('response', lambda res: res.on('data', on_data))
    second.on('response', lambda res: res.on('data', record).on('end', lambda: record('end')))
    assert record.wait_count(2) == [b'ok', 'end']


@pytest.mark.parametrize('event', ['data', 'readable'])
def test_a_listener_that_comes_in_a_tick_finds_the_ticks_of_node(
        strictly: None, scripted: Any, record: Recorder, keeping: Agent, event: str) -> None:
    def begin(res: Any) -> None:
        timers.nextTick(record, 'before')
        if event == 'data':
            res.on('data', record)
        else:
            res.on('readable', lambda: record('readable', *iter(res.read, None)))
        res.on('end', lambda: record('end'))
        timers.nextTick(record, 'behind')

    get(host='127.0.0.1', port=scripted(answering()), agent=keeping).on(
        'response', lambda res: timers.nextTick(begin, res))
    expected = ([b'ok', 'before', 'behind', 'end'] if event == 'data'
                else [('readable', b'ok'), 'before', 'readable', 'behind', 'end'])
    assert record.wait_count(len(expected)) == expected


def test_a_close_that_is_listened_for_late_comes_when_it_would(
        strictly: None, scripted: Any, record: Recorder, keeping: Agent) -> None:
    keeping.maxSockets = 1
    port = scripted(answering())
    first, second = (get(host='127.0.0.1', port=port, agent=keeping) for _ in range(2))

    def on_close() -> None:
        record('request')
        first.res.on('close', lambda: record('response'))  # type: ignore[union-attr]

    first.on('response', lambda res: res.resume())
    first.on('close', on_close)
    second.on('socket', lambda socket: record('next'))
    second.on('response', lambda res: res.on('end', lambda: record('end')).resume())
    assert record.wait_count(4) == ['request', 'next', 'response', 'end']


def test_trailers_come_with_the_end(scripted: Any, record: Recorder) -> None:
    answer = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: v\r\n\r\n'
    req = get(host='127.0.0.1', port=scripted(answering(answer)), agent=False)
    req.on('response', lambda res: record(dict(res.trailers)))
    res = response_to(req)
    assert b''.join(res) == b'ok'
    assert record.events == [{}]
    assert (res.trailers, res.rawTrailers, res.complete) == ({'x-t': 'v'}, ['X-T', 'v'], True)


def test_duplicates_are_joined_where_asked(scripted: Any) -> None:
    answer = b'HTTP/1.1 200 OK\r\nETag: a\r\nETag: b\r\nContent-Length: 0\r\n\r\n'
    for options, etag in (({}, 'a'), ({'joinDuplicateHeaders': True}, 'a, b')):
        res = response_to(get(host='127.0.0.1', port=scripted(answering(answer)), agent=False, **options))
        assert res.headers.etag == etag
        res.resume()


def test_max_headers_count_cuts_the_headers(scripted: Any) -> None:
    lines = b''.join(b'X-%d: y\r\n' % number for number in range(100))
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n' + lines + b'\r\n'
    req = request(host='127.0.0.1', port=scripted(answering(answer)), agent=False)
    req.maxHeadersCount = 10
    req.end()
    res = response_to(req)
    assert len(res.headers) == 10
    res.resume()


@pytest.mark.parametrize(
    ('options', 'size', 'code'),
    [
        ({'maxHeaderSize': 100}, 200, 'HPE_HEADER_OVERFLOW'),
        ({'maxHeaderSize': 300}, 200, None),
        ({'maxHeaderSize': 0}, 16000, None),
        ({}, 16000, None),
        ({}, 16400, 'HPE_HEADER_OVERFLOW'),
    ],
)
def test_large_heads_are_refused(
    scripted: Any, record: Recorder, options: Any, size: int, code: Any
) -> None:
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: %b\r\n\r\n' % (b'y' * size)
    req = get(host='127.0.0.1', port=scripted(answering(answer)), agent=False, **options)
    req.on('error', lambda error: record(error.code)).on(
        'response', lambda res: record(None) or res.resume()
    )
    record.on(req, 'close')
    assert record.wait_for('close') == [code, 'close']


def test_an_insecure_parser_takes_more(scripted: Any, record: Recorder) -> None:
    answer = b'HTTP/1.1 200 OK\nContent-Length: 0\r\nX:\x01\r\n\r\n'
    for options, result in (({}, 'HPE_CR_EXPECTED'), ({'insecureHTTPParser': True}, '\x01')):
        req = get(host='127.0.0.1', port=scripted(answering(answer)), agent=False, **options)
        req.on('error', lambda error: record(error.code))
        req.on('response', lambda res: record(res.headers.x) or res.resume())
        assert record.wait(bool) == [result]
        record.events.clear()


def test_parsers_of_one_connection_follow_each_request(
    scripted: Any, keeping: Agent, record: Recorder
) -> None:
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: %b\r\n\r\n' % (b'y' * 200)
    port = scripted(answering(answer))
    response_to(get(host='127.0.0.1', port=port, agent=keeping)).on(
        'close', lambda: record('idle')
    ).resume()
    record.wait_for('idle')
    req = get(host='127.0.0.1', port=port, agent=keeping, maxHeaderSize=100)
    req.on('error', lambda error: record(error.code))
    assert record.wait_count(2) == ['idle', 'HPE_HEADER_OVERFLOW']
    assert req.reusedSocket


@pytest.mark.parametrize(
    ('answer', 'code', 'message'),
    [
        (b'rubbish', 'HPE_INVALID_CONSTANT', 'Parse Error: Expected HTTP/, RTSP/ or ICE/'),
        (
            b'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n',
            'HPE_INVALID_CONTENT_LENGTH',
            'Parse Error: Invalid character in Content-Length',
        ),
        (
            b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n',
            'HPE_UNEXPECTED_CONTENT_LENGTH',
            'Parse Error: Duplicate Content-Length',
        ),
        (
            b'HTTP/1.1 200 OK\r\nX : y\r\n\r\n',
            'HPE_INVALID_HEADER_TOKEN',
            'Parse Error: Invalid header token',
        ),
        (b'HTTP/9.9 200 OK\r\n\r\n', 'HPE_INVALID_VERSION', 'Parse Error: Invalid HTTP version'),
        (b'HTTP/1.1 xxx OK\r\n\r\n', 'HPE_INVALID_STATUS', 'Parse Error: Invalid status code'),
        (b'', 'ECONNRESET', 'socket hang up'),
        (b'HTTP/1.1 200', 'ECONNRESET', 'socket hang up'),
    ],
)
def test_a_hostile_response_is_an_error(
    scripted: Any, record: Recorder, answer: bytes, code: str, message: str
) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(answer)

    req = get(host='127.0.0.1', port=scripted(script), agent=False)
    req.on('error', lambda error: record((error.code, error.message)))
    record.on(req, 'response', 'close')
    assert record.wait_for('close') == [(code, message), 'close']


def test_a_parse_error_tells_where(scripted: Any) -> None:
    answer = b'HTTP/1.1 200 OK\r\nX: y\r\nbad header\r\n\r\n'
    with pytest.raises(errors.NodeError) as caught:
        http.once(
            get(host='127.0.0.1', port=scripted(answering(answer)), agent=False),
            'response',
            MUST_NOT_EXPIRE,
        )
    error = caught.value
    assert (error.code, error.reason, error.bytesParsed, error.rawPacket) == (
        'HPE_INVALID_HEADER_TOKEN',
        'Invalid header token',
        26,
        answer,
    )


def test_information_has_seven_fields(scripted: Any, record: Recorder) -> None:
    answer = b'HTTP/1.1 103 Early Hints\r\nLink: a\r\nlink: b\r\n\r\n' + OK
    req = get(host='127.0.0.1', port=scripted(answering(answer)), agent=False)
    req.on('information', record)
    response_to(req).resume()
    (info,) = record.events
    assert info == {
        'statusCode': 103,
        'statusMessage': 'Early Hints',
        'httpVersion': '1.1',
        'httpVersionMajor': 1,
        'httpVersionMinor': 1,
        'headers': {'link': 'a, b'},
        'rawHeaders': ['Link', 'a', 'link', 'b'],
    }
    assert info.headers.link == 'a, b'


def test_a_response_that_nobody_reads_is_not_read_from_the_kernel(scripted: Any) -> None:
    size = 16 * 1024 * 1024
    is_stuck = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % size)
        left = size
        peer.socket.settimeout(MUST_EXPIRE)
        with contextlib.suppress(TimeoutError):
            while left:
                left -= peer.socket.send(b'x' * min(left, 65536))
        is_stuck.set()
        peer.socket.settimeout(MUST_NOT_EXPIRE)
        peer.send(b'x' * left)

    res = response_to(get(host='127.0.0.1', port=scripted(script), agent=False))
    with http.blocking():
        assert is_stuck.wait(MUST_NOT_EXPIRE)
    assert res.readableLength <= 2 * 65536
    assert not res.complete
    assert sum(map(len, res)) == size


def test_an_upload_waits_for_drain(scripted: Any, record: Recorder) -> None:
    may_read = threading.Event()
    size = 16 * 1024 * 1024

    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        assert may_read.wait(MUST_NOT_EXPIRE)
        peer.read_exactly(size)
        peer.send(OK)

    req = request(
        host='127.0.0.1',
        port=scripted(script),
        method='POST',
        headers={'Content-Length': size},
        agent=False,
    )
    record.on(req, 'drain', 'finish')
    http.once(req, 'socket', MUST_NOT_EXPIRE)
    assert req.write(b'x' * size) is False
    assert req.writableNeedDrain and record.events == []
    may_read.set()
    record.wait_for('drain')
    req.end()
    assert body_of(req) == b'ok'
    assert record.events == ['drain', 'finish']


def test_any_duplex_serves_as_socket(record: Recorder) -> None:
    ours, theirs = stream.duplexPair()
    theirs.on('data', lambda data: (record(data), theirs.write(OK)))
    assert body_of(get(host='h', createConnection=lambda: ours)) == b'ok'
    assert record.events == [b'GET / HTTP/1.1\r\nHost: h:80\r\nConnection: close\r\n\r\n']


def test_the_settings_of_the_socket_wait_for_the_connection(scripted: Any, record: Recorder) -> None:
    req = request(host='127.0.0.1', port=scripted(answering()), agent=False)
    req.setNoDelay(False)
    req.setSocketKeepAlive(True, 5000)
    req.setTimeout(7000, lambda: record('timeout'))
    req.end()
    res = response_to(req)
    sock = req.socket._handle
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
    assert req.socket.timeout == 7000 and req.listenerCount('timeout') == 1
    req.clearTimeout()
    assert req.socket.timeout == 0
    res.resume()
    assert record.events == []


def test_the_socket_of_a_request_needs_bytes(scripted: Any, record: Recorder) -> None:
    """With an encoding there are none for who listens to it. (Node's process is aborted.)"""
    req = get(host='127.0.0.1', port=scripted(answering()), agent=False)
    req.on('socket', lambda socket: socket.setEncoding('utf8').on('data', lambda data: record(type(data))))
    req.on('error', lambda error: record(error.code))
    req.on('close', lambda: record('close'))
    assert record.wait_for('close') == [str, 'ERR_HTTP_SOCKET_ENCODING', 'close']


@pytest.mark.parametrize(('when', 'events'), [
    ('socket', ['paused', 'resumed', 'response', 'a', 'b', 'end']),
    ('connect', ['paused', 'resumed', 'response', 'a', 'b', 'end']),
    ('response', ['response', 'paused', 'a', 'b', 'end']),  # reading it ends the pause
    ('data', ['response', 'a', 'paused', 'resumed', 'b', 'end']),
])
def test_a_paused_socket(record: Recorder, keeping: Agent, when: str, events: list[str]) -> None:
    """The response waits; the next one on the same connection does not."""
    held: list[Any] = []  # a response of the server, until the client has paused: its parts come apart

    def pause(socket: Any) -> None:
        socket.pause()
        record('paused')
        for res in held:
            timers.setTimeout(res.end, 5, 'b')
        if 'resumed' in events:
            timers.setTimeout(lambda: (record('resumed'), socket.resume()), 20)

    def answered(res: Any) -> None:
        record('response')
        if when == 'response':
            pause(res.socket)
        res.on('data', lambda data: record(data.decode()))
        if when == 'data':
            res.once('data', lambda data: pause(res.socket))
        res.on('end', lambda: record('end'))

    def answer(req: Any, res: Any) -> None:
        res.write('a')
        if when == 'data' and not held:
            held.append(res)
        else:
            timers.setTimeout(res.end, 5, 'b')

    with http.createServer(answer).listen(0, '127.0.0.1') as server:
        options = {'port': server.address().port, 'agent': keeping}
        req = get(options, answered)
        if when == 'socket':
            req.on('socket', pause)
        elif when == 'connect':
            req.on('socket', lambda socket: socket.on('connect', lambda: pause(socket)))
        assert record.wait_for('end') == events
        assert body_of(get(options)) == b'ab'
        keeping.destroy()


@pytest.mark.parametrize('way', ['destroy', 'signal', 'socket'])
def test_an_error_behind_the_last_data_is_that_of_the_request(
        scripted: Any, keeping: Agent, record: Recorder, way: str) -> None:
    """In Node nobody hears of it, and the process ends."""
    controller = AbortController()
    req = get({'port': scripted(answering()), 'agent': keeping, 'signal': controller.signal})

    def end_it(data: bytes) -> None:
        record('data')
        if way == 'signal':
            controller.abort()
        else:
            (req if way == 'destroy' else req.socket).destroy(errors.Error('boom'))
    req.on('response', lambda res: record.on(res.on('data', end_it), 'end', 'close'))
    req.on('error', lambda error: record('error'))
    req.on('close', lambda: record('closed'))
    record.wait_for('close')
    assert record.events == ['data', 'end', 'error', 'closed', 'close']


def test_a_signal_forgets_a_request_that_is_over(scripted: Any) -> None:
    controller = AbortController()
    req = get(host='127.0.0.1', port=scripted(answering()), agent=False, signal=controller.signal)
    response_to(req).resume()
    http.once(req, 'close', MUST_NOT_EXPIRE)
    assert req._signal is None
    controller.abort()


# Threads


def test_a_listener_added_on_the_next_line_is_in_time(closed_port: int) -> None:
    count = 1000
    calls = []
    done = threading.Event()

    def failed(error: Any) -> None:
        calls.append(error.code)
        if len(calls) == count:
            done.set()

    for _ in range(count):
        get(f'http://127.0.0.1:{closed_port}').on('error', failed)
    with http.blocking():
        assert done.wait(MUST_NOT_EXPIRE)
    assert calls == ['ECONNREFUSED'] * count


def test_destroy_from_another_thread_at_any_moment_closes_once(keeping: Agent) -> None:
    def listener(req: Any, res: Any) -> None:
        res.write('begin')
        timers.setTimeout(res.end, 1)

    keeping.maxSockets = 4
    with http.createServer(listener).listen(0, '127.0.0.1') as server:
        port = server.address().port
        for number in range(150):
            record = Recorder()
            req = get(host='127.0.0.1', port=port, agent=keeping)
            req.on('response', lambda res: res.resume()).on('error', lambda error: None)
            record.on(req, 'close')
            with http.blocking():
                time.sleep(number % 30 / 10000)  # not synchronisation: any moment will do
            req.destroy()
            record.wait_for('close')
            assert record.events == ['close']
        keeping.destroy()


def test_blocking_style_outside_of_callbacks(scripted: Any) -> None:
    res = response_to(get(host='127.0.0.1', port=scripted(answering()), agent=False))
    assert [chunk for chunk in res] == [b'ok']  # noqa: C416  (the loop is what is tested)


def test_blocking_style_raises_the_error(closed_port: int) -> None:
    with pytest.raises(ConnectionRefusedError) as caught:
        http.once(get(host='127.0.0.1', port=closed_port), 'response', MUST_NOT_EXPIRE)
    assert str(caught.value) == f'connect ECONNREFUSED 127.0.0.1:{closed_port}'


def test_an_iteration_that_is_cut_off_raises(scripted: Any) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart')
        assert has_read.wait(MUST_NOT_EXPIRE)

    has_read = threading.Event()
    res = response_to(get(host='127.0.0.1', port=scripted(script), agent=False))
    chunks = []
    with pytest.raises(errors.NodeError) as caught:
        for chunk in res:
            chunks.append(chunk)
            has_read.set()
    assert (chunks, caught.value.code, caught.value.message) == ([b'part'], 'ECONNRESET', 'aborted')


def test_leaving_an_iteration_early_aborts_the_request(scripted: Any, record: Recorder) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart')
        peer.read_to_end()

    req = get(host='127.0.0.1', port=scripted(script), agent=False)
    res = response_to(req)
    record.on(req, 'abort', 'close', 'error', prefix='req')
    record.on(res, 'aborted', 'close', prefix='res')
    for chunk in res:
        record(chunk)
        break
    assert record.wait_for('res close') == [b'part', 'req abort', 'res aborted', 'req close', 'res close']


def test_a_handler_may_ask_another_server_in_blocking_style(keeping: Agent) -> None:
    with http.createServer(lambda req, res: res.end(f'behind {req.url}')).listen(0, '127.0.0.1') as behind:
        port = behind.address().port

        def listener(req: Any, res: Any) -> None:
            answer = response_to(get(host='127.0.0.1', port=port, path=req.url, agent=keeping))
            for chunk in answer:
                res.write(chunk)
            res.end(' through')

        with http.createServer(listener).listen(0, '127.0.0.1') as server:
            requests = [
                get(host='127.0.0.1', port=server.address().port, path=f'/{number}', agent=keeping)
                for number in range(8)
            ]
            waiters = []
            for req in requests:
                waiters.append(waiter := threadpool.Waiter())
                req.on('response', lambda res, waiter=waiter: waiter.set(b''.join(res)))
            bodies = [waiter.wait(MUST_NOT_EXPIRE) for waiter in waiters]
            keeping.destroy()
    assert bodies == [b'behind /%d through' % number for number in range(8)]


def test_events_go_on_while_a_listener_waits_for_the_body(scripted: Any) -> None:
    """The body arrives although the 'response' listener waits for it, in the middle of a delivery."""

    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n')
        for piece in (b'1\r\nb\r\n', b'1\r\nc\r\n0\r\n\r\n'):
            peer.send(piece)
        peer.read_to_end()

    waiter = threadpool.Waiter()
    get(
        {'host': '127.0.0.1', 'port': scripted(script), 'agent': False},
        lambda res: waiter.set(b''.join(res)),
    )
    assert waiter.wait(MUST_NOT_EXPIRE) == b'abc'


def test_the_repr_tells_how_far_a_request_is(scripted: Any) -> None:
    port = scripted(answering())
    req = request(host='127.0.0.1', port=port, path='/x', agent=False)
    assert repr(req) == f'<ClientRequest GET http://127.0.0.1:{port}/x assigned>'
    req.end()
    response_to(req).resume()
    http.once(req, 'close', MUST_NOT_EXPIRE)
    assert repr(req) == f'<ClientRequest GET http://127.0.0.1:{port}/x closed>'
    assert client.request is http.request
