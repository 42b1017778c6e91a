"""What a request asks for: its options, and the head that they come to.

The part of ClientRequest (`client.py`) that needs no socket.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from nodehttp import agent as agents
from nodehttp import errors
from nodehttp._head import CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, Header, header_pairs
from nodehttp._proxy import proxy_of
from nodehttp._request_options import (
    Place,
    basic_authorization,
    check_rare,
    checked_host,
    checked_method,
    checked_path,
    has_invalid_path_char,
    other_agent,
    place_at,
    place_of,
    terms_of,
)
from nodehttp.common import INSECURE_HTTP_PARSER, MAX_HEADER_SIZE
from nodehttp.outgoing import OutgoingMessage

PLAIN_SET_HEADER = OutgoingMessage.setHeader
PLAIN_PARSER_OPTIONS = MAX_HEADER_SIZE, INSECURE_HTTP_PARSER

# Requests of these methods have no body unless one is written.
_BODYLESS = frozenset(('GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'))


class RequestHead(OutgoingMessage):
    """See above; ClientRequest is the only subclass."""

    __slots__ = (
        '_checked_method', '_checked_path', '_hears_timeouts', '_join_duplicates', '_parser_options', 'host',
        'method', 'path', 'protocol', 'timeout')

    agent: Any
    method: str
    path: str
    host: str
    protocol: str
    timeout: float | None  # ms, of the option
    shouldKeepAlive: bool

    _hears_timeouts: bool
    _parser_options: tuple[int, bool]
    _join_duplicates: bool | None
    _checked_method: str  # as they were looked at last
    _checked_path: str

    def _follow(self, signal: Any) -> None:
        """Destroy the request when `signal` is aborted."""
        raise NotImplementedError

    def _take_options(self, options: dict[str, Any], has_rare: bool, default: Any) -> Place:
        """Take what a request cannot be without, in the order in which Node checks it. Puts host and port
        into `options`; returns what follows from these. `default`: an agent in place of `globalAgent`."""
        get = options.get
        if has_rare:
            given = options.pop('_defaultAgent', None)
            default = default or given
        if default is None:
            default = agents.globalAgent
        agent = get('agent')
        if isinstance(agent, agents.Agent):
            expected, default_port, common = agent.protocol, agent.defaultPort, agent.options
            timeout = 'timeout' in common and common['timeout']
            if agent._proxy is not None:
                options.setdefault('headers', {})  # it may get some
            keeps = bool(agent.keepAlive or agent.maxSockets != math.inf)
        else:
            agent = other_agent(agent, options, default)
            expected, default_port, timeout, keeps = terms_of(agent)
        self.agent = agent
        path = get('path')
        if path is None:
            path = '/'
        elif type(path) is not str or has_invalid_path_char(path):
            path = checked_path(path)
        self.path = path = path or '/'
        expected = expected or default.protocol
        self.protocol = protocol = (has_rare and get('protocol')) or default.protocol
        if protocol != expected:
            raise errors.node_error('ERR_INVALID_PROTOCOL', protocol, expected)
        host = get('host')
        if type(host) is not str or 'hostname' in options:
            host = checked_host(options)
        if has_rare:
            check_rare(options)
            self._take_rare_options(options)
            default_port = get('defaultPort') or default_port
        method = get('method')
        self.method = method = 'GET' if method is None else checked_method(method) or 'GET'
        if method in _BODYLESS:
            self.useChunkedEncodingByDefault = False
        self._checked_method, self._checked_path = method, path
        options['host'] = self.host = host = host or 'localhost'
        options['port'] = port = get('port') or default_port or 80
        self.shouldKeepAlive = keeps  # without reuse in sight the server may as well close
        if timeout:
            self._hears_timeouts = True
        if type(port) is int and type(default_port) is int:
            return place_at(host, port, default_port)
        return place_of(host, port, default_port)

    def _take_rare_options(self, options: dict[str, Any]) -> None:
        if options.get('setDefaultHeaders') is False:
            self._removed = CONNECTION | CONTENT_LENGTH | TRANSFER_ENCODING
        if 'timeout' in options:
            self.timeout = options['timeout']
            self._hears_timeouts = True
        self._parser_options = (
            options.get('maxHeaderSize') or MAX_HEADER_SIZE,
            options.get('insecureHTTPParser', INSECURE_HTTP_PARSER))
        if 'joinDuplicateHeaders' in options:
            self._join_duplicates = options['joinDuplicateHeaders']
        if 'signal' in options:
            self._follow(options.pop('signal'))

    def _set_few_headers(self, headers: Any, host_header: Header) -> bool:
        """`_set_headers`, if no other option makes any. Returns False if there is more to it than that."""
        if (type(headers) is not dict or type(self).setHeader is not PLAIN_SET_HEADER
                or getattr(self.agent, '_proxy', None) is not None):
            return False
        own: dict[str, Header] = {}
        self._headers = own
        for name, value in headers.items():
            self.setHeader(name, value)
        if 'host' not in own or not own['host'].value:
            own['host'] = host_header
        if 'expect' in own and own['expect'].value:
            self._implicit_header()
        return True

    def _set_headers(self, options: dict[str, Any], host_header: Header) -> None:
        """Headers of a mapping can be changed until the head is sent; those of a list are the head."""
        headers = options.get('headers')
        proxy = proxy_of(self.agent, options)
        if isinstance(headers, (list, tuple)):
            pairs = header_pairs(headers)
            if proxy is not None:
                pairs = proxy.with_headers(self, pairs, host_header.value, options['port'])
            self._implicit_header(pairs)
            return
        if headers is not None and hasattr(headers, 'items'):  # as Node: what has no names is no headers
            for name, value in headers.items():
                self.setHeader(name, value)
        sets_host = options.get('setHost', options.get('setDefaultHeaders') is not False)
        if sets_host and not self.getHeader('host'):
            self.setHeader('Host', host_header.value)
        auth = options.get('auth')
        if auth and not self.getHeader('authorization'):
            self.setHeader('Authorization', basic_authorization(auth))
        if proxy is not None:
            for name, value in proxy.address(
                    self, self.getHeader('host') or host_header.value, options['port']):
                self.setHeader(name, value)
        if headers is not None and self.getHeader('expect'):
            self._implicit_header()
        if 'uniqueHeaders' in options:  # as Node: too late for what is rendered already
            self._unique_headers = options['uniqueHeaders']

    def _implicit_header(self, headers: Iterable[tuple[str, Any]] | None = None) -> None:
        method, path = self.method, self.path
        if method is not self._checked_method or path is not self._checked_path:
            self._checked_method, self._checked_path = checked_method(method), checked_path(path)
        if self._render_head(f'{method} {path} HTTP/1.1\r\n', headers):
            self._send(b'')
