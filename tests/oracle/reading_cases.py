"""Programs that read responses, at random, as data that JavaScript and Python can both run: who listens to
what, in which order, and what the listeners do, on one connection that is kept.

A case has `requests`, which are made one after the other, the first one at once, the others by `start`; each
with `method`, `answer` (the text of the response, or two of which the server sends the second when the first
was heard of), and `on`, what listens to it. Listeners are [whose, event, actions], where an action is a list
of a name and arguments: see `act` in the runners. Each event is noted with what response, request and agent
say of themselves then.

Left out is what depends on listeners of Node's own, which the user can take away ('end', 'readable').
"""

from __future__ import annotations

import random
from typing import Any

Actions = list[list[Any]]
EVENTS = ['data', 'end', 'close', 'error', 'readable', 'pause', 'resume', 'aborted']
BODIES = ['', 'hello', 'hello', 'h\xc3\xa9llo', 'ends in \xc3', 'x' * 30]
SIMPLE: Actions = [
    ['pause'], ['resume'], ['read'], ['read', 2], ['readAll'], ['unshift', 'uu'], ['setEncoding', 'utf8'],
    ['destroy'], ['reqDestroy'], ['sockDestroy'], ['sockPause'], ['sockResume'], ['start'], ['start'],
    ['start'], ['emit'], ['emitReq'], ['agentFree'], ['off', 'data'],
    ['pipe'], ['unpipe'], ['flowing=', True], ['flowing=', False], ['flowing=', None],
]


