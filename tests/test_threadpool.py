"""The baton. The sections are the rules of the design: what the pool promises about threads."""

from __future__ import annotations

import errno
import gc
import itertools
import queue
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import MUST_EXPIRE, MUST_NOT_EXPIRE, Recorder
from pool_tools import (
    Echo,
    Latency,
    Watcher,
    Witness,
    from_source,
    hogs_as_processes,
    hogs_as_threads,
    soon,
)
from program_tools import beside, run_script

from nodehttp import baton, events, holds, jobs, poller, threadpool, timers, worker
from nodehttp.monitor import is_monitor_free, released, retake_in_turn
from nodehttp.threadpool import (
    Source,
    Strand,
    Waiter,
    blocking,
    call_closing,
    call_soon,
    call_user,
    configure,
    monitor,
    next_tick,
    pool,
    run,
    set_immediate,
    start_timer,
    submit,
)


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    """The pool is as it was before."""
    yield
    configure()


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> Callable[[], type[BaseException]]:
    """reported() -> the class of the next exception that escaped from a callback."""
    caught = queue.Queue[type[BaseException]]()
    monkeypatch.setattr(threading, 'excepthook', lambda args: caught.put(args.exc_type))
    return lambda: caught.get(timeout=MUST_NOT_EXPIRE)


def drain() -> None:
    """Wait until every item that is queued now has run."""
    waiter = Waiter()
    soon(waiter.set)
    waiter.wait(MUST_NOT_EXPIRE)


def shrink_pool(threads: int = 2) -> None:
    """Let the idle threads of earlier tests end."""
    linger, baton.IDLE_LINGER = baton.IDLE_LINGER, 0.001
    try:
        deadline = time.monotonic() + MUST_NOT_EXPIRE
        with monitor:
            for worker in pool._idle:
                worker.gate.open()  # to look at the new time
        while len(pool._workers) > threads and time.monotonic() < deadline:
            time.sleep(0.001)
    finally:
        baton.IDLE_LINGER = linger
    assert len(pool._workers) <= threads, pool


# Order: what the holder does next


def test_order_of_ticks_immediates_closing_and_timers(record: Recorder) -> None:
    # As Node does it in the callback of fs.readFile.
    def event() -> None:
        timers.setTimeout(lambda: record('timeout'), 0)
        timers.setImmediate(first)
        timers.setImmediate(lambda: record('immediate 2'))
        timers.nextTick(lambda: (record('tick 1'), timers.nextTick(lambda: record('nested tick'))))
        timers.nextTick(lambda: record('tick 2'))
        with monitor:
            call_closing(record, 'closing')
        time.sleep(0.002)
        record('sync')

    def first() -> None:
        record('immediate 1')
        timers.setImmediate(lambda: record('nested immediate'))
        timers.nextTick(lambda: record('tick in immediate'))

    echo = Echo(lambda data: (event(), data)[1])
    try:
        echo.ask(b'x')
        assert record.wait_count(10) == [
            'sync', 'tick 1', 'tick 2', 'nested tick', 'immediate 1', 'tick in immediate', 'immediate 2',
            'closing', 'timeout', 'nested immediate']
    finally:
        echo.close()


def test_items_are_run_in_the_order_of_any_thread(record: Recorder) -> None:
    for number in range(100):
        soon(record, number)
    assert record.wait_count(100) == list(range(100))


# Rule 1: callbacks that do not block never overlap


def busy_loop(witness: Witness, seconds: float, least: int, sockets: int = 100) -> None:
    """Sockets, timers, immediates and ticks as fast as they go; each looks whether it is alone. For so many
    seconds, and until there were so many calls, however busy the machine is with others."""
    running = True

    @witness
    def answer(data: bytes) -> bytes:
        sum(range(50))
        timers.nextTick(witness(lambda: sum(range(50))))
        return data

    @witness
    def again() -> None:
        if running:
            timers.setTimeout(again, 1)
            timers.setImmediate(witness(lambda: None))

    echoes = [Echo(answer, Strand()) for _ in range(sockets)]
    try:
        for _ in range(10):
            timers.setTimeout(again, 1)
        end = time.monotonic() + seconds
        while time.monotonic() < end or witness.calls <= least:
            assert time.monotonic() < end + MUST_NOT_EXPIRE, witness.calls
            for echo in echoes:
                echo.client.send(b'x')
            for echo in echoes:
                assert echo.client.recv(1) == b'x'
    finally:
        running = False
        for echo in echoes:
            echo.close()


def test_prompt_callbacks_never_overlap() -> None:
    witness = Witness()
    busy_loop(witness, 0.3, 1000)
    assert witness.overlaps == 0


def test_prompt_callbacks_never_overlap_beside_hogs_in_other_processes() -> None:
    witness = Witness()
    with hogs_as_processes():
        busy_loop(witness, 1.5, 500)
    assert witness.overlaps == 0


def test_prompt_callbacks_never_overlap_beside_hogs_in_this_process() -> None:
    witness = Witness()
    with hogs_as_threads():
        busy_loop(witness, 1.5, 20, sockets=3)  # every system call waits 20 ms for the interpreter's lock
    assert witness.overlaps == 0


def test_prompt_callbacks_never_overlap_when_threads_switch_all_the_time() -> None:
    witness = Witness()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        busy_loop(witness, 0.3, 100)
    finally:
        sys.setswitchinterval(interval)
    assert witness.overlaps == 0


def test_a_garbage_collection_is_no_blocking() -> None:
    witness = Witness()
    gc.freeze()  # the objects of all the tests before: to go through them is more than 100 ms of computing
    rubbish: Any = [[[] for _ in range(100)] for _ in range(2000)]
    done = Waiter()

    def collect() -> None:
        gc.collect()
        gc.collect()
        done.set()

    for _ in range(3):
        done = Waiter()
        soon(witness(collect))
        for _ in range(10):
            soon(witness(lambda: None))
        done.wait(MUST_NOT_EXPIRE)
    drain()
    assert witness.overlaps == 0
    assert rubbish


# Rule 2: a callback that waits, or computes for long, does not stop the others


def delay_beside(callback: Callable[[], Any], limit: Callable[[], float]) -> float:
    """How long (ms) the others wait beside a callback, at worst. A busy machine, which lets nobody run for so
    long now and then, deserves further tries."""
    worst: list[float] = []
    while len(worst) < 10 and not (worst and min(worst) < limit()):
        latency = Latency()
        done = Waiter()
        soon(lambda done=done: (callback(), done.set()))
        done.wait(MUST_NOT_EXPIRE)
        worst.append(latency.stop())
    return min(worst)


