"""Requests as data, for the bytes that they send and the errors that they raise.

A case has `options` of http.request, or a `url` (PORT stands for the server's port) and options, `agent`
(options of an Agent), `calls` on the request (method and arguments, or 'set', name, value; by default
`end()`), and `connect`: 'option' for the option createConnection, 'lookup' for a resolver that knows
127.0.0.1 only. `{"bytes": text}` stands for bytes. What is recorded: the bytes the server got, and notes on
what was returned, raised and emitted.
"""

from __future__ import annotations

import itertools
from typing import Any

Case = dict[str, Any]

END = [['end']]
END_BODY = [['end', 'abc']]
WRITE_END = [['write', 'abc'], ['end']]
POST = {'method': 'POST'}


def cases() -> list[Case]:
    """Return all cases."""
    made: list[Case] = []

    def case(options: dict[str, Any] | None = None, calls: Any = END, **more: Any) -> None:
        made.append({'options': options or {}, 'calls': calls, **more})

    for add in (
        agents,
        methods,
        headers,
        header_lists,
        defaults,
        targets,
        hosts,
        urls,
        checks,
        bodies,
        changes,
    ):
        add(case)
    return made


def agents(case: Any) -> None:
    """Connection, by agent."""
    for agent in ({}, {'keepAlive': True}, {'maxSockets': 3}):
        case(agent=agent)
    for agent in ({}, {'keepAlive': True}):
        for value in ('keep-alive', 'close'):
            case({'headers': {'Connection': value}}, agent=agent)
    case({'agent': False})
    case(connect='option')
    case(POST, connect='option')
    for given in (['X', 'y'], ['Content-Length', '1'], ['Connection', 'keep-alive'], ['Connection', '1'],
                  {'Expect': '5'}, {'Connection': '1', 'Expect': '5'}):
        for more in ({}, POST):
            case({'headers': given, **more}, connect='option')
    case({'defaultPort': 80}, connect='option')
    case({'headers': {'X': 'y'}, 'host': 'example.org'}, connect='option')


def methods(case: Any) -> None:
    """How a body is framed."""
    for method in ('GET', 'POST', 'HEAD', 'post'):
        for calls in (
            END,
            [['end', 'body']],
            [['write', 'one'], ['end', 'two']],
            WRITE_END,
            [['flushHeaders'], ['end']],
            [['flushHeaders'], ['end', 'body']],
            [['write', ''], ['end']],
            [['end', '']],
        ):
            case({'method': method}, calls)
    for method in ('DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PUT', 'PATCH', 'QUERY', 'FOO', 'M-SEARCH', ''):
        case({'method': method})
        case({'method': method}, WRITE_END)
    for method in ('G T', 5, True, 'gé', 'G\r\n', {}, []):
        case({'method': method})


def headers(case: Any) -> None:
    """Headers of a mapping."""
    for given in (
        {'Content-Length': 3},
        {'content-length': '3'},
        {'Transfer-Encoding': 'chunked'},
        {'Transfer-Encoding': 'gzip, chunked'},
        {'Transfer-Encoding': 'gzip'},
        {'Content-Length': 3, 'Transfer-Encoding': 'chunked'},
        {'Connection': 'close'},
        {'Connection': 'keep-alive'},
        {'connection': 'Upgrade', 'Upgrade': 'x'},
        {'Connection': 'close, x'},
        {'Connection': ['close', 'x']},
        {'Expect': '100-continue'},
        {'Host': 'other'},
        {'host': 'other:1'},
        {'Authorization': 'mine'},
        {'Date': 'now'},
        {'Trailer': 'X-T'},
        {'Keep-Alive': 'x'},
        {'TE': 'trailers'},
        {'Cookie': ['a=1', 'b=2']},
        {'X': ['a', 'b']},
        {'X': []},
        {'X': 5},
        {'X': True},
        {'X': ''},
        {'X': '€'},
        {'X Y': 'a'},
        {'': 'a'},
        {'X': 'a\r\nb'},
        {'X': 'a\tb'},
        {'X': '\x7f'},
        {'User-Agent': 'q', 'accept': '*/*'},
    ):
        case({'headers': given})
        case({'headers': given, **POST}, WRITE_END)
        case({'headers': given, **POST}, END_BODY)
    case({'headers': {'X': 'é'}})
    for unique in (['x'], ['X'], 'x', 5):
        case({'uniqueHeaders': unique, 'headers': {'X': ['a', 'b']}})


