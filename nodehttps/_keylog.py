"""Key material as lines: 'keylog'. ("Event: 'keylog'")

Python's ssl appends the lines of a context to a file as they come up. Here the file is a pipe, which is read
after each step of a handshake: all work of TLS is done with the monitor, so what is in it then belongs to
that connection.
"""

from __future__ import annotations

import os
import ssl
from weakref import WeakKeyDictionary

from nodehttps._errors import unavailable

_LONGEST = 65536  # bytes; more than a handshake can say


class KeyLog:
    """The pipe from which the lines of a context come."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        try:
            self.follow(context)
        except OSError as error:
            raise unavailable("'keylog'", 'there is no /dev/fd here') from error

    def __del__(self) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def follow(self, context: ssl.SSLContext) -> None:
        """Have the lines of a context come here: OpenSSL opens an end of its own."""
        context.keylog_filename = f'/dev/fd/{self._writer}'

    def lines(self) -> list[bytes]:
        """Return the lines since the last call, each with its line end."""
        try:
            return os.read(self._reader, _LONGEST).splitlines(keepends=True)
        except BlockingIOError:
            return []


_keylogs: WeakKeyDictionary[ssl.SSLContext, KeyLog] | None = None  # until somebody wants one


def start_keylog(context: ssl.SSLContext) -> None:
    """Have the lines of a context kept from now on."""
    global _keylogs
    if _keylogs is None:
        _keylogs = WeakKeyDictionary()
    if context not in _keylogs:
        _keylogs[context] = KeyLog(context)


def share_keylog(context: ssl.SSLContext, successor: ssl.SSLContext) -> None:
    """Have the lines of `successor`, with which a connection of `context` goes on, count as those of that."""
    keylog = None if _keylogs is None else _keylogs.get(context)
    if keylog is not None:
        keylog.follow(successor)


def new_lines(context: ssl.SSLContext) -> list[bytes]:
    """Return what a context has logged since the last call. To be called after each step, lest the pipe gets
    full."""
    keylog = None if _keylogs is None else _keylogs.get(context)
    return [] if keylog is None else keylog.lines()
