"""Which file descriptors are ready: one class over `epoll`, one over `selectors` where there is no `epoll`.

`selectors` alone would do, but it costs 2 us a poll (its key objects) where `epoll` costs 0.5 us, and a
server on a keep-alive connection polls once a request. Both speak the masks READ and WRITE of this module.
"""

from __future__ import annotations

import os
import select
import selectors
import socket
import struct

READ = 1
WRITE = 4
HANG_UP = 0x2000  # the peer sends no more; told, where it can be, to who asks for it together with READ
# Descriptors that one poll tells of. Two tuples are queued for each: with 1,000 of them the garbage collector
# would look, in vain, through the youngest objects at each poll, which took 2 us for each request (2,000
# connections, Python 3.11: it begins with 700 objects).
AT_ONCE = 256
READ_SIZE = 65536  # bytes of one recv, as in Node
# The flag of sends and receptions that must not wait, though the socket may be patient: a thread that waits
# for one connection alone does so in `recv`. To `poll` before would be a second system call, behind which it
# wants the interpreter's lock.
DONT_WAIT = getattr(socket, 'MSG_DONTWAIT', 0)
CAN_BE_PATIENT = bool(DONT_WAIT) and hasattr(socket, 'SO_RCVTIMEO')

Received = bytes | OSError  # what one recv comes to


class EpollPoller:
    """Linux. The bits of epoll are READ, WRITE and HANG_UP themselves; an error or hang-up shows as both."""

    is_live = True  # what is registered while it polls counts at once
    tells_hang_up = True

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self.close = self._epoll.close
        # poll(timeout, most): return [(file descriptor, mask), ...] of those that are ready, so many at most;
        # wait at most `timeout` seconds (None: for ever).
        self.poll = self._epoll.poll


class SelectorPoller:
    """Everywhere else."""

    is_live = False
    tells_hang_up = False

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.close = self._selector.close

    @staticmethod
    def _events(mask: int) -> int:
        return (selectors.EVENT_READ if mask & READ else 0) | (selectors.EVENT_WRITE if mask & WRITE else 0)

    def register(self, fd: int, mask: int) -> None:
        """Begin to look at `fd`."""
        self._selector.register(fd, self._events(mask))

    def modify(self, fd: int, mask: int) -> None:
        """Look at `fd` for something else."""
        self._selector.modify(fd, self._events(mask))

    def unregister(self, fd: int) -> None:
        """Look at `fd` no more."""
        self._selector.unregister(fd)

    def poll(self, timeout: float | None, most: int) -> list[tuple[int, int]]:
        """As EpollPoller.poll, but all of them: which come first the next time is anybody's guess here."""
        return [
            (key.fd, (READ if events & selectors.EVENT_READ else 0)
             | (WRITE if events & selectors.EVENT_WRITE else 0))
            for key, events in self._selector.select(timeout)
        ]


_timeval = ''  # the format of C's struct of that name


def make_patient(handle: socket.socket, milliseconds: int) -> None:
    """Let a `recv` that has no DONT_WAIT wait for input, so long at most; `setblocking(False)` ends it."""
    global _timeval
    if not _timeval:  # on 32-bit systems this depends on the C library
        size = len(handle.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16))
        _timeval = '=qq' if size == 16 else '=ll'
    time = struct.pack(_timeval, milliseconds // 1000, milliseconds % 1000 * 1000)
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, time)
    handle.setblocking(True)


def end_patience(handle: socket.socket) -> None:
    """Let a `recv` that waits return at once; nothing is received any more."""
    try:
        handle.shutdown(socket.SHUT_RD)
    except OSError:  # the peer was faster
        pass


def make_poller() -> EpollPoller | SelectorPoller:
    """Return the best poller of this machine."""
    return EpollPoller() if hasattr(select, 'epoll') else SelectorPoller()


class Bell:
    """What ends the poll of a thread from outside: a descriptor that is readable from `ring` to `silence`."""

    def __init__(self) -> None:
        if hasattr(os, 'eventfd'):
            self.fd = self._rope = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self.fd, self._rope = os.pipe()
            os.set_blocking(self.fd, False)

    def ring(self) -> None:
        """Let the poll end, or the next one."""
        os.write(self._rope, b'\1\0\0\0\0\0\0\0')

    def silence(self) -> None:
        """What it rang for is known."""
        try:
            os.read(self.fd, 64)
        except BlockingIOError:  # somebody else was faster
            pass

    def close(self) -> None:
        """Give back the descriptors."""
        for fd in {self.fd, self._rope}:
            os.close(fd)
