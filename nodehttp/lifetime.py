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

from nodehttp._stream import call_hook
from nodehttp.events import EventEmitter
from nodehttp.loop import Loop
from nodehttp.threadpool import call_user, monitor, owns_monitor, pool, released
from nodehttp.visit import Visit
from nodehttp.watch import Watch

_PAUSE = 0.0005  # s between two interruptions of the main thread; longer than the library takes for one thing
_PATIENCE = 200  # so often an interruption is postponed at most
_NUDGE = getattr(signal, 'SIGURG', None)  # a signal that is ignored unless somebody wants it
_NUDGES = 2000  # that are given up as vain
# These call what may be written in C, and then are themselves what was interrupted. None of them releases the
# monitor twice.
_CALL_OUT = {function.__code__ for function in (
    call_hook, call_user, EventEmitter._fire, EventEmitter._fire_from, Loop._poll, Visit._wait_for_input,
    Watch.apart)}

if hasattr(signal, 'pthread_kill'):
    _interrupt = signal.pthread_kill  # wakes it out of whatever it waits for
else:
    def _interrupt(thread: int, number: int) -> None:
        _thread.interrupt_main()


class _Bell:
    """What the keeper waits for: somebody rings, or a signal has come, whatever its handler does."""

    def __init__(self) -> None:
        self._ears, self._rope = os.pipe()

    def listen_to_signals(self) -> None:
        """Signals ring from now on, unless somebody else listens to them. To be called by the main thread."""
        if os.name == 'posix':
            os.set_blocking(self._rope, False)
            others = signal.set_wakeup_fd(self._rope, warn_on_full_buffer=False)
            if others not in (-1, self._rope):
                signal.set_wakeup_fd(others)

    def ring(self) -> None:
        """Let `wait` return, now or when it is next called."""
        try:
            os.write(self._rope, b'\0')
        except BlockingIOError:  # it rings
            pass

    def wait(self) -> bytes:
        """Wait for it to ring; return the numbers of the signals that have come, among others."""
        return os.read(self._ears, 4096)

    def close(self) -> None:
        """In a child of the process that has made it: give back the descriptors."""
        if os.name == 'posix':
            others = signal.set_wakeup_fd(-1)
            if others not in (-1, self._rope):
                signal.set_wakeup_fd(others)
        os.close(self._ears)
        os.close(self._rope)


