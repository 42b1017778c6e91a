"""Proxies: who uses which, and what is said to them, compared with Node's for the same programs.

The programs are data (`oracle/proxy_cases.py`), and so is what Node 25.2.1 does with them
(`oracle/proxy_events.json`, `oracle/proxies.json`, made by `oracle/record.py`). Where we differ on purpose
is said here.
"""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, RawPeer, Recorder
from program_tools import run_script
from test_client_events import ORACLE, Run
from test_https_client_events import finish_tls
from tls_tools import Authority

import nodehttp as http
import nodehttps as https
from nodehttp import net, threadpool
from nodehttp.errors import NodeError
from nodehttps import tls

sys.path.insert(0, str(ORACLE))
import proxy_cases

ADDRESSES = json.loads((ORACLE / 'proxies.json').read_text())
EVENTS = json.loads((ORACLE / 'proxy_events.json').read_text())


DIRECT = '/ {"host":"[::1]"} null'
PROXIED = '"proxy-authorization":"Basic dTpw","proxy-connection":"close"'
LINES = 'proxy-authorization: Basic dTpw\r\nproxy-connection: close\r\nConnection: close\r\n\r\n'


def of_list(url: str, lines: str) -> str:
    """Return what is noted of a request whose headers are these lines."""
    return f'{url} {{}} {json.dumps(f"GET {url} HTTP/1.1{lines}" + chr(13) + chr(10) + LINES)}'


# What differs from Node: entries of NO_PROXY and hosts, options of requests, and what becomes of them.
OTHER_BYPASSES = {
    ('.a.test', 'nota.test'): f'http://nota.test/ {{"host":"nota.test",{PROXIED}}} null',
    ('.', 'a.test'): f'http://a.test/ {{"host":"a.test",{PROXIED}}} null',
    ('[::1]', '::1'): DIRECT,
    ('::1', '[::1]'): DIRECT,
    ('[::1]:80', '::1'): DIRECT,
}
OTHER_REQUESTS: list[tuple[dict[str, Any], str]] = [
    ({'headers': ['X', 'y']}, of_list('http://origin.test/', '\r\nX: y')),
    ({'headers': ['X', 'y', 'Host', 'c.test']}, of_list('http://c.test/', '\r\nX: y\r\nHost: c.test')),
    (
        {'headers': [['host', 'c.test:99'], ['X', 'y']]},
        of_list('http://c.test/', '\r\nhost: c.test:99\r\nX: y'),
    ),
    ({'headers': []}, of_list('http://origin.test/', '')),
    ({'setHost': False}, f'http://origin.test/ {{{PROXIED}}} null'),
    ({'setDefaultHeaders': False}, f'http://origin.test/ {{{PROXIED}}} null'),
    (
        {'method': 'CONNECT', 'path': '127.0.0.1:443'},
        f'127.0.0.1:443 {{"host":"origin.test",{PROXIED}}} null',
    ),
    ({'path': '//evil/x'}, f'http://origin.test//evil/x {{"host":"origin.test",{PROXIED}}} null'),
    ({'path': '\\\\evil/x'}, f'http://origin.test//evil/x {{"host":"origin.test",{PROXIED}}} null'),
]


class ProxyRun(Run):
    """One program; the server is the proxy, and what is behind it."""

    def __init__(self, case: dict[str, Any], context: ssl.SSLContext, authority: Authority) -> None:
        self.context = context
        if is_given_up(case['name']):
            case = {**case, 'server': [[['head']]]}  # no more comes
        if case['proxy'] == 'https:':
            self.module = https
            self.defaults = {'ca': authority.pem}  # type: ignore[misc]
        super().__init__(case)

    def begin_tls(self, peer: RawPeer) -> None:
        peer.socket = self.context.wrap_socket(peer.socket, server_side=True)

    def finish(self, peer: RawPeer) -> None:
        if isinstance(peer.socket, ssl.SSLSocket):
            finish_tls(peer.socket)
        else:
            super().finish(peer)


def is_given_up(name: str) -> bool:
    """Is the request destroyed before there can be a tunnel?"""
    return name.endswith((' at called', ' at tick', ' at immediate'))


