"""More cases of client_cases.py: fields of a request, bodies on their way, framing, and what comes late."""

from __future__ import annotations

from typing import Any

from client_scripts import ANSWER, BEGINNING, CHUNKED, CLOSING, EMPTY, HEAD, LONG, OK, SCRIPT_AT, SILENCE


def fields(case: Any) -> None:
    """What a request says of itself at each event."""
    post = {'options': {'method': 'POST'}, 'body': ['write']}
    case('fields', [ANSWER], fields=True)
    case(
        'fields of a POST',
        [[['until', 'chunk'], ['send', OK]]],
        {'a': {**post, 'do': {'req socket': ['endBody']}}},
        fields=True,
    )
    case(
        'fields, answered before the end',
        [[HEAD, ['send', OK], ['until', 'body']]],
        {'a': {**post, 'do': {'res end': ['endBody']}}},
        fields=True,
    )
    case('fields, reused', [ANSWER * 2], {'a': {'do': {'res close': ['start:b']}}, 'b': {}}, fields=True)
    case('fields, queued', [ANSWER * 2], {'a': {}, 'b': {}}, start=['a', 'b'], maxSockets=1, fields=True)
    case('fields, refused', [SILENCE], refused=True, fields=True)
    case('fields, FIN', [[HEAD, ['fin']]], fields=True)
    points = ('called', 'req socket', 'req finish', 'req response')
    for way in ('destroy', 'destroyError', 'abort', 'signal', 'socketDestroy', 'resDestroy'):
        for point in {'socketDestroy': points[1:], 'resDestroy': points[3:]}.get(way, points):
            spec = {'do': {point: [way]}, 'signal': way == 'signal'}
            case(f'fields, {way} at {point}', [SCRIPT_AT.get(point, SILENCE)], {'a': spec}, fields=True)
    for heard in ([], ['connect']):
        case(
            f'fields, CONNECT {"heard" if heard else "not heard"}',
            [[HEAD, ['send', 'HTTP/1.1 200 OK\r\n\r\n']]],
            {'a': {'options': {'method': 'CONNECT', 'path': 'x:80'}, 'with': heard}},
            fields=True,
        )


def uploads(case: Any) -> None:
    """Every way to end a request whose body is still on its way, and what later calls come to."""
    points = {
        'immediate': SILENCE,
        'written': SILENCE,
        'req response': [['until', 'chunk'], ['send', LONG + 'part']],
        'res data': [['until', 'chunk'], ['send', LONG + 'part']],
        'res end': [['until', 'chunk'], ['send', OK]],
        'res close': [['until', 'chunk'], ['send', OK]],
    }
    ways = (
        'destroy',
        'destroyError',
        'abort',
        'signal',
        'socketDestroy',
        'socketEnd',
        'endBodyNoted',
        'setHeader',
    )
    for point, script in points.items():
        for way in ways:
            spec = {'signal': True} if way == 'signal' else {}
            case(
                f'{way} at {point} of an upload',
                [script],
                {'a': {'options': {'method': 'POST'}, 'body': ['writeNoted'], 'do': {point: [way]}, **spec}},
            )
    expect = {'method': 'POST', 'headers': {'Expect': '100-continue'}}
    for way in ways:
        spec = {'signal': True} if way == 'signal' else {}
        case(
            f'{way} at req continue',
            [[HEAD, ['send', 'HTTP/1.1 100 Continue\r\n\r\n']]],
            {'a': {'options': expect, 'body': [], 'do': {'req continue': [way]}, **spec}},
        )
        for point, script in (
            ('req abort', SILENCE),
            ('req error', [HEAD, ['fin']]),
            ('res aborted', [*BEGINNING, ['heard', 'res data'], ['fin']]),
            ('res error', [*BEGINNING, ['heard', 'res data'], ['fin']]),
        ):
            aborted = {'req finish': ['abort']} if point == 'req abort' else {}
            case(f'{way} at {point}, too late', [script], {'a': {'do': {**aborted, point: [way]}, **spec}})
    for body in ('flushHeaders', 'write'):
        for way in ('end', 'endBodyNoted', 'writeNoted'):
            case(
                f'{body}, {way} at req socket',
                [SILENCE],
                {'a': {'options': {'method': 'POST'}, 'body': [body], 'do': {'req socket': [way]},
                       'socketEvents': True}},
            )
    for way in ('writeNoted', 'endBodyNoted', 'setHeader', 'setTimeout', 'flushHeaders'):
        case(f'{way} at req close', [ANSWER], {'a': {'do': {'req close': [way]}}})
    for ways in (
        ['agentDestroy', 'destroy'], ['agentDestroy', 'destroyError'], ['agentDestroy', 'abort'],
        ['abort', 'agentDestroy'], ['signal', 'destroyError'], ['destroyError', 'signal'],
        ['abort', 'destroyError'], ['destroyError', 'abort'],
    ):
        for point in ('called', 'req socket', 'req response'):
            case(
                f'{" and ".join(ways)} at {point}', [ANSWER], {'a': {'signal': True, 'do': {point: ways}}}
            )


