"""Single facts of the interface that no other test shows, each as Node 25.2.1 has it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, Recorder
from program_tools import run_script

import nodehttp as http
from nodehttp import events, net, timers
from nodehttp.url import URL

GET = b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'


class Changing:
    """Says something else the second time."""

    def __init__(self) -> None:
        self.texts = ['first', 'a\r\nX: 1']

    def __str__(self) -> str:
        return self.texts.pop(0)


class Splitting:
    """Is no str, and its text splits a line."""

    def __str__(self) -> str:
        return 'a\r\nX: 1'


def respond(dial: Any, listener: Callable[[Any, Any], object]) -> str:
    """Return the response of a listener, whose exception is noted by its code in a header."""

    def guarded(req: Any, res: Any) -> None:
        try:
            listener(req, res)
        except Exception as error:
            res.statusMessage = None
            res.end(error.code)  # type: ignore[attr-defined]

    with http.createServer(guarded).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(GET)
        return re.sub('Date: .*GMT', 'Date: now', peer.read_to_end().decode('latin-1'))


@pytest.mark.parametrize(
    'headers',
    [
        lambda: {'x': Changing()},
        lambda: ['x', Changing()],
        lambda: [['x', Changing()]],
        lambda: {'x': [Changing()]},
    ],
)
def test_a_value_that_changes_its_text_cannot_split_a_head(dial: Any, headers: Callable[[], Any]) -> None:
    wire = respond(dial, lambda req, res: res.writeHead(200, headers()).end())
    assert wire.startswith('HTTP/1.1 200 OK\r\nx: first\r\nDate: now\r\n')


@pytest.mark.parametrize(
    ('message', 'line'),
    [
        (5, '200 5'),
        (0, '200 OK'),
        (['a', 'b'], '200 a,b'),
        ('', '200 OK'),
    ],
)
def test_status_message_of_any_kind(dial: Any, message: Any, line: str) -> None:
    def listener(req: Any, res: Any) -> None:
        res.statusMessage = message
        res.end()

    assert respond(dial, listener).startswith(f'HTTP/1.1 {line}\r\n')


def test_status_message_that_would_split_the_head(dial: Any) -> None:
    def listener(req: Any, res: Any) -> None:
        res.statusMessage = Splitting()
        res.end()

    assert respond(dial, listener).endswith('ERR_INVALID_CHAR')


def test_set_headers_with_a_name_that_is_no_str(dial: Any) -> None:
    wire = respond(dial, lambda req, res: res.setHeaders({5: 'x'}))
    assert wire.endswith('ERR_INVALID_HTTP_TOKEN')


SWITCHED = """
import socket, sys
import nodehttp as http
options = eval(sys.argv[2])
with http.createServer(options, lambda req, res: res.end()).listen(0, '127.0.0.1') as server:
    with socket.create_connection(('127.0.0.1', server.address().port), 10) as peer:
        peer.sendall(eval(sys.argv[1]))
        print(http.maxHeaderSize, peer.recv(65536).split(b'\\r')[0].decode())
with socket.create_server(('127.0.0.1', 0)) as listener:
    req = http.get({'port': listener.getsockname()[1], 'host': '127.0.0.1', 'agent': False, **options})
    peer, _ = listener.accept()
    with peer:
        peer.recv(65536)
        peer.sendall(b'HTTP/1.1 200 OK\\r\\nX: ' + b'x' * 250 + b'\\1\\r\\nContent-Length: 0\\r\\n\\r\\n')
        try:
            print(http.once(req, 'response')[0].statusCode)
        except http.errors.NodeError as error:
            print(error.code)
