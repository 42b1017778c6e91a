"""Single facts of the interface that no other test shows, each as Node 25.2.1 has it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, RawPeer, Recorder

import nodehttp as http
from nodehttp import net, timers
from nodehttp.agent import Agent

GET = b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'


class Changing:
    """Says something else the second time."""

    def __init__(self) -> None:
        self.texts = ['first', 'a\r\nX: 1']

    def __str__(self) -> str:
        return self.texts.pop(0)


class Splitting:
    """Is no str, and its text splits a line."""

    def __str__(self) -> str:
        return 'a\r\nX: 1'


def respond(dial: Any, listener: Callable[[Any, Any], object]) -> str:
    """Return the response of a listener, whose exception is noted by its code in a header."""

    def guarded(req: Any, res: Any) -> None:
        try:
            listener(req, res)
        except Exception as error:
            res.statusMessage = None
            res.end(error.code)  # type: ignore[attr-defined]

    with http.createServer(guarded).listen(0, '127.0.0.1') as server:
        peer = dial(server)
        peer.send(GET)
        return re.sub('Date: .*GMT', 'Date: now', peer.read_to_end().decode('latin-1'))


@pytest.mark.parametrize('headers', [
    lambda: {'x': Changing()}, lambda: ['x', Changing()], lambda: [['x', Changing()]], lambda: {'x': [Changing()]},
])
def test_a_value_that_changes_its_text_cannot_split_a_head(dial: Any, headers: Callable[[], Any]) -> None:
    wire = respond(dial, lambda req, res: res.writeHead(200, headers()).end())
    assert wire.startswith('HTTP/1.1 200 OK\r\nx: first\r\nDate: now\r\n')


@pytest.mark.parametrize(('message', 'line'), [
    (5, '200 5'), (0, '200 OK'), (['a', 'b'], '200 a,b'), ('', '200 OK'),
])
def test_status_message_of_any_kind(dial: Any, message: Any, line: str) -> None:
    def listener(req: Any, res: Any) -> None:
        res.statusMessage = message
        res.end()

    assert respond(dial, listener).startswith(f'HTTP/1.1 {line}\r\n')


def test_status_message_that_would_split_the_head(dial: Any) -> None:
    def listener(req: Any, res: Any) -> None:
        res.statusMessage = Splitting()
        res.end()

    assert respond(dial, listener).endswith('ERR_INVALID_CHAR')


def test_set_headers_with_a_name_that_is_no_str(dial: Any) -> None:
    wire = respond(dial, lambda req, res: res.setHeaders({5: 'x'}))
    assert wire.endswith('ERR_INVALID_HTTP_TOKEN')
