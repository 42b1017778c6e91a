"""https.Agent: the names of connections, how they are made, tunnels, and whom the environment trusts; as Node
25.2.1 has them.

What requests make of an agent's options is in test_https_client.py, the order of its events in
test_https_client_events.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, Recorder
from program_tools import beside, run_script
from test_costs import Meter
from tls_tools import Authority, self_signed

import nodehttp as http
import nodehttps as https
from nodehttp import errors, net, stream, timers
from nodehttps import _session, tls

EVERYTHING = {
    'host': 'h', 'port': 443, 'localAddress': 'l', 'family': 6, 'ca': 'A', 'cert': 'C', 'ciphers': 'x',
    'clientCertEngine': 'e', 'key': 'K', 'pfx': 'P', 'rejectUnauthorized': True, 'servername': 's',
    'minVersion': '1', 'maxVersion': '2', 'secureProtocol': 'sp', 'crl': 'R', 'honorCipherOrder': True,
    'ecdhCurve': 'ec', 'dhparam': 'D', 'secureOptions': 5, 'sessionIdContext': 'si', 'sigalgs': 'sa',
    'privateKeyIdentifier': 'pi', 'privateKeyEngine': 'pe',
}  # fmt: skip
UNNAMED = {'passphrase': 'x', 'checkServerIdentity': 1, 'ALPNProtocols': ['h2'], 'session': 's', 'timeout': 5}
NAMES: list[tuple[dict[str, Any] | None, str]] = [
    (None, 'localhost::::::::::::::::::::::'),
    ({}, 'localhost::::::::::::::::::::::'),
    ({'host': 'h', 'port': 1}, 'h:1:::::::::::::::::::::'),
    ({'host': 'h', 'localAddress': 'l', 'family': 4}, 'h::l:4::::::::::::::::::::'),
    ({'socketPath': '/s'}, 'localhost:::/s::::::::::::::::::::'),
    ({'ca': 'A'}, 'localhost:::A:::::::::::::::::::'),
    ({'ca': b'A'}, 'localhost:::A:::::::::::::::::::'),
    ({'ca': [b'A', 'B']}, 'localhost:::A,B:::::::::::::::::::'),
    ({'ca': ''}, 'localhost::::::::::::::::::::::'),
    ({'cert': 'C'}, 'localhost::::C::::::::::::::::::'),
    ({'key': ['K', b'L']}, 'localhost:::::::K,L:::::::::::::::'),
    ({'pfx': ['P', 'Q']}, 'localhost::::::::P,Q::::::::::::::'),
    ({'rejectUnauthorized': False}, 'localhost:::::::::false:::::::::::::'),
    ({'rejectUnauthorized': 0}, 'localhost:::::::::0:::::::::::::'),
    ({'host': 'h', 'servername': 'h'}, 'h::::::::::::::::::::::'),
    ({'host': 'h', 'servername': 's'}, 'h::::::::::s::::::::::::'),
    ({'servername': ''}, 'localhost::::::::::::::::::::::'),
    ({'crl': ['R', 'S']}, 'localhost::::::::::::::R,S::::::::'),
    ({'honorCipherOrder': False}, 'localhost:::::::::::::::false:::::::'),
    ({'secureOptions': 0}, 'localhost::::::::::::::::::0::::'),
    ({'sigalgs': 'RSA+SHA256'}, 'localhost::::::::::::::::::::"RSA+SHA256"::'),
    ({'sigalgs': ''}, 'localhost::::::::::::::::::::::'),
    (EVERYTHING, 'h:443:l:6:A:C:e:x:K:P:true:s:1:2:sp:R:true:ec:D:5:si:"sa":pi:pe'),
    (UNNAMED, 'localhost::::::::::::::::::::::'),
]


@pytest.mark.parametrize(('options', 'name'), NAMES)
def test_names(options: dict[str, Any] | None, name: str) -> None:
    assert https.Agent().getName(options) == name


@pytest.mark.parametrize('options', [5, True, 'x', [], None])
@pytest.mark.parametrize('kind', [http.Agent, https.Agent])
def test_what_has_no_members_has_no_options(kind: type[http.Agent], options: Any) -> None:
    assert kind(options, timeout=3).options == kind(timeout=3).options


def test_objects_among_options_are_part_of_the_name() -> None:
    # In Node all of them are '[object Object]'.
    one, other = ({'key': [{'pem': 'K', 'passphrase': secret}]} for secret in 'ab')
    assert https.Agent().getName(one) != https.Agent().getName(other)


class Silent(https.Agent):
    """Its connections never say anything."""

    def createConnection(self, options: Any = None, callback: Any = None) -> Any:
        return stream.Duplex(read=lambda size: None, write=lambda chunk, encoding, callback: None)


@pytest.mark.parametrize(('options', 'count'), [
    ({}, 3), ({'ca': 'A', 'rejectUnauthorized': False}, 3), ({'ca': ['A', b'B']}, 3),
    ({'servername': 's'}, 2), ({'host': 'z'}, 3)])
@pytest.mark.parametrize('host', ['h', '127.0.0.1', '::1'])
def test_who_waits_waits_for_a_connection_of_the_same_name(
        options: dict[str, Any], count: int, host: str) -> None:
    """What an agent's options add to a name is not found out for each request; but it may change."""
    agent = Silent(maxSockets=1, keepAlive=True, **options)
    requests: list[http.ClientRequest] = []

    def ask_twice(**more: Any) -> None:
        for _ in range(2):
            requests.append(https.get({'host': host, 'agent': agent, **more}).on('error', lambda error: None))
    ask_twice()
    ask_twice(headers={'Host': 'other'})
    if isinstance(options.get('ca'), list):
        options['ca'].append('C')
    else:
        agent.options.ca = 'D'
    ask_twice()
    assert [*agent.sockets] == [*agent.requests]
    assert len(agent.sockets) == count
    for req in requests:
        req.destroy()
    agent.destroy()


