"""What the functions of net take: their forms, and the checks of their options, with Node's errors."""

from __future__ import annotations

import math
import os
import socket as sockets
from collections.abc import Mapping
from typing import Any

from nodehttp import errors, threadpool
from nodehttp._addresses import FAMILIES, HINTS, isIP, port_number
from nodehttp._handles import BACKLOG, adopted_handle
from nodehttp._stream import Function, merged
from nodehttp.checks import check_function, check_integer, check_number
from nodehttp.events import EventEmitter
from nodehttp.strings import to_number

# Node's names of families as an option.
_FAMILY_NAMES: dict[Any, int] = {'IPv4': 4, 'IPv6': 6}


def server_arguments(
    options: Any, listener: Function | None, keywords: Mapping[str, Any],
) -> tuple[dict[str, Any], Function | None]:
    """Sort what a server is made with: `([options][, listener])`, the options by name as well. TypeError
    ERR_INVALID_ARG_TYPE."""
    if callable(options) and not isinstance(options, Mapping):
        options, listener = None, options
    elif options is not None and not isinstance(options, Mapping):
        raise errors.invalid_arg_type('options', 'of type object', options)
    return merged(options, keywords), listener


class Defaults:
    """What holds for connections that say nothing else."""

    auto_select_family = True
    attempt_timeout = 500.0  # ms; Node's since v25.2


class Target:
    """The checked options of a connect(): where to."""

    __slots__ = (
        'attempt_timeout', 'auto_select', 'family', 'hints', 'host', 'local_address', 'local_port', 'lookup',
        'path', 'port')

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Check `options`; raises TypeError and ValueError with Node's codes. ("socket.connect(options[,
        connectListener])")"""
        path = options.get('path') or None
        self.path: str | None = os.fspath(path) if isinstance(path, os.PathLike) else path
        self.host, self.port = 'localhost', 0
        if self.path is not None:
            if not isinstance(self.path, str):
                raise errors.invalid_arg_type('options.path', 'of type string', path)
        else:
            self._take_internet_options(options)

    def _take_internet_options(self, options: Mapping[str, Any]) -> None:
        self.local_address = options.get('localAddress')
        if self.local_address and not isIP(self.local_address):
            raise errors.node_error('ERR_INVALID_IP_ADDRESS', self.local_address)
        _check_type(options, 'localPort', (int, float), 'of type number')
        self.local_port = port_number(options.get('localPort') or 0, 'options.localPort')
        self.auto_select = options.get('autoSelectFamily')
        _check_type(options, 'autoSelectFamily', bool, 'of type boolean')
        if self.auto_select is None:
            self.auto_select = Defaults.auto_select_family
        self.attempt_timeout = _attempt_timeout(options)
        port = options.get('port')
        if not isinstance(port, (int, float, str)) or isinstance(port, bool):
            if port is None:
                raise errors.node_error('ERR_MISSING_ARGS', ('options', 'port', 'path'))
            raise errors.invalid_arg_type('options.port', 'one of type number or string', port)
        self.port = port_number(port, 'Port')
        if options.get('host'):
            _check_type(options, 'host', str, 'of type string')
            self.host = options['host']
        if not isIP(self.host):
            self._take_lookup_options(options)

    def _take_lookup_options(self, options: Mapping[str, Any]) -> None:
        lookup = options.get('lookup')
        if lookup is not None:
            check_function('options.lookup', lookup)
        self.lookup = lookup
        _check_type(options, 'hints', (int, float), 'of type number')
        self.hints = options.get('hints') or 0
        self.family: Any = options.get('family') or 0
        if lookup is None:
            if not isinstance(self.hints, int) or self.hints & ~HINTS:
                raise errors.node_error('ERR_INVALID_ARG_VALUE', 'hints', self.hints)
            family: Any = _FAMILY_NAMES.get(self.family, self.family)
            if family not in FAMILIES:
                raise errors.node_error(
                    'ERR_INVALID_ARG_VALUE', 'options.family', family, 'must be one of: 0, 4, 6')
            self.family = family
        if self.hints == 0 and self.family not in (4, 6):
            self.hints = int(sockets.AI_ADDRCONFIG)


def _check_type(options: Mapping[str, Any], name: str, types: Any, expected: str) -> None:
    value = options.get(name)
    is_wrong_bool = isinstance(value, bool) and types is not bool
    if value is not None and (is_wrong_bool or not isinstance(value, types)):
        raise errors.invalid_arg_type(f'options.{name}', expected, value)


def _attempt_timeout(options: Mapping[str, Any]) -> float:
    name = 'autoSelectFamilyAttemptTimeout'
    value = options.get(name)
    return Defaults.attempt_timeout if value is None else checked_attempt_timeout(f'options.{name}', value)