def framing(case: Any) -> None:
    """Bodies that are missing, shorter, longer, or there although there must be none."""
    sized, chunked = 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n'
    bodies = {
        'no length': ('', ''),
        'no length, a body': ('', 'hello'),
        'a length': (sized, 'hello'),
        'a length, no body': (sized, ''),
        'a shorter body': (sized, 'hel'),
        'a longer body': (sized, 'helloXX'),
        'chunks': (chunked, '5\r\nhello\r\n0\r\n\r\n'),
        'chunks, no body': (chunked, ''),
    }
    for method in ('GET', 'HEAD'):
        for status in (200, 204, 304, 100, 101, 199):
            for name, (header, body) in bodies.items():
                for end in ([], [['fin']]) if status == 200 else ([],):
                    case(
                        f'{method} {status} {name}{", FIN" if end else ""}',
                        [[HEAD, ['send', f'HTTP/1.1 {status} X\r\n{header}\r\n{body}'], *end]],
                        {'a': {'options': {'method': method}}},
                        quiet=20,
                    )


def afterwards(case: Any) -> None:
    """What comes when the response, or an error, has been there already."""
    for name, steps in (
        ('no response', [['fin']]),
        ('a chunk', [['send', CHUNKED + '5\r\nhello\r\nxx\r\n']]),
        ('a response', [['send', CLOSING + 'xyz']]),
    ):
        spec = {'signal': True, 'do': {'req error': ['signal']}}
        case(f'signal after an error, {name}', [[HEAD, *steps]], {'a': spec})
    until_closed = [HEAD, ['send', 'HTTP/1.1 200 OK\r\n\r\nhello'], ['heard', 'res data'], ['fin']]
    for way in ('signal', 'destroyError'):
        for point in ('res end', 'res close'):
            spec = {'signal': True, 'socketEvents': True, 'do': {point: [way]}}
            case(f'{way} at {point}, when the connection has ended', [until_closed], {'a': spec})
    case(
        'timeout, only the end of the request is missing',
        [[HEAD, ['send', EMPTY]]],
        {'a': {'options': {'method': 'POST', 'timeout': 30}, 'body': ['write'], 'socketEvents': True}},
        quiet=100,
    )
    for name, length in (('then FIN', 65600), ('then FIN too early', 70000)):  # 65536 are kept
        full = f'HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{"x" * 65600}'
        case(f'more than fits, paused, {name}', [[HEAD, ['send', full], ['fin']]], {'a': {'reads': 'pause'}})
    answer = [HEAD, ['send', 'HTTP/1.1 101 No\r\n\r\n']]  # without upgrade: as any response
    two = {'a': {'do': {'res close': ['start:b']}}, 'b': {}}
    case('101 without upgrade, next', [[*answer, *ANSWER]], two)
    case(
        '101 without upgrade, before the request has ended',
        [[*answer, ['heard', 'res close'], ['send', 'late'], ['until', 'body']]],
        {'a': {'options': {'method': 'POST'}, 'body': ['write'], 'do': {'res close': ['endBody']}}},
        agent={},
    )
    for name, extra in (('the beginning of another', 'HTTP/1.1 200'), ('nothing', '')):
        case(
            f'late bytes behind {name}, before the request has ended',
            [[HEAD, ['send', OK + extra], ['heard', 'res close'], ['send', 'late']]],
            {'a': {'options': {'method': 'POST'}, 'body': ['write'], 'socketEvents': True}},
        )
    two = {'a': {'do': {'res close': ['start:b']}, 'socketEvents': True}, 'b': {}}
    for end in ('fin', 'rst'):
        case(f'{end} when reused, the socket has other listeners', [[*ANSWER, HEAD, [end]]], two)
    script = [HEAD, ['send', OK + 'HTTP/']]
    case('late bytes behind a response that nobody reads', [script], {'a': {'reads': 'pause'}})
    case(
        'agentDestroy, two origins',
        [SILENCE],
        {'a': {}, 'b': {'options': {'family': 4}}, 'c': {}, 'd': {'do': {'req socket': ['agentDestroy']}}},
        start=['a', 'b', 'c', 'd'],
    )
