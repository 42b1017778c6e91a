"""The programs of Node's documentation of http, line for line, and what Node 25.2.1 makes of them.

Ports are ephemeral and hosts are local; time that a program waits for is cut short. Programs that are more
than a few lines of a client are in test_documented_clients.py.
"""

from __future__ import annotations

import json
import os
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from conftest import RawPeer, Recorder

import nodehttp as http
from nodehttp import timers
from nodehttp.headers import Headers
from nodehttp.url import URL

GET = b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
KEPT = b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
STYLES = '</styles.css>; rel=preload; as=style'
SCRIPTS = '</scripts.js>; rel=preload; as=script'
HELLO = json.dumps({'data': 'Hello World!'}, separators=(',', ':'))


def answer(dial: Any, server: Any, request: bytes = GET) -> str:
    """Return what a server sends until it closes, its date replaced."""
    with server.listen(0, '127.0.0.1'):
        peer = dial(server)
        peer.send(request)
        received = peer.read_to_end().decode('latin-1')
        peer.close()  # what the listener only ended waits for this
        return re.sub('Date: .*GMT', 'Date: now', received)


def hello_world(req: Any, res: Any) -> None:
    """Be the listener of many of the programs."""
    res.writeHead(200, {'Content-Type': 'application/json'})
    res.end(HELLO)


# Programs of a response: what is sent


def trailers(req: Any, response: Any) -> None:
    """ "response.addTrailers(headers)" """
    response.writeHead(200, {'Content-Type': 'text/plain', 'Trailer': 'Content-MD5'})
    response.write('data')
    response.addTrailers({'Content-MD5': '7895bf4b8828b55ceaf47747b4bca667'})
    response.end()


def get_header(req: Any, response: Any) -> None:
    """ "response.getHeader(name)" """
    body = 'body'
    response.setHeader('Content-Type', 'text/html')
    response.setHeader('Content-Length', len(body.encode()))
    response.setHeader('Set-Cookie', ['type=ninja', 'language=javascript'])
    content_type = response.getHeader('content-type')
    assert content_type == 'text/html'
    content_length = response.getHeader('Content-Length')
    assert content_length == 4
    set_cookie = response.getHeader('set-cookie')
    assert set_cookie == ['type=ninja', 'language=javascript']
    response.end(body)


def header_names(req: Any, response: Any) -> None:
    """ "response.getHeaderNames()", "response.getHeaders()", "response.hasHeader(name)",
    "response.removeHeader(name)" """
    response.setHeader('Foo', 'bar')
    response.setHeader('Set-Cookie', ['foo=bar', 'bar=baz'])
    assert response.getHeaderNames() == ['foo', 'set-cookie']
    assert response.getRawHeaderNames() == ['Foo', 'Set-Cookie']
    assert response.getHeaders() == {'foo': 'bar', 'set-cookie': ['foo=bar', 'bar=baz']}
    assert response.hasHeader('content-type') is False
    response.setHeader('Content-Encoding', 'gzip')
    response.removeHeader('Content-Encoding')
    response.end()


def write_head_wins(req: Any, res: Any) -> None:
    """ "response.setHeader(name, value)", "response.writeHead(...)" """
    res.setHeader('Content-Type', 'text/html')
    res.setHeader('X-Foo', 'bar')
    res.writeHead(200, {'Content-Type': 'text/plain'})
    res.end('ok')


def write_head_wins_over_headers(req: Any, res: Any) -> None:
    """ "outgoingMessage.setHeaders(headers)" """
    headers = Headers({'Content-Type': 'text/html'})
    res.setHeaders(headers)
    res.writeHead(200, {'Content-Type': 'text/plain'})
    res.end('ok')


def set_headers(req: Any, response: Any) -> None:
    """ "outgoingMessage.setHeaders(headers)" """
    headers = Headers({'foo': 'bar'})
    response.setHeaders(headers)
    response.end()


def set_headers_of_a_map(req: Any, res: Any) -> None:
    """ "outgoingMessage.setHeaders(headers)" """
    headers = dict([['foo', 'bar']])
    res.setHeaders(headers)
    res.end()