def test_defaults() -> None:
    agent = https.Agent()
    assert isinstance(agent, http.Agent)
    assert (agent.defaultPort, agent.protocol, agent.maxCachedSessions) == (443, 'https:', 100)
    assert (agent.maxSockets, agent.maxFreeSockets, agent.keepAlive) == (float('inf'), 256, False)
    assert (agent.sockets, agent.freeSockets, agent.requests) == ({}, {}, {})
    given = https.Agent(defaultPort=8443, protocol='x:', maxCachedSessions=0, maxSockets=5, keepAlive=True)
    assert (given.defaultPort, given.protocol, given.maxCachedSessions) == (8443, 'x:', 0)
    assert (given.maxSockets, given.keepAlive) == (5, True)
    assert (https.globalAgent.keepAlive, https.globalAgent.scheduling) == (True, 'lifo')
    assert (https.globalAgent.options.timeout, https.globalAgent.defaultPort) == (5000, 443)


# Connections


@pytest.fixture
def server(authority: Authority) -> Iterator[Any]:
    """A server that tells what it was asked."""

    def listener(req: Any, res: Any) -> None:
        res.end(f'{req.method} {req.url} {req.headers.connection} {req.socket.servername}')

    with https.createServer(authority.issue(), listener).listen(0) as server:
        yield server


def asked(record: Recorder, server: Any, callback: Callable[[], Any] | None = None, **options: Any) -> Any:
    """Make a request; what it comes to is recorded."""
    req = https.get({'host': 'localhost', 'port': server.address().port, **options})

    def on_response(res: Any) -> None:
        res.setEncoding('utf8').on('data', record)

    req.on('response', on_response)
    req.on('error', lambda error: record(error.code))
    req.on('close', lambda: (callback() if callback else None, record('close')))
    return req


def test_default_port_and_agent(record: Recorder, authority: Authority, server: Any) -> None:
    """Requests go to port 443 of localhost, and through globalAgent, which may be replaced."""
    opened: list[dict[str, Any]] = []

    class Mine(https.Agent):
        def createConnection(self, options: Any = None, callback: Any = None) -> Any:
            opened.append(dict(options))
            return tls.connect({**options, 'port': server.address().port, 'ca': authority.pem})

    before, https.globalAgent = https.globalAgent, Mine()
    try:
        req = https.get('https://localhost/x')
        req.on('response', lambda res: res.resume())
        record.on(req, 'close')
        record.wait_for('close')
        assert req.agent is https.globalAgent
    finally:
        https.globalAgent = before
    [options] = opened
    assert (options['port'], options['host'], options['servername']) == (443, 'localhost', 'localhost')
    assert req.getHeader('host') == 'localhost'
    assert (req.protocol, req.agent.protocol) == ('https:', 'https:')


def test_a_connection_that_is_made_by_hand(record: Recorder, authority: Authority, server: Any) -> None:
    agent = https.Agent(ca=authority.pem)
    socket = agent.createConnection({'port': server.address().port, 'host': 'localhost', 'ca': authority.pem})
    assert isinstance(socket, tls.TLSSocket)
    record.on(socket, 'secureConnect', 'close')
    socket.on('secureConnect', lambda: socket.destroy())
    assert record.wait_for('close') == ['secureConnect', 'close']