"""
LARGE = b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ' + b'x' * 200 + b'\r\n\r\n'
CONTROL = b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: \1\r\n\r\n'


@pytest.mark.parametrize(
    ('switches', 'options', 'request_sent', 'printed'),
    [
        ('', {}, LARGE, ['16384 HTTP/1.1 200 OK', 'HPE_INVALID_HEADER_TOKEN']),
        (
            '--no-warnings --max-http-header-size=100',
            {},
            LARGE,
            ['100 HTTP/1.1 431 Request Header Fields Too Large', 'HPE_HEADER_OVERFLOW'],
        ),
        (
            '--max_http_header_size 100',
            {'maxHeaderSize': 1000},
            LARGE,
            ['100 HTTP/1.1 200 OK', 'HPE_INVALID_HEADER_TOKEN'],
        ),
        ('', {}, CONTROL, ['16384 HTTP/1.1 400 Bad Request', 'HPE_INVALID_HEADER_TOKEN']),
        ('--insecure-http-parser', {}, CONTROL, ['16384 HTTP/1.1 200 OK', '200']),
        (
            '--insecure-http-parser',
            {'insecureHTTPParser': False},
            CONTROL,
            ['16384 HTTP/1.1 400 Bad Request', 'HPE_INVALID_HEADER_TOKEN'],
        ),
    ],
)
def test_switches_of_the_process(
    switches: str, options: Any, request_sent: bytes, printed: list[str]
) -> None:
    status, out, errors = run_script(SWITCHED, repr(request_sent), repr(options), NODE_OPTIONS=switches)
    assert (status, out.splitlines(), errors) == (0, printed, '')


def test_a_status_below_100_is_a_response(scripted: Any) -> None:
    def script(peer: Any) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok')

    req = http.get({'host': '127.0.0.1', 'port': scripted(script), 'agent': False})
    (res,) = http.once(req, 'response', timeout=MUST_NOT_EXPIRE)
    assert (res.statusCode, res.statusMessage, b''.join(res)) == (99, 'Odd', b'ok')


def test_timeouts(record: Recorder) -> None:
    timeout = timers.setTimeout(record, 1, 'timeout', 2)
    assert timeout.hasRef() is True
    assert timeout.unref() is timeout
    assert timeout.hasRef() is False
    assert timeout.ref() is timeout
    assert timeout.hasRef() is True
    assert record.wait_count(1) == [('timeout', 2)]
    assert timeout.refresh() is timeout  # also one that has fired runs again
    assert record.wait_count(2) == [('timeout', 2)] * 2


def test_cleared_timers(record: Recorder) -> None:
    def main() -> None:
        timers.clearTimeout(timers.setTimeout(record, 1, 'cleared'))
        timers.clearInterval(timers.setInterval(record, 1, 'cleared'))
        timers.clearTimeout(None)
        timers.clearInterval(None)
        timers.setTimeout(record, 20, 'later')

    timers.setImmediate(main)
    assert record.wait_count(1) == ['later']


def test_intervals(record: Recorder) -> None:
    interval = timers.setInterval(record, 1, 'tick')
    record.wait_count(3)
    timers.clearInterval(interval)
    assert interval.refresh() is interval  # one that was cleared stays silent
    assert set(record.events) == {'tick'}


def test_immediates_run_after_what_is_next(record: Recorder) -> None:
    def main() -> None:
        timers.setImmediate(record, 'immediate')
        timers.nextTick(record, 'tick')
        record('now')

    timers.setImmediate(main)
    assert record.wait_count(3) == ['now', 'tick', 'immediate']


@pytest.mark.parametrize(
    ('text', 'family'),
    [
        ('127.0.0.1', 4),
        ('0.0.0.0', 4),
        ('::1', 6),
        ('fe80::1%lo', 6),
        ('::ffff:1.2.3.4', 6),
        ('1.2.3', 0),
        ('1.2.3.256', 0),
        ('01.2.3.4', 0),
        ('localhost', 0),
        ('', 0),
        ('[::1]', 0),
        (' 1.2.3.4', 0),
        (5, 0),
        (None, 0),
    ],
)
def test_is_ip(text: Any, family: int) -> None:
    assert (net.isIP(text), net.isIPv4(text), net.isIPv6(text)) == (family, family == 4, family == 6)


def test_to_json_of_a_url() -> None:
    assert URL('HTTP://a:80/b c').toJSON() == 'http://a/b%20c'


def test_default_max_listeners() -> None:
    assert events.EventEmitter.defaultMaxListeners == 10
    assert events.EventEmitter().getMaxListeners() == 10
    assert http.Agent.defaultMaxSockets == float('inf')


def test_an_agent_that_makes_its_sockets_itself(record: Recorder) -> None:
    """addRequest, createSocket, removeSocket, onSocket and clearTimeout are below what Node documents."""

    class Watched(http.Agent):
        def addRequest(self, req: Any, options: Any, *more: Any) -> None:
            record('addRequest')
            super().addRequest(req, options, *more)

        def createSocket(self, req: Any, options: Any, callback: Any) -> None:
            record('createSocket')
            super().createSocket(req, options, callback)

        def removeSocket(self, socket: Any, options: Any) -> None:
            record('removeSocket')
            super().removeSocket(socket, options)

    with http.createServer(lambda req, res: res.end('ok')).listen(0, '127.0.0.1') as server:
        req = http.get({'host': '127.0.0.1', 'port': server.address().port, 'agent': Watched()})
        req.setTimeout(5000)
        req.clearTimeout()
        (res,) = http.once(req, 'response', timeout=MUST_NOT_EXPIRE)
        assert b''.join(res) == b'ok'
        assert record.wait_for('removeSocket')[:2] == ['addRequest', 'createSocket']


def test_what_is_no_pair_among_pairs_has_no_value(escaped):
    with pytest.raises(TypeError) as caught:
        http.request({'port': 1, 'headers': [['a', 'b'], 'x']})
    assert (caught.value.code, caught.value.message) == (
        'ERR_HTTP_INVALID_HEADER_VALUE', 'Invalid value "undefined" for header "x"')


@pytest.mark.parametrize('behind', [b'', b'rubbish', b'HTTP/1.1 200 OK\r\n\r\n'])
def test_what_follows_a_101_that_is_no_upgrade_is_not_read(record, scripted, behind):
    def peer(raw):
        raw.read_until(b'\r\n\r\n')
        raw.send(b'HTTP/1.1 101 Switching Protocols\r\n\r\n' + behind)
        raw.read_to_end()

    def answered(response):
        record(response.statusCode)
        record.on(response, 'end', 'error', prefix='res')
        response.resume()
    request = http.request({'port': scripted(peer), 'agent': False})
    record.on(request, 'error', 'close', prefix='req')
    request.on('response', answered).end()
    assert record.wait_for('req close') == [101, 'res end', 'req close']


def test_a_lone_surrogate_in_auth_is_replaced_as_in_node():
    request = http.request({'port': 1, 'auth': '\ud800:é'}).on('error', lambda error: None)
    assert request.getHeader('authorization') == 'Basic 77+9OsOp'
    request.destroy()


def test_standard_output_is_a_listener(capsysbinary: Any, record: Recorder) -> None:
    """What `process.stdout.write` is in Node."""
    with http.createServer(lambda req, res: res.end(b'\xffbytes')).listen(0, '127.0.0.1') as server:
        http.get({'port': server.address().port}, lambda res: record.on(
            res.on('data', sys.stdout.buffer.write), 'end'))
        record.wait_for('end')
    assert capsysbinary.readouterr().out == b'\xffbytes'


def test_a_servers_socket_has_no_encoding(dial):
    def listener(req, res):
        with pytest.raises(http.errors.Error) as caught:
            req.socket.setEncoding('utf8')
        res.end(caught.value.code)
    with http.createServer(listener).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(GET)
        assert peer.read_to_end().endswith(b'ERR_HTTP_SOCKET_ENCODING')
