"""What other threads do with requests, responses and servers: whatever they do whenever, nothing is lost,
nothing happens twice, nothing is left over.

The rules of the pool itself are in test_threadpool.py, streams in test_stream_threads.py.
"""

import itertools
import queue
import random
import sys
import threading
import time

import pytest
from conftest import MUST_NOT_EXPIRE, RawPeer

import nodehttp as http
from nodehttp import net, threadpool, timers, waiting
from nodehttp.errors import NodeError
from nodehttp.monitor import owns_monitor, release_monitor
from nodehttp.stream import Readable

REQUEST = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'


@pytest.fixture
def switching_all_the_time():
    """Threads of Python take turns every 10 us rather than every 5 ms."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def in_threads(*functions):
    """Run functions at the same time, each in a thread of its own; wait for their ends."""
    threads = [threading.Thread(target=function, name='client') for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(MUST_NOT_EXPIRE)
        assert not thread.is_alive()


# Destroying


def answer_somehow(req, res):
    """Answer after a while, in parts, or not at all."""
    how = int(req.url[1:]) % 7
    req.resume()

    def answer():
        if how == 0:
            req.socket.destroy()
        elif how == 1:
            res.write('a')
            timers.setTimeout(req.socket.destroy, 1)
        elif how == 2:
            res.writeHead(200, {'Content-Length': 300_000}).write(b'x' * 200_000)
            timers.setTimeout(res.end, 1, b'x' * 100_000)
        elif how == 3:
            res.writeHead(200, {'Connection': 'close'}).end('bye')
        else:
            res.write('a')
            timers.setTimeout(res.end, how - 4, 'b')
    if how % 2:
        answer()
    else:
        timers.setTimeout(answer, how)


class Doomed:
    """Requests that are made by one thread and destroyed by others, each at its moment."""

    def __init__(self, port, count, seed):
        self._port, self._count, self._random = port, count, random.Random(seed)
        self._agents = [http.Agent(keepAlive=True, maxSockets=3), http.Agent(maxSockets=3),
                        http.Agent(keepAlive=True, maxSockets=3, maxTotalSockets=4)]
        self._todo = [[], []]
        self._closed = threading.Semaphore(0)
        self.closes = [0] * count

    def make(self):
        """Make them; for each that is made the next one has to wait until another is closed."""
        for number in range(self._count):
            method = 'POST' if number % 4 == 0 else 'GET'
            host = 'localhost' if number % 5 == 0 else '127.0.0.1'
            req = http.request({'port': self._port, 'host': host, 'path': f'/{number}', 'method': method,
                                'agent': self._agents[number % 3]})
            req.on('close', lambda number=number: self._note(number))
            req.on('error', lambda error: None)
            req.on('response', lambda res: res.resume())
            if method == 'POST':
                req.write(b'x' * self._random.choice((10, 100_000, 1_000_000)))
            req.end()
            delay = self._random.choice((0, 0, 0.0003, 0.001, 0.004, 0.008)) * self._random.random() * 2
            self._todo[number % 2].append((time.monotonic() + delay, req))
            if number >= 30:
                assert self._closed.acquire(timeout=MUST_NOT_EXPIRE)
        for todo in self._todo:
            todo.append((0, None))

    def _note(self, number):
        self.closes[number] += 1
        self._closed.release()

    def destroyer(self, index):
        """Return what a thread does that destroys half of them."""
        def destroy():
            todo = self._todo[index]
            while True:
                while not todo:
                    time.sleep(0.0002)  # not synchronisation: any moment will do
                moment, req = todo.pop(0)
                if req is None:
                    return
                time.sleep(max(0, moment - time.monotonic()))
                req.destroy()
        return destroy

    def end(self):
        """Wait for the last ones; return what is left in the agents."""
        for _ in range(min(30, self._count)):
            assert self._closed.acquire(timeout=MUST_NOT_EXPIRE), self.closes
        for agent in self._agents:
            agent.destroy()
        deadline = time.monotonic() + MUST_NOT_EXPIRE
        while any(agent.totalSocketCount for agent in self._agents) and time.monotonic() < deadline:
            time.sleep(0.001)  # closing takes a turn of the loop
        return [(agent.totalSocketCount, agent.sockets, agent.freeSockets, agent.requests)
                for agent in self._agents]


def destroy_at_any_moment(count, seed):
    with http.createServer(answer_somehow).listen(0, '127.0.0.1') as server:
        doomed = Doomed(server.address().port, count, seed)
        in_threads(doomed.make, doomed.destroyer(0), doomed.destroyer(1))
        left = doomed.end()
        server.closeAllConnections()
    assert doomed.closes == [1] * count
    assert left == [(0, {}, {}, {})] * 3


def test_each_request_that_is_destroyed_at_any_moment_closes_once():
    destroy_at_any_moment(1000, 1)


def test_so_it_does_when_threads_switch_all_the_time(switching_all_the_time):
    destroy_at_any_moment(500, 2)


# Writing


@pytest.mark.parametrize('framing', [{}, {'Content-Length': 3 * 60 * 100_003}], ids=['chunked', 'counted'])
def test_writes_of_three_threads_stay_whole_while_the_client_is_slow(dial, framing):
    # Each of them waits for 'drain' whenever it is told to; nobody misses one.
    waits = []

    def listener(req, res):
        def write(letter):
            for _ in range(60):
                if not res.write(b'<' + letter * 100_000 + b'>\n'):
                    waits.append(letter)
                    time.sleep(0.001)  # time enough for the others
                    http.once(res, 'drain', MUST_NOT_EXPIRE)
        res.writeHead(200, {'Connection': 'close', **framing})
        with http.blocking():
            in_threads(*(lambda letter=letter: write(letter) for letter in (b'a', b'b', b'c')))
        res.end()

    with http.createServer(listener).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(REQUEST)
        body = read_slowly(peer)
    if not framing:
        body = unchunked(body)
    writes = body.split(b'\n')[:-1]
    assert {len(write) for write in writes} == {100_002}
    assert [sum(write == b'<' + letter * 100_000 + b'>' for write in writes)
            for letter in (b'a', b'b', b'c')] == [60] * 3
    assert waits


def read_slowly(peer: RawPeer) -> bytes:
    """Return the body of a response, read with pauses."""
    peer.read_until(b'\r\n\r\n')
    chunks = [peer.received]
    while chunk := peer.socket.recv(1_000_000):
        chunks.append(chunk)
        time.sleep(0.002)  # what makes it slow
    peer.received = b''
    return b''.join(chunks)


def unchunked(body: bytes) -> bytes:
    """Return a body without its chunks, each of which holds one write."""
    parts, position = [], 0
    while position < len(body):
        end = body.index(b'\r\n', position)
        length = int(body[position:end], 16)
        parts.append(body[end + 2:end + 2 + length])
        position = end + 2 + length + 2
        assert body[position - 2:position] == b'\r\n'
    return b''.join(parts)


# Closing


class Answering:
    """A listener that counts what it is asked, and answers in one of the ways that threads offer."""

    def __init__(self):
        self.asked = []
        self._later = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._answer_later, name='answering')

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._later.put(None)
        self._thread.join(MUST_NOT_EXPIRE)

    def __call__(self, req, res):
        self.asked.append(req.url)
        match int(req.url[1:]) % 4:
            case 0:
                res.end(req.url)
            case 1:
                time.sleep(0.002)  # a listener that blocks
                res.end(req.url)
            case 2:
                timers.setTimeout(res.end, 1, req.url)
            case 3:
                self._later.put((res, req.url))

    def _answer_later(self):
        while (task := self._later.get()) is not None:
            res, url = task
            res.write(url[:1])
            res.end(url[1:])


class Asking:
    """What a client's thread does: ask again and again on one connection, until it is closed or `is_over`."""

    def __init__(self, peer, first):
        self.peer, self._first = peer, first
        self.answered = []
        self.is_over = False

    def __call__(self):
        for number in range(self._first, self._first + 1_000_000, 1000):
            url = f'/{number}'
            try:
                self.peer.send(f'GET {url} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
                first = self.peer.socket.recv(1)
            except ConnectionError:  # closed before it has arrived
                return
            if not first:
                return
            head = self.peer.read_until(b'\r\n\r\n')
            if b'chunked' in head:
                body = self.peer.read_until(b'0\r\n\r\n')
                assert body == b'1\r\n/\r\n%x\r\n%b\r\n0\r\n\r\n' % (len(url) - 1, url[1:].encode())
            else:
                assert self.peer.read_exactly(len(url)) == url.encode()
            self.answered.append(url)
            if self.is_over:
                return


def test_a_server_that_is_closed_under_load_answers_whatever_has_reached_it(dial):
    for _ in range(5):
        with Answering() as listener, http.createServer(listener).listen(0, '127.0.0.1') as server:
            clients = [Asking(dial(server), number) for number in range(8)]
            threads = [threading.Thread(target=client, name='client') for client in clients]
            for thread in threads:
                thread.start()
            while len(listener.asked) < 60:
                time.sleep(0.001)  # not synchronisation: any moment will do
            closed = threading.Event()
            server.close(closed.set)
            for client in clients:
                client.is_over = True
            for client, thread in zip(clients, threads, strict=True):
                thread.join(MUST_NOT_EXPIRE)
                assert not thread.is_alive()
                client.peer.close()
            assert closed.wait(MUST_NOT_EXPIRE)
            assert sorted(listener.asked) == sorted(url for client in clients for url in client.answered)


# Listening late


def test_the_response_of_a_request_that_is_ended_late():
    # The thread has waited for something else before; the response is here before its next line.
    begun = threading.Event()

    def listener(req, res):
        begun.set()
        res.end(b''.join(req))

    with http.createServer(listener).listen(0, '127.0.0.1') as server:
        agent = http.Agent(keepAlive=True)
        for _ in range(10):
            begun.clear()
            req = http.request({
                'port': server.address().port, 'host': '127.0.0.1', 'agent': agent, 'method': 'POST'})
            req.write('a')
            with http.blocking():
                assert begun.wait(MUST_NOT_EXPIRE)
            req.end('b')
            time.sleep(0.001)  # time enough for the others
            [response] = http.once(req, 'response', MUST_NOT_EXPIRE)
            assert b''.join(response) == b'ab'
        agent.destroy()
        server.closeAllConnections()


# Handlers that wait


def test_a_handler_waits_while_its_client_turns_out_to_send_no_http(dial):
    # And goes on to wait for other things, with each of which its connection gets the chance to go on.
    refused, waited, told = threading.Event(), threading.Event(), []

    def handler(req, res):
        with http.blocking():
            refused.wait(MUST_NOT_EXPIRE)
        timers.sleep(1)
        waited.set()

    def refuse(error, socket):
        told.append(error.code)
        refused.set()

    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        server.on('clientError', refuse)
        peer = dial(server)
        peer.send(b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno length')
        assert waited.wait(MUST_NOT_EXPIRE)
        server.closeAllConnections()
    assert told == ['HPE_INVALID_CHUNK_SIZE']


def test_a_handler_that_blocks_hears_the_answers_of_another_server(dial):
    # It has lost the baton, so that the pool goes on beside it, faster than it adds its listeners.
    agent = http.Agent(keepAlive=True)

    def handler(req, res):
        time.sleep(0.008)
        inner = http.get({'port': other.address().port, 'host': '127.0.0.1', 'agent': agent})
        time.sleep(0.002)  # time enough for the others
        [answer] = http.once(inner, 'response', MUST_NOT_EXPIRE)
        res.end(b''.join(answer))

    with http.createServer(lambda req, res: res.end('inner')).listen(0, '127.0.0.1') as other, \
            http.createServer(handler).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        for _ in range(10):
            peer.send(REQUEST)
            assert peer.read_until(b'inner').endswith(b'\r\n\r\ninner')
        agent.destroy()
        server.closeAllConnections()


def test_the_events_of_a_socket_come_behind_the_one_that_brings_it(record):
    """Also where the thread goes on with the request for longer than with the socket."""
    with http.createServer(lambda req, res: res.end()).listen(0, '127.0.0.1') as server:
        port = server.address().port

        class Agent(http.Agent):
            def createConnection(self, options=None, callback=None):
                socket = net.connect(port, '127.0.0.1')
                record.on(socket, 'connect')
                return socket

        req = http.request({'port': port, 'host': '127.0.0.1', 'agent': Agent()}, lambda res: res.resume())
        record.on(req, 'socket', 'close')
        req.end()
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            with threadpool.monitor:
                threadpool.hold(req._strand)
        assert record.wait_count(3) == ['socket', 'connect', 'close']


def test_a_listener_of_prefinish_waits_for_finish():
    waited = queue.SimpleQueue()

    def wait_for_finish(message):
        @message.on('prefinish')
        def wait():
            waited.put(http.once(message, 'finish', MUST_NOT_EXPIRE))

    def handler(req, res):
        wait_for_finish(res)
        res.end('ok')

    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        agent = http.Agent(keepAlive=True)
        for _ in range(2):  # on a new connection, and on a used one
            req = http.request(port=server.address().port, host='127.0.0.1', agent=agent)
            wait_for_finish(req)
            [res] = http.once(req.end(), 'response', MUST_NOT_EXPIRE)
            assert b''.join(res) == b'ok'
            assert [waited.get(timeout=MUST_NOT_EXPIRE) for _ in range(2)] == [[], []]
        agent.destroy()


@pytest.mark.parametrize('piece', [1, 2])
@pytest.mark.parametrize('waits_for', ['end', 'close'])
def test_a_listener_of_data_waits_for_the_end_of_a_message_that_is_there(waits_for, piece):
    waited = queue.SimpleQueue()

    def wait_for_the_end(message):
        pieces = []

        @message.on('data')
        def wait(data):
            pieces.append(data)
            if len(pieces) == piece:
                waited.put((http.once(message, waits_for, MUST_NOT_EXPIRE), b''.join(pieces)))

    def answer(req, res):
        wait_for_the_end(req)
        req.on('end', lambda: res.writeHead(200, {'Transfer-Encoding': 'chunked'}))
        req.on('end', lambda: (res.write('one '), res.end('two')))

    with http.createServer(answer).listen(0, '127.0.0.1') as server:
        agent = http.Agent(keepAlive=True)
        for _ in range(2):  # on a new connection, and on a used one
            req = http.request(port=server.address().port, host='127.0.0.1', agent=agent, method='POST')
            req.on('response', wait_for_the_end)
            req.write('one ')
            req.end('two')
            assert [waited.get(timeout=MUST_NOT_EXPIRE) for _ in range(2)] == [([], b'one two')] * 2
        agent.destroy()


PART = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n'


def read_in_a_loop(res, begin):
    for _ in res:
        begin()


def wait_for_the_end(res, begin):
    res.on('data', lambda chunk: begin())
    http.once(res, 'end', MUST_NOT_EXPIRE)


def read_when_it_is_over(res, begin):
    over = threading.Event()
    res.req.on('close', over.set)
    begin()
    assert over.wait(MUST_NOT_EXPIRE)
    read_in_a_loop(res, begin)


@pytest.mark.parametrize('read', [read_in_a_loop, wait_for_the_end, read_when_it_is_over])
@pytest.mark.parametrize('listens', [False, True])
@pytest.mark.parametrize(('fail', 'cause'), [
    (lambda peer, req: peer.close(), None),
    (lambda peer, req: peer.reset(), 'read ECONNRESET'),
    (lambda peer, req: peer.send(b'no length'), 'Parse Error: Invalid character in chunk size'),
    (lambda peer, req: req.destroy(NodeError('enough')), 'enough'),
])
def test_who_waits_for_a_response_is_told_why_it_ends_early(scripted, escaped, fail, cause, listens, read):
    begun = threading.Event()

    def peer(peer):
        peer.read_until(b'\r\n\r\n')
        peer.send(PART)
        assert begun.wait(MUST_NOT_EXPIRE)
        fail(peer, req)

    heard = []
    req = http.get(port=scripted(peer), host='127.0.0.1', agent=False)
    if listens:
        req.on('error', heard.append)
    [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
    with pytest.raises(ConnectionResetError, match=r'^aborted$') as raised:
        read(res, begun.set)
    assert http.once(req, 'close', MUST_NOT_EXPIRE) == []
    assert [str(error) for error in heard] == ([cause] if listens and cause else [])
    assert str(raised.value.__cause__) == str(cause)
    assert escaped == []


# Waiting for what does not come any more


def wait_until_it_drains(req, res):
    while True:
        if not res.write(bytes(65536)):
            http.once(res, 'drain', MUST_NOT_EXPIRE)


def wait_for_the_end_of_a_pipe(req, res):
    Readable.from_(itertools.repeat(bytes(65536))).pipe(res)
    http.once(res, 'finish', MUST_NOT_EXPIRE)


def wait_when_it_is_closed(req, res):
    http.once(res, 'close', MUST_NOT_EXPIRE)
    assert not res.write('too late')
    http.once(res, 'drain', MUST_NOT_EXPIRE)


def wait_for_a_body_that_is_empty(req, res):
    res.write('go')
    http.once(req, 'data', MUST_NOT_EXPIRE)


def wait_for_data_of_the_socket(req, res):
    res.end('go')
    http.once(req.socket, 'an event of its own', MUST_NOT_EXPIRE)


@pytest.mark.parametrize('wait', [
    wait_until_it_drains, wait_for_the_end_of_a_pipe, wait_when_it_is_closed, wait_for_a_body_that_is_empty,
    wait_for_data_of_the_socket])
def test_a_handler_does_not_wait_for_a_peer_that_has_gone(dial, wait):
    codes = queue.SimpleQueue()

    def handler(req, res):
        try:
            wait(req, res)
        except NodeError as error:
            codes.put(error.code)

    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(REQUEST)
        if wait is not wait_when_it_is_closed:
            peer.read_until(b'\r\n\r\n')
        peer.close()
        assert codes.get(timeout=MUST_NOT_EXPIRE) == 'ERR_STREAM_PREMATURE_CLOSE'


EMPTY = b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'


@pytest.mark.parametrize(('answer', 'names'), [
    (b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', ['response']),
    (EMPTY, ['upgrade']),
    (EMPTY, ['response', 'data']),
    (EMPTY, ['response', 'end', 'end']),
])
def test_a_client_does_not_wait_for_what_does_not_come(scripted, answer, names):
    def peer(peer):
        peer.read_until(b'\r\n\r\n')
        peer.send(answer)
        peer.read_to_end()

    emitter = http.get(port=scripted(peer), host='127.0.0.1', agent=False)
    for name in names[:-1]:
        [emitter] = http.once(emitter, name, MUST_NOT_EXPIRE) or [emitter]
        if name == 'response' and 'end' in names:
            emitter.resume()
    with pytest.raises(NodeError, match='Premature close') as raised:
        http.once(emitter, names[-1], MUST_NOT_EXPIRE)
    assert raised.value.__notes__[-1] == f'while waiting for {names[-1]!r} of {emitter!r}'
    assert http.once(emitter, 'close', MUST_NOT_EXPIRE) == []
    assert not set(emitter.eventNames()) & {'response', 'upgrade', 'data', 'close', 'error'}


def test_a_callback_does_not_wait_for_a_request_whose_end_nobody_hears(scripted):
    def peer(peer):
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        peer.read_to_end()

    def on_data(chunk):
        try:
            http.once(request, 'response', MUST_NOT_EXPIRE)
        except NodeError as error:
            codes.put(error.code)

    codes, agent = queue.SimpleQueue(), http.Agent(keepAlive=True)
    request = http.get({'port': scripted(peer), 'agent': agent}, lambda res: res.on('data', on_data))
    assert codes.get(timeout=MUST_NOT_EXPIRE) == 'ERR_STREAM_PREMATURE_CLOSE'
    agent.destroy()


def test_a_wait_for_a_socket_that_is_connected_anew_goes_on(scripted):
    port = scripted(RawPeer.read_to_end, lambda peer: peer.send(b'hello'))
    socket = net.connect(port, '127.0.0.1')
    http.once(socket, 'connect', MUST_NOT_EXPIRE)
    socket.destroy().connect(port, '127.0.0.1')
    assert http.once(socket, 'ready', MUST_NOT_EXPIRE) == []
    socket.resume()
    assert http.once(socket, 'end', MUST_NOT_EXPIRE) == []
    with pytest.raises(NodeError, match='Premature close'):
        http.once(socket, 'data', MUST_NOT_EXPIRE)


def test_a_signal_handler_raises_just_when_the_monitor_is_released(monkeypatch):
    """It is as if it had raised during the wait."""
    class Late(Exception):
        pass

    def release():
        release_monitor()
        raise Late

    with http.createServer(lambda req, res: res.end('a')).listen(0, '127.0.0.1') as server:
        def ask():
            req = http.get(port=server.address().port, host='127.0.0.1', agent=False)
            req.on('error', lambda error: None)  # of the one that is left alone
            return b''.join(http.once(req, 'response', MUST_NOT_EXPIRE)[0])

        assert ask() == b'a'
        with monkeypatch.context() as patch, pytest.raises(Late):
            patch.setattr(waiting, 'release_monitor', release)
            ask()
        assert not owns_monitor()
        assert ask() == b'a'
        server.closeAllConnections()
