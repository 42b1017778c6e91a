"""pipe and unpipe: order, backpressure, failures; Python files as destinations; the legacy Stream."""

import io

from stream_order import data, later, logs, silent, sink, source, watch

from nodehttp.errors import Error
from nodehttp.events import once
from nodehttp.stream import Stream, Transform, Writable
from nodehttp.timers import nextTick, setImmediate, setTimeout


def both(log, r, w):
    return watch(log, r, 'r.'), watch(log, w, 'w.')


@logs('w.pipe', 'True', 'sync True', 'r.resume', '_write b:a', 'r.end', 'r.close', '_write b:b',
      'w.prefinish', 'w.finish', 'r.pause', 'w.unpipe', 'w.close')
def test_pipe(log):
    r, w = both(log, source('a', 'b'), sink(log))
    log(r.pipe(w) is w)
    log(f'sync {r.readableFlowing}')


def instant(log, **options):
    def write(chunk, encoding, callback):
        log('_write', chunk)
        callback()
    return Writable({'write': write, **options})


@logs('w.pipe', 'r.resume', '_write b:a', '_write b:b', 'r.end', 'w.prefinish', 'w.finish', 'r.pause',
      'w.unpipe', 'r.close', 'w.close')
def test_a_destination_that_takes_all_at_once(log):
    r, w = both(log, source('a', 'b'), instant(log))
    r.pipe(w)


@logs('w.pipe', 'r.resume', '_write b:aa', 'r.pause', 'w.drain', 'r.resume', '_write b:bb', 'r.pause',
      'w.drain', 'r.resume', '_write b:cc', 'r.pause', 'r.end', 'r.close', 'w.prefinish', 'w.finish',
      'w.unpipe', 'w.close')
def test_backpressure(log):
    r, w = both(log, source('aa', 'bb', 'cc'), sink(log, highWaterMark=2))
    r.pipe(w)


@logs('w.pipe', 'r.resume', '_write b:aa', 'r.pause', '_write b:bb', 'w.drain', 'r.resume', '_write b:cc',
      'r.end', 'r.close', 'w.prefinish', 'w.finish', 'r.pause', 'w.unpipe', 'w.close')
def test_backpressure_every_other_time(log):
    r, w = both(log, source('aa', 'bb', 'cc'), sink(log, highWaterMark=3))
    r.pipe(w)


@logs('w.pipe', 'r.resume', '_write b:a', 'r.end', 'r.pause', 'w.unpipe', 'r.close')
def test_the_destination_may_be_left_open(log):
    r, w = both(log, source('a'), sink(log))
    r.pipe(w, end=False)


@logs('r.resume', 'r.end', 'r.close', 'w.pipe', 'w.prefinish', 'w.finish', 'r.pause', 'w.unpipe', 'w.close')
def test_the_source_has_ended(log):
    r, w = both(log, source(), sink(log))
    r.resume()
    r.on('close', lambda: r.pipe(w))


@logs('w.pipe', 'v.pipe', 'r.resume', '_write b:a', '_write b:a', 'r.pause', 'v.drain', 'r.resume',
      '_write b:b', '_write b:b', 'r.pause', 'r.end', 'r.close', 'w.prefinish', 'w.finish', 'w.unpipe',
      'w.close', 'v.prefinish', 'v.finish', 'v.unpipe', 'v.close')
def test_two_destinations(log):
    r, w = both(log, source('a', 'b'), sink(log))
    v = watch(log, sink(log, highWaterMark=1), 'v.')
    r.pipe(w)
    r.pipe(v)


@logs('w.pipe', 'v.pipe', 'r.resume', '_write b:a', 'r.pause', 'v_write b:a', 'w.drain', 'v.drain',
      'r.resume', '_write b:b', 'r.pause', 'v_write b:b', 'r.end', 'r.close', 'w.prefinish', 'w.finish',
      'w.unpipe', 'w.close', 'v.prefinish', 'v.finish', 'v.unpipe', 'v.close')
def test_the_slowest_destination_sets_the_pace(log):
    def slow(chunk, encoding, callback):
        log('v_write', chunk)
        setTimeout(callback, 3)
    r, w = both(log, source('a', 'b'), sink(log, highWaterMark=1))
    v = watch(log, Writable(highWaterMark=1, write=slow), 'v.')
    r.pipe(w)
    r.pipe(v)


