"""Node's `http` for Python: the same names, events, errors and bytes, with threads that may block.

    import nodehttp as http

What Node's `http` exports is here, and beside it `run`, `once`, `blocking` and `configure` for threads, and
the globals AbortController, AbortSignal and Headers. Node's other modules are `from nodehttp import events,
fs, net, stream, timers, url`; errors are in `errors`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from nodehttp import agent as _agent
from nodehttp import checks, lifetime
from nodehttp.abort import AbortController, AbortSignal
from nodehttp.agent import Agent
from nodehttp.client import ClientRequest, get, request
from nodehttp.common import MAX_HEADER_SIZE, METHODS, STATUS_CODES, validateHeaderName, validateHeaderValue
from nodehttp.events import once
from nodehttp.headers import Headers
from nodehttp.incoming import IncomingMessage
from nodehttp.outgoing import OutgoingMessage
from nodehttp.server import Server, ServerResponse, createServer
from nodehttp.server import _connectionListener as _connectionListener
from nodehttp.threadpool import blocking, configure, run

if TYPE_CHECKING:
    from nodehttp.websocket import CloseEvent, MessageEvent, WebSocket

__all__ = [
    'METHODS', 'STATUS_CODES', 'AbortController', 'AbortSignal', 'Agent', 'ClientRequest', 'CloseEvent',
    'Headers', 'IncomingMessage', 'MessageEvent', 'OutgoingMessage', 'Server', 'ServerResponse', 'WebSocket',
    'blocking', 'configure', 'createServer', 'get', 'globalAgent', 'maxHeaderSize', 'once', 'request', 'run',
    'setMaxIdleHTTPParsers', 'validateHeaderName', 'validateHeaderValue',
]

globalAgent: Agent
maxHeaderSize: int

_LATE = frozenset(('CloseEvent', 'MessageEvent', 'WebSocket'))  # few programs need them
_MODULES = ('errors', 'events', 'fs', 'net', 'stream', 'timers', 'url')


def setMaxIdleHTTPParsers(max: int) -> None:
    """Check `max`, and nothing else: parsers are too cheap here to be kept for later.

    Raises TypeError ERR_INVALID_ARG_TYPE, ValueError ERR_OUT_OF_RANGE. ("http.setMaxIdleHTTPParsers([max])")
    """
    checks.check_integer('max', max, 1)


class _Face(ModuleType):
    """This module: two of its names are no plain variables, and some are imported when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        if name in _MODULES:
            return import_module(f'{__name__}.{name}')
        if name not in _LATE:
            raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
        from nodehttp import websocket
        value = getattr(websocket, name)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return [*__all__, *_MODULES]  # what completion shows

    @property
    def globalAgent(self) -> Agent:
        """The Agent of requests that name none; may be replaced. ("http.globalAgent")"""
        return _agent.globalAgent

    @globalAgent.setter
    def globalAgent(self, agent: Agent) -> None:
        _agent.globalAgent = agent

    @property
    def maxHeaderSize(self) -> int:
        """The most bytes that the head of a message may have, read-only. ("http.maxHeaderSize")"""
        return MAX_HEADER_SIZE

    @maxHeaderSize.setter
    def maxHeaderSize(self, size: int) -> NoReturn:
        raise TypeError('Cannot set property maxHeaderSize of nodehttp which has only a getter')


sys.modules[__name__].__class__ = _Face
for _name in {*__all__} - _LATE:
    if isinstance(_public := getattr(sys.modules[__name__], _name), type):
        _public.__module__ = __name__  # the path that users know, in tracebacks too

lifetime.install()
