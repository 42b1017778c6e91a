"""How a response may be read, compared with Node's on the same programs at random: subsets of listeners that
come in any order and do anything (`oracle/reading_cases.py`, and `oracle/reading.json` for what Node 25.2.1
does with them). Much is done without ticks where nobody can tell; this looks whether somebody can.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import sys
from typing import Any

import pytest
from conftest import RawPeer, Recorder, settle

import nodehttp as http
from nodehttp import errors, threadpool, timers
from nodehttp.stream import PassThrough

ORACLE = pathlib.Path(__file__).parent / 'oracle'
sys.path.insert(0, str(ORACLE))
import reading_cases  # noqa: E402

NODE = json.loads((ORACLE / 'reading.json').read_text())
MOST = 60  # actions; what is done at events may bring them about again (as in reading.js)


def show(value: Any) -> str:
    """Return a value as the runner in JavaScript shows it."""
    return {True: 'T', False: 'F', None: '-'}[value]


def text_of(chunk: Any) -> str:
    """Return a chunk, or what `read` gave, in the same way."""
    return 'null' if chunk is None else chunk if isinstance(chunk, str) else chunk.decode(errors='replace')


def count(lists: Any) -> int:
    return sum(map(len, lists.values()))


class Run:
    """One case, run once."""

    def __init__(self, case: dict[str, Any], scripted: Any, note: Recorder) -> None:
        self.case, self.say = case, note
        self.requests: list[Any] = []
        self.left = MOST
        self.later = threadpool.Waiter()
        self.agent = http.Agent(keepAlive=True, maxSockets=1)
        self.port = scripted(*[self.serve] * len(case['requests']))

    def serve(self, peer: RawPeer) -> None:
        with contextlib.suppress(OSError):  # the client was destroyed before it had read everything
            self.converse(peer)

    def converse(self, peer: RawPeer) -> None:
        received = b''
        while data := peer.socket.recv(65536):
            received += data
            while b'\r\n\r\n' in received:
                head, _, received = received.partition(b'\r\n\r\n')
                number = int(re.search(rb' /(\d+) ', head)[1])  # type: ignore[index]
                first, *rest = self.case['requests'][number]['answer']
                peer.send(first.encode('latin1'))
                if rest:
                    self.say.wait(lambda events, sign=f'{number} later': sign in events or 'over' in events)
                    peer.send(rest[0].encode('latin1'))

    def events(self, expected: int) -> list[str]:
        """Run the case; return so many events, and what comes soon after."""
        timers.setImmediate(self.start)
        self.say.wait(lambda events: len(self.heard()) >= expected)
        settle()
        return self.heard()

    def heard(self) -> list[str]:
        return [event for event in self.say.events if not event.endswith(' later')]

    def clean_up(self) -> None:
        self.say('over')
        for req in self.requests:
            req.removeAllListeners()
            req.on('error', lambda: None).destroy()
        self.agent.destroy()

    def state(self, number: int) -> str:
        req, agent = self.requests[number], self.agent
        res = req.res
        text = ''.join(map(show, (
            req.destroyed, req.closed, req.aborted, req.writableFinished, req.reusedSocket)))
        if res is not None:
            text += ' ' + ''.join(map(show, (
                res.complete, res.readableFlowing, res.readableEnded, res.destroyed, res.aborted,
                res.readableDidRead, res.readable))) + str(res.readableLength)
        counts = count(agent.sockets), count(agent.freeSockets), count(agent.requests)
        return f'{text} {counts[0]}{counts[1]}{counts[2]}{agent.totalSocketCount}'

    def note(self, number: int, what: str) -> None:
        self.say(f'{number} {what} {self.state(number)}')

    def start(self) -> None:
        number = len(self.requests)
        if number == len(self.case['requests']):
            return
        spec = self.case['requests'][number]
        req = http.request(port=self.port, host='127.0.0.1', path=f'/{number}', agent=self.agent,
                           method=spec['method'])
        self.requests.append(req)
        for name, actions in spec['on']:
            self.listen(number, 'req', name, actions)
        req.on('error', lambda error: self.say(f'{number} req error {error.code}'))
        if len(spec['answer']) > 1:
            req.on('response', lambda: timers.setImmediate(self.say, f'{number} later'))
        req.end()

    def listen(self, number: int, kind: str, name: str, actions: Any) -> None:
        req = self.requests[number]

        def heard(*args: Any) -> None:
            details = {'data': text_of, 'error': lambda error: error.code}.get(name)
            self.note(number, f'{kind} {name}{f" {details(args[0])}" if details else ""}')
            self.perform(number, actions)
        {'req': req, 'res': req.res, 'sock': req.socket}[kind].on(name, heard)

    def perform(self, number: int, actions: Any) -> None:
        for what, *args in actions:
            self.left -= 1
            if self.left < 0:
                return
            try:
                self.act(number, what, args)
            except errors.NodeError as error:
                self.say(f'{number} threw {error.code}')

    def act(self, number: int, what: str, args: list[Any]) -> None:
        req = self.requests[number]
        res, sock = req.res, req.socket

        def later() -> None:
            self.note(number, what)
            self.perform(number, args[0])

        def taken(chunk: Any) -> None:
            self.note(number, f'read {text_of(chunk)}')

        def override(emitter: Any, kind: str) -> None:
            emit = emitter.emit
            emitter.emit = lambda name, *given: (
                self.say(f'{number} {kind} emits {name}'), emit(name, *given))[1]

        def pipe() -> None:
            out = PassThrough()
            out.on('data', lambda chunk: self.note(number, f'piped {text_of(chunk)}'))
            out.on('end', lambda: self.note(number, 'pipe ended'))
            res.pipe(out)

        {
            'on': lambda: self.listen(number, *args),
            'off': lambda: res.removeAllListeners(args[0]),
            'tick': lambda: timers.nextTick(later),
            'immediate': lambda: timers.setImmediate(later),
            'pause': lambda: res.pause(),
            'resume': lambda: res.resume(),
            'read': lambda: taken(res.read(*args)),
            'readAll': lambda: [taken(chunk) for chunk in iter(res.read, None)],
            'unshift': lambda: res.unshift(args[0] if res.readableEncoding else args[0].encode()),
            'setEncoding': lambda: res.setEncoding(args[0]),
            'destroy': lambda: res.destroy(),
            'reqDestroy': lambda: req.destroy(),
            'sockDestroy': lambda: sock and sock.destroy(),
            'sockPause': lambda: sock and sock.pause(),
            'sockResume': lambda: sock and sock.resume(),
            'start': lambda: self.start(),
            'emit': lambda: override(res, 'res'),
            'emitReq': lambda: override(req, 'req'),
            'agentFree': lambda: self.agent.on('free', lambda: self.note(number, 'free')),
            'flowing=': lambda: setattr(res, 'readableFlowing', args[0]),
            'pipe': pipe,
            'unpipe': lambda: res.unpipe(),
        }[what]()


@pytest.mark.usefixtures('strictly')
@pytest.mark.filterwarnings('ignore::nodehttp.events.MaxListenersExceededWarning')
@pytest.mark.parametrize('case', reading_cases.cases(), ids=lambda case: case['name'])
def test_a_response_is_read_as_in_node(case: dict[str, Any], scripted: Any, record: Recorder) -> None:
    expected = NODE[case['name']]
    run = Run(case, scripted, record)
    try:
        assert run.events(len(expected)) == expected
    finally:
        run.clean_up()
