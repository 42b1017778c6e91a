"""WebSocket against a server that says anything, compared with Node's on the same cases
(`oracle/websocket_cases.py`, and `oracle/websocket.json` for what Node 25.2.1 does with them)."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import sys
import threading
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, RawPeer, Recorder
from websocket_tools import handshake, read_frame

import nodehttp as http

pytest.importorskip('wsproto')

ORACLE = pathlib.Path(__file__).parent / 'oracle'
sys.path.insert(0, str(ORACLE))
import websocket_cases  # noqa: E402

NODE = json.loads((ORACLE / 'websocket.json').read_text())
COMPLAINTS = (1002, 1007, 1009)


def short(text: str) -> str:
    """Return a text as it is noted."""
    return text if len(text) < 200 else f'{len(text)} times {text[0]}'


class Run:
    """One case, run once."""

    def __init__(self, case: dict[str, Any], scripted: Any, record: Recorder) -> None:
        self.case, self.record = case, record
        self.frames: list[list[Any]] = []
        self.request: str | None = None
        self.served = threading.Event()
        self.last: Any = None
        self.port = scripted(self.serve)
        self.ws = http.WebSocket(f'ws://127.0.0.1:{self.port}/a%20b?c', case['protocols'])
        self.ws.binaryType = 'arraybuffer'
        self.ws.onopen = lambda: self.say('open', self.ws.protocol, self.ws.extensions)
        self.ws.onmessage = self.message
        self.ws.onerror = lambda: self.say('error')
        self.ws.onclose = lambda event: self.say('close', event.code, event.reason, event.wasClean)

    def say(self, what: str, *details: Any) -> None:
        self.record([what, self.ws.readyState, *details])
        for method, *args in self.case['on'].get(what, ()):
            if method == 'send':
                self.ws.send(*args)
            elif method == 'sendBytes':
                self.ws.send(args[0].encode('latin1'))
            elif method == 'echo':
                self.ws.send(self.last)
            else:
                self.ws.close(*args)

    def message(self, event: Any) -> None:
        self.last, is_text = event.data, isinstance(event.data, str)
        text = event.data if is_text else event.data.decode('latin1')
        origin = event.origin.replace(str(self.port), 'PORT')
        self.say('message', 'text' if is_text else 'bytes', short(text), origin)

    def serve(self, peer: RawPeer) -> None:
        try:
            self.converse(peer)
        finally:
            self.served.set()

    def converse(self, peer: RawPeer) -> None:
        head, said = self.case['head'], self.case['bytes'].encode('latin1')
        request = handshake(peer, '\r\n'.join([*head, '', '']) if head else '', said)
        if not said:
            self.request = request.replace(str(self.port), 'PORT')
        if not head or ' 404' in head[0]:
            return
        if 'after' in self.case:
            self.hang_up(peer)
        with contextlib.suppress(AssertionError, OSError):  # the client hangs up; `reset` closes the socket
            while True:
                self.framed(peer, *read_frame(peer))
        assert peer.received == b''  # not in the middle of a frame

    def hang_up(self, peer: RawPeer) -> None:
        expected = sum(event[0] in ('open', 'message') for event in NODE[self.case['name']]['events'])
        self.record.wait(lambda events: len(events) >= expected)
        how = self.case['after']
        if how == 'reset':
            peer.reset()
            return
        if how == 'close':
            peer.send(b'\x88\0')
        peer.socket.shutdown(socket.SHUT_WR)

    def framed(self, peer: RawPeer, first: int, payload: bytes) -> None:
        self.frames.append(list(noted(first, payload)))
        if first != 0x88:
            return
        how, echo = self.case['close'], bytes([0x88, len(payload)]) + payload
        if how == 'reset':
            peer.reset()
            return
        if how != 'end':
            peer.send(echo if how == 'echo' else b'\x81\x04late\x89\x04late' + echo)
        peer.socket.shutdown(socket.SHUT_WR)

    def result(self) -> dict[str, Any]:
        """Return what was noted, when both ends are done."""
        events = self.record.wait(lambda events: any(event[0] == 'close' for event in events))
        assert self.served.wait(MUST_NOT_EXPIRE)
        return {'events': list(events), 'frames': self.frames, 'request': self.request}


def noted(first: int, payload: bytes) -> tuple[int, str]:
    """Return a frame as it is noted."""
    is_complaint = first == 0x88 and len(payload) > 2 and int.from_bytes(payload[:2]) in COMPLAINTS
    return first, 'complaint' if is_complaint else short(payload.decode('latin1'))


@pytest.mark.usefixtures('strictly')
@pytest.mark.parametrize('case', [
    pytest.param(case, id=case['name'].replace(' ', '-')) for case in websocket_cases.cases()])
def test_it_is_as_in_node(case: dict[str, Any], scripted: Any, record: Recorder) -> None:
    assert Run(case, scripted, record).result() == {'request': None, **NODE[case['name']]}