def differences(name: str, lines: list[str]) -> list[str]:
    """Return what a program does here: what it does in Node (`lines`), but for what differs on purpose."""
    if is_given_up(name):
        # Node makes the tunnel all the same.
        return [
            line.replace('s1', 's0').replace('t1', 't0') for line in lines
            if not line.startswith(('agent free', 'asked'))]
    if name.startswith('tunnel: silence'):
        # How far the proxy has got by then is chance.
        return [line for line in lines if not line.startswith('asked')]
    lines = [line.replace('us%40er:p%3Aw@', '') for line in lines]  # Node gives the password away
    # Node tells of a tunnel that fails twice.
    return [
        line for line, before in zip(lines, ['', *lines], strict=False)
        if line != before or 'ERR_PROXY_TUNNEL' not in line]


@pytest.fixture(scope='module')
def context(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """What the servers behind the proxy are."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file = tmp_path_factory.mktemp('tls') / 'own.pem'
    own = authority.issue('127.0.0.1', 'origin.test')
    file.write_bytes(own['key'] + own['cert'] + authority.pem)
    made.load_cert_chain(file)
    return made


@pytest.mark.usefixtures('strictly')
@pytest.mark.parametrize('case', proxy_cases.programs(), ids=lambda case: case['name'])
def test_events_and_bytes_are_those_of_node(
    case: dict[str, Any], context: ssl.SSLContext, authority: Authority,
) -> None:
    expected = differences(case['name'], EVENTS[case['name']])
    count = sum(not line.startswith('asked') for line in expected)
    run = ProxyRun(case, context, authority)
    try:
        lines = run.events(count)
        assert run.wait(lambda: len(run.asked) >= len(expected) - count)  # it may all be over before
    finally:
        run.clean_up()
    if count < len(expected):
        heads = [b''.join(asked).decode().replace(f':{run.port}', ':PORT') for asked in run.asked]
        lines += [f'asked {json.dumps(head)}' for head in heads]
    assert lines == expected


def environment(env: Any) -> Any:
    """Return the option proxyEnv of a case."""
    if not isinstance(env, dict) or 'url' not in env:
        return env
    return {'http_proxy': env['url'], 'HTTPS_PROXY': 'http://[', **{k: env[k] for k in env if k != 'url'}}


def shown(value: Any) -> str:
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


@pytest.mark.parametrize('text', ADDRESSES)
def test_agents_and_requests_are_those_of_node(text: str) -> None:
    case = json.loads(text)
    try:
        agent = http.Agent(proxyEnv=environment(case['env']))
        agent.createConnection = lambda: None
        req = http.request({'host': 'origin.test', 'agent': agent, **case['options']})
        noted = f'{req.path} {shown(req.getHeaders())} {shown(req._header)}'
    except NodeError as error:
        noted = f'threw {error.name} {error.code or "undefined"} {error.message}'
    assert noted == expected_of(case, ADDRESSES[text])


def expected_of(case: dict[str, Any], node: str) -> str:
    """Return what a case comes to here; in Node it is `node`."""
    env, options = case['env'], case['options']
    if node.startswith('threw Error ERR_PROXY_INVALID_CONFIG'):
        return node.replace('//u:p@', '//')  # Node gives the password away
    if isinstance(env, dict) and 'no_proxy' in env and 'port' in options:
        return OTHER_BYPASSES.get((env['no_proxy'], options['host']), node)
    return next((ours for other, ours in OTHER_REQUESTS if other == options), node)


# What is not compared with Node.

Script = Callable[[RawPeer], None]


def ask(module: Any, agent: Any, **options: Any) -> Any:
    """Begin a request for /x of origin.test."""
    return module.get({'host': 'origin.test', 'path': '/x', 'agent': agent, **options})


def outcome(req: Any) -> Any:
    """Wait for a response, and return its status and body; or the error."""
    try:
        [res] = http.once(req, 'response', timeout=MUST_NOT_EXPIRE)
    except NodeError as error:
        return error
    return res.statusCode, b''.join(res)


def silent(peer: RawPeer, note: Callable[[], None] = lambda: None) -> None:
    """Answer nothing; wait until the client gives up."""
    peer.read_until(b'\r\n\r\n')
    note()
    assert peer.read_to_end() == b''


def silent_behind(peer: RawPeer, note: Callable[[], None] = lambda: None) -> None:
    """Make a tunnel to nowhere."""
    peer.read_until(b'\r\n\r\n')
    peer.send(b'HTTP/1.1 200 OK\r\n\r\n')
    assert peer.read_exactly(1) == b'\x16'
    note()
    peer.read_to_end()


def answering(text: str) -> Script:
    """Return a proxy that answers this, and waits for the client to go."""
    def script(peer: RawPeer) -> None:
        peer.read_until(b'\r\n\r\n')
        peer.send(text.encode())
        peer.read_to_end()
    return script


def tunnelling(port: int, **options: Any) -> https.Agent:
    """Return an Agent that goes through a proxy here."""
    return https.Agent({'proxyEnv': {'HTTPS_PROXY': f'http://127.0.0.1:{port}'}, **options})


class Behind:
    """A proxy, of http or https, and the server of origin.test behind it, made of this library."""

    def __init__(self, authority: Authority, module: Any) -> None:
        own = authority.issue('origin.test', 'localhost')
        self.asked: list[str] = []
        self.origin = https.createServer(own, lambda req, res: res.end(f'{req.method} {req.url}'))
        self.proxy = module.createServer(*([own] if module is https else []), self.plain)
        self.proxy.on('connect', self.tunnel)
        for server in (self.origin, self.proxy):
            http.once(server.listen(0), 'listening', timeout=MUST_NOT_EXPIRE)
        self.url = f'{module.__name__[4:]}://localhost:{self.proxy.address().port}'

    def plain(self, req: Any, res: Any) -> None:
        self.asked.append(f'{req.method} {req.url}')
        res.end('plain')

    def tunnel(self, req: Any, socket: Any, head: bytes) -> None:
        self.asked.append(f'{req.method} {req.url}')
        there = net.connect(self.origin.address().port, '127.0.0.1')
        for end in (socket, there):
            end.on('error', lambda: None)
        there.on('close', lambda: socket.destroy())
        socket.on('close', lambda: there.destroy())
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        there.pipe(socket)
        socket.pipe(there)

    def close(self) -> None:
        self.origin.close()
        self.proxy.close()


@pytest.fixture(params=[http, https], ids=['http', 'https'])
def behind(request: Any, authority: Authority) -> Iterator[Behind]:
    """A proxy of either kind. It is trusted by default, as one of https has to be."""
    before = tls.getCACertificates()
    tls.setDefaultCACertificates([authority.pem])
    servers = Behind(authority, request.param)
    yield servers
    servers.close()
    tls.setDefaultCACertificates(before)


def test_a_proxy_of_either_kind(behind: Behind) -> None:
    env = {'http_proxy': behind.url, 'https_proxy': behind.url}
    agents = http.Agent(proxyEnv=env), https.Agent(proxyEnv=env)
    assert outcome(ask(http, agents[0])) == (200, b'plain')
    assert outcome(ask(https, agents[1])) == (200, b'GET /x')
    assert behind.asked == ['GET http://origin.test/x', 'CONNECT origin.test:443']


def test_a_tunnel_is_used_again_and_its_session_resumed(behind: Behind, record: Recorder) -> None:
    agent = https.Agent(proxyEnv={'https_proxy': behind.url}, keepAlive=True, maxSockets=1)
    first, second = ask(https, agent), ask(https, agent)  # which has to wait
    second.on('response', lambda res: record(b''.join(res)))
    assert outcome(first) == (200, b'GET /x')
    assert record.wait_count(1) == [b'GET /x']
    assert second.socket is first.socket and not first.socket.isSessionReused()
    http.once(first.socket.destroy(), 'close', timeout=MUST_NOT_EXPIRE)
    third = ask(https, agent)
    assert (outcome(third), third.socket.isSessionReused()) == ((200, b'GET /x'), True)
    assert behind.asked == ['CONNECT origin.test:443'] * 2
    agent.destroy()


@pytest.mark.parametrize('module', [http, https])
def test_a_unix_socket_needs_no_proxy(module: Any) -> None:
    env = {'http_proxy': 'http://127.0.0.1:9', 'https_proxy': 'http://127.0.0.1:9'}
    where = {'socketPath': '/no/where'}
    for of_agent, of_request in ((where, {}), ({}, where)):
        req = ask(module, module.Agent(proxyEnv=env, **of_agent), **of_request)
        assert (outcome(req).message, req.path) == ('connect ENOENT /no/where', '/x')


def test_create_connection_of_a_proxied_agent(behind: Behind, record: Recorder) -> None:
    env = {'http_proxy': behind.url, 'https_proxy': behind.url}
    plain = http.Agent(proxyEnv=env).createConnection({'host': 'origin.test', 'port': 80})
    event = 'secureConnect' if behind.url.startswith('https') else 'connect'
    http.once(plain, event, timeout=MUST_NOT_EXPIRE)
    assert plain.remotePort == behind.proxy.address().port
    plain.destroy()

    agent = https.Agent(proxyEnv=env)
    options = {'host': 'origin.test', 'port': 443, 'servername': 'origin.test'}
    assert agent.createConnection(
        options, lambda error, socket: record(error, socket, threadpool.owns_monitor())) is None
    [(error, socket, has_monitor)] = record.wait_count(1)
    assert (error, socket.authorized, socket.connecting, has_monitor) == (None, True, False, False)
    socket.destroy()
    with pytest.raises(TypeError, match='"callback" argument must be of type function'):
        agent.createConnection(options)


def test_an_agent_of_the_users_own_may_add_to_it(behind: Behind) -> None:
    seen = []

    class Agent(https.Agent):
        def createConnection(self, options: Any = None, callback: Any = None) -> Any:
            seen.append(options.host)
            return super().createConnection(options, callback)

    assert outcome(ask(https, Agent(proxyEnv={'https_proxy': behind.url}))) == (200, b'GET /x')
    assert seen == ['origin.test']


@pytest.mark.parametrize('script', [silent, silent_behind])
@pytest.mark.parametrize('of', ['request', 'agent'])
def test_silence_for_too_long_ends_a_tunnel(
    script: Script, of: str, scripted: Any, record: Recorder,
) -> None:
    # Node never gives up a handshake in a tunnel.
    def hurried(peer: RawPeer) -> None:
        with contextlib.suppress(AssertionError):  # where the machine is slow, the client is gone before
            script(peer)

    timeout = {'timeout': 60}
    agent = tunnelling(scripted(hurried), **(timeout if of == 'agent' else {}))
    req = ask(https, agent, **(timeout if of == 'request' else {}))
    record.on(req, 'socket', 'timeout', 'close')
    req.on('error', lambda error: record(error.code, error.message, error.proxyTunnelTimeout))
    text = 'Connection to establish proxy tunnel timed out after 60ms'
    assert record.wait_for('close') == ['timeout', ('ERR_PROXY_TUNNEL', text, 60), 'close']
    assert not agent._tunnels


@pytest.mark.parametrize('script', [silent, silent_behind])
def test_what_is_destroyed_takes_its_tunnel_along(script: Any, scripted: Any, record: Recorder) -> None:
    # Node waits until the proxy has answered, and the server behind it.
    def noted(peer: RawPeer) -> None:
        script(peer, lambda: record('asked'))

    agent = tunnelling(scripted(noted, noted), maxSockets=1)
    first, second = ask(https, agent), ask(https, agent)
    for name, req in (('first', first), ('second', second)):
        record.on(req, 'socket', 'close', prefix=name)
        req.on('error', lambda error, name=name: record(f'{name} {error.message}'))
    record.wait_for('asked')
    first.destroy()
    record.wait(lambda events: events.count('asked') == 2)
    agent.destroy()
    record.wait_for('second close')
    assert [event for event in record.events if event != 'asked'] == [
        'first socket hang up', 'first close', 'second socket hang up', 'second close']
    assert repr(agent) == '<Agent busy=0 free=0 waiting=0>' and not agent._tunnels


def test_no_tunnel_is_opened_for_who_was_destroyed(scripted: Any, record: Recorder) -> None:
    # Node opens one, and keeps it, for each that waited.
    def noted(peer: RawPeer) -> None:
        silent(peer, lambda: record('asked'))

    agent = tunnelling(scripted(noted, noted), maxSockets=1)
    requests = {name: ask(https, agent) for name in ('a', 'b', 'c', 'd')}
    for name, req in requests.items():
        record.on(req, 'close', prefix=name)
        req.on('error', lambda: None)
    record.wait_for('asked')
    for name in 'bac':
        requests[name].destroy()
        record.wait_for(f'{name} close')
    record.wait(lambda events: events.count('asked') == 2)
    requests['d'].destroy()
    record.wait_for('d close')
    heard = [event for event in record.events if event != 'asked']
    assert heard == ['b close', 'a close', 'c close', 'd close']
    assert repr(agent) == '<Agent busy=0 free=0 waiting=0>' and not agent._tunnels


@pytest.mark.parametrize(
    ('text', 'status', 'message'),
    [
        ('HTTP/1.1 407 No\r\nA: b\r\n\r\n', 407, 'HTTP/1.1 407 No'),
        ('HTTP/1.1 100 Continue\r\n\r\n', 100, 'HTTP/1.1 100 Continue'),
        ('HTTP/1.1 4x7 No\r\n\r\n', None, 'HTTP/1.1 4x7 No'),
        ('junk\r\n\r\n', None, 'junk'),
        (f'HTTP/1.1 {"9" * 5000}\r\n\r\n', None, f'HTTP/1.1 {"9" * 5000}'),
    ],
)
def test_the_status_of_a_tunnel_that_fails(
    text: str, status: int | None, message: str, scripted: Any,
) -> None:
    port = scripted(answering(text))
    agent = https.Agent(proxyEnv={'https_proxy': f'http://user:secret@127.0.0.1:{port}/'})
    error = outcome(ask(https, agent))
    via = f'http://127.0.0.1:{port}/'  # without what is secret
    assert (error.code, error.statusCode) == ('ERR_PROXY_TUNNEL', status)
    assert error.message == f'Failed to establish tunnel to origin.test:443 via {via}: {message}'


def test_the_head_of_an_answer_has_a_largest_size(scripted: Any) -> None:
    port = scripted(answering('HTTP/1.1 200 OK\r\n' + 'A: b\r\n' * 20000))
    error = outcome(ask(https, tunnelling(port)))
    assert (error.code, error.message) == (
        'ERR_PROXY_TUNNEL',
        f'Failed to establish tunnel to origin.test:443 via http://127.0.0.1:{port}: '
        'the head of the answer has more than 65536 bytes')


@pytest.mark.parametrize(
    ('host', 'code'), [('a\r\nX: y', 'ERR_INVALID_CHAR'), ('a b', 'ERR_UNESCAPED_CHARACTERS')])
def test_a_host_that_would_split_the_request_is_refused(host: str, code: str) -> None:
    with pytest.raises(NodeError) as caught:
        ask(https, tunnelling(9), host=host, headers={'Host': 'a.test'})
    assert caught.value.code == code


def test_a_wrong_timeout_opens_nothing() -> None:
    with pytest.raises(TypeError, match='"timeout" argument must be of type number'):
        ask(https, tunnelling(9, timeout='long'))


def test_wrong_options_of_tls_are_an_error_of_the_request(scripted: Any) -> None:
    script = answering('HTTP/1.1 200 OK\r\n\r\n')
    error = outcome(ask(https, tunnelling(scripted(script)), minVersion='TLSv9'))
    assert (type(error).__name__, error.code) == ('NodeTypeError', 'ERR_TLS_INVALID_PROTOCOL_VERSION')


@pytest.mark.parametrize(
    ('env', 'code', 'message'),
    [
        ({'http_proxy': 'http://u%zz:p@x'}, 'ERR_PROXY_INVALID_CONFIG', 'Invalid proxy URL: http://x'),
        ({'http_proxy': 'http://u%ff:p@x'}, 'ERR_PROXY_INVALID_CONFIG', 'Invalid proxy URL: http://x'),
        *(
            ({'http_proxy': f'http://u:{password}@x'}, 'ERR_PROXY_INVALID_CONFIG', 'Invalid proxy URL: http://x')
            for password in ('a/b', 'a?b', 'a#b', 'a\\b', 'a\nb')
        ),
        (
            {'HTTP_PROXY': 5},
            'ERR_INVALID_ARG_TYPE',
            'The "options.proxyEnv.HTTP_PROXY" property must be of type string. Received type number (5)',
        ),
        (
            {'http_proxy': 'http://x', 'no_proxy': ['a']},
            'ERR_INVALID_ARG_TYPE',
            'The "options.proxyEnv.no_proxy" property must be of type string. Received an instance of Array',
        ),
    ],
)
def test_settings_that_cannot_be_read(env: Any, code: str, message: str) -> None:
    with pytest.raises(NodeError) as caught:
        http.Agent(proxyEnv=env)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_the_environment_of_the_process_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HTTP_PROXY', 'http://127.0.0.1:9')
    agent = http.Agent(proxyEnv=os.environ)
    assert agent.options.proxyEnv is os.environ
    monkeypatch.delenv('HTTP_PROXY')  # it has been read
    req = ask(http, agent)
    assert req.path == 'http://origin.test/x'
    assert outcome(req).code == 'ECONNREFUSED'


SHOWING = """
import nodehttp, nodehttps
for module in (nodehttp, nodehttps):
    env = module.globalAgent.options.proxyEnv
    print(env and {name: value for name, value in env.items() if value}, env and len(env))
"""
NAMED = {'HTTP_PROXY': 'http://x', 'https_proxy': 'http://y', 'NO_PROXY': 'a', 'OTHER': 'b'}
USED = {name: value for name, value in NAMED.items() if name != 'OTHER'}


def run(code: str, environment: dict[str, str]) -> tuple[list[str], str]:
    """Return what a program prints, and what it says on stderr."""
    _, out, errors = run_script(code, **environment)
    return out.splitlines(), errors.strip()


@pytest.mark.parametrize(
    ('environment', 'uses'),
    [
        ({'NODE_USE_ENV_PROXY': '1'}, True),
        ({'NODE_USE_ENV_PROXY': 'true'}, False),
        ({'NODE_OPTIONS': '--no-use-env-proxy', 'NODE_USE_ENV_PROXY': '1'}, False),
        ({'NODE_OPTIONS': '--x --use_env_proxy=0 --use-env-proxying'}, True),
    ],
)
def test_whether_the_global_agents_use_proxies(environment: dict[str, str], uses: bool) -> None:
    printed, error = run(SHOWING, {**NAMED, **environment})
    order = ['HTTP_PROXY', 'https_proxy', 'NO_PROXY']
    expected = f'{ {name: USED[name] for name in order} } 6' if uses else 'None None'
    assert (printed, error) == ([expected] * 2, '')


def test_a_proxy_of_the_process_that_is_none() -> None:
    printed, error = run(SHOWING, {'NODE_USE_ENV_PROXY': '1', 'HTTP_PROXY': 'http://x:foo'})
    assert (printed, error.splitlines()[-2:]) == ([], [
        'nodehttp.errors.Error: Invalid proxy URL: http://x:foo', "code: 'ERR_PROXY_INVALID_CONFIG'"])


def test_a_program_without_a_word_on_proxies_uses_them(scripted: Any) -> None:
    def script(peer: RawPeer) -> None:
        assert peer.read_until(b'\r\n').startswith(b'GET http://origin.test/x HTTP/1.1')
        peer.read_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        peer.read_to_end()

    code = "import nodehttp; nodehttp.get('http://origin.test/x', lambda res: res.on('data', print))"
    environment = {'http_proxy': f'http://127.0.0.1:{scripted(script)}', 'NODE_USE_ENV_PROXY': '1'}
    assert run(code, environment) == (["b'ok'"], '')