def status(req: Any, response: Any) -> None:
    """ "response.statusCode", "response.statusMessage" """
    response.statusCode = 404
    response.statusMessage = 'Not found'
    response.end()


def early_hints(req: Any, response: Any) -> None:
    """ "response.writeEarlyHints(hints[, callback])" """
    early_hints_link = STYLES
    response.writeEarlyHints(
        {
            'link': early_hints_link,
        }
    )

    early_hints_links = [
        STYLES,
        SCRIPTS,
    ]
    response.writeEarlyHints(
        {
            'link': early_hints_links,
            'x-trace-id': 'id for diagnostics',
        }
    )

    sent: list[str] = []
    response.writeEarlyHints(
        {
            'link': early_hints_links,
        },
        lambda: sent.append('early hints message sent'),
    )
    response.on('finish', lambda: sent.append('finish'))
    response.on('close', lambda: req.socket.server.emit('hints', sent))
    response.end()


def chained(req: Any, response: Any) -> None:
    """ "response.writeHead(...)" """
    body = 'hello world'
    response.writeHead(
        200,
        {
            'Content-Length': len(body.encode()),
            'Content-Type': 'text/plain',
        },
    ).end(body)


def disposition(req: Any, response: Any) -> None:
    """ "request.setHeader(name, value)" """
    filename = 'Rock \U0001f3b5.txt'
    encoded = urllib.parse.quote(filename, safe="-_.!~*'()")
    response.setHeader('Content-Disposition', f"attachment; filename*=utf-8''{encoded}")
    response.end()


CLOSE = 'Date: now\r\nConnection: close\r\n'
EMPTY = f'{CLOSE}Content-Length: 0\r\n\r\n'
OK_IN_CHUNKS = f'{CLOSE}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'
BOTH_HINTS = f'HTTP/1.1 103 Early Hints\r\nLink: {STYLES}, {SCRIPTS}\r\n'
RESPONSES = [
    (
        trailers,
        'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTrailer: Content-MD5\r\n'
        + CLOSE
        + 'Transfer-Encoding: chunked\r\n\r\n4\r\ndata\r\n0\r\n'
        + 'Content-MD5: 7895bf4b8828b55ceaf47747b4bca667\r\n\r\n',
    ),
    (
        get_header,
        'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\nSet-Cookie: type=ninja\r\n'
        f'Set-Cookie: language=javascript\r\n{CLOSE}\r\nbody',
    ),
    (header_names, f'HTTP/1.1 200 OK\r\nFoo: bar\r\nSet-Cookie: foo=bar\r\nSet-Cookie: bar=baz\r\n{EMPTY}'),
    (write_head_wins, f'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Foo: bar\r\n{OK_IN_CHUNKS}'),
    (write_head_wins_over_headers, f'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{OK_IN_CHUNKS}'),
    (set_headers, f'HTTP/1.1 200 OK\r\nfoo: bar\r\n{EMPTY}'),
    (set_headers_of_a_map, f'HTTP/1.1 200 OK\r\nfoo: bar\r\n{EMPTY}'),
    (status, f'HTTP/1.1 404 Not found\r\n{EMPTY}'),
    (chained, f'HTTP/1.1 200 OK\r\nContent-Length: 11\r\nContent-Type: text/plain\r\n{CLOSE}\r\nhello world'),
    (
        disposition,
        "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename*=utf-8''Rock%20%F0%9F%8E%B5.txt"
        f'\r\n{EMPTY}',
    ),
    (
        hello_world,
        f'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{CLOSE}Transfer-Encoding: chunked\r\n\r\n'
        f'17\r\n{HELLO}\r\n0\r\n\r\n',
    ),
]


@pytest.mark.parametrize(('listener', 'sent'), RESPONSES, ids=[row[0].__name__ for row in RESPONSES])
def test_responses(dial: Any, listener: Callable[..., None], sent: str) -> None:
    assert answer(dial, http.createServer(listener)) == sent


