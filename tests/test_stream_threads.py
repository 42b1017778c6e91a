"""Streams and threads: blocking listeners, pushes and writes from anywhere, nothing lost, nothing at once."""

import queue
import random
import threading
import time

import pytest

from nodehttp import threadpool, timers
from nodehttp.events import once
from nodehttp.stream import PassThrough, Readable, Transform, Writable, finished, pipeline, promises
from nodehttp.timers import setImmediate


def silent(**options):
    return Readable({'read': lambda: None, **options})


class Alone:
    """Notes whether it is ever entered by two threads at the same time."""

    def __init__(self):
        self.overlaps = 0
        self._inside = False

    def __enter__(self):
        self.overlaps += self._inside
        self._inside = True

    def __exit__(self, *exception):
        self._inside = False


def test_listeners_that_block_neither_overlap_nor_change_the_order(record):
    # 1. A timer pushes a chunk, its listener blocks. 2. The baton goes on. 3. The next timer pushes another.
    r, alone = silent(), Alone()

    def listener(chunk):
        with alone:
            time.sleep(0.012)
            record(chunk)
    r.on('data', listener)
    r.on('end', lambda: record('end'))
    chunks = [b'%d' % number for number in range(6)]
    rest = [*chunks, None]

    def push():
        if rest:
            r.push(rest.pop(0))
        else:
            timers.clearInterval(interval)
    interval = timers.setInterval(push, 1)
    assert record.wait_for('end') == [*chunks, 'end']
    assert alone.overlaps == 0


def test_pushes_of_a_foreign_thread_are_delivered_in_callbacks(record):
    r = silent()
    r.on('data', lambda chunk: record(threading.current_thread().name))
    r.on('end', lambda: record('end'))
    record.wait(lambda events: True)
    for _ in range(20):
        r.push(b'x')
    r.push(None)
    assert set(record.wait_for('end')[:-1]) == {'nodehttp'}


def test_several_threads_push(record):
    r = silent(objectMode=True)
    r.on('data', record)

    def push(name):
        for number in range(100):
            r.push((name, number))
    threads = [threading.Thread(target=push, args=(name,)) for name in 'abc']
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = record.wait_count(300)
    for name in 'abc':
        assert [event for event in events if event[0] == name] == [(name, number) for number in range(100)]


def test_a_pipe_with_blocking_hooks_loses_nothing(record):
    written, alone = [], Alone()

    def transform(chunk, encoding, callback):
        time.sleep(random.choice((0, 0, 0.007)))
        callback(None, chunk)

    def write(chunk, encoding, callback):
        with alone:
            time.sleep(random.choice((0, 0, 0.007)))
            written.append(chunk)
        threading.Thread(target=callback).start() if random.random() < 0.3 else callback()
    rest = [b'%d ' % number for number in range(60)]
    r = Readable(highWaterMark=10, read=lambda: r.push(rest.pop(0) if rest else None))
    t = Transform(highWaterMark=10, transform=transform)
    r.pipe(t).pipe(Writable(highWaterMark=10, write=write)).on('finish', lambda: record('finish'))
    record.wait_for('finish')
    assert b''.join(written) == b''.join(b'%d ' % number for number in range(60))
    assert alone.overlaps == 0


@pytest.mark.parametrize('seed', range(8))
def test_destroy_at_a_random_moment(record, seed):
    # Whatever happens when: one 'close' each, and everybody who waits is told.
    choose = random.Random(seed)
    for _ in range(10):
        r, t = silent(), PassThrough()
        w = Writable(write=lambda chunk, encoding, callback: setImmediate(callback))
        for stream in (r, t, w):
            stream.on('close', lambda: record('close'))
        pipeline(r, t, w, lambda error: record('done'))
        finished(w, lambda error: record('finished'))

        def feed(r=r):
            for _ in range(20):
                r.push(b'x' * 1000)
            r.push(None)
        thread = threading.Thread(target=feed)
        thread.start()
        for _ in range(choose.randrange(3000)):
            pass
        choose.choice((r, t, w)).destroy()
        thread.join()
    events = record.wait_count(50)
    assert sorted(events) == ['close'] * 30 + ['done'] * 10 + ['finished'] * 10


@pytest.mark.parametrize('seed', range(4))
def test_an_iteration_ends_whatever_happens(seed):
    choose = random.Random(seed)
    for _ in range(15):
        r = silent()
        delay, fails = choose.randrange(2000), choose.random() < 0.5

        def feed(r=r, delay=delay, fails=fails):
            for _ in range(5):
                r.push(b'x')
            for _ in range(delay):
                pass
            if fails:
                r.destroy()
            else:
                r.push(None)
        thread = threading.Thread(target=feed)
        thread.start()
        try:
            received = b''.join(r)
        except Exception as error:
            assert error.code == 'ERR_STREAM_PREMATURE_CLOSE'
        else:
            assert received == b'xxxxx'
        thread.join()


def test_a_waiting_callback_and_a_thread_iterate_side_by_side(record):
    def loop(r):
        for chunk in r:
            record(chunk)
    streams = [silent(), silent()]
    setImmediate(loop, streams[0])
    thread = threading.Thread(target=loop, args=(streams[1],))
    thread.start()
    for r in streams:
        r.push('x')
        r.push(None)
    assert record.wait_count(2) == [b'x', b'x']
    thread.join()


