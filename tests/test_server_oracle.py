"""What a server sends, and the order of its events, compared with Node's on the same programs.

The programs are data (`oracle/server_cases.py`), and so is what Node 25.2.1 does with them (`server.json`
there, made by `record.py`). This file runs them here; `ours` says where we differ, and why.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import socket
import sys
import threading
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, first_right, let_go, local_node, settle

from nodehttp import errors, server, timers

ORACLE = pathlib.Path(__file__).parent / 'oracle'
sys.path.insert(0, str(ORACLE))
import random_cases  # noqa: E402
import record  # noqa: E402
import server_cases  # noqa: E402

NODE = json.loads((ORACLE / 'server.json').read_text())
CASES = {case['name']: case for case in server_cases.cases()}


def ours(expected: dict[str, Any]) -> dict[str, Any]:
    """Return what a case comes to here: as in Node, but for what differs on purpose."""
    # There is one None for both.
    return {**expected, 'log': [line.replace('Received null', 'Received undefined').replace('["null"]',
        '["undefined"]')
                                .replace('code: null', 'code: undefined') for line in expected['log']]}


def error_text(error: Any) -> str:
    """Return an error as the runner in JavaScript shows it."""
    name = 'Error' if isinstance(error, OSError) else error.name
    return f'{name} {error.code or "-"} {error.message}'


def show(value: Any) -> str:
    """Return a value as JSON.stringify does."""
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False,
                      default=lambda data: {'type': 'Buffer', 'data': list(data)})


def shorten(wire: str) -> str:
    """As in server.js."""
    wire = re.sub(r'([a-z])\1{60,}', lambda run: f'{run[1]}{{{len(run[0])}}}', wire)
    return re.sub('Date: [^\r]*GMT', 'Date: now', wire)


class Run:
    """One case, run once."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.log: list[str] = []
        self.received = b''
        self.closed = False
        self.sent = 0
        self.changed = threading.Condition()
        # Not that an idle connection is taken for one that the server has closed at once.
        options = {'keepAliveTimeoutBuffer': 60_000, **case.get('options', {})}
        if 'upgrades' in case:
            options['shouldUpgradeCallback'] = lambda: case['upgrades']
        self.server = self.create(options)
        for name, value in case.get('set', {}).items():
            setattr(self.server, name, value)
        for name, actions in case['on'].items():
            self.listen(name, actions)
        self.watch('server', self.server, '')
        self.sockets: list[Any] = []
        self.server.on('connection', self.sockets.append)

    # What is other over TLS

    create = staticmethod(server.createServer)
    accepted = 'connection'  # the event for what requests come from

    def dial(self, port: int) -> Any:
        client = socket.create_connection(('127.0.0.1', port), MUST_NOT_EXPIRE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    # The client

    def result(self, expected: dict[str, Any]) -> dict[str, Any]:
        """Run the case until as much has happened as is expected, and a little longer."""
        with self.server.listen(0, '127.0.0.1'):
            port = self.server.address().port
            with self.dial(port) as self.client:
                reader = threading.Thread(target=self.read, name='client')
                reader.start()
                for step, *arguments in self.case['client']:
                    self.step(step, *arguments)
                self.wait(lambda: len(self.log) >= len(expected['log']) and self.closed >= expected['closed']
                          and len(shorten(self.wire())) >= len(expected['wire']))
                settle()
                with self.changed:
                    result = {'log': list(self.log), 'wire': shorten(self.wire()), 'closed': self.closed}
                for connection in self.sockets:
                    connection.destroy()
                with contextlib.suppress(OSError):  # both sides may have closed it meanwhile
                    self.client.shutdown(socket.SHUT_RDWR)
                reader.join(MUST_NOT_EXPIRE)
        return result

    def step(self, step: str, argument: str = '') -> None:
        if step == 'send':
            self.send(argument.encode('latin-1'))
        elif step == 'read':
            self.wait_for_reading()
        elif step == 'fin':
            with contextlib.suppress(OSError):
                self.client.shutdown(socket.SHUT_WR)
        elif step == 'rst':
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            self.client.shutdown(socket.SHUT_RD)
            self.client.close()
        elif step == 'heard':
            self.wait(lambda: any(line.startswith(argument) for line in self.log))
        elif step == 'until':
            self.wait(lambda: argument in self.wire())

    def send(self, data: bytes) -> None:
        if not self.is_destroyed():  # or the answer would be lost
            with contextlib.suppress(ConnectionError):
                self.client.sendall(data)
            self.sent += len(data)

    def is_destroyed(self) -> bool:
        return bool(self.sockets) and self.sockets[0].destroyed

    def wait_for_reading(self) -> None:
        """Wait until the server has read what was sent, if it still reads, and has closed the connection, if
        it does."""
        for _ in range(300):
            settle()
            if self.sockets and (self.is_destroyed() or self.sockets[0].bytesRead >= self.sent):
                break
        settle()

    def read(self) -> None:
        try:
            while data := self.client.recv(65536):
                with self.changed:
                    self.received += data
                    self.changed.notify_all()
        except OSError:
            pass
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def wire(self) -> str:
        return self.received.decode('latin-1')

    def wait(self, condition: Any) -> None:
        let_go()
        with self.changed:
            self.changed.wait_for(condition, MUST_NOT_EXPIRE)

    # The server

    def note(self, line: str) -> None:
        with self.changed:
            self.log.append(line)
            self.changed.notify_all()

    def watch(self, kind: str, emitter: Any, prefix: str) -> None:
        for name in self.case.get('watch', {}).get(kind, ()):
            emitter.on(name, lambda value,
                name=name: self.note(f'{prefix}{kind} {name}{self.detail(name, value)}'))

    @staticmethod
    def detail(name: str, value: Any) -> str:
        if isinstance(value, BaseException):
            return f' {error_text(value)}'
        return f' {value if isinstance(value, str) else value.decode()}' if name == 'data' else ''

    def listen(self, name: str, actions: list[Any]) -> None:
        event, _, url = name.partition(' ')
        kinds = {'clientError': ('error', 'sock'), 'connection': ('sock',), 'timeout': ('sock',),
            'dropRequest': ('req', 'sock'),
                 'upgrade': ('req', 'sock', 'head'), 'connect': ('req', 'sock', 'head')}.get(event,
                 ('req', 'res'))

        def listener(*values: Any) -> None:
            context = {'server': self.server, **dict(zip(kinds, values, strict=False))}
            if 'head' in context:
                context['head'] = context['head'].decode()
            if url and context['req'].url != url:
                return
            if 'res' in context:
                context['sock'] = context['req'].socket
            prefix = f'{context["req"].url} ' if 'req' in context and context['req'].url != '/' else ''
            if event not in ('clientError', 'timeout'):
                for kind in ('req', 'res', 'sock'):
                    if kind in context:
                        self.watch(kind, context[kind], prefix)
            self.perform(actions, context, prefix)
        self.server.on(self.accepted if event == 'connection' else event, listener)

    def perform(self, actions: list[Any], context: dict[str, Any], prefix: str) -> None:
        for what, *arguments in actions:
            try:
                self.act(what, arguments, context, prefix)
            except Exception as error:
                self.note(f'{prefix}{what.replace("?", "")} threw {error_text(error)}')

    def act(self, what: str, arguments: list[Any], context: dict[str, Any], prefix: str) -> None:
        def later(actions: list[Any]) -> Any:
            return lambda: self.perform(actions, context, prefix)
        if what == 'note':
            self.note(prefix + arguments[0])
        elif what == 'tick':
            timers.nextTick(later(arguments[0]))
        elif what == 'immediate':
            timers.setImmediate(later(arguments[0]))
        elif what == 'after':
            timers.setTimeout(later(arguments[1]), arguments[0])
        elif what == 'override':
            self.override(context[arguments[0]], arguments[0], prefix)
        elif what == 'count':
            self.note(f'{prefix}{".".join(arguments)} {len(getattr(context[arguments[0]], arguments[1]))}')
        elif what in ('on', 'once'):
            getattr(context[arguments[0]], what)(arguments[1], later(arguments[2]))
        else:
            self.use(what, arguments, context, prefix)

    def override(self, emitter: Any, kind: str, prefix: str) -> None:
        emit = emitter.emit

        def overriding(name: str, *given: Any) -> Any:
            self.note(f'{prefix}{kind} emits {name}')
            timers.nextTick(lambda: self.note(f'{prefix}tick of {name}'))
            return emit(name, *given)
        emitter.emit = overriding

    def use(self, what: str, arguments: list[Any], context: dict[str, Any], prefix: str) -> None:
        target, _, name = what.strip('?=').partition('.')
        thing = context[target]
        if not name:
            self.note(f'{prefix}{target} {show(thing)}')
        elif what.endswith('='):
            setattr(thing, name, arguments[0])
        else:
            value = getattr(thing, name)
            if callable(value):
                value = value(*(self.argument(argument, context, prefix) for argument in arguments))
            if what.startswith('?'):
                self.note(f'{prefix}{target}.{name} {show(value)}')

    def argument(self, value: Any, context: dict[str, Any], prefix: str) -> Any:
        if not isinstance(value, dict):
            return value
        if 'callback' in value:
            return lambda error: self.note(f'{prefix}{value["callback"]}{self.detail("", error)}')
        if 'repeat' in value:
            return value['repeat'][0] * value['repeat'][1]
        if 'latin1' in value:
            return value['latin1'].encode('latin-1')
        if 'error' in value:
            return errors.Error(value['error'])
        if 'kind' in value:
            return context[value['kind']]
        return value.get('map', value)


def is_timed(case: dict[str, Any]) -> bool:
    """Has a case short times?"""
    return 'quiet' in case or '"after"' in json.dumps(case)


@pytest.mark.usefixtures('strictly')
@pytest.mark.parametrize('name', CASES)
def test_as_node(name: str, escaped: list[BaseException]) -> None:
    """The same log, the same bytes, and the same end."""
    expected = ours(NODE[name])
    case = CASES[name]
    assert first_right(lambda: Run(case).result(expected), expected, is_timed(case)) == expected
    assert not escaped


@pytest.mark.parametrize('seed', range(4))
def test_random_programs_do_what_they_do_in_the_local_node(seed: int, escaped: list[BaseException]) -> None:
    """What differs is looked at twice: a machine may be busy."""
    programs = random_cases.Programs(seed)
    cases = {name: programs.case(name) for name in map(str, range(60))}
    node = local_node()
    for _ in range(2):
        answers = record.Source('server.js', cases).observe(node, list(cases))
        expected = {name: ours(answer) for name, answer in answers.items()}
        results = {name: Run(cases[name]).result(expected[name]) for name in cases}
        cases = {name: case for name, case in cases.items() if results[name] != expected[name]}
    assert not [(case, expected[name], results[name]) for name, case in cases.items()]
    assert not escaped
