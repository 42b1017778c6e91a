"""Handlers that block: what a server with threads does, on the events of Node."""

from __future__ import annotations

import itertools
import queue
import sys
import threading
import time
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE
from test_costs import SYSTEM_CALLS
from test_threadpool import shrink_pool

import nodehttp as http
from nodehttp import leaving, net, staying, timers
from nodehttp.threadpool import owns_monitor, pool
from nodehttp.watch import Watch

REQUEST = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
END = b'0\r\n\r\n'


def answer(res: Any, text: str) -> None:
    res.write(text)
    res.end()


def test_64_handlers_that_block_run_at_once(dial):
    all_are_in = threading.Barrier(64, timeout=MUST_NOT_EXPIRE)

    def handler(req, res):
        all_are_in.wait()
        answer(res, 'met')

    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        for _ in range(2):  # the source is not known to block, and then it is
            peers = [dial(server) for _ in range(64)]
            for peer in peers:
                peer.send(REQUEST)
            for peer in peers:
                assert b'met' in peer.read_until(END)
        server.closeAllConnections()


def test_64_handlers_that_sleep_100_ms_end_within_400_ms(dial):
    def handler(req, res):
        time.sleep(0.1)
        answer(res, 'slept')

    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        times = []
        # (The first time the source is not known to block. A busy machine deserves several tries.)
        while len(times) < 2 or (min(times[1:]) >= 0.4 and len(times) < 8):
            peers = [dial(server) for _ in range(64)]
            began = time.monotonic()
            for peer in peers:
                peer.send(REQUEST)
            for peer in peers:
                assert b'slept' in peer.read_until(END)
            times.append(time.monotonic() - began)
        server.closeAllConnections()
    assert min(times[1:]) < 0.4


def test_a_connection_whose_handler_blocks_keeps_its_thread(dial, monkeypatch):
    monkeypatch.setattr(staying, 'STAY', 1000)  # on a busy machine the next request takes its time
    threads = []

    def handler(req, res):
        threads.append(threading.get_ident())
        time.sleep(0.03)
        answer(res, 'slept')

    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        for _ in range(6):
            peer.send(REQUEST)
            peer.read_until(END)
        server.closeAllConnections()
    # The first one was caught with the baton; from then on it is the connection's thread.
    assert len(set(threads[1:])) == 1


def test_where_threads_are_scarce_input_for_handlers_that_block_leaves_the_baton_where_it_is(
        dial, monkeypatch):
    monkeypatch.setattr(staying, 'SPARE_THREADS', pool.max_threads - 1)
    holders, threads = [], []

    def handler(req, res):
        in_callback_without_baton()
        holders.append(pool.holder.identity)
        threads.append(threading.get_ident())
        res.end('slept')

    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        peers = [dial(server) for _ in range(5)]
        for peer in peers:
            peer.send(REQUEST)
            peer.read_until(b'slept')
        server.closeAllConnections()
    # It is taken from the first one, and each of the others is another thread's from the beginning.
    assert len(set(holders)) == 1
    assert holders[0] not in threads


def test_a_thread_that_becomes_free_takes_input_that_waits_while_the_holder_blocks(dial):
    shrink_pool()
    http.configure(maxThreads=3, handoffAfter=MUST_NOT_EXPIRE * 1000)  # so nobody takes the baton
    may_poll = threading.Event()
    may_end = {path: threading.Event() for path in ('/1', '/2', '/3', '/4')}
    begun = queue.Queue()

    def handler(req, res):
        begun.put(req.url)
        may_end[req.url].wait(MUST_NOT_EXPIRE)
        res.end('done')

    try:
        with http.createServer(handler).listen(0, '127.0.0.1') as server:
            server._request_source.blocky = True
            peers = [dial(server) for _ in may_end]
            while len(server._http_connections) < len(peers):
                time.sleep(0.001)
            timers.setImmediate(may_poll.wait, MUST_NOT_EXPIRE)
            for peer, path in zip(peers, may_end, strict=True):  # all of which one poll tells of
                peer.send(b'GET %b HTTP/1.1\r\nHost: a\r\n\r\n' % path.encode())
            may_poll.set()
            seen = [begun.get(timeout=MUST_NOT_EXPIRE) for _ in range(3)]
            for path in seen[:2]:  # the third one has the baton
                may_end[path].set()
            seen.append(begun.get(timeout=MUST_NOT_EXPIRE))
            assert sorted(seen) == sorted(may_end)
            for event in may_end.values():
                event.set()
            for peer in peers:
                peer.read_until(b'done')
            server.closeAllConnections()
    finally:
        http.configure()


