"""Iteration, which waits, and Readable.from_."""

import io
import threading

import pytest
from stream_order import data, logs, show, silent, source, watch

from nodehttp.errors import Error
from nodehttp.events import EventEmitter
from nodehttp.stream import Duplex, Readable
from nodehttp.timers import nextTick, setImmediate, sleep


def iterate(log, iterable, label='got', body=lambda: None):
    """A loop as a program would write it; says how it ended."""
    try:
        for chunk in iterable:
            log(label, chunk)
            if body() is BREAK:
                break
    except Exception as error:
        log('rejected ' + show(error))
        return False
    return True


BREAK = object()


@logs('got b:a', 'got b:b', 'end', 'close', 'done True')
def test_iteration(log):
    r = watch(log, source('a', 'b', highWaterMark=1))
    iterate(log, r)
    log('done', r.destroyed)


@logs('got b:ab', 'got b:c', 'end', 'close', 'done True True')
def test_iteration_waits(log):
    r = watch(log, silent())
    setImmediate(lambda: (r.push('a'), r.push('b'), setImmediate(lambda: (r.push('c'), r.push(None)))))
    iterate(log, r)
    log('done', r.destroyed, r.closed)


@logs('got b:a', 'done True', 'error ABORT_ERR:The operation was aborted', 'close')
def test_break_destroys(log):
    r = watch(log, source('a', 'b', highWaterMark=1))
    iterate(log, r, body=lambda: BREAK)
    log('done', r.destroyed)


@logs('got b:a', 'rejected Error:L', 'error ABORT_ERR:The operation was aborted', 'close')
def test_an_exception_in_the_loop_destroys(log):
    def fail():
        raise Error('L')
    iterate(log, watch(log, source('a', 'b', highWaterMark=1)), body=fail)


@logs('got b:a', 'error Error:x', 'close', 'rejected Error:x')
def test_an_error_ends_the_loop(log):
    r = watch(log, silent())
    r.push('a')
    setImmediate(lambda: r.destroy(Error('x')))
    iterate(log, r)


@logs('error Error:x', 'close', 'rejected Error:x')
def test_an_error_comes_before_what_is_buffered(log):
    r = watch(log, silent())
    r.push('a')
    r.destroy(Error('x'))
    iterate(log, r)


@logs('got b:a', 'close', 'rejected ERR_STREAM_PREMATURE_CLOSE:Premature close')
def test_a_premature_close_ends_the_loop(log):
    r = watch(log, silent())
    r.push('a')
    setImmediate(lambda: r.destroy())
    iterate(log, r)


@logs('close', 'rejected ERR_STREAM_PREMATURE_CLOSE:Premature close')
def test_closed_before(log):
    r = watch(log, silent())
    r.destroy()
    iterate(log, r)


@logs('resume', 'end', 'close', 'done')
def test_ended_before(log):
    r = watch(log, source())
    r.resume()
    setImmediate(lambda: (iterate(log, r), log('done')))


@logs('got b:a', 'end', 'close', 'done')
def test_a_second_loop_is_empty(log):
    r = watch(log, source('a'))
    iterate(log, r)
    iterate(log, r, 'got2')
    log('done')


@logs('got b:a', 'close', 'rejected ERR_STREAM_PREMATURE_CLOSE:Premature close')
def test_destroy_in_the_loop(log):
    r = watch(log, source('a', 'b', highWaterMark=1))
    if iterate(log, r, body=lambda: r.destroy() and None):
        log('done')


@logs('got b:a', 'error Error:q', 'close', 'rejected Error:q')
def test_destroy_with_an_error_in_the_loop(log):
    r = watch(log, source('a', 'b', highWaterMark=1))
    if iterate(log, r, body=lambda: r.destroy(Error('q')) and None):
        log('done')


@logs('got b:a', 'False', 'got2 b:b', 'got2 b:c', 'end', 'close')
def test_a_loop_that_may_be_left(log):
    r = watch(log, source('a', 'b', 'c'))
    iterate(log, r.iterator(destroyOnReturn=False), body=lambda: BREAK)
    log(r.destroyed)
    iterate(log, r, 'got2')


@logs('got b:a', 'True', 'error ABORT_ERR:The operation was aborted', 'close')
def test_a_loop_that_destroys(log):
    r = watch(log, source('a', 'b', 'c', highWaterMark=1))
    iterate(log, r.iterator({'destroyOnReturn': True}), body=lambda: BREAK)
    log(r.destroyed)


@logs('got €', 'end', 'close')
def test_iteration_over_text(log):
    r = watch(log, silent())
    r.setEncoding('utf8')
    r.push(b'\xe2\x82')
    setImmediate(lambda: (r.push(b'\xac'), r.push(None)))
    iterate(log, r)


@logs('got 1', 'got 2', 'got 3', 'end', 'close')
def test_iteration_over_objects(log):
    iterate(log, watch(log, Readable.from_([1, 2, 3])))


@logs('got b:a', 'done True', 'error ABORT_ERR:The operation was aborted', 'close')
def test_break_destroys_without_auto_destroy(log):
    r = watch(log, source('a', 'b', autoDestroy=False, highWaterMark=1))
    iterate(log, r, body=lambda: BREAK)
    log('done', r.destroyed)


@logs('got b:a', 'got b:b', 'end', 'done False')
def test_iteration_without_auto_destroy(log):
    r = watch(log, source('a', 'b', autoDestroy=False, highWaterMark=1))
    iterate(log, r)
    log('done', r.destroyed)


