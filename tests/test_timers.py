"""Timers, held against what Node 25.2.1 does with the same programs. Programs whose order matters run as one
callback, as they would in Node."""

from __future__ import annotations

import queue
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, Recorder
from pool_tools import soon

from nodehttp import errors, loop, timers
from nodehttp.loop import TIMEOUT_MAX
from nodehttp.threadpool import Waiter, monitor, pool, run
from nodehttp.timers import (
    clearImmediate,
    clearInterval,
    clearTimeout,
    nextTick,
    queueMicrotask,
    setImmediate,
    setInterval,
    setTimeout,
    sleep,
)


def busy(milliseconds: float) -> None:
    """Compute for a while."""
    end = time.monotonic() + milliseconds / 1000
    while time.monotonic() < end:
        pass


def callback(function: Callable[[], Any]) -> Any:
    """Run a program as one callback; return what it returns."""
    waiter = Waiter()
    soon(lambda: waiter.set(function()))
    return waiter.wait(MUST_NOT_EXPIRE)


def test_arguments_are_passed_on(record: Recorder) -> None:
    def program() -> None:
        setTimeout(lambda a, b: record('timeout', a, b), 1, 'x', 'y')
        setImmediate(lambda a: record('immediate', a), 7)
        nextTick(lambda a, b, c: record('tick', a, b, c), 1, 2)
        queueMicrotask(lambda: record('microtask'))

    run(program)
    assert record.events[:2] == [('tick', 1, 2, None), 'microtask']
    # Which of the two comes first is open in Node as well, outside of callbacks for input.
    assert sorted(record.events[2:]) == [('immediate', 7), ('timeout', 'x', 'y')]


def test_timers_of_one_delay_keep_their_order(record: Recorder) -> None:
    def program() -> None:
        for number in range(100):
            setTimeout(record, 3, number)

    run(program)
    assert record.events == list(range(100))


def test_ten_thousand_timers(record: Recorder) -> None:
    def program() -> None:
        for number in range(10_000):
            setTimeout(fired.append, number * 7919 % 20, number)

    fired: list[int] = []
    run(program)
    assert sorted(fired) == list(range(10_000))
    # Not by delay alone: adding them takes longer than the shortest delays.
    for delay in range(20):
        same = [number for number in fired if number * 7919 % 20 == delay]
        assert same == sorted(same)


def test_the_phases_of_a_turn(record: Recorder) -> None:
    # What falls due while timers run waits for the next turn, with immediates in between.
    def first() -> None:
        record('A')
        setImmediate(record, 'immediate')
        nextTick(record, 'tick')
        busy(40)
        setTimeout(inner, 1)

    def inner() -> None:
        record('inner')
        setTimeout(record, 1, 'last')

    def program() -> None:
        setTimeout(first, 1)
        setTimeout(record, 1, 'B')
        setTimeout(record, 30, 'late')
        busy(3)

    callback(program)
    record.wait_for('last')
    assert record.events == ['A', 'tick', 'B', 'immediate', 'late', 'inner', 'last']


