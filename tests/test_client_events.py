"""The order of events of requests, responses, sockets and agents, compared with Node's on the same programs.

The programs are data (`oracle/client_cases.py`), and so is what Node 25.2.1 does with them
(`oracle/client_events.json`, made by `oracle/record.py`). This file runs them here; `differences` says
where we differ, and why.
"""

from __future__ import annotations

import json
import pathlib
import re
import socket
import sys
import threading
from typing import Any, ClassVar

import pytest
from conftest import MUST_NOT_EXPIRE, RawPeer, first_right, let_go, settle

import nodehttp
from nodehttp import errors, net, timers
from nodehttp.abort import AbortController

ORACLE = pathlib.Path(__file__).parent / 'oracle'
sys.path.insert(0, str(ORACLE))
import client_cases  # noqa: E402

NODE = json.loads((ORACLE / 'client_events.json').read_text())

LATER = 30  # ms; after the immediates also on a busy machine (as in client.js)
MOST = 30  # events; what is done at them may bring them about again (as in client.js)
SOCKET_EVENTS = ('connect', 'ready', 'secureConnect', 'end', 'timeout', 'close', 'free', 'agentRemove')
FIELDS = (
    'aborted', 'destroyed', 'closed', 'finished', 'headersSent', 'writableEnded',
    'writableFinished', 'reusedSocket', 'socket', 'res', 'shouldKeepAlive',
)


def differences(name: str, events: list[str]) -> list[str]:
    """Return the events that a case has here: Node's (`events`), but for what differs on purpose."""
    if name.startswith('signal that was aborted'):
        # Node opens a connection for it, to close it at once.
        return [
            line.replace('s1', 's0').replace('t1', 't0') for line in events if not line.startswith('agent')
        ]
    if 'option' in name and any('req error' in line and 'NO no' in line for line in events):
        # Node lets a request whose option createConnection fails go without its 'close'.
        failed = events.index('req error Error NO no')
        return [*events[:failed + 1], 'req close', *events[failed + 1:]]
    if name.startswith('destroyError at req error, too late'):
        # Node emits a second 'error'.
        return [line for line in events if 'BOOM' not in line]
    if name.startswith('agentDestroy and destroyError at called'):
        # Node forgets the error that the request was destroyed with.
        return [line.replace('ECONNRESET socket hang up', 'BOOM boom') for line in events]
    if name in (
        'longer than announced, later, keep',
        'two responses, later, keep',
        'an idle socket gets data',
    ):
        # Node leaves the connection in the pool, and takes the late bytes for the answer to the next request.
        return [*events, 'sock close | s0 f0 q0 t0']
    return events


class Boom(errors.Error):
    """The error that cases destroy things with."""

    code = 'BOOM'


def error_text(error: Any) -> str:
    """Return an error as the runner in JavaScript shows it."""
    if error is None:
        return ''
    name = 'Error' if isinstance(error, OSError) else error.name
    return re.sub(r':\d{4,5}\b', ':PORT', f' {name} {error.code or "-"} {error.message}')


def text_of(chunk: bytes | None) -> str:
    """Return what `read` gave as JavaScript shows it."""
    return 'null' if chunk is None else chunk.decode()


