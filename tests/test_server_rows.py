"""Single facts about servers and messages that no table of bytes shows, each as Node 25.2.1 has it."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, Recorder
from program_tools import beside, run_script

import nodehttp as http
from nodehttp import stream, timers
from nodehttp.parser import Parser
from nodehttp.record import Record

GET = b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
METHODS = (
    'ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL '
    'MOVE NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE '
    'TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE'
)
REASONS = {
    100: 'Continue', 101: 'Switching Protocols', 102: 'Processing', 103: 'Early Hints', 200: 'OK',
    201: 'Created', 202: 'Accepted', 203: 'Non-Authoritative Information', 204: 'No Content',
    205: 'Reset Content', 206: 'Partial Content', 207: 'Multi-Status', 208: 'Already Reported',
    226: 'IM Used', 300: 'Multiple Choices', 301: 'Moved Permanently', 302: 'Found', 303: 'See Other',
    304: 'Not Modified', 305: 'Use Proxy', 307: 'Temporary Redirect', 308: 'Permanent Redirect',
    400: 'Bad Request', 401: 'Unauthorized', 402: 'Payment Required', 403: 'Forbidden', 404: 'Not Found',
    405: 'Method Not Allowed', 406: 'Not Acceptable', 407: 'Proxy Authentication Required',
    408: 'Request Timeout', 409: 'Conflict', 410: 'Gone', 411: 'Length Required', 412: 'Precondition Failed',
    413: 'Payload Too Large', 414: 'URI Too Long', 415: 'Unsupported Media Type',
    416: 'Range Not Satisfiable', 417: 'Expectation Failed', 418: "I'm a Teapot", 421: 'Misdirected Request',
    422: 'Unprocessable Entity', 423: 'Locked', 424: 'Failed Dependency', 425: 'Too Early',
    426: 'Upgrade Required', 428: 'Precondition Required', 429: 'Too Many Requests',
    431: 'Request Header Fields Too Large', 451: 'Unavailable For Legal Reasons',
    500: 'Internal Server Error', 501: 'Not Implemented', 502: 'Bad Gateway', 503: 'Service Unavailable',
    504: 'Gateway Timeout', 505: 'HTTP Version Not Supported', 506: 'Variant Also Negotiates',
    507: 'Insufficient Storage', 508: 'Loop Detected', 509: 'Bandwidth Limit Exceeded', 510: 'Not Extended',
    511: 'Network Authentication Required',
}


def test_the_tables_of_methods_and_reasons() -> None:
    assert ' '.join(http.METHODS) == METHODS
    assert dict(http.STATUS_CODES) == REASONS


@pytest.mark.parametrize('method', METHODS.split(' '))
def test_each_method_is_read(method: str) -> None:
    parser = Parser('request')
    parser.feed(f'{method} * HTTP/1.1\r\n\r\n'.encode())
    head: Any = parser.next_event()
    assert (head.method, head.url) == (method, '*' if method != 'CONNECT' else head.url)


# Options of a server


@pytest.mark.parametrize(('name', 'value'), [
    ('requestTimeout', 70000), ('headersTimeout', 7), ('keepAliveTimeout', 7), ('keepAliveTimeoutBuffer', 7),
    ('connectionsCheckingInterval', 7), ('maxHeaderSize', 7), ('insecureHTTPParser', True),
    ('joinDuplicateHeaders', True), ('requireHostHeader', False), ('rejectNonStandardBodyWrites', True),
    ('noDelay', False), ('keepAlive', True), ('highWaterMark', 7),
])
def test_options_are_attributes_of_the_server(name: str, value: Any) -> None:
    assert getattr(http.createServer({name: value}), name) == value
    assert getattr(http.createServer(**{name: value}), name) == value


def test_the_callback_for_upgrades_is_an_attribute_of_the_server() -> None:
    server = http.createServer({'shouldUpgradeCallback': lambda request: request == 5})
    assert (server.shouldUpgradeCallback(5), server.shouldUpgradeCallback(6)) == (True, False)


@pytest.mark.parametrize(('options', 'no_delay', 'keep_alive', 'delay'), [
    ({}, True, False, None),
    ({'noDelay': False}, False, False, None),
    ({'keepAlive': True, 'keepAliveInitialDelay': 5000}, True, True, 5),
])
def test_options_of_accepted_sockets(
        dial: Any, options: Any, no_delay: bool, keep_alive: bool, delay: int | None) -> None:
    def listener(req: Any, res: Any) -> None:
        handle = req.socket._handle
        found.extend([
            bool(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)),
            bool(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)),
            handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) if delay else None])
        res.end()
    found: list[Any] = []
    with http.createServer(options, listener).listen(0, '127.0.0.1') as server:
        if delay:
            assert server.keepAliveInitialDelay == delay  # in seconds, as Node keeps it
        peer = dial(server)
        peer.send(GET)
        peer.read_to_end()
    assert found == [no_delay, keep_alive, delay]


def test_how_long_a_server_keeps_the_process() -> None:
    head = """
