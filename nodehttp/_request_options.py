"""The arguments of `http.request`: a URL, options and a callback in Node's forms, checked and merged into
one dict; and what follows from some of them.

Documentation: "http.request(url[, options][, callback])". A URL becomes options; those given beside it win,
keyword arguments win over both. An option that is None is not given.
"""

from __future__ import annotations

import binascii
import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from nodehttp import errors
from nodehttp._head import CLOSE_LINE, KEEP_ALIVE_LINE, Header, checked_header
from nodehttp.abort import AbortSignal
from nodehttp.agent import name_of_connections
from nodehttp.checks import check_boolean, check_duration, check_integer
from nodehttp.common import is_token
from nodehttp.loop import TIMEOUT_MAX
from nodehttp.strings import to_usv_string
from nodehttp.threadpool import released

Callback = Callable[..., Any]

# Stricter than Node's documentation, which speaks of spaces only, and the same as what it does.
has_invalid_path_char = re.compile('[^\x21-\xff]').search


# What nearly all requests say, and no more. `ClientRequest` looks at these itself.
_COMMON = frozenset(('agent', 'headers', 'host', 'hostname', 'method', 'path', 'port'))


def read_arguments(
    input: Any, options: Any, callback: Any, keywords: Mapping[str, Any],
) -> tuple[dict[str, Any], Callback | None, bool]:
    """Return the merged options, the callback, and whether there are options that few requests have.

    Raises TypeError ERR_INVALID_URL, ERR_INVALID_ARG_TYPE.
    """
    if callable(options):
        options, callback = None, options
    if type(input) is dict and options is None and not keywords:
        given = input.copy()
    else:
        given = _merged_arguments(input, options, keywords)
    if _COMMON.issuperset(given):  # (None makes no difference among these)
        return given, callback, False
    return {name: value for name, value in given.items() if value is not None}, callback, True


