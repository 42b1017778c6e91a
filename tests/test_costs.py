"""What things cost, as counted work: calls, system calls, bytes. Times would say more about the machine.

The loop runs on the thread of the test (`http.run`), which counts what is called there; the peers are raw
sockets in other threads.
"""

from __future__ import annotations

import contextlib
import gc
import resource
import socket
import sys
import threading
import tracemalloc
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType, MemberDescriptorType
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, RawPeer

import nodehttp as http
from nodehttp import net, stream, threadpool, timers

Drive = Callable[[int, 'Meter'], None]

# Functions written in C that enter the kernel: those of sockets, epoll, kqueue and os. (A lock enters it only
# to wait.)
SYSTEM_CALLS = frozenset((
    'recv', 'recv_into', 'send', 'sendmsg', 'accept', '_accept', 'shutdown', 'poll', 'control', 'register',
    'modify', 'unregister', 'setsockopt', 'getsockopt', 'getsockname', 'getpeername', 'setblocking', 'write',
    'read', 'fcntl'))
TIMES = 40  # that a thing is done, so that what is counted at the ends does not show


class Meter:
    """Counts the calls of the thread that made it, on which the loop runs."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._thread = threading.current_thread()

    def start(self) -> None:
        """Count from now on. To be called on that thread."""
        self.calls.clear()
        sys.setprofile(self._note)

    def stop(self) -> None:
        """Count no more."""
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == 'call':
            self.calls[frame.f_code.co_qualname] += 1
        elif event == 'c_call':
            self.calls[arg.__name__] += 1

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Count within this block. Another thread has the loop begin and end with it, between two events."""
        self._have(self.start)
        try:
            yield
        finally:
            self._have(self.stop)

    def _have(self, function: Callable[[], None]) -> None:
        if threading.current_thread() is self._thread:
            function()
        else:
            done = threading.Event()
            timers.setImmediate(lambda: (function(), done.set()))
            assert done.wait(MUST_NOT_EXPIRE)

    def each(self, times: int = TIMES) -> float:
        """How many calls each of so many times took."""
        return sum(self.calls.values()) / times

    def system_calls(self, times: int = TIMES) -> dict[str, int]:
        """The system calls of each of so many times; what was called now and then counts as not called."""
        return {name: each for name, count in self.calls.items()
                if name in SYSTEM_CALLS and (each := round(count / times))}


@pytest.fixture
def strict() -> Iterator[None]:
    """No other thread takes over: what is counted is on one."""
    http.configure(handoffAfter=None)
    yield
    http.configure(handoffAfter=5)


def run_server(listener: Any, drive: Drive, create: Any = http.createServer, **options: Any) -> Meter:
    """Run a server on this thread, and `drive(port, meter)` beside it, at whose end it is closed."""
    server = create(options, listener)
    server.keepAliveTimeout = 0
    failures: list[BaseException] = []
    meter = Meter()

    def beside() -> None:
        try:
            drive(server.address().port, meter)
        except BaseException as error:
            failures.append(error)
        finally:
            server.close()
            server.closeAllConnections()

    thread = threading.Thread(target=beside)
    http.run(lambda: server.listen(0, '127.0.0.1', thread.start))
    thread.join(MUST_NOT_EXPIRE)
    if failures:
        raise failures[0]
    return meter