def compute(seconds: float) -> None:
    """Use the processor."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_callback_that_sleeps_does_not_delay_the_others() -> None:
    assert delay_beside(lambda: time.sleep(0.1), lambda: 50) < 50


def test_a_callback_that_computes_does_not_delay_the_others_for_long() -> None:
    took: list[float] = []

    def computing() -> None:
        began = time.monotonic()
        compute(0.4)
        took.append((time.monotonic() - began) * 1000)

    def half() -> float:
        return min(took) / 2

    # It keeps the baton for 100 ms. A machine with other things to do slows down both.
    assert delay_beside(computing, half) < half()


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='needs schedstat')
def test_a_callback_that_waits_a_little_again_and_again_does_not_delay_the_others() -> None:
    def query_a_lot() -> None:
        for _ in range(75):
            time.sleep(0.002)

    assert delay_beside(query_a_lot, lambda: 80) < 80


def test_a_callback_that_blocks_goes_on_where_it_was(record: Recorder) -> None:
    release = threading.Event()

    def blocked() -> None:
        thread = threading.get_ident()
        release.wait(MUST_NOT_EXPIRE)
        record('blocked callback', threading.get_ident() == thread)

    soon(blocked)
    soon(record, 'another')
    soon(release.set)
    assert record.wait_count(2) == ['another', ('blocked callback', True)]


def test_many_callbacks_that_block_one_after_the_other() -> None:
    release = threading.Event()
    reached = queue.Queue[int]()
    for number in range(20):
        soon(lambda number=number: (reached.put(number), release.wait(MUST_NOT_EXPIRE)))
    assert [reached.get(timeout=MUST_NOT_EXPIRE) for _ in range(20)] == list(range(20))
    release.set()


# Rule 3: sources whose callbacks block


def test_64_callbacks_of_one_source_that_sleep_run_at_once() -> None:
    source = Source()
    done = queue.Queue[float]()
    began = time.monotonic()
    with monitor:
        for _ in range(64):
            call_soon(from_source, source, lambda: (time.sleep(0.1), done.put(time.monotonic())),
                      strand=Strand())
    last = max(done.get(timeout=MUST_NOT_EXPIRE) for _ in range(64))
    assert last - began < 0.4


def test_a_source_is_trusted_again_when_its_callbacks_are_prompt() -> None:
    source = Source()
    done = Waiter()

    def block() -> None:
        deadline = time.monotonic() + MUST_NOT_EXPIRE
        while not source.blocky and time.monotonic() < deadline:
            time.sleep(0.05)
        done.set()

    with monitor:
        call_soon(from_source, source, block)
    done.wait(MUST_NOT_EXPIRE * 2)
    assert source.blocky
    for _ in range(200):
        done = Waiter()
        with monitor:
            call_soon(from_source, source, done.set)
        done.wait(MUST_NOT_EXPIRE)
        if not source.blocky:
            break
    assert not source.blocky


@pytest.mark.parametrize('waits', [
    pytest.param(True, marks=pytest.mark.skipif(not worker.SEES_CALLS, reason='nobody sees that it waits')),
    False,
], ids=['wait', 'compute'])
def test_callbacks_of_one_source_that_take_2_ms_each_run_beside_each_other_if_they_wait(waits: bool) -> None:
    source, witness = Source(), Witness()
    ends = time.monotonic() + (MUST_NOT_EXPIRE if waits else 0.1)
    done = queue.Queue[None]()

    @witness
    def callback() -> None:
        (time.sleep if waits else compute)(0.002)
        if witness.overlaps or time.monotonic() > ends:
            done.put(None)
        else:
            begin()

    def begin() -> None:
        with monitor:
            call_soon(from_source, source, callback, strand=Strand())

    for _ in range(4):
        begin()
    for _ in range(4):
        done.get(timeout=2 * MUST_NOT_EXPIRE)
    assert (witness.overlaps > 0) is waits


def test_a_source_that_blocks_briefly_again_and_again_is_trusted_ever_later(
        monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(100, 1e-5)
    monkeypatch.setattr(worker, 'monotonic', lambda: next(clock))
    source = Source()

    def prompt_ones_until_trusted(by_sum: bool) -> int:
        source.distrust(by_sum)
        for count in itertools.count(1):
            source.end(source.begin())
            if not source.blocky:
                return count
        raise AssertionError

    assert [prompt_ones_until_trusted(True) for _ in range(4)] == [16, 64, 256, 1024]
    assert prompt_ones_until_trusted(False) == 1024
    clock = itertools.count(110, 1e-5)
    assert prompt_ones_until_trusted(True) == 16
    assert [prompt_ones_until_trusted(True) for _ in range(6)][-2:] == [worker.MOST_PROMPT] * 2


# Rule 4: the events of one connection stay in order


def test_a_strand_keeps_its_order_while_its_callback_is_detached(record: Recorder) -> None:
    strand, release = Strand(), threading.Event()

    def blocked() -> None:
        release.wait(MUST_NOT_EXPIRE)
        record(0)

    soon(blocked, strand=strand)
    for number in range(1, 20):
        soon(record, number, strand=strand)
    soon(record, 'another connection')
    record.wait_for('another connection')
    assert record.events == ['another connection']
    release.set()
    assert record.wait_count(21) == ['another connection', *range(20)]


def test_a_connection_is_not_read_while_its_callback_is_detached(record: Recorder) -> None:
    release = threading.Event()
    witness = Witness()

    @witness
    def answer(data: bytes) -> bytes:
        record(data)
        if data == b'1':
            release.wait(MUST_NOT_EXPIRE)
        return data

    echo = Echo(answer, Strand())
    try:
        for data in (b'1', b'2', b'3'):
            echo.client.send(data)
            record.wait_for(b'1')
        drain()
        time.sleep(0.02)  # long enough for the baton to be taken
        drain()
        assert record.events == [b'1']
        release.set()
        assert record.wait_count(2)[:2] == [b'1', b'23']
        echo.client.recv(1)
        echo.client.recv(2)
        assert witness.overlaps == 0
    finally:
        echo.close()


def test_ticks_of_a_detached_callback_come_before_the_events_behind_it(record: Recorder) -> None:
    strand, release = Strand(), threading.Event()

    def blocked() -> None:
        with monitor:
            next_tick(record, 'tick', strand=strand)
        release.wait(MUST_NOT_EXPIRE)
        with monitor:
            next_tick(record, 'later tick', strand=strand)
        record('end')

    soon(blocked, strand=strand)
    soon(record, 'event', strand=strand)
    soon(record, 'another connection')
    record.wait_for('another connection')
    release.set()
    assert record.wait_for('event')[1:] == ['end', 'tick', 'later tick', 'event']


@pytest.mark.parametrize('threads', [2, 8, 128])
def test_connections_with_blocking_callbacks_are_answered_in_order(threads: int) -> None:
    shrink_pool()
    configure(maxThreads=threads)
    source = Source()
    failures = queue.SimpleQueue[str]()

    def converse(index: int) -> None:
        witness = Witness()
        strand = Strand()
        seen: list[Any] = []

        @witness
        def answer(data: bytes) -> bytes:
            seen.append(data)
            with monitor:
                next_tick(call_user, seen.append, 'tick', strand=strand)
            time.sleep(0.006 if (index + len(seen)) % 4 == 0 else 0)
            return data

        echo = Echo(answer, strand, source)
        try:
            for number in range(20):
                if echo.ask(b'%d' % number) != b'%d' % number:
                    failures.put('wrong answer')
        finally:
            echo.close()
        if witness.overlaps:
            failures.put('overlap')
        if seen[:39] != [part for number in range(20) for part in (b'%d' % number, 'tick')][:39]:
            failures.put(f'order {seen}')

    talkers = [threading.Thread(target=converse, args=(index,)) for index in range(8)]
    for thread in talkers:
        thread.start()
    for thread in talkers:
        thread.join(MUST_NOT_EXPIRE)
    assert failures.qsize() == 0, failures.get()


def test_strands_keep_their_order_under_load() -> None:
    strands = [Strand() for _ in range(8)]
    seen: list[list[int]] = [[] for _ in strands]
    witnesses = [Witness() for _ in strands]
    count = 60

    def callback(index: int, number: int) -> None:
        seen[index].append(number)
        if (index + number) % 29 == 0:
            time.sleep(0.012)
        elif (index + number) % 13 == 0:
            with blocking():
                pass

    def feed() -> None:
        for number in range(count):
            for index, strand in enumerate(strands):
                soon(witnesses[index](callback), index, number, strand=strand)

    feed()
    deadline = time.monotonic() + MUST_NOT_EXPIRE
    while any(len(numbers) < count for numbers in seen) and time.monotonic() < deadline:
        time.sleep(0.005)
    # A callback that waits leaves its strand free, so that only the order of their beginnings is sure.
    assert seen == [list(range(count))] * len(strands)


# Rule 5: the monitor


def test_the_monitor_is_free_while_a_callback_runs() -> None:
    asked, answered = threading.Event(), threading.Event()

    def callback() -> None:
        asked.set()
        assert answered.wait(MUST_NOT_EXPIRE)

    soon(callback)
    asked.wait(MUST_NOT_EXPIRE)
    timer = timers.setTimeout(lambda: None, 1000)
    timer.close()
    answered.set()
    drain()


def test_another_thread_gets_the_monitor_beside_a_saturated_loop() -> None:
    running, items = True, 0

    def item() -> None:
        nonlocal items
        items += 1
        call_user(sum, range(200))
        if running:
            call_soon(item)

    with monitor:
        call_soon(item)
    try:
        waits = []
        for _ in range(30):
            before = items
            with monitor:
                waits.append(items - before)
            time.sleep(0.001)
    finally:
        running = False
    # In items, some 150 of which take a millisecond: it is about the monitor, not about processors.
    assert sorted(waits)[len(waits) // 2] < 1_500
    assert max(waits) < 15_000
    drain()


@pytest.mark.parametrize('depth', [1, 3])
def test_who_takes_the_monitor_in_turn_has_it_when_it_is_free(depth: int) -> None:
    has_it, may_end = threading.Event(), threading.Event()

    def take() -> None:
        retake_in_turn((depth, threading.get_ident()))
        has_it.set()
        assert may_end.wait(MUST_NOT_EXPIRE)
        for _ in range(depth):
            monitor.release()
    with monitor:
        thread = threading.Thread(target=take)
        thread.start()
        assert not has_it.wait(0.01)  # longer than it tries
    assert has_it.wait(MUST_NOT_EXPIRE)
    assert not is_monitor_free()
    may_end.set()
    assert monitor.acquire(timeout=MUST_NOT_EXPIRE)
    monitor.release()
    thread.join(MUST_NOT_EXPIRE)


def test_input_that_a_thread_took_for_itself_comes_before_what_is_read_later() -> None:
    order: list[Any] = []

    class Connection:
        """What has the descriptor."""

        def _on_readable(self, received: Any = None) -> None:
            order.append(received)

        def _on_writable(self) -> None:
            raise AssertionError
    one, other = socket.socketpair()
    with one, other, monitor:
        strand = Strand()
        watch = threadpool.watch(one, Connection(), strand)
        watch.want(True, False)
        pool.occupy(strand)
        pool.defer(strand, (strand, watch.read, ()), False)
        pool.defer_input(strand, watch, b'first')
        pool.release_strand(strand)
        with released():
            drain()
        watch.close()
    assert order == [b'first', None]


# Rule 6: waiting


def test_callbacks_that_wait_take_turns() -> None:
    witness = Witness()
    emitter = events.EventEmitter()
    emitter.setMaxListeners(0)
    done = queue.Queue[int]()

    def go_away(wait: Callable[[], Any]) -> None:
        witness.leave()
        wait()
        witness.enter()

    def callback(number: int) -> None:
        def block() -> None:
            with blocking():
                time.sleep(0.001)
        for _ in range(5):
            go_away(lambda: timers.sleep(1))
            sum(range(100))
            go_away(block)
            go_away(lambda: events.once(emitter, 'beat'))
        done.put(number)

    beat = timers.setInterval(lambda: emitter.emit('beat'), 2)
    for number in range(30):
        soon(witness(callback), number)
    try:
        assert sorted(done.get(timeout=MUST_NOT_EXPIRE) for _ in range(30)) == list(range(30))
    finally:
        beat.close()
    drain()
    assert witness.overlaps == 0


def test_a_callback_that_waits_leaves_its_strand(record: Recorder) -> None:
    strand, waiter = Strand(), Waiter()

    def callback() -> None:
        record('waits')
        record(waiter.wait())

    soon(callback, strand=strand)
    soon(record, 'next of the strand', strand=strand)
    soon(lambda: waiter.set('goes on'), strand=strand)
    assert record.wait_count(3) == ['waits', 'next of the strand', 'goes on']


def test_a_detached_callback_that_waits_leaves_its_strand_too(record: Recorder) -> None:
    strand, waiter, release = Strand(), Waiter(), threading.Event()

    def callback() -> None:
        release.wait(MUST_NOT_EXPIRE)
        record(waiter.wait())

    soon(callback, strand=strand)
    soon(release.set)  # comes only if the callback was detached
    soon(lambda: waiter.set('goes on'), strand=strand)
    assert record.wait_count(1) == ['goes on']


def test_the_strand_is_told_that_its_callback_waits(record: Recorder) -> None:
    strand, waiter = Strand(), Waiter()
    strand.deliverer = SimpleNamespace(_go_on=lambda: (record('resume'), waiter.set()))
    soon(lambda: (waiter.wait(), record('goes on')), strand=strand)
    assert record.wait_count(2) == ['resume', 'goes on']


def test_a_wait_ends_with_the_error_it_was_given() -> None:
    waiter = Waiter()
    soon(lambda: waiter.fail(KeyError('x')))
    with pytest.raises(KeyError):
        waiter.wait(MUST_NOT_EXPIRE)


def test_the_first_result_counts() -> None:
    waiter = Waiter()
    waiter.set(1)
    waiter.set(2)
    waiter.fail(KeyError())
    assert waiter.wait() == 1


@pytest.mark.parametrize('in_callback', [False, True])
def test_a_wait_has_a_deadline(in_callback: bool) -> None:
    caught = queue.Queue[BaseException]()

    def wait() -> None:
        try:
            Waiter().wait(0.01)
        except TimeoutError as error:
            caught.put(error)

    if in_callback:
        soon(wait)
    else:
        wait()
    assert str(caught.get(timeout=MUST_NOT_EXPIRE)) == 'timed out'


def test_blocking_outside_of_callbacks_does_nothing() -> None:
    with blocking():
        pass


def test_an_exception_passes_through_blocking(reported: Callable[[], type]) -> None:
    witness = Witness()

    @witness
    def callback() -> None:
        witness.leave()
        try:
            with blocking():
                raise KeyError('x')
        finally:
            witness.enter()

    soon(callback)
    assert reported() is KeyError
    assert witness.overlaps == 0


def test_waits_within_waits() -> None:
    done = queue.Queue[int]()

    def callback(depth: int) -> None:
        waiter = Waiter()
        if depth:
            soon(lambda: (callback(depth - 1), waiter.set()))
            waiter.wait(MUST_NOT_EXPIRE)
        done.put(depth)

    soon(callback, 10)
    assert [done.get(timeout=MUST_NOT_EXPIRE) for _ in range(11)] == list(range(11))


# Rule 7: what other threads start


def in_thread(function: Callable[[], None]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(MUST_NOT_EXPIRE)
    assert not thread.is_alive()


class Started(events.EventEmitter):
    """Something whose first event is ready at once."""

    def __init__(self, event: str, *args: Any) -> None:
        self._strand = Strand()
        with monitor:
            threadpool.hold(self._strand)
            next_tick(self._fire, event, *args, strand=self._strand)


def test_the_first_event_waits_for_the_listener_of_the_next_line(record: Recorder) -> None:
    for number in range(1000):
        Started('ready').on('ready', lambda number=number: record(number))
    record.wait_count(1000)
    assert sorted(record.events) == list(range(1000))


def test_an_error_waits_longer_for_its_listener(escaped: list[BaseException], record: Recorder) -> None:
    started = Started('error', KeyError('x'))
    time.sleep(0.03)  # much longer than the first event is held back
    started.on('error', lambda error: record(type(error)))
    assert record.wait_count(1) == [KeyError]
    assert escaped == []


def test_an_error_waits_for_a_thread_that_wants_a_processor(
        record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, 'PATIENCE', 0)
    monkeypatch.setattr(worker.Clocks, 'is_runnable', lambda clocks: True)
    started = Started('error', KeyError('x'))
    time.sleep(0.03)  # much longer than the first event is held back
    started.on('error', lambda error: record(type(error)))
    assert record.wait_count(1) == [KeyError]


def test_an_error_that_waits_for_its_listener_stops_nobody(
        escaped: list[BaseException], record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, 'PATIENCE', 3_600_000)
    started = Started('error', KeyError('x'))
    with monitor:
        next_tick(call_user, record, 'close', strand=started._strand)
    beat = timers.setInterval(record, 1, 'beat')
    with record._changed:  # for longer than the first event is held back
        assert record._changed.wait_for(lambda: len(record.events) >= 30, MUST_NOT_EXPIRE)
    started.on('error', lambda error: record('error'))
    record.wait_for('close')
    timers.clearInterval(beat)
    assert [event for event in record.events if event != 'beat'] == ['error', 'close']
    assert escaped == []


def test_what_waits_behind_an_error_comes_though_the_thread_goes_on_with_the_strand(record: Recorder) -> None:
    started = Started('error', KeyError('x'))
    with monitor:
        next_tick(call_user, record, 'close', strand=started._strand)
    time.sleep(0.03)  # the 'error' waits for its listener, 'close' for the 'error'
    with monitor:
        threadpool.hold(started._strand)
    started.on('error', lambda error: record('error'))
    with record._changed:  # the thread waits by means of its own
        assert record._changed.wait_for(lambda: record.events == ['error', 'close'], MUST_NOT_EXPIRE)


def test_an_error_without_listener_is_reported(reported: Callable[[], type]) -> None:
    Started('error', KeyError('x'))
    assert reported() is KeyError


def test_the_first_event_comes_when_the_thread_waits(
        record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody waits for the 5 ms: with a hold of an hour all of this would hang.
    monkeypatch.setattr(holds, 'HOLD', 3_600_000)
    monkeypatch.setattr(holds, 'PATIENCE', 3_600_000)

    def start_and_wait(wait: Callable[[Started], Any]) -> None:
        started = Started('ready')
        started.on('ready', lambda: record('ready'))
        wait(started)
    in_thread(lambda: start_and_wait(lambda started: events.once(started, 'ready')))
    in_thread(lambda: start_and_wait(lambda started: timers.sleep(1)))
    in_thread(lambda: start_and_wait(lambda started: blocking().__enter__()))
    record.wait_count(3)


def test_the_first_event_comes_anyhow_after_a_while(record: Recorder) -> None:
    began = time.monotonic()
    started = Started('ready')
    started.on('ready', lambda: record('ready'))
    with record._changed:  # the thread waits by means of its own
        assert record._changed.wait_for(lambda: record.events, MUST_NOT_EXPIRE)
    assert time.monotonic() - began >= 0.004


@pytest.mark.skipif(not worker.SEES_CALLS, reason='only Linux tells what a thread waits for')
def test_a_thread_that_sleeps_is_in_a_call_and_one_that_wants_a_lock_is_not() -> None:
    ends, made = threading.Event(), queue.Queue[worker.Clocks]()

    def sleep() -> None:
        made.put(worker.Clocks())
        while not ends.is_set():
            time.sleep(0.01)

    def wait() -> None:
        made.put(worker.Clocks())
        ends.wait()

    threads, clocks = [], []
    for function in (sleep, wait):
        threads.append(threading.Thread(target=function))
        threads[-1].start()
        clocks.append(made.get(timeout=MUST_NOT_EXPIRE))
    sleeps, waits = clocks
    deadline = time.monotonic() + MUST_NOT_EXPIRE
    while not sleeps.is_in_a_call():
        assert time.monotonic() < deadline
    assert not waits.is_in_a_call()
    ends.set()
    for thread in threads:
        thread.join(MUST_NOT_EXPIRE)


def test_a_garbage_collection_ends_no_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = holds.Hold(holds.Guest(worker.Clocks()))
    now, used = itertools.count(time.monotonic() + 1), [time.monotonic()]
    monkeypatch.setattr(holds, 'monotonic', lambda: next(now))
    monkeypatch.setattr(worker.Clocks, 'processor_time', lambda clocks: used[0])
    monkeypatch.setattr(worker.Clocks, 'is_in_a_call', lambda clocks: False)
    assert hold.remaining() > 0  # it has used much since the hold began, but all of that in one go
    used[0] += 50
    assert hold.remaining() > 0  # so it has again
    used[0] += holds.ENOUGH
    assert hold.remaining() == 0  # it goes on computing


def test_one_look_at_a_thread_serves_all_its_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = holds.Guest(worker.Clocks())
    many = [holds.Hold(guest) for _ in range(100)]
    now, samples, stands_still = time.monotonic(), [], (0.0, b'')
    monkeypatch.setattr(holds, 'monotonic', lambda: now)
    monkeypatch.setattr(worker.Clocks, 'sample', lambda clocks: samples.append(now) or stands_still)
    monkeypatch.setattr(worker.Clocks, 'processor_time', lambda clocks: 0.0)
    monkeypatch.setattr(worker.Clocks, 'is_in_a_call', lambda clocks: False)
    monkeypatch.setattr(worker.Clocks, 'is_runnable', lambda clocks: False)
    now += 1
    assert all(hold.remaining() > 0 for hold in many)
    assert samples == [now]
    now += 1
    assert [hold.remaining() for hold in many] == [0] * 100
    assert samples == [now - 1, now]


def test_a_thread_that_sleeps_a_little_again_and_again_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    # What it uses of the processor and how often it wakes up would let the hold last MOST_LOOKS.
    hold = holds.Hold(holds.Guest(worker.Clocks()))
    now = itertools.count(time.monotonic() + 1)
    monkeypatch.setattr(holds, 'monotonic', lambda: next(now))
    used = 50.0
    monkeypatch.setattr(worker.Clocks, 'processor_time', lambda clocks: used)
    monkeypatch.setattr(worker.Clocks, 'sample', lambda clocks: (next(now), b''))
    monkeypatch.setattr(worker.Clocks, 'is_in_a_call', lambda clocks: True)
    assert [hold.remaining() > 0, hold.remaining() > 0] == [True, False]


def test_what_a_callback_starts_is_not_held_back(record: Recorder) -> None:
    def callback() -> None:
        Started('ready').on('ready', lambda: record('ready'))
        timers.nextTick(record, 'tick')

    soon(callback)
    assert record.wait_count(2) == ['ready', 'tick']


def test_a_hold_lasts_until_the_thread_has_had_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine a thread may wait for a processor much longer than the first event is held back.
    monkeypatch.setattr(holds, 'ENOUGH', 1000)  # this thread may collect garbage before it waits
    began, runnable = time.monotonic(), 0.05
    monkeypatch.setattr(worker.Clocks, 'is_runnable', lambda clocks: time.monotonic() < began + runnable)
    came = threading.Event()
    started = Started('ready')
    started.on('ready', came.set)
    assert came.wait(MUST_NOT_EXPIRE)
    assert time.monotonic() >= began + runnable


def test_a_pause_of_the_whole_process_ends_no_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = holds.Hold(holds.Guest(worker.Clocks()))
    now = time.monotonic() + 3600
    monkeypatch.setattr(holds, 'monotonic', lambda: now)
    # What the pool sees first of all after the pause; this thread has done nothing since.
    used = 50.0
    monkeypatch.setattr(worker.Clocks, 'processor_time', lambda clocks: used)
    monkeypatch.setattr(worker.Clocks, 'is_in_a_call', lambda clocks: False)
    assert hold.remaining() > 0


@pytest.mark.parametrize('packed', ['=qq', '=ll'])  # elsewhere, and on most systems of 32 bits
def test_the_patience_of_a_socket_is_told_in_the_format_of_the_system(
        monkeypatch: pytest.MonkeyPatch, packed: str) -> None:
    class Handle:
        def getsockopt(self, level: int, option: int, size: int) -> bytes:
            return bytes(struct.calcsize(packed))

        def setsockopt(self, level: int, option: int, value: bytes) -> None:
            assert struct.unpack(packed, value) == (2, 500_000)

        def setblocking(self, blocks: bool) -> None:
            assert blocks

    monkeypatch.setattr(poller, '_timeval', '')
    poller.make_patient(Handle(), 2500)  # type: ignore[arg-type]


def test_a_lack_of_descriptors_ends_no_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any) -> Any:
        raise OSError(errno.EMFILE, 'Too many open files')
    hold = holds.Hold(holds.Guest(worker.Clocks()))
    now = itertools.count(time.monotonic() + 1)
    monkeypatch.setattr(holds, 'monotonic', lambda: next(now))
    monkeypatch.setattr(worker.Clocks, 'processor_time', lambda clocks: 50.0)
    monkeypatch.setattr(worker.os, 'open', refused)
    monkeypatch.setattr(worker, 'open', refused, raising=False)
    lasting = list(itertools.takewhile(bool, (hold.remaining() for _ in range(100))))
    assert len(lasting) == holds.MOST_LOOKS


def test_a_hold_begins_while_events_wait_for_a_callback(record: Recorder) -> None:
    strand, begins, ends = Strand(), threading.Event(), threading.Event()
    soon(begins.wait, MUST_NOT_EXPIRE, strand=strand)
    soon(record, 'behind it', strand=strand)
    soon(record, 'another connection')
    record.wait_for('another connection')

    def start_and_wait_elsewhere() -> None:
        with monitor:
            threadpool.hold(strand)
        begins.set()
        ends.wait(MUST_NOT_EXPIRE)

    thread = threading.Thread(target=start_and_wait_elsewhere)
    thread.start()
    record.wait_for('behind it')
    ends.set()
    thread.join()


def test_nothing_is_delivered_to_a_strand_in_the_middle_of_a_hold(record: Recorder) -> None:
    # 1. A callback of a connection runs. 2. Another thread starts something there. 3. The callback goes on.
    strand = Strand()

    def callback() -> None:
        in_thread(hold_the_strand)
        with monitor:
            record(threadpool.may_deliver(strand))

    def hold_the_strand() -> None:
        with monitor:
            threadpool.hold(strand)

    soon(callback, strand=strand)
    assert record.wait_count(1) == [False]


def test_a_thread_that_waits_in_the_library_adds_no_listener_any_more(
        monkeypatch: pytest.MonkeyPatch, reported: Callable[[], type]) -> None:
    monkeypatch.setattr(holds, 'PATIENCE', 3_600_000)
    Started('error', KeyError('x'))
    timers.sleep(1)
    assert reported() is KeyError


@pytest.mark.parametrize('starts_before', [True, False])
def test_what_a_callback_without_the_baton_starts_is_held_back(record: Recorder, starts_before: bool) -> None:
    def callback() -> None:
        started = Started('ready') if starts_before else None
        with monitor:
            worker = pool.current()
            assert worker is not None and pool.pass_on(worker)
        started = started or Started('ready')
        time.sleep(0.001)  # time enough for the others
        started.on('ready', lambda: record('ready'))

    for count in range(1, 11):
        soon(callback, strand=Strand())
        record.wait_count(count)


def test_threads_that_start_things_leave_nothing_behind(record: Recorder) -> None:
    for _ in range(100):
        in_thread(lambda: Started('ready').on('ready', lambda: record('ready')))
    record.wait_count(100)  # nothing of theirs is held back any more
    in_thread(lambda: Started('ready') and None)
    assert len(pool.holds._guests) <= 65


# Rule 8: strict mode, and few threads


def test_strict_mode_never_takes_the_baton() -> None:
    configure(handoffAfter=None)
    witness = Witness()
    done = queue.Queue[int]()
    source = Source()
    source.blocky = True
    for number in range(5):
        soon(witness(lambda number=number: (time.sleep(0.03), done.put(number))), strand=Strand())
    with monitor:
        call_soon(from_source, source, witness(lambda: (time.sleep(0.03), done.put(5))))
        call_soon(from_source, source, witness(lambda: (time.sleep(0.03), done.put(6))))
    assert [done.get(timeout=MUST_NOT_EXPIRE) for _ in range(7)] == list(range(7))
    assert witness.overlaps == 0


def test_waits_let_go_of_the_baton_in_strict_mode_too(record: Recorder) -> None:
    configure(handoffAfter=None)
    waiter = Waiter()
    soon(lambda: record(waiter.wait()))
    soon(waiter.set, 'set')
    assert record.wait_count(1) == ['set']


def test_strict_mode_can_be_left(record: Recorder) -> None:
    configure(handoffAfter=None)
    release = threading.Event()
    soon(release.wait, MUST_NOT_EXPIRE)
    soon(release.set)
    time.sleep(MUST_EXPIRE / 4)
    assert not release.is_set()
    configure()
    assert release.wait(MUST_NOT_EXPIRE)
    drain()


def test_a_shorter_time_counts_at_once() -> None:
    configure(handoffAfter=MUST_NOT_EXPIRE * 1000)
    soon(time.sleep, 0.02)  # by then the watcher looks on, and means to look again after so long
    drain()
    configure()
    release = threading.Event()
    soon(release.wait, MUST_NOT_EXPIRE)
    soon(release.set)
    assert release.wait(MUST_NOT_EXPIRE / 4)


def test_arguments_of_configure() -> None:
    def failure(**options: Any) -> tuple[type, str]:
        with pytest.raises((TypeError, ValueError)) as caught:
            configure(**options)
        return type(caught.value).__mro__[2], str(caught.value)

    assert failure(handoffAfter='5') == (
        TypeError, "The \"handoffAfter\" argument must be of type number. Received type string ('5')")
    for value, shown in ((0, '0'), (-1, '-1'), (float('nan'), 'NaN'), (float('inf'), 'Infinity')):
        assert failure(handoffAfter=value) == (
            ValueError, 'The value of "handoffAfter" is out of range. It must be > 0 && <= 2147483647. '
            f'Received {shown}')
    assert failure(maxThreads=0) == (
        ValueError, 'The value of "maxThreads" is out of range. It must be >= 1. Received 0')
    assert failure(maxThreads=1.5) == (
        TypeError, 'The "maxThreads" argument must be of type number. Received type number (1.5)')
    assert failure(maxThreads=None) == (
        TypeError, 'The "maxThreads" argument must be of type number. Received undefined')


EXERCISE = """
    import queue, sys, threading, time
    import nodehttp
    from nodehttp import timers
    from nodehttp.threadpool import (
        Source, Strand, Waiter, blocking, call_soon, call_user, configure, monitor, pool, run, submit)
    threads, with_run = int(sys.argv[1]), sys.argv[2] == 'run'
    configure(maxThreads=threads)
    done = queue.Queue()
    waiters = [Waiter() for _ in range(10)]
    blocked, counts = set(), []

    def soon(function, *args, strand=None):
        with monitor:
            call_soon(call_user, function, *args, strand=strand)

    def callback(number):
        kind = number % 6
        if kind == 0:
            blocked.add(number)
            counts.append(len(blocked))
            time.sleep(0.008)
            blocked.discard(number)
        elif kind == 1:
            with blocking():
                time.sleep(0.002)
        elif kind == 2:
            timers.sleep(2)
        elif kind == 3:
            waiters[number // 6 % 10].wait(5)
        elif kind == 4:
            waiters[number // 6 % 10].set()
        else:
            waiter = Waiter()
            threading.Timer(0.003, waiter.set).start()
            waiter.wait(5)
        done.put(number)

    def main():
        for number in range(120):
            soon(callback, number, strand=Strand())
        for number in range(30):
            with monitor:
                submit(lambda: time.sleep(0.001), lambda error, result, number=number: done.put(number))

    if with_run:
        run(main)
    else:
        main()
    assert sorted(done.get(timeout=8) for _ in range(150)) == sorted([*range(120), *range(30)])
    assert max(counts) <= threads + with_run, counts
    print('done')
"""


def test_few_threads_lose_nothing() -> None:
    cases = list(itertools.product(('1', '2', '3'), ('run', 'alone')))
    outcomes = beside(lambda case: run_script(EXERCISE, *case), cases)
    assert dict(zip(cases, outcomes, strict=True)) == dict.fromkeys(cases, (0, 'done\n', ''))


def test_when_all_threads_are_blocked_new_events_wait() -> None:
    shrink_pool()
    configure(maxThreads=3)
    release = threading.Event()
    done = queue.Queue[int]()
    for number in range(10):
        soon(lambda number=number: (release.wait(MUST_NOT_EXPIRE), done.put(number)))
    with pytest.raises(queue.Empty):
        done.get(timeout=MUST_EXPIRE / 4)
    assert len(pool._workers) <= 3
    release.set()
    assert sorted(done.get(timeout=MUST_NOT_EXPIRE) for _ in range(10)) == list(range(10))


# Jobs


def test_a_job_runs_beside_the_callbacks(record: Recorder) -> None:
    release = threading.Event()

    def job() -> str:
        assert release.wait(MUST_NOT_EXPIRE)
        return 'result'

    with monitor:
        submit(job, record)
    soon(record, 'event')
    record.wait_count(1)
    release.set()
    assert record.wait_count(2) == ['event', (None, 'result')]


def test_a_job_that_raises(record: Recorder) -> None:
    with monitor:
        submit(lambda: 1 / 0, lambda error, result: record(type(error), result))
    assert record.wait_count(1) == [(ZeroDivisionError, None)]


def test_more_jobs_than_threads(record: Recorder) -> None:
    shrink_pool()
    configure(maxThreads=4)
    release = threading.Event()
    began = queue.Queue[int]()

    def job() -> None:
        began.put(1)
        release.wait(MUST_NOT_EXPIRE)

    latency = Latency()
    with monitor:
        for number in range(20):
            submit(job, lambda error, result, number=number: record(number))
    for _ in range(3):  # all but the holder
        began.get(timeout=MUST_NOT_EXPIRE)
    assert latency.stop() < 500  # not as long as the jobs take
    release.set()
    assert sorted(record.wait_count(20)) == list(range(20))


class Stuck:
    """Jobs that do not end before they may."""

    def __init__(self, count: int) -> None:
        self.began = queue.Queue[int]()
        self._release = threading.Event()
        self._over = queue.Queue[int]()
        self._count = count
        with monitor:
            for number in range(count):
                submit(self._job, lambda error, result, number=number: self._over.put(number))

    def _job(self) -> None:
        self.began.put(1)
        self._release.wait(MUST_NOT_EXPIRE)

    def end(self) -> list[int]:
        """Let them end; return their numbers as they do."""
        self._release.set()
        return [self._over.get(timeout=MUST_NOT_EXPIRE) for _ in range(self._count)]


def test_a_few_threads_do_all_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, 'JOB_PATIENCE', 3_600_000)
    shrink_pool()
    stuck = Stuck(30)
    for _ in range(jobs.JOB_THREADS):
        stuck.began.get(timeout=MUST_NOT_EXPIRE)
    drain()
    assert len(pool._workers) <= jobs.JOB_THREADS + 2  # and the holder, and the watcher
    assert sorted(stuck.end()) == list(range(30))
    assert len(pool._workers) <= jobs.JOB_THREADS + 2
    pool._job_timer.cancel()
    pool._job_timer = None


def test_more_threads_do_jobs_that_take_long() -> None:
    count = jobs.JOB_THREADS + 8
    stuck = Stuck(count)
    for _ in range(count):
        stuck.began.get(timeout=MUST_NOT_EXPIRE)
    assert sorted(stuck.end()) == list(range(count))


def test_a_job_is_done_though_all_other_threads_are_blocked(record: Recorder) -> None:
    shrink_pool()
    configure(maxThreads=2)
    release = threading.Event()
    soon(release.wait, MUST_NOT_EXPIRE)
    soon(record, 'the other thread has the baton')
    record.wait_count(1)
    with monitor:
        submit(lambda: 'job', record)
    assert record.wait_count(2)[1] == (None, 'job')
    release.set()


def test_a_job_that_waits_is_like_any_other_thread(record: Recorder) -> None:
    waiter = Waiter()
    with monitor:
        submit(lambda: waiter.wait(MUST_NOT_EXPIRE), record)
    soon(waiter.set, 'set')
    assert record.wait_count(1) == [(None, 'set')]


# Rule 9: exceptions


def test_an_exception_ends_nothing(escaped: list[BaseException], record: Recorder) -> None:
    def fail(error: BaseException) -> None:
        raise error

    errors = [KeyError('x'), MemoryError(), GeneratorExit()]
    for error in errors:
        soon(fail, error)
    with monitor:
        call_soon(fail, ZeroDivisionError())  # a fault of the library's own
    soon(record, 'next')
    record.wait_count(1)
    assert [type(error) for error in escaped] == [KeyError, MemoryError, GeneratorExit, ZeroDivisionError]


def test_a_hook_for_exceptions_that_fails(monkeypatch: pytest.MonkeyPatch, record: Recorder) -> None:
    printed: list[type] = []
    monkeypatch.setattr(threading, 'excepthook', lambda args: 1 / 0)
    monkeypatch.setattr(sys, '__excepthook__', lambda kind, error, trace: printed.append(kind))
    soon(lambda: {}['x'])
    soon(record, 'next')
    record.wait_count(1)
    assert printed == [ZeroDivisionError]


def test_an_exception_of_a_detached_callback(reported: Callable[[], type]) -> None:
    release = threading.Event()

    def fail() -> None:
        release.wait(MUST_NOT_EXPIRE)
        raise KeyError('x')

    soon(fail)
    soon(release.set)
    assert reported() is KeyError


# The threads


def test_the_pool_shrinks_after_a_burst_and_threads_close_what_they_opened(
        monkeypatch: pytest.MonkeyPatch) -> None:
    def descriptors() -> int:
        return len(list(Path('/proc/self/fd').iterdir()))

    shrink_pool()
    before = descriptors()
    monkeypatch.setattr(baton, 'IDLE_LINGER', 0.05)
    release = threading.Event()
    reached = queue.Queue[int]()
    for _ in range(40):
        soon(lambda: (reached.put(1), release.wait(MUST_NOT_EXPIRE)))
    for _ in range(40):
        reached.get(timeout=MUST_NOT_EXPIRE)
    assert len(pool._workers) >= 40
    release.set()
    deadline = time.monotonic() + MUST_NOT_EXPIRE
    while len(pool._workers) > 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(pool._workers) == 2  # the holder and the watcher
    drain()
    assert descriptors() <= before + 1


# run()


def test_run_runs_on_the_calling_thread(record: Recorder) -> None:
    def main(*args: Any) -> None:
        record(args, threading.current_thread() is threading.main_thread())
        timers.setTimeout(lambda: record('timer'), 5)
        timers.nextTick(lambda: record('tick'))

    run(main, 1, 2)
    assert record.events == [((1, 2), True), 'tick', 'timer']


def test_run_raises_what_main_raises() -> None:
    timer = timers.setTimeout(lambda: None, 100_000)
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)
    timer.close()


def test_run_inside_a_callback() -> None:
    def main() -> None:
        with pytest.raises(Exception, match=r'run\(\) was called from a callback'):
            run(lambda: None)

    run(main)


def test_run_ends_with_sys_exit_in_any_callback(record: Recorder) -> None:
    def main() -> None:
        timers.setTimeout(record, 5, 'never')
        timers.setImmediate(sys.exit, 3)
        timers.setImmediate(record, 'never')

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 3
    assert record.events == []
    record.wait_count(2)  # whoever catches it goes on


def test_run_ends_with_sys_exit_although_main_waits(record: Recorder) -> None:
    def main() -> None:
        timers.setTimeout(sys.exit, 5, 4)
        try:
            Waiter().wait()
        finally:
            record('main unwound')

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 4
    assert record.events == ['main unwound']


def test_run_ends_with_sys_exit_although_main_blocks() -> None:
    def main() -> None:
        timers.setTimeout(sys.exit, 20, 5)
        time.sleep(MUST_NOT_EXPIRE)

    began = time.monotonic()
    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 5
    assert time.monotonic() - began < MUST_NOT_EXPIRE / 2


def test_run_waits_for_detached_callbacks(record: Recorder) -> None:
    def main() -> None:
        timers.setTimeout(lambda: (is_over.wait(MUST_NOT_EXPIRE), record('end')), 1)
        timers.setTimeout(lambda: (time.sleep(0.03), record('earlier end'), is_over.set()), 1)

    is_over = threading.Event()
    run(main)
    assert record.events == ['earlier end', 'end']


def test_run_wants_a_function() -> None:
    with pytest.raises(TypeError, match='The "main" argument must be of type function'):
        run(None)  # type: ignore[arg-type]


def test_run_does_not_wait_for_what_is_not_referenced(record: Recorder) -> None:
    def main() -> None:
        timer.append(timers.setTimeout(record, 100_000, 'never').unref())

    timer: list[timers.Timeout] = []
    run(main)
    timer[0].close()
    assert record.events == []


def test_run_in_other_threads_at_the_same_time() -> None:
    done = queue.Queue[int]()

    def program() -> None:
        thread = threading.get_ident()
        def main() -> None:
            assert threading.get_ident() == thread
            timers.setTimeout(done.put, 5, 1)
        run(main)

    threads = [threading.Thread(target=program) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(MUST_NOT_EXPIRE)
        assert not thread.is_alive()
    assert done.qsize() == 4


def test_the_thread_of_run_takes_part_in_the_pool() -> None:
    # With two threads, each blocked in turn, the other one must go on: also the one that called run.
    witness: list[int] = []

    def main() -> None:
        for number in range(6):
            timers.setTimeout(lambda number=number: (time.sleep(0.02), witness.append(number)), 1)

    shrink_pool()
    configure(maxThreads=3)
    run(main)
    assert sorted(witness) == list(range(6))


def test_signal_handlers_run_meanwhile(record: Recorder) -> None:
    import signal
    before = signal.signal(signal.SIGUSR1, lambda number, frame: (record('signal'), timer.close()))
    timer: Any = None

    def main() -> None:
        nonlocal timer
        timer = timers.setTimeout(record, 100_000, 'never')
        with monitor:
            submit(lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1),
                   lambda error, result: None)

    try:
        run(main)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert record.events == ['signal']


# Watching descriptors


def test_a_watch_says_what_is_of_interest(record: Recorder) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        with monitor:
            watch = threadpool.watch(ours, Watcher(
                lambda: (record('readable'), watch.want(False, False)),
                lambda: (record('writable'), watch.want(True, False))))
            watch.want(False, True)
        record.wait_for('writable')
        theirs.send(b'x')
        assert record.wait_count(2) == ['writable', 'readable']
        with monitor:
            watch.want(True, False)
        record.wait_count(3)
        with monitor:
            watch.close()


def test_a_watched_descriptor_that_was_closed_before(record: Recorder) -> None:
    ours, theirs = socket.socketpair()
    with monitor:
        watch = threadpool.watch(ours, Watcher(lambda: record('readable')))
        watch.want(True, False)
    ours.close()
    again, other = socket.socketpair()
    with monitor:
        watch.close()
    with theirs, again, other:
        drain()
    assert record.events == []


def test_callbacks_of_a_watch_that_is_closed_meanwhile_do_not_come(record: Recorder) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    watches: list[Any] = []

    def on_readable() -> None:
        record('readable')
        for watch in watches:
            watch.close()

    with monitor:
        for ours, theirs in pairs:
            theirs.send(b'x')
            watches.append(threadpool.watch(ours, Watcher(on_readable)))
        for watch in watches:
            watch.want(True, False)
    record.wait_count(1)
    drain()
    assert record.events == ['readable']
    for pair in pairs:
        for sock in pair:
            sock.close()


def test_timers_wake_the_poll_of_another_thread(record: Recorder) -> None:
    drain()
    for delay in (200_000, 20, 5):
        with monitor:
            start_timer(delay, record, delay, ref=False)
    assert record.wait_count(2) == [5, 20]
    with monitor:
        for _, _, timer in pool._timers:
            timer.cancel()


def test_immediates_wake_the_poll_of_another_thread(record: Recorder) -> None:
    for number in range(50):
        with monitor:
            set_immediate(record, number)
        record.wait_count(number + 1)
    assert record.events == list(range(50))


def test_the_watcher_looks_on_without_the_monitor_while_callbacks_follow_each_other() -> None:
    thread, seen = worker.Worker(), []
    thread.begin()

    def what_runs() -> tuple[int, worker.Worker]:
        seen.append(len(seen))
        return min(len(seen), 4), thread
    onlooker = worker.Onlooker()
    try:
        with monitor:  # which somebody else has all the while
            looking = threading.Thread(target=onlooker.look_on, args=(thread.gate, 2, what_runs))
            looking.start()
            looking.join(MUST_NOT_EXPIRE)
        assert (len(seen), onlooker.turn, onlooker.times) == (5, 4, 2)
        for period in (MUST_NOT_EXPIRE * 1000, 0):  # also when it is time for the next look just then
            thread.gate.open()
            assert not onlooker.look_on(thread.gate, period, what_runs)
    finally:
        thread.finish()
