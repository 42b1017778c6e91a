"""Agent: options, names, limits, hooks, idle sockets. The order of its events is in test_client_events.py."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, OK, RawPeer, Recorder, answering, in_a_callback, settle
from program_tools import run_script

import nodehttp as http
from nodehttp import agent as agent_module
from nodehttp import errors, net, stream, threadpool, timers
from nodehttp.agent import Agent
from nodehttp.client import ClientRequest, get
from nodehttp.record import Record


def finish(*requests: ClientRequest) -> list[int]:
    """Wait until the requests and their responses are closed; return the status codes."""
    for waiter in [closing(req) for req in requests]:
        waiter.wait(MUST_NOT_EXPIRE)
    settle()
    return [req.res.statusCode for req in requests]


def closing(req: ClientRequest) -> threadpool.Waiter:
    """Read the response of a request; return what waits until it is closed."""
    waiter = threadpool.Waiter()
    req.on('response', lambda res: res.on('close', waiter.set).resume())
    req.on('error', waiter.fail)
    return waiter


def fetch(agent: Any, port: int, **options: Any) -> ClientRequest:
    """Make a GET and wait until it and its response are closed."""
    req = get(host='127.0.0.1', port=port, agent=agent, **options)
    finish(req)
    return req


def counts(agent: Agent) -> tuple[int, int, int, int]:
    """Return the number of sockets in use, of free ones, of waiting requests, and the total."""
    busy, free, waiting = (
        sum(map(len, lists.values())) for lists in (agent.sockets, agent.freeSockets, agent.requests)
    )
    return busy, free, waiting, agent.totalSocketCount


@pytest.fixture
def agents() -> Iterator[Callable[..., Any]]:
    """agents(options, cls=Agent) -> an Agent that is destroyed at the end."""
    made: list[Agent] = []

    def make(options: Any = None, cls: type[Agent] = Agent, **kwargs: Any) -> Agent:
        made.append(cls(options, **kwargs))
        return made[-1]

    yield make
    for agent in made:
        agent.destroy()


def undisturbed(action: Callable[[], Any]) -> Any:
    """Return what `action` returns. It runs in the loop's way: nothing else is delivered meanwhile."""
    http.configure(handoffAfter=None)
    try:
        return in_a_callback(action)
    finally:
        http.configure()


# Options


def test_an_agent_without_options_keeps_nothing() -> None:
    agent = Agent()
    assert {
        name: getattr(agent, name)
        for name in (
            'keepAlive',
            'keepAliveMsecs',
            'agentKeepAliveTimeoutBuffer',
            'maxSockets',
            'maxTotalSockets',
            'maxFreeSockets',
            'scheduling',
            'defaultPort',
            'protocol',
            'totalSocketCount',
            'sockets',
            'freeSockets',
            'requests',
            'options',
        )
    } == {
        'keepAlive': False,
        'keepAliveMsecs': 1000,
        'agentKeepAliveTimeoutBuffer': 1000,
        'maxSockets': math.inf,
        'maxTotalSockets': math.inf,
        'maxFreeSockets': 256,
        'scheduling': 'lifo',
        'defaultPort': 80,
        'protocol': 'http:',
        'totalSocketCount': 0,
        'sockets': {},
        'freeSockets': {},
        'requests': {},
        'options': {'noDelay': True, 'path': None},
    }
    assert Agent.defaultMaxSockets == math.inf
    assert repr(agent) == '<Agent busy=0 free=0 waiting=0>'


def test_the_global_agent_keeps_sockets_for_five_seconds() -> None:
    assert http.globalAgent.options == {
        'keepAlive': True,
        'scheduling': 'lifo',
        'timeout': 5000,
        'noDelay': True,
        'path': None,
    }
    assert http.globalAgent.keepAlive is True


def test_options_are_a_mapping_or_keywords_and_none_is_not_given() -> None:
    agent = Agent({'maxSockets': 1, 'keepAlive': True, 'scheduling': None}, maxSockets=2, timeout=None)
    assert (agent.maxSockets, agent.keepAlive, agent.scheduling, agent.options.timeout) == (
        2,
        True,
        'lifo',
        None,
    )