@logs('w.pipe', 'r.resume', '_write b:a', 'r.pause', 'w.unpipe', 'False', '1', 'False', 'w.pipe',
      '_write b:b', 'r.resume', 'r.end', 'r.close', 'w.prefinish', 'w.finish', 'r.pause', 'w.unpipe',
      'w.close')
def test_unpipe(log):
    r, w = both(log, silent(), sink(log))
    r.pipe(w)

    def unpipe():
        r.push('a')
        r.unpipe(w)
        log(r.readableFlowing)
        r.push('b')
        log(r.readableLength)

    def again():
        log(r.readableFlowing)
        r.pipe(w)
        r.push(None)
    later(unpipe, again)


@logs('w.pipe', 'v.pipe', 'r.pause', 'w.unpipe', 'v.unpipe', 'False', 'r.resume')
def test_unpipe_from_all(log):
    r, w = both(log, silent(), sink(log))
    v = watch(log, sink(log), 'v.')
    r.pipe(w)
    r.pipe(v)
    r.unpipe()
    log(r.readableFlowing)
    r.unpipe()


@logs('w.pipe', 'True', 'True', 'r.resume')
def test_unpipe_from_a_stranger(log):
    r, w = both(log, silent(), sink(log))
    v = watch(log, sink(log), 'v.')
    r.pipe(w)
    log(r.unpipe(v) is r)
    log(r.readableFlowing)


@logs('w.pipe', 'v.pipe', 'w.unpipe', 'True', 'r.resume', '_write b:x', 'r.end', 'r.close', 'v.prefinish',
      'v.finish', 'r.pause', 'v.unpipe', 'v.close')
def test_unpipe_from_one_of_two(log):
    r, w = both(log, silent(), sink(log))
    v = watch(log, sink(log), 'v.')
    r.pipe(w)
    r.pipe(v)
    r.unpipe(w)
    log(r.readableFlowing)
    r.push('x')
    r.push(None)


@logs('w.pipe', 'r.resume', '_write b:aa', 'r.pause', 'flowing False', 'w.unpipe', 'flowing False',
      'w.drain', 'resume', 'r.resume', 'r.end', 'r.close')
def test_unpipe_while_the_destination_is_full(log):
    r, w = both(log, source('aa', 'bb', 'cc'), sink(log, highWaterMark=1))
    r.pipe(w)

    def unpipe():
        log(f'flowing {r.readableFlowing}')
        r.unpipe(w)
        log(f'flowing {r.readableFlowing}')
        setTimeout(lambda: (log('resume'), r.resume()), 2)
    nextTick(lambda: nextTick(unpipe))


@logs('w.pipe', 'w.pipe', 'r.resume', '_write b:a', 'r.end', 'r.close', '_write b:a', 'w.prefinish',
      'w.finish', 'w.unpipe', 'r.pause', 'w.unpipe', 'w.close')
def test_pipe_twice_to_the_same(log):
    r, w = both(log, source('a'), sink(log))
    r.pipe(w)
    r.pipe(w)


def failing(log, **options):
    def write(chunk, encoding, callback):
        log('_write', chunk)
        setImmediate(callback, Error('w'))
    return Writable(write=write, highWaterMark=1, **options)


@logs('w.pipe', 'r.resume', '_write b:a', 'r.pause', 'w.unpipe', 'w.error Error:w', 'w.close',
      'False False')
def test_the_destination_fails(log):
    r, w = both(log, source('a', 'b', 'c', highWaterMark=1), failing(log))
    r.pipe(w)
    w.on('close', lambda: setTimeout(lambda: log(r.readableFlowing, r.destroyed), 1))


@logs('r.resume', '_write b:a', 'r.pause', 'uncaught Error:w')
def test_the_destination_fails_and_nobody_listens(log):
    watch(log, source('a', 'b', 'c', highWaterMark=1), 'r.').pipe(failing(log))


@logs('w.pipe', 'r.resume', '_write b:a', 'r.error Error:s', 'r.close', 'False False')
def test_the_source_fails(log):
    r, w = both(log, silent(), sink(log))
    r.pipe(w)
    setImmediate(lambda: (r.push('a'), r.destroy(Error('s'))))
    r.on('close', lambda: setTimeout(lambda: log(w.destroyed, w.writableEnded), 1))


@logs('w.pipe', 'r.resume', '_write b:a', 'r.close', 'False False')
def test_the_source_is_destroyed(log):
    r, w = both(log, silent(), sink(log))
    r.pipe(w)
    setImmediate(lambda: (r.push('a'), r.destroy()))
    r.on('close', lambda: setTimeout(lambda: log(w.destroyed, w.writableEnded), 1))


