"""Programs of a client against a scripted server, as data that JavaScript and Python can both run.

A case has

    server    a script for each connection (the last one for all further ones), a list of steps:
              ['head'] wait for the head of a request, ['until', text] wait until this was received,
              ['send', text], ['fin'], ['rst'], ['heard', event] wait until the client has noted this
    requests  by label: `options` of http.request, `body` (what is called on the request before anything
              else; by default `end`), `do` (what to do at an event: see `perform` in the runners), `without`
              and `with` (listeners), `socketEvents`, `noResError`, `signal`
    start     the labels of the requests that are made at once (by default the first)
    agent     options of the Agent, False, or None for the global one

and what happens is a list of lines such as 'req response 200 | s1 f0 q0 t1': the event, and the agent's
sockets, free sockets, queued requests and total at that moment. `client.js` records what Node does (see
`record.py`).
"""

from __future__ import annotations

from typing import Any

Case = dict[str, Any]

OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
CLOSING = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello'
LONG = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'
CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
EMPTY = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

HEAD = ['head']
ANSWER = [HEAD, ['send', OK]]
BEGINNING = [HEAD, ['send', LONG + 'part']]
SILENCE = [HEAD]

POINTS = (
    'called',
    'tick',
    'immediate',
    'req socket',
    'sock connect',
    'req finish',
    'req response',
    'res data',
    'res end',
    'res close',
    'req close',
)
SCRIPT_AT = {
    'req response': BEGINNING,
    'res data': BEGINNING,
    'res end': ANSWER,
    'res close': ANSWER,
    'req close': ANSWER,
}


def cases() -> list[Case]:
    """Return all cases."""
    made: list[Case] = []

    def case(name: str, server: Any, requests: dict[str, Any] | None = None, **more: Any) -> None:
        made.append({'name': name, 'server': server, 'requests': requests or {'a': {}}, **more})

    for kind, agent in (('close', {}), ('keep', {'keepAlive': True})):
        for add in (
            success,
            destruction,
            failures,
            odd_responses,
            information,
            tunnels,
            timeouts,
            queues,
            sequences,
        ):
            add(
                lambda name, *args, kind=kind, agent=agent, **more: case(
                    f'{name}, {kind}', *args, **{'agent': agent, **more}
                )
            )
    idle_sockets(case)
    limits(case)
    return made