def answer(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    res.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': 2})
    res.end('ok')


def dial(port: int) -> RawPeer:
    return RawPeer(socket.create_connection(('127.0.0.1', port), MUST_NOT_EXPIRE))


def ask(peer: RawPeer, request: bytes) -> None:
    """Send a request that `answer` answers."""
    peer.send(request)
    assert peer.read_until(b'\r\n\r\nok').startswith(b'HTTP/1.1 200 OK\r\n')


def asking(*requests: bytes, connect: Callable[[int], RawPeer] = dial) -> Drive:
    """Ask for each of these in turn over one connection, and count."""
    def drive(port: int, meter: Meter) -> None:
        with contextlib.closing(connect(port)) as peer:
            for _ in range(2):  # the second one finds all of it remembered
                ask(peer, requests[0])
            with meter.counting():
                for request in requests:
                    ask(peer, request)
    return drive


def get(*lines: str, body: str = '') -> bytes:
    return '\r\n'.join(['GET / HTTP/1.1', 'Host: x', *lines, '', body]).encode()


# System calls


def test_a_keep_alive_request_costs_the_server_one_recv_one_send_and_one_poll(strict: None) -> None:
    meter = run_server(answer, asking(*[get()] * TIMES))
    assert meter.system_calls() == {'recv': 1, 'send': 1, 'poll': 1}


@pytest.mark.parametrize('path', ['set headers', 'string body', 'body read', 'headers read'])
def test_so_does_one_that_is_answered_otherwise(strict: None, path: str) -> None:
    def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        if path == 'body read':
            req.on('data', lambda chunk: None)
            req.on('end', lambda: res.end('ok'))
            return
        if path == 'headers read':
            assert req.headers['content-length'] == '3'
        if path == 'set headers':
            for index in range(12):
                res.setHeader(f'X-{index}', 'value')
        res.end('ok' if path == 'string body' else b'ok')
    meter = run_server(listener, asking(*[get('Content-Length: 3', body='abc')] * TIMES))
    assert meter.system_calls() == {'recv': 1, 'send': 1, 'poll': 1}


@pytest.mark.parametrize('answered', ['written back', 'piped back'])
def test_the_chunks_of_one_read_leave_together(strict: None, answered: str) -> None:
    def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        if answered == 'piped back':
            req.pipe(res)
        else:
            req.on('data', lambda chunk: res.write(chunk))
            req.on('end', lambda: res.end())

    def drive(port: int, meter: Meter) -> None:
        with contextlib.closing(dial(port)) as peer, meter.counting():
            for _ in range(TIMES):
                peer.send(body_in(4))
                assert peer.read_until(b'0\r\n\r\n').count(b'5\r\nhello\r\n') == 4
    assert run_server(listener, drive).system_calls() == {'recv': 1, 'send': 1, 'poll': 1}


def test_pipelined_requests_cost_one_recv_and_one_poll_together(strict: None) -> None:
    def drive(port: int, meter: Meter) -> None:
        with contextlib.closing(dial(port)) as peer:
            ask(peer, get())
            with meter.counting():
                for _ in range(TIMES):
                    peer.send(get() * 8)
                    for _ in range(8):
                        peer.read_until(b'\r\n\r\nok')
    calls = run_server(answer, drive).system_calls()
    # The first one, what has waited for it, and the last one.
    assert calls == {'recv': 1, 'poll': 1, 'send': 3}


def test_full_reads_follow_each_other_without_a_poll(strict: None) -> None:
    own, peer = socket.socketpair()
    peer.setblocking(False)
    meter = Meter()
    left = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            left += peer.send(bytes(8192))

    def main() -> None:
        sock = net.Socket(handle=own)

        @sock.on('data')
        def _(data: bytes) -> None:
            nonlocal left
            left -= len(data)
            if not left:
                meter.stop()
                sock.destroy()
        meter.start()
    full = left // 65536
    with peer:
        http.run(main)
    assert full > 1
    assert meter.calls['recv'] >= full
    assert meter.calls['poll'] == 1


class Endless(socket.socket):
    """A socket that always has more."""

    def recv(self, size: int, flags: int = 0) -> bytes:
        return bytes(size)


def test_a_connection_that_always_has_more_leaves_others_their_turn(strict: None) -> None:
    own, peer = socket.socketpair()
    other, others_peer = socket.socketpair()
    reads = 0

    def main() -> None:
        busy, quiet = net.Socket(handle=Endless(fileno=own.detach())), net.Socket(handle=other)

        @busy.on('data')
        def _(data: bytes) -> None:
            nonlocal reads
            reads += 1
            if reads == 1:
                others_peer.send(b'x')
            elif reads == 1000:
                busy.destroy()
                quiet.destroy()

        @quiet.on('data')
        def _(data: bytes) -> None:
            busy.destroy()
            quiet.destroy()
        peer.send(b'x')
    with peer, others_peer:
        http.run(main)
    assert 0 < reads < 100


@pytest.mark.parametrize('event', ['end', 'close'])
def test_a_keep_alive_request_of_a_client_costs_one_send_one_poll_and_one_recv(
        strict: None, scripted: Any, event: str) -> None:
    """And no other look whether the server has closed the connection, where the poller tells of that."""
    def serve(peer: RawPeer) -> None:
        for _ in range(TIMES + 3):
            peer.read_until(b'\r\n\r\n')
            peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    meter = run_client(scripted(serve), TIMES, event)
    recv = 1 if threadpool.pool.poller.tells_hang_up else 2
    assert meter.system_calls() == {'recv': recv, 'send': 1, 'poll': 1}


def run_client(port: int, times: int, event: str = 'close', module: Any = http, **options: Any) -> Meter:
    """Ask one after the other over one connection, in callbacks, three times more than is counted. The next
    request waits for the connection at the 'end' of a response, and finds it idle at its 'close'."""
    meter = Meter()
    agent = module.Agent(keepAlive=True, maxSockets=1, **options)

    def next_request(left: int) -> None:
        if left == times:
            meter.start()
        elif not left:
            meter.stop()
            agent.destroy()
            return

        def on_response(res: http.IncomingMessage) -> None:
            res.on('data', lambda chunk: None)
            res.on(event, lambda: next_request(left - 1))
        module.get({'host': '127.0.0.1', 'port': port, 'agent': agent}, on_response)
    http.run(next_request, times + 3)
    return meter


# Calls of a plain request, to Python's functions and to those in C: a little more than there are, so that
# whoever adds to them knows.


@pytest.mark.parametrize(('event', 'most'), [('end', 165), ('close', 235)])
def test_a_plain_request_takes_a_client_few_calls(
        strict: None, scripted: Any, event: str, most: int) -> None:
    def serve(peer: RawPeer) -> None:
        for _ in range(TIMES + 3):
            peer.read_until(b'\r\n\r\n')
            peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    assert run_client(scripted(serve), TIMES, event).each() <= most


@pytest.mark.parametrize(('has_body', 'is_read', 'most'), [
    (False, '', 122), (False, 'listened to', 166), (False, 'iterated', 179),
    (True, '', 130), (True, 'listened to', 178), (True, 'iterated', 208)])
def test_a_plain_request_takes_a_server_few_calls(
        strict: None, has_body: bool, is_read: str, most: int) -> None:
    def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        if is_read == 'listened to':
            req.on('data', lambda chunk: None)
            req.on('end', lambda: answer(req, res))
        else:
            if is_read == 'iterated':
                b''.join(req)
            answer(req, res)
    request = get('Content-Length: 3', body='abc') if has_body else get()
    assert run_server(listener, asking(*[request] * TIMES)).each() <= most


def ask_and_close(port: int) -> None:
    with contextlib.closing(dial(port)) as peer:
        ask(peer, get('Connection: close'))
        assert peer.read_to_end() == b''


def test_a_connection_of_one_request_takes_a_server_few_calls(strict: None) -> None:
    def drive(port: int, meter: Meter) -> None:
        ask_and_close(port)
        with meter.counting():
            for _ in range(TIMES):
                ask_and_close(port)
    meter = run_server(answer, drive)
    assert meter.each() <= 340
    assert meter.system_calls() == {
        '_accept': 1, 'setblocking': 1, 'setsockopt': 1, 'register': 1, 'poll': 2, 'recv': 1, 'send': 1,
        'shutdown': 1, 'unregister': 1}


def test_a_connection_that_is_over_leaves_nothing_to_the_garbage_collector(strict: None) -> None:
    def drive(port: int, meter: Meter) -> None:
        ask_and_close(port)
        gc.collect()
        gc.disable()
        try:
            for _ in range(TIMES):
                ask_and_close(port)
        finally:
            gc.enable()
        with meter.counting():  # the loop has gone round since
            pass
        assert gc.collect() < TIMES
    run_server(answer, drive)


class Body(list[bytes]):
    """The pieces of a body; may be referred to weakly."""


@pytest.mark.parametrize('event', ['end', 'close', 'later'])
def test_a_request_that_is_over_leaves_nothing_to_the_garbage_collector(strict: None, event: str) -> None:
    """Neither with listeners that refer to the response, which refers to the request."""
    def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        def ended() -> None:
            assert b''.join(body) == b'abc'
            if event == 'later':
                timers.setImmediate(answer, req, res)
            else:
                answer(req, res)
        body = Body()
        req.on('data', body.append)
        req.on('end', ended)
        if event == 'close':
            req.on('close', lambda: closed.append(res.statusCode))
        made.extend(map(weakref.ref, (req, res, body)))

    def drive(port: int, meter: Meter) -> None:
        with contextlib.closing(dial(port)) as peer:
            gc.disable()
            try:
                for _ in range(TIMES):
                    ask(peer, get('Content-Length: 3', body='abc'))
                with meter.counting():  # the loop has gone round since
                    pass
                assert not any(reference() for reference in made)
            finally:
                gc.enable()
    closed: list[int] = []
    made: list[weakref.ref[Any]] = []
    run_server(listener, drive)
    assert len(made) == 3 * TIMES
    assert closed == [200] * TIMES * (event == 'close')


@pytest.mark.parametrize('event', ['end', 'close'])
def test_what_a_client_has_heard_does_not_wait_for_the_garbage_collector(
        strict: None, scripted: Any, event: str) -> None:
    def serve(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    made: list[weakref.ref[Any]] = []
    freed: list[bool] = []

    def on_response(res: http.IncomingMessage) -> None:
        body = set()
        made.append(weakref.ref(body))
        res.on('data', body.add)
        res.on(event, lambda: timers.setImmediate(look, res.socket.destroy))

    def look(end: Callable[[], object]) -> None:
        freed.append(made[0]() is None)
        end()
    agent = http.Agent(keepAlive=True)
    port = scripted(serve)
    gc.disable()
    try:
        http.run(lambda: http.get({'port': port, 'agent': agent}, on_response))
    finally:
        gc.enable()
    assert freed == [True]


# Attributes: from 30 on Python gives each object of a class a dict of its own, which takes room and time


@pytest.mark.parametrize(('kind', 'most'), [
    (net.Socket, 16), (http.IncomingMessage, 22), (http.ServerResponse, 24), (http.ClientRequest, 20)])
def test_objects_leave_room_for_attributes_of_the_user(
        kind: type, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a process that is both server and client."""
    in_dict = set()

    def note(self: Any, name: str, value: Any) -> None:
        if not any(isinstance(vars(cls).get(name), (MemberDescriptorType, property)) for cls in kind.__mro__):
            in_dict.add(name)
        object.__setattr__(self, name, value)
    monkeypatch.setattr(kind, '__setattr__', note, raising=False)

    def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        res.setHeader('X-Length', req.headers['content-length'] or '0')
        req.on('data', lambda chunk: None)
        req.on('end', lambda: res.end('ok'))

    def ask_next(left: int = 4) -> None:
        def answered(res: http.IncomingMessage) -> None:
            assert res.headers['x-length'] == '3'
            res.on('data', lambda chunk: None)
            res.on('end', lambda: ask_next(left - 1))
        if left:
            options = {'port': server.address().port, 'agent': agent, 'method': 'POST'}
            http.request(options, answered).end('abc')
        else:
            server.close()
            agent.destroy()
    server, agent = http.createServer(listener), http.Agent(keepAlive=True)
    http.run(lambda: server.listen(0, ask_next))
    assert 1 < len(in_dict) <= most, sorted(in_dict)


# Linear in what is sent


def headers(count: int, request: int) -> list[str]:
    """So many headers, which no other request has: nothing that was remembered helps."""
    return [f'X-Header-{index}: value {request} of some length' for index in range(count)]


@pytest.mark.parametrize(('line', 'most'), [('X-Short: way', 0.1), ('X-Long:way', 40)])
def test_the_calls_of_a_request_grow_with_its_headers_and_no_faster(
        strict: None, line: str, most: float) -> None:
    """`most` calls a header: on the short way of the parser expressions of `re` do the work."""
    def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        assert req.headers['host'] == 'x'
        answer(req, res)
    few, more, many = (
        run_server(listener, asking(*(get(line, *headers(count, n)) for n in range(TIMES)))).each()
        for count in (36, 48, 60))  # from 32 on ticks come between the requests, as in Node
    assert more - few <= 12 * most
    assert many - more <= max(1.02 * (more - few), 1)


def test_the_calls_of_a_response_grow_with_its_headers_and_no_faster(strict: None) -> None:
    def calls(count: int) -> float:
        def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
            for index in range(count):
                res.setHeader(names[index], 'value')
            answer(req, res)
        return run_server(listener, asking(*[get()] * TIMES)).each()
    names = [f'X-Header-{index}' for index in range(100)]
    few, more, many = map(calls, (10, 30, 90))
    assert more - few <= 20 * 16
    assert many - more <= 1.02 * 3 * (more - few)


def body_in(chunks: int) -> bytes:
    return get('Transfer-Encoding: chunked', body='5\r\nhello\r\n' * chunks + '0\r\n\r\n')


@pytest.mark.parametrize(('answered', 'most'), [('counted', 14), ('written back', 22)])
def test_the_calls_for_a_body_grow_with_its_chunks_and_no_faster(
        strict: None, answered: str, most: int) -> None:
    def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        if answered == 'counted':
            req.on('data', lambda chunk: None)
        else:
            req.on('data', lambda chunk: res.write(chunk))
        req.on('end', lambda: res.end('ok'))

    def drive(count: int, port: int, meter: Meter) -> None:
        with contextlib.closing(dial(port)) as peer, meter.counting():
            for _ in range(4):
                peer.send(body_in(count))
                peer.read_until(b'ok')
    few, more, many = (run_server(listener, partial(drive, count)).each(4) for count in (10, 100, 1000))
    assert more - few <= 90 * most
    assert many - more <= 900 * most


@pytest.mark.parametrize(('answered', 'most'), [('counted', 80), ('piped back', 250)])
def test_the_calls_for_a_body_grow_with_its_reads_and_no_faster(
        strict: None, answered: str, most: int) -> None:
    """How much a read brings is the kernel's to say."""
    def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        if answered == 'counted':
            req.on('data', lambda chunk: None)
            req.on('end', lambda: res.end())
        else:
            req.pipe(res)

    def drive(port: int, meter: Meter) -> None:
        with contextlib.closing(dial(port)) as peer, meter.counting():
            peer.send(get(f'Content-Length: {size}', 'Connection: close'))
            sender = threading.Thread(target=peer.send, args=(bytes(size),))
            sender.start()
            assert len(peer.read_to_end()) >= (size if answered == 'piped back' else 0)
            sender.join(MUST_NOT_EXPIRE)
    for size in (2**20, 2**23):
        calls = run_server(listener, drive).calls
        assert calls['recv'] >= size / 65536
        assert sum(calls.values()) <= 1000 + most * calls['recv']


# Whatever else is open

FEW, MANY = 50, 1000


def allowed(wanted: int, descriptors: int) -> int:
    """So many things of so many descriptors each, or as many as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else wanted * descriptors + 500
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, wanted * descriptors + 500), hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, (soft - 300) // descriptors)


def is_no_more(many: dict[str, float], few: dict[str, float], within: float = 3) -> bool:
    """Do things cost no more beside many others than beside few? Asserts that, within a few calls."""
    assert few.keys() == many.keys()
    for name, calls in few.items():
        assert many[name] <= calls + within, (name, calls, many[name])
    return True


class Costs(dict[str, float]):
    """Calls of each of the things that were done TIMES times, by name."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter

    @contextlib.contextmanager
    def of(self, name: str, times: int = TIMES) -> Iterator[None]:
        with self.meter.counting():
            yield
        self[name] = self.meter.each(times)


def test_a_timer_costs_no_more_beside_many(strict: None) -> None:
    def beside(count: int) -> Costs:
        meter = Meter()
        costs = Costs(meter)

        def main() -> None:
            others = [timers.setTimeout(print, 60_000 + index % 7) for index in range(count)]
            with costs.of('started and cleared'):
                for _ in range(TIMES):
                    timers.clearTimeout(timers.setTimeout(print, 60_000))
            with costs.of('refreshed', 3 * count):
                for _ in range(3):
                    for timer in others:
                        timer.refresh()
            with costs.of('cleared', count):
                for timer in others:
                    timers.clearTimeout(timer)
        http.run(main)
        return costs
    # The heap is cleared of the dead when most of them are, which costs each of them a call or two.
    assert is_no_more(beside(MANY), beside(FEW), within=6)


def test_a_connection_costs_no_more_beside_many(strict: None) -> None:
    def beside(count: int) -> Costs:
        def drive(port: int, meter: Meter) -> None:
            nonlocal costs
            costs = Costs(meter)
            with contextlib.ExitStack() as stack:
                peers = [stack.enter_context(contextlib.closing(dial(port))) for _ in range(count)]
                for peer in peers:
                    ask(peer, get())
                with costs.of('asked'):
                    for peer in peers[:TIMES]:
                        ask(peer, get())
                with costs.of('new'):
                    for _ in range(TIMES):
                        with contextlib.closing(dial(port)) as peer:
                            ask(peer, get('Connection: close'))
                            assert peer.read_to_end() == b''
                with costs.of('closed'):
                    for peer in peers[:TIMES]:
                        peer.close()
                        ask(peers[-1], get())
        costs: Any = None
        run_server(answer, drive, keepAliveTimeout=60_000)
        assert costs is not None
        return costs
    # What comes in one poll and what in two is not the same each time.
    assert is_no_more(beside(allowed(MANY, 2)), beside(FEW), within=60)


class Line(stream.Duplex):
    """A connection that answers each request, or none, and notes what it is compared with."""

    def __init__(self, answers: bool) -> None:
        super().__init__()
        self._answers = answers

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def setKeepAlive(self, *args: Any) -> None:
        pass

    def setTimeout(self, *args: Any) -> None:
        pass

    ref = unref = setKeepAlive

    def _read(self, size: int) -> None:
        pass

    def _write(self, chunk: bytes, encoding: str, callback: Callable[[], None]) -> None:
        if self._answers:
            self.push(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        callback()


class Lines(http.Agent):
    """An agent whose first connections are silent."""

    def __init__(self, silent: int = 0, **options: Any) -> None:
        super().__init__(keepAlive=True, maxFreeSockets=MANY * 2, **options)
        self.silent = silent
        self.opened: list[Line] = []

    def createConnection(self, options: Any = None, callback: Any = None) -> Line:
        self.opened.append(Line(len(self.opened) >= self.silent))
        return self.opened[-1]


@pytest.mark.parametrize('beside', ['busy', 'idle, lifo', 'idle, fifo', 'waiting', 'other hosts'])
def test_a_request_costs_no_more_whatever_else_the_agent_has(strict: None, beside: str) -> None:
    assert is_no_more(beside_others(beside, MANY), beside_others(beside, FEW))


def beside_others(kind: str, count: int) -> Costs:
    """What a request, or a connection that is gone, costs beside so many others."""
    costs = Costs(Meter())

    def main() -> None:
        if kind == 'busy':
            beside_busy(count, costs)
        elif kind == 'waiting':
            beside_waiting(count, costs)
        elif kind == 'other hosts':
            beside_other_hosts(count, costs)
        else:
            beside_idle(count, costs, kind.partition(', ')[2])
    http.run(main)
    return costs


def request(agent: http.Agent, done: Callable[[], Any] = bool, host: str = 'a') -> None:
    req = http.get({'host': host, 'agent': agent})
    req.on('error', lambda error: None)
    req.on('response', lambda res: res.resume())
    req.on('close', lambda: done())


def in_turn(agent: http.Agent, costs: Costs, then: Callable[[], Any], left: int = TIMES + 3) -> None:
    """One request after the other."""
    if left == TIMES:
        costs.meter.start()
    if left:
        request(agent, partial(in_turn, agent, costs, then, left - 1))
    else:
        costs.meter.stop()
        costs['a request'] = costs.meter.each()
        then()


def beside_busy(count: int, costs: Costs) -> None:
    def close_some() -> None:
        gone = agent.opened[count // 2:][:TIMES // 2]
        with costs.of('a connection that is gone', len(gone)):
            for line in gone:
                agent.removeSocket(line)
        for line in agent.opened:
            line.destroy()
    agent = Lines(silent=count)
    for _ in range(count):
        request(agent)
    in_turn(agent, costs, close_some)


def beside_idle(count: int, costs: Costs, scheduling: str) -> None:
    def one_is_idle() -> None:
        nonlocal busy
        busy -= 1
        if not busy:
            timers.setImmediate(in_turn, agent, costs, agent.destroy)
    agent = Lines(scheduling=scheduling)
    busy = count
    for _ in range(count):
        request(agent, one_is_idle)


def beside_waiting(count: int, costs: Costs) -> None:
    """Each request that is over lets the next one begin."""
    def one_is_over() -> None:
        nonlocal over
        over += 1
        if over == 3:
            costs.meter.start()
        elif over == 3 + TIMES:
            costs.meter.stop()
            costs['a request'] = costs.meter.each()
        elif over == 3 + TIMES + count:
            agent.destroy()
    agent = Lines(maxSockets=1)
    over = 0
    for _ in range(3 + TIMES + count):
        request(agent, one_is_over)


def beside_other_hosts(count: int, costs: Costs) -> None:
    """For each of so many hosts one request is busy and another one waits."""
    agent = Lines(silent=2 * count, maxSockets=1)
    for host in [f'host-{index}' for index in range(count)] * 2:
        request(agent, host=host)
    gone = agent.opened[:TIMES]
    with costs.of('a connection that is gone'):
        for line in gone:
            agent.removeSocket(line)
    assert len(agent.opened) == count + TIMES  # and the next one for the same host was opened
    for line in agent.opened:
        line.destroy()


# Memory


def piece_by_piece(size: int) -> Iterator[bytes]:
    """So many bytes in pieces, of which none is made anew."""
    for _ in range(size // len(PIECE)):
        yield PIECE


PIECE = bytes(65536)
SHORT, LONG = 2**22, 2**25
MOST = 2**21  # bytes; the pieces and buffers on their way


def send_body(peer: RawPeer, size: int, chunked: bool = False) -> None:
    for piece in piece_by_piece(size):
        peer.send(b'10000\r\n%s\r\n' % piece if chunked else piece)
    if chunked:
        peer.send(b'0\r\n\r\n')


def received(peer: RawPeer) -> int:
    """Read to the end; return how much it was."""
    count = 0
    while data := peer.socket.recv(65536):
        count += len(data)
    return count


def count_request(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    total = 0

    @req.on('data')
    def _(chunk: bytes) -> None:
        nonlocal total
        total += len(chunk)
    req.on('end', lambda: res.end(str(total)))


def iterate_request(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    res.end(str(sum(map(len, req))))


def pipe_back(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    req.pipe(res)


def pipe_out(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    stream.Readable.from_(pieces_for(req, res)).pipe(res)


def pieces_for(req: http.IncomingMessage, res: http.ServerResponse) -> Iterator[bytes]:
    """What is to be answered: chunked, or of known length."""
    if req.headers['x-chunked'] != 'True':
        res.setHeader('Content-Length', req.headers['x-size'])
    return piece_by_piece(int(req.headers['x-size']))


def write_out(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    pieces = pieces_for(req, res)

    def go_on() -> None:
        for piece in pieces:
            if not res.write(piece):
                return
        res.end()
    res.on('drain', go_on)
    go_on()


@pytest.mark.parametrize('listener', [count_request, iterate_request, pipe_back, pipe_out, write_out])
@pytest.mark.parametrize('chunked', [False, True])
def test_the_memory_of_a_server_is_the_same_for_a_stream_of_any_length(
        listener: Callable[..., None], chunked: bool) -> None:
    def drive(size: int, port: int, meter: Meter) -> None:
        with contextlib.closing(dial(port)) as peer:
            if listener in (pipe_out, write_out):
                peer.send(get(f'X-Size: {size}', f'X-Chunked: {chunked}', 'Connection: close'))
                assert received(peer) > size
                return
            framing = 'Transfer-Encoding: chunked' if chunked else f'Content-Length: {size}'
            peer.send(get(framing, 'Connection: close'))
            sender = threading.Thread(target=send_body, args=(peer, size, chunked))
            sender.start()
            assert received(peer) >= (size if listener is pipe_back else 1)
            sender.join(MUST_NOT_EXPIRE)
    short, long = (peak(partial(run_server, listener, partial(drive, size))) for size in (SHORT, LONG))
    assert max(short, long) <= MOST
    assert long - short <= 2**18


@pytest.mark.parametrize('direction', ['request', 'response', 'iterated response'])
def test_the_memory_of_a_client_is_the_same_for_a_stream_of_any_length(direction: str, scripted: Any) -> None:
    def exchange(size: int) -> None:
        def serve(peer: RawPeer) -> None:
            peer.read_until(b'\r\n\r\n')
            if direction == 'request':
                left = size - len(peer.received)
                while left:
                    left -= len(peer.socket.recv(min(left, 65536)))
                peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
            else:
                peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % size)
                send_body(peer, size)

        def on_response(res: http.IncomingMessage) -> None:
            if direction == 'iterated response':
                counts.append(sum(map(len, res)))
            else:
                res.on('data', lambda chunk: counts.append(len(chunk)))

        counts: list[int] = []
        options = {'host': '127.0.0.1', 'port': scripted(serve), 'agent': False}
        if direction == 'request':
            options |= {'method': 'POST', 'headers': {'Content-Length': size}}

        def main() -> None:
            req = http.request(options, on_response)
            if direction == 'request':
                stream.Readable.from_(piece_by_piece(size)).pipe(req)
            else:
                req.end()
        http.run(main)
        assert sum(counts) == (2 if direction == 'request' else size)
    short, long = (peak(partial(exchange, size)) for size in (SHORT, LONG))
    assert max(short, long) <= MOST
    assert long - short <= 2**18


def test_an_idle_connection_of_a_server_takes_little_memory(strict: None) -> None:
    """Without what the system needs for it."""
    taken = []

    def drive(port: int, meter: Meter) -> None:
        def in_use() -> int:
            with meter.counting():  # the loop has come to rest
                pass
            return tracemalloc.get_traced_memory()[0]

        def connect() -> None:
            peer = stack.enter_context(contextlib.closing(dial(port)))
            for _ in range(2):
                ask(peer, get('X-Padding: ' + 'x' * 1000))

        with contextlib.ExitStack() as stack:
            for _ in range(10):
                connect()
            before = in_use()
            for _ in range(TIMES):
                connect()
            taken.append((in_use() - before) / TIMES)

    tracemalloc.start()
    try:
        run_server(answer, drive)
    finally:
        tracemalloc.stop()
    assert taken[0] < 2300, taken  # the peer of this test included


def peak(work: Callable[[], Any]) -> int:
    """The most bytes that were in use at once, beyond those in use before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