class Programs:
    """A source of cases; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def answer(self, method: str) -> list[str]:
        """One response, sometimes in two packets."""
        choose = self.random.choice
        body, status = choose(BODIES), choose(['200 OK'] * 8 + ['404 Not Found', '204 No', '304 No', '200 '])
        lines = [choose(['X: 1', 'Keep-Alive: timeout=60']) for _ in range(choose([0, 0, 1]))]
        if self.chance(0.3):
            lines.append('Transfer-Encoding: chunked')
            cut = choose([0, 2, len(body)])
            parts = [part for part in (body[:cut], body[cut:]) if part]
            text = ''.join(f'{len(part):x}\r\n{part}\r\n' for part in parts)
            text += choose(['0\r\n\r\n', '0\r\n\r\n', '0\r\nT: 1\r\n\r\n'])
        else:
            lines.append(f'Content-Length: {len(body)}')
            text = body
        if method == 'HEAD' or status[:3] in ('204', '304'):
            text = ''
        head = '\r\n'.join([f'HTTP/1.1 {status}', *lines, '', ''])
        information = 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n' * self.chance(0.05)
        # The second part is sent once the first was heard of.
        return [information + head, text] if text and self.chance(0.15) else [information + head + text]

    def actions(self, depth: int) -> Actions:
        return [self.action(depth) for _ in range(self.random.choice([0, 0, 0, 1, 1, 2]))]

    def action(self, depth: int) -> list[Any]:
        choose = self.random.choice
        if not depth or self.chance(0.65):
            return choose(SIMPLE)
        kind = choose(['tick', 'tick', 'tick', 'immediate', 'res', 'res', 'req', 'sock'])
        if kind in ('tick', 'immediate'):
            return [kind, self.actions(depth - 1)]
        name = {'res': choose(EVENTS), 'req': choose(['close', 'finish']),
                'sock': choose(['pause', 'resume'])}[kind]
        return ['on', kind, name, self.actions(depth - 1)]

    def listeners(self) -> Actions:
        """What is done in the listener of 'response': mostly, to listen."""
        choose = self.random.choice
        events = self.random.sample(EVENTS, choose([0, 1, 1, 2, 3, 5]))
        if self.chance(0.6):
            events = [event for event in events if event != 'readable']
        if self.chance(0.7):
            events = list(dict.fromkeys(['data', 'end', *events]))
        if self.chance(0.3):
            self.random.shuffle(events)
        is_busy = choose([0, 0.3, 0.3, 1])
        done: Actions = []
        for event in events:
            does = self.actions(2) if self.chance(is_busy) else []
            if event == 'end' and self.chance(0.7):
                does.append(['start'])
            done.append(['on', 'res', event, does])
        for _ in range(choose([0, 0, 0, 0, 1, 2])):
            done.insert(self.random.randrange(len(done) + 1), self.action(2))
        if self.chance(0.2):
            done.append(['resume'])
        return done

    def request(self) -> dict[str, Any]:
        choose = self.random.choice
        method = choose(['GET'] * 9 + ['HEAD'])
        on: list[list[Any]] = [['response', self.listeners()]] if self.chance(0.97) else []
        for event in ('close', 'finish', 'socket', 'information'):
            if self.chance(0.15):
                on.append([event, self.actions(1) if event == 'close' and self.chance(0.3) else []])
        return {'method': method, 'answer': self.answer(method), 'on': on}

    def case(self, name: str) -> dict[str, Any]:
        return {'name': name, 'requests': [self.request() for _ in range(self.random.choice([1, 2, 2, 3]))]}


def one_action(event: str, action: list[Any]) -> dict[str, Any]:
    """A plain response that is there at once, and a listener of an event that does one thing."""
    does: dict[str, Actions] = {event: [action]}
    listeners: Actions = [['on', 'res', name, does.get(name, [])] for name in ('data', 'end')]
    return {
        'name': f'{" ".join(map(str, action[:3]))} at {event}',
        'requests': [
            {'method': 'GET', 'answer': ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'], 'on': [
                ['response', [*does.get('response', ()), *listeners]]]},
            {'method': 'GET', 'answer': ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'], 'on': [
                ['response', [['on', 'res', 'end', []], ['resume']]]]},
        ],
    }


def of_socket() -> list[dict[str, Any]]:
    """The user listens to the socket, too, from an event on, while it serves three requests: who is first?"""
    plain = ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello']
    in_two = ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe', 'llo']
    heard = [['on', 'sock', name, []] for name in ('data', 'resume', 'pause', 'end', 'close')]
    listening: Actions = [['on', 'res', 'data', []], ['on', 'res', 'end', []]]
    pausing: Actions = [['on', 'sock', 'data', []], ['sockPause'], ['immediate', [['sockResume']]]]
    made = []
    for name, answer in (('', plain), (', in two', in_two)):
        for title, does, points in (
                ('who listens to the socket', heard, ('socket', 'response', 'close')),
                ('who pauses the socket', pausing, ('socket', 'response'))):
            for point in points:
                requests = [{'method': 'GET', 'answer': answer, 'on': [
                    ['response', [*listening, ['on', 'res', 'close', [['start']]]]],
                ]} for _ in range(3)]
                requests[0]['on'].append([point, does])
                made.append({'name': f'{title} from {point} on{name}', 'requests': requests})
    return made


def lasting() -> list[dict[str, Any]]:
    """A response that lasts until the connection ends, and is destroyed: when is it complete?"""
    made = []
    for way in ('destroy', 'reqDestroy', 'sockDestroy'):
        listeners = [['on', 'res', name, [[way]] if name == 'data' else []]
                     for name in ('data', 'aborted', 'end', 'error', 'close')]
        heard = [['on', kind, 'close', [['immediate', []]]] for kind in ('req', 'sock')]
        made.append({'name': f'{way} of what lasts', 'requests': [{
            'method': 'GET', 'answer': ['HTTP/1.1 200 OK\r\n\r\nhello'],
            'on': [['response', [*listeners, *heard]]],
        }]})
    return made


def late_listeners() -> list[dict[str, Any]]:
    """Who begins to listen to 'close' between 'end' and 'close', at the last moment."""
    late: Actions = [['on', 'res', 'close', []], ['on', 'req', 'close', []]]
    made = []
    for ticks in range(4):
        does = late
        for _ in range(ticks):
            does = [['tick', does]]
        requests: list[dict[str, Any]] = [{
            'method': 'GET', 'answer': ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
            'on': [['response', [['on', 'res', 'data', []], ['on', 'res', 'end', does]]]],
        } for does in ([['start'], *does] if ticks else does, [])]
        requests[1]['on'].append(['finish', []])
        made.append({'name': f'close is listened to {ticks} ticks after the end', 'requests': requests})
    return made


def cases() -> list[dict[str, Any]]:
    """Return those that are recorded."""
    programs = Programs(36)
    made = [programs.case(f'{number}') for number in range(240)]
    actions = [action for at, action in enumerate(SIMPLE) if action not in SIMPLE[:at]]
    actions += [['tick', []], ['immediate', []], ['on', 'req', 'close', []]]
    actions += [['on', 'res', event, []] for event in EVENTS]
    made += of_socket() + lasting() + late_listeners()
    return made + [one_action(event, action) for event in ('response', 'data', 'end') for action in actions]
