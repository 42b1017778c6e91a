"""How the bytes of a server's connection come in, and why they do not at the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodehttp.events import internal

if TYPE_CHECKING:
    from nodehttp.threadpool import Strand

# Why a socket is not read, as bits: the request's reader is slow; too much of later answers waits; the user
# has paused it.
READER_IS_SLOW, SWAMPED, PAUSED = 1, 2, 4


class Intake:
    """The part of a connection that knows how it is read: a `net.Socket`, which hands on its bytes without a
    detour, or in `_overduplex.py` any other Duplex. All methods need the monitor."""

    __slots__ = ('_held', '_strand', 'socket')

    socket: Any
    _strand: Strand  # the socket's
    _held: int  # reasons not to read

    _has_ticks = True  # do ticks come between two reads, as between two events of Node's?

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self._strand = socket._strand or socket._own_strand()
        self._held = 0

    def _begin_intake(self) -> None:
        """Read, now that it is listened to: `_received(data)` is called with what comes."""
        self.socket._consume(self)
        # As in Node it flows, though nobody hears of 'data': to pause it in 'connection' is of no use.
        self.socket.resume()

    def _received(self, data: bytes) -> None:
        raise NotImplementedError

    def _end_intake(self) -> None:
        """Leave the socket to somebody else."""
        self.socket._unconsume()

    def _hold(self, reason: int) -> None:
        """Do not read on, for a reason more."""
        if not self._held:
            self._stop_reading()
        self._held |= reason

    def _let_go(self, reason: int) -> None:
        """A reason less not to read."""
        if self._held & reason:
            self._held &= ~reason
            if not self._held and not self.socket.destroyed:
                self._start_reading()

    def want_data(self) -> None:
        """The request's reader has room again. As in Node this also ends the user's pause of the socket."""
        if self._held:
            self._let_go(READER_IS_SLOW)
        if self.socket._flowing is False and not self._held & ~PAUSED:
            self.socket.resume()

    def _start_reading(self) -> None:
        self.socket._start_reading()

    def _stop_reading(self) -> None:
        self.socket._stop_reading()

    def _set_timeout(self, timeout: float) -> None:
        """Have the socket emit 'timeout' after so many ms without traffic."""
        self.socket._set_timeout(timeout)

    @internal
    def _user_paused(self) -> None:
        self._hold(PAUSED)

    @internal
    def _user_resumed(self) -> None:
        self._let_go(PAUSED)
