"""A thread outside the pool that waits for its own exchange, and goes on with that by itself."""

from __future__ import annotations

import contextlib
import errno
import inspect
import itertools
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, RawPeer
from test_costs import SYSTEM_CALLS, TIMES, Meter
from tls_tools import SecureClient

import nodehttp as http
import nodehttps as https
from nodehttp import holds, timers, visit
from nodehttp._handles import has_ended
from nodehttp.errors import Error
from nodehttp.threadpool import owns_monitor, pool
from nodehttp.visit import Visit
from nodehttp.watch import Watch

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
END = b'\r\n\r\n'


@pytest.fixture
def agent() -> Iterator[http.Agent]:
    """Keeps connections, until the end of the test."""
    agent = http.Agent(keepAlive=True)
    yield agent
    agent.destroy()


@pytest.fixture
def secure_agent(authority: Any) -> Iterator[https.Agent]:
    """The same for https."""
    agent = https.Agent(keepAlive=True, ca=authority.pem)
    yield agent
    agent.destroy()


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[Visit]:
    """All visits that begin."""
    begun: list[Visit] = []
    begin = Visit.begin

    def noted(self: Visit, *args: Any) -> None:
        begun.append(self)
        begin(self, *args)
    monkeypatch.setattr(Visit, 'begin', noted)
    return begun


def ask(port: int, agent: http.Agent, **options: Any) -> http.ClientRequest:
    """Begin a request."""
    get = https.get if isinstance(agent, https.Agent) else http.get
    return get({'host': '127.0.0.1', 'port': port, 'agent': agent, **options})


def fetch(port: int, agent: http.Agent) -> bytes:
    """Ask, and wait for the whole answer."""
    [res] = http.once(ask(port, agent), 'response', MUST_NOT_EXPIRE)
    return b''.join(res)


def answers(times: int) -> Callable[[RawPeer], None]:
    """A script that answers so many requests on one connection."""
    def script(peer: RawPeer) -> None:
        for _ in range(times):
            peer.read_until(END)
            peer.send(ANSWER)
        peer.read_to_end()
    return script


def answers_on_and_on(peer: RawPeer) -> None:
    """A script that answers until the peer closes."""
    while data := peer.socket.recv(65536):
        peer.received += data
        while END in peer.received:
            peer.read_until(END)
            peer.send(ANSWER)


def answers_when(go: threading.Event, *more: bytes) -> Callable[[RawPeer], None]:
    """A script that answers one request, the second one when it may, and then as `more` says."""
    def script(peer: RawPeer) -> None:
        peer.read_until(END)
        peer.send(ANSWER)
        peer.read_until(END)
        assert go.wait(MUST_NOT_EXPIRE)
        peer.send(ANSWER)
        for answer in more:
            peer.read_until(END)
            peer.send(answer)
        peer.read_to_end()
    return script


def secured(script: Callable[[RawPeer], None], authority: Any) -> Callable[[RawPeer], None]:
    """The same over TLS."""
    def run(peer: RawPeer) -> None:
        with authority.server_context().wrap_socket(peer.socket, server_side=True) as secure:
            script(RawPeer(secure))
    return run


class Caller:
    """A callback that notes which thread has called it."""

    def __init__(self) -> None:
        self._name = ''
        self._was_called = threading.Event()

    def __call__(self, *args: Any) -> None:
        self._name = threading.current_thread().name
        self._was_called.set()

    def name(self) -> str:
        """The thread's name, as soon as there is one."""
        assert self._was_called.wait(MUST_NOT_EXPIRE)
        return self._name