def header_lists(case: Any) -> None:
    """Headers of a list, flat or of pairs: sent as they are."""
    for given in (
        ['X', 'y'],
        ['X', 'y', 'X', 'z'],
        [['X', 'y'], ['X', 'z']],
        ['Host', 'h', 'A', ['1', '2']],
        [],
        ['Connection', 'close'],
        ['Content-Length', '3'],
        [['X', ['1', '2']]],
        ['X', 5],
        ['Cookie', ['a', 'b']],
        ['Expect', '100-continue'],
        [['Transfer-Encoding', 'chunked']],
        [['X', 'y', 'z']],
        ['X'],
        ['X', 'y', 'Z'],
        [['X']],
        [[]],
        [['X', 'y'], 5],
        [['X', 'y'], 'Xz'],
        [['X Y']],
        ['X', 'y', ['z'], 'y'],
        ['X Y', 'z'],
        ['X', 'a\r\nb'],
        ['Connection', 'keep-alive', 'Content-Length', '3'],
    ):
        case({'headers': given})
        case({'headers': given, **POST}, END_BODY)
    case({'headers': ['X', 'y'], 'auth': 'u:p'})
    case({'headers': ['X', 'y']}, [['setHeader', 'B', 'c'], ['end']])
    case({'headers': ['Foo', 'bar']}, [['getHeader', 'host'], ['getHeaderNames'], ['end']])
    case({'uniqueHeaders': ['x'], 'headers': ['X', ['a', 'b']]})


def defaults(case: Any) -> None:
    """setHost, setDefaultHeaders, auth."""
    for given in (
        {'setHost': False},
        {'setDefaultHeaders': False},
        {'setDefaultHeaders': False, 'setHost': True},
    ):
        case(given)
        case({**given, **POST}, END_BODY)
        case({**given, **POST}, WRITE_END)
        case({**given, 'headers': {'Connection': 'close'}})
        case({**given, 'headers': ['X', 'y']})
        case({**given, 'headers': {'Host': 'x'}})
    for auth in ('user:pass', 'üser:pä€', '', 'user'):
        case({'auth': auth})
    case({'auth': 'user:pass', 'headers': {'authorization': 'mine'}})


def targets(case: Any) -> None:
    """Paths."""
    for path in (
        '/a b',
        '/é',
        '/€',
        '/\x7f',
        '/a\tb',
        '',
        '*',
        'http://x/y',
        '/a?b=c#d',
        'nolead',
        '/ ',
        5,
        '/\x00',
        '/\xff',
        '/a\nb',
    ):
        case({'path': path})


def hosts(case: Any) -> None:
    """The Host header."""
    for name in ('host', 'hostname'):
        for value in ('localhost', '127.0.0.1', 5, True, {}):
            case({name: value})
    for host in ('EXAMPLE.org', 'a', ''):
        case({'host': host}, connect='lookup')
    case({'host': 'a', 'hostname': 'b'}, connect='lookup')
    for host in ('fe80::1%lo', '::1', '[::1]', 'a:b', 'x y', 'x\r\ny', 'exämple'):
        case({'host': host}, connect='option')
    for port, default in ((8080, None), (80, None), (443, 443), ('80', None), ('80', 80)):
        case({'host': 'x', 'port': port, **({'defaultPort': default} if default else {})}, connect='option')


def urls(case: Any) -> None:
    """URLs, alone and with options."""
    for url in (
        'http://127.0.0.1:PORT',
        'http://127.0.0.1:PORT/a?b=c#d',
        'http://user:pass@127.0.0.1:PORT/',
        'http://us%20er:pa%3ass@127.0.0.1:PORT/',
        'http://user@127.0.0.1:PORT/',
        'http://:pass@127.0.0.1:PORT/',
        'http://127.0.0.1:PORT/a b/é/%zz',
        'https://127.0.0.1:PORT/',
        'ftp://x/',
        'nonsense',
        '/path',
        'http://',
        'http://127.0.0.1:PORT//x',
        'HTTP://LOCALHOST:PORT/?',
    ):
        case(url=url)
    for url in (
        'http://[::1]:PORT/a',
        'http://u:p@[::1]/a',
        'http://[::FFFF:1.2.3.4]:80/',
        'http://[::1]:443/',
        'http://us%40er:pa%2Fss%25@example.org:PORT/',
        'http://%c3%bc:%e2%82%ac@example.org/',
        'http://%ff:x@example.org/',
        'http://us:er:pass@example.org/',
        'http://ex%41mple.org/%7e?%20#%20',
        'http://exämple.org/ä?ö#ü',
        'http://0x7f.1/',
        'http://example.org:65536/',
    ):
        case(url=url, connect='option')
        case({'hostname': '::2', 'port': 8080, 'auth': 'x:y'}, url=url, connect='option')
    base = 'http://u:p@127.0.0.1:PORT/a'
    for options in (
        {'path': '/b', 'method': 'PUT', 'headers': {'A': 'b'}},
        {'auth': 'x:y'},
        {'headers': {'Authorization': 'z'}},
        {'protocol': 'https:'},
        {'search': '?c'},
        {'hostname': 'localhost'},
    ):
        case(options, url=base)


