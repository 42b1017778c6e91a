"""Handles: the sockets of the operating system behind Socket and Server, and what is set on them.

As libuv, which Node stands on: all are non-blocking, what listens on TCP gets SO_REUSEADDR, `::` takes IPv4
too.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

from nodehttp import errors
from nodehttp._addresses import socket_address
from nodehttp.poller import DONT_WAIT

# A write to a connection that the peer has closed is an error, not a signal, also where the program has set
# SIGPIPE back to its default.
SEND_FLAGS = getattr(socket, 'MSG_NOSIGNAL', 0) | DONT_WAIT
_PEEK_FLAGS = socket.MSG_PEEK | DONT_WAIT
# Chunks that one sendmsg takes.
CHUNKS_AT_ONCE = min(os.sysconf('SC_IOV_MAX') if 'SC_IOV_MAX' in os.sysconf_names else 16, 1024)
BACKLOG = 511  # Node's; the system may lower it

_RESET = struct.pack('ii', 1, 0)  # lingering for 0 s: close with RST
_TELLS_STATE = sys.platform == 'linux'
_ESTABLISHED = b'\1'  # how TCP_INFO of Linux begins
_HAS_POLL = hasattr(select, 'poll')
_HAS_UNIX = hasattr(socket, 'AF_UNIX')

# accept() found no descriptor or memory for the connection, which stays in the queue.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# The connection was gone before it was accepted: errors of the network that belong to it, not to the listener
# (accept(2)).
_LOST = {
    errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN,
    errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.ETIMEDOUT,
    getattr(errno, 'ENONET', errno.EPROTO),
}


class Exhausted(Exception):
    """Internal: there is no descriptor or memory for another connection at the moment."""


class Handle(socket.socket):
    """A socket of the library's own. One that is collected is closed in silence: it was paused, as an open
    one is held by the poller, and the user has let go of it."""

    # Nobody makes files of it, for which Python's own `close` would wait.
    close = socket.SocketType.close

    def __del__(self, close: Callable[[Handle], None] = socket.SocketType.close) -> None:
        # Not the `close` of Python's socket: one whose constructor has failed lacks what that looks at. And
        # an argument, because at the end of the interpreter there are no globals any more.
        close(self)


class Listener:
    """A listening handle, with what `accept` needs to know about it."""

    def __init__(self, handle: socket.socket, path: str | None = None) -> None:
        self.handle = handle
        self.path = path  # of a Unix socket that was bound here, to be removed at the end
        self.is_shared = False  # others listen on it as well, as far as we know
        self._kind = int(handle.family), int(handle.type), int(handle.proto)

    def accept(self) -> tuple[Handle, Any] | None:
        """Return the next connection and its peer's name; None if there is none. Raises Exhausted,
        OSError."""
        while True:
            try:
                # What `socket.accept` is made of: it would make a plain socket.
                descriptor, name = self.handle._accept()  # type: ignore[attr-defined]
            except (BlockingIOError, InterruptedError):
                return None
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    raise Exhausted from error
                if error.errno not in _LOST:
                    raise
            else:
                handle = Handle(*self._kind, descriptor)
                handle.setblocking(False)
                return handle, name

    def close(self) -> None:
        """Close it; a Unix socket leaves no file behind."""
        self.handle.close()
        if self.path is not None:
            try:
                os.unlink(self.path)
            except OSError:  # somebody else has removed it, or the folder
                pass


def new_handle(family: int) -> Handle:
    """Return a TCP handle for family 4 or 6; 0 is a Unix socket."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6 if family == 6 else _unix_family()
    handle = Handle(kind, socket.SOCK_STREAM)
    handle.setblocking(False)
    return handle


def _unix_family() -> int:
    if not _HAS_UNIX:
        raise OSError(errno.EAFNOSUPPORT, 'no Unix sockets here')
    return socket.AF_UNIX


def adopted_handle(given: Any) -> socket.socket:
    """Return a handle for a socket, or a descriptor of one, that the user has opened. It belongs to us from
    now on.

    Raises OSError for a descriptor that is no open socket.
    """
    handle = given if isinstance(given, socket.socket) else Handle(fileno=given)
    handle.setblocking(False)
    return handle


def bind(handle: socket.socket, address: str, port: int, family: int) -> None:
    """Bind the local end."""
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    handle.bind(socket_address(address, port, family))


def set_no_delay(handle: socket.socket, enable: bool) -> None:
    """Turn Nagle's algorithm off (`enable`) or on. A Unix socket has none."""
    _try_option(handle, socket.IPPROTO_TCP, socket.TCP_NODELAY, int(enable))