def test_early_hints(dial: Any, record: Recorder) -> None:
    server = http.createServer(early_hints)
    server.on('hints', record)
    assert answer(dial, server) == (
        f'HTTP/1.1 103 Early Hints\r\nLink: {STYLES}\r\n\r\n'
        f'{BOTH_HINTS}x-trace-id: id for diagnostics\r\n\r\n'
        f'{BOTH_HINTS}\r\nHTTP/1.1 200 OK\r\n{EMPTY}'
    )
    assert record.wait_count(1) == [['early hints message sent', 'finish']]


def test_create_server_without_listener(dial: Any) -> None:
    """ "http.createServer([options][, requestListener])" """
    server = http.createServer()
    server.on('request', hello_world)
    assert answer(dial, server) == RESPONSES[-1][1]


def test_response_socket(dial: Any) -> None:
    """ "response.socket" """

    @http.createServer
    def server(req: Any, res: Any) -> None:
        ip = res.socket.remoteAddress
        port = res.socket.remotePort
        res.end(f'Your IP address is {ip} and your source port is {port}.')

    server.listen(0, '127.0.0.1')
    with server:
        peer = dial(server)
        peer.send(GET)
        text = peer.read_to_end().decode()
        port = peer.socket.getsockname()[1]
    assert text.endswith(f'\r\n\r\nYour IP address is 127.0.0.1 and your source port is {port}.')


# Programs of a server


def test_client_error(dial: Any) -> None:
    """ "Event: 'clientError'": both programs at once."""
    server = http.createServer(lambda req, res: res.end())

    @server.on('clientError')
    def refuse(err: Any, socket: Any) -> None:
        if err.code == 'ECONNRESET' or not socket.writable:
            return

        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')

    assert answer(dial, server, b'rubbish\r\n\r\n') == 'HTTP/1.1 400 Bad Request\r\n\r\n'


@pytest.mark.parametrize('method', ['close', 'closeAllConnections', 'closeIdleConnections'])
def test_close(dial: Any, record: Recorder, method: str) -> None:
    """ "server.close([callback])", "server.closeAllConnections()", "server.closeIdleConnections()" """
    server = http.createServer({'keepAliveTimeout': 60000}, hello_world)
    server.listen(0, '127.0.0.1')
    peer = dial(server)
    peer.send(KEPT)
    assert b'Keep-Alive: timeout=60' in peer.read_until(b'0\r\n\r\n')

    def close() -> None:
        server.close(lambda: record('server closed successfully'))
        if method != 'close':
            getattr(server, method)()

    timers.setTimeout(close, 1)
    record.wait_for('server closed successfully')
    assert peer.read_to_end() == b''


def test_the_headers_of_a_request(dial: Any, record: Recorder) -> None:
    """ "message.headers", "message.headersDistinct", "message.rawHeaders", "message.url" """

    @http.createServer
    def server(request: Any, response: Any) -> None:
        record(request.headers)
        record(request.headersDistinct)
        record(request.rawHeaders)
        url = URL(f'http://{os.environ.get("HOST", "localhost")}{request.url}')
        record(url.pathname, url.searchParams.get('name'))
        record(url.href, url.origin, url.protocol, url.host, url.hostname, url.port, url.search, url.hash)
        response.end()

    first = 'this is invalid because there can be only one'
    answer(
        dial,
        server,
        f'GET /status?name=ryan HTTP/1.1\r\nuser-agent: {first}\r\nUser-Agent: curl/7.22.0\r\n'
        'Host: 127.0.0.1:8000\r\nACCEPT: */*\r\nConnection: close\r\n\r\n'.encode(),
    )
    assert record.events == [
        {'user-agent': first, 'host': '127.0.0.1:8000', 'accept': '*/*', 'connection': 'close'},
        {
            'user-agent': [first, 'curl/7.22.0'],
            'host': ['127.0.0.1:8000'],
            'accept': ['*/*'],
            'connection': ['close'],
        },
        [
            'user-agent',
            first,
            'User-Agent',
            'curl/7.22.0',
            'Host',
            '127.0.0.1:8000',
            'ACCEPT',
            '*/*',
            'Connection',
            'close',
        ],
        ('/status', 'ryan'),
        ('http://localhost/status?name=ryan', 'http://localhost', 'http:', 'localhost', 'localhost', '',
         '?name=ryan', ''),
    ]