def in_thread(function: Callable[[], Any]) -> threading.Thread:
    """Start a thread that does this."""
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def anywhere(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in the main thread, where a visit waits in `poll`, and in another one, where it waits in
    `recv`."""
    def run(is_main: bool, *args: Any, **fixtures: Any) -> None:
        if is_main:
            test(*args, **fixtures)
            return
        failures: list[BaseException] = []

        def beside() -> None:
            try:
                test(*args, **fixtures)
            except BaseException as error:
                failures.append(error)
        in_thread(beside).join(2 * MUST_NOT_EXPIRE)
        if failures:
            raise failures[0]
    signature = inspect.signature(test)
    is_main = inspect.Parameter('is_main', inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[is_main, *signature.parameters.values()])
    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.pytestmark = getattr(test, 'pytestmark', [])  # type: ignore[attr-defined]
    return pytest.mark.parametrize('is_main', [True, False], ids=['main thread', 'another'])(run)


def while_polling(visits: list[Visit], function: Callable[[], Any]) -> threading.Thread:
    """Do something in another thread as soon as the last visit waits for input."""
    def look() -> None:
        while not (visits and visits[-1]._is_waiting):
            time.sleep(0.001)
        function()
    return in_thread(look)


@pytest.mark.parametrize('is_secure', [False, True], ids=['', 'over TLS'])
def test_one_after_the_other_wakes_nobody_up(
        scripted: Any, agent: http.Agent, secure_agent: https.Agent, authority: Any, visits: list[Visit],
        monkeypatch: pytest.MonkeyPatch, is_secure: bool) -> None:
    times = 200
    script = answers(times + 1)
    port = scripted(secured(script, authority) if is_secure else script)
    agent = secure_agent if is_secure else agent
    assert fetch(port, agent) == b'ok'
    wakes: list[int] = []
    wake = pool.wake
    monkeypatch.setattr(pool, 'wake', lambda: (wakes.append(1), wake()))
    for _ in range(times):
        assert fetch(port, agent) == b'ok'
    assert times * 0.9 < len(visits) < times * 1.1  # where the machine is busy, the pool may be faster
    # It is told once of the first hold, and seldom of another, if it was late itself.
    assert len(wakes) < times / 4


def metered(port: int, agent: http.Agent) -> Meter:
    """What TIMES requests cost, after two others."""
    for _ in range(2):
        assert fetch(port, agent) == b'ok'
    meter = Meter()
    meter.start()
    for _ in range(TIMES):
        fetch(port, agent)
    meter.stop()
    return meter


def test_a_request_costs_four_system_calls_and_few_others(
        scripted: Any, agent: http.Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, 'want_back', lambda _: None)  # on a busy machine it is not so often next
    meter = metered(scripted(answers(TIMES + 2)), agent)
    # `getsockopt` asks whether the server has closed the connection meanwhile.
    assert meter.system_calls() == {'send': 1, 'poll': 1, 'recv': 1, 'getsockopt': 1}
    assert not round(meter.calls['get_native_id'] / TIMES)
    assert meter.each() <= 270


def test_so_does_one_over_tls(
        scripted: Any, secure_agent: https.Agent, authority: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, 'want_back', lambda _: None)
    meter = metered(scripted(secured(answers(TIMES + 2), authority)), secure_agent)
    # `has_input` polls as well: the server may have said that it ends.
    assert {name: round(meter.calls[name] / TIMES) for name in ('send', 'recv', 'has_input')} == {
        'send': 1, 'recv': 1, 'has_input': 1}
    assert meter.each() <= 380


@anywhere
def test_beside_others_no_system_call_but_a_brief_one_is_made_with_the_monitor(
        scripted: Any, agent: http.Agent, visits: list[Visit], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, 'want_back', lambda _: None)
    go, other = threading.Event(), http.Agent(keepAlive=True)
    port = scripted(answers_when(go), answers(8))
    fetch(port, other)
    slow = in_thread(lambda: fetch(port, other))
    while not (visits and visits[-1]._is_waiting):
        time.sleep(0.001)
    calls: list[tuple[str, bool]] = []

    def note(frame: Any, event: str, called: Any) -> None:
        if event == 'c_call' and called.__name__ in SYSTEM_CALLS:
            calls.append((called.__name__, owns_monitor()))
    for _ in range(3):
        fetch(port, agent)
    sys.setprofile(note)
    for _ in range(5):
        fetch(port, agent)
    sys.setprofile(None)
    go.set()
    slow.join(MUST_NOT_EXPIRE)
    other.destroy()
    # ('write' rings a bell, where the pool was late to look.)
    assert {name for name, has_monitor in calls if has_monitor} <= {'getsockopt', 'write'}
    names = [name for name, _ in calls]
    assert names.count('send') == 5 and names.count('recv') >= 5


def test_in_a_thread_of_many_it_costs_one_less(
        scripted: Any, agent: http.Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, 'want_back', lambda _: None)
    port = scripted(answers(TIMES + 2))
    meter = Meter()

    def beside() -> None:
        for _ in range(2):
            fetch(port, agent)
        meter.start()
        for _ in range(TIMES):
            fetch(port, agent)
        meter.stop()
    in_thread(beside).join(MUST_NOT_EXPIRE)
    assert meter.system_calls() == {'send': 1, 'recv': 1, 'getsockopt': 1}


@anywhere
def test_a_connection_in_hand_that_has_ended_is_not_used(
        scripted: Any, agent: http.Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds.Holds, 'call_soon', lambda *_: None)  # the pool never looks
    ended = threading.Event()

    def script(peer: RawPeer) -> None:
        for _ in range(2):
            peer.read_until(END)
            peer.send(ANSWER)
        peer.socket.close()
        ended.set()
    port = scripted(script, answers(1))
    for _ in range(2):
        assert fetch(port, agent) == b'ok'
    assert ended.wait(MUST_NOT_EXPIRE)
    assert fetch(port, agent) == b'ok'


def test_nor_is_one_over_tls_whose_peer_has_said_that_it_ends(
        scripted: Any, secure_agent: https.Agent, authority: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds.Holds, 'call_soon', lambda *_: None)  # the pool never looks
    ended = threading.Event()

    def script(peer: RawPeer) -> None:
        secure = SecureClient(peer.socket, authority.server_context())
        for _ in range(2):
            secure.recv(65536)
            secure.sendall(ANSWER)
        secure.end()
        ended.set()
        peer.read_to_end()
    port = scripted(script, secured(answers(1), authority))
    for _ in range(2):
        assert fetch(port, secure_agent) == b'ok'
    assert ended.wait(MUST_NOT_EXPIRE)
    assert fetch(port, secure_agent) == b'ok'


def test_the_end_of_a_unix_socket_is_seen_as_well() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert not has_ended(one)
        other.close()
        assert has_ended(one)


def test_the_end_of_an_idle_connection_is_heard_afterwards(scripted: Any, agent: http.Agent) -> None:
    ends, closed = threading.Event(), threading.Event()

    def script(peer: RawPeer) -> None:
        for _ in range(2):
            peer.read_until(END)
            peer.send(ANSWER)
        assert ends.wait(MUST_NOT_EXPIRE)
    port = scripted(script)
    for _ in range(2):
        assert fetch(port, agent) == b'ok'
    [[socket]] = agent.freeSockets.values()
    socket.on('close', closed.set)
    ends.set()
    assert closed.wait(MUST_NOT_EXPIRE)
    assert not agent.freeSockets


def test_the_pool_may_use_the_connection_at_once_afterwards(
        scripted: Any, agent: http.Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds.Holds, 'call_soon', lambda *_: None)  # the visitor gives nothing back
    port = scripted(answers(3))
    for _ in range(2):
        assert fetch(port, agent) == b'ok'
    ended = threading.Event()

    def in_the_pool() -> None:
        ask(port, agent).on('response', lambda res: res.resume().on('end', ended.set))
    timers.setImmediate(in_the_pool)
    assert ended.wait(MUST_NOT_EXPIRE)


def test_a_connection_in_hand_counts_as_idle(
        scripted: Any, agent: http.Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds.Holds, 'call_soon', lambda *_: None)  # the pool never looks
    port = scripted(answers(3))
    name = agent.getName({'host': '127.0.0.1', 'port': port})
    for _ in range(2):
        fetch(port, agent)
        assert repr(agent) == '<Agent busy=0 free=1 waiting=0>'
    assert (list(agent.sockets), list(agent.freeSockets)) == ([], [name])
    [socket] = agent.freeSockets[name]
    assert not socket._watch.has_ref()
    req = ask(port, agent)
    assert (list(agent.sockets), list(agent.freeSockets)) == ([name], [])
    assert socket._watch.has_ref()
    [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
    assert (req.reusedSocket, req.socket, b''.join(res)) == (True, socket, b'ok')


def test_each_thread_has_a_connection_in_hand(
        scripted: Any, agent: http.Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds.Holds, 'call_soon', lambda *_: None)  # the pool never looks,
    monkeypatch.setattr(holds, 'HOLD', MUST_NOT_EXPIRE * 1000)  # and waits for threads that are late to visit
    threads, times = 3, 10
    port = scripted(*[answers_on_and_on] * threads)
    together = threading.Barrier(threads, timeout=MUST_NOT_EXPIRE)
    used: list[set[Any]] = []

    def ask_on_and_on() -> None:
        sockets = set()
        for _ in range(times):
            req = ask(port, agent)
            together.wait()  # nobody is done before all have begun
            [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
            sockets.add(req.socket)
            assert b''.join(res) == b'ok'
            together.wait()
        used.append(sockets)
    for worker in [in_thread(ask_on_and_on) for _ in range(threads)]:
        worker.join(MUST_NOT_EXPIRE)
    assert [len(sockets) for sockets in used] == [1] * threads
    assert len(set.union(*used)) == threads


def test_who_has_none_in_hand_takes_that_of_another(
        scripted: Any, agent: http.Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds.Holds, 'call_soon', lambda *_: None)  # the pool never looks
    port = scripted(answers(3))
    for _ in range(2):
        fetch(port, agent)
    bodies: list[bytes] = []
    in_thread(lambda: bodies.append(fetch(port, agent))).join(MUST_NOT_EXPIRE)
    assert bodies == [b'ok']


@pytest.mark.parametrize(('scheduling', 'turn'), [('lifo', 1), ('fifo', 0)])
def test_a_connection_in_hand_waits_for_its_turn(
        scripted: Any, monkeypatch: pytest.MonkeyPatch, scheduling: str, turn: int) -> None:
    monkeypatch.setattr(holds.Holds, 'call_soon', lambda *_: None)  # the pool never looks
    port = scripted(*[answers_on_and_on] * 2)
    agent = http.Agent(keepAlive=True, scheduling=scheduling)
    answered: queue.Queue[http.IncomingMessage] = queue.Queue()
    for _ in range(2):
        ask(port, agent).on('response', answered.put)
    responses = [answered.get(timeout=MUST_NOT_EXPIRE) for _ in range(2)]
    for res in responses:
        assert b''.join(res) == b'ok'
    req = ask(port, agent)
    [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
    assert (b''.join(res), req.socket) == (b'ok', responses[turn].socket)
    agent.destroy()


def test_a_listener_of_the_users_runs_in_the_pool(
        scripted: Any, agent: http.Agent, visits: list[Visit]) -> None:
    port = scripted(answers(2))
    fetch(port, agent)
    req, caller = ask(port, agent), Caller()
    req.on('response', caller)
    [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
    assert b''.join(res) == b'ok'
    assert caller.name() == 'nodehttp' and visits == []


@anywhere
def test_so_does_one_that_comes_in_the_middle(scripted: Any, agent: http.Agent, visits: list[Visit]) -> None:
    go = threading.Event()
    port = scripted(answers_when(go))
    fetch(port, agent)
    req, caller = ask(port, agent), Caller()

    def listen() -> None:
        req.on('response', caller)
        go.set()
    thread = while_polling(visits, listen)
    [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
    thread.join()
    assert b''.join(res) == b'ok'
    assert caller.name() == 'nodehttp' and visits


@anywhere
def test_so_does_one_of_another_request_that_comes_while_the_visitor_is_at_work(
        scripted: Any, agent: http.Agent, visits: list[Visit], monkeypatch: pytest.MonkeyPatch) -> None:
    """As the 'close' of the response before, which may be late."""
    go = threading.Event()
    port = scripted(answers_when(go))
    fetch(port, agent)
    other, caller, take = http.IncomingMessage(), Caller(), http.ClientRequest._take_socket
    other.on('close', caller)

    def at_work(self: http.ClientRequest, *work: Any) -> None:
        take(self, *work)
        pool.next_tick(other._fire, 'close', strand=self._strand)
        go.set()
    monkeypatch.setattr(http.ClientRequest, '_take_socket', at_work)
    [res] = http.once(ask(port, agent), 'response', MUST_NOT_EXPIRE)
    assert b''.join(res) == b'ok'
    assert caller.name() == 'nodehttp' and visits


@anywhere
def test_so_does_a_callback_of_a_write(scripted: Any, agent: http.Agent) -> None:
    port = scripted(answers(2))
    fetch(port, agent)
    req = http.request({'host': '127.0.0.1', 'port': port, 'agent': agent, 'method': 'POST'})
    caller = Caller()
    req.setHeader('Content-Length', 0)
    req.write(b'', caller)
    req.end()
    [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
    assert b''.join(res) == b'ok'
    assert caller.name() == 'nodehttp'


@anywhere
def test_a_deadline_ends_it(scripted: Any, agent: http.Agent, visits: list[Visit]) -> None:
    go = threading.Event()
    port = scripted(answers_when(go))
    fetch(port, agent)
    req = ask(port, agent)
    with pytest.raises(TimeoutError):
        http.once(req, 'response', 0.02)
    thread = while_polling(visits, go.set)
    [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
    thread.join()
    assert b''.join(res) == b'ok'


@anywhere
def test_what_another_thread_does_to_the_request_ends_it(
        scripted: Any, agent: http.Agent, visits: list[Visit]) -> None:
    go = threading.Event()
    port = scripted(lambda peer: (peer.read_until(END), peer.send(ANSWER), peer.read_to_end()))
    fetch(port, agent)
    req = ask(port, agent)
    thread = while_polling(visits, req.destroy)
    with pytest.raises(Error, match='socket hang up'):
        http.once(req, 'response', MUST_NOT_EXPIRE)
    thread.join()
    go.set()
    assert len(visits) == 1


@anywhere
def test_an_end_that_comes_too_early_is_an_error(
        scripted: Any, agent: http.Agent, visits: list[Visit]) -> None:
    port = scripted(lambda peer: (peer.read_until(END), peer.send(ANSWER), peer.read_until(END)))
    fetch(port, agent)
    with pytest.raises(Error, match='socket hang up'):
        http.once(ask(port, agent), 'response', MUST_NOT_EXPIRE)
    assert len(visits) == 1


@anywhere
def test_a_body_is_read_piece_by_piece(scripted: Any, agent: http.Agent, visits: list[Visit]) -> None:
    pieces = [bytes([65 + at]) * 100_000 for at in range(20)]

    def script(peer: RawPeer) -> None:
        peer.read_until(END)
        peer.send(ANSWER)
        peer.read_until(END)
        peer.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        for piece in pieces:
            peer.send(b'%x\r\n%s\r\n' % (len(piece), piece))
        peer.send(b'0\r\n\r\n')
        peer.read_until(END)
        peer.send(ANSWER)
        peer.read_to_end()
    port = scripted(script)
    fetch(port, agent)
    assert fetch(port, agent) == b''.join(pieces)
    assert fetch(port, agent) == b'ok'
    assert visits


@anywhere
@pytest.mark.parametrize(('method', 'event', 'head'), [
    ('GET', 'upgrade', b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    ('CONNECT', 'connect', b'HTTP/1.1 200 OK\r\n\r\n'),
])
def test_a_connection_may_become_the_users(scripted: Any, agent: http.Agent, visits: list[Visit],
                                           method: str, event: str, head: bytes) -> None:
    def script(peer: RawPeer) -> None:
        for answer in (ANSWER, head + b'more'):
            peer.read_until(END)
            peer.send(answer)
        peer.read_to_end()
    port = scripted(script)
    fetch(port, agent)
    req = http.request({
        'host': '127.0.0.1', 'port': port, 'agent': agent, 'method': method, 'path': 'a:1',
        'headers': {'Connection': 'Upgrade', 'Upgrade': 'x'}})
    [_, socket, rest] = http.once(req.end(), event, MUST_NOT_EXPIRE)
    assert rest == b'more' and visits
    socket.destroy()


@anywhere
def test_breaking_out_of_the_loop_ends_the_connection(scripted: Any, agent: http.Agent) -> None:
    port = scripted(answers(2), answers(1))
    fetch(port, agent)
    [res] = http.once(ask(port, agent), 'response', MUST_NOT_EXPIRE)
    for _ in res:
        break
    assert res.req.destroyed
    assert fetch(port, agent) == b'ok'


def test_a_thread_that_waits_for_long_keeps_nobody_from_waiting(scripted: Any, agent: http.Agent) -> None:
    go = threading.Event()
    port = scripted(answers_when(go), answers(30))
    fetch(port, agent)
    req, got = ask(port, agent), []
    slow = in_thread(lambda: got.append(http.once(req, 'response', MUST_NOT_EXPIRE)))
    other = http.Agent(keepAlive=True)
    for _ in range(30):
        assert fetch(port, other) == b'ok'
    go.set()
    slow.join(MUST_NOT_EXPIRE)
    [[res]] = got
    assert b''.join(res) == b'ok'
    other.destroy()


def test_a_thread_that_waits_for_input_alone_hears_of_a_reset(
        scripted: Any, agent: http.Agent, visits: list[Visit]) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_until(END)
        peer.send(ANSWER)
        peer.read_until(END)
        peer.reset()

    def ask_twice() -> None:
        fetch(port, agent)
        try:
            fetch(port, agent)
        except OSError as error:
            failures.append(error)
    failures: list[Any] = []
    port = scripted(script)
    in_thread(ask_twice).join(MUST_NOT_EXPIRE)
    [failure] = failures
    assert (failure.code, failure.message) == ('ECONNRESET', 'read ECONNRESET')
    assert len(visits) == 1  # the first request has opened the connection


def test_many_threads_share_the_connections(scripted: Any, agent: http.Agent) -> None:
    threads, times = 8, 40
    port = scripted(*[answers_on_and_on] * threads)
    bodies: list[bytes] = []
    workers = [in_thread(lambda: bodies.extend(fetch(port, agent) for _ in range(times)))
               for _ in range(threads)]
    for worker in workers:
        worker.join(MUST_NOT_EXPIRE)
    assert bodies == [b'ok'] * threads * times


@contextlib.contextmanager
def handling(handler: Callable[[], Any]) -> Iterator[None]:
    """Call `handler` in the main thread on SIGUSR1."""
    before = signal.signal(signal.SIGUSR1, lambda number, frame: handler())
    try:
        with pytest.MonkeyPatch.context() as monkeypatch:
            # What a handler waits for behind the wait that it has interrupted is looked for so often.
            monkeypatch.setattr(visit, 'SIGNALS_AFTER', 0.05)
            yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def interrupt() -> None:
    """Send the signal."""
    os.kill(os.getpid(), signal.SIGUSR1)


def test_a_signal_handler_may_wait_for_the_same(
        scripted: Any, agent: http.Agent, visits: list[Visit]) -> None:
    go = threading.Event()
    port = scripted(answers_when(go))
    fetch(port, agent)
    req, got = ask(port, agent), []

    def handler() -> None:
        go.set()
        got.extend(http.once(req, 'response', MUST_NOT_EXPIRE))
    with handling(handler):
        thread = while_polling(visits, interrupt)
        [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
        thread.join()
    assert got == [res] and b''.join(res) == b'ok' and visits


def test_a_signal_handler_may_ask_for_something_else(
        scripted: Any, agent: http.Agent, visits: list[Visit]) -> None:
    go = threading.Event()
    port = scripted(answers_when(go), answers(3))
    fetch(port, agent)
    req, got = ask(port, agent), []

    def handler() -> None:
        got.extend(fetch(port, agent) for _ in range(3))
        go.set()
    with handling(handler):
        thread = while_polling(visits, interrupt)
        [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
        thread.join()
    assert got == [b'ok'] * 3 and b''.join(res) == b'ok'


def test_ctrl_c_ends_the_wait(scripted: Any, agent: http.Agent, visits: list[Visit]) -> None:
    go = threading.Event()
    port = scripted(answers_when(go, ANSWER))
    fetch(port, agent)
    req = ask(port, agent)
    thread = while_polling(visits, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        http.once(req, 'response', MUST_NOT_EXPIRE)
    thread.join()
    go.set()
    [res] = http.once(req, 'response', MUST_NOT_EXPIRE)  # the pool has gone on with it, or this thread does
    assert b''.join(res) == b'ok'
    assert fetch(port, agent) == b'ok'


def test_a_server_in_the_same_process_is_not_the_visitors_business(
        agent: http.Agent, visits: list[Visit]) -> None:
    names: set[str] = set()

    def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        names.add(threading.current_thread().name)
        res.end('ok')
    with http.createServer(listener).listen(0) as server:
        port = server.address().port
        assert [fetch(port, agent) for _ in range(50)] == [b'ok'] * 50
        agent.destroy()
    assert names == {'nodehttp'} and len(visits) == 49


def test_the_user_is_asked_about_a_certificate_in_the_pool(scripted: Any, authority: Any) -> None:
    go = threading.Event()

    def script(peer: RawPeer) -> None:
        assert go.wait(MUST_NOT_EXPIRE)
        with authority.server_context().wrap_socket(peer.socket, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(ANSWER)
            secure.recv(1)
    check = Caller()
    agent = https.Agent(keepAlive=True, ca=authority.pem)
    port = scripted(script)
    req = https.get(port=port, host='127.0.0.1', agent=agent, checkServerIdentity=check)
    [sock] = http.once(req, 'socket', MUST_NOT_EXPIRE)
    while sock.connecting:
        time.sleep(0.001)
    go.set()
    [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
    assert (b''.join(res), check.name()) == (b'ok', 'nodehttp')
    agent.destroy()


def test_time_that_passes_between_two_looks_at_the_clock_makes_no_wait_endless(
        scripted: Any, agent: http.Agent, visits: list[Visit], monkeypatch: pytest.MonkeyPatch) -> None:
    port = scripted(lambda peer: (peer.read_until(END), peer.send(ANSWER), peer.read_to_end()))
    fetch(port, agent)
    hours = itertools.count(0, 3600)
    monkeypatch.setattr(visit, 'monotonic', lambda: time.monotonic() + next(hours))
    req = ask(port, agent)
    thread = threading.Timer(MUST_NOT_EXPIRE / 2, req.destroy)
    thread.start()
    with pytest.raises(TimeoutError):
        http.once(req, 'response', 0.02)
    thread.cancel()
    assert visits and not req.destroyed
    req.on('error', lambda: None).destroy()


def test_without_a_descriptor_the_pool_does_all(
        scripted: Any, agent: http.Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise OSError(errno.EMFILE, 'Too many open files')
    monkeypatch.setattr(visit, 'Bell', refused)
    port = scripted(answers(2))
    bodies: list[bytes] = []
    thread = in_thread(lambda: bodies.extend([fetch(port, agent), fetch(port, agent)]))
    thread.join(MUST_NOT_EXPIRE)
    assert bodies == [b'ok', b'ok']