def test_create_connection_overridden(record: Recorder, authority: Authority, server: Any) -> None:
    """It may return the connection, or hand it to the callback later, or an error."""

    class Mine(https.Agent):
        way = ''

        def createConnection(self, options: Any = None, callback: Any = None) -> Any:
            assert callback is not None
            if self.way == '/fails':
                callback(errors.Error('no', 'NO'))
                return None
            if self.way == '/later':
                timers.setImmediate(lambda: callback(None, super(Mine, self).createConnection(options)))
                return None
            return super().createConnection(options)

    agent = Mine(ca=authority.pem)
    for count, way in enumerate(('/now', '/later', '/fails'), 1):
        agent.way = way
        asked(record, server, agent=agent, path=way)
        record.wait_count(2 * count)
    assert record.events == [
        'GET /now close localhost',
        'close',
        'GET /later close localhost',
        'close',
        'NO',
        'close',
    ]


def test_queues_by_name(record: Recorder, authority: Authority, server: Any) -> None:
    agent = https.Agent(keepAlive=True, maxSockets=1, ca=authority.pem)
    port = server.address().port
    name = agent.getName({'host': 'localhost', 'port': port, 'ca': authority.pem})

    def begin() -> None:
        for path in ('/a', '/b'):
            asked(record, server, agent=agent, path=path)
        assert {key: len(value) for key, value in agent.sockets.items()} == {name: 1}
        assert {key: len(value) for key, value in agent.requests.items()} == {name: 1}

    record.on(agent, 'free')
    timers.setImmediate(begin)
    assert record.wait_count(6) == [
        'GET /a keep-alive localhost',
        'close',
        'free',
        'GET /b keep-alive localhost',
        'close',
        'free',
    ]
    assert agent.requests == agent.sockets == {}
    [socket] = agent.freeSockets[name]
    record.on(socket, 'close', prefix='kept')
    agent.destroy()
    record.wait_for('kept close')
    assert agent.freeSockets == {}


def test_a_failed_connection_forgets_its_session(record: Recorder, authority: Authority, server: Any) -> None:
    agent = https.Agent(ca=authority.pem)

    def resumed(**options: Any) -> None:
        req = asked(record, server, agent=agent, **options)
        req.on('socket', lambda sock: sock.once('secureConnect', lambda: record(sock.isSessionReused())))
        sessions: list[Any] = []
        req.on('socket', lambda sock: sock.on('session', sessions.append))
        record.wait(lambda seen: seen[-1:] == ['close'])
        record.events[-1] = 'closed'

    resumed()
    resumed()
    resumed(checkServerIdentity=lambda host, cert: errors.Error('not him', 'MINE'))
    resumed()
    text = 'GET / close localhost'
    assert record.events == [
        False,
        text,
        'closed',
        True,
        text,
        'closed',
        'MINE',
        'closed',
        False,
        text,
        'closed',
    ]


@pytest.mark.parametrize(('fresh', 'looks'), [(60, 1), (0, 4)])
@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
def test_a_session_is_looked_for_when_there_is_no_fresh_one(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, version: str, fresh: int, looks: int
) -> None:
    # CPython does not free what it takes.
    monkeypatch.setattr(_session, 'FRESH', fresh)
    resumed: list[bool] = []
    meter = Meter()

    def main() -> None:
        def ask() -> None:
            get = https.get(f'https://localhost:{server.address().port}', {'agent': agent})
            get.on('response', lambda res: (resumed.append(res.socket.isSessionReused()), res.resume()))
            get.on('close', server.close if len(resumed) == 3 else ask)
        server = https.createServer(authority.issue(), lambda req, res: res.end('x')).listen(0, ask)
        agent = https.Agent(ca=authority.pem, maxVersion=version)
        meter.start()

    http.run(main)
    meter.stop()
    assert resumed == [False, True, True, True]
    settings = 3  # have the same name
    assert meter.calls['SSLObject.session'] - settings == (looks if version == 'TLSv1.3' else 1)


def test_the_session_that_was_not_used_for_longest_makes_room(authority: Authority, server: Any) -> None:
    agent = https.Agent(ca=authority.pem, maxCachedSessions=2)

    def is_resumed(kind: str) -> bool:
        url = f'https://localhost:{server.address().port}'
        request = https.get(url, agent=agent, sessionIdContext=kind)
        [res] = http.once(request, 'response', MUST_NOT_EXPIRE)
        http.once(res.resume(), 'close', MUST_NOT_EXPIRE)
        return bool(res.socket.isSessionReused())
    assert [*map(is_resumed, 'abacab')] == [False, False, True, False, True, False]