# Programs of a client


def fetch(record: Recorder, url: Any) -> None:
    """Be the program of "http.get(url[, options][, callback])"."""

    @http.get(url).on('error', lambda e: record(f'Got error: {e.message}')).on('response')
    def answered(res: Any) -> None:
        status_code = res.statusCode
        content_type = res.headers['content-type']

        error = None
        # Any 2xx status code signals a successful response but
        # here we're only checking for 200.
        if status_code != 200:
            error = Exception(f'Request Failed.\nStatus Code: {status_code}')
        elif not re.match('application/json', content_type):
            error = Exception(f'Invalid content-type.\nExpected application/json but received {content_type}')
        if error:
            record(str(error))
            # Consume response data to free up memory
            res.resume()
            return

        res.setEncoding('utf8')
        raw_data: list[str] = []
        res.on('data', lambda chunk: raw_data.append(chunk))

        @res.on('end')
        def end() -> None:
            try:
                parsed_data = json.loads(''.join(raw_data))
                record(parsed_data)
            except ValueError as e:
                record(str(e))


def type_of_text(req: Any, res: Any) -> None:
    res.writeHead(200, {'Content-Type': 'text/plain'})
    res.end('a body nobody wants')


def not_found(req: Any, res: Any) -> None:
    res.writeHead(404)
    res.end('a body nobody wants')


@pytest.mark.parametrize(
    ('listener', 'printed'),
    [
        (hello_world, {'data': 'Hello World!'}),
        (type_of_text, 'Invalid content-type.\nExpected application/json but received text/plain'),
        (not_found, 'Request Failed.\nStatus Code: 404'),
    ],
)
def test_get(record: Recorder, listener: Any, printed: Any) -> None:
    with http.createServer(listener).listen(0, '127.0.0.1') as server:
        fetch(record, f'http://127.0.0.1:{server.address().port}/')
        assert record.wait_count(1) == [printed]


def test_get_without_a_server(record: Recorder) -> None:
    with http.createServer().listen(0, '127.0.0.1') as server:
        port = server.address().port
    fetch(record, f'http://127.0.0.1:{port}/')
    assert record.wait_count(1) == [f'Got error: connect ECONNREFUSED 127.0.0.1:{port}']


def test_credentials_of_a_url(record: Recorder) -> None:
    """ "http.request(url[, options][, callback])": credentials in a URL object."""
    with http.createServer(lambda req, res: res.end(repr(req.rawHeaders))).listen(0, '127.0.0.1') as server:
        host = f'127.0.0.1:{server.address().port}'
        options = URL(f'http://abc:xyz@{host}')

        req = http.request(options, lambda res: record(b''.join(res).decode()))
        req.end()
        assert record.wait_count(1) == [
            repr(['Host', host, 'Authorization', 'Basic YWJjOnh5eg==', 'Connection', 'keep-alive'])
        ]


def test_request_headers(scripted: Any) -> None:
    """ "request.getHeader(name)" and its neighbours."""
    port = scripted(lambda peer: peer.read_to_end())
    request = http.request(port=port, method='POST')
    request.setHeader('content-type', 'text/html')
    request.setHeader('Content-Length', len(b'body'))
    request.setHeader('Cookie', ['type=ninja', 'language=javascript'])
    request.setHeader('Foo', 'bar')
    assert request.getHeader('Content-Type') == 'text/html'
    assert request.getHeader('Content-Length') == 4
    assert request.getHeader('Cookie') == ['type=ninja', 'language=javascript']
    assert request.getHeaderNames() == ['host', 'content-type', 'content-length', 'cookie', 'foo']
    assert request.getRawHeaderNames() == ['Host', 'content-type', 'Content-Length', 'Cookie', 'Foo']
    assert request.getHeaders() == {
        'host': f'localhost:{port}',
        'content-type': 'text/html',
        'content-length': 4,
        'cookie': ['type=ninja', 'language=javascript'],
        'foo': 'bar',
    }
    assert request.hasHeader('content-type') is True
    assert request.removeHeader('Content-Type') is None
    assert request.hasHeader('content-type') is False
    filename = 'Rock 🎵.txt'
    request.setHeader('Content-Disposition', f"attachment; filename*=utf-8''{urllib.parse.quote(filename)}")
    assert request.getHeader('content-disposition') == "attachment; filename*=utf-8''Rock%20%F0%9F%8E%B5.txt"
    request.setHeader('Set-Cookie', ['foo=bar', 'bar=baz'])
    assert request.getRawHeaderNames() == [
        'Host', 'Content-Length', 'Cookie', 'Foo', 'Content-Disposition', 'Set-Cookie']
    request.on('error', lambda error: None)
    request.destroy()