def in_callback_without_baton(wait=MUST_NOT_EXPIRE):
    """Block until the baton has been taken from the callback that calls this."""
    deadline = time.monotonic() + wait
    while not pool.is_caller_detached() and time.monotonic() < deadline:
        time.sleep(0.005)


def test_a_request_on_the_thread_of_its_connection_costs_two_system_calls_and_few_others(dial, monkeypatch):
    monkeypatch.setattr(staying, 'STAY', 1000)
    system_calls, count = [], itertools.count()

    def note(frame, event, called):
        if event in ('call', 'c_call'):
            next(count)
        if event == 'c_call' and called.__name__ in SYSTEM_CALLS:
            system_calls.append((called.__name__, owns_monitor()))

    def handler(req, res):
        in_callback_without_baton()
        sys.setprofile(note if req.url == '/counted' else None)
        res.end('slept')

    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        for path in [b'/'] * 3 + [b'/counted'] * 5 + [b'/']:
            peer.send(b'GET %b HTTP/1.1\r\nHost: a\r\n\r\n' % path)
            peer.read_until(b'slept')
        server.closeAllConnections()
    assert system_calls == [('send', False), ('recv', False)] * 5
    assert next(count) / 5 <= 139


def interrupt_send(monkeypatch, does, fails=False):
    """Have another thread call `does` in the middle of the next send; and then let that fail."""
    apart = Watch.apart

    def slow_apart(watch, call, *args):
        def send(*args):
            other = threading.Thread(target=does)
            other.start()
            other.join(MUST_NOT_EXPIRE)
            if fails:
                raise BrokenPipeError
            return call(*args)
        monkeypatch.setattr(Watch, 'apart', apart)
        return apart(watch, send, *args)

    monkeypatch.setattr(Watch, 'apart', slow_apart)


LONG = b'x' * 8_000_000  # more than the kernel takes at once


@pytest.mark.parametrize(('chunk', 'events'), [
    (b'one', ['finish', 'close False']),
    (b'one', ['written', 'finish', 'close False']),
    (LONG, ['written', 'finish', 'close False']),
], ids=['short', 'with a callback', 'long'])
@pytest.mark.parametrize(('does', 'behind'), [
    (lambda socket: socket.write('two'), b'two'),
    (lambda socket: socket.end('two'), b'two'),
    (lambda socket: socket.end(), b''),
    (lambda socket: socket.setTimeout(1000), b''),
], ids=['write', 'end with more', 'end', 'setTimeout'])
def test_another_thread_uses_a_socket_during_a_send(dial, monkeypatch, record, chunk, events, does, behind):
    @net.createServer
    def server(socket):
        for name in ('finish', 'error', 'close'):
            socket.on(name, lambda *args, name=name: record(' '.join([name, *map(str, args)])))
        in_callback_without_baton()
        interrupt_send(monkeypatch, lambda: does(socket))
        socket.write(chunk, (lambda: record('written')) if 'written' in events else None)
        socket.end()

    with server.listen(0, '127.0.0.1'):
        peer = dial(server)
        assert peer.read_to_end() == chunk + behind
        peer.close()
        record.wait_count(len(events))
    assert record.events == events


def test_a_socket_that_is_destroyed_during_a_send_is_closed_behind_it(dial, monkeypatch, record):
    @net.createServer
    def server(socket):
        socket.on('close', lambda had_error: record(f'close {had_error}'))
        in_callback_without_baton()
        interrupt_send(monkeypatch, lambda: record(socket.destroy().destroyed))
        socket.write('sent', lambda *error: record(f'written {error}'))

    with server.listen(0, '127.0.0.1'):
        peer = dial(server)
        assert peer.read_to_end() == b'sent'
        record.wait_count(3)
    assert record.events == [True, 'written ()', 'close False']


@pytest.mark.parametrize('fails', [False, True])
def test_a_socket_that_is_connected_anew_during_a_send_has_its_write_called_back(
        dial, monkeypatch, record, fails):
    sockets = []

    @net.createServer
    def server(socket):
        sockets.append(socket)
        in_callback_without_baton()
        interrupt_send(monkeypatch, lambda: socket.destroy().connect(elsewhere.address().port), fails)
        socket.write('sent', lambda error: record(error and error.code))

    def greet(socket):
        socket.on('error', lambda error: None).end('hello')  # nobody reads it: the end of that is a reset

    elsewhere = net.createServer(greet).listen(0, '127.0.0.1')
    with elsewhere, server.listen(0, '127.0.0.1'):
        peer = dial(server)
        assert peer.read_to_end() == (b'' if fails else b'sent')
        record.wait_count(1)
        sockets[0].destroy()
    assert record.events == ['ECANCELED' if fails else None]


