"""For the tests of net: programs as in stream_order, with sockets.

The lists in the tests are what the same program logged in Node 25.2.1, with `P` for the ports of the moment.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import stream_order
from stream_order import Log, show

from nodehttp import net

EVENTS = ('lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout', 'connect',
          'ready', 'end', 'finish', 'drain', 'timeout', 'error', 'close')

HOST = '127.0.0.1'

_EPHEMERAL_PORT = re.compile(r'\b(?:3[2-9]|4\d|5\d|60)\d{3}\b')


def logs(*expected: str) -> Callable[[Callable[[Log], None]], Callable[..., None]]:
    """As stream_order.logs, with the ports of the moment masked."""
    def decorate(program: Callable[[Log], None]) -> Callable[..., None]:
        @functools.wraps(program)
        def masked(log: Log) -> None:
            program(lambda *what: log(_EPHEMERAL_PORT.sub('P', ' '.join(map(text, what)))))
        return stream_order.logs(*expected)(masked)
    return decorate


def text(value: Any) -> str:
    """Write a value down as the programs for Node did."""
    if value is None or isinstance(value, bool):
        return {None: '-', True: 'true', False: 'false'}[value]
    return show(value)


def watch(log: Log, socket: Any, label: str = '', names: Any = EVENTS) -> Any:
    """Log the events with their arguments, but none that makes the socket read."""
    def listener(name: str) -> Callable[..., None]:
        return lambda *args: log(label + name, *args)
    for name in names:
        socket.on(name, listener(name))
    return socket


def pair(then: Callable[[net.Socket, net.Socket], Any], server: Any = None, **options: Any) -> None:
    """Connect a socket; when both ends are there `then(client, peer)` is called, in an event of its own.

    `server` are options of the server, which closes after this one connection; `options` those of the client.
    """
    ends: dict[str, net.Socket] = {}

    def arrived(name: str, socket: net.Socket) -> None:
        ends[name] = socket
        if len(ends) == 2:
            then(ends['client'], ends['peer'])

    def accepted(peer: net.Socket) -> None:
        listener.close()
        peer.on('error', lambda error: None)
        arrived('peer', peer)

    listener = net.createServer(server, accepted)
    listener.listen(0, HOST)
    client = net.connect({'port': listener.address().port, 'host': HOST, **options})
    client.once('ready', lambda: arrived('client', client))