def test_changes_within_one_phase(record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def program() -> None:
        def first() -> None:
            record('a')
            clearImmediate(b)
            clearTimeout(c)

        def fourth() -> None:
            record('d')
            clearTimeout(e)
            f.refresh()

        def sixth() -> None:
            record('f')
            count = [0]

            def beat() -> None:
                count[0] += 1
                record(f'i{count[0]}')
                if count[0] == 2:
                    clearInterval(interval)

            interval = setInterval(beat, 1)

        now = time.monotonic()
        with monkeypatch.context() as patch:
            patch.setattr(loop, 'monotonic', lambda: now)  # all are set at the same moment
            setImmediate(first)
            b = setImmediate(record, 'b')
            c = setTimeout(record, 1000, 'c')
            setTimeout(fourth, 3)
            e = setTimeout(record, 3, 'e')
            f = setTimeout(sixth, 3)
            setTimeout(record, 4, 'g')

    run(program)
    assert record.events == ['a', 'd', 'g', 'f', 'i1', 'i2']


def test_a_timer_that_was_cleared_never_fires(record: Recorder) -> None:
    def program() -> None:
        for clear in (clearTimeout, clearInterval, timers.Timeout.close):
            clear(setTimeout(record, 1, 'timeout'))
            clear(setInterval(record, 1, 'interval'))
        cleared = setTimeout(record, 1, 'refreshed')
        clearTimeout(cleared)
        clearTimeout(cleared)
        cleared.refresh()
        setTimeout(record, 10, 'end')

    run(program)
    assert record.events == ['end']


def test_clearing_what_is_no_timer() -> None:
    for thing in (None, 'x', {}, 5, object()):
        assert clearTimeout(thing) is None
        assert clearImmediate(thing) is None
        assert clearInterval(thing) is None


def test_refresh_starts_the_delay_anew(record: Recorder) -> None:
    def program() -> None:
        a = setTimeout(record, 40, 'a')
        setTimeout(lambda: (record('b'), a.refresh()), 20)
        setTimeout(record, 45, 'c')

    run(program)
    assert record.events == ['b', 'c', 'a']


def test_refresh_revives_a_timer_that_has_fired(record: Recorder) -> None:
    def fired() -> None:
        record('fired')
        if len(record.events) < 3:
            timer.refresh()

    timer = setTimeout(fired, 2)
    assert record.wait_count(3) == ['fired'] * 3


def test_an_interval_can_end_itself(record: Recorder) -> None:
    def program() -> None:
        def beat() -> None:
            record('once')
            clearInterval(interval)
            interval.refresh()
        interval = setInterval(beat, 2)

    run(program)
    assert record.events == ['once']


def test_an_interval_counts_from_the_end_of_its_callback(record: Recorder) -> None:
    def program() -> None:
        ends = [time.monotonic()]

        def beat() -> None:
            record(time.monotonic() - ends[-1] >= 0.0049)
            busy(3)
            ends.append(time.monotonic())
            if len(ends) == 4:
                interval.close()
        interval = setInterval(beat, 5)

    run(program)
    assert record.events == [True] * 3


def test_an_exception_does_not_stop_the_others(escaped: list[BaseException], record: Recorder) -> None:
    interval: Any = None

    def fail(what: str) -> None:
        raise KeyError(what)

    def program() -> None:
        nonlocal interval
        for start in (nextTick, setImmediate, lambda *args: setTimeout(args[0], 1, *args[1:])):
            start(fail, 'x')
            start(record, 'next')
        interval = setInterval(beat, 5)

    def beat() -> None:
        record('beat')
        if len(record.events) < 6:
            fail('y')
        clearInterval(interval)

    run(program)
    assert record.events == ['next'] * 3 + ['beat'] * 3
    assert len(escaped) == 5


def test_timers_are_not_early_and_hardly_late(record: Recorder) -> None:
    def program() -> None:
        began = time.monotonic()
        for delay in (1, 5, 10, 20):
            setTimeout(lambda delay=delay: record((time.monotonic() - began) * 1000 - delay), delay)

    run(program)
    assert min(record.events) >= 0
    assert min(record.events) < 3


@pytest.mark.parametrize(('delay', 'expected'), [
    (0, 1), (-5, 1), (float('nan'), 1), ('7', 7), ('x', 1), (None, 1), (2**31, 1), (TIMEOUT_MAX, TIMEOUT_MAX),
    (1.9, 1), (float('inf'), 1), (True, 1), (5.5, 5), ([], 1)])
def test_strange_delays(delay: Any, expected: float) -> None:
    timer = setTimeout(print, delay).unref()
    assert timer._timer.delay == expected
    timer.close()


@pytest.mark.parametrize(('value', 'received'), [
    ('x', "type string ('x')"), (None, 'undefined'), (5, 'type number (5)'), ({}, 'an instance of Object')])
def test_a_callback_must_be_callable(value: Any, received: str) -> None:
    for function in (setTimeout, setInterval, setImmediate, nextTick, queueMicrotask):
        with pytest.raises(TypeError) as caught:
            function(value)  # type: ignore[operator]
        assert isinstance(caught.value, errors.NodeError)
        assert caught.value.code == 'ERR_INVALID_ARG_TYPE'
        assert str(caught.value) == (
            f'The "callback" argument must be of type function. Received {received}')


def test_references() -> None:
    timer = setTimeout(print, 100_000)
    assert timer.hasRef()
    assert timer.unref() is timer
    assert not timer.hasRef()
    assert timer.unref().ref().ref() is timer
    assert timer.hasRef()
    assert pool.references == 1
    assert timer.refresh() is timer
    assert timer.close() is timer
    assert pool.references == 0
    assert timer.hasRef()
    timer.unref().ref()
    assert pool.references == 0


def test_references_of_immediates(record: Recorder) -> None:
    def program() -> None:
        immediate = setImmediate(lambda: record('ran', immediate.hasRef()))
        record(immediate.hasRef(), immediate.unref().hasRef(), immediate.ref().hasRef())
        assert immediate.close() is immediate
        assert not immediate.hasRef()
        immediate = setImmediate(lambda: record('ran', immediate.hasRef()))
        assert immediate.unref() is immediate.ref()

    run(program)
    assert record.events == [(True, False, True), ('ran', False)]


def test_a_timer_shows_its_state() -> None:
    timer = setTimeout(print, 5000)
    assert repr(timer) == '<Timeout 5000 ms, pending>'
    timer.close()
    assert repr(timer) == '<Timeout 5000 ms, over>'


def test_timers_that_were_cleared_do_not_pile_up() -> None:
    def program() -> None:
        kept = setTimeout(print, 100_000)
        for _ in range(5000):
            setTimeout(print, 50_000).close()
        for _ in range(5000):
            kept.refresh()
        assert len(pool._timers) < 1500
        kept.close()

    run(program)


def test_a_timer_that_was_cleared_keeps_nothing_in_memory() -> None:
    class Big:
        pass

    big = Big()
    witness = weakref.ref(big)
    clearTimeout(setTimeout(lambda held: None, 60_000, big))
    del big
    assert witness() is None


def test_sleep_wants_a_number() -> None:
    with pytest.raises(TypeError, match=r'The "delay" argument must be of type number\.'):
        sleep('5')  # type: ignore[arg-type]


def test_sleep_in_a_thread_and_in_a_callback(record: Recorder) -> None:
    began = time.monotonic()
    sleep(20)
    assert time.monotonic() - began >= 0.02

    def program() -> None:
        setTimeout(record, 5, 'timer')
        sleep(30)
        record('slept')
        sleep(0)
        sleep(-1)

    run(program)
    assert record.events == ['timer', 'slept']


def test_any_thread_may_start_and_clear_timers() -> None:
    import threading
    fired = queue.SimpleQueue[int]()

    def work() -> None:
        for number in range(200):
            timer = setTimeout(fired.put, 10_000 if number % 2 else number % 5, number)
            if number % 2:
                timer.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(MUST_NOT_EXPIRE)
    evens = sorted(fired.get(timeout=MUST_NOT_EXPIRE) for _ in range(400))
    with monitor:
        assert pool.references == 0
    assert evens == sorted(list(range(0, 200, 2)) * 4)
