"""When the process ends: as in Node, when nothing referenced is open any more, and at once on Ctrl-C or
`sys.exit` in a callback.

The threads of the pool are daemons, which end with the process. One ordinary thread, the *keeper*, waits for
the end of the main thread and then until nothing is open; the interpreter waits for it. It is started with
the first thing that is opened.

A script that ends with an exception has ended, as in Node: what it left open is not waited for. `sys.exit` in
a script (not in a callback) means in Python that the other threads are waited for, and so it does here.

Python 3.12.0 and 3.12.1 start no thread once the script is over. The pool then goes on with those it has,
so that few callbacks can block at a time; `run` has no such limit.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from nodehttp.events import EventEmitter
from nodehttp.threadpool import Gate, call_user, monitor, owns_monitor, pool, release_monitor, retake_monitor

_POSTPONED = 0.0005  # s; longer than the library takes for one thing
_PATIENCE = 200  # so often Ctrl-C is postponed at most
# These call what may be written in C, and then are themselves what was interrupted.
_CALL_USERS = {call_user.__code__, EventEmitter._fire.__code__, EventEmitter._fire_from.__code__}


class _Lifetime:
    """The state of the end of this process. Guarded by the monitor."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Nothing has been opened yet, in this process."""
        self.gate = Gate()
        self.exit_status: int | None = None  # to end with, once the script is over
        self.pending: BaseException | None = None  # for the main thread to raise
        self.postponed = 0
        pool.on_first_use = self.begin

    def begin(self) -> None:
        """The first thing was opened."""
        pool.on_exit = self.end
        pool.on_stuck_exit = self.interrupt_main_with
        try:
            threading.Thread(target=self.keep, name='nodehttp-keeper').start()
        except RuntimeError:  # the interpreter is shutting down: too late to keep anything alive
            return
        if threading.current_thread() is threading.main_thread() and (
                signal.getsignal(signal.SIGINT) is signal.default_int_handler):
            signal.signal(signal.SIGINT, self.interrupted)

    def keep(self) -> None:
        """Keep the process alive while something is open."""
        threading.main_thread().join()
        if getattr(sys, 'last_type', None) is not None and not hasattr(sys, 'ps1'):
            return  # the script died of an exception
        with monitor:
            pool.on_idle.append(self.gate.open)
            while self.exit_status is None and pool.is_alive() and not pool.let_go:
                state = release_monitor()
                try:
                    self.gate.wait()
                finally:
                    retake_monitor(state)
        if self.exit_status is None and self.pending is not None:  # the script was over before it noticed
            self.exit_status = exit_status(self.pending)
        if self.exit_status is not None:
            # The interpreter has made up its mind about the status by now.
            atexit._run_exitfuncs()
            flush()
            os._exit(self.exit_status)

    def interrupted(self, number: int, frame: FrameType | None) -> None:
        """SIGINT on the main thread: as by default, but never in the middle of what the library does, and
        quiet once the script itself is over."""
        if is_script_over(frame):
            if self.exit_status is None and self.pending is None:
                self.exit_status = 128 + number
            self.gate.open()
        elif is_in_the_middle(frame) and self.postponed < _PATIENCE:
            self.postponed += 1
            _thread.start_new_thread(interrupt_main_soon, ())
        else:
            self.postponed = 0
            pending, self.pending = self.pending, None
            raise pending or KeyboardInterrupt

    def interrupt_main_with(self, error: BaseException) -> bool:
        """Raise `error` in the main thread, whatever that is doing; False if Ctrl-C is handled by somebody
        else."""
        if signal.getsignal(signal.SIGINT) != self.interrupted:
            return False
        self.pending = error
        interrupt_main()
        return True

    def end(self, error: BaseException) -> None:
        """A callback raised SystemExit (or KeyboardInterrupt), and nobody is in `run`."""
        status = exit_status(error)
        if not threading.main_thread().is_alive():
            self.exit_status = status
            self.gate.open()
        elif self.interrupt_main_with(SystemExit(status)):
            pool.let_go = True
        else:
            flush()
            os._exit(status)


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


def is_script_over(frame: FrameType | None) -> bool:
    """Was the main thread interrupted while it waits for the other threads at the end?"""
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame is None or (frame.f_code.co_name == '_shutdown' and frame.f_globals is vars(threading))


def is_in_the_middle(frame: FrameType | None) -> bool:
    """Was the main thread interrupted where an exception would leave things in disorder? That is while it has
    the monitor, and in `state = release_monitor()` before `state` is set."""
    if owns_monitor() or frame is None:
        return True
    code = frame.f_code
    return 'release_monitor' in code.co_names and (code not in _CALL_USERS or 'state' not in frame.f_locals)


def interrupt_main_soon() -> None:
    """Try it again in a moment."""
    time.sleep(_POSTPONED)
    interrupt_main()


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


_lifetime = _Lifetime()


def install() -> None:
    """Let the pool tell when the first thing is opened, in this process or in a child of it."""
    _lifetime.begin_anew()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=install)  # runs after the pool's own, which it registered before
