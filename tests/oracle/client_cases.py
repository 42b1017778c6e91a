"""Programs of a client against a scripted server, as data that JavaScript and Python can both run.

A case has

    server    a script for each connection (the last one for all further ones), a list of steps:
              ['head'] wait for the head of a request, ['until', text] wait until this was received,
              ['send', text], ['fin'], ['rst'], ['heard', event] wait until the client has noted this
    requests  by label: `options` of http.request, `body` (what is called on the request before anything
              else; by default `end`), `do` (what to do at an event: see `perform` in the runners), `without`
              and `with` (listeners), `reads` (listened for in place of 'data'), `socketEvents`, `noResError`,
              `signal`
    fields    True: with each event come the names of the fields of the request that are true
    start     the labels of the requests that are made at once (by default the first)
    agent     options of the Agent, False, or None for the global one
    connects  how each call of `createConnection` is answered, the agent's or, without agent, the option's
    hooks     overridden methods of the agent, by name: 'super', or what is returned
    hears     the events that are listened to, nobody listening to the agent then; a request may have others

and what happens is a list of lines such as 'req response 200 | s1 f0 q0 t1': the event, and the agent's
sockets, free sockets, queued requests and total at that moment. `client.js` records what Node does (see
`record.py`). Most of them are run over TLS too.
"""

from __future__ import annotations

from typing import Any

from client_messages import afterwards, fields, framing, uploads
from client_scripts import (
    ANSWER,
    BEGINNING,
    CHUNKED,
    CLOSING,
    EMPTY,
    HEAD,
    LONG,
    OK,
    POINTS,
    SCRIPT_AT,
    SECURE,
    SILENCE,
    WAYS,
    Case,
)

NOTED = {'options': {'method': 'POST'}, 'body': ['writeNoted', 'endBodyNoted']}


def cases(is_secure: bool = False) -> list[Case]:
    """Return all cases, or those in which TLS may make a difference."""
    made: list[Case] = []

    def case(name: str, server: Any, requests: dict[str, Any] | None = None, **more: Any) -> None:
        made.append({'name': name, 'server': server, 'requests': requests or {'a': {}}, **more})

    both = (success, destruction, failures, odd_responses, information, tunnels, timeouts, queues, sequences)
    kept = (reading, leaving_tunnels)
    if not is_secure:
        kept += (fields, uploads, framing, afterwards, idle_twice, hooks)
    for kind, agent, groups in (('close', {}, both), ('keep', {'keepAlive': True}, both + kept)):
        for add in groups:
            add(
                lambda name, *args, kind=kind, agent=agent, **more: case(
                    f'{name}, {kind}', *args, **{'agent': agent, **more}
                )
            )
    idle_sockets(case)
    limits(case)
    if not is_secure:
        connections(case)
        hearing(case)
    return made


def secure_cases() -> list[Case]:
    """Return cases for TLS, with what can befall a request when its handshake is just over."""
    # How long a handshake takes is chance, and so is which of two is over first.
    by_chance = ('timeout', 'setTimeout', 'an idle socket times out', 'scheduling', 'maxFreeSockets')
    made = [case for case in cases(is_secure=True) if not case['name'].startswith(by_chance)]
    at_once = {way: {'do': {SECURE: [way]}, **({'signal': True} if way == 'signal' else {})} for way in WAYS}
    at_once['noted abort'] = {**NOTED, 'do': {SECURE: ['abort']}}
    for way, spec in at_once.items():
        made.append({'name': f'{way} at {SECURE}', 'server': [SILENCE], 'requests': {'a': spec}, 'agent': {}})
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
    for way in WAYS:
        for point in POINTS:
            if way.startswith('socket') and point in ('called', 'tick'):
                continue  # there is no socket yet
            if way == 'socketDestroyError' and point in ('res end', 'res close', 'req close'):
                continue  # nobody is left to hear of the error
            spec = {'do': {point: [way]}, **({'signal': True} if way == 'signal' else {})}
            case(f'{way} at {point}', [SCRIPT_AT.get(point, SILENCE)], {'a': spec})
        if way != 'signal':
            case(f'{way} at req error', [SILENCE], {'a': {'do': {'req error': [way]}}}, refused=True)
    for point in ('immediate', 'sock connect'):
        case(f'abort at {point}, noted', [SILENCE], {'a': {**NOTED, 'do': {point: ['abort']}}})
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
    case('two responses and rubbish', [[HEAD, ['send', OK + OK + 'xyz']]])
    case('two responses, the second is bad', [[HEAD, ['send', OK + CHUNKED + 'x\r\n']]])
    switch = 'HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nHEAD'
    case('two responses, the second switches', [[HEAD, ['send', OK + switch]]])
    case('two responses, the second is a bare 101', [[HEAD, ['send', OK + 'HTTP/1.1 101 S\r\n\r\nHEAD']]])
    case('closing, then more', [[HEAD, ['send', CLOSING + 'xyz']]])
    case(
        'two responses, later',
        [[HEAD, ['send', OK], ['heard', 'res end'], ['send', OK]]],
        {'a': {'socketEvents': True}},
    )
    case('response before the request', [[['send', OK]]], {'a': {'socketEvents': True}})
    case('204 with a body', [[HEAD, ['send', 'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello']]])