def set_keep_alive(handle: socket.socket, enable: bool, delay: int) -> None:
    """Turn probes on or off, the first after `delay` s of silence (0: as the system likes), then ten, one
    every second."""
    _try_option(handle, socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(enable))
    if enable and delay > 0:
        for name, value in (('TCP_KEEPIDLE', delay), ('TCP_KEEPINTVL', 1), ('TCP_KEEPCNT', 10)):
            if hasattr(socket, name):
                _try_option(handle, socket.IPPROTO_TCP, getattr(socket, name), value)


def _try_option(handle: socket.socket, level: int, option: int, value: int | bytes) -> None:
    try:
        handle.setsockopt(level, option, value)
    except OSError:  # not a TCP socket, or gone already; Node does not look either
        pass


def end_for_all(handle: socket.socket) -> None:
    """A child process may have a copy of it, with which the system would keep it open: end the connection, or
    the listening, itself."""
    try:
        handle.shutdown(socket.SHUT_RDWR)
    except OSError:  # not connected (any more); or this system cannot do that to what listens
        pass


def close_with_reset(handle: socket.socket) -> None:
    """Close it so that the peer gets a RST."""
    _try_option(handle, socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    handle.close()


def is_unix(handle: socket.socket) -> bool:
    """Is it a Unix socket?"""
    return _HAS_UNIX and handle.family == socket.AF_UNIX


def has_peer(handle: socket.socket) -> bool:
    """Is it connected, or has it been?"""
    try:
        handle.getpeername()
    except OSError as error:
        return error.errno != errno.ENOTCONN
    return True


def has_input(handle: socket.socket) -> bool:
    """Is there anything to be received: data, the end, an error? Does not wait."""
    if _HAS_POLL:  # there hardly ever is, and to find that out by an exception takes three times as long
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(0))
    try:
        handle.recv(1, _PEEK_FLAGS)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
    return True


def has_ended(handle: socket.socket) -> bool:
    """Has the peer ended the connection, or reset it? Does not wait."""
    if _TELLS_STATE:
        # Of all such questions this one alone does not let go of the interpreter's lock, which where many
        # threads ask would be another's for a while.
        try:
            return handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != _ESTABLISHED
        except OSError:  # not TCP
            pass
    return has_input(handle)


def listen_on_path(path: str, backlog: int, options: Mapping[str, Any]) -> Listener:
    """Listen on a Unix socket; options readableAll and writableAll open it to other users.

    Raises OSError in Node's form.
    """
    handle = new_handle(0)
    try:
        handle.bind(path)
    except OSError as error:
        handle.close()
        # Python has no errno for a path that is too long. And libuv says EACCES where there is no such
        # folder.
        code = 'EACCES' if error.errno == errno.ENOENT else errno.errorcode.get(error.errno or 0, 'EINVAL')
        raise _listen_error(code, path) from None
    listener = Listener(handle, None if path.startswith('\0') else path)
    try:
        handle.listen(backlog)
        _open_to_others(listener, options)
    except OSError as error:
        listener.close()
        raise errors.os_error(error, 'listen', path) from error
    return listener


def _open_to_others(listener: Listener, options: Mapping[str, Any]) -> None:
    everyone = (0o444 if options.get('readableAll') else 0) | (0o222 if options.get('writableAll') else 0)
    if everyone and listener.path is not None:
        # Beside what the owner may do already; Node takes that away, and then the owner cannot connect.
        os.chmod(listener.path, stat.S_IMODE(os.stat(listener.path).st_mode) | everyone)


def listen_on_port(
    address: str | None, port: int, family: int, backlog: int, options: Mapping[str, Any],
) -> Listener:
    """Listen on an address; None is every address, of IPv6 and IPv4 where there is IPv6.

    Options: ipv6Only, reusePort. Raises OSError in Node's form.
    """
    if address is None:
        try:
            return listen_on_port('::', port, 6, backlog, options)
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EINVAL):
                raise
        address, family = '0.0.0.0', 4
    handle = None
    try:
        handle = new_handle(family)
        if family == 6:
            handle.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, bool(options.get('ipv6Only')))
        if options.get('reusePort'):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bind(handle, address, port, family)
        handle.listen(backlog)
    except OSError as error:
        if handle is not None:
            handle.close()
        raise _listen_error(errno.errorcode.get(error.errno or 0, 'EINVAL'), address, port) from None
    return Listener(handle)


def listen_on_handle(given: Any, backlog: int) -> Listener:
    """Listen on a socket or descriptor of the user's, whether or not it listens already."""
    try:
        handle = adopted_handle(given)
        handle.listen(backlog)
    except OSError as error:
        raise _listen_error('EINVAL') from error
    listener = Listener(handle)
    listener.is_shared = True
    return listener


def _listen_error(code: str, address: str | None = None, port: int | None = None) -> errors.SystemError:
    error = errors.system_error(code, 'listen', address, port or None)
    if port is None and address is not None:
        error.port = -1  # as Node marks a Unix socket
    return error