def success(case: Any) -> None:
    """Requests that succeed."""
    case('success', [ANSWER], {'a': {'socketEvents': True}})
    case(
        'body to the end of the connection',
        [[HEAD, ['send', 'HTTP/1.1 200 OK\r\n\r\nhello'], ['heard', 'res data'], ['fin']]],
        {'a': {'socketEvents': True}},
    )
    case(
        'post',
        [[['until', 'body'], ['send', OK]]],
        {'a': {'options': {'method': 'POST'}, 'body': ['endBody']}},
    )
    for point in ('res end', 'res close'):
        case(
            f'request ended at {point}',
            [[HEAD, ['send', OK], ['until', '0\r\n\r\n']]],
            {'a': {'options': {'method': 'POST'}, 'body': ['write'], 'do': {point: ['end']}}},
        )
    case('nobody listens for the response', [ANSWER], {'a': {'without': ['response']}})
    case(
        'HEAD',
        [[HEAD, ['send', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n']]],
        {'a': {'options': {'method': 'HEAD'}}},
    )
    case('204', [[HEAD, ['send', 'HTTP/1.1 204 No\r\n\r\n']]])
    case('304 with a length', [[HEAD, ['send', 'HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n']]])
    case('Connection: close', [[HEAD, ['send', CLOSING]]])
    case('HTTP/1.0', [[HEAD, ['send', OK.replace('1.1', '1.0')]]])
    case(
        'HTTP/1.0 keep-alive',
        [[HEAD, ['send', CLOSING.replace('1.1', '1.0').replace('close', 'keep-alive')]]],
    )
    case(
        'agentRemove at req response',
        [ANSWER],
        {'a': {'do': {'req response': ['agentRemove']}, 'socketEvents': True}},
    )


def destruction(case: Any) -> None:
    """Every way to end a request at every point."""
    for way in ('destroy', 'destroyError', 'abort', 'signal', 'socketDestroy', 'socketDestroyError'):
        for point in POINTS:
            if way.startswith('socket') and point in ('called', 'tick'):
                continue  # there is no socket yet
            if way == 'socketDestroyError' and point in ('res end', 'res close', 'req close'):
                continue  # nobody is left to hear of the error
            spec = {'do': {point: [way]}, **({'signal': True} if way == 'signal' else {})}
            case(f'{way} at {point}', [SCRIPT_AT.get(point, SILENCE)], {'a': spec})
        if way != 'signal':
            case(f'{way} at req error', [SILENCE], {'a': {'do': {'req error': [way]}}}, refused=True)
    case('signal with a reason', [SILENCE], {'a': {'signal': True, 'do': {'req finish': ['signalReason']}}})
    case('signal that was aborted', [SILENCE], {'a': {'signal': 'aborted'}})
    for way in ('resDestroy', 'resDestroyError'):
        for point in ('req response', 'res data', 'res end', 'res close'):
            case(f'{way} at {point}', [SCRIPT_AT[point]], {'a': {'do': {point: [way]}}})
    for point in ('req socket', 'req response'):
        case(f'agentDestroy at {point}', [BEGINNING], {'a': {'do': {point: ['agentDestroy']}}})
    case(
        'only the head was sent',
        [SILENCE],
        {'a': {'body': ['flushHeaders'], 'do': {'sock connect': ['destroy']}}},
    )
    case(
        'socketEnd at req finish',
        [[HEAD, ['fin']]],
        {'a': {'do': {'sock ready': ['socketEnd']}, 'socketEvents': True}},
    )


def failures(case: Any) -> None:
    """Connections that fail, or end too early."""
    case('refused', [SILENCE], {'a': {'socketEvents': True}}, refused=True)
    for name, end in (('FIN', ['fin']), ('RST', ['rst'])):
        case(f'{name} before the response', [[HEAD, end]])
        case(f'{name} in the body', [[HEAD, ['send', LONG + 'part'], ['heard', 'res data'], end]])
    case('FIN in the head', [[HEAD, ['send', 'HTTP/1.1 200 OK\r\nContent-'], ['fin']]])
    case('FIN right behind a part', [[*BEGINNING, ['fin']]])
    case(
        'FIN in the body, no error listener',
        [[*BEGINNING, ['heard', 'res data'], ['fin']]],
        {'a': {'noResError': True}},
    )
    case('FIN in a chunk', [[HEAD, ['send', CHUNKED + '5\r\nhel'], ['heard', 'res data'], ['fin']]])
    case(
        'FIN during the upload',
        [[HEAD, ['fin']]],
        {'a': {'options': {'method': 'POST'}, 'body': ['write']}},
    )
    case('rubbish', [[HEAD, ['send', 'rubbish\r\n\r\n']]])
    case('rubbish in the body', [[HEAD, ['send', CHUNKED + '5\r\nhello\r\nxx\r\n']]])
    case(
        'rubbish in the body, later',
        [[HEAD, ['send', CHUNKED + '5\r\nhello\r\n'], ['heard', 'res data'], ['send', 'xx\r\n']]],
    )
    case('head too large', [[HEAD, ['send', f'HTTP/1.1 200 OK\r\nX: {"a" * 17000}\r\n\r\n']]])


def odd_responses(case: Any) -> None:
    """More than was asked for."""
    case('longer than announced', [[HEAD, ['send', OK + 'EXTRA']]])
    case(
        'longer than announced, later',
        [[HEAD, ['send', OK], ['heard', 'res end'], ['send', 'EXTRA']]],
        {'a': {'socketEvents': True}},
    )
    case('two responses', [[HEAD, ['send', OK + OK]]])
    case(
        'two responses, later',
        [[HEAD, ['send', OK], ['heard', 'res end'], ['send', OK]]],
        {'a': {'socketEvents': True}},
    )
    case('response before the request', [[['send', OK]]], {'a': {'socketEvents': True}})
    case('204 with a body', [[HEAD, ['send', 'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello']]])


def information(case: Any) -> None:
    """1xx."""
    expect = {'method': 'POST', 'headers': {'Expect': '100-continue'}}
    case(
        '100',
        [[HEAD, ['send', 'HTTP/1.1 100 Continue\r\n\r\n'], ['until', 'body'], ['send', OK]]],
        {'a': {'options': expect, 'body': [], 'do': {'req continue': ['endBody']}}},
    )
    case(
        '417',
        [[HEAD, ['send', 'HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n'], ['until', '0\r\n\r\n']]],
        {
            'a': {
                'options': expect,
                'body': [],
                'do': {'req continue': ['endBody'], 'req response': ['end']},
            }
        },
    )
    case(
        '102, 103 and 199',
        [[HEAD, ['send', ''.join(f'HTTP/1.1 {n} X\r\nA: b\r\n\r\n' for n in (102, 103, 199)) + OK]]],
    )


def tunnels(case: Any) -> None:
    """101 and CONNECT, with and without a listener."""
    upgrade = {'headers': {'Connection': 'Upgrade', 'Upgrade': 'x'}}
    switch = 'HTTP/1.1 101 Switch\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'
    for heard in ([], ['upgrade']):
        name = 'heard' if heard else 'not heard'
        case(
            f'101 {name}',
            [[HEAD, ['send', f'{switch}HEAD'], ['heard', 'req close'], ['send', 'MORE'], ['fin']]],
            {'a': {'options': upgrade, 'with': heard, 'do': {'up end': ['upgradeDestroy']}}},
        )
        case(
            f'101 {name}, then FIN',
            [[HEAD, ['send', switch], ['fin']]],
            {'a': {'options': upgrade, 'with': heard}},
        )
        for status in (200, 426):
            offer = 'Connection: Upgrade\r\nUpgrade: x\r\nContent'
            answer = OK.replace('200', str(status)).replace('Content', offer)
            case(
                f'{status} with Upgrade, {name}',
                [[HEAD, ['send', answer]]],
                {'a': {'options': upgrade, 'with': heard}},
            )
    for heard in ([], ['connect']):
        name = 'heard' if heard else 'not heard'
        for status in ('200 OK', '403 No\r\nContent-Length: 4'):
            case(
                f'CONNECT {status[:3]} {name}',
                [
                    [
                        HEAD,
                        ['send', f'HTTP/1.1 {status}\r\n\r\nHEAD'],
                        ['heard', 'req close'],
                        ['send', 'MORE'],
                        ['fin'],
                    ]
                ],
                {'a': {'options': {'method': 'CONNECT', 'path': 'x:80'}, 'with': heard}},
            )


def timeouts(case: Any) -> None:
    """'timeout' from the option, the agent and setTimeout."""
    destroying = {'req timeout': ['destroy']}
    case('timeout of the option', [SILENCE], {'a': {'options': {'timeout': 30}, 'do': destroying}})
    case(
        'timeout, and then the response',
        [[HEAD, ['heard', 'req timeout'], ['send', OK]]],
        {'a': {'options': {'timeout': 30}, 'socketEvents': True}},
    )
    case('setTimeout at called', [SILENCE], {'a': {'do': {'called': ['setTimeout'], **destroying}}})
    case(
        'setTimeout at req response',
        [BEGINNING],
        {'a': {'do': {'req response': ['setTimeout'], **destroying}}},
    )


def queues(case: Any) -> None:
    """Requests that wait for a socket: maxSockets 1."""
    case_of_two = {'start': ['a', 'b'], 'maxSockets': 1}
    for way in ('destroy', 'destroyError', 'abort', 'signal'):
        for name, script in (('reused', ANSWER), ('closed', [HEAD, ['send', CLOSING]])):
            spec = {'do': {'called': [way]}, **({'signal': True} if way == 'signal' else {})}
            case(f'{way} while queued, socket {name}', [script], {'a': {}, 'b': spec}, **case_of_two)
    three = {'a': {}, 'b': {}, 'c': {}}
    case('three queued', [ANSWER * 3], three, start=['a', 'b', 'c'], maxSockets=1)
    case(
        'three queued, all closing', [[HEAD, ['send', CLOSING]]], three, start=['a', 'b', 'c'], maxSockets=1
    )
    case('the first is refused', [SILENCE], {'a': {}, 'b': {}}, refused=True, **case_of_two)
    case(
        'the first leaves the agent',
        [SILENCE],
        {'a': {'do': {'req finish': ['agentRemove']}}, 'b': {}},
        **case_of_two,
    )


def sequences(case: Any) -> None:
    """One request after another."""
    for point in ('res end', 'res close', 'req close'):
        case(f'next at {point}', [ANSWER * 2], {'a': {'do': {point: ['start:b']}}, 'b': {}})


def idle_sockets(case: Any) -> None:
    """What happens to a socket in the pool."""
    keep = {'keepAlive': True}
    for name, step in (('is closed', ['fin']), ('is reset', ['rst']), ('gets data', ['send', 'late'])):
        case(
            f'an idle socket {name}',
            [[*ANSWER, ['heard', 'res close'], step]],
            {'a': {'socketEvents': True}},
            agent=keep,
        )
    again = {'a': {'do': {'res close': ['start:b']}}}
    for point in POINTS:
        for way in ('destroy', 'abort'):
            case(
                f'{way} at {point}, reused',
                [[*ANSWER, *SCRIPT_AT.get(point, SILENCE)]],
                {**again, 'b': {'do': {point: [way]}}},
                agent=keep,
            )
    case('reset when reused', [[*ANSWER, HEAD, ['rst']]], {**again, 'b': {}}, agent=keep)
    case('closed when reused', [[*ANSWER, HEAD, ['fin']]], {**again, 'b': {}}, agent=keep)
    for hint in ('-1', '0', '1', '1.5', '2', '5', 'x', '5, max=2'):
        case(
            f'hint {hint}',
            [[HEAD, ['send', EMPTY.replace('Content', f'Keep-Alive: timeout={hint}\r\nContent')]]],
            agent={**keep, 'timeout': 3000},
        )
    case(
        'an idle socket times out',
        [ANSWER],
        {'a': {'socketEvents': True}},
        agent={**keep, 'timeout': 30},
        quiet=120,
    )
    case(
        'timeout of the agent',
        [SILENCE],
        {'a': {'do': {'req timeout': ['destroy']}}},
        agent={**keep, 'timeout': 30},
    )
    case('no agent', [ANSWER], agent=False)


def limits(case: Any) -> None:
    """maxFreeSockets, scheduling."""
    two = {'a': {}, 'b': {}}
    case(
        'maxFreeSockets 1',
        [ANSWER, [HEAD, ['heard', 'a res close'], ['send', OK]]],
        two,
        start=['a', 'b'],
        agent={'keepAlive': True, 'maxFreeSockets': 1},
    )
    for scheduling in ('lifo', 'fifo'):
        case(
            f'scheduling {scheduling}',
            [ANSWER * 2, [HEAD, ['heard', 'a res close'], ['send', OK], *ANSWER]],
            {'a': {}, 'b': {'do': {'res close': ['start:c']}}, 'c': {}},
            start=['a', 'b'],
            agent={'keepAlive': True, 'scheduling': scheduling},
        )
    case(
        'maxTotalSockets 1, same origin',
        [ANSWER * 2],
        two,
        start=['a', 'b'],
        agent={'keepAlive': True, 'maxTotalSockets': 1},
    )


if __name__ == '__main__':
    import json

    print(json.dumps(cases()))