@logs('end', 'done True', 'error ABORT_ERR:The operation was aborted', 'close')
def test_iteration_over_a_duplex(log):
    d = watch(log, Duplex(read=lambda: d.push(None), write=lambda chunk, encoding, callback: callback()))
    iterate(log, d)
    log('done', d.destroyed)


@logs('got b:x1', 'got b:x2', 'got b:x3', 'end', 'close')
def test_one_chunk_at_a_time(log):
    count = 0

    def push():
        nonlocal count
        count += 1
        r.push(f'x{count}' if count <= 3 else None)
    r = watch(log, Readable(highWaterMark=1, read=lambda: setImmediate(push)))
    iterate(log, r)


def test_iteration_in_a_thread_of_ones_own():
    r = silent()

    def push():
        for number in range(100):
            r.push(f'{number} ')
        r.push(None)
    thread = threading.Thread(target=push)
    thread.start()
    assert b''.join(r) == b''.join(b'%d ' % number for number in range(100))
    thread.join()


@logs('first a', 'second a', 'first b', 'second b', 'first done', 'second done')
def test_waiting_loops_take_turns(log):
    def loop(name):
        r = silent(objectMode=True)
        streams.append(r)
        for chunk in r:
            log(name, chunk)
        log(name, 'done')
    streams = []
    setImmediate(loop, 'first')
    setImmediate(loop, 'second')

    def push(chunk):
        for r in streams:
            r.push(chunk)

    def feed():
        for chunk in ('a', 'b', None):
            sleep(2)
            push(chunk)
    setImmediate(feed)


@logs('True 16', 'resume', 'data hello', 'end', 'close')
def test_from_a_string(log):
    r = watch(log, Readable.from_('hello'))
    log(r.readableObjectMode, r.readableHighWaterMark)
    data(log, r)


@logs('True 16', 'resume', 'data b:hello', 'end', 'close')
def test_from_bytes(log):
    r = watch(log, Readable.from_(b'hello'))
    log(r.readableObjectMode, r.readableHighWaterMark)
    data(log, r)


@logs('True 1', 'resume', 'data a', 'data 1', 'data c', 'tick', 'end', 'close')
def test_from_a_list(log):
    r = watch(log, Readable.from_(['a', 1, 'c']))
    log(r.readableObjectMode, r.readableHighWaterMark)
    data(log, r)
    nextTick(lambda: log('tick'))


@logs('False 1', 'resume', 'data b:a', 'data b:b', 'end', 'close')
def test_from_a_list_of_strings_as_bytes(log):
    r = watch(log, Readable.from_(['a', 'b'], {'objectMode': False}))
    log(r.readableObjectMode, r.readableHighWaterMark)
    data(log, r)


@logs('resume', 'data a', 'error ERR_STREAM_NULL_VALUES:May not write null values to stream', 'close')
def test_from_a_list_with_none(log):
    data(log, watch(log, Readable.from_(['a', None])))


def test_from_what_cannot_be_iterated():
    with pytest.raises(TypeError) as caught:
        Readable.from_(5)
    assert caught.value.message == (
        'The "iterable" argument must be an instance of Iterable. Received type number (5)')


@logs('resume', 'data 1', 'error Error:gen', 'close')
def test_from_a_generator_that_raises(log):
    def generate():
        yield 1
        raise Error('gen')
    data(log, watch(log, Readable.from_(generate())))


def generate(log):
    try:
        yield from (1, 2, 3)
    except Exception as error:
        log('caught', error)
    finally:
        log('finally')


# A generator is asked in a tick of its own, as it may block: Node has the second item by now.
@logs('resume', 'data 1', 'finally', 'close')
def test_destroy_closes_the_generator(log):
    r = watch(log, Readable.from_(generate(log)))
    r.on('data', lambda chunk: (log('data', chunk), r.destroy()))


@logs('resume', 'data 1', 'caught Error:d', 'finally', 'error Error:d', 'close')
def test_destroy_raises_in_the_generator(log):
    r = watch(log, Readable.from_(generate(log)))
    r.on('data', lambda chunk: (log('data', chunk), r.destroy(Error('d'))))


def test_from_a_generator_that_blocks(record):
    go = threading.Event()

    def generate():
        yield 'a'
        go.wait(10)
        yield 'b'
    r = Readable.from_(generate())
    r.on('data', record)
    r.on('end', lambda: record('end'))
    record.wait_count(1)
    setImmediate(lambda: record('others go on'))
    record.wait_count(2)
    go.set()
    assert record.wait_for('end') == ['a', 'others go on', 'b', 'end']


def test_destroy_while_the_generator_runs(record):
    go = threading.Event()

    def generate():
        try:
            record('inside')
            go.wait(10)
            yield 'a'
        finally:
            record('finally')
    r = Readable.from_(generate())
    r.on('data', record)
    r.on('close', lambda: record('close'))
    record.wait_for('inside')
    r.destroy()
    go.set()
    assert record.wait_for('close') == ['inside', 'finally', 'close']


def test_from_a_binary_file(tmp_path):
    r = Readable.from_(io.BytesIO(b'x' * 100_000))
    assert not r.readableObjectMode
    assert b''.join(r) == b'x' * 100_000


@logs('resume', 'data b:a', 'data b:b', 'end', 'close')
def test_wrap(log):
    old = EventEmitter()
    old.pause = lambda: log('o.pause')
    old.resume = lambda: log('o.resume')
    r = watch(log, Readable().wrap(old))
    data(log, r)
    old.emit('data', b'a')
    setImmediate(lambda: (old.emit('data', b'b'), old.emit('end')))
