"""What a socket knows of its two ends. The system is asked when somebody asks: that costs a call each."""

from __future__ import annotations

import socket as sockets
from collections.abc import Callable
from typing import Any

from nodehttp._addresses import address_record
from nodehttp._duplex import Duplex
from nodehttp.monitor import monitor
from nodehttp.record import Record


class Ends(Duplex):
    """The part of net.Socket that names addresses."""

    __slots__ = ('_handle', '_peer', '_peer_name', 'connecting')

    connecting: bool  # connect() was called and has come to no end
    _handle: sockets.socket | None

    _peer: Any  # the peer's name if it is known without asking
    _peer_name: Record[Any] | None  # as it was given to the user: known also after the end
    _own_name: Record[Any] | None = None

    def address(self) -> Record[Any]:
        """Return the local end: address, family ('IPv4', 'IPv6'), port; empty for a Unix socket.
        ("socket.address()")"""
        with monitor:
            if self._handle is None:
                return Record()
            if self._own_name is None:
                name = _name(self._handle.getsockname)
                if self.connecting:
                    return name
                self._own_name = name
            return self._own_name

    def _peer_address(self) -> Record[Any]:
        """The other end. It is remembered once somebody has asked."""
        with monitor:
            if self._peer_name is None:
                if self._handle is None or self.connecting:
                    return Record()
                known = self._peer is not None
                self._peer_name = address_record(self._peer) if known else _name(self._handle.getpeername)
            return self._peer_name

    @property
    def localAddress(self) -> str | None:
        """IP address of the local end. ("socket.localAddress")"""
        address: str | None = self.address()['address']
        return address

    @property
    def localPort(self) -> int | None:
        """Port of the local end. ("socket.localPort")"""
        port: int | None = self.address()['port']
        return port

    @property
    def localFamily(self) -> str | None:
        """'IPv4' or 'IPv6'. ("socket.localFamily")"""
        family: str | None = self.address()['family']
        return family

    @property
    def remoteAddress(self) -> str | None:
        """IP address of the peer; None without a connection. ("socket.remoteAddress")"""
        address: str | None = self._peer_address()['address']
        return address

    @property
    def remotePort(self) -> int | None:
        """Port of the peer; None without a connection. ("socket.remotePort")"""
        port: int | None = self._peer_address()['port']
        return port

    @property
    def remoteFamily(self) -> str | None:
        """'IPv4' or 'IPv6'; None without a connection. ("socket.remoteFamily")"""
        family: str | None = self._peer_address()['family']
        return family


def _name(ask: Callable[[], Any]) -> Record[Any]:
    """The name of one end, asked of the system; empty when the connection is gone."""
    try:
        return address_record(ask())
    except OSError:
        return Record()
