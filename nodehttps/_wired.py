"""The wire of a TLSSocket: the stream below it, and what is asked of that.

It is a `net.Socket` (accepted, given, or a Wire that was made here in order to connect) or any other Duplex,
which has no addresses and no settings.
"""

from __future__ import annotations

from typing import Any, Self

from nodehttp import net
from nodehttp.record import Record

_WIRE_OPTIONS = ('noDelay', 'keepAlive', 'keepAliveInitialDelay')
# What a wire that was made here tells about its connecting is told as events of the TLSSocket.
_PASSED_ON = frozenset((
    'lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout'))


class Wire(net.Socket):
    """The TCP connection of a TLSSocket that connects itself."""

    owner: Wired

    def _fire(self, name: str, *args: Any) -> bool:
        if name in _PASSED_ON:
            return self.owner._fire(name, *args)
        return super()._fire(name, *args)


class Wired(net.Socket):
    """A Socket without a handle of its own, on a wire whose strand it shares."""

    _wire: Any
    _is_on_socket = True  # the wire is a net.Socket

    def _take_wire(self, socket: Any, options: dict[str, Any]) -> None:
        """Make `socket` the wire; None: a new one, which is not connected yet."""
        self._have_at_hand()
        if socket is None:
            socket = Wire({name: options[name] for name in _WIRE_OPTIONS if name in options})
            socket.owner = self
            self.allowHalfOpen = bool(options.get('allowHalfOpen'))
        else:
            self._is_on_socket = isinstance(socket, net.Socket)
            self.allowHalfOpen = socket.allowHalfOpen
        self._wire = socket
        if self._is_on_socket:
            socket.allowHalfOpen = True  # when to end is decided here
        self._strand = socket._strand or socket._own_strand()
        self._strand.deliverer = self

    @property
    def connecting(self) -> bool:  # type: ignore[override]
        """Is the wire being connected? ("socket.connecting")"""
        return self._is_on_socket and self._wire.connecting

    @property
    def pending(self) -> bool:
        """Is the wire not connected yet? ("socket.pending")"""
        return self._is_on_socket and self._wire.pending

    @property
    def autoSelectFamilyAttemptedAddresses(self) -> list[str] | None:  # type: ignore[override]
        """The addresses that were tried. ("socket.autoSelectFamilyAttemptedAddresses")"""
        return getattr(self._wire, 'autoSelectFamilyAttemptedAddresses', None)

    def address(self) -> Record[Any]:
        """Return the local end: address, family, port. ("tlsSocket.address()")"""
        return self._wire.address() if self._is_on_socket else Record()

    def _peer_address(self) -> Record[Any]:
        return self._wire._peer_address() if self._is_on_socket else Record()

    def _reads_in_own_turn(self) -> bool:
        return self._is_on_socket and bool(self._wire._reads_in_own_turn())

    def _is_stale(self) -> bool:
        return not self.writable or (self._is_on_socket and self._wire._is_stale())

    def setNoDelay(self, noDelay: bool = True) -> Self:
        """Send small writes at once. ("socket.setNoDelay([noDelay])")"""
        if self._is_on_socket:
            self._wire.setNoDelay(noDelay)
        return self

    def setKeepAlive(self, enable: bool = False, initialDelay: float = 0) -> Self:
        """Probe an idle connection. ("socket.setKeepAlive([enable][, initialDelay])")"""
        if self._is_on_socket:
            self._wire.setKeepAlive(enable, initialDelay)
        return self

    def ref(self) -> Self:
        """Keep the process alive (the default). ("socket.ref()")"""
        if self._is_on_socket:
            self._wire.ref()
        return self

    def unref(self) -> Self:
        """Do not keep the process alive. ("socket.unref()")"""
        if self._is_on_socket:
            self._wire.unref()
        return self
