"""A server's connection over any Duplex, by what that offers to everybody."""

from __future__ import annotations

from typing import ClassVar

from nodehttp import errors
from nodehttp._connection import ServerConnection


class DuplexConnection(ServerConnection):
    """See `Intake`."""

    __slots__ = ()

    _may_be_direct = False
    # The user may pause it: then it gives nothing.
    _heard: ClassVar = {name: function for name, function in ServerConnection._heard.items()
                        if name not in ('pause', 'resume')}

    def _begin_intake(self) -> None:
        self.socket.setEncoding = _refuse_encoding
        self.socket.resume()

    def _end_intake(self) -> None:
        del self.socket.setEncoding


def _refuse_encoding(encoding: str | None = None) -> None:
    """Stands for the stream's `setEncoding`: the parser needs bytes."""
    raise errors.node_error('ERR_HTTP_SOCKET_ENCODING')
