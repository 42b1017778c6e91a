"""The pool of this process, and how the library and its users speak to it. What it does and why is told in
baton.py."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from nodehttp import errors
from nodehttp.arity import parameters
from nodehttp.baton import HANDOFF_AFTER, MAX_THREADS, pool
from nodehttp.checks import check_function, check_number
from nodehttp.loop import TIMEOUT_MAX, Function, Immediate, Strand, Timer
from nodehttp.monitor import (
    Gate,
    internal_hook,
    monitor,
    owns_monitor,
    release_monitor,
    released,
    retake_monitor,
)
from nodehttp.waiting import Waiter, await_listener, blocking, unhurried
from nodehttp.watch import Owner, Watch
from nodehttp.worker import Source

__all__ = [
    'TIMEOUT_MAX',
    'Gate',
    'Immediate',
    'Source',
    'Strand',
    'Timer',
    'Waiter',
    'Watch',
    'add_ref',
    'add_tick',
    'await_listener',
    'begin_callback',
    'beside_others',
    'blocking',
    'call_checking',
    'call_closing',
    'call_next',
    'call_pending',
    'call_soon',
    'call_user',
    'configure',
    'drop_ref',
    'end_callback',
    'forget_last_tick',
    'has_baton',
    'hold',
    'hold_instead',
    'internal_hook',
    'is_busy_elsewhere',
    'is_in_callback',
    'is_outside',
    'leave_to_pool',
    'may_deliver',
    'may_do_now',
    'may_go_on',
    'monitor',
    'next_tick',
    'now',
    'occupy',
    'owns_monitor',
    'pool',
    'postpone',
    'release_monitor',
    'release_strand',
    'released',
    'report_exception',
    'retake_monitor',
    'run',
    'set_immediate',
    'start_timer',
    'submit',
    'unhurried',
    'watch',
]


next_tick = pool.next_tick
add_tick = pool.add_tick
call_next = pool.call_next
call_pending = pool.call_pending
call_soon = pool.call_soon
set_immediate = pool.set_immediate
call_checking = pool.call_checking
call_closing = pool.call_closing
start_timer = pool.start_timer
submit = pool.submit
postpone = pool.postpone
hold = pool.hold
hold_instead = pool.hold_instead
occupy = pool.occupy
release_strand = pool.release_strand
begin_callback = pool.begin_callback
end_callback = pool.end_callback
may_deliver = pool.may_deliver
may_do_now = pool.may_do_now
may_go_on = pool.may_go_on
beside_others = pool.beside_others
is_busy_elsewhere = pool.is_busy_elsewhere
is_in_callback = pool.is_in_callback
is_outside = pool.is_outside
forget_last_tick = pool.forget_last_tick
leave_to_pool = pool.leave_to_pool
has_baton = pool.has_baton
report_exception = pool.report
add_ref = pool.add_ref
drop_ref = pool.drop_ref


def now() -> float:
    """Return the time of the last poll in ms, monotonic. Cheap, and exact enough to measure idleness with."""
    return pool.now


def watch(file: Any, owner: Owner, strand: Strand | None = None) -> Watch:
    """Return a Watch of a file descriptor or of what has a `fileno()`; `owner` is told what comes."""
    return Watch(pool, file if isinstance(file, int) else file.fileno(), owner, strand)


def call_user(function: Function, *args: Any, failed: Callable[[BaseException], object] = pool.report) -> Any:
    """Call a function of the user from internal code: without the monitor; an exception is reported (given to
    `failed`), and None returned."""
    state = release_monitor()
    try:
        return function(*args)
    except BaseException as error:
        failed(error)
        return None
    finally:
        retake_monitor(state)


def run(main: Function, *args: Any) -> None:
    """Run `main(*args)` as the first callback on the calling thread, and the loop with it, until nothing
    referenced is open.

    Raises what `main` raises, and TypeError ERR_INVALID_ARG_TYPE. SystemExit out of any callback ends it;
    Ctrl-C is SystemExit(130).
    """
    check_function('main', main)
    parameters(main)  # which an async function has not
    pool.run(main, *args)


def configure(*, handoffAfter: float | None = HANDOFF_AFTER, maxThreads: int = MAX_THREADS) -> None:
    """Set how long (ms) a callback may wait before the baton is taken from it (None: never, as in Node), and
    how many threads the pool may have beside those that wait for something of the library. What is not given
    goes back to its default.

    Raises TypeError ERR_INVALID_ARG_TYPE and ValueError ERR_OUT_OF_RANGE.
    """
    if handoffAfter is not None:
        check_number('handoffAfter', handoffAfter)
        if not 0 < handoffAfter <= TIMEOUT_MAX:
            expected = f'> 0 && <= {TIMEOUT_MAX}'
            raise errors.node_error('ERR_OUT_OF_RANGE', 'handoffAfter', expected, handoffAfter)
    if type(maxThreads) is not int:
        raise errors.invalid_arg_type('maxThreads', 'of type number', maxThreads)
    if maxThreads < 1:
        raise errors.node_error('ERR_OUT_OF_RANGE', 'maxThreads', '>= 1', maxThreads)
    with monitor:
        pool.handoff_after, pool.max_threads = handoffAfter, maxThreads
        pool.rouse_watcher()  # which may wait for long by what was said before
        pool.appoint_watcher()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(
        before=monitor.acquire, after_in_parent=pool.after_fork_in_parent, after_in_child=pool.after_fork)