import nodehttp as http
from nodehttp import timers
server = http.createServer(lambda req, res: res.end('x'))
"""
    assert beside(run_script, [
        head + "server.listen(0).unref(); timers.setTimeout(print, 1, 'ended')",
        head + "server.listen(0); timers.setTimeout(server.close, 30, lambda: print('closed'))",
        # A request keeps it.
        head + """
def answered(res):
    res.resume().on('close', lambda: print('answered'))
server.listen(0, lambda: http.get({'port': server.address().port, 'agent': False}, answered))
server.unref()
""",
    ]) == [(0, 'ended\n', ''), (0, 'closed\n', ''), (0, 'answered\n', '')]


# Messages


def test_methods_that_return_what_they_belong_to(dial: Any) -> None:
    def listener(req: Any, res: Any) -> None:
        for name, *arguments in [
            ('setHeader', 'a', '1'), ('appendHeader', 'a', '2'), ('setHeaders', {'b': '1'}),
            ('setTimeout', 1000), ('writeHead', 200), ('end',), ('destroy',),
        ]:
            assert getattr(res, name)(*arguments) is res, name
        for name, *arguments in [('setTimeout', 1000), ('setEncoding', 'utf8'), ('pause',), ('resume',),
                                 ('destroy',)]:
            assert getattr(req, name)(*arguments) is req, name
        chained.append(req)

    chained: list[Any] = []
    server = http.createServer(listener)
    assert server.setTimeout(0) is server.listen(0, '127.0.0.1') is server.ref() is server
    assert server.getConnections(lambda error, count: None) is server
    peer = dial(server)
    peer.send(GET)
    peer.read_to_end()
    assert server.close() is server
    server.join(MUST_NOT_EXPIRE)
    assert chained


def test_a_response_knows_its_request_and_its_socket(dial: Any, record: Recorder) -> None:
    def listener(req: Any, res: Any) -> None:
        here = req.socket
        record(res.req is req, res.socket is here, res.connection is here, req.connection is here)
        res.on('finish', lambda: record('finish', res.socket, res.connection))
        res.end()
        record('ended', res.socket is here)
        res.connection = None
        record('set', res.socket)
        res.connection = here

    with http.createServer(listener).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(GET)
        peer.read_to_end()
    assert record.events == [
        (True, True, True, True), ('ended', True), ('set', None), ('finish', None, None)]


@pytest.mark.parametrize(('version', 'te', 'options', 'keeps_alive', 'chunks', 'mark'), [
    ((1, 1), None, None, True, True, 65536),
    ((1, 0), None, None, False, False, 65536),
    ((1, 0), 'chunked', {}, False, True, 65536),
    ((2, 0), 'x', {'highWaterMark': 5}, False, False, 5),
    ((0, 9), None, {'highWaterMark': 5}, False, False, 5),
])
def test_a_response_made_by_hand(
        version: tuple[int, int], te: str | None, options: Any, keeps_alive: bool, chunks: bool,
        mark: int) -> None:
    """What it takes from its request and its options."""
    major, minor = version
    req = Record(method='HEAD', httpVersionMajor=major, httpVersionMinor=minor, headers=Record(te=te))
    res = http.ServerResponse(req, options)
    assert (res.shouldKeepAlive, res.useChunkedEncodingByDefault) == (keeps_alive, chunks)
    assert res.writableHighWaterMark == mark
    assert res.write('x')
    res = http.ServerResponse(req, rejectNonStandardBodyWrites=True)
    with pytest.raises(Exception, match='Adding content for this request method or response status'):
        res.write('x')


def test_a_timeout_brings_the_socket(dial: Any, record: Recorder) -> None:
    """To the request that is on its way, to its response and to the server, in this order."""
    def listener(req: Any, res: Any) -> None:
        for name, emitter in (('request', req), ('response', res), ('server', server)):
            emitter.on('timeout', lambda brought, name=name: record(name, brought is req.socket))

    with http.createServer(listener).setTimeout(20).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n')
        assert record.wait_count(3) == [('request', True), ('response', True), ('server', True)]
        peer.close()


def test_no_timeout_of_a_socket_that_is_destroyed_with_its_response(dial: Any, record: Recorder) -> None:
    def listener(req: Any, res: Any) -> None:
        req.socket.on('timeout', lambda: record('timeout'))
        req.socket.on('close', lambda: timers.setTimeout(record, 20, 'no timeout'))
        res.end()
        req.socket.destroy()

    server = http.createServer(listener, keepAliveTimeout=1, keepAliveTimeoutBuffer=1)
    with server.listen(0, '127.0.0.1'):
        dial(server).send(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        assert record.wait_count(1) == ['no timeout']


def test_a_response_is_closed_before_a_socket_destroyed_under_it(dial: Any, record: Recorder) -> None:
    def listener(req: Any, res: Any) -> None:
        record.on(res, 'finish', 'close')
        req.socket.on('close', lambda: record('socket closed'))
        res.end(bytes(2**24))  # more than the kernel takes
        req.socket.destroy()

    with http.createServer(listener).listen(0, '127.0.0.1') as server:
        dial(server).send(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        assert record.wait_count(3) == ['finish', 'close', 'socket closed']


def test_a_request_is_piped_into_its_response(dial: Any) -> None:
    with http.createServer(lambda req, res: req.pipe(res)).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(b'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n')
        peer.send(b'x' * 200000)
        received = peer.read_to_end()
    assert received.endswith(b'0\r\n\r\n') and received.count(b'x') == 200000


class Packets(stream.Duplex):
    """A connection that notes what leaves together."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[str] = []

    def _read(self, size: int) -> None:
        pass

    def _write(self, chunk: bytes, encoding: Any, callback: Callable[..., None]) -> None:
        self._writev([{'chunk': chunk}], callback)

    def _writev(self, chunks: list[Any], callback: Callable[..., None]) -> None:
        text = b''.join(chunk['chunk'] for chunk in chunks).decode()
        self.packets.append(re.sub('Date: .*GMT', 'Date: now', text))
        callback()


