"""What a server does that no table of bytes shows: threads, waiting, exceptions, backpressure, closing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MUST_EXPIRE, MUST_NOT_EXPIRE, Dial, RawPeer, Recorder

import nodehttp as http
from nodehttp import errors, events, server, stream, threadpool, timers
from nodehttp.record import Record

GET = b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
CHUNKED_POST = (b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
                b'2\r\nab\r\n3\r\ncde\r\n1\r\nf\r\n0\r\n\r\n')


def post(length: int, path: str = '/') -> bytes:
    """Return the head of a request with a body."""
    return f'POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n'.encode()


def read_response(peer: RawPeer) -> tuple[bytes, bytes]:
    """Return the head, without its Date, and the body of a response."""
    head = peer.read_until(b'\r\n\r\n')
    lines = [line for line in head.split(b'\r\n') if not line.startswith(b'Date: ')]
    fields = {line.lower() for line in lines}
    if b'transfer-encoding: chunked' in fields:
        body = b''
        while size := int(peer.read_until(b'\r\n'), 16):
            body += peer.read_exactly(size + 2)[:-2]
        peer.read_until(b'\r\n')
    else:
        length = [int(line[16:]) for line in fields if line.startswith(b'content-length: ')]
        body = peer.read_exactly(length[0]) if length else peer.read_to_end()
    return b'\r\n'.join(lines), body


# createServer


def test_options_and_listener_in_any_form() -> None:
    """A listener alone, options alone, both, keywords, and as a decorator."""
    def listener(req: Any, res: Any) -> None:
        pass
    for made in (server.createServer(listener), server.createServer({}, listener),
        server.createServer(None, listener),
                 server.createServer(keepAliveTimeout=5, requestListener=listener), server.Server(listener)):
        assert made.listeners('request') == [listener]
        assert made.eventNames() == ['request', 'connection', 'listening']
    decorated = server.createServer(listener)
    assert isinstance(decorated, http.Server)
    assert server.createServer({'keepAliveTimeout': 1}, keepAliveTimeout=2).keepAliveTimeout == 2
    assert server.createServer({'keepAliveTimeout': None}).keepAliveTimeout == 5000


INTEGER_OPTIONS = ('headersTimeout', 'requestTimeout', 'keepAliveTimeout', 'keepAliveTimeoutBuffer',
                   'connectionsCheckingInterval', 'maxHeaderSize')
BOOLEAN_OPTIONS = ('insecureHTTPParser', 'requireHostHeader', 'joinDuplicateHeaders',
    'rejectNonStandardBodyWrites',
                   'optimizeEmptyRequests')


@pytest.mark.parametrize(('options', 'kind', 'message'), [
    *[({name: '5'}, TypeError, f'The "{name}" argument must be of type number. Received type string (\'5\')')
      for name in INTEGER_OPTIONS],
    *[({name: True}, TypeError, f'The "{name}" argument must be of type number. Received type boolean (true)')
      for name in INTEGER_OPTIONS],
    *[({name: 1.5}, ValueError, f'The value of "{name}" is out of range. It must be an integer. Received 1.5')
      for name in INTEGER_OPTIONS],
    *[({name: -1}, ValueError,
       f'The value of "{name}" is out of range. It must be >= 0 && <= 9007199254740991. Received -1')
      for name in INTEGER_OPTIONS],
    *[({name: 1}, TypeError,
        f'The "options.{name}" property must be of type boolean. Received type number (1)')
      for name in BOOLEAN_OPTIONS],
    ({'shouldUpgradeCallback': 5}, TypeError,
     'The "options.shouldUpgradeCallback" property must be of type function. Received type number (5)'),
    ({'uniqueHeaders': ['a', 5]}, TypeError,
     'The "options.uniqueHeaders" property must be an array of strings. Received an instance of Array'),
    ({'headersTimeout': 70000, 'requestTimeout': 60000}, ValueError,
     'The value of "headersTimeout" is out of range. It must be <= requestTimeout. Received 70000'),
    (5, TypeError, 'The "options" argument must be of type object. Received type number (5)'),
    ([], TypeError, 'The "options" argument must be of type object. Received an instance of Array'),
])
def test_bad_options(options: Any, kind: type[Exception], message: str) -> None:
    """Each is an error with Node's message."""
    with pytest.raises(kind) as raised:
        server.createServer(options)
    assert str(raised.value) == message