# Tunnels


@pytest.fixture
def proxy() -> Iterator[Any]:
    """A proxy for tunnels."""

    def on_connect(req: Any, client: Any, head: bytes) -> None:
        host, port = req.url.split(':')

        def connected() -> None:
            client.write('HTTP/1.1 200 OK\r\n\r\n')
            upstream.write(head)
            upstream.pipe(client)
            client.pipe(upstream)

        upstream = net.connect(int(port), host, connected)
        for one, other in ((client, upstream), (upstream, client)):
            one.on('error', lambda: None)
            one.on('close', other.destroy)

    with http.createServer().on('connect', on_connect).listen(0, '127.0.0.1') as proxy:
        yield proxy


def test_requests_through_a_tunnel(record: Recorder, authority: Authority, server: Any, proxy: Any) -> None:
    """The socket of a CONNECT as the option `socket`, of a request and of an agent's createConnection."""
    port = server.address().port

    def tunnel(use: Callable[[Any], Any]) -> None:
        count = record.events.count('over')
        req = http.request(
            {
                'port': proxy.address().port,
                'host': '127.0.0.1',
                'method': 'CONNECT',
                'path': f'localhost:{port}',
            }
        )
        req.on('connect', lambda res, socket, head: use(socket))
        req.end()
        record.wait(lambda seen: seen.count('over') > count, MUST_NOT_EXPIRE)

    def over() -> None:
        record('over')

    tunnel(
        lambda socket: asked(record, server, over, path='/a', socket=socket, agent=False, ca=authority.pem)
    )
    tunnel(lambda socket: asked(record, server, over, path='/b', socket=socket, agent=False))
    tunnel(
        lambda socket: asked(
            record, server, over, host='nowhere.test', socket=socket, agent=False, ca=authority.pem
        )
    )

    def twice(socket: Any) -> None:
        agent = https.Agent(keepAlive=True, ca=authority.pem)
        agent.createConnection = lambda options: tls.connect({**options, 'socket': socket})  # type: ignore[method-assign]

        def again() -> None:
            def end() -> None:
                agent.destroy()
                over()

            asked(record, server, end, path='/d', agent=agent)

        asked(record, server, lambda: timers.setImmediate(again), path='/c', agent=agent)

    tunnel(twice)
    assert [event for event in record.events if event not in ('over', 'close')] == [
        'GET /a close localhost',
        'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        'ERR_TLS_CERT_ALTNAME_INVALID',
        'GET /c keep-alive localhost',
        'GET /d keep-alive localhost',
    ]


# The environment

PROGRAM = """
import sys
import nodehttps as https

def request(left):
    req = https.get(sys.argv[1])
    req.on('response', lambda res: (print(res.statusCode, res.socket.authorizationError), res.resume()))
    req.on('error', lambda error: print(error.code))
    req.on('close', lambda: request(left - 1) if left else None)

request(1)
"""
INSECURE = (
    "Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS connections and HTTPS "
    'requests insecure by disabling certificate verification.'
)


def test_the_environment_has_a_say_in_trust(authority: Authority, tmp_path: Path) -> None:
    extra = tmp_path / 'extra.pem'
    extra.write_bytes(b'# mine\n' + self_signed('other.test')['cert'] + authority.pem)
    unknown = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'
    missing = 'Ignoring extra certs from `/nope`, load failed: '
    outcomes: tuple[tuple[dict[str, str], str, tuple[str, ...]], ...] = (
        ({'NODE_TLS_REJECT_UNAUTHORIZED': 'false'}, f'{unknown}\n', ()),
        ({'NODE_EXTRA_CA_CERTS': str(extra)}, '200 None\n', ()),
        (
            {'NODE_EXTRA_CA_CERTS': '/nope', 'NODE_TLS_REJECT_UNAUTHORIZED': '0'},
            f'200 {unknown}\n',
            (missing, INSECURE),
        ),
    )
    with https.createServer(authority.issue(), lambda req, res: res.end()).listen(0) as server:
        url = f'https://localhost:{server.address().port}/'
        results = beside(
            lambda more: run_script(PROGRAM, url, PYTHONWARNINGS='default', **more),
            [more for more, _, _ in outcomes])
        for (status, out, err), (more, printed, warnings) in zip(results, outcomes, strict=True):
            assert (status, out) == (0, printed * 2), more
            told = [err.count(f'<string>:6: SecurityWarning: {warning}') for warning in warnings]
            assert told == [1] * len(warnings)  # once, at the line of the program
            assert bool(err) == bool(warnings)