@logs('w.pipe', 'r.resume', 'r.pause', 'w.close', 'w.unpipe', 'False False')
def test_the_destination_is_destroyed(log):
    r, w = both(log, source('a', 'b'), sink(log))
    r.pipe(w)
    w.destroy()
    setTimeout(lambda: log(r.destroyed, r.readableFlowing), 3)


@logs('w.pipe', 'w.prefinish', 'r.resume', 'w.finish', 'r.pause', 'w.unpipe', 'w.close', 'False')
def test_the_destination_is_ended(log):
    r, w = both(log, silent(), sink(log))
    r.pipe(w)
    w.end()
    setImmediate(lambda: (log(r.readableFlowing), r.push('x')))


@logs('w.prefinish', 'w.pipe', 'w.finish', 'r.pause', 'w.unpipe', 'r.resume', 'w.close')
def test_the_destination_was_ended(log):
    r, w = both(log, source('a', 'b'), sink(log))
    w.end()
    r.pipe(w)


@logs('_write b:xx', 'w.pipe', 'r.pause', 'False', 'r.resume', 'w.drain', 'r.resume', '_write b:a',
      'r.pause', 'r.end', 'r.close', 'w.prefinish', 'w.finish', 'w.unpipe', 'w.close')
def test_the_destination_is_full_already(log):
    r, w = both(log, source('a'), sink(log, highWaterMark=1))
    w.write('xx')
    r.pipe(w)
    log(r.readableFlowing)


@logs('r.pause', 'w.pipe', 'True', 'r.resume', '_write b:a', 'r.end', 'r.close', 'w.prefinish', 'w.finish',
      'r.pause', 'w.unpipe', 'w.close')
def test_pipe_undoes_pause(log):
    r, w = both(log, source('a'), sink(log))
    r.pause()
    r.pipe(w)
    log(r.readableFlowing)


@logs('w.pipe', 'r.pause', 'r.resume', 'False', '_write b:x', 'r.resume', 'r.end', 'r.close', 'w.prefinish',
      'w.finish', 'r.pause', 'w.unpipe', 'w.close')
def test_pause_holds_a_pipe(log):
    r, w = both(log, silent(), sink(log))
    r.pipe(w)
    r.pause()
    r.push('x')
    setImmediate(lambda: (log(r.readableFlowing), r.resume(), r.push(None)))


@logs('w.pipe', 'r.resume', 'r.data b:aa', '_write b:aa', 'r.pause', 'w.drain', 'r.resume', 'r.data b:bb',
      '_write b:bb', 'r.pause', 'r.end', 'r.close', 'w.prefinish', 'w.finish', 'w.unpipe', 'r.resume',
      'w.close')
def test_a_data_listener_beside_a_pipe(log):
    r, w = both(log, source('aa', 'bb'), sink(log, highWaterMark=1))
    data(log, r, 'r.')
    r.pipe(w)


@logs('w.pipe', 'r.resume', '_write b:aabb', 'readable b:aabb', 'readable None', 'r.end', 'r.close',
      'w.prefinish', 'w.finish', 'w.unpipe', 'w.close')
def test_a_readable_listener_beside_a_pipe(log):
    r, w = both(log, source('aa', 'bb'), sink(log))
    r.on('readable', lambda: log('readable', r.read()))
    r.pipe(w)


@logs('t.pipe', 'w.pipe', 'r.resume', '_write b:A', 't.resume', 'r.end', 't.prefinish', 't.end', 't.finish',
      'r.pause', 't.unpipe', 'r.close', 't.close', '_write b:B', 'w.prefinish', 'w.finish', 't.pause',
      'w.unpipe', 'w.close')
def test_a_chain(log):
    r, w = both(log, source('a', 'b'), sink(log))
    upper = Transform(transform=lambda chunk, encoding, callback: callback(None, chunk.upper()))
    t = watch(log, upper, 't.')
    r.pipe(t).pipe(w)


@logs('w.pipe', 'r.resume', 'r.pause', 'w.unpipe', 'w.error Error:mine', 'w.close', 'r.end', 'r.close')
def test_write_of_the_destination_raises(log):
    def write():
        raise Error('mine')
    r, w = both(log, source('a', 'b'), sink(log))
    w.write = lambda chunk: write()
    r.pipe(w)


@logs('w.pipe', 'r.resume', 'mine b:a', '_write b:a', 'mine b:b', 'r.end', 'r.close', '_write b:b',
      'w.prefinish', 'w.finish', 'r.pause', 'w.unpipe', 'w.close')
