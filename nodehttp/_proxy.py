"""Proxies: which server, for which hosts, and what an http: request says to it.

Documentation: "Built-in Proxy Support". A `Proxy` is what an Agent makes of its option `proxyEnv`. A request
for http: goes to the proxy as it is, with the whole URL for its path and two headers more; one for https:
goes through a tunnel (nodehttps/_tunnel.py).

Where this leaves Node 25.2.1:

- `NO_PROXY=.example.com` means example.com and what ends with .example.com; there also notexample.com.
- An IPv6 address may stand in brackets in NO_PROXY, as it must in a URL.
- Headers that are a list get the headers for the proxy too.
- The URL of a request without a Host header has the host that was asked for; there always localhost.
- A path that begins with two slashes is a path; there the name of another host.
- The path of a CONNECT is no path, and stays as it is.
- Credentials that cannot be percent-decoded are ERR_PROXY_INVALID_CONFIG; there a URIError.
- No error names credentials; there that for a URL that cannot be does.
"""

from __future__ import annotations

import binascii
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from nodehttp import errors, net
from nodehttp.common import USE_ENV_PROXY
from nodehttp.record import Record

_VARIABLES = tuple(
    name for lower in ('http_proxy', 'https_proxy', 'no_proxy') for name in (lower, lower.upper()))
# What is meant for credentials may also be taken for another part of a URL: a password with a slash in it.
_credentials = re.compile('(?s)(?<=//).*@')
_has_bad_escape = re.compile('%(?![0-9A-Fa-f]{2})').search
# What of the options of a connection to the origin also makes sense for one to the proxy.
_OF_ANY_SOCKET = 'noDelay', 'keepAlive', 'keepAliveInitialDelay'


class Proxy(NamedTuple):
    """A proxy server, and the hosts that are reached without it."""

    url: str  # as it was given, without credentials
    host: str
    port: int
    is_secure: bool  # is it spoken to over TLS?
    authorization: str | None  # value of the header
    bypassed: tuple[str, ...]  # entries of NO_PROXY, in lower case

    def serves(self, host: str, port: Any) -> bool:
        """Is this place to be reached through the proxy?"""
        return not _is_bypassed(_unbracketed(host.lower()), port, self.bypassed)

    def connect(self, options: Mapping[str, Any]) -> Any:
        """Return a connection to the proxy, for one with these options."""
        given = {name: options[name] for name in _OF_ANY_SOCKET if options.get(name) is not None}
        given.update(host=self.host, port=self.port)
        if not self.is_secure:
            return net.createConnection(given)
        # The one place where this package needs the other: as in Node only who asks for TLS gets it.
        from nodehttps import tls

        return tls.connect(given)

    def tunnel_options(self, target: str) -> dict[str, Any]:
        """Return those of the request for a tunnel to `target`, as a WebSocket makes it."""
        return {
            'method': 'CONNECT', 'path': target,
            'createConnection': lambda *_: self.connect({}),
            'headers': {
                'host': target, 'connection': 'close',
                **({} if self.authorization is None else {'proxy-authorization': self.authorization}),
                'proxy-connection': 'keep-alive'},
        }

    def address(self, request: Any, host: Any, port: Any) -> list[tuple[str, str]]:
        """Make the path of a request the target that a proxy needs; return the headers that only the proxy
        needs. `host`: the value of the Host header."""
        if request.method != 'CONNECT':
            request.path = target_for(request.path, host, port)
        persistence = 'proxy-connection', 'keep-alive' if request.shouldKeepAlive else 'close'
        if self.authorization is None:
            return [persistence]
        return [('proxy-authorization', self.authorization), persistence]

    def with_headers(
        self, request: Any, pairs: Iterable[tuple[str, Any]], host: str, port: Any,
    ) -> list[tuple[str, Any]]:
        """As `address`, for a request whose headers are a list; return all of them. `host`: if none says."""
        pairs = [*pairs]
        hosts = (value for name, value in pairs if name.lower() == 'host')
        return pairs + self.address(request, next(hosts, host), port)


