"""Tunnel: a TLS connection through a proxy, which knows no more of it than where it leads.

Documentation: "Built-in Proxy Support". The proxy is asked to CONNECT; when it says 200, TLS is put on its
connection, and when the server's certificate was verified the agent gets the socket. Until then the request
has none. The state of a tunnel:

    ASKING     connecting to the proxy, waiting for its answer
    SHAKING    TLS handshake with the server
    OVER       the agent has been answered

Silence for longer than the option `timeout` ends it.

Where this leaves Node 25.2.1: `timeout` counts for the handshake too; a request that is destroyed, and an
agent, take along the tunnel that is being opened for them, or have it never opened; sessions are resumed;
the head of an answer has a largest size; the texts of errors name no credentials, and a request hears of
its error once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nodehttp import errors
from nodehttp._proxy import Proxy
from nodehttp._request_options import checked_path, timer_duration
from nodehttp.arity import adapt
from nodehttp.listeners import internal
from nodehttp.threadpool import call_user

if TYPE_CHECKING:
    from nodehttps.agent import Agent

_is_status = re.compile('[0-9]{1,9}').fullmatch

ASKING, SHAKING, OVER = 'asking', 'shaking', 'over'
_MOVES = {ASKING: (SHAKING, OVER), SHAKING: (OVER,), OVER: ()}

MAX_HEAD = 65536  # bytes of an answer; one that asks for credentials can be long, and Node takes any

_ENDED = 'Connection to establish proxy tunnel ended unexpectedly'


class Tunnel:
    """A tunnel that is being opened for a connection. All methods need the monitor."""

    def __init__(self, agent: Agent, proxy: Proxy, options: dict[str, Any], answer: Any) -> None:
        """`options`: those of the connection; `answer(error, socket)` is called once.

        Raises TypeError ERR_UNESCAPED_CHARACTERS for a host that cannot stand in a request, and TypeError
        ERR_INVALID_ARG_TYPE, ValueError ERR_OUT_OF_RANGE for the option `timeout`.
        """
        self._agent, self._proxy, self._options, self._answer = agent, proxy, options, answer
        self._state = ASKING
        self._head = b''
        self._timeout = timer_duration('timeout', options.get('timeout') or 0)  # ms of silence
        host = options.get('host') or 'localhost'
        if ':' in host and not host.startswith('['):
            host = f'[{host}]'
        self._target = checked_path(f'{host}:{options.get("port")}')
        self._socket = proxy.connect(options)
        self._follow(data=self._on_data, end=self._ended)
        self._socket.write(self._request())

    def __repr__(self) -> str:
        return f'<Tunnel to {self._target} {self._state}>'

    def _enter(self, state: str) -> None:
        """The one place where the state changes."""
        assert state in _MOVES[self._state], f'{self._state} -> {state}'
        self._state = state

    def _request(self) -> bytes:
        lines = [f'CONNECT {self._target} HTTP/1.1']
        if self._proxy.authorization is not None:
            lines.append(f'proxy-authorization: {self._proxy.authorization}')
        if self._agent.keepAlive or self._agent.maxSockets != math.inf:  # as a request says it
            lines.append('proxy-connection: keep-alive')
        lines.append(f'host: {self._target}')
        return '\r\n'.join([*lines, '', '']).encode()

    def _follow(self, **listeners: Callable[..., Any]) -> None:
        """Listen to the socket: that to the proxy, then the one in the tunnel."""
        self._listeners = {
            name: internal(listener)
            for name, listener in (*listeners.items(), ('error', self.fail), ('close', self._ended))}
        for name, listener in self._listeners.items():
            self._socket.on(name, listener)
        if self._timeout:
            self._listeners['timeout'] = internal(self._timed_out)
            self._socket.setTimeout(self._timeout, self._listeners['timeout'])

    def _leave(self) -> Any:
        """Listen no more; return the socket."""
        for name, listener in self._listeners.items():
            self._socket.off(name, listener)
        return self._socket

    # The proxy's answer

    def _on_data(self, data: bytes) -> None:
        self._head += data
        head, end, _ = self._head.partition(b'\r\n\r\n')
        if end:
            self._answered(head.partition(b'\r\n')[0].decode('utf-8', 'replace'))
        elif len(head) > MAX_HEAD:
            self.fail(_error(f'{self._via()}: the head of the answer has more than {MAX_HEAD} bytes'))

    def _answered(self, status_line: str) -> None:
        status = (*status_line.split(' '), '')[1]
        if status == '200':
            self._shake()
            return
        error = _error(f'{self._via()}: {status_line}')
        error.statusCode = int(status) if _is_status(status) else None  # type: ignore[attr-defined]
        self.fail(error)

    def _via(self) -> str:
        return f'Failed to establish tunnel to {self._target} via {self._proxy.url}'

    def _shake(self) -> None:
        """Begin TLS. As in Node what came behind the head is dropped: a server says nothing unasked."""
        self._enter(SHAKING)
        wire = self._leave()
        wire.pause()
        wire.setTimeout(0)
        try:
            self._socket = self._agent.secure({**self._options, 'socket': wire})
        except Exception as error:  # options of TLS that are wrong: the caller of `request` has gone on
            self.fail(error)
            return
        self._follow(secureConnect=self._secured)

    def _secured(self) -> None:
        self._enter(OVER)
        self._agent.tunnel_is_over(self)
        self._tell(None, self._leave())

    # Failure

    def _ended(self, *_: Any) -> None:
        self.fail(_error(_ENDED))

    def _timed_out(self) -> None:
        shown = errors.show(self._timeout)
        error = _error(f'Connection to establish proxy tunnel timed out after {shown}ms')
        error.proxyTunnelTimeout = self._timeout  # type: ignore[attr-defined]
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Close what there is, and answer with an error."""
        if self._close():
            self._tell(error)

    def _tell(self, error: BaseException | None, socket: Any = None) -> None:
        if getattr(self._answer, 'is_internal_hook', False):
            self._answer(error, socket)
        else:
            call_user(adapt(self._answer), error, socket)

    def is_for(self, req: Any) -> bool:
        """Is it for this request, and for nobody else?"""
        opening = self._answer
        return getattr(opening, 'request', None) is req and not opening.is_for_waiting

    def is_for_waiting(self, name: str) -> bool:
        """Is it for whoever waits first in the agent's queue of this name?"""
        opening = self._answer
        return getattr(opening, 'is_for_waiting', False) and opening.name == name

    def give_up(self) -> None:
        """Nobody wants it any more: close it."""
        if self._close():
            self._answer.give_up()

    def _close(self) -> bool:
        if self._state is OVER:
            return False
        self._enter(OVER)
        self._agent.tunnel_is_over(self)
        socket = self._leave()
        socket.on('error', _ignore)  # nobody is left to hear of one
        socket.destroy()
        return True


def _error(message: str) -> errors.NodeError:
    return errors.node_error('ERR_PROXY_TUNNEL', message)


def _ignore(error: BaseException) -> None:
    pass
