"""How the bytes of a server's connection come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodehttp.listeners import internal

if TYPE_CHECKING:
    from nodehttp.threadpool import Strand


class Intake:
    """The part of a connection that knows how it is read: a `net.Socket`, which hands on its bytes without a
    detour, or in `_overduplex.py` any other Duplex. All methods need the monitor.

    As in Node whatever has a reason not to read pauses the socket, so that 'pause' and 'resume' tell of it.
    """

    __slots__ = ('_has_ticks', '_is_swamped', '_strand', 'socket')

    needs_bytes = True  # who sets an encoding is refused
    _may_be_direct = True  # do bytes come without an event in between?

    socket: Any
    _strand: Strand  # the socket's
    _is_swamped: bool  # too much of the answers waits to be sent
    # Do ticks come within a read? As in Node not any more, once others have listened to 'data' too: one emit
    # is one callback.
    _has_ticks: bool

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self._strand = socket._strand or socket._own_strand()
        self._is_swamped = False
        self._has_ticks = self._may_be_direct

    def _begin_intake(self) -> None:
        """Read, now that it is listened to."""
        self.socket._consume(self)
        self.socket._start_reading()
        # As in Node it flows from the next tick on: to pause it in 'connection' is of no use.
        self.socket.resume()

    def _end_intake(self) -> None:
        """Leave the socket to somebody else."""
        self.socket._unconsume()

    def want_data(self) -> None:
        """The request's reader has room again. As in Node this also ends the user's pause of the socket."""
        if self.socket._flowing is False and not self._is_swamped and self.socket.readable:
            self.socket.resume()

    @internal
    def _paused(self) -> None:
        """The socket was paused, by us or by the user."""
        self.socket._stop_reading()

    @internal
    def _resumed(self) -> None:
        """It was resumed, if need be too soon."""
        if self._is_swamped:
            self.socket.pause()
        elif not self.socket.destroyed:
            self.socket._start_reading()
