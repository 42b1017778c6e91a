"""The arguments of `http.request`: a URL, options and a callback in Node's forms, checked and merged into
one dict.

Documentation: "http.request(url[, options][, callback])". A URL becomes options; those given beside it win,
keyword arguments win over both. An option that is None is not given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from nodehttp import errors
from nodehttp.abort import AbortSignal
from nodehttp.common import is_token
from nodehttp.loop import TIMEOUT_MAX

Callback = Callable[..., Any]

_MAX_SAFE_INTEGER = 2**53 - 1
# Stricter than Node's documentation, which speaks of spaces only, and the same as what it does.
has_invalid_path_char = re.compile('[^\x21-\xff]').search


def read_arguments(
    input: Any, options: Any, callback: Any, keywords: Mapping[str, Any],
) -> tuple[dict[str, Any], Callback | None]:
    """Return the merged options and the callback.

    Raises TypeError ERR_INVALID_URL, ERR_INVALID_ARG_TYPE, ERR_UNESCAPED_CHARACTERS,
    ERR_INVALID_HTTP_TOKEN, ValueError ERR_OUT_OF_RANGE.
    """
    if callable(options):
        options, callback = None, options
    if type(input) is dict or isinstance(input, Mapping):
        given: Mapping[str, Any] = input
    else:
        given = {} if input is None else _options_of_url(input)
    if options is not None:
        if not isinstance(options, Mapping):
            raise errors.invalid_arg_type('options', 'of type object', options)
        given = _overridden(given, options)
    if keywords:
        given = _overridden(given, keywords)
    merged = {}
    for name, value in given.items():
        if value is not None:
            check = _CHECKS.get(name)
            merged[name] = value if check is None else check(value)
    return merged, callback


def _options_of_url(url: Any) -> Mapping[str, Any]:
    # Imported when the first URL comes: a server has no use for it, and it takes a tenth of the time of the
    # import.
    from nodehttp.url import url_options

    options = url_options(url)
    if options is None:
        raise errors.invalid_arg_type('url', 'of type string or an instance of Object or URL', url)
    return options


def _overridden(given: Mapping[str, Any], by: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, **{name: value for name, value in by.items() if value is not None}}


def timer_duration(value: Any, name: str) -> float:
    """Return a timeout in ms; TypeError ERR_INVALID_ARG_TYPE, ValueError ERR_OUT_OF_RANGE.

    What a timer cannot hold (about 24.8 days) becomes the longest that it can.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise errors.invalid_arg_type(name, 'of type number', value)
    if not 0 <= value < math.inf:
        raise errors.node_error('ERR_OUT_OF_RANGE', name, 'a non-negative finite number', value)
    return min(value, TIMEOUT_MAX)


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
    return timer_duration(value, 'timeout')


def _host(name: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            expected = 'of type string or one of undefined or null'
            raise errors.invalid_arg_type(f'options.{name}', expected, value)
        return value
    return check


def _boolean(name: str) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise errors.invalid_arg_type(f'options.{name}', 'of type boolean', value)
        return value
    return check


def _size(value: Any) -> int:
    """maxHeaderSize."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise errors.invalid_arg_type('maxHeaderSize', 'of type number', value)
    if isinstance(value, float) and not value.is_integer():
        raise errors.node_error('ERR_OUT_OF_RANGE', 'maxHeaderSize', 'an integer', value)
    if not 0 <= value <= _MAX_SAFE_INTEGER:
        raise errors.node_error('ERR_OUT_OF_RANGE', 'maxHeaderSize', f'>= 0 && <= {_MAX_SAFE_INTEGER}', value)
    return int(value)


def _signal(value: Any) -> AbortSignal:
    if not isinstance(value, AbortSignal):
        raise errors.invalid_arg_type('signal', 'an instance of AbortSignal', value)
    return value


def _names(value: Any) -> frozenset[str]:
    """uniqueHeaders."""
    if not isinstance(value, (list, tuple, set, frozenset)):  # as Node: anything else is ignored
        return frozenset()
    return frozenset(map(str.lower, value))


def _agent(value: Any) -> Any:
    if value is not False and not callable(getattr(value, 'addRequest', None)):
        raise errors.invalid_arg_type('options.agent', 'one of Agent-like Object, undefined, or false', value)
    return value


# The options that are looked at before anything is done: name, check (which returns what is used). The
# others are taken as they are, or checked by `net.connect`.
_CHECKS: dict[str, Callable[[Any], Any]] = {
    'agent': _agent,
    'path': checked_path,
    'hostname': _host('hostname'),
    'host': _host('host'),
    'timeout': _timeout,
    'signal': _signal,
    'method': checked_method,
    'maxHeaderSize': _size,
    'insecureHTTPParser': _boolean('insecureHTTPParser'),
    'joinDuplicateHeaders': _boolean('joinDuplicateHeaders'),
    'uniqueHeaders': _names,
}
