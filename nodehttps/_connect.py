"""tls.connect: options of a client, checked and put into a TLSSocket. ("tls.connect(options[, callback])")"""

from __future__ import annotations

import os
from typing import Any

from nodehttp import errors
from nodehttp._netoptions import connect_arguments
from nodehttp.arity import adapt
from nodehttp.checks import check_function
from nodehttp.net import isIP
from nodehttp.threadpool import hold, monitor
from nodehttps._context import shared_context
from nodehttps._identity import checkServerIdentity
from nodehttps._roots import warn_of_danger
from nodehttps._tlssocket import TLSSocket

_warned = False


def rejects_by_default() -> bool:
    """Are untrusted certificates refused when nothing is said? NODE_TLS_REJECT_UNAUTHORIZED=0 says no, with a
    warning, once."""
    global _warned
    if os.environ.get('NODE_TLS_REJECT_UNAUTHORIZED') != '0':
        return True
    if not _warned:
        _warned = True
        warn_of_danger(
            "Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS connections and "
            'HTTPS requests insecure by disabling certificate verification.')
    return False


def connect(*args: Any, **kwargs: Any) -> TLSSocket:
    """Connect to a TLS server: connect(options), connect(port[, host][, options]) or connect(path[,
    options]), each with a function that listens for 'secureConnect' once.

    Options: host, port, path or socket (a Duplex, connected or connecting); servername, ALPNProtocols,
    checkServerIdentity, rejectUnauthorized, session, secureContext or the options of createSecureContext,
    timeout (ms), highWaterMark, signal, and those of `net.connect`. Returns at once; 'secureConnect' or
    'error' follows. Raises TypeError and ValueError for wrong options, and what createSecureContext raises.
    """
    listener = kwargs.pop('callback', None)
    given = list(args)
    if given and callable(given[-1]):
        listener = given.pop()
    more: dict[str, Any] = {}
    if len(given) > 1 and not isinstance(given[-1], str) and given[-1] is not None:
        more = dict(given.pop())
    options, _ = connect_arguments(tuple(given), {**more, **kwargs})
    return connect_with(options, listener)


def connect_with(options: dict[str, Any], listener: Any = None) -> TLSSocket:
    """As `connect`, with the options as one dict."""
    _check(options)
    if options.get('rejectUnauthorized') is None:
        options = {**options, 'rejectUnauthorized': rejects_by_default()}
    context = options.get('secureContext') or shared_context(options)
    socket = TLSSocket(options.get('socket'), {**options, 'secureContext': context, 'isServer': False})
    with monitor:
        socket._connect_options = options
        if options.get('checkServerIdentity') not in (None, checkServerIdentity):
            socket._check_identity = adapt(options['checkServerIdentity'])
        if listener is not None:
            socket.once('secureConnect', listener)
        if options.get('socket') is None:
            if options.get('timeout'):
                socket.setTimeout(options['timeout'])
            if not socket.destroyed:  # by a signal that was aborted before
                socket.connect(options)
        hold(socket._strand)  # from now on the caller can add listeners
    return socket


def _check(options: dict[str, Any]) -> None:
    check = options.get('checkServerIdentity')
    if check is not None:
        check_function('options.checkServerIdentity', check)
    name = options.get('servername')
    if name and not isinstance(name, str):
        raise errors.invalid_arg_type('name', 'of type string', name)
    if name and isIP(name):
        reason = 'Setting the TLS ServerName to an IP address is not permitted.'
        raise errors.node_error('ERR_INVALID_ARG_VALUE', 'options.servername', name, reason)
    if options.get('socket') is None and not options.get('path') and options.get('port') is None:
        raise errors.node_error('ERR_MISSING_ARGS', ('options', 'port', 'path'))
