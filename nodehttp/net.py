"""Node's `net`: TCP and Unix sockets. ("Net")

Who is where: `_netsocket`, with `_netoutput`, `_netidle` and `_netends` (Socket), `_netserver` (Server),
`_netoptions` (arguments), `_connecting` (from a name to a connection), `_addresses` (literals, names),
`_handles` (what is asked of the operating system).

Left out: `BlockList`, `SocketAddress`, the option `onread`, descriptors that are no sockets, and what belongs
to Node's clusters (`exclusive` is accepted; every server is).
"""

from __future__ import annotations

from typing import Any

from nodehttp._addresses import isIP, isIPv4, isIPv6
from nodehttp._netoptions import Defaults, checked_attempt_timeout, connect_arguments
from nodehttp._netserver import Server
from nodehttp._netsocket import Socket
from nodehttp.checks import check_boolean
from nodehttp.monitor import monitor
from nodehttp.threadpool import hold

__all__ = [
    'Server', 'Socket', 'Stream', 'connect', 'createConnection', 'createServer', 'getDefaultAutoSelectFamily',
    'getDefaultAutoSelectFamilyAttemptTimeout', 'isIP', 'isIPv4', 'isIPv6', 'setDefaultAutoSelectFamily',
    'setDefaultAutoSelectFamilyAttemptTimeout',
]

Stream = Socket


def connect(*args: Any, **kwargs: Any) -> Socket:
    """Return a new Socket that is connecting. Arguments as `Socket.connect`; options also those of Socket,
    and timeout (ms).

    ("net.connect()", "net.createConnection()")
    """
    options, listener = connect_arguments(args, kwargs)
    socket = Socket(options)
    with monitor:
        hold(socket._strand)
        if options.get('timeout'):
            socket.setTimeout(options['timeout'])
        if socket.destroyed:  # by a signal that was aborted before; Node connects all the same
            return socket
    return socket.connect(options, listener) if listener is not None else socket.connect(options)


createConnection = connect


def createServer(options: Any = None, connectionListener: Any = None, **kwargs: Any) -> Server:
    """Return a new Server. ("net.createServer([options][, connectionListener])")"""
    return Server(options, connectionListener, **kwargs)


def getDefaultAutoSelectFamily() -> bool:
    """Return whether all addresses of a host are tried. ("net.getDefaultAutoSelectFamily()")"""
    return Defaults.auto_select_family


def setDefaultAutoSelectFamily(value: bool) -> None:
    """Set whether all addresses of a host are tried. ("net.setDefaultAutoSelectFamily(value)")"""
    check_boolean('value', value)
    Defaults.auto_select_family = value


def getDefaultAutoSelectFamilyAttemptTimeout() -> float:
    """Return the time for one address, in ms. ("net.getDefaultAutoSelectFamilyAttemptTimeout()")"""
    return Defaults.attempt_timeout


def setDefaultAutoSelectFamilyAttemptTimeout(value: float) -> None:
    """Set the time for one address, in ms, 10 at least.
    ("net.setDefaultAutoSelectFamilyAttemptTimeout(value)")"""
    Defaults.attempt_timeout = checked_attempt_timeout('value', value)