class _Lifetime:
    """The state of the end of this process. Guarded by the monitor, but for what a signal changes."""

    def __init__(self) -> None:
        self.bell: _Bell | None = None
        self.is_told_of_the_end = False
        self.begin_anew()

    def begin_anew(self) -> None:
        """Nothing has been opened yet, in this process."""
        self.has_script_ended = False  # and the main thread begins to wait for the others
        if self.bell is not None:
            self.bell.close()
            self.bell = None
        self.exit_status: int | None = None  # to end with, once the script is over
        self.pending: BaseException | None = None  # for the main thread to raise
        self.insists = False  # a thread sees to it that the main thread does
        self.is_nudged = True  # the main thread has noticed the signals that came
        self.postponed = 0
        pool.on_first_use = self.begin

    def begin(self) -> None:
        """The first thing was opened."""
        pool.on_exit = self.end
        pool.on_stuck_exit = self.interrupt_main_with
        try:
            self.ask_for_the_end()
            self.bell = bell = _Bell()
            # A daemon thread that opens the first thing (a server in the background of a test, say) lets the
            # process end, as it does itself.
            threading.Thread(target=self.keep, args=(bell,), name='nodehttp-keeper',
                             daemon=threading.current_thread().daemon).start()
        except RuntimeError:  # the interpreter is shutting down: too late to keep anything alive
            return
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                signal.signal(signal.SIGINT, self.interrupted)
            self.listen_to_signals(bell)

    def listen_to_signals(self, bell: _Bell) -> None:
        """Let the keeper hear of signals. One that comes right before the main thread begins to wait, for
        whatever that may be, is noticed by nobody else. To be called by the main thread."""
        bell.listen_to_signals()
        if _NUDGE is not None and signal.getsignal(_NUDGE) is signal.SIG_DFL:
            signal.signal(_NUDGE, self.nudged)

    def ask_for_the_end(self) -> None:
        """Have `script_is_over` called by the main thread before it stops and waits for the others."""
        if not self.is_told_of_the_end:
            threading._register_atexit(self.script_is_over)  # type: ignore[attr-defined]
            self.is_told_of_the_end = True

    def script_is_over(self) -> None:
        """From now on the main thread waits for the others."""
        self.has_script_ended = True
        if self.bell is not None:
            self.listen_to_signals(self.bell)
            self.bell.ring()

    def keep(self, bell: _Bell) -> None:
        """Keep the process alive while something is open."""
        while not self.has_script_ended:
            self.heed(bell.wait())
        threading.main_thread().join()
        if was_interactive():
            return
        if getattr(sys, 'last_type', None) is not None and not hasattr(sys, 'ps1'):
            self.pending = None
            return  # the script died of an exception
        with monitor:
            pool.on_idle.append(bell.ring)
            while not self.is_to_end() and pool.is_alive() and not pool.let_go:
                with released():
                    numbers = bell.wait()
                    if signal.SIGINT in numbers and signal.getsignal(signal.SIGINT) == self.interrupted:
                        self.script_interrupted()
                    else:
                        self.heed(numbers)
        if self.exit_status is None and self.pending is not None:  # the script was over before it noticed
            self.exit_status = exit_status(self.pending)
        if self.exit_status is not None:
            # The interpreter has made up its mind about the status by now.
            atexit._run_exitfuncs()
            flush()
            os._exit(self.exit_status)

    def heed(self, numbers: bytes) -> None:
        """Signals may have come: let the main thread call their handlers, should it just have begun to wait.
        """
        if set(numbers) <= {0, _NUDGE}:
            return
        if _NUDGE is not None and signal.getsignal(_NUDGE) == self.nudged:
            self.is_nudged = False
            for _ in range(_NUDGES):
                _interrupt(threading.main_thread().ident or 0, _NUDGE)
                time.sleep(_PAUSE)
                if self.is_nudged:
                    break

    def nudged(self, number: int, frame: FrameType | None) -> None:
        """The main thread calls handlers, those of the other signals that have come first."""
        self.is_nudged = True

    def is_to_end(self) -> bool:
        """Is the process to end at once?"""
        return self.exit_status is not None or self.pending is not None

    def script_interrupted(self) -> None:
        """A Ctrl-C when the script is over."""
        if not self.is_to_end():
            self.exit_status = 128 + signal.SIGINT

    def interrupted(self, number: int, frame: FrameType | None) -> None:
        """SIGINT on the main thread: as by default, but never in the middle of what the library does, and
        quiet once the script itself is over."""
        if is_script_over(frame):
            self.script_interrupted()
            if self.bell is not None:
                self.bell.ring()
        elif is_in_the_middle(frame) and self.postponed < _PATIENCE:
            self.postponed += 1
            if self.pending is None:
                self.pending = KeyboardInterrupt()
            self.insist()
        else:
            self.postponed = 0
            pending, self.pending = self.pending, None
            raise pending or KeyboardInterrupt

    def insist(self) -> None:
        """Interrupt the main thread until it has raised what is pending.

        Once need not be enough: it may be in the middle of something, or about to begin a wait, which no
        signal ends that has come before.
        """
        if not self.insists:
            self.insists = True
            try:
                _thread.start_new_thread(self.keep_interrupting, ())
            except RuntimeError:  # the interpreter is shutting down
                self.insists = False

    def keep_interrupting(self) -> None:
        """What that thread does."""
        main = threading.main_thread().ident or 0
        is_ours = True
        while is_ours:
            time.sleep(_PAUSE)
            is_ours = signal.getsignal(signal.SIGINT) == self.interrupted
            # No other thread runs in between: else a signal could come when nothing is pending any more.
            if self.pending is None:
                break
            _interrupt(main, signal.SIGINT)
        self.insists = False

    def interrupt_main_with(self, error: BaseException) -> bool:
        """Raise `error` in the main thread, whatever that is doing; False if Ctrl-C is handled by somebody
        else."""
        if signal.getsignal(signal.SIGINT) != self.interrupted:
            return False
        self.pending = error
        _interrupt(threading.main_thread().ident or 0, signal.SIGINT)
        self.insist()
        return True

    def end(self, error: BaseException) -> None:
        """A callback raised SystemExit (or KeyboardInterrupt), and nobody is in `run`."""
        status = exit_status(error)
        pool.let_go = True  # before the main thread is told, who may be over with it at once
        if not threading.main_thread().is_alive():
            self.exit_status = status
            if self.bell is not None:
                self.bell.ring()
        elif not self.interrupt_main_with(SystemExit(status)):
            flush()
            os._exit(status)


def was_interactive() -> bool:
    """Has the user left the prompt of Python? As in Node, nothing keeps the process then. That of
    `code.interact` in a script is another one."""
    return hasattr(sys, 'ps1') and bool(sys.flags.interactive or sys.argv[:1] == [''])


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
    the monitor, in a Visit but for its poll, and in `state = release_monitor()` before `state` is set."""
    while frame is not None and frame.f_globals is globals():  # the last signal is being looked at
        frame = frame.f_back
    if owns_monitor() or frame is None or pool.is_visiting():
        return True
    code = frame.f_code
    is_released = frame.f_locals.get('state') is not None
    return 'release_monitor' in code.co_names and not (code in _CALL_OUT and is_released)


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