def reading(case: Any) -> None:
    """Responses that are paused, or read at 'readable'."""
    for name, script in (
        ('a response', ANSWER),
        ('a body to the end', [HEAD, ['send', 'HTTP/1.1 200 OK\r\n\r\nhello'], ['fin']]),
        ('a part', BEGINNING),
        ('a part, then FIN', [*BEGINNING, ['fin']]),
        ('chunks', [HEAD, ['send', CHUNKED + '2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n']]),
        ('nothing', [HEAD, ['send', EMPTY]]),
    ):
        for do in ([], ['resRead'], ['resRead', 'destroy'], ['destroy'], ['resDestroy'], ['socketDestroy']):
            case(
                f'{name}, readable: {" ".join(do)}',
                [script],
                {'a': {'reads': 'readable', 'do': {'res readable': do}}},
            )
        case(
            f'{name}, readable, abort',
            [script],
            {'a': {'reads': 'readable', 'do': {'req response': ['abort']}}},
        )
        for do in ([], ['resResume'], ['resResumeLater'], ['destroy'], ['resDestroy']):
            case(
                f'{name}, paused: {" ".join(do)}',
                [script],
                {'a': {'reads': 'pause', 'do': {'req response': do}}},
            )


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


def leaving_tunnels(case: Any) -> None:
    """What can be done to a request whose socket is the user's."""
    for event, options, head in (
        (
            'upgrade',
            {'headers': {'Connection': 'Upgrade', 'Upgrade': 'x'}},
            'HTTP/1.1 101 Switch\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
        ),
        ('connect', {'method': 'CONNECT', 'path': 'x:80'}, 'HTTP/1.1 200 OK\r\n\r\n'),
    ):
        spec = {'options': options, 'with': [event], 'signal': True}
        for way in ('destroy', 'destroyError', 'abort', 'signal', 'socketEnd', 'agentRemove', 'agentDestroy'):
            for point in (f'req {event}', 'req close', 'up data'):
                case(
                    f'{way} at {point} ({event})',
                    [[HEAD, ['send', head], ['heard', 'req close'], ['send', 'MORE']]],
                    {'a': {**spec, 'do': {point: [way]}}},
                )
        answer = [HEAD, ['send', head + 'HEAD']]
        for name, script in (('FIN', [HEAD, ['fin']]), ('RST', [HEAD, ['rst']])):
            case(f'{event}, {name}', [script], {'a': spec})
        case(
            f'{event}, 100 first',
            [[HEAD, ['send', f'HTTP/1.1 100 Go\r\n\r\n{head}HEAD']]],
            {'a': spec},
        )
        case(
            f'{event}, another waits', [answer, ANSWER], {'a': spec, 'b': {}}, start=['a', 'b'], maxSockets=1
        )
        case(
            f'{event} after another',
            [[*ANSWER, *answer], answer],
            {'a': {'do': {'res close': ['start:b']}}, 'b': spec},
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


def idle_twice(case: Any) -> None:
    """A connection that is idle, not idle, and idle again: the request hears of it once."""
    for options in ({}, {'timeout': 5000}):
        for point in ('called', 'req socket', 'req response'):
            case(
                f'idle twice, {"own timeout" if options else "none"}, setTimeout at {point}',
                [[*BEGINNING, ['heard', 'req timeout'], ['send', 'more']]],
                {
                    'a': {
                        'options': options,
                        'do': {point: ['setLongTimeout'], 'res data': ['setTimeout']},
                        'socketEvents': True,
                    }
                },
                quiet=100,
            )
    for name, do in (
        ('cleared', {'res data': ['setTimeout', 'clearTimeout']}),
        ('too late', {'res end': ['setTimeout']}),
    ):
        case(f'setTimeout, {name}', [ANSWER], {'a': {'do': do, 'socketEvents': True}}, quiet=60)


def queues(case: Any) -> None:
    """Requests that wait for a socket: maxSockets 1."""
    case_of_two = {'start': ['a', 'b'], 'maxSockets': 1}
    for way in ('destroy', 'destroyError', 'abort', 'signal'):
        for name, script in (('reused', ANSWER), ('closed', [HEAD, ['send', CLOSING]])):
            spec = {'do': {'called': [way]}, **({'signal': True} if way == 'signal' else {})}
            case(f'{way} while queued, socket {name}', [script], {'a': {}, 'b': spec}, **case_of_two)
    three = {'a': {}, 'b': {}, 'c': {}}
    for way in ('destroy', 'destroyError', 'abort', 'signal'):
        for point, script in SCRIPT_AT.items():
            case(
                f'{way} at {point}, others wait',
                [script],
                {**three, 'a': {'do': {point: [way]}, 'signal': True}},
                start=['a', 'b', 'c'],
                maxSockets=1,
            )
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


HEARD = ('req socket', 'req prefinish', 'req finish', 'req close', 'res data', 'res end', 'res close')


def hearing(case: Any) -> None:
    """Requests that wait for a connection, of which some events are heard and others are not: what is done
    without its ticks where nobody can tell must not show where somebody can."""
    for count in range(128):
        heard = [event for bit, event in enumerate(HEARD) if count >> bit & 1]
        first = ['res data', 'res end']
        first += HEARD[3:4] if count % 3 == 1 else HEARD[6:] if count % 3 == 2 else ()
        second: dict[str, Any] = {'hears': heard}
        if 'res data' not in heard:
            second['do'] = {'req response': ['resResume']}
        if count % 4 == 2:
            second |= {'options': {'method': 'POST'}, 'body': ['endBody']}
        case(
            f'heard of the next: {", ".join(heard)}; of the first: {", ".join(first)}',
            [ANSWER * 3],
            {'a': {'hears': first}, 'b': second, 'c': {}},
            start=['a', 'b', 'c'],
            agent={'keepAlive': True},
            maxSockets=1,
            hears=['res data', 'res end'],
            fields=count % 2 == 1,
        )


def hooks(case: Any) -> None:
    """keepSocketAlive, as a subclass may have it. (Where reuseSocket is called Node has not counted the
    socket yet.)"""
    for result in ('super', True, False, None):
        for name, script in (('kept', ANSWER * 3), ('closing', [HEAD, ['send', CLOSING]])):
            case(
                f'keepSocketAlive {result}, {name}',
                [script],
                {'a': {'do': {'res close': ['start:b']}}, 'b': {}},
                hooks={'keepSocketAlive': result},
            )
        case(
            f'keepSocketAlive {result}, others wait',
            [ANSWER * 3],
            {'a': {}, 'b': {}, 'c': {}},
            start=['a', 'b', 'c'],
            maxSockets=1,
            hooks={'keepSocketAlive': result},
        )


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
    other = {'options': {'family': 4}}
    case(
        'maxTotalSockets 1, the same origin before another',
        [[HEAD, ['send', CLOSING]]],
        {'a': {}, 'b': other, 'c': {}, 'd': other},
        start=['a', 'b', 'c', 'd'],
        agent={'maxTotalSockets': 1},
    )


def connections(case: Any) -> None:
    """createConnection, the agent's and the option's: the socket is returned, passed on, both, or there is
    none."""
    good = ('returns', 'calls', 'callsLater', 'both', 'callsTwice', 'returnsThenFails')
    bad = ('fails', 'failsLater', 'failsThenCalls', 'failsAndReturns', 'throws')
    for kind, agent in (('keep', {'keepAlive': True}), ('option', False)):
        for how in (*good, *bad):
            if how == 'throws' and agent:
                continue  # out of http.request, in Node
            name = f'createConnection {how}, {kind}'
            more = {'agent': agent, 'connects': [how]}
            case(name, [ANSWER], {'a': {'socketEvents': True}}, **more)
            if how in good:
                case(f'{name}, refused', [ANSWER], {'a': {'socketEvents': True}}, refused=True, **more)
            for way in ('destroyError', 'abort'):
                for point in ('called', 'immediate', 'req socket'):
                    case(f'{name}, {way} at {point}', [SILENCE], {'a': {'do': {point: [way]}}}, **more)
            if agent and not how.endswith('Later'):  # what is late counts here, in Node it does not
                case(
                    f'{name}, another waits',
                    [ANSWER * 2],
                    {'a': {}, 'b': {}},
                    start=['a', 'b'],
                    maxSockets=1,
                    agent=agent,
                    connects=[how, 'returns'],
                )


if __name__ == '__main__':
    import json

    print(json.dumps(cases()))
