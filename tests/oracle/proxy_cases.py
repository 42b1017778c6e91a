"""What is done with proxies, as data.

`programs` are run by client.js (what they consist of is told in client_cases.py), with two things more: the
server is a proxy for requests of the protocol `proxy`, and notes what it was asked; a step ['tls'] begins TLS
on its connection, as the server that the requests are for. PORT stands for the port of the proxy.

`addresses` are for proxies.js: an Agent of http with a `proxyEnv` (`url` stands for both its variables), and
a request with `options`; what is recorded is its path and headers, or what was raised.
"""

from __future__ import annotations

from typing import Any

from client_scripts import ANSWER, BEGINNING, CLOSING, EMPTY, HEAD, OK, SILENCE, Case

ORIGIN = {'host': 'origin.test', 'path': '/x?y'}
OPEN = 'HTTP/1.1 200 OK\r\n\r\n'
TUNNEL = [HEAD, ['send', OPEN], ['tls']]
PLAIN = 'http://127.0.0.1:PORT'
WITH_CREDENTIALS = 'http://us%40er:p%3Aw@127.0.0.1:PORT'


def programs() -> list[Case]:
    """Return all programs."""
    made: list[Case] = []
    for kind, agent in (('close', {}), ('keep', {'keepAlive': True})):
        made += http_programs(f'http, {kind}', {**agent, 'proxyEnv': {'http_proxy': PLAIN}})
        made += tunnels(f'https, {kind}', {**agent, 'proxyEnv': {'https_proxy': PLAIN}})
    for kind, url, more in (('credentials', WITH_CREDENTIALS, {}), ('limited', PLAIN, {'maxSockets': 3})):
        some = http_programs(f'http, {kind}', {'proxyEnv': {'http_proxy': url}})[:3]
        some += tunnels(f'https, {kind}', {'proxyEnv': {'https_proxy': url}})[:2]
        made += [{**case, **more} for case in some]
    made += broken_tunnels({'proxyEnv': {'https_proxy': PLAIN}})
    here = {'a': {'options': {'path': '/x?y'}}}
    for protocol, name, start in (('http:', 'http_proxy', []), ('https:', 'https_proxy', [['tls']])):
        made.append({
            'name': f'{protocol} NO_PROXY', 'proxy': protocol, 'requests': here,
            'server': [[*start, *ANSWER]],
            'agent': {'proxyEnv': {name: 'http://127.0.0.1:9', 'no_proxy': '127.0.0.1:PORT'}}})
    return made


def http_programs(kind: str, agent: Any) -> list[Case]:
    """Requests for http:."""
    made: list[Case] = []

    def case(name: str, options: Any = None, server: Any = ANSWER, **spec: Any) -> None:
        spec['options'] = {**ORIGIN, 'port': 80, **(options or {})}
        made.append({
            'name': f'{kind}: {name}', 'proxy': 'http:', 'agent': agent, 'server': [server, server],
            'requests': {'a': spec}})

    case('success', socketEvents=True)
    case('other port', {'port': 8080})
    case('headers', {'headers': {'X-A': '1', 'Host': 'other.test', 'Proxy-Connection': 'mine'}})
    case('closing', {'headers': {'Connection': 'close'}})
    case('auth', {'auth': 'me:you'})
    case('expectation', {'method': 'POST', 'headers': {'Expect': '100-continue'}}, body=['endBody'],
         server=[HEAD, ['send', 'HTTP/1.1 100 Continue\r\n\r\n'], ['until', 'body'], ['send', OK]])
    case('post', {'method': 'POST'}, [HEAD, ['until', 'body'], ['send', OK]], body=['endBody'])
    case('no response', server=[HEAD, ['fin']])
    case('destroy', server=SILENCE, do={'req finish': ['destroy']})
    return made


