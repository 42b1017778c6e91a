"""https.Agent: an http.Agent whose connections are TLS, and which remembers their sessions.

Documentation: "Class: https.Agent". Sessions are kept by the name of the connection (`getName`, which here
has everything of TLS in it), the ones that were used longest ago going first; one whose connection fails is
forgotten, and one that is no longer fresh is replaced.

Leaving Node: objects in `key`, `pfx` and the like are part of the name with what is in them; there all of
them are '[object Object]', and a connection might be used with another's certificate.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from nodehttp import agent as http_agent
from nodehttp import errors
from nodehttp._agent_options import server_name
from nodehttp._proxy import proxies_of_process
from nodehttp._stream import merged
from nodehttp.checks import check_function
from nodehttp.errors import show
from nodehttp.listeners import internal
from nodehttp.monitor import internal_hook, monitor
from nodehttps._connect import connect_with
from nodehttps._session import Session
from nodehttps._tlssocket import TLSSocket
from nodehttps._tunnel import Tunnel

MAX_CACHED_SESSIONS = 100

Options = Mapping[str, Any] | None


class Agent(http_agent.Agent):
    """A pool of TLS connections. ("Class: https.Agent")

    Options: those of http.Agent (in `proxyEnv` HTTPS_PROXY or https_proxy counts), maxCachedSessions (100; 0
    keeps none), and every option of `tls.connect`. Any thread may call any method.
    """

    defaultPort = 443
    protocol = 'https:'
    _own_sockets = TLSSocket
    _needs_server_name = True

    def __init__(self, options: Options = None, **kwargs: Any) -> None:
        more = merged(options if isinstance(options, Mapping) else None, kwargs)
        given = {'defaultPort': self.defaultPort, 'protocol': self.protocol, **more}
        super().__init__(given)
        kept = given.get('maxCachedSessions')
        self.maxCachedSessions: float = MAX_CACHED_SESSIONS if kept is None else kept
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._named_values: list[Any] | None = None  # what the options said when the next was found out
        self._named_end: str | None = None  # see `_end_of_names`
        # The requests themselves are none of the proxy's business.
        self._tunnel_proxy, self._proxy = self._proxy, None
        self._tunnels: set[Tunnel] = set()  # those that are being opened

    @internal_hook
    def createConnection(self, options: Options = None, callback: Callable[..., Any] | None = None) -> Any:
        """Return a new TLSSocket that is connecting, resuming a session if one is known.

        Where a proxy is used there is none yet: `callback(error, socket)` is called with one that is
        connected, as soon as there is a tunnel and the server is known. Raises TypeError
        ERR_INVALID_ARG_TYPE if there is no `callback` then. ("agent.createConnection(options[, callback])",
        overridable)
        """
        given = {name: value for name, value in (options or {}).items() if value is not None}
        proxy = self._proxy_for(given, self._tunnel_proxy)
        if proxy is None:
            return self.secure(given)
        check_function('callback', callback)
        with monitor:
            self._tunnels.add(Tunnel(self, proxy, given, callback))
        return None

    def secure(self, options: dict[str, Any]) -> TLSSocket:
        """Return a new TLSSocket: connecting, or on the option `socket`."""
        if not self.maxCachedSessions:
            return connect_with(options)
        with monitor:
            name: str = self._call(self.getName, options)
            session = self._sessions.get(name)
            if session is not None:
                self._sessions.move_to_end(name)
                options = {'session': session, **options}
            socket = connect_with(options)
            if session is None or not session.is_fresh():
                socket.on('session', internal(partial(self._keep, name)))
            socket.on('close', internal(partial(self._closed, name)))
            return socket

    def admit_unasked(self, req: Any, options: dict[str, Any], name: str) -> Any:
        """As that of http.Agent."""
        end = self._end_of_names()
        if end is None or server_name(options, req) not in ('', options['host']):
            return None
        return super().admit_unasked(req, options, f'{name}:{end}')

    def _end_of_names(self) -> str | None:
        """Return what the names of connections end with if there are no options but the agent's; None if that
        is not always the same."""
        values = [*map(self.options.get, _NAMED)]
        if values != self._named_values:
            self._named_values, self._named_end = values, None
            if all(isinstance(value, _FIXED) for value in values):
                self._named_end = ':'.join(map(_text, _NAMED, values))
        return self._named_end

    def tunnel_is_over(self, tunnel: Tunnel) -> None:
        """It has become a connection, or will never be one."""
        self._tunnels.discard(tunnel)

    def _abandon(self, req: Any) -> None:
        if self._tunnel_proxy is None:
            return
        name = self._leave_queue(req)
        if name is None:
            unused = [tunnel for tunnel in self._tunnels if tunnel.is_for(req)]
        else:
            req.onSocket(None)
            unused = [tunnel for tunnel in self._tunnels if tunnel.is_for_waiting(name)]
            del unused[:len(self.requests.get(name, ()))]
        for tunnel in unused:
            tunnel.give_up()

    def destroy(self) -> None:
        """Destroy all sockets, idle or not, and the tunnels that are being opened. The agent can be used on.
        ("agent.destroy()")"""
        with monitor:
            for tunnel in [*self._tunnels]:
                tunnel.fail(errors.connection_reset())
            super().destroy()

    def _keep(self, name: str, session: Session) -> None:
        self._sessions.pop(name, None)
        self._sessions[name] = session
        while len(self._sessions) > self.maxCachedSessions:
            self._sessions.popitem(last=False)

    def _closed(self, name: str, had_error: bool = False) -> None:
        if had_error:
            self._sessions.pop(name, None)

    @internal_hook
    def getName(self, options: Options = None) -> str:
        """Return the name of the connections that can serve a request with these options: that of http.Agent
        and the options of TLS. ("agent.getName([options])")"""
        get = (options or {}).get
        parts = [http_agent.Agent.getName(self, options)]
        for option in _NAMED:
            value = get(option)
            parts.append('' if option == 'servername' and value == get('host') else _text(option, value))
        return ':'.join(parts)

    _plain_get_name = staticmethod(getName)


# The options of TLS that make a connection another one, in Node's order.
_NAMED = ('ca', 'cert', 'clientCertEngine', 'ciphers', 'key', 'pfx', 'rejectUnauthorized', 'servername',
          'minVersion', 'maxVersion', 'secureProtocol', 'crl', 'honorCipherOrder', 'ecdhCurve', 'dhparam',
          'secureOptions', 'sessionIdContext', 'sigalgs', 'privateKeyIdentifier', 'privateKeyEngine')
# Those for which false and 0 are no different from nothing are the others.
_SHOWN_IF_GIVEN = ('rejectUnauthorized', 'honorCipherOrder', 'secureOptions')


_FIXED = (str, bytes, int, float, type(None))  # the types of values that cannot change


def _text(option: str, value: Any) -> str:
    if value is None or (not value and option not in _SHOWN_IF_GIVEN):
        return ''
    return json.dumps(value) if option == 'sigalgs' else _shown(value)


def _shown(value: Any) -> str:
    """A value as JavaScript would turn it into a string, objects with their contents."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode('latin-1')
    if isinstance(value, (list, tuple)):
        return ','.join(map(_shown, value))
    if isinstance(value, Mapping):
        return '{' + ','.join(f'{name}={_shown(item)}' for name, item in value.items()) + '}'
    return show(value)


# Node 19 and later: connections are kept, and given up after 5 s without traffic.
globalAgent = Agent(keepAlive=True, scheduling='lifo', timeout=5000, proxyEnv=proxies_of_process())