@pytest.mark.parametrize(
    ('options', 'attribute', 'value'),
    [
        ({'maxSockets': 0}, 'maxSockets', math.inf),
        ({'maxSockets': math.nan}, 'maxSockets', math.inf),
        ({'maxFreeSockets': 0}, 'maxFreeSockets', 256),
        ({'maxFreeSockets': math.nan}, 'maxFreeSockets', 256),
        ({'keepAliveMsecs': 0}, 'keepAliveMsecs', 1000),
        ({'keepAliveMsecs': math.nan}, 'keepAliveMsecs', 1000),
        ({'agentKeepAliveTimeoutBuffer': -1}, 'agentKeepAliveTimeoutBuffer', 1000),
        ({'agentKeepAliveTimeoutBuffer': 'x'}, 'agentKeepAliveTimeoutBuffer', 1000),
        ({'agentKeepAliveTimeoutBuffer': 0}, 'agentKeepAliveTimeoutBuffer', 0),
        ({'agentKeepAliveTimeoutBuffer': 2.5}, 'agentKeepAliveTimeoutBuffer', 2.5),
        ({'maxTotalSockets': math.inf}, 'maxTotalSockets', math.inf),
        ({'defaultPort': 8080}, 'defaultPort', 8080),
        ({'defaultPort': 0}, 'defaultPort', 80),
        ({'protocol': 'x:'}, 'protocol', 'x:'),
        ({'noDelay': False}, 'options', {'noDelay': False, 'path': None}),
        ({'path': 'x'}, 'options', {'noDelay': True, 'path': None}),
    ],
)
def test_options_fall_back_as_in_node(options: dict[str, Any], attribute: str, value: Any) -> None:
    assert getattr(Agent(options), attribute) == value