HEAD = 'HTTP/1.1 200 OK\r\nDate: now\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n'
CHUNKED = f'{HEAD}Transfer-Encoding: chunked\r\n\r\n'


def write_twice(res: Any) -> None:
    res.write('a')
    res.write('b')
    timers.setImmediate(write_later, res)


def write_later(res: Any) -> None:
    res.write('c')
    timers.setImmediate(res.end, 'd')


def end_later(res: Any) -> None:
    res.writeHead(200)
    timers.setImmediate(res.end, 'b')


@pytest.mark.parametrize(('answer', 'packets'), [
    (lambda res: res.end('b'), [f'{HEAD}Content-Length: 1\r\n\r\nb']),
    (lambda res: (res.writeHead(200), res.end('b')), [f'{CHUNKED}1\r\nb\r\n0\r\n\r\n']),
    (lambda res: (res.write('a'), res.end('b')), [f'{CHUNKED}1\r\na\r\n1\r\nb\r\n0\r\n\r\n']),
    (lambda res: (res.flushHeaders(), res.end('b')), [CHUNKED, '1\r\nb\r\n0\r\n\r\n']),
    (write_twice, [f'{CHUNKED}1\r\na\r\n1\r\nb\r\n', '1\r\nc\r\n', '1\r\nd\r\n0\r\n\r\n']),
    (end_later, [f'{CHUNKED}1\r\nb\r\n0\r\n\r\n']),
], ids=['end', 'head, end', 'write, end', 'flush, end', 'writes', 'head, end later'])
def test_what_leaves_together(record: Recorder, answer: Callable[[Any], Any], packets: list[str]) -> None:
    """The head with the first piece of the body, and all that is written in one callback."""
    def listener(req: Any, res: Any) -> None:
        record.on(res, 'close')
        answer(res)

    server, connection = http.createServer(listener), Packets()
    server.emit('connection', connection)
    connection.push(GET.replace(b'Connection: close\r\n', b''))
    record.wait_for('close')
    connection.destroy()
    assert [packet for packet in connection.packets if packet] == packets


def test_finish_waits_for_the_system(dial: Any, record: Recorder) -> None:
    """It comes when all was handed over, not while the client does not read."""
    def listener(req: Any, res: Any) -> None:
        res.on('finish', lambda: record('finish'))
        res.end(b'x' * 20_000_000)
        record('ended', res.writableFinished)
        timers.setTimeout(record, 20, 'waited')

    with http.createServer(listener).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(GET)
        assert record.wait_count(2) == [('ended', False), 'waited']
        assert len(peer.read_to_end()) > 20_000_000
        assert record.wait_count(3)[2] == 'finish'


def test_connections_that_are_closed_together_end_in_the_order_of_node(dial: Any, record: Recorder) -> None:
    server = http.createServer()

    @server.on('connection')
    def connected(socket: Any) -> None:
        number = len(record.events) + 1
        record(number)
        socket.on('close', lambda: record('close', number))

    with server.listen(0, '127.0.0.1'):
        for count in range(1, 5):
            dial(server)
            record.wait_count(count)
        server.closeAllConnections()
        assert record.wait_count(8)[4:] == [('close', 4), ('close', 3), ('close', 2), ('close', 1)]