def _merged_arguments(input: Any, options: Any, keywords: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(input, Mapping):
        given = {**input}
    else:
        given = {} if input is None else {**_options_of_url(input)}
    if options is not None:
        if not isinstance(options, Mapping):
            raise errors.invalid_arg_type('options', 'of type object', options)
        _override(given, options)
    _override(given, keywords)
    return given


def _options_of_url(url: Any) -> Mapping[str, Any]:
    # Imported when the first URL comes: a server has no use for it, and it takes a tenth of the time of the
    # import.
    from nodehttp.url import url_options

    options = url_options(url)
    if options is None:
        raise errors.invalid_arg_type('url', 'of type string or an instance of Object or URL', url)
    return options


def _override(given: dict[str, Any], by: Mapping[str, Any]) -> None:
    given.update((name, value) for name, value in by.items() if value is not None)


def check_rare(options: dict[str, Any]) -> None:
    """Check the options that few requests have, and put in place what is used of them.

    Raises TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_HTTP_TOKEN, ValueError ERR_OUT_OF_RANGE.
    """
    for name, check in _CHECKS.items():
        if name in options:
            options[name] = check(options[name])


def timer_duration(name: str, value: Any) -> float:
    """Return a timeout in ms; TypeError ERR_INVALID_ARG_TYPE, ValueError ERR_OUT_OF_RANGE.

    What a timer cannot hold (about 24.8 days) becomes the longest that it can.
    """
    return min(check_duration(name, value), TIMEOUT_MAX)


def checked_path(path: Any) -> str:
    """Return a request target; TypeError ERR_UNESCAPED_CHARACTERS if it could be read as more than one."""
    text = path if isinstance(path, str) else errors.show(path)
    if has_invalid_path_char(text):
        raise errors.node_error('ERR_UNESCAPED_CHARACTERS', 'Request path')
    return text


def checked_method(method: Any) -> str:
    """Return a method in upper case; TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_HTTP_TOKEN."""
    if not isinstance(method, str):
        raise errors.invalid_arg_type('options.method', 'of type string', method)
    if method and not is_token(method):
        raise errors.node_error('ERR_INVALID_HTTP_TOKEN', 'Method', method)
    return method.upper()


def _timeout(value: Any) -> float:
    return timer_duration('timeout', value)


def checked_host(options: Mapping[str, Any]) -> str:
    """Return `hostname`, else `host`, '' if neither is given; TypeError ERR_INVALID_ARG_TYPE.

    As in Node nobody looks at a `host` beside a `hostname`.
    """
    for name in ('hostname', 'host'):
        host = options.get(name)
        if host is not None and not isinstance(host, str):
            expected = 'of type string or one of undefined or null'
            raise errors.invalid_arg_type(f'options.{name}', expected, host)
        if host:
            return host
    return ''


def _boolean(name: str) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        return check_boolean(f'options.{name}', value)
    return check


def _size(value: Any) -> int:
    """maxHeaderSize."""
    return check_integer('maxHeaderSize', value)


def _signal(value: Any) -> AbortSignal:
    if not isinstance(value, AbortSignal):
        raise errors.invalid_arg_type('signal', 'an instance of AbortSignal', value)
    return value


def _names(value: Any) -> frozenset[str]:
    """uniqueHeaders."""
    if not isinstance(value, (list, tuple, set, frozenset)):  # as Node: anything else is ignored
        return frozenset()
    return frozenset(map(str.lower, value))


# The options that are looked at before anything is done, in Node's order: name, check (which returns what is
# used). The others are taken as they are, or checked by `net.connect`.
_CHECKS: dict[str, Callable[[Any], Any]] = {
    'timeout': _timeout,
    'signal': _signal,
    'method': checked_method,
    'maxHeaderSize': _size,
    'insecureHTTPParser': _boolean('insecureHTTPParser'),
    'joinDuplicateHeaders': _boolean('joinDuplicateHeaders'),
    'uniqueHeaders': _names,
}


def other_agent(agent: Any, options: dict[str, Any], default: Any) -> Any:
    """Return the agent that an option which is no Agent stands for: the default one; a new one for this
    request (False); none, if there is a `createConnection`; or what else has `addRequest`.

    Raises TypeError ERR_INVALID_ARG_TYPE.
    """
    if agent is None:
        return None if callable(options.get('createConnection')) else default
    if agent is False:
        with released():
            return type(default)()
    if not callable(getattr(agent, 'addRequest', None)):
        expected = 'one of Agent-like Object, undefined, or false'
        raise errors.invalid_arg_type('options.agent', expected, agent)
    return agent


def terms_of(agent: Any) -> tuple[Any, Any, Any, bool]:
    """Return what an agent that need not be one of ours says of its connections: protocol, port, timeout, and
    whether they are kept (no agent says nothing of it)."""
    options = getattr(agent, 'options', None)
    keeps = agent is None or bool(
        getattr(agent, 'keepAlive', False) or getattr(agent, 'maxSockets', math.inf) != math.inf)
    return (getattr(agent, 'protocol', None), getattr(agent, 'defaultPort', None),
            options.get('timeout') if options else None, keeps)


class Place:
    """Where a request goes. Never changed: requests share it."""

    __slots__ = ('closing_lines', 'host_header', 'kept_lines', 'name')

    def __init__(self, host_header: Header, name: str) -> None:
        self.host_header = host_header
        self.name = name  # that an Agent gives to connections there, if host and port are all there is to it
        # All lines of a head that says no more, if the connection is to be kept, and if it is not.
        self.kept_lines = f'{host_header.line}{KEEP_ALIVE_LINE}\r\n'
        self.closing_lines = f'{host_header.line}{CLOSE_LINE}\r\n'


def place_of(host: str, port: Any, default_port: Any) -> Place:
    """Return what follows from host and port, and whether the port is the default."""
    return place_at(host, str(port), str(default_port))


@functools.lru_cache(64)  # a program asks the same few servers over and over
def place_at(host: str, port: int | str, default_port: int | str) -> Place:
    """The same, of ports that are both int or both str."""
    text = f'[{host}]' if host.count(':') > 1 and not host.startswith('[') else host
    header = checked_header('Host', text if port == default_port else f'{text}:{port}')
    return Place(header, name_of_connections(host, port))


def basic_authorization(auth: Any) -> str:
    """Return the Authorization header for 'user:password'."""
    if not isinstance(auth, str):
        raise errors.invalid_arg_type('options.auth', 'of type string', auth)
    return f'Basic {binascii.b2a_base64(to_usv_string(auth).encode(), newline=False).decode()}'