def test_a_handler_on_the_thread_of_its_connection_reads_what_arrives_later(dial):
    waits = threading.Event()

    def handler(req, res):
        if req.method == 'GET':
            time.sleep(0.03)
            answer(res, 'slept')
        else:
            chunks = iter(req)
            first = next(chunks)
            waits.set()
            answer(res, (first + b''.join(chunks)).decode())

    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        for _ in range(3):
            peer.send(REQUEST)
            peer.read_until(END)
        peer.send(b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo')
        assert waits.wait(5)
        peer.send(b'dy')
        peer.socket.settimeout(5)
        assert peer.read_until(END).endswith(b'4\r\nbody\r\n' + END)
        server.closeAllConnections()


def test_pipelined_requests_wait_for_the_handler_that_blocks(dial):
    order = []

    def handler(req, res):
        order.append(('begin', req.url))
        if req.url == '/1':
            time.sleep(0.05)
        order.append(('end', req.url))
        answer(res, req.url)

    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(b''.join(b'GET /%d HTTP/1.1\r\nHost: a\r\n\r\n' % number for number in (1, 2)))
        peer.send(b'GET /3 HTTP/1.1\r\nHost: a\r\n\r\n')
        bodies = [peer.read_until(END).partition(b'\r\n\r\n')[2] for _ in range(3)]
        server.closeAllConnections()
    assert order == [(what, f'/{number}') for number in (1, 2, 3) for what in ('begin', 'end')]
    assert bodies == [b'2\r\n/%d\r\n' % number + END for number in (1, 2, 3)]


def test_a_blocking_handler_reads_its_request_and_asks_another_server(dial):
    def inner(req, res):
        res.end(b'inner ' + b''.join(req))

    def outer(req, res):
        body = b''.join(req)
        request = http.request({'port': other.address().port, 'method': 'POST', 'agent': False})
        request.end(body.upper())
        [response] = http.once(request, 'response')
        res.end(b'outer ' + b''.join(response))

    with http.createServer(inner).listen(0, '127.0.0.1') as other, \
            http.createServer(outer).listen(0, '127.0.0.1') as server:
        peers = [dial(server) for _ in range(16)]
        for peer in peers:
            peer.send(b'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbo')
        for peer in peers:
            peer.send(b'dy')
        assert all(peer.read_to_end().endswith(b'outer inner BODY') for peer in peers)


def test_prompt_handlers_share_one_thread_again_after_slow_ones(dial):
    threads = []

    def handler(req, res):
        threads.append(threading.get_ident())
        if req.url == '/slow':
            time.sleep(0.03)
        answer(res, 'done')

    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        for peer in [dial(server) for _ in range(4)]:
            peer.send(b'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
            peer.read_until(END)
        peers = [dial(server) for _ in range(4)]
        for _ in range(60):
            for peer in peers:
                peer.send(REQUEST)
                peer.read_until(END)
        server.closeAllConnections()
    assert len(set(threads[-40:])) == 1


def test_more_handlers_wait_than_there_may_be_threads(dial, escaped):
    http.configure(maxThreads=3)
    try:
        with http.createServer(lambda req, res: res.end(b''.join(req))).listen(0, '127.0.0.1') as server:
            peers = [dial(server) for _ in range(100)]
            head = b'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\n'
            for peer in peers:
                peer.send(head + b'ab')
            for peer in reversed(peers):
                peer.send(b'cd')
            assert all(peer.read_to_end().endswith(b'abcd') for peer in peers)
    finally:
        http.configure()
    assert escaped == []


def test_waits_for_one_another_come_to_an_end(dial):
    """However few threads there may be, and however deep the chain is."""
    def listener(req, res):
        number = int(req.url[1:])
        answers = [b'']
        if number:
            url = f'http://127.0.0.1:{server.address().port}/{number - 1}'
            answers = http.once(http.get(url), 'response')
        res.end(b''.join(answers[0]) + b'%d ' % number)

    http.configure(maxThreads=2)
    try:
        with http.createServer(listener).listen(0, '127.0.0.1') as server:
            peers = [dial(server) for _ in range(3)]
            for peer in peers:
                peer.send(b'GET /15 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
            for peer in peers:
                assert peer.read_to_end().endswith(b'\r\n0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 ')
    finally:
        http.configure()


def test_more_callbacks_wait_than_there_can_be(dial, escaped, record, monkeypatch):
    """The one too many is told so."""
    def listener(req, res):
        record('request')
        res.end(b''.join(req))

    monkeypatch.setattr(leaving, 'MAX_WAITING', 2)
    with http.createServer(listener).listen(0, '127.0.0.1') as server:
        peers = [dial(server) for _ in range(3)]
        for count, peer in enumerate(peers):
            record.wait_count(count)
            peer.send(b'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab')
        assert b' 500 ' in peers[2].read_to_end()
        for peer in peers[:2]:
            peer.send(b'cd')
            assert peer.read_to_end().endswith(b'abcd')
    assert [str(error) for error in escaped] == ['Too many callbacks wait']


def test_what_a_thread_has_received_comes_before_what_the_poller_tells_of(dial, monkeypatch):
    monkeypatch.setattr(staying, 'STAY', 1000)
    apart, sockets, urls = Watch.apart, [], []

    def slow_apart(watch, call, *args):
        def received(*args):
            data = call(*args)
            if data[:6] == b'GET /1':  # 1. It is received, 2. while others write more than the kernel takes,
                sockets[0].write(LONG)
                peer.send(b'GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
                deadline = time.monotonic() + MUST_NOT_EXPIRE
                while not sockets[0]._strand.backlog and time.monotonic() < deadline:
                    time.sleep(0.001)  # 3. and the poller tells of room, or of more input
            return data
        return apart(watch, received if call.__name__ == 'recv' else call, *args)

    def handler(req, res):
        urls.append(req.url)
        in_callback_without_baton()
        sockets[:] = [req.socket]
        answer(res, 'done')

    monkeypatch.setattr(Watch, 'apart', slow_apart)
    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        for url in b'/', b'/', b'/1':
            peer.send(b'GET %b HTTP/1.1\r\nHost: a\r\n\r\n' % url)
            if url == b'/':
                peer.read_until(END)
        for _ in range(2):
            peer.read_until(END)
        server.closeAllConnections()
    assert urls == ['/', '/', '/1', '/2']


def test_a_connection_is_closed_at_once_while_its_thread_waits_for_input(dial, monkeypatch):
    monkeypatch.setattr(staying, 'STAY', 3_600_000)
    apart, waits = Watch.apart, threading.Event()

    def noted_apart(watch, call, *args):
        if call.__name__ == 'recv':
            waits.set()
        return apart(watch, call, *args)

    def handler(req, res):
        in_callback_without_baton()
        answer(res, 'done')

    monkeypatch.setattr(Watch, 'apart', noted_apart)
    with http.createServer(handler).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(REQUEST)
        peer.read_until(END)
        assert waits.wait(MUST_NOT_EXPIRE)
        server.closeAllConnections()
        assert peer.read_to_end() == b''


def test_another_thread_writes_over_tls_during_a_send(serve, connect, monkeypatch):
    apart, received, all_received = Watch.apart, [], threading.Event()

    def listener(socket):
        def slow_apart(watch, call, *args):
            def send(*args):
                other = threading.Thread(target=socket.write, args=('two ',))
                other.start()
                other.join(MUST_NOT_EXPIRE)
                raise BlockingIOError  # the kernel takes nothing
            monkeypatch.setattr(Watch, 'apart', apart)
            return apart(watch, send, *args)

        in_callback_without_baton()
        monkeypatch.setattr(Watch, 'apart', slow_apart)
        socket.write('one ')
        socket.end('three')

    def note(data):
        received.append(data)
        if b''.join(received).endswith(b'three'):
            all_received.set()

    socket = connect(serve(listener))
    socket.on('data', note)
    socket.on('close', all_received.set)
    assert all_received.wait(MUST_NOT_EXPIRE)
    assert b''.join(received) == b'one two three'


@pytest.mark.parametrize('closes', ['close', 'closeIdleConnections'])
def test_who_has_read_an_answer_may_close_before_the_listener_returns(dial: Any, closes: str) -> None:
    """Else the connection would stay until its keepAliveTimeout."""
    has_closed = threading.Event()

    def listener(req: Any, res: Any) -> None:
        res.end('x')
        assert has_closed.wait(MUST_NOT_EXPIRE)

    with http.createServer(listener, keepAliveTimeout=0).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        assert peer.read_until(b'\r\n\r\nx').endswith(b'x')
        getattr(server, closes)()
        has_closed.set()
        assert peer.read_to_end() == b''