def checked_attempt_timeout(name: str, value: Any) -> float:
    """Return the time for one attempt in ms, 10 at least; TypeError ERR_INVALID_ARG_TYPE, ValueError
    ERR_OUT_OF_RANGE."""
    return max(10, check_integer(name, value, 1, threadpool.TIMEOUT_MAX))


def connect_arguments(
    args: tuple[Any, ...], kwargs: dict[str, Any],
) -> tuple[dict[str, Any], Function | None]:
    """Read (port[, host]), (path) or (options), each with a listener behind it, or keywords; return options
    and listener."""
    listener = kwargs.pop('connectListener', None)
    given = list(args)
    if given and callable(given[-1]):
        listener = given.pop()
    first: Any = given[0] if given else None
    if isinstance(first, Mapping):
        return merged(first, kwargs), listener
    options: dict[str, Any] = {}
    if is_path(first):
        options['path'] = os.fspath(first)
    elif given:
        options['port'] = first
        if len(given) > 1 and isinstance(given[1], str):
            options['host'] = given[1]
    return merged(options, kwargs), listener


def is_path(value: Any) -> bool:
    """Is it the path of a Unix socket, not a port written as a str?"""
    return isinstance(value, os.PathLike) or (isinstance(value, str) and not to_number(value) >= 0)


def seconds_of(milliseconds: Any) -> int:
    """Return the option keepAliveInitialDelay in whole seconds; TypeError ERR_INVALID_ARG_TYPE."""
    if type(milliseconds) is int:
        return max(0, milliseconds // 1000)
    if milliseconds is None:
        return 0
    check_number('options.keepAliveInitialDelay', milliseconds)
    return max(0, int(milliseconds / 1000)) if math.isfinite(milliseconds) else 0  # as Node


def server_mark(options: Mapping[str, Any], default: int) -> int:
    """The option highWaterMark; as in Node a negative one counts as none."""
    mark = options.get('highWaterMark')
    if mark is None:
        return default
    return int(mark) if 0 <= check_number('options.highWaterMark', mark) < math.inf else default


def listen_arguments(
    args: tuple[Any, ...], kwargs: dict[str, Any],
) -> tuple[dict[str, Any], Function | None]:
    """Read the forms of `listen`; return its options, where one of handle, port and path counts, and the
    listener."""
    listener = kwargs.pop('callback', None)
    given = list(args)
    if given and callable(given[-1]):
        listener = given.pop()
    first: Any = given[0] if given else None
    if isinstance(first, Mapping):
        return _checked_place({**first, **kwargs}), listener
    options: dict[str, Any] = dict(kwargs)
    if isinstance(first, (sockets.socket, EventEmitter)):  # or another server
        options['handle'] = first
    elif is_path(first):
        options['path'] = first
    elif first is not None or not merged(None, kwargs).keys() & {'port', 'path', 'handle', 'fd'}:
        options['port'] = first
    if len(given) > 1 and isinstance(given[1], str):
        options['host'] = given[1]
    backlogs = [number for number in map(to_number, given[1:3]) if number > 0]
    if backlogs:
        options['backlog'] = backlogs[0]
    return _checked_place(options), listener


def _checked_place(options: dict[str, Any]) -> dict[str, Any]:
    """See where it is to listen."""
    given = merged(options, {})
    fd = given.get('fd')
    if 'handle' in given:
        return given
    if isinstance(fd, int) and not isinstance(fd, bool) and fd >= 0:
        return {**given, 'handle': fd}
    if 'port' in options and options['port'] is None:
        given['port'] = 0
    port = given.get('port')
    if isinstance(port, (int, float, str)) and not isinstance(port, bool):
        given['port'] = port_number(port, 'options.port')
    elif is_path(given.get('path')):
        given['path'] = os.fspath(given['path'])
        given.pop('port', None)
    elif 'port' in given or 'path' in given:
        raise errors.node_error('ERR_INVALID_ARG_VALUE', 'options', given)
    else:
        raise errors.node_error(
            'ERR_INVALID_ARG_VALUE', 'options', given, 'must have the property "port" or "path"')
    return given


def backlog_of(options: Mapping[str, Any]) -> int:
    """The option backlog; what is no number above 0 counts as none."""
    number = to_number(options.get('backlog'))
    return int(number) if 0 < number < 2**31 else BACKLOG


def given_handle(options: dict[str, Any]) -> sockets.socket:
    """The connection that the user has opened."""
    handle = options.get('handle')
    if isinstance(handle, sockets.socket):
        return adopted_handle(handle)
    fd = options.get('fd', handle)
    if isinstance(fd, bool) or not isinstance(fd, int):
        raise errors.invalid_arg_type('fd', 'of type number', fd)
    if not 0 <= fd <= 0x7FFFFFFF:
        raise errors.node_error('ERR_OUT_OF_RANGE', 'fd', '>= 0 && <= 2147483647', fd)
    try:
        return adopted_handle(fd)
    except OSError as error:
        raise errors.node_error('ERR_INVALID_FD_TYPE', 'UNKNOWN') from error