def test_complete(scripted: Any, record: Recorder) -> None:
    """ "message.complete": 'end' does not come for a message that was cut off; 'close' does."""

    def cut_off(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')

    def answered(res: Any) -> None:
        res.resume()
        res.on('end', lambda: record('end'))
        res.on('close', lambda: record('close', res.complete))

    req = http.request(
        {
            'host': '127.0.0.1',
            'port': scripted(cut_off),
            'method': 'POST',
        },
        answered,
    )
    req.end()
    assert record.wait_count(1) == [('close', False)]


def test_agent_remove(record: Recorder) -> None:
    """ "Class: http.Agent": a socket that the agent shall forget."""
    with http.createServer(lambda req, res: res.end()).listen(0, '127.0.0.1') as server:
        options = {'host': '127.0.0.1', 'port': server.address().port}
        agent = options['agent'] = http.Agent({'keepAlive': True})
        http.get(options, lambda res: res.resume().on('close', lambda: record('close'))).on(
            'socket', lambda socket: socket.emit('agentRemove')
        )
        record.wait_for('close')
        assert agent.sockets == {} and agent.freeSockets == {} and agent.totalSocketCount == 0
        server.closeAllConnections()


@pytest.mark.parametrize(
    ('options', 'header', 'kept'),
    [
        ({'agent': False}, 'close', 0),  # a new agent just for this one request
        ({'agent': {'keepAlive': True}}, 'keep-alive', 1),
    ],
)
def test_agents(record: Recorder, options: Any, header: str, kept: int) -> None:
    """ "agent: false", "new Agent([options])" """
    with http.createServer(lambda req, res: res.end(req.headers.connection)).listen(0, '127.0.0.1') as server:
        keep_alive_agent = http.Agent(options['agent'] or {})
        agent = keep_alive_agent if options['agent'] else False
        req = http.get(
            {'hostname': '127.0.0.1', 'port': server.address().port, 'path': '/', 'agent': agent},
            lambda res: record(b''.join(res).decode()),
        )
        req.on('close', lambda: record('close'))
        assert sorted(record.wait_count(2)) == sorted([header, 'close'])
        assert sum(map(len, keep_alive_agent.freeSockets.values())) == kept
        keep_alive_agent.destroy()


# Programs without a connection


def test_validate_header_name() -> None:
    with pytest.raises(TypeError) as caught:
        http.validateHeaderName('')
    err: Any = caught.value
    assert (err.code, err.message) == (
        'ERR_INVALID_HTTP_TOKEN',
        'Header name must be a valid HTTP token [""]',
    )


@pytest.mark.parametrize(
    ('value', 'code', 'message'),
    [
        (None, 'ERR_HTTP_INVALID_HEADER_VALUE', 'Invalid value "undefined" for header "x-my-header"'),
        (
            'o\u028am\u026a\u0261\u0259',
            'ERR_INVALID_CHAR',
            'Invalid character in header content ["x-my-header"]',
        ),
    ],
)
def test_validate_header_value(value: Any, code: str, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        http.validateHeaderValue('x-my-header', value)
    err: Any = caught.value
    assert (err.code, err.message) == (code, message)