def checks(case: Any) -> None:
    """Options that are refused, and their neighbours that are not."""
    for name, *values in (
        ('agent', True, 'x', {}),
        ('timeout', -1, 'x', 0, 5.5),
        ('insecureHTTPParser', 1, True),
        ('maxHeaderSize', -1, 'x', 1.5, 0),
        ('joinDuplicateHeaders', 1, True),
        ('signal', {}, 1),
        ('family', 4, 0, 5, 'x'),
        ('lookup', 5, 'x'),
        ('hints', 'x', 3, 1 << 20),
        ('setHost', 0, 5),
        ('setDefaultHeaders', 0, 5),
        ('headers', 5, True),
        ('createConnection', 5),
        ('socketPath', 5),
        ('localAddress', 'x', '127.0.0.1'),
        ('localPort', 'x'),
        ('port', 99999, 'x', -1, 1.5),
        ('protocol', 'https:', 'http', 5),
        ('defaultPort', 'x'),
    ):
        for value in values:
            case({name: value})
    # Of two that are bad the first to be checked is told of, in whatever order they are written.
    bad = [
        {'agent': 5}, {'path': 'a b'}, {'protocol': 'ftp:'}, {'hostname': 5}, {'host': 5}, {'timeout': 'x'},
        {'signal': 5}, {'method': 5}, {'maxHeaderSize': 'x'}, {'insecureHTTPParser': 5},
        {'joinDuplicateHeaders': 5}, {'headers': {'a b': 1}},
    ]
    for first, second in itertools.combinations(bad, 2):
        case({**second, **first})
    case({'hostname': '127.0.0.1', 'host': 5})


def bodies(case: Any) -> None:
    """write, end, trailers, cork."""
    for calls in (
        [
            ['write', {'bytes': 'ab\xff'}],
            ['write', 'é'],
            ['write', 'é', 'latin1'],
            ['write', '6162', 'hex'],
            ['end', 'YWI=', 'base64'],
        ],
        [['write', 'a'], ['addTrailers', {'X-T': 'v'}], ['end']],
        [['addTrailers', {'X-T': 'v'}], ['end', 'abc']],
        [['addTrailers', [['X-T', 'v'], ['X-U', 'w']]], ['write', 'a'], ['end']],
        [['write', 'a'], ['write', 'b'], ['end', 'c']],
        [['cork'], ['write', 'a'], ['write', 'b'], ['uncork'], ['end', 'c']],
        [['flushHeaders'], ['write', 'a'], ['end']],
        [['write', 'x' * 20], ['end', 'y' * 300]],
        [['write', 'a'], ['setHeader', 'A', 'b']],
        [['flushHeaders'], ['setHeader', 'A', 'b']],
        [['end'], ['write', 'a']],
        [['end'], ['end', 'a']],
        [['end'], ['end']],
        [['write', 5]],
        [['setHeader', 'Content-Length', 2], ['write', 'éé'], ['end', 'x']],
        [['setHeader', 'Content-Length', 10], ['end', 'é']],
        [['getHeaders'], ['setHeader', 'X', [1, 'a']], ['getHeaders'], ['getRawHeaderNames'], ['end']],
    ):
        case(POST, calls)


def changes(case: Any) -> None:
    """Headers and fields of a request that is not sent yet."""
    case(
        calls=[
            ['setHeader', 'A', 'b'],
            ['setHeader', 'a', 'c'],
            ['appendHeader', 'a', 'd'],
            ['removeHeader', 'host'],
            ['end'],
        ]
    )
    case(calls=[['removeHeader', 'connection'], ['end']])
    case(POST, [['removeHeader', 'transfer-encoding'], ['write', 'a'], ['end']])
    case(POST, [['removeHeader', 'content-length'], ['end', 'a']])
    case(
        {'headers': {'Foo': 'bar', 'Cookie': ['a', 'b']}, 'auth': 'a:b'},
        [
            ['getHeaderNames'],
            ['getRawHeaderNames'],
            ['hasHeader', 'Host'],
            ['getHeader', 'cookie'],
            ['end'],
        ],
    )
    case(calls=[['set', 'shouldKeepAlive', False], ['end']])
    case(POST, [['set', 'useChunkedEncodingByDefault', False], ['write', 'a'], ['end']])
    case(calls=[['set', 'useChunkedEncodingByDefault', True], ['write', 'a'], ['end']])
    case(calls=[['set', 'path', '/other'], ['end']])
    case(calls=[['set', 'method', 'PUT'], ['end']])
    case(
        POST,
        [
            ['set', 'strictContentLength', True],
            ['setHeader', 'Content-Length', 5],
            ['write', 'abc'],
            ['end'],
        ],
    )
    case(calls=[['setNoDelay', True], ['setSocketKeepAlive', True, 5], ['setTimeout', 50], ['end']])
    expect = {**POST, 'headers': {'Expect': '100-continue'}}
    for calls in (
        [['setHeader', 'A', 'b']],
        [['removeHeader', 'host']],
        [['appendHeader', 'A', 'b']],
        [['end', 'abc']],
        [['flushHeaders'], ['end']],
    ):
        case(expect, calls)
        case({'headers': expect['headers']}, calls)
    for timeout in (-1, 'x', 0):
        case(calls=[['setTimeout', timeout], ['end']])


if __name__ == '__main__':
    import json

    print(json.dumps(cases()))