def test_write_of_the_destination_was_replaced(log):
    r, w = both(log, source('a', 'b'), sink(log))
    original = w.write

    def mine(chunk):
        log('mine', chunk)
        return original(chunk)
    w.write = mine
    r.pipe(w)


def test_listeners_are_removed():
    r, w = silent(), sink(print)
    r.pipe(w)
    assert r.eventNames() == ['end', 'data']
    assert sorted(w.eventNames()) == ['close', 'error', 'finish', 'unpipe']
    r.unpipe(w)
    assert r.eventNames() == w.eventNames() == []


@logs('w.pipe', 'r.resume', '_write b:a', 'r.end', 'r.pause', 'w.unpipe',
      'w.error ERR_STREAM_WRITE_AFTER_END:write after end', 'w.close', 'r.close')
def test_the_destination_is_written_to_after_the_pipe_ended_it(log):
    r, w = both(log, source('a'), sink(log))
    r.pipe(w)
    r.on('end', lambda: w.end('z'))


@logs('w.pipe', 'r.resume', '_write b:a', 'r.pause', 'w.unpipe', 'False 2')
def test_unpipe_in_a_data_listener(log):
    r, w = both(log, source('a', 'b', 'c'), sink(log))
    r.pipe(w)
    r.once('data', lambda: r.unpipe(w))
    setTimeout(lambda: log(f'{r.readableFlowing} {r.readableLength}'), 3)


@logs('w.pipe', 'True', '_write b:a', '_write b:b', 'w.prefinish', 'w.finish', 'w.close')
def test_legacy_pipe(log):
    s = Stream()
    s.readable = True
    w = watch(log, sink(log), 'w.')
    log(s.pipe(w) is w)
    s.emit('data', 'a')
    s.emit('data', 'b')
    s.emit('end')
    s.emit('close')


@logs('w.pipe', '_write b:a', 's.pause', 'w.drain', 's.resume', 'w.close')
def test_legacy_backpressure(log):
    s = Stream()
    s.readable = True
    s.pause = lambda: log('s.pause')
    s.resume = lambda: log('s.resume')
    w = watch(log, sink(log, highWaterMark=1), 'w.')
    s.pipe(w)
    s.emit('data', 'a')
    setTimeout(lambda: s.emit('close'), 2)


@logs('w.pipe', 'threw Error:s', '0')
def test_legacy_error(log):
    s = Stream()
    s.pipe(watch(log, sink(log), 'w.'))
    try:
        s.emit('error', Error('s'))
    except Error as error:
        log('threw', error)
    log(s.listenerCount('data'))


def test_a_python_file_is_flushed_and_left_open(record, tmp_path):
    with open(tmp_path / 'copy', 'wb') as file:
        w = source(b'a' * 100_000, b'b').pipe(file)
        w.on('finish', lambda: record('finish', (tmp_path / 'copy').read_bytes()))
        assert record.wait_count(1) == [('finish', b'a' * 100_000 + b'b')]
        assert not file.closed


def test_the_pipe_to_a_python_file_can_be_undone():
    r, file = silent(), io.BytesIO()
    r.pipe(file)
    assert r.listenerCount('data') == 1
    r.unpipe(file)
    assert r.listenerCount('data') == 0


class Unwilling(io.RawIOBase):
    """A file that takes three bytes at a time, and nothing after ten."""

    def __init__(self):
        super().__init__()
        self.taken = b''

    def writable(self):
        return True

    def write(self, data):
        if len(self.taken) > 10:
            raise OSError(28, 'No space left on device')
        self.taken += bytes(data[:3])
        return len(data[:3])


def test_a_raw_file_takes_a_part_at_a_time(record):
    file = Unwilling()
    source(b'0123456789').pipe(file).on('finish', lambda: record(file.taken))
    assert record.wait_count(1) == [b'0123456789']


def test_a_python_file_fails(record):
    w = source(b'0123456789abcdef').pipe(Unwilling())
    w.on('error', lambda error: record('error', error.errno))
    w.on('close', lambda: record('close'))
    assert record.wait_for('close') == [('error', 28), 'close']


def test_text_files_are_written_to_below_the_text():
    stream = io.TextIOWrapper(io.BytesIO())
    stream.write('before ')
    once(source(b'bytes').pipe(stream), 'finish', timeout=5)
    assert stream.buffer.getvalue() == b'before bytes'


