"""When the process ends: as in Node, when nothing referenced is open any more, and at once on Ctrl-C or
`sys.exit` in a callback.

The threads of the pool are daemons, which end with the process. One ordinary thread, the *keeper*, waits for
the end of the main thread and then until nothing is open; the interpreter waits for it. It is started with
the first thing that is opened.

A script that ends with an exception has ended, as in Node: what it left open is not waited for.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from nodehttp.threadpool import Gate, monitor, pool, release_monitor, retake_monitor


class _Lifetime:
    """The state of the end of this process. Guarded by the monitor."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.main_is_over = False
        self.exit_status: int | None = None  # set: end, with this status
        self.pending: BaseException | None = None  # for the main thread to raise

    def begin(self) -> None:
        """The first thing was opened."""
        pool.on_exit = self.end
        threading.Thread(target=self.keep, name='nodehttp-keeper').start()
        if threading.current_thread() is threading.main_thread() and (
                signal.getsignal(signal.SIGINT) is signal.default_int_handler):
            signal.signal(signal.SIGINT, self.interrupted)
        atexit.register(self.leave)

    def keep(self) -> None:
        """Keep the process alive while something is open."""
        threading.main_thread().join()
        if getattr(sys, 'last_type', None) is not None and not hasattr(sys, 'ps1'):
            return  # the script died of an exception
        with monitor:
            self.main_is_over = True
            pool.on_idle = self.gate.open
            while self.exit_status is None and pool.is_alive():
                state = release_monitor()
                try:
                    self.gate.wait()
                finally:
                    retake_monitor(state)

    def interrupted(self, number: int, frame: FrameType | None) -> None:
        """SIGINT on the main thread: as by default, but quiet once the script itself is over."""
        pending, self.pending = self.pending, None
        if pending is not None:
            raise pending
        if threading.main_thread().is_alive():
            raise KeyboardInterrupt
        # No monitor here: the interrupted code may be just taking it. Opening a gate twice is harmless.
        self.exit_status = 128 + number
        self.gate.open()

    def end(self, error: BaseException) -> None:
        """A callback raised SystemExit (or KeyboardInterrupt), and nobody is in `run`."""
        status = exit_status(error)
        with monitor:
            self.exit_status = status
            self.gate.open()
            if self.main_is_over:
                return
        if signal.getsignal(signal.SIGINT) == self.interrupted:
            self.pending = SystemExit(status)
            interrupt_main()
        else:
            flush()
            os._exit(status)

    def leave(self) -> None:
        """At the very end: a status that Python would not give by itself."""
        if self.exit_status:
            flush()
            os._exit(self.exit_status)


def exit_status(error: BaseException) -> int:
    """Return the status with which a program ends that raises `error`, and print what `sys.exit('message')`
    prints."""
    if isinstance(error, KeyboardInterrupt):
        return 130
    code: Any = error.code if isinstance(error, SystemExit) else 1
    if code is None or isinstance(code, int):
        return int(code or 0)
    print(code, file=sys.stderr)
    return 1


def interrupt_main() -> None:
    """Wake the main thread out of whatever it waits for, with SIGINT."""
    if hasattr(signal, 'pthread_kill'):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


def flush() -> None:
    """Flush the standard streams, which `os._exit` does not."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, or gone: nothing can be said any more
            pass


def install() -> None:
    """Let the pool tell when the first thing is opened."""
    pool.on_first_reference = _Lifetime().begin


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=install)  # runs after the pool's own, which it registered before