@pytest.mark.parametrize(
    ('options', 'code', 'message'),
    [
        (
            {'maxTotalSockets': 0},
            'ERR_OUT_OF_RANGE',
            'The value of "maxTotalSockets" is out of range. It must be >= 1. Received 0',
        ),
        (
            {'maxTotalSockets': -1},
            'ERR_OUT_OF_RANGE',
            'The value of "maxTotalSockets" is out of range. It must be >= 1. Received -1',
        ),
        (
            {'maxTotalSockets': 'x'},
            'ERR_INVALID_ARG_TYPE',
            'The "maxTotalSockets" argument must be of type number. Received type string (\'x\')',
        ),
        (
            {'scheduling': 'x'},
            'ERR_INVALID_ARG_VALUE',
            "The argument 'scheduling' must be one of: 'fifo', 'lifo'. Received 'x'",
        ),
        (
            {'scheduling': 5},
            'ERR_INVALID_ARG_VALUE',
            "The argument 'scheduling' must be one of: 'fifo', 'lifo'. Received 5",
        ),
    ],
)
def test_wrong_options_are_refused_as_in_node(options: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(errors.NodeError) as caught:
        Agent(options)
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize(
    ('options', 'name'),
    [
        (None, 'localhost::'),
        ({}, 'localhost::'),
        ({'host': 'h'}, 'h::'),
        ({'host': 'h', 'port': 80}, 'h:80:'),
        ({'host': 'h', 'port': 80, 'localAddress': 'l'}, 'h:80:l'),
        ({'family': 4}, 'localhost:::4'),
        ({'family': 6}, 'localhost:::6'),
        ({'family': 0}, 'localhost::'),
        ({'family': 5}, 'localhost::'),
        ({'family': '4'}, 'localhost::'),
        ({'socketPath': '/s'}, 'localhost:::/s'),
        ({'host': 'h', 'port': 1, 'localAddress': 'l', 'family': 6, 'socketPath': '/p'}, 'h:1:l:6:/p'),
        ({'host': ''}, 'localhost::'),
        ({'port': 0}, 'localhost::'),
        ({'hostname': 'x'}, 'localhost::'),
    ],
)
def test_names_are_those_of_node(options: Any, name: str) -> None:
    assert Agent().getName(options) == name


# Opening connections


def test_the_options_of_the_agent_win_over_those_of_the_request(scripted: Any, agents: Any) -> None:
    port = scripted(answering())
    seen: list[Record[Any]] = []

    class Watching(Agent):
        def createConnection(self, options: Any = None, callback: Any = None) -> Any:
            seen.append(options)
            return super().createConnection(options)

    agent = agents(
        {'host': '127.0.0.1', 'extra': 1, 'timeout': 9999, 'keepAlive': True, 'keepAliveMsecs': 77},
        Watching,
    )
    req = get(host='localhost', port=port, path='/x', timeout=5000, other=2, agent=agent)
    assert finish(req) == [200]
    wanted = (
        'host',
        'port',
        'path',
        'extra',
        'other',
        'timeout',
        'keepAliveInitialDelay',
        'noDelay',
        'servername',
        'encoding',
    )
    assert {name: seen[0][name] for name in wanted} == {
        'host': '127.0.0.1',
        'port': port,
        'path': None,
        'extra': 1,
        'other': 2,
        'timeout': 5000,
        'keepAliveInitialDelay': 77,
        'noDelay': True,
        'servername': 'localhost',
        'encoding': None,
    }


class Later(Agent):
    """Connects a moment after it was asked to, and answers through the callback."""

    def createConnection(self, options: Any = None, callback: Any = None) -> None:
        timers.setImmediate(lambda: callback(None, net.connect(options)))


class Both(Agent):
    """Answers twice: the first time counts."""

    def createConnection(self, options: Any = None, callback: Any = None) -> Any:
        sock = net.connect(options)
        callback(None, sock)
        callback(errors.Error('too late'))
        return sock


class WithoutCallback(Agent):
    """Declares only the parameter it needs."""

    def createConnection(self, options: Any) -> Any:  # type: ignore[override]
        return net.connect(options)


@pytest.mark.parametrize('cls', [Later, Both, WithoutCallback])
def test_an_overridden_create_connection_returns_the_socket_or_passes_it_on(
    scripted: Any, agents: Any, cls: Any
) -> None:
    agent = agents(cls=cls, keepAlive=True)
    req = fetch(agent, scripted(answering()))
    assert req.res.statusCode == 200
    assert counts(agent) == (0, 1, 0, 1)


class Raises(Agent):
    """Fails at once."""

    def createConnection(self, options: Any = None, callback: Any = None) -> Any:
        raise errors.Error('no', 'NO')


class FailsLater(Agent):
    """Fails a moment later."""

    def createConnection(self, options: Any = None, callback: Any = None) -> Any:
        timers.setImmediate(callback, errors.Error('no', 'NO'))


@pytest.mark.parametrize('cls', [Raises, FailsLater])
def test_an_overridden_create_connection_that_fails_is_the_error_of_the_request(
    agents: Any,
    record: Recorder,
    cls: Any,
) -> None:
    agent = agents(cls=cls, maxSockets=1)
    for label in ('a', 'b'):  # the second waits until the first has failed
        req = get(host='x', agent=agent)
        req.on('error', lambda error, label=label: record(f'{label} {error.code}'))
        record.on(req, 'close', prefix=label)
    assert sorted(record.wait_count(4)) == ['a NO', 'a close', 'b NO', 'b close']
    settle()
    assert counts(agent) == (0, 0, 0, 0)


def test_bad_options_are_raised_to_the_caller_of_request(agents: Any) -> None:
    agent = agents(maxSockets=1)
    for port in (99999, -1):
        with pytest.raises(ValueError, match='Port should be >= 0 and < 65536'):
            get(host='x', port=port, agent=agent)
    assert counts(agent) == (0, 0, 0, 0)
    assert agent._opening == {}


def test_bad_options_of_a_waiting_request_are_its_error(
    scripted: Any, agents: Any, record: Recorder
) -> None:
    class Nameless(Agent):
        def getName(self, options: Any = None) -> str:
            return 'all'

    agent = agents(cls=Nameless, maxSockets=1)
    first = get(host='127.0.0.1', port=scripted(lambda peer: peer.read_until(b'\r\n\r\n')), agent=agent)
    first.on('error', lambda: None)
    second = get(host='x', localAddress='no address', agent=agent)
    second.on('error', lambda error: record(error.code))
    record.on(second, 'close')
    assert record.wait_count(2) == ['ERR_INVALID_IP_ADDRESS', 'close']


def test_connections_that_are_being_made_count_against_max_sockets(scripted: Any, agents: Any) -> None:
    port = scripted(answering())  # nobody would answer on a second connection
    agent = agents(cls=Later, maxSockets=1, keepAlive=True)

    def ask() -> list[threadpool.Waiter]:
        requests = [get(host='127.0.0.1', port=port, agent=agent) for _ in range(3)]
        assert agent.requests == {f'127.0.0.1:{port}:': requests[1:]}
        return [closing(req) for req in requests]

    for waiter in undisturbed(ask):
        waiter.wait(MUST_NOT_EXPIRE)
    settle()
    assert counts(agent) == (0, 1, 0, 1)


def test_any_duplex_will_do_as_socket(agents: Any) -> None:
    class Paired(Agent):
        def createConnection(self, options: Any = None, callback: Any = None) -> Any:
            ours, theirs = stream.duplexPair()
            theirs.on('data', lambda: theirs.write(OK))
            return ours

    agent = agents(cls=Paired)
    req = get(host='x', agent=agent)
    waiter = threadpool.Waiter()
    req.on('response', lambda res: waiter.set(b''.join(res)))
    assert waiter.wait(MUST_NOT_EXPIRE) == b'ok'
    req.destroy()


@pytest.mark.parametrize('heard', ['nothing', "'close'", "'free'", "'free' of the socket"])
@pytest.mark.parametrize('where', ['thread', 'callback'])
def test_who_reads_one_response_after_the_other_finds_the_connection_free(
        scripted: Any, agents: Any, where: str, heard: str) -> None:
    agent = agents(keepAlive=True)
    port = scripted(answering())
    events: list[str] = []
    if heard == "'free'":
        agent.on('free', lambda: events.append(heard))

    def ask() -> None:
        for count in range(1, 6):
            req = get({'host': '127.0.0.1', 'port': port, 'agent': agent})
            if heard == "'close'":
                req.on('close', lambda: events.append(heard))
            [res] = http.once(req, 'response', MUST_NOT_EXPIRE)
            if heard == "'free' of the socket" and count == 1:
                res.socket.on('free', lambda: events.append(heard))
            assert b''.join(res) == b'ok'
            assert counts(agent) == (0, 1, 0, 1)
            assert events == [heard] * (0 if heard == 'nothing' else count)
    if where == 'thread':
        ask()
    else:
        undisturbed(ask)


def test_tls_lines_for_the_keylog_come_from_all_sockets(scripted: Any, agents: Any) -> None:
    agent = agents(keepAlive=True)
    first = fetch(agent, scripted(answering()))
    lines: list[Any] = []
    assert first.socket.listenerCount('keylog') == 0
    agent.on('keylog', lambda line, sock: lines.append((line, sock)))
    second = fetch(agent, scripted(answering()))
    for req in (first, second):
        req.socket.emit('keylog', b'line')
    assert lines == [(b'line', first.socket), (b'line', second.socket)]


# Reuse


class Hooked(Agent):
    """Notes the calls of its hooks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calls: list[Any] = []

    def keepSocketAlive(self, socket: Any) -> bool:
        kept = super().keepSocketAlive(socket)
        self.calls.append(('keep', socket, kept))
        return kept

    def reuseSocket(self, socket: Any, request: Any) -> None:
        super().reuseSocket(socket, request)
        self.calls.append(('reuse', socket, request.reusedSocket))


def test_hooks_see_a_socket_go_idle_and_come_back(scripted: Any, agents: Any) -> None:
    agent = agents(cls=Hooked, keepAlive=True)
    port = scripted(answering())
    first = fetch(agent, port)
    assert not first.reusedSocket
    second = fetch(agent, port)
    assert second.reusedSocket and second.socket is first.socket
    sock = first.socket
    assert agent.calls == [('keep', sock, True), ('reuse', sock, True), ('keep', sock, True)]


def test_a_socket_that_keep_socket_alive_does_not_want_is_destroyed(
    scripted: Any, agents: Any, record: Recorder
) -> None:
    class Refusing(Agent):
        def keepSocketAlive(self, socket: Any) -> bool:
            return False

    agent = agents(cls=Refusing, keepAlive=True)
    req = fetch(agent, scripted(answering()))
    assert req.socket.destroyed
    assert counts(agent) == (0, 0, 0, 0)


def test_a_hook_that_raises_is_reported_and_costs_the_socket(
    scripted: Any,
    agents: Any,
    escaped: list[BaseException],
) -> None:
    class Raising(Agent):
        def keepSocketAlive(self, socket: Any) -> bool:
            raise RuntimeError('hook')

    req = fetch(agents(cls=Raising, keepAlive=True), scripted(answering()))
    assert req.socket.destroyed
    assert [str(error) for error in escaped] == ['hook']


def test_a_reuse_hook_that_raises_is_the_error_of_the_request(
    scripted: Any, agents: Any, record: Recorder
) -> None:
    class Raising(Agent):
        def reuseSocket(self, socket: Any, request: Any) -> None:
            raise errors.Error('no', 'NO')

    agent = agents(cls=Raising, keepAlive=True)
    port = scripted(answering())
    fetch(agent, port)
    req = get(host='127.0.0.1', port=port, agent=agent)
    req.on('error', lambda error: record(error.code))
    record.on(req, 'close')
    assert record.wait_count(2) == ['NO', 'close']
    settle()
    assert counts(agent) == (0, 0, 0, 0)


def test_hooks_may_block(scripted: Any, agents: Any, record: Recorder) -> None:
    other = scripted(answering())

    class Asking(Agent):
        def keepSocketAlive(self, socket: Any) -> bool:
            assert finish(get(host='127.0.0.1', port=other, agent=False)) == [200]
            return super().keepSocketAlive(socket)

    agent = agents(cls=Asking, keepAlive=True)
    record.on(agent, 'free')
    fetch(agent, scripted(answering()))
    record.wait_for('free')
    assert counts(agent) == (0, 1, 0, 1)


def test_a_request_that_comes_while_a_hook_takes_its_time_gets_the_socket(
    scripted: Any, agents: Any
) -> None:
    class Slow(Agent):
        def keepSocketAlive(self, socket: Any) -> bool:
            in_hook.set()
            assert is_queued.wait(MUST_NOT_EXPIRE)
            return super().keepSocketAlive(socket)

    in_hook, is_queued = threading.Event(), threading.Event()
    agent = agents(cls=Slow, keepAlive=True, maxSockets=1)
    port = scripted(answering())
    first = get(host='127.0.0.1', port=port, agent=agent)
    waiters = [closing(first)]
    with http.blocking():
        assert in_hook.wait(MUST_NOT_EXPIRE)
    second = get(host='127.0.0.1', port=port, agent=agent)
    waiters.append(closing(second))
    assert agent.requests == {f'127.0.0.1:{port}:': [second]}
    is_queued.set()
    for waiter in waiters:
        waiter.wait(MUST_NOT_EXPIRE)
    assert second.reusedSocket and second.socket is first.socket


@pytest.mark.parametrize('lines', [
    b'Keep-Alive: timeout=5', b'keep-alive: timeout=5', b'x-name: Keep-Alive\r\nKeep-Alive: timeout=5'])
def test_the_hint_of_the_server_counts_without_a_timeout_of_the_agent(
        scripted: Any, agents: Any, lines: bytes) -> None:
    answer = OK.replace(b'\r\n\r\n', b'\r\n%b\r\n\r\n' % lines)
    agent = agents(keepAlive=True)
    req = fetch(agent, scripted(answering(answer)))
    assert req.socket.timeout == 4000
    patient = agents(keepAlive=True, agentKeepAliveTimeoutBuffer=0, timeout=30000)
    assert fetch(patient, scripted(answering(answer))).socket.timeout == 5000
    hasty = agents(keepAlive=True, timeout=3000)
    assert fetch(hasty, scripted(answering(answer))).socket.timeout == 3000


def test_a_socket_is_kept_whatever_has_become_of_the_raw_headers(scripted: Any, agents: Any) -> None:
    agent = agents(keepAlive=True)
    req = get(
        host='127.0.0.1',
        port=scripted(answering(OK.replace(b'\r\n\r\n', b'\r\nKeep-Alive: timeout=5\r\n\r\n'))),
        agent=agent,
    )
    req.on('response', lambda res: res.rawHeaders.clear())
    finish(req)
    assert len(agent.freeSockets) == 1


def test_a_request_has_no_timeout_but_its_own(scripted: Any, agents: Any, record: Recorder) -> None:
    answer = OK.replace(b'\r\n\r\n', b'\r\nKeep-Alive: timeout=5\r\n\r\n')
    agent = agents(keepAlive=True)
    port = scripted(answering(answer))
    fetch(agent, port, timeout=7000)
    for options, timeout in (({}, 0), ({'timeout': 9000}, 9000)):
        req = get(host='127.0.0.1', port=port, agent=agent, **options)
        req.on('socket', lambda sock: record(sock.timeout))
        finish(req)
        assert req.reusedSocket and record.events[-1] == timeout


@pytest.mark.parametrize('parting', [b'', b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate'])
def test_a_socket_that_is_out_of_step_is_not_used_again(scripted: Any, agents: Any, parting: bytes) -> None:
    may_part, parted = threading.Event(), threading.Event()

    def first(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(OK)
        assert may_part.wait(MUST_NOT_EXPIRE)
        if parting:
            peer.send(parting)
        else:
            peer.socket.shutdown(socket.SHUT_WR)
        parted.set()
        peer.read_to_end()

    port = scripted(first, answering())
    agent = agents(keepAlive=True)
    before = fetch(agent, port)

    def part_and_ask() -> tuple[ClientRequest, threadpool.Waiter]:
        may_part.set()
        assert parted.wait(MUST_NOT_EXPIRE)  # the kernel knows, the loop does not
        req = get(host='127.0.0.1', port=port, agent=agent)
        return req, closing(req)

    after, waiter = undisturbed(part_and_ask)
    waiter.wait(MUST_NOT_EXPIRE)
    assert not after.reusedSocket and after.socket is not before.socket
    assert after.res.headers['content-length'] == '2'


def test_a_connection_that_ends_behind_an_answer_is_given_to_no_waiting_request(
        scripted: Any, agents: Any, record: Recorder) -> None:
    """The server has not said that it would close."""
    go, sent = threading.Event(), threading.Event()

    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        record('asked')
        assert go.wait(MUST_NOT_EXPIRE)
        peer.send(OK)
        peer.socket.shutdown(socket.SHUT_WR)
        sent.set()
        assert peer.read_to_end() == b''

    def let_it_end() -> None:
        go.set()
        assert sent.wait(MUST_NOT_EXPIRE)  # the kernel knows, the loop does not

    agent = agents(keepAlive=True, maxSockets=1)
    port = scripted(script, answering())
    first, second = (get(host='127.0.0.1', port=port, agent=agent) for _ in range(2))
    waiters = [closing(first), closing(second)]
    record.wait_for('asked')
    undisturbed(let_it_end)
    for waiter in waiters:
        waiter.wait(MUST_NOT_EXPIRE)
    assert second.res.complete and second.socket is not first.socket


def test_late_bytes_end_an_idle_connection(scripted: Any, agents: Any, record: Recorder) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(OK)
        record.wait_for('idle')
        peer.send(OK)
        assert peer.read_to_end() == b''

    agent = agents(keepAlive=True)
    req = get(host='127.0.0.1', port=scripted(script), agent=agent)
    req.on('socket', lambda sock: record.on(sock, 'close', prefix='socket'))
    finish(req)
    assert counts(agent) == (0, 1, 0, 1)
    record('idle')
    record.wait_for('socket close')
    assert counts(agent) == (0, 0, 0, 0)


def test_half_a_response_behind_the_first_ends_the_connection(scripted: Any, agents: Any) -> None:
    agent = agents(keepAlive=True)
    req = fetch(agent, scripted(answering(OK + b'HTTP/1.')))
    assert req.socket.destroyed
    assert counts(agent) == (0, 0, 0, 0)


def test_an_idle_socket_is_probed_and_keeps_no_process_alive(scripted: Any, agents: Any) -> None:
    port = scripted(answering(), answering())
    req = fetch(agents(keepAlive=True), port)
    assert req.socket._handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
    program = f"""
import nodehttp as http
agent = http.Agent(keepAlive=True)
agent.on('free', lambda: print(agent))
http.get({{'port': {port}, 'host': '127.0.0.1', 'agent': agent}}, lambda res: res.resume())
"""
    assert run_script(program) == (0, '<Agent busy=0 free=1 waiting=0>\n', '')


# Limits


def test_max_total_sockets_is_never_exceeded_and_idle_sockets_make_room(scripted: Any, agents: Any) -> None:
    agent = agents(keepAlive=True, maxTotalSockets=2)
    most = 0

    @agent.on('free')
    def count() -> None:
        nonlocal most
        most = max(most, agent.totalSocketCount)

    ports = [scripted(answering()) for _ in range(4)]
    for port in ports:
        fetch(agent, port)
    assert counts(agent) == (0, 2, 0, 2)
    assert sorted(agent.freeSockets) == sorted(
        f'127.0.0.1:{port}:' for port in ports[2:]
    )  # the others made room
    assert most == 2


def test_a_free_slot_goes_to_whoever_waits_whatever_its_origin(scripted: Any, agents: Any) -> None:
    agent = agents(keepAlive=True, maxTotalSockets=1)
    ports = [scripted(answering()) for _ in range(4)]

    def ask() -> list[threadpool.Waiter]:
        requests = [get(host='127.0.0.1', port=port, agent=agent) for port in ports]
        assert counts(agent) == (1, 0, 3, 1)
        return [closing(req) for req in requests]

    for waiter in undisturbed(ask):
        waiter.wait(MUST_NOT_EXPIRE)
    settle()
    assert counts(agent) == (0, 1, 0, 1)


def test_max_sockets_counts_for_each_origin(scripted: Any, agents: Any) -> None:
    agent = agents(maxSockets=2)
    one, other = (scripted(answering(), answering(), answering()) for _ in range(2))

    def ask() -> list[threadpool.Waiter]:
        requests = [
            get(host='127.0.0.1', port=port, agent=agent) for port in (one, one, one, other, other, other)
        ]
        assert counts(agent) == (4, 0, 2, 4)
        return [closing(req) for req in requests]

    for waiter in undisturbed(ask):
        waiter.wait(MUST_NOT_EXPIRE)
    settle()
    assert counts(agent) == (0, 0, 0, 0)


def test_the_repr_tells_what_the_sockets_do(scripted: Any, agents: Any) -> None:
    agent = agents(keepAlive=True, maxSockets=1)
    port = scripted(answering())

    def ask() -> list[threadpool.Waiter]:
        requests = [get(host='127.0.0.1', port=port, agent=agent) for _ in range(2)]
        assert repr(agent) == '<Agent busy=1 free=0 waiting=1>'
        return [closing(req) for req in requests]

    for waiter in undisturbed(ask):
        waiter.wait(MUST_NOT_EXPIRE)
    settle()
    assert repr(agent) == '<Agent busy=0 free=1 waiting=0>'


# The rest


def test_destroy_ends_all_sockets_and_the_agent_works_on(
    scripted: Any, agents: Any, record: Recorder
) -> None:
    agent = agents(keepAlive=True)
    idle = fetch(agent, scripted(answering()))
    busy = get(host='127.0.0.1', port=scripted(lambda peer: peer.read_to_end()), agent=agent)
    busy.on('error', lambda error: record(error.message))
    record.on(busy, 'close')
    agent.destroy()
    assert record.wait_count(2) == ['socket hang up', 'close']
    assert idle.socket.destroyed
    assert fetch(agent, scripted(answering())).res.statusCode == 200


def test_free_tells_the_socket_and_its_options(scripted: Any, agents: Any) -> None:
    agent = agents(keepAlive=True)
    told: list[Any] = []
    agent.on('free', lambda sock, options: told.append((sock, options.host, options.port)))
    port = scripted(answering())
    req = fetch(agent, port)
    assert told == [(req.socket, '127.0.0.1', port)]


def test_an_agent_of_the_users_own_needs_add_request_only(scripted: Any, record: Recorder) -> None:
    class Simple:
        keepAlive = True
        defaultPort = 80
        protocol = 'http:'

        def addRequest(self, req: ClientRequest, options: Any) -> None:
            sock = net.connect(options)
            sock.on('free', lambda: (record('free'), sock.destroy()))
            req.onSocket(sock)

    req = get(host='127.0.0.1', port=scripted(answering()), agent=Simple())
    finish(req)
    assert req.shouldKeepAlive
    assert record.wait_count(1) == ['free']


def test_an_agent_of_the_users_own_may_end_the_request(scripted: Any) -> None:
    class Hasty:
        protocol = 'http:'

        def addRequest(self, req: ClientRequest, options: Any) -> None:
            req.end()
            req.onSocket(net.connect(options))

    req = get(host='127.0.0.1', port=scripted(answering()), agent=Hasty())
    assert finish(req) == [200]


def test_who_looks_on_sees_the_end_of_a_get(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(self: ClientRequest, *args: Any) -> ClientRequest:
        ended.append(args)
        return plain_end(self, *args)

    plain_end, ended = ClientRequest.end, []
    monkeypatch.setattr(ClientRequest, 'end', end)
    finish(get(host='127.0.0.1', port=scripted(answering()), agent=False))
    assert ended == [()]


def test_agent_false_makes_an_agent_for_one_request(scripted: Any) -> None:
    req = fetch(False, scripted(answering()))
    assert type(req.agent) is Agent and req.agent is not http.globalAgent
    assert not req.shouldKeepAlive and req.socket.destroyed


def test_another_global_agent_serves_later_requests(
    scripted: Any, agents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = agents(keepAlive=True)
    monkeypatch.setattr(agent_module, 'globalAgent', agent)
    assert fetch(None, scripted(answering())).agent is agent


def test_threads_share_an_agent(agents: Any) -> None:
    most = 0

    def listener(req: Any, res: Any) -> None:
        nonlocal most
        most = max(most, counts(agent)[0])
        res.end(req.url)

    agent = agents(keepAlive=True, maxSockets=4)
    received: list[str] = []
    with http.createServer(listener).listen(0, '127.0.0.1') as server:
        port = server.address().port

        def ask(thread: int) -> None:
            for number in range(10):
                req = get(f'http://127.0.0.1:{port}/{thread}/{number}', agent=agent)
                (response,) = http.once(req, 'response', MUST_NOT_EXPIRE)
                assert b''.join(response).decode() == f'/{thread}/{number}'
                received.append(response.req.path)

        threads = [threading.Thread(target=ask, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        agent.destroy()
    assert sorted(received) == sorted(f'/{thread}/{number}' for thread in range(8) for number in range(10))
    assert most <= 4