class Run:
    """One case, run once."""

    module: Any = nodehttp
    defaults: ClassVar[dict[str, Any]] = {}  # options of every request

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.log: list[str] = []
        self.answered = 0
        self.opened: list[net.Socket] = []
        self.changed = threading.Condition()
        self.requests: dict[str, dict[str, Any]] = {}
        self.numbers: dict[Any, int] = {}
        self.threads: list[threading.Thread] = []
        self.peers: list[RawPeer] = []
        self.asked: list[list[bytes]] = []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.agent: Any = case.get('agent')
        if self.agent is not None and self.agent is not False:
            self.agent = json.loads(json.dumps(self.agent).replace('PORT', str(self.port)))
            self.agent = self.module.Agent(self.agent, maxSockets=case.get('maxSockets'))
            if 'hears' not in case:
                self.agent.on('free', lambda: self.say('agent free'))
            if 'connects' in case:
                self.agent.createConnection = self.connect
            for hook, result in case.get('hooks', {}).items():
                self.override(hook, result)
        if case.get('refused'):
            self.listener.close()
        else:
            self.spawn(self.serve)

    def connect(self, options: Any = None, callback: Any = None) -> Any:
        """Be a createConnection: answer each call as the case wants it answered."""
        def failure() -> errors.Error:
            return errors.Error('no', 'NO')

        def open_it() -> Any:
            self.opened.append(net.createConnection(options))
            return self.opened[-1]

        def both() -> Any:
            sock = open_it()
            callback(None, sock)
            return sock

        def raises() -> None:
            raise failure()

        connects = self.case['connects']
        number = self.answered
        self.answered += 1
        self.say(f'connecting {self.answered}')
        result = {
            'returns': open_it,
            'calls': lambda: callback(None, open_it()),
            'callsLater': lambda: timers.setTimeout(lambda: callback(None, open_it()), LATER),
            'both': both,
            'callsTwice': lambda: (callback(None, open_it()), callback(failure())),
            'fails': lambda: callback(failure()),
            'failsLater': lambda: timers.setTimeout(callback, LATER, failure()),
            'failsThenCalls': lambda: (callback(failure()), callback(None, open_it())),
            'failsAndReturns': lambda: (callback(failure()), open_it())[1],
            'returnsThenFails': lambda: (timers.setTimeout(callback, LATER, failure()), open_it())[1],
            'throws': raises,
        }[connects[min(number, len(connects) - 1)]]()
        return result if isinstance(result, net.Socket) else None

    def override(self, hook: str, result: Any) -> None:
        """Note the calls of an overridden method of the agent; `result` is 'super' or what it returns."""
        original = getattr(self.agent, hook)

        def overriding(*args: Any) -> Any:
            self.say(f'hook {hook}')
            if result == 'throws':
                raise errors.Error('no', 'NO')
            return original(*args) if result == 'super' else result

        setattr(self.agent, hook, overriding)

    def spawn(self, function: Any, *args: Any) -> None:
        thread = threading.Thread(target=function, args=args, name='scripted')
        self.threads.append(thread)
        thread.start()

    def serve(self) -> None:
        scripts = self.case['server']
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.asked.append([])
                self.changed.notify_all()
            steps = scripts[min(len(self.asked), len(scripts)) - 1]
            self.spawn(self.converse, sock, steps, self.asked[-1])

    def open(self, sock: socket.socket) -> RawPeer:
        """Return the peer that speaks on a socket; may raise OSError."""
        return RawPeer(sock)

    def converse(self, sock: socket.socket, steps: list[list[str]], asked: list[bytes]) -> None:
        try:
            peer = self.open(sock)
            self.peers.append(peer)
            for step, *arguments in steps:
                if step == 'head':
                    asked.append(peer.read_until(b'\r\n\r\n'))
                elif step == 'until':
                    peer.read_until(arguments[0].encode())
                elif step == 'tls':
                    self.begin_tls(peer)
                elif step == 'send':
                    peer.send(arguments[0].encode('latin-1'))
                elif step == 'fin':
                    self.finish(peer)
                elif step == 'rst':
                    peer.reset()
                elif step == 'heard':
                    self.wait_for(arguments[0])
            peer.read_to_end()
        except (OSError, AssertionError):
            pass  # the client was destroyed: that is what many cases are about

    def begin_tls(self, peer: RawPeer) -> None:
        """Shake hands as a server."""
        raise NotImplementedError

    def finish(self, peer: RawPeer) -> None:
        """Send no more."""
        peer.socket.shutdown(socket.SHUT_WR)

    def wait(self, condition: Any) -> bool:
        let_go()
        with self.changed:
            return self.changed.wait_for(condition, MUST_NOT_EXPIRE)

    def wait_for(self, event: str) -> None:
        self.wait(lambda: any(line.startswith(event) for line in self.log))

    def events(self, count: int) -> list[str]:
        """Run the case; return the first `count` events, and what comes soon after."""
        timers.setImmediate(self.begin)
        self.wait(lambda: len(self.log) >= count)
        settle()
        with self.changed:
            return list(self.log)

    def clean_up(self) -> None:
        for state in self.requests.values():
            if 'req' in state:
                state['req'].removeAllListeners()
                state['req'].on('error', lambda: None)
                if state['req'].socket is not None:
                    state['req'].socket.destroy()
        if self.agent:
            self.agent.destroy()
        for sock in self.opened:  # some have been nobody's
            sock.on('error', lambda: None).destroy()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for thread in self.threads:
            thread.join(MUST_NOT_EXPIRE)
        for peer in self.peers:
            peer.close()

    def begin(self) -> None:
        for label in self.case.get('start') or [next(iter(self.case['requests']))]:
            self.start(label)

    def counts(self) -> str:
        lists = (self.agent.sockets, self.agent.freeSockets, self.agent.requests)
        busy, free, queued = (sum(map(len, by_name.values())) for by_name in lists)
        return f' | s{busy} f{free} q{queued} t{self.agent.totalSocketCount}'

    def say(self, what: str) -> None:
        with self.changed:
            self.log.append(what + (self.counts() if self.agent else ''))
            self.changed.notify_all()

    def at(self, label: str, event: str, details: str = '') -> None:
        prefix = f'{label} ' if len(self.case['requests']) > 1 else ''
        self.say(prefix + event + details + (self.fields(label) if self.case.get('fields') else ''))
        if len(self.log) > MOST:
            return
        for action in self.case['requests'][label].get('do', {}).get(event, ()):
            try:
                self.perform(label, action)
            except errors.NodeError as error:
                self.say(f'{prefix}threw{error_text(error)}')

    def fields(self, label: str) -> str:
        """Name those fields of the request that are true, and have been false before or will be."""
        req = self.requests[label]['req']
        names = [name for name in FIELDS if getattr(req, name)]
        assert req.socket is req.connection
        return f' [{" ".join(names)}]'

    def perform(self, label: str, action: str) -> None:
        state = self.requests[label]
        req, boom = state['req'], Boom('boom')

        def noted(what: str) -> Any:
            return lambda error: self.at(label, what, error_text(error))

        if action.startswith('start:'):
            self.start(action[6:])
            return
        {
            'destroy': lambda: req.destroy(),
            'destroyError': lambda: req.destroy(boom),
            'abort': lambda: req.abort(),
            'signal': lambda: state['controller'].abort(),
            'signalReason': lambda: state['controller'].abort(boom),
            'socketDestroy': lambda: req.socket.destroy(),
            'socketDestroyError': lambda: req.socket.destroy(boom),
            'socketEnd': lambda: req.socket.end(),
            'agentRemove': lambda: req.socket.emit('agentRemove'),
            'agentDestroy': lambda: self.agent.destroy(),
            'resDestroy': lambda: state['res'].destroy(),
            'resDestroyError': lambda: state['res'].destroy(boom),
            'upgradeDestroy': lambda: state['tunnel'].destroy(),
            'end': lambda: req.end(),
            'endBody': lambda: req.end('body'),
            'write': lambda: req.write('chunk'),
            'writeNoted': lambda: req.write('chunk', noted('written')),
            'endBodyNoted': lambda: req.end('body', noted('ended')),
            'setHeader': lambda: req.setHeader('X', 'y'),
            'resPause': lambda: state['res'].pause(),
            'resResume': lambda: state['res'].resume(),
            'resResumeLater': lambda: timers.setTimeout(state['res'].resume, 20),
            'resRead': lambda: self.at(label, f'read {text_of(state["res"].read())}'),
            'clearTimeout': lambda: req.setTimeout(0),
            'flushHeaders': lambda: req.flushHeaders(),
            'setTimeout': lambda: req.setTimeout(20),
            'setLongTimeout': lambda: req.setTimeout(5000),
        }[action]()

    def start(self, label: str) -> None:
        spec = self.case['requests'][label]
        state = self.requests[label] = {}
        options = {'host': '127.0.0.1', 'port': self.port, **self.defaults, **spec.get('options', {})}
        if self.agent is not None:
            options['agent'] = self.agent
        if spec.get('signal'):
            state['controller'] = controller = AbortController()
            if spec['signal'] == 'aborted':
                controller.abort()
            options['signal'] = controller.signal
        if 'connects' in self.case and not self.agent:
            options.pop('agent', None)
            options['createConnection'] = self.connect
        state['req'] = self.module.request(options)
        self.listen(label, spec, state)
        for action in spec.get('body', ['end']):
            self.perform(label, action)
        self.at(label, 'called')
        if 'tick' in spec.get('do', {}):
            timers.nextTick(self.at, label, 'tick')
        if 'immediate' in spec.get('do', {}):
            timers.setImmediate(self.at, label, 'immediate')

    def listen(self, label: str, spec: dict[str, Any], state: dict[str, Any]) -> None:
        req = state['req']

        def hears(event: str) -> bool:
            everything = self.case.get('hears')
            return everything is None or event.endswith('error') or event in spec.get('hears', everything)

        def on(emitter: Any, kind: str, name: str, details: Any = lambda *_: '') -> None:
            if hears(f'{kind} {name}'):
                emitter.on(name, lambda *args: self.at(label, f'{kind} {name}', details(*args)))

        for name in ('abort', 'close', 'finish', 'prefinish', 'timeout', 'continue', 'drain'):
            on(req, 'req', name)
        on(
            req,
            'req',
            'error',
            lambda error: (
                error_text(error)
                + (' cause' + error_text(error.cause) if getattr(error, 'cause', None) is not None else '')
            ),
        )
        on(req, 'req', 'information', lambda info: f' {info.statusCode}')

        def on_socket(sock: Any) -> None:
            if spec.get('socketEvents'):
                for name in SOCKET_EVENTS:
                    on(sock, 'sock', name)
                on(sock, 'sock', 'error', error_text)
            else:
                for name in ('connect', 'secureConnect'):
                    if f'sock {name}' in spec.get('do', {}):
                        on(sock, 'sock', name)
            number = self.numbers.setdefault(sock, len(self.numbers) + 1)
            self.at(label, 'req socket', f' {number}{" reused" if req.reusedSocket else ""}')

        if hears('req socket'):
            req.on('socket', on_socket)

        def on_response(res: Any) -> None:
            state['res'] = res
            on(res, 'res', 'end', lambda: f' complete={str(res.complete).lower()}')
            on(res, 'res', 'close')
            on(res, 'res', 'aborted')
            if 'reads' in spec:
                on(res, 'res', spec['reads'])
            else:
                on(res, 'res', 'data', lambda data: f' {data.decode()}')
            if not spec.get('noResError'):
                on(res, 'res', 'error', error_text)
            self.at(label, 'req response', f' {res.statusCode}')

        if not spec.get('without'):
            req.on('response', on_response)

        def on_tunnel(name: str) -> None:
            def opened(res: Any, sock: Any, head: bytes) -> None:
                listeners = sock.listenerCount('data')
                state['tunnel'] = sock
                for event in ('close', 'end'):
                    on(sock, 'up', event)
                on(sock, 'up', 'error', error_text)
                on(sock, 'up', 'data', lambda data: f' {data.decode()}')
                self.at(
                    label,
                    f'req {name}',
                    f' {res.statusCode} [{head.decode()}] listeners={listeners} '
                    f'complete={str(res.complete).lower()}',
                )

            req.on(name, opened)

        for name in spec.get('with', ()):
            on_tunnel(name)


def events_of(run: Run, expected: list[str]) -> list[str]:
    """Return as many events of a case as are expected, and what comes soon after."""
    try:
        return run.events(len(expected))
    finally:
        run.clean_up()


def is_timed(case: dict[str, Any]) -> bool:
    """Has a case short timeouts?"""
    return 'imeout' in json.dumps(case)


@pytest.mark.usefixtures('strictly')
@pytest.mark.parametrize('case', client_cases.cases(), ids=lambda case: case['name'])
def test_events_are_those_of_node(case: dict[str, Any]) -> None:
    expected = differences(case['name'], NODE[case['name']])
    assert first_right(lambda: events_of(Run(case), expected), expected, is_timed(case)) == expected