def proxy_from(environment: Any, protocol: str) -> Proxy | None:
    """Return the proxy for requests of a protocol that variables name, if they name one.

    Raises Error ERR_PROXY_INVALID_CONFIG, TypeError ERR_INVALID_ARG_TYPE.
    """
    if not isinstance(environment, Mapping):  # as in Node anything else says nothing
        return None
    url = _variable(environment, 'https_proxy' if protocol == 'https:' else 'http_proxy')
    if not url:
        return None
    if '\r' in url or '\n' in url:
        raise _invalid(url)
    if not url.startswith(('http://', 'https://')):  # nothing that can be used: as in Node there is none
        return None
    from nodehttp.url import URL  # when there is a proxy, as it is for the first request with a URL

    parsed = URL.parse(url)
    if parsed is None:
        raise _invalid(url)
    is_secure = parsed.protocol == 'https:'
    authorization = None
    if parsed.username or parsed.password:
        credentials = f'{parsed.username}:{parsed.password}'
        authorization = _basic(credentials)
        if authorization is None:
            raise _invalid(url)
    entries = (_variable(environment, 'no_proxy') or '').lower().split(',')
    return Proxy(
        _without_credentials(url), _unbracketed(parsed.hostname),
        int(parsed.port or (443 if is_secure else 80)), is_secure, authorization,
        tuple(filter(None, (_unbracketed(entry.strip()) for entry in entries))))


def proxy_of(agent: Any, options: Mapping[str, Any]) -> Proxy | None:
    """Return the proxy that a request with these options is to be sent to by its agent."""
    proxy: Proxy | None = getattr(agent, '_proxy', None)
    if (proxy is None or options.get('socketPath') or agent.options.get('socketPath')
            or not proxy.serves(options['host'], options['port'])):
        return None
    return proxy


def proxies_of_process() -> Record[str | None] | None:
    """Return the `proxyEnv` of the global agents, if they are to have one: the variables as they are now."""
    return Record((name, os.environ.get(name)) for name in _VARIABLES) if USE_ENV_PROXY else None


def proxy_of_websocket(url: Any) -> Proxy | None:
    """Return the proxy of the environment through which a WebSocket reaches its server."""
    proxies = proxies_of_process()
    if proxies is None:
        return None
    # As in Node that for http: does for both, if it is the only one.
    is_secure = url.protocol == 'wss:'
    proxy = (proxy_from(proxies, 'https:') if is_secure else None) or proxy_from(proxies, 'http:')
    return proxy if proxy is not None and proxy.serves(url.hostname, port_of(url)) else None


def port_of(url: Any) -> int:
    """Return the port of the URL of a WebSocket."""
    return int(url.port or (443 if url.protocol == 'wss:' else 80))


def target_for(path: str, host: Any, port: Any) -> str:
    """Return the target of a request to a proxy: the whole URL. `host`: the value of its Host header.

    Raises TypeError ERR_INVALID_URL, ERR_INVALID_ARG_TYPE.
    """
    from nodehttp.url import URL

    if not isinstance(host, str):
        raise errors.invalid_arg_type('options.headers.host', 'of type string', host)
    base = f'http://{host}'
    url = URL(base + path) if path[:2] in ('//', '/\\', '\\\\', '\\/') else URL(path, base)
    url.port = str(port)  # which a Host header need not have, or may have wrong
    return url.href


def _variable(environment: Mapping[str, Any], name: str) -> str | None:
    for spelling in (name, name.upper()):
        value = environment.get(spelling)
        if value:
            if not isinstance(value, str):
                raise errors.invalid_arg_type(f'options.proxyEnv.{spelling}', 'of type string', value)
            return value
    return None


def _invalid(url: str) -> errors.NodeError:
    return errors.node_error('ERR_PROXY_INVALID_CONFIG', _without_credentials(url))


def _without_credentials(url: str) -> str:
    return _credentials.sub('', url, count=1)


def _basic(credentials: str) -> str | None:
    """Return the header for percent-encoded credentials; None if they are no text."""
    from urllib.parse import unquote_to_bytes

    if _has_bad_escape(credentials):
        return None
    plain = unquote_to_bytes(credentials)
    try:
        plain.decode()
    except UnicodeDecodeError:
        return None
    return f'Basic {binascii.b2a_base64(plain, newline=False).decode()}'


def _unbracketed(text: str) -> str:
    return text.replace('[', '').replace(']', '')


def _is_bypassed(host: str, port: Any, entries: Iterable[str]) -> bool:
    """Is a host, in lower case and without brackets, among the entries of NO_PROXY?"""
    return any(
        entry in ('*', host, f'{host}:{port}')
        or (entry.startswith('.') and (host == entry[1:] or host.endswith(entry)))
        or (entry.startswith('*.') and host.endswith(entry[1:]))
        or ('-' in entry and _is_in_range(host, entry))
        for entry in entries)


def _is_in_range(host: str, entry: str) -> bool:
    """Is this the address of IPv4 between two, as in 10.0.0.1-10.0.0.9?"""
    first, last = map(str.strip, entry.split('-')[:2])
    return all(map(net.isIPv4, (first, host, last))) and _number(first) <= _number(host) <= _number(last)


def _number(address: str) -> list[int]:
    return [*map(int, address.split('.'))]
