"""A server's connection over any Duplex, by what that offers to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nodehttp import errors
from nodehttp._connection import ServerConnection
from nodehttp.events import internal

if TYPE_CHECKING:
    from nodehttp.incoming import IncomingMessage
    from nodehttp.parser import Parser


class DuplexConnection(ServerConnection):
    """See `Intake`."""

    __slots__ = ()

    _has_ticks = False  # what it has at once it gives at once
    # The user may pause it: then it gives nothing.
    _heard: ClassVar = {name: function for name, function in ServerConnection._heard.items()
                        if name not in ('pause', 'resume')}

    def _begin_intake(self) -> None:
        """With a listener for 'data' it flows."""
        self.socket.setEncoding = _refuse_encoding
        self.socket.on('data', self._data_came)

    def _end_intake(self) -> None:
        """Without one it stops."""
        self.socket.off('data', self._data_came)
        del self.socket.setEncoding

    def _takes_whole(self, parser: Parser) -> bool:
        return False

    def _begins_next(self, request: IncomingMessage) -> bool:
        return False

    def _start_reading(self) -> None:
        self.socket.resume()

    def _stop_reading(self) -> None:
        self.socket.pause()

    def _set_timeout(self, timeout: float) -> None:
        """A Duplex of the user's may have no such method: then the connection cannot time out."""
        set_timeout = getattr(self.socket, 'setTimeout', None)
        if set_timeout is not None:
            set_timeout(timeout)

    @internal
    def _data_came(self, data: bytes) -> None:
        self._received(data)


def _refuse_encoding(encoding: str | None = None) -> None:
    """Stands for the stream's `setEncoding`: the parser needs bytes."""
    raise errors.node_error('ERR_HTTP_SOCKET_ENCODING')