def tunnels(kind: str, agent: Any) -> list[Case]:
    """Requests for https: that are made."""
    made: list[Case] = []

    def case(name: str, server: Any = ANSWER, requests: Any = None, **options: Any) -> None:
        made.append({
            'name': f'{kind}: {name}', 'proxy': 'https:', 'agent': agent, 'server': [[*TUNNEL, *server]],
            'requests': requests or {'a': {'options': {**ORIGIN, 'port': 443, **options}}}})

    case('success')
    case('other port', port=8443)
    case('address', host='127.0.0.1')
    case('headers', headers={'X-A': '1', 'Host': '127.0.0.1', 'Proxy-Connection': 'mine'})
    case('timeout', timeout=5000)
    case('closed by the server', [HEAD, ['send', CLOSING], ['fin']])
    case('no response', [HEAD, ['fin']])
    case('cut off', [*BEGINNING, ['heard', 'res data'], ['fin']])
    case('information', [HEAD, ['send', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\n' + OK]])
    for event in ('req socket', 'req finish', 'req response', 'res data'):
        for way in ('destroy', 'abort', 'socketDestroy'):
            case(f'{way} at {event}', BEGINNING, {
                'a': {'options': {**ORIGIN, 'port': 443}, 'do': {event: [way]}}})
    one = {'options': {**ORIGIN, 'port': 443}}
    case('one after the other', [HEAD, ['send', OK], HEAD, ['send', EMPTY]], {
        'a': {**one, 'do': {'req close': ['start:b']}}, 'b': one})
    return made


# How the proxy answers, or fails to.
BROKEN: dict[str, Any] = {
    'refused credentials': [HEAD, ['send', 'HTTP/1.1 407 Proxy Authentication Required\r\nA: b\r\n\r\nno']],
    '201': [HEAD, ['send', 'HTTP/1.1 201 Created\r\n\r\n']],
    '100 before 200': [HEAD, ['send', 'HTTP/1.1 100 Continue\r\n\r\n' + OPEN]],
    'no HTTP': [HEAD, ['send', 'garbage\r\n\r\n']],
    'empty line': [HEAD, ['send', '\r\n\r\n']],
    'no status': [HEAD, ['send', 'HTTP/1.1 \r\n\r\n']],
    'two blanks': [HEAD, ['send', 'HTTP/1.1  200 OK\r\n\r\n']],
    'no blank': [HEAD, ['send', 'HTTP/1.1 200OK\r\n\r\n']],
    'status 0200': [HEAD, ['send', 'HTTP/1.1 0200 OK\r\n\r\n']],
    'no CR': [HEAD, ['send', 'HTTP/1.1 200 OK\n\n'], ['fin']],
    'part of the head': [HEAD, ['send', 'HTTP/1.1 200 OK\r\n'], ['fin']],
    'end': [HEAD, ['fin']],
    'reset': [HEAD, ['rst']],
    'end in the handshake': [HEAD, ['send', OPEN], ['until', 'origin'], ['fin']],
    'reset in the handshake': [HEAD, ['send', OPEN], ['until', 'origin'], ['rst']],
}
MADE = {
    'HTTP/1.0': [HEAD, ['send', 'HTTP/1.0 200 Connection established\r\nA: b\r\n\r\n'], ['tls'], *ANSWER],
    'no reason': [HEAD, ['send', 'HTTP/1.1 200\r\n\r\n'], ['tls'], *ANSWER],
    'bytes behind the head': [HEAD, ['send', OPEN + 'junk'], ['tls'], *ANSWER],
}


def broken_tunnels(agent: Any) -> list[Case]:
    """Requests for https: that meet something odd."""
    made: list[Case] = []

    def case(name: str, server: Any, options: Any = None, more: Any = None, **spec: Any) -> None:
        spec['options'] = {**ORIGIN, 'port': 443, **(options or {})}
        made.append({
            'name': f'tunnel: {name}', 'proxy': 'https:', 'agent': {**agent, **(more or {})},
            'server': [server], 'requests': {'a': spec}})

    for name, server in (BROKEN | MADE).items():
        case(name, server)
    case('untrusted', TUNNEL, {'ca': ''})
    case('untrusted, but accepted', [*TUNNEL, *ANSWER], {'ca': '', 'rejectUnauthorized': False})
    case('another server', TUNNEL, {'host': 'other.test'})
    case('silence, timeout of the request', SILENCE, {'timeout': 60})
    case('silence, timeout of the agent', SILENCE, more={'timeout': 60})
    case('silence, both timeouts', SILENCE, {'timeout': 60}, {'timeout': 5000})
    case('silence, timeout and destroy', SILENCE, {'timeout': 60}, do={'req timeout': ['destroyError']})
    other = {'proxyEnv': {'https_proxy': WITH_CREDENTIALS}}
    case('refused with credentials', BROKEN['refused credentials'], more=other)
    made.append({**made[0], 'name': 'tunnel: nobody there', 'refused': True})
    for way in ('destroy', 'destroyError', 'abort', 'signal'):
        for event in ('called', 'tick', 'immediate'):
            spec = {'signal': True} if way == 'signal' else {}
            case(f'{way} at {event}', [*TUNNEL, HEAD], do={event: [way]}, **spec)
    return made


def addresses() -> list[Case]:
    """Return what is asked of agents and requests."""
    made = [{'env': {'url': url}, 'options': {}} for url in URLS]
    made += [{'env': env, 'options': {}} for env in ENVIRONMENTS]
    for entries, host, port in BYPASSES:
        made.append({'env': {'url': PROXY, 'no_proxy': entries}, 'options': {'host': host, 'port': port}})
    made += [{'env': {'url': PROXY, 'NO_PROXY': 'local.test'}, 'options': options} for options in OPTIONS]
    return made


PROXY = 'http://u:p@proxy.test:8080'
URLS = (
    'http://x', 'https://x', 'http://x:80/path?q', 'http://x:0', 'http://[::1]:8', 'http://127.1',
    'http://bücher', 'HTTP://x:81', ' http://x', 'http:x', 'http:/x', 'ftp://x', 'socks5://x:1', 'x:8080',
    'localhost', '', '  ', 'http://', 'http://x:99999', 'http://x:foo', 'http://[::1', 'http://x y',
    'http://u:p@', 'https://u:p@x:99999', 'http://x\r\n:80', 'http://x/\r\ny', 'socks5://x\r\n', 'x\ny',
    'http://x\ty', 'http://x/%0d', 'http://u@x', 'http://:p@x', 'http://:@x', 'http://u%25:p%20@x',
    'http://u+v:p%C3%BC@x', 'http://u€:p@x', 'http://u%0d%0a:p@x', 'http://us%40er:p%3Aw@x', None,
)
ENVIRONMENTS: tuple[Any, ...] = (
    {}, None, 5, 'http://x', [], True, {'HTTP_PROXY': 'http://['},
    {'HTTP_PROXY': 'http://[', 'http_proxy': ''}, {'HTTP_PROXY': 'http://[', 'http_proxy': 'http://x'},
    {'HTTP_PROXY': 'http://x', 'http_proxy': 'http://['},
    {'HTTP_PROXY': 'http://u@x', 'http_proxy': 'http://x'}, {'HTTPS_PROXY': 'http://['},
    {'HTTPS_PROXY': 'http://x'}, {'Http_Proxy': 'http://x'}, {'url': PROXY, 'NO_PROXY': '*'},
    {'url': PROXY, 'No_Proxy': '*'}, {'url': PROXY, 'NO_PROXY': '*', 'no_proxy': 'other'},
    {'url': PROXY, 'NO_PROXY': 'other', 'no_proxy': '*'}, {'url': PROXY, 'NO_PROXY': '*', 'no_proxy': ''},
    {'url': PROXY, 'NO_PROXY': '*', 'no_proxy': None},
)
BYPASSES = (
    ('*', 'a.test', 80), (' * ', 'a.test', 80), ('x,*', 'a.test', 80), ('**', 'a.test', 80),
    ('*:80', 'a.test', 80), ('a.test', 'a.test', 80), ('A.Test', 'a.TEST', 80), ('a.test', 'b.a.test', 80),
    ('a.test', 'nota.test', 80), ('a.test.', 'a.test', 80), ('a.test', 'a.test.', 80),
    ('http://a.test', 'a.test', 80), ('a-b.test', 'a-b.test', 80), ('.a.test', 'b.a.test', 80),
    ('.a.test', 'a.test', 80), ('.a.test', 'nota.test', 80), ('.test', 'a.test', 80),
    ('.A.test', 'c.B.a.TEST', 80), ('.a.test', 'b.a.test.', 80), ('.a.test:80', 'b.a.test', 80),
    ('.', 'a.test', 80), ('*.a.test', 'b.a.test', 80), ('*.a.test', 'c.b.a.test', 80),
    ('*.a.test', 'a.test', 80), ('*.a.test', 'nota.test', 80), ('*a.test', 'nota.test', 80),
    ('b.*.test', 'b.a.test', 80), ('*.A.test', 'b.a.test', 80), ('*.a.test:80', 'b.a.test', 80),
    ('*.', 'a.test', 80), ('192.168.1.100', '192.168.1.100', 80), ('192.168.1.100', '192.168.1.10', 80),
    ('192.168.1.100:80', '192.168.1.100', 80), ('192.168.1.100:81', '192.168.1.100', 80),
    ('192.168.1.0/24', '192.168.1.50', 80), ('127.0.0.1', 'localhost', 80), ('localhost', '127.0.0.1', 80),
    *(('192.168.1.1-192.168.1.100', host, 80) for host in (
        '192.168.1.1', '192.168.1.100', '192.168.1.101', '192.168.0.255', '192.168.1.20', '192.168.1')),
    ('192.168.1.1 - 192.168.1.100', '192.168.1.50', 80), ('192.168.1.100-192.168.1.1', '192.168.1.50', 80),
    ('192.168.1.1-192.168.2.100', '192.168.1.250', 80), ('10.0.0.0-200.0.0.0', '192.168.1.250', 80),
    ('10.0.0.0-200.0.0.0:80', '192.168.1.250', 80), ('192.168.1.1-100', '192.168.1.50', 80),
    ('192.168.1.1-', '192.168.1.50', 80), ('-', '1.2.3.4', 80), ('1.1.1.1-2.2.2.2-3.3.3.3', '1.2.3.4', 80),
    ('01.2.3.4-1.2.3.9', '1.2.3.5', 80), ('127.0.0.1-127.0.0.9', 'localhost', 80),
    ('0.0.0.0-255.255.255.255', '::ffff:1.2.3.4', 80), ('256.1.1.1-257.1.1.1', '256.1.1.1', 80),
    ('::1', '::1', 80), ('[::1]', '::1', 80), ('::1', '[::1]', 80), ('[::1]:80', '::1', 80),
    ('::1:80', '::1', 80), ('::1-::9', '::2', 80), ('0:0:0:0:0:0:0:1', '::1', 80),
    ('a.test:8080', 'a.test', 8080), ('a.test:8080', 'a.test', 80), ('a.test:80', 'a.test', 80),
    ('a.test:080', 'a.test', 80), ('A.TEST:80', 'a.test', 80), ('a.test:', 'a.test', 80),
    ('a.test:80', 'a.test', '80'), ('b.test,a.test', 'a.test', 80), ('b.test , a.test ', 'a.test', 80),
    ('b.test a.test', 'a.test', 80), ('b.test;a.test', 'a.test', 80), (',,a.test,', 'a.test', 80),
    (',', 'a.test', 80), (' ', 'a.test', 80), ('a.test\n', 'a.test', 80), ('\ta.test', 'a.test', 80),
    ('bücher.test', 'BÜCHER.test', 80), ('xn--bcher-kva.test', 'bücher.test', 80),
)
OPTIONS: tuple[dict[str, Any], ...] = (
    {'host': 'local.test'}, {'host': 'local.test', 'hostname': 'b.test'},
    {'host': 'b.test', 'hostname': 'local.test'}, {'headers': {'Host': 'local.test'}},
    {'host': 'local.test', 'headers': {'Host': 'b.test'}},
    {'headers': {'Host': 'local.test:99'}, 'port': 8080}, {'headers': {'Host': 'c.test:99'}, 'port': 80},
    {'headers': {'Host': 'b@d:c.test'}}, {'headers': {'Host': 'b c'}}, {'headers': {'Host': 'x/y'}},
    {'headers': {'Host': ['x', 'y']}}, {'headers': {'Host': 5}}, {'headers': ['X', 'y']},
    {'headers': ['X', 'y', 'Host', 'c.test']}, {'headers': [['host', 'c.test:99'], ['X', 'y']]},
    {'headers': []}, {'setHost': False}, {'setHost': False, 'headers': {'Host': 'c.test'}},
    {'setDefaultHeaders': False}, {'headers': {'Proxy-Authorization': 'mine', 'Proxy-Connection': 'mine'}},
    {'auth': 'me:you'}, {'socketPath': '/nowhere'}, {'socketPath': ''}, {'timeout': 100},
    {'host': '::1', 'port': 81}, {'host': '[::1]', 'port': 81}, {'host': 'BÜCHER.test'},
    {'host': 'b_c.test'}, {'host': '1.2.3'}, {'port': '0'}, {'port': '8081'}, {'port': 99999},
    {'port': 'foo'}, {'defaultPort': 99}, {'defaultPort': 99, 'port': 99}, {'method': 'POST'},
    {'method': 'OPTIONS', 'path': '*'}, {'method': 'CONNECT', 'path': 'c.test:443'},
    {'method': 'CONNECT', 'path': '127.0.0.1:443'},
    *({'path': path} for path in (
        '', '//evil/x', '\\\\evil/x', '/a/../b/./c', 'x?y#frag', '?q', '/a|b^c{}`"<>[]', '/ü', '/%zz%41',
        '/a b', 'http://h/x', 'http://h:81/x', 'ftp://u:p@h:21/x', 'https://h:444/x', 'mailto:x', 'http://',
        'http://[::1/')),
)