def test_listeners_of_the_next_lines_are_in_time():
    # On streams that have been in use for long, too: what this thread starts waits until it waits.
    for _ in range(100):
        t = PassThrough()
        t.on('close', lambda: None)
        with threadpool.blocking():
            pass
        t.write('x')
        chunks = []
        t.on('data', chunks.append)
        t.end()
        once(t, 'end', timeout=5)
        assert chunks == [b'x']


def test_promises_wait_in_a_callback_without_stopping_others(record):
    def waits():
        r = silent()
        timers.setTimeout(lambda: r.push(None), 20)
        promises.pipeline(r, Writable(write=lambda chunk, encoding, callback: callback()))
        record('done')
    setImmediate(waits)
    timers.setTimeout(lambda: record('meanwhile'), 5)
    assert record.wait_count(2) == ['meanwhile', 'done']


def write_with_pauses(calls):
    """Options: write each chunk, with some time before the hook calls back and after that."""
    def write(chunk, encoding, callback):
        with calls:
            calls.chunks.append(chunk)
            calls.pause()
            callback()
            calls.pause()
    return {'write': write}


def write_by_others(calls):
    """Options: another thread calls back, while the hook goes on."""
    def write(chunk, encoding, callback):
        with calls:
            calls.chunks.append(chunk)
            threading.Thread(target=callback).start()
            calls.pause()
    return {'write': write}


def write_together(calls):
    """Options: write all chunks that wait at once."""
    def writev(items, callback):
        with calls:
            calls.chunks.extend(item.chunk for item in items)
            calls.pause()
            callback()
            calls.pause()
    return {'writev': writev}


class Calls:
    """What a hook is called with. (A callback may call it again, on the same thread, as in Node.)"""

    def __init__(self):
        self.overlaps = 0
        self.chunks = []
        self._callers = []

    def __enter__(self):
        self.overlaps += self._callers not in ([], [threading.get_ident()])
        self._callers.append(threading.get_ident())

    def __exit__(self, *exception):
        self._callers.pop()

    def pause(self):
        """Let other threads run."""
        time.sleep(random.choice((0, 0, 0.0005)))


@pytest.mark.parametrize('hook', [write_with_pauses, write_by_others, write_together])
def test_several_threads_write(record, hook):
    calls, written = Calls(), {letter: [] for letter in 'abc'}
    stream = Writable(hook(calls), highWaterMark=20)

    def write(letter):
        for number in range(40):
            done = written[letter].append
            if not stream.write(f'{letter}{number}', lambda error, number=number, done=done: done(number)):
                once(stream, 'drain', timeout=10)
    threads = [threading.Thread(target=write, args=(letter,)) for letter in 'abc']
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stream.end(lambda error: record('finish'))
    record.wait_for('finish')
    assert calls.overlaps == 0
    for letter in 'abc':
        assert [chunk for chunk in calls.chunks if chunk.startswith(letter.encode())] == [
            b'%s%d' % (letter.encode(), number) for number in range(40)]
        assert written[letter] == list(range(40))


class Written:
    """A Writable that counts as full at once, and a thread that writes what it is given."""

    def __init__(self):
        self._callbacks = queue.SimpleQueue()
        self._thread = None
        self.stream = Writable(
            highWaterMark=1, write=lambda chunk, encoding, callback: self._callbacks.put(callback))

    def write_out(self):
        """Write from now on."""
        self._thread = threading.Thread(target=self._call_back, daemon=True)
        self._thread.start()

    def _call_back(self):
        while (callback := self._callbacks.get()) is not None:
            callback()

    def stop(self):
        """Write no more."""
        self._callbacks.put(None)
        self._thread.join()


def test_the_drain_that_the_next_line_waits_for(record):
    # 1. A thread writes too much. 2. Another one has written it at once. 3. Only now the first one listens.
    written = Written()
    written.write_out()
    for number in range(20):
        if written.stream.write(b'x'):
            record('drain')
        else:
            time.sleep(0.001)  # time enough for the others
            written.stream.once('drain', lambda: record('drain'))
        record.wait_count(number + 1)
    written.stop()


def test_the_drain_that_several_threads_wait_for(record):
    # 1. Two threads write too much. 2. One waits for 'drain'. 3. It comes before the other one listens.
    both_have_written = threading.Barrier(2, timeout=10)

    def write_and_wait(stream):
        assert not stream.write(b'x')
        both_have_written.wait()
        once(stream, 'drain', timeout=10)
        record('drain')

    for _ in range(5):
        written = Written()
        written.stream.on('close', lambda: None)
        thread = threading.Thread(target=write_and_wait, args=(written.stream,), daemon=True)
        thread.start()
        assert not written.stream.write(b'x')
        both_have_written.wait()
        written.write_out()
        time.sleep(0.002)  # time enough for the others
        written.stream.once('drain', lambda: record('drain'))
        record.wait_count(2)
        thread.join()
        written.stop()
        record.events.clear()
