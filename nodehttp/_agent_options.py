"""The options of an Agent, checked, and what it makes of those of a connection."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from nodehttp import errors, net
from nodehttp.arity import adapt
from nodehttp.checks import check_number, is_number

Function = Callable[..., Any]

# ms to give up an idle socket before the server does: the request that is just on its way would be lost.
TIMEOUT_BUFFER = 1000


def guarded(lookup: Function) -> Function:
    """Make what a `lookup` of the user's raises its answer: the request's 'error', not the loop's."""
    adapted = adapt(lookup)

    def careful(hostname: str, options: Any, callback: Function) -> None:
        try:
            adapted(hostname, options, callback)
        except Exception as error:
            callback(error)
    return careful


def server_name(options: Mapping[str, Any], req: Any) -> str:
    """Return the name to ask a TLS server for: that of the Host header, else the host; '' for an IP
    address."""
    name = options.get('host') or 'localhost'
    header = req.getHeader('host') if req is not None else None
    if header:
        if not isinstance(header, str):
            raise errors.invalid_arg_type('options.headers.host', 'of type string', header)
        if header.startswith('['):
            name = header[1:].partition(']')[0] if ']' in header else header
        else:
            name = header.partition(':')[0]
    return '' if net.isIP(name) else name


def timeout_buffer(value: Any) -> float:
    """Return the option agentKeepAliveTimeoutBuffer (ms), or the default."""
    if is_number(value) and 0 <= value < math.inf:
        return value
    return TIMEOUT_BUFFER


def number_or(default: float, value: Any) -> Any:
    """Return `value`; `default` for what is false in JavaScript, as NaN is."""
    return value if value and value == value else default


def max_total_sockets(value: Any) -> float:
    """Return the option; TypeError ERR_INVALID_ARG_TYPE, ValueError ERR_OUT_OF_RANGE."""
    if value is None:
        return math.inf
    number = check_number('maxTotalSockets', value)
    if not number >= 1:
        raise errors.node_error('ERR_OUT_OF_RANGE', 'maxTotalSockets', '>= 1', value)
    return number


def scheduling(value: Any) -> str:
    """Return the option; ValueError ERR_INVALID_ARG_VALUE."""
    if value is None:
        return 'lifo'
    if value not in ('fifo', 'lifo'):
        reason = "must be one of: 'fifo', 'lifo'"
        raise errors.node_error('ERR_INVALID_ARG_VALUE', 'scheduling', value, reason)
    return str(value)