def test_bad_listener() -> None:
    """A listener has to be callable."""
    with pytest.raises(TypeError, match='The "listener" argument must be of type function'):
        server.createServer({}, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize(('options', 'headers_timeout', 'request_timeout'), [
    ({}, 60000, 300000), ({'requestTimeout': 1000}, 1000, 1000), ({'requestTimeout': 0}, 0, 0),
    ({'requestTimeout': 0, 'headersTimeout': 5}, 5, 0), ({'headersTimeout': 0}, 0, 300000),
])
def test_default_time_limits(options: dict[str, int], headers_timeout: int, request_timeout: int) -> None:
    """The limit for the head is never above that for the request."""
    made = server.createServer(options)
    assert (made.headersTimeout, made.requestTimeout) == (headers_timeout, request_timeout)


def test_attributes() -> None:
    """Options and defaults are attributes of the server."""
    made = server.createServer()
    names = ('timeout', 'keepAliveTimeout', 'keepAliveTimeoutBuffer', 'connectionsCheckingInterval',
        'maxHeadersCount',
             'maxRequestsPerSocket', 'maxHeaderSize', 'insecureHTTPParser', 'requireHostHeader',
             'joinDuplicateHeaders',
             'rejectNonStandardBodyWrites', 'httpAllowHalfOpen', 'noDelay', 'listening', 'highWaterMark')
    assert [getattr(made, name) for name in names] == [
        0, 5000, 1000, 30000, None, 0, None, None, True, None, False, False, True, False, 65536]
    assert not made.shouldUpgradeCallback(None)
    made.on('upgrade', lambda: None)
    assert made.shouldUpgradeCallback(None)


def test_set_timeout() -> None:
    """It stores the time and adds the listener."""
    made = server.createServer()
    assert made.setTimeout(5, lambda: None) is made
    assert (made.timeout, made.listenerCount('timeout')) == (5, 1)
    made.setTimeout()
    assert made.timeout is None


def test_own_classes(dial: Dial) -> None:
    """Messages of the user's classes are built without the monitor, and with Node's arguments."""
    built: list[Any] = []

    class Request(http.IncomingMessage):
        def __init__(self, socket: Any) -> None:
            super().__init__(socket)
            built.append(threadpool.owns_monitor())

        def query(self) -> str:
            return self.url.partition('?')[2]

    class Response(http.ServerResponse):
        def __init__(self, req: Any, options: Any) -> None:
            super().__init__(req, options)
            built.append((threadpool.owns_monitor(), options))

        def json(self, text: str) -> None:
            self.setHeader('Content-Type', 'application/json')
            self.end(text)

    options = {'IncomingMessage': Request, 'ServerResponse': Response, 'highWaterMark': 1000}
    with server.createServer(options, lambda req, res: res.json(req.query())).listen(0) as made:
        peer = dial(made)
        peer.send(GET.replace(b'/ ', b'/?{} ', 1))
        head, body = read_response(peer)
        peer.close()
    assert (body, b'Content-Type: application/json' in head) == (b'{}', True)
    assert built == [False, (False, {'highWaterMark': 1000, 'rejectNonStandardBodyWrites': False})]


def test_what_own_classes_set(dial: Dial) -> None:
    """It holds for each object, as what a field of a JavaScript class sets."""
    class Response(http.ServerResponse):
        statusMessage = 'Fine'
        strictContentLength = True

    class Request(http.IncomingMessage):
        joinDuplicateHeaders = True

    class Server(server.Server):
        timeout = 70000
        maxHeadersCount = 2
        maxRequestsPerSocket = 1

    def listener(req: Any, res: Any) -> None:
        res.end(f'{res.strictContentLength} {req.joinDuplicateHeaders} {len(req.headers)}')

    # The last response that maxRequestsPerSocket allows says 'close', but as in Node the connection is kept.
    options = {'IncomingMessage': Request, 'ServerResponse': Response,
               'keepAliveTimeout': 10, 'keepAliveTimeoutBuffer': 0}
    with Server(options, listener).listen(0) as made:
        assert made.timeout == 70000
        peer = dial(made)
        peer.send(GET.replace(b'\r\n\r\n', b'\r\nA: 1\r\nB: 2\r\n\r\n'))
        head, body = read_response(peer)
        assert peer.read_to_end() == b''
    assert (head.partition(b'\r\n')[0], body) == (b'HTTP/1.1 200 Fine', b'True True 2')
    assert b'\r\nConnection: close\r\n' in head


def test_own_class_that_raises(dial: Dial, escaped: list[BaseException]) -> None:
    """The exception is reported, and the connection ends."""
    class Request(http.IncomingMessage):
        def __init__(self, socket: Any) -> None:
            raise RuntimeError('oops')
    with server.createServer({'IncomingMessage': Request}).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        assert peer.read_to_end() == b''
    assert [str(error) for error in escaped] == ['oops']


def waits_in(place: str, wait: Callable[[Any], Any]) -> dict[str, Any]:
    """Return options of a server whose user waits before it hears of a request."""
    class Request(http.IncomingMessage):
        def __init__(self, socket: Any) -> None:
            super().__init__(socket)
            wait(socket)

    class Response(http.ServerResponse):
        def __init__(self, req: Any, options: Any) -> None:
            super().__init__(req, options)
            wait(req.socket)

    def should_upgrade(req: Any) -> bool:
        wait(req.socket)
        return False

    return {place: {'IncomingMessage': Request, 'ServerResponse': Response,
                    'shouldUpgradeCallback': should_upgrade}[place]}


@pytest.mark.parametrize('place', ['IncomingMessage', 'ServerResponse', 'shouldUpgradeCallback'])
def test_waiting_before_a_request_is_told_of(dial: Dial, record: Recorder, place: str) -> None:
    """Nothing overtakes the request. If the connection ends meanwhile, nobody hears of it."""
    def listener(req: Any, res: Any) -> None:
        record(f'{req.url} {b"".join(req).decode()}')
        res.end(req.url[1:])

    def wait(socket: Any) -> None:
        if closes:
            events.once(socket, 'close', MUST_NOT_EXPIRE)
            record('closed')
        else:
            timers.sleep(1)

    closes = False
    upgrade = b'\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'
    requests = [post(1, path).replace(b'\r\n\r\n', upgrade) + b'a' for path in ('/a', '/b')]
    with server.createServer(waits_in(place, wait), listener).listen(0) as made:
        peer = dial(made)
        peer.send(b''.join(requests))
        assert [read_response(peer)[1], read_response(peer)[1]] == [b'a', b'b']
        closes = True
        peer.send(b''.join(requests))
        peer.close()
        record.wait_for('closed')
    assert record.events == ['/a a', '/b a', 'closed']


def test_reading_a_request_whose_end_is_put_off(dial: Dial) -> None:
    """Ticks come before the end of one with trailers: nobody takes what is behind it for it."""
    def listener(req: Any, res: Any) -> None:
        res.on('finish', lambda: list(req))
        res.end(req.url)

    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(post(0, '/1').replace(b'Content-Length: 0', b'Transfer-Encoding: chunked')
                  + b'0\r\nT: 1\r\n\r\n' + post(0, '/2'))
        assert [read_response(peer)[1] for _ in range(2)] == [b'/1', b'/2']
        peer.close()


def test_refusing_a_client_although_its_socket_has_no_listener(dial: Dial) -> None:
    with server.createServer().listen(0) as made:
        made.on('connection', lambda socket: socket.removeAllListeners('error'))
        peer = dial(made)
        peer.send(b'x\r\n\r\n')
        assert peer.read_to_end() == b'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'


def test_waiting_for_the_end_of_a_socket(dial: Dial, record: Recorder) -> None:
    """Also in an event of it that the connection is to hear of next."""
    def wait(socket: Any) -> None:
        socket.destroy()
        record(events.once(socket, 'close', MUST_NOT_EXPIRE))

    with server.createServer(lambda req, res: wait(req.socket)).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        assert record.wait_count(1) == [[False]]
        peer.close()
        made.on('connection', lambda socket: socket.prependListener('end', lambda: wait(socket)))
        dial(made).close()
        assert record.wait_count(2) == [[False]] * 2


# Exceptions


@pytest.mark.parametrize('begin', [
    lambda res: None,
    lambda res: res.setHeader('X', 'y'),
    lambda res: res.writeHead(200, {'Content-Length': 5, 'X': 'y'}),
    lambda res: setattr(res, 'statusCode', 204),
    lambda res: res.writeHead(204),
    lambda res: (setattr(res, 'strictContentLength', True), res.setHeader('Content-Length', 5)),
])
def test_exception_before_anything_was_sent(dial: Dial, escaped: list[BaseException], begin: Any) -> None:
    """It is reported, and the client gets a 500."""
    def listener(req: Any, res: Any) -> None:
        begin(res)
        raise RuntimeError('oops')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        head, _ = read_response(peer)
        assert peer.read_to_end() == b''
    assert head == b'HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
    assert [str(error) for error in escaped] == ['oops']


def test_exception_after_the_head(dial: Dial, escaped: list[BaseException], record: Recorder) -> None:
    """The connection is destroyed: the client must not take what it got for a whole answer."""
    def listener(req: Any, res: Any) -> None:
        record.on(res, 'finish', 'close')
        res.write('a')
        raise RuntimeError('oops')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        assert not peer.read_to_end().endswith(b'0\r\n\r\n')
    assert record.wait_for('close') == ['close']
    assert len(escaped) == 1


def test_exception_after_the_end(dial: Dial, escaped: list[BaseException]) -> None:
    """The exchange was over: the answer arrives, and the connection stays."""
    def listener(req: Any, res: Any) -> None:
        res.end('a')
        raise RuntimeError('oops')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        for _ in range(2):
            peer.send(GET)
            assert read_response(peer)[1] == b'a'
        peer.close()
    assert len(escaped) == 2


def to_raise(*_: Any) -> None:
    raise RuntimeError('oops')


POSTS = {  # a body as it may come
    'whole': [b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody'],
    'apart': [b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n', b'body'],
    'chunks': [b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
               b'2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n'],
}


@pytest.mark.parametrize('body', POSTS)
@pytest.mark.parametrize('event', ['data', 'end', 'readable'])
def test_exception_in_a_listener_of_the_request(
        dial: Dial, escaped: list[BaseException], record: Recorder, event: str, body: str) -> None:
    """Without an answer its client would wait for ever."""
    def listener(req: Any, res: Any) -> None:
        record('request')
        if event == 'end':
            req.resume()
        req.on(event, to_raise)
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        for part in POSTS[body]:
            peer.send(part)
            record.wait_for('request')
        head, _ = read_response(peer)
        assert peer.read_to_end() == b''
    assert head == b'HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
    assert {str(error) for error in escaped} == {'oops'}


def test_exception_in_a_later_chunk(dial: Dial, escaped: list[BaseException], record: Recorder) -> None:
    """What the head has begun is broken off."""
    def listener(req: Any, res: Any) -> None:
        res.write('a')
        req.on('data', lambda chunk: to_raise() if chunk == b'dy' else record(chunk))
        record.on(res, 'close')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(POSTS['chunks'][0])
        assert not peer.read_to_end().endswith(b'0\r\n\r\n')
    assert record.wait_for('close') == [b'bo', 'close']
    assert len(escaped) == 1


@pytest.mark.parametrize('event', ['timeout', 'finish', 'close'])
def test_exception_in_a_listener_of_the_response(
        dial: Dial, escaped: list[BaseException], event: str) -> None:
    """It ends the exchange unless that is over."""
    def listener(req: Any, res: Any) -> None:
        res.on(event, to_raise)
        if event == 'timeout':
            res.setTimeout(5)
        else:
            res.end('a')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        head, answer = read_response(peer)
        if event == 'timeout':
            assert b' 500 ' in head
        else:
            assert answer == b'a'
            peer.send(GET)
            assert read_response(peer)[1] == b'a'
        peer.close()
    assert {str(error) for error in escaped} == {'oops'}


CALLBACKS: dict[str, Callable[[Any, Any], Any]] = {  # what the exchange is given a callback by, which raises
    'writeContinue': lambda req, res: res.writeContinue(to_raise),
    'writeEarlyHints': lambda req, res: res.writeEarlyHints({'link': '</a>; rel=preload'}, to_raise),
    'write': lambda req, res: res.write('a', to_raise),
    'write of a HEAD': lambda req, res: res.write('a', to_raise),
    'setTimeout': lambda req, res: res.setTimeout(5, to_raise),
    'pipeline': lambda req, res: stream.pipeline(req, stream.PassThrough().resume(), to_raise),
    'finished': lambda req, res: stream.finished(req.resume(), {'writable': False}, to_raise),
}


@pytest.mark.parametrize('name', CALLBACKS)
def test_exception_in_a_callback_of_an_exchange(dial: Dial, escaped: list[BaseException], name: str) -> None:
    """It ends that as one in a listener does."""
    with server.createServer(CALLBACKS[name]).listen(0) as made:
        peer = dial(made)
        peer.send(GET.replace(b'GET', b'HEAD') if 'HEAD' in name else GET)
        received = peer.read_to_end()
    is_begun = name == 'write' or 'HEAD' in name
    assert received.endswith(b'\r\n\r\n' if not is_begun or 'HEAD' in name else b'1\r\na\r\n')
    assert is_begun or b'HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n' in received
    assert [str(error) for error in escaped] == ['oops']


def test_exception_in_a_listener_for_client_errors(dial: Dial, escaped: list[BaseException]) -> None:
    """It would have had to close the socket."""
    with server.createServer().on('clientError', to_raise).listen(0) as made:
        peer = dial(made)
        peer.send(b'rubbish\r\n\r\n')
        assert peer.read_to_end() == b''
    assert [str(error) for error in escaped] == ['oops']


@pytest.mark.parametrize('fail', [to_raise, lambda req: req.resume().on('end', to_raise)])
def test_exception_of_a_pipelined_request(
        dial: Dial, escaped: list[BaseException], fail: Callable[[Any], Any]) -> None:
    """Its 500 comes in its turn."""
    def listener(req: Any, res: Any) -> None:
        if req.url == '/2':
            fail(req)
        else:
            timers.setTimeout(res.end, 5, 'one')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(GET.replace(b'/', b'/1', 1) + GET.replace(b'/', b'/2', 1))
        assert read_response(peer)[1] == b'one'
        assert b' 500 ' in read_response(peer)[0]
        assert peer.read_to_end() == b''
    assert len(escaped) == 1


@pytest.mark.parametrize('odd', range(6))
@pytest.mark.parametrize('kind', ['plain', 'heard', 'big', 'in pieces', 'later', 'last', 'destroyed'])
def test_pipelined_answers_leave_in_order(dial: Dial, kind: str, odd: int) -> None:
    """Those that have waited leave together as far as nothing comes in between."""
    log: list[Any] = []

    def listener(req: Any, res: Any) -> None:
        index = int(req.url[1:])
        if index != odd or kind == 'plain':
            res.end(req.url)
        elif kind == 'heard':
            res.on('finish', lambda: log.append(len(made._http_connections)))
            res.end(req.url)
        elif kind == 'big':
            res.end('x' * 20000)
        elif kind == 'in pieces':
            res.write('/')
            res.end(str(index))
        elif kind == 'later':
            timers.nextTick(res.end, req.url)
        elif kind == 'last':
            res.setHeader('Connection', 'close')
            res.end(req.url)
        else:
            res.on('finish', req.socket.destroy)
            res.end(req.url)
    # As in Node the next one is sent before 'finish' is heard.
    count = {'last': odd + 1, 'destroyed': min(odd + 2, 6)}.get(kind, 6)
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(b''.join(GET.replace(b'/', b'/%d' % index, 1) for index in range(6)))
        bodies = [read_response(peer)[1] for _ in range(count)]
        if kind in ('last', 'destroyed'):
            assert peer.read_to_end() == b''
        peer.close()
    if kind == 'big':
        assert bodies.pop(odd) == b'x' * 20000
        bodies.insert(odd, b'/%d' % odd)
    assert bodies == [b'/%d' % index for index in range(count)]
    assert log == ([1] if kind == 'heard' else [])


@pytest.mark.parametrize(('event', 'request_bytes'), [
    ('upgrade', b'GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    ('connect', b'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'),
    ('checkContinue', b'GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n'),
    ('checkExpectation', b'GET / HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n'),
])
def test_exception_of_another_listener(
        dial: Dial, escaped: list[BaseException], event: str, request_bytes: bytes) -> None:
    """The exchange ends as well."""
    def listener(req: Any, other: Any) -> None:
        raise RuntimeError('oops')
    with server.createServer().listen(0) as made:
        made.on(event, listener)
        peer = dial(made)
        peer.send(request_bytes)
        assert (b' 500 ' in peer.read_to_end()) == event.startswith('check')
    assert len(escaped) == 1


# Methods replaced on an instance


def test_methods_replaced_by_middleware(dial: Dial, record: Recorder) -> None:
    """write, end and writeHead can be wrapped; the implicit writeHead is called too, without the monitor."""
    def listener(req: Any, res: Any) -> None:
        write, end, write_head = res.write, res.end, res.writeHead

        def wrapped_head(*args: Any) -> Any:
            record(('writeHead', args, threadpool.owns_monitor()))
            res.setHeader('X-Wrapped', '1')
            return write_head(*args)

        def wrapped_write(chunk: str) -> Any:
            record(('write', chunk))
            return write(chunk.upper())

        def wrapped_end(chunk: str) -> Any:
            record(('end', chunk))
            return end(chunk)
        res.write, res.end, res.writeHead = wrapped_write, wrapped_end, wrapped_head
        if req.url == '/write':
            res.write('a')
        res.end('b')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        for path, body in ((b'/', b'b'), (b'/write', b'Ab')):
            peer.send(GET.replace(b'/', path, 1))
            head, received = read_response(peer)
            assert b'X-Wrapped: 1' in head
            assert received == body
        peer.close()
    assert record.events == [('end', 'b'), ('writeHead', (200,), False),
                             ('write', 'a'), ('writeHead', (200,), False), ('end', 'b')]


def test_write_head_overridden(dial: Dial) -> None:
    """So it is in a subclass; one that forgets to call the original is helped."""
    class Response(http.ServerResponse):
        def writeHead(self, statusCode: Any, statusMessage: Any = None, headers: Any = None) -> Any:
            assert not threadpool.owns_monitor()
            self.setHeader('X', str(statusCode))
    with server.createServer({'ServerResponse': Response}, lambda req, res: res.end('x')).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        assert b'\r\nX: 200\r\n' in read_response(peer)[0]
        peer.close()


# Waiting in handlers


def test_what_is_done_to_the_headers_of_a_request_is_not_seen_in_the_next(dial: Dial) -> None:
    """They come again and again, and are read once."""
    def listener(req: Any, res: Any) -> None:
        req.headers['x'] = req.headersDistinct['x'] = '1'
        req.rawHeaders.append('more')
        res.end(f'{len(req.rawHeaders)} {req.headers}')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        for _ in range(3):
            peer.send(GET)
            assert read_response(peer)[1] == b"3 {'host': 'x', 'x': '1'}"
        peer.close()


def test_iterating_over_a_request(dial: Dial) -> None:
    """`for chunk in req` waits in the middle of the delivery of the request; others are served meanwhile."""
    def listener(req: Any, res: Any) -> None:
        res.end(b''.join(req))
    with server.createServer(listener).listen(0) as made:
        slow, quick = dial(made), dial(made)
        slow.send(post(6) + b'ab')
        quick.send(post(2) + b'xy')
        assert read_response(quick)[1] == b'xy'
        slow.send(b'cd')
        quick.send(post(2) + b'zz')
        assert read_response(quick)[1] == b'zz'
        slow.send(b'ef' + GET)
        assert read_response(slow)[1] == b'abcdef'
        assert read_response(slow)[1] == b''
        slow.close()
        quick.close()


@pytest.mark.parametrize(('when', 'heard'), [
    ('tick before', ['chunk', 'over', 'close']), ('tick inside', ['chunk', 'over', 'close']),
    ('inside', ['chunk', 'end', 'close', 'over']), ('behind', ['chunk', 'over'])])
def test_who_listens_beside_an_iteration(dial: Dial, record: Recorder, when: str, heard: list[str]) -> None:
    """What comes of the end of what has arrived is over when the loop is, unless it may be heard."""
    def listener(req: Any, res: Any) -> None:
        if req.method == 'GET':
            res.end()
            return

        def listen() -> None:
            req.on('end', lambda: record('end')).on('close', lambda: record('close'))
        if when == 'tick before':
            timers.nextTick(listen)
        for _ in req:
            record(f'chunk{"ed" * req.complete}')
            if when == 'tick inside':
                timers.nextTick(listen)
            elif when == 'inside':
                listen()
        record('over')
        if when == 'behind':
            listen()
        res.end()
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        for request in (post(1) + b'x', GET):
            peer.send(request)
            read_response(peer)
        assert record.events == heard
        peer.close()


@pytest.mark.parametrize('request_bytes', [
    GET, post(6) + b'abcdef', CHUNKED_POST, post(6) + b'abcdef' + GET,
], ids=['GET', 'POST', 'chunks', 'two'])
def test_iterating_over_what_has_arrived(dial: Dial, request_bytes: bytes) -> None:
    """It does not wait, so that it costs no thread: not even a tick gets its turn meanwhile."""
    ticks: list[str] = []

    def listener(req: Any, res: Any) -> None:
        timers.nextTick(ticks.append, 'tick')
        body = b''.join(req)
        ticks.append('read')
        res.end(body + str(req.complete).encode())
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(request_bytes)
        assert read_response(peer)[1] == (b'True' if request_bytes == GET else b'abcdefTrue')
        peer.close()
    assert ticks[0] == 'read'


def test_waiting_for_an_event_of_the_request(dial: Dial) -> None:
    """events.once in a handler gets what comes behind the head, be it in the same read."""
    def listener(req: Any, res: Any) -> None:
        chunks: list[bytes] = []
        req.on('data', chunks.append)
        events.once(req, 'end', timeout=MUST_NOT_EXPIRE)
        timers.sleep(1)
        res.end(b''.join(chunks) + str(req.complete).encode())
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(post(2) + b'ab' + post(4) + b'cd')
        assert read_response(peer)[1] == b'abTrue'
        peer.send(b'ef')
        assert read_response(peer)[1] == b'cdefTrue'
        peer.close()


def test_two_listeners_of_a_connection_that_wait_in_turn(dial: Dial, record: Recorder) -> None:
    """The first to wait is the first to go on; later its thread ends an answer, and that is an end as any."""
    doors = [events.EventEmitter(), events.EventEmitter()]
    threads: list[int] = []
    last: list[Any] = []

    def listener(req: Any, res: Any) -> None:
        threads.append(threading.get_ident())
        record('request')
        if len(threads) < 3:
            events.once(doors[len(threads) - 1], 'open', timeout=MUST_NOT_EXPIRE)
            res.end('x')
            record('answered')
        else:
            record.on(res, 'finish')
            last.append(res)

    def end_on_the_first_thread() -> None:
        if threading.get_ident() == threads[0]:
            last[0].end('y')
        else:
            timers.setTimeout(end_on_the_first_thread, 1)
            timers.sleep(20)  # another thread goes on

    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(GET + GET)
        record.wait(lambda noted: noted.count('request') == 2)
        for count, door in enumerate(doors, 1):
            timers.setTimeout(door.emit, 0, 'open')
            record.wait(lambda noted, count=count: noted.count('answered') == count)
            assert read_response(peer)[1] == b'x'
        peer.send(GET)
        record.wait(lambda noted: noted.count('request') == 3)
        timers.setTimeout(end_on_the_first_thread, 1)
        assert read_response(peer)[1] == b'y'
        record.wait_for('finish')
        peer.close()


def test_a_write_behind_the_end_that_nobody_listens_for(dial: Dial, escaped: list[BaseException]) -> None:
    """It is an 'error' all the same, though nothing else of the response is heard."""
    def listener(req: Any, res: Any) -> None:
        res.end('x')
        res.write('y')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        assert read_response(peer)[1] == b'x'
        peer.close()
    assert [error.code for error in escaped] == ['ERR_STREAM_WRITE_AFTER_END']  # type: ignore[attr-defined]


def test_an_end_by_another_thread_while_the_head_is_written(dial: Dial) -> None:
    """The one head or the other, whole: the body is framed as the head says."""
    class Slow:
        def __init__(self, meanwhile: threading.Thread) -> None:
            self.meanwhile = meanwhile

        def __str__(self) -> str:
            self.meanwhile.start()
            self.meanwhile.join(MUST_EXPIRE)
            return 'x'

    def listener(req: Any, res: Any) -> None:
        other = threading.Thread(target=res.end, args=('other',))
        res.writeHead(200, {'Slow': Slow(other), 'Transfer-Encoding': 'chunked'})
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        assert peer.read_until(b'0\r\n\r\n').endswith(b'\r\n\r\n5\r\nother\r\n0\r\n\r\n')
        peer.close()


def test_leaving_an_iteration_early(dial: Dial) -> None:
    """The answer arrives, what is left of the request is discarded, and the connection goes on."""
    def listener(req: Any, res: Any) -> None:
        size = 0
        for chunk in req:
            size += len(chunk)
            if size > 10:
                break
        res.statusCode = 413 if size > 10 else 200
        res.end('done')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        size = 1_000_000
        peer.send(post(size) + b'x' * 100)
        head, body = read_response(peer)
        assert head.startswith(b'HTTP/1.1 413 Payload Too Large') and body == b'done'
        peer.send(b'x' * (size - 100) + post(3) + b'abc')
        assert read_response(peer)[0].startswith(b'HTTP/1.1 200 OK')
        peer.close()


def test_an_iteration_ends_with_the_connection(dial: Dial, record: Recorder) -> None:
    """ECONNRESET is raised when the client goes away in the middle of the body."""
    def listener(req: Any, res: Any) -> None:
        try:
            for chunk in req:
                record(chunk)
        except errors.Error as error:
            record((error.code, error.message))
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(post(6) + b'ab')
        record.wait_for(b'ab')
        peer.close()
        assert record.wait_count(2) == [b'ab', ('ECONNRESET', 'aborted')]


def test_a_blocking_handler_sends_as_it_writes(dial: Dial) -> None:
    """What a handler writes before it blocks does not wait for its end; nobody else does either."""
    go_on = threading.Event()

    def listener(req: Any, res: Any) -> None:
        if req.url == '/quick':
            res.end('quick')
            return
        res.write('first')
        go_on.wait(MUST_NOT_EXPIRE)
        res.write('second')
        res.end()
    with server.createServer(listener).listen(0) as made:
        peer, quick = dial(made), dial(made)
        peer.send(GET)
        peer.read_until(b'5\r\nfirst\r\n')
        quick.send(GET.replace(b'/', b'/quick', 1))
        assert read_response(quick)[1] == b'quick'
        go_on.set()
        assert peer.read_until(b'0\r\n\r\n') == b'6\r\nsecond\r\n0\r\n\r\n'
        peer.close()
        quick.close()


def test_pipelined_requests_of_a_blocking_handler(dial: Dial) -> None:
    """They stay in order and never overlap."""
    inside: list[str] = []
    most: list[int] = []

    def listener(req: Any, res: Any) -> None:
        inside.append(req.url)
        most.append(len(inside))
        threading.Event().wait(0.01)
        res.end(req.url)
        inside.remove(req.url)
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(b''.join(GET.replace(b'/', b'/%d' % index, 1) for index in range(5)))
        assert [read_response(peer)[1] for _ in range(5)] == [b'/%d' % index for index in range(5)]
        peer.close()
    assert max(most) == 1


# Other threads


def test_answering_from_a_thread_of_ones_own(dial: Dial) -> None:
    """A handler may leave the answer to somebody else."""
    def listener(req: Any, res: Any) -> None:
        threading.Thread(target=lambda: (res.setHeader('A', '1'), res.write('b'), res.end('c')),
            name='client').start()
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        for _ in range(20):
            peer.send(GET)
            assert read_response(peer)[1] == b'bc'
        peer.close()


def test_writes_of_several_threads_stay_whole(dial: Dial) -> None:
    """Whatever the threads do, each write is a chunk of its own."""
    def listener(req: Any, res: Any) -> None:
        def write(letter: str) -> None:
            for size in (1, 10, 100, 1000, 20000):
                res.write(letter * size)
        threads = [threading.Thread(target=write, args=(letter,)) for letter in 'abc']
        with http.blocking():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        res.end()
    chunks = []
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        peer.read_until(b'\r\n\r\n')
        while size := int(peer.read_until(b'\r\n'), 16):
            chunks.append(peer.read_exactly(size + 2)[:-2])
        peer.close()
    for letter in (b'a', b'b', b'c'):
        assert [chunk for chunk in chunks if chunk.startswith(letter)] == [
            letter * size for size in (1, 10, 100, 1000, 20000)]


def test_close_under_load(dial: Dial) -> None:
    """close() from the main thread lets what is under way finish, and nothing breaks."""
    made = server.createServer(lambda req, res: res.end('x' * 100)).listen(0)
    counts = [0] * 4
    stop = threading.Event()

    def load(index: int, peer: RawPeer) -> None:
        while not stop.is_set():
            try:
                peer.send(GET)
                if len(read_response(peer)[1]) == 100:
                    counts[index] += 1
            except (AssertionError, OSError):
                return
    with made:
        threads = [threading.Thread(target=load, args=(index, dial(made)),
            name='client') for index in range(4)]
        for thread in threads:
            thread.start()
        while sum(counts) < 50:
            stop.wait(0.001)
        made.close()
        stop.set()
        for thread in threads:
            thread.join(MUST_NOT_EXPIRE)
        made.closeAllConnections()


# Backpressure


def test_an_unread_request_stops_the_client(dial: Dial, record: Recorder) -> None:
    """No more of a body is read than fits into the buffers, until somebody reads it."""
    requests: list[Any] = []

    def listener(req: Any, res: Any) -> None:
        requests.append((req, res))
        record('request')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        size = 50_000_000
        sent = 0
        peer.send(post(size))
        record.wait_for('request')
        peer.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            while sent < size:
                sent += peer.socket.send(b'x' * 65536)
        req, res = requests[0]
        assert req.readableLength <= 3 * 65536
        total = 0

        def count(chunk: bytes) -> None:
            nonlocal total
            total += len(chunk)
        req.on('data', count)
        req.on('end', lambda: res.end(str(total)))
        peer.socket.settimeout(MUST_NOT_EXPIRE)
        peer.send(b'x' * (size - sent))
        assert read_response(peer)[1] == str(size).encode()
        peer.close()


def test_a_slow_reader_makes_write_return_false(dial: Dial, record: Recorder) -> None:
    """'drain' follows when there is room again."""
    written = 0

    def listener(req: Any, res: Any) -> None:
        def go_on() -> None:
            nonlocal written
            while written < 8_000_000:
                written += 65536
                if not res.write(b'x' * 65536):
                    record('full')
                    return
            res.end()
        res.on('drain', go_on)
        go_on()
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        record.wait_for('full')
        assert written < 7_000_000
        assert len(read_response(peer)[1]) == written
        peer.close()


def test_many_pipelined_answers_stop_the_reading(dial: Dial, record: Recorder) -> None:
    """Requests behind an unanswered one are not read without bound when their answers pile up."""
    first: list[Any] = []
    urls: list[str] = []

    def listener(req: Any, res: Any) -> None:
        urls.append(req.url)
        if req.url == '/0':
            first.append(res)
        else:
            res.end('x' * 40000)
        record(req.url)
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        for index in range(3):
            peer.send(GET.replace(b'/', b'/%d' % index, 1))
            record.wait_for(f'/{index}')
        peer.send(GET.replace(b'/', b'/3', 1))
        record.wait_for('/3')  # it is this one that finds too much waiting
        peer.send(b''.join(GET.replace(b'/', b'/%d' % index, 1) for index in range(4, 10)))
        turn = threadpool.Waiter()
        timers.setTimeout(turn.set, 20)
        turn.wait(MUST_NOT_EXPIRE)
        assert urls[-1] == '/3'
        first[0].end('first')
        assert read_response(peer)[1] == b'first'
        for _ in range(1, 10):
            assert len(read_response(peer)[1]) == 40000
        peer.close()


# Any Duplex


class Pipe(stream.Duplex):
    """A connection of the user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b''

    def _read(self, size: int) -> None:
        pass

    def _write(self, chunk: bytes, encoding: str, callback: Callable[..., None]) -> None:
        self.sent += chunk
        timers.setImmediate(callback)


@pytest.mark.parametrize('how', ['emit', 'listener'])
def test_any_duplex_may_be_a_connection(record: Recorder, how: str) -> None:
    """As with 'connection' emitted by the user, or _connectionListener."""
    def listener(req: Any, res: Any) -> None:
        record.on(res, 'finish', 'close')
        res.end(req.method + b''.join(req).decode())
    made, pipe = server.createServer(listener), Pipe()
    record.on(pipe, 'finish', 'close', prefix='pipe')
    if how == 'emit':
        made.emit('connection', pipe)
    else:
        http._connectionListener(made, pipe)
    pipe.push(post(3) + b'ab')
    pipe.push(b'c')
    record.wait_count(2)
    pipe.push(CLOSING_POST)
    assert record.wait_for('pipe finish') == ['finish', 'close', 'finish', 'close', 'pipe finish']
    assert pipe.sent.endswith(b'POSTz') and pipe.sent.count(b'POSTabc') == 1
    pipe.destroy()
    record.wait_for('pipe close')


CLOSING_POST = b'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nz'


def test_what_a_duplex_has_at_once_comes_without_ticks_between(record: Recorder) -> None:
    """Unlike the pieces of a body that a socket has read."""
    def listener(req: Any, res: Any) -> None:
        req.on('data', lambda data: record(data.decode()))
        req.on('end', lambda: record('end'))
        timers.nextTick(record, 'tick')
        res.end()
    made, pipe = server.createServer(listener), Pipe()
    made.emit('connection', pipe)
    head = b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
    pipe.push(head + b'1\r\na\r\n1\r\nb\r\n0\r\n\r\n' + GET)
    assert record.wait_count(6) == ['a', 'b', 'tick', 'tick', 'end', 'end']
    pipe.destroy()


def test_a_duplex_has_a_body_and_its_end_at_once(record: Recorder) -> None:
    def listener(req: Any, res: Any) -> None:
        timers.nextTick(lambda: record(f'complete: {req.complete}'))
        req.on('data', lambda data: record(data.decode()))
    made, pipe = server.createServer(listener), Pipe()
    made.emit('connection', pipe)
    pipe.push(post(1) + b'a')
    assert record.wait_count(2) == ['complete: True', 'a']
    pipe.destroy()


def test_rubbish_on_a_duplex(record: Recorder) -> None:
    """It gets the default answer, and is destroyed with the error."""
    made, pipe = server.createServer(), Pipe()
    record.on(pipe, 'error', 'close')
    made.emit('connection', pipe)
    pipe.push(b'BAD\r\n')
    assert record.wait_for('close') == ['error', 'close']
    assert pipe.sent == b'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'


# Closing


def test_close_ends_idle_connections(dial: Dial) -> None:
    """Not those that were never used, or are in a request: these are still answered."""
    unanswered: list[Any] = []

    def listener(req: Any, res: Any) -> None:
        if req.url == '/later':
            unanswered.append(res)
            asked.set()
        else:
            res.end('x')
    asked = threading.Event()
    with server.createServer(listener).listen(0) as made:
        idle, fresh, busy = dial(made), dial(made), dial(made)
        idle.send(GET)
        read_response(idle)
        busy.send(GET.replace(b'/', b'/later', 1))
        assert asked.wait(MUST_NOT_EXPIRE)
        closed = threading.Event()
        made.close(lambda error: closed.set())
        assert not made.listening and made.address() is None
        assert idle.read_to_end() == b''
        fresh.send(GET)
        assert read_response(fresh)[1] == b'x'
        unanswered[0].end('y')
        assert read_response(busy)[1] == b'y'
        assert not closed.is_set()
        fresh.close()
        busy.close()
        assert closed.wait(MUST_NOT_EXPIRE)


def test_close_of_one_that_does_not_run(record: Recorder) -> None:
    """The callback gets ERR_SERVER_NOT_RUNNING."""
    server.createServer().close(lambda error: record(error.code))
    record.wait_for('ERR_SERVER_NOT_RUNNING')


def test_close_all_connections(dial: Dial, record: Recorder) -> None:
    """Every connection ends, used or not; the server goes on listening. Upgraded ones are the user's."""
    def listener(req: Any, res: Any) -> None:
        record.on(req, 'aborted', 'close', prefix='req')
        record.on(res, 'close', prefix='res')
        record('request')

    def upgraded(req: Any, sock: Any) -> None:
        sock.write('U')
        sock.on('end', sock.end)
    with server.createServer(listener).listen(0) as made:
        made.on('upgrade', upgraded)
        fresh, busy, tunnel = dial(made), dial(made), dial(made)
        tunnel.send(b'GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
        tunnel.read_exactly(1)
        busy.send(GET)
        record.wait_for('request')
        made.closeAllConnections()
        assert fresh.read_to_end() == busy.read_to_end() == b''
        assert made.listening
        assert tunnel.is_silent()
        tunnel.close()
    assert record.events == ['request', 'req aborted', 'res close', 'req close']


def test_close_idle_connections(dial: Dial) -> None:
    """One on which the next head is arriving is not idle, one that was never used neither."""
    with server.createServer(lambda req, res: res.end('x')).listen(0) as made:
        idle, fresh, begun = dial(made), dial(made), dial(made)
        for peer in (idle, begun):
            peer.send(GET)
            read_response(peer)
        parts = threading.Event()
        made.once('request', parts.set)
        begun.send(GET + GET[:5])
        read_response(begun)
        made.closeIdleConnections()
        assert idle.read_to_end() == b''
        begun.send(GET[5:])
        fresh.send(GET)
        assert read_response(begun)[1] == read_response(fresh)[1] == b'x'
        begun.close()
        fresh.close()


def test_slow_heads_are_ended_without_threads(dial: Dial) -> None:
    """headersTimeout ends who does not finish a head; meanwhile they cost no thread."""
    before = sum(thread.name == 'nodehttp' for thread in threading.enumerate())  # some may be idle yet
    options = {'headersTimeout': 100, 'connectionsCheckingInterval': 20}
    with server.createServer(options, lambda req, res: res.end('x')).listen(0) as made:
        peers = [dial(made) for _ in range(50)]
        for peer in peers:
            peer.send(GET[:10])
        quick = dial(made)
        quick.send(GET)
        assert read_response(quick)[1] == b'x'
        assert sum(thread.name == 'nodehttp' for thread in threading.enumerate()) <= max(4, before)
        for peer in peers:
            assert peer.read_to_end() == b'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'
        quick.close()


@pytest.mark.parametrize('reads', [1, 2])
def test_a_request_whose_end_a_listener_of_data_waits_for_is_over(
        dial: Dial, record: Recorder, reads: int) -> None:
    """Its time does not run on: the connection outlives one that has begun a request later."""
    def listener(req: Any, res: Any) -> None:
        record('request')
        req.on('data', lambda data: events.once(req, 'end', MUST_NOT_EXPIRE))
        req.on('end', lambda: res.end('a'))
    options = {'requestTimeout': 50, 'headersTimeout': 50, 'connectionsCheckingInterval': 10}
    with server.createServer(options, listener).listen(0) as made:
        peer = dial(made)
        for number in (1, 2):
            if reads == 1:
                peer.send(post(1) + b'a')
            else:
                peer.send(post(1))
                record.wait_count(number)
                peer.send(b'a')
            assert read_response(peer)[1] == b'a'
        late = dial(made)
        late.send(GET[:10])
        assert late.read_to_end().startswith(b'HTTP/1.1 408 ')
        peer.send(post(1) + b'a')
        assert read_response(peer)[1] == b'a'
        peer.close()


# Where we leave Node


def test_early_hints_cannot_split_the_message() -> None:
    """Node 25.2.1 sends what it is given."""
    response = http.ServerResponse(Record(method='GET', headers={}))
    with pytest.raises(TypeError, match='must be a valid HTTP token'):
        response.writeEarlyHints({'link': '</a>', 'x y': '1'})
    with pytest.raises(TypeError, match='Invalid character in header content'):
        response.writeEarlyHints({'link': '</a>', 'x': 'a\r\nb'})
    with pytest.raises(TypeError, match='must be an array or string of format'):
        response.writeEarlyHints({'link': '</a\r\nX: y>'})


def test_chunks_that_were_corked_come_before_the_last_one(dial: Dial) -> None:
    """Node 25.2.1 sends them behind it."""
    def listener(req: Any, res: Any) -> None:
        res.flushHeaders()
        res.cork()
        res.write('a')
        res.write('b')
        res.end('c')
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        assert read_response(peer)[1] == b'abc'
        peer.close()


@pytest.mark.parametrize('body', ['\xe9', '\xe9' * 10_000])
@pytest.mark.parametrize('is_written', [False, True])
def test_the_head_is_latin1(dial: Dial, body: str, is_written: bool) -> None:
    """Node 25.2.1 sends UTF-8 when a string body shares the first write."""
    def listener(req: Any, res: Any) -> None:
        res.setHeader('X', '\xe9')
        if is_written:
            res.write(body)
            res.end()
        else:
            res.end(body)
    with server.createServer(listener).listen(0) as made:
        peer = dial(made)
        peer.send(GET)
        head, received = read_response(peer)
        assert b'X: \xe9\r\n' in head
        assert received == body.encode()
        peer.close()


# A pipeline that fails


def refusing() -> stream.Writable:
    return stream.Writable(write=lambda chunk, encoding, callback: callback(errors.Error('full')))


def read_one(source: Any) -> None:
    for _ in source:
        raise errors.Error('full')


@pytest.mark.parametrize('parts', [[refusing], [stream.PassThrough, refusing], [lambda: read_one]])
@pytest.mark.parametrize('framing', ['Content-Length: 9', 'Transfer-Encoding: chunked'])
def test_a_pipeline_that_fails_leaves_the_connection_to_the_response(
    dial: Any, record: Recorder, framing: str, parts: Any,
) -> None:
    is_chunked = 'chunked' in framing

    @http.createServer
    def server(req: Any, res: Any) -> None:
        if req.method == 'GET':
            res.end('next')
            return
        record.on(req, 'aborted', 'error', 'close')

        def failed(error: Any) -> None:
            record(f'{error.message} {req.destroyed} {req.socket} {req.errored.message}')
            res.writeHead(507)
            res.end('no room')
        stream.pipeline(req, *(make() for make in parts), failed)

    with server.listen(0, '127.0.0.1'):
        peer = dial(server)
        peer.send(f'POST / HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n'.encode())
        peer.send(b'3\r\nabc\r\n' if is_chunked else b'abc')
        assert b'HTTP/1.1 507 ' in peer.read_until(b'no room\r\n0\r\n\r\n')
        peer.send(b'6\r\ndefghi\r\n0\r\n\r\n' if is_chunked else b'defghi')
        peer.send(GET)
        assert peer.read_until(b'next').startswith(b'HTTP/1.1 200 ')
        server.closeAllConnections()
    # A loop destroys the request before the pipeline does.
    why = 'full' if parts[-1] is refusing else 'The operation was aborted'
    assert record.events == ['aborted', 'error', 'close', f'full True None {why}']
