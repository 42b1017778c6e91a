"""How the bytes of a server's connection come in, and why they do not at the moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodehttp.events import internal

# Why a socket is not read, as bits: the request's reader is slow; too much of later answers waits; there is
# no thread left for another request; the user has paused it.
READER_IS_SLOW, SWAMPED, CROWDED, PAUSED = 1, 2, 4, 8


class Intake:
    """A `net.Socket`, which hands on its bytes without a detour. All methods need the monitor."""

    has_ticks = True  # do ticks come between two reads, as between two events of Node's?

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._held = 0

    def listeners(self) -> dict[str, Callable[..., Any]]:
        """What the socket is to be listened to for."""
        return {'pause': self._user_paused, 'resume': self._user_resumed}

    def begin(self, receive: Callable[[bytes], None]) -> None:
        """Read, now that it is listened to: `receive(data)` is called with what comes."""
        self._socket._consume(receive)
        # As in Node it flows, though nobody hears of 'data': to pause it in 'connection' is of no use.
        self._socket.resume()

    def end(self) -> None:
        """Leave the socket to somebody else."""
        self._socket._unconsume()

    def hold(self, reason: int) -> None:
        """Do not read on, for a reason more."""
        if not self._held:
            self._stop()
        self._held |= reason

    def let_go(self, reason: int) -> None:
        """A reason less not to read."""
        if self._held & reason:
            self._held &= ~reason
            if not self._held and not self._socket.destroyed:
                self._start()

    def want(self) -> None:
        """The request's reader has room again. As in Node this also ends the user's pause of the socket."""
        if self._held:
            self.let_go(READER_IS_SLOW)
        if self._socket._flowing is False and not self._held & ~PAUSED:
            self._socket.resume()

    def go_on(self) -> None:
        """A listener waits in the middle of a delivery: read what is behind it, too."""

    def _start(self) -> None:
        self._socket._start_reading()

    def _stop(self) -> None:
        self._socket._stop_reading()

    @internal
    def _user_paused(self) -> None:
        self.hold(PAUSED)

    @internal
    def _user_resumed(self) -> None:
        self.let_go(PAUSED)


class DuplexIntake(Intake):
    """The same for any other Duplex, by what that offers to everybody."""

    has_ticks = False  # what it has at once it gives at once

    def listeners(self) -> dict[str, Callable[..., Any]]:
        """The user may pause it: then it gives nothing."""
        return {}

    def begin(self, receive: Callable[[bytes], None]) -> None:
        """With a listener for 'data' it flows."""
        self._receive = receive
        self._socket.on('data', self._data_came)

    def end(self) -> None:
        """Without one it stops."""
        self._socket.off('data', self._data_came)

    def go_on(self) -> None:
        """Take what it has buffered."""
        self._socket._flow()

    def _start(self) -> None:
        self._socket.resume()

    def _stop(self) -> None:
        self._socket.pause()

    @internal
    def _data_came(self, data: bytes) -> None:
        self._receive(data)
