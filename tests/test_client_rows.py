"""Single facts about requests and agents that no table shows, each as Node 25.2.1 has it."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, RawPeer, Recorder, needs_ipv6

import nodehttp as http
from nodehttp import errors, net, stream, timers

OK = b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'
HOST = '127.0.0.1'


def answer(peer: RawPeer) -> None:
    """Answer one request."""
    peer.read_until(b'\r\n\r\n')
    peer.send(OK)


def respond_with(data: bytes) -> Any:
    """Return a script that answers one request with `data`, and closes."""

    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(data)

    return script


# Options


@pytest.mark.parametrize('agent', [lambda port: None, lambda port: http.Agent(defaultPort=port)])
def test_the_default_port_is_connected_to_and_not_named(scripted: Any, agent: Any) -> None:
    def script(peer: RawPeer) -> None:
        heads.append(peer.read_until(b'\r\n\r\n'))
        peer.send(OK)

    heads: list[bytes] = []
    port = scripted(script)
    chosen = agent(port)
    options = {'agent': chosen} if chosen is not None else {'agent': False, 'defaultPort': port}
    (res,) = http.once(http.get({'host': HOST, **options}), 'response', MUST_NOT_EXPIRE)
    assert b''.join(res) == b'ok'
    assert heads == [b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n']


def test_an_agent_says_which_protocol_it_serves(closed_port: int, record: Recorder) -> None:
    agent = http.Agent(protocol='x:')
    with pytest.raises(TypeError, match='Protocol "http:" not supported'):
        http.get(agent=agent, port=closed_port, protocol='http:')
    req = http.get(agent=agent, host=HOST, port=closed_port, protocol='x:')
    req.on('error', lambda error: record(error.code))
    assert record.wait_count(1) == ['ECONNREFUSED']
    assert req.protocol == 'x:'


def test_the_timeout_counts_before_the_connection_stands(record: Recorder) -> None:
    req = http.get(host='x', timeout=20, agent=False, lookup=lambda *args: record('lookup'))
    req.on('error', lambda error: record(error.message))
    req.on('timeout', req.destroy)
    assert req.timeout == 20
    record.on(req, 'socket', 'timeout', 'close')
    assert record.wait_for('close') == ['lookup', 'socket', 'timeout', 'socket hang up', 'close']


def test_what_a_lookup_is_asked(record: Recorder) -> None:
    def lookup(host: str, options: Any, callback: Any) -> None:
        record(host, dict(options))
        callback(errors.Error('no'))

    req = http.get(host='x', family=4, hints=32, agent=False, lookup=lookup)
    req.on('error', lambda error: record(error.message))
    assert record.wait_count(2) == [('x', {'family': 4, 'hints': 32}), 'no']


@pytest.mark.parametrize(
    ('of_agent', 'of_request', 'from_address'),
    [({}, {'localAddress': '127.0.0.2'}, '127.0.0.2'),
     ({'localAddress': '127.0.0.3'}, {'localAddress': '127.0.0.2'}, '127.0.0.3')],
)
def test_the_local_end_of_a_connection(
        scripted: Any, of_agent: Any, of_request: Any, from_address: str) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n' + peer.socket.getpeername()[0].encode())

    req = http.get(host=HOST, port=scripted(script), agent=http.Agent(of_agent), **of_request)
    (res,) = http.once(req, 'response', MUST_NOT_EXPIRE)
    assert b''.join(res).decode() == from_address


def test_the_local_port_of_a_connection(closed_port: int, record: Recorder) -> None:
    with socket.create_server((HOST, 0)) as listener:
        free = listener.getsockname()[1]
    req = http.get(host=HOST, port=closed_port, agent=False, localAddress=HOST, localPort=free)
    req.on('error', lambda error: record(error.message))
    message = f'connect ECONNREFUSED {HOST}:{closed_port} - Local ({HOST}:{free})'
    assert record.wait_count(1) == [message]


@pytest.mark.parametrize(
    ('limit', 'headers', 'raw_headers'),
    [(None, 1000, 1023), (0, 1601, 1601), (10, 10, 31), (1500, 1500, 1519), (2000, 1601, 1601)],
)
def test_how_many_headers_are_kept(scripted: Any, limit: Any, headers: int, raw_headers: int) -> None:
    lines = b''.join(b'X%d:\r\n' % number for number in range(1600))
    port = scripted(respond_with(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n%b\r\n' % lines))
    req = http.request(host=HOST, port=port, agent=False, maxHeaderSize=100000)
    assert req.maxHeadersCount is None
    req.maxHeadersCount = limit
    (res,) = http.once(req.end(), 'response', MUST_NOT_EXPIRE)
    res.resume()
    assert (len(res.headers), len(res.rawHeaders) // 2) == (headers, raw_headers)


# Calls


def test_nothing_is_complete_without_end(scripted: Any, record: Recorder) -> None:
    def script(peer: RawPeer) -> None:
        assert peer.is_silent()
        record('silent')
        record(peer.read_until(b'1\r\na\r\n').partition(b'\r\n\r\n')[2])
        record(peer.read_to_end())

    req = http.request(host=HOST, port=scripted(script), method='POST', agent=False)
    req.on('error', lambda error: None)
    record.wait_for('silent')
    assert req.write('', lambda: record('nothing written')) is True
    assert req.write('a', lambda: record('written')) is True
    events = record.wait_count(4)
    assert sorted(map(str, events)) == sorted(['silent', 'nothing written', 'written', "b'1\\r\\na\\r\\n'"])
    req.destroy()
    assert record.wait_count(5)[-1] == b''


def test_destroy_returns_the_request_and_counts_once(record: Recorder, closed_port: int) -> None:
    req = http.request(host=HOST, port=closed_port, agent=False)
    req.on('error', lambda error: record(error.message))
    record.on(req, 'close')
    assert req.destroy(errors.Error('first')) is req
    assert req.destroy(errors.Error('second')) is req
    assert record.wait_for('close') == ['first', 'close']


def test_the_callback_is_a_listener_for_one_response(scripted: Any, record: Recorder) -> None:
    req = http.get({'host': HOST, 'port': scripted(answer), 'agent': False}, lambda res: record('called'))
    req.on('response', lambda res: record('heard', res.resume() is res, req.listenerCount('response')))
    assert req.listenerCount('response') == 2
    assert record.wait_count(2) == ['called', ('heard', True, 1)]


def test_get_does_not_force_the_method(scripted: Any) -> None:
    req = http.get(host=HOST, port=scripted(answer), agent=False, method='POST')
    (res,) = http.once(req, 'response', MUST_NOT_EXPIRE)
    assert (req.method, req.writableEnded, b''.join(res)) == ('POST', True, b'ok')


@pytest.mark.parametrize(
    ('options', 'code'),
    [
        (lambda start, closed_port: {'host': HOST, 'port': closed_port}, 'ECONNREFUSED'),
        (lambda start, closed_port: {'host': 'no.such.name.invalid'}, 'ENOTFOUND'),
        (lambda start, closed_port: {'host': HOST, 'port': start(respond_with(b'rubbish'))},
         'HPE_INVALID_CONSTANT'),
    ],
)
def test_an_error_that_nobody_listens_for_is_raised(
        scripted: Any, closed_port: int, escaped: list[Any], record: Recorder, options: Any,
        code: str) -> None:
    req = http.get(agent=False, **options(scripted, closed_port))
    record.on(req, 'close')
    record.wait_for('close')
    assert [error.code for error in escaped] == [code]


def test_a_reset_is_no_end_of_a_body_without_length(scripted: Any, record: Recorder) -> None:
    """Node takes such a body for complete, against its documentation and RFC 9112, 8."""
    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\n\r\nhalf')
        record.wait_for('half')
        peer.reset()

    def answered(res: Any) -> None:
        record.on(res, 'end', 'aborted', 'close', prefix='res')
        res.on('data', lambda chunk: record(chunk.decode()))
        res.on('error', lambda error: record(f'res error {error.message} {res.complete}'))

    req = http.get({'host': HOST, 'port': scripted(script), 'agent': False}, answered)
    req.on('error', lambda error: record(f'req error {error.message}'))
    record.on(req, 'close', prefix='req')
    assert record.wait_for('res close') == [
        'half', 'req error read ECONNRESET', 'res aborted', 'req close', 'res error aborted False',
        'res close']


# Agents


def test_requests_of_the_global_agent_time_out_after_five_seconds(scripted: Any) -> None:
    req = http.get(host=HOST, port=scripted(answer))
    (res,) = http.once(req, 'response', MUST_NOT_EXPIRE)
    assert (req.timeout, res.socket.timeout, b''.join(res)) == (None, 5000, b'ok')


def test_where_an_agent_lists_requests_and_sockets(scripted: Any, record: Recorder) -> None:
    def lists() -> tuple[Any, ...]:
        return tuple({name: list(members) for name, members in by_name.items()}
                     for by_name in (agent.requests, agent.sockets, agent.freeSockets))

    def listener(req: Any, res: Any) -> None:
        res.end('ok')

    agent = http.Agent(keepAlive=True, maxSockets=1)
    with http.createServer(listener).listen(0, HOST) as server:
        options = {'host': HOST, 'port': server.address().port, 'agent': agent}
        name = agent.getName(options)

        def begin() -> None:
            first, second = http.get(options), http.get(options)
            first.on('response', lambda res: (res.resume(), record(lists(), first, second)))
            second.on('response', lambda res: (res.resume(), record(lists(), first, second)))
            second.on('close', lambda: timers.setImmediate(record, 'idle'))

        timers.setImmediate(begin)
        (before, first, second), (after, _, _) = record.wait_count(2)[:2]
        assert before == ({name: [second]}, {name: [first.socket]}, {})
        assert after == ({}, {name: [first.socket]}, {})
        assert second.socket is first.socket and not second.reusedSocket
        record.wait_count(3)
        assert lists() == ({}, {}, {name: [first.socket]})
        agent.destroy()
        http.once(first.socket, 'close', MUST_NOT_EXPIRE)
        assert lists() == ({}, {}, {})


@pytest.mark.parametrize('chosen_by', ['agent', 'option'])
def test_a_connection_that_is_destroyed_when_it_is_made(
        closed_port: int, record: Recorder, escaped: list[Any], chosen_by: str) -> None:
    """Its error is that of the request. (In Node it is nobody's.)"""
    def connect(*args: Any) -> Any:
        return net.connect(closed_port, HOST).destroy(errors.Error('boom'))

    agent = http.Agent(keepAlive=True)
    agent.createConnection = connect  # type: ignore[method-assign]
    options = {'agent': agent} if chosen_by == 'agent' else {'createConnection': connect}
    req = http.get({'host': 'x', **options})
    req.on('error', lambda error: record(error.message))
    record.on(req, 'close')
    assert record.wait_for('close') == ['boom', 'close']
    assert escaped == []


@pytest.mark.parametrize(
    ('options', 'answer'),
    [
        ({'method': 'CONNECT', 'path': 'x:80'}, b'HTTP/1.1 200 OK\r\n\r\n'),
        ({'headers': {'Connection': 'Upgrade', 'Upgrade': 'x'}},
         b'HTTP/1.1 101 Switch\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    ],
)
def test_a_tunnel_that_nobody_listens_for_is_closed(
        scripted: Any, record: Recorder, options: Any, answer: bytes) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(answer)
        record(peer.read_to_end())

    req = http.request(host=HOST, port=scripted(script), agent=False, **options).end()
    record.on(req, 'response', 'error', 'close')
    assert sorted(map(str, record.wait_count(2))) == ["b''", 'close']


@needs_ipv6
def test_a_url_with_credentials_and_an_ipv6_address() -> None:
    def listener(req: Any, res: Any) -> None:
        res.end(f'{req.headers.host} {req.headers.authorization}')

    agent = http.Agent(keepAlive=True)
    with http.createServer(listener).listen(0, '::1') as server:
        port = server.address().port
        req = http.get(f'http://us%40er:pa%3Ass@[::1]:{port}/x', agent=agent)
        (res,) = http.once(req, 'response', MUST_NOT_EXPIRE)
        assert (req.host, res.socket.remoteAddress, list(agent.sockets)) == ('::1', '::1', [f'::1:{port}:'])
        assert b''.join(res).decode() == f'[::1]:{port} Basic dXNAZXI6cGE6c3M='
        agent.destroy()


def test_a_full_response_stops_a_connection_of_any_kind(record: Recorder) -> None:
    size = 1024 * 1024
    ours, theirs = stream.duplexPair()

    def write(left: int = size) -> None:
        while left and theirs.write(b'x' * 65536):
            left -= 65536
        if left:  # the last piece was taken, too
            theirs.once('drain', lambda: write(left - 65536))
            record('full', left)

    head = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % size
    theirs.once('data', lambda data: (theirs.write(head), write()))
    (res,) = http.once(http.get(host='h', createConnection=lambda: ours), 'response', MUST_NOT_EXPIRE)
    (_, left), *_ = record.wait_count(1)
    assert left >= size - 4 * 65536 and res.readableLength <= 2 * 65536
    chunks: list[bytes] = []
    res.on('data', chunks.append).on('end', lambda: record('end'))
    record.wait_for('end')
    assert sum(map(len, chunks)) == size


def test_a_connection_that_cannot_be_paused_loses_nothing(record: Recorder) -> None:
    ours, theirs = stream.duplexPair()
    ours.pause = lambda: ours
    body = b'x' * 65536
    head = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % (4 * len(body))
    theirs.once('data', lambda data: [theirs.write(piece) for piece in (head, body, body, body, body)])
    (res,) = http.once(http.get(host='h', createConnection=lambda: ours), 'response', MUST_NOT_EXPIRE)
    with http.blocking():
        timers.setTimeout(record, 5, 'all is there')
        record.wait_for('all is there')
    chunks: list[bytes] = []
    res.on('data', chunks.append).on('end', lambda: record('end'))
    record.wait_for('end')
    assert b''.join(chunks) == 4 * body
