"""Duplex, Transform, PassThrough, duplexPair."""

from stream_order import data, later, logs, show, watch

from nodehttp.errors import Error
from nodehttp.stream import Duplex, PassThrough, Readable, Stream, Transform, Writable, duplexPair
from nodehttp.timers import setImmediate


def state(d):
    return ','.join(map(show, (d.readable, d.writable, d.readableEnded, d.writableEnded, d.writableFinished,
                               d.destroyed, d.closed, d.allowHalfOpen)))


def duplex(log, **options):
    def write(chunk, encoding, callback):
        log('_write', chunk)
        callback()
    return watch(log, Duplex({'read': lambda: None, 'write': write, **options}))


@logs('_write b:w', 'prefinish', 'True,False,False,True,False,False,False,True', 'resume', 'data b:r',
      'finish', 'end', 'close', 'False,False,True,True,True,True,True,True')
def test_both_sides_end(log):
    d = duplex(log)
    data(log, d)
    d.push('r')
    d.push(None)
    d.end('w')
    log(state(d))
    d.on('close', lambda: log(state(d)))


@logs('resume', 'end', 'False,True,True,False,False,False,False,True', '_write b:w', 'prefinish', 'finish',
      'close')
def test_the_readable_side_ends_first(log):
    d = duplex(log)
    data(log, d)
    d.push(None)
    setImmediate(lambda: (log(state(d)), d.end('w')))


@logs('_write b:w', 'prefinish', 'finish', 'True,False,False,True,True,False,False,True', 'resume', 'end',
      'close')
def test_the_writable_side_ends_first(log):
    d = duplex(log)
    d.end('w')
    setImmediate(lambda: (log(state(d)), d.resume(), d.push(None)))


@logs('resume', 'end', 'prefinish', 'finish', 'close', 'False,False,True,True,True,True,True,False')
def test_without_half_open(log):
    d = duplex(log, allowHalfOpen=False)
    data(log, d)
    d.push(None)
    setImmediate(lambda: log(state(d)))


@logs('_write', 'resume', 'end', 'prefinish', 'finish', 'close')
def test_without_half_open_a_write_is_completed(log):
    def write(chunk, encoding, callback):
        log('_write')
        setImmediate(callback)
    d = duplex(log, allowHalfOpen=False, write=write)
    data(log, d)
    d.write('a')
    d.push(None)


@logs('resume', 'end', 'prefinish', 'finish', 'close')
def test_half_open_can_be_set_later(log):
    d = duplex(log)
    d.allowHalfOpen = False
    data(log, d)
    d.push(None)


@logs('False,True,True,False,False,False,False,True', '_write b:a', 'prefinish', 'resume', 'finish',
      'close')
def test_without_a_readable_side(log):
    d = duplex(log, readable=False)
    log(state(d))
    data(log, d)
    d.end('a')


@logs('True,False,False,True,True,False,False,True', 'resume', 'data b:a', 'end', 'close')
def test_without_a_writable_side(log):
    d = duplex(log, writable=False)
    log(state(d))
    data(log, d)
    d.push('a')
    d.push(None)


@logs('False', 'cb ERR_STREAM_WRITE_AFTER_END:write after end',
      'error ERR_STREAM_WRITE_AFTER_END:write after end', 'close')
def test_write_without_a_writable_side(log):
    d = duplex(log, writable=False)
    log(d.write('a', lambda error: log('cb', error)))


@logs('_write b:x', 'False,False,False,False,False,True,True,True Error:d', 'resume', 'cb None',
      'error Error:d', 'close')
def test_destroy(log):
    d = duplex(log)
    data(log, d)
    d.write('x', lambda error: log('cb', error))
    d.destroy(Error('d'))
    log(state(d), d.errored)


@logs('resume', 'error Error:r', 'close', 'cb Error:w')
def test_both_sides_fail(log):
    def read():
        raise Error('r')
    d = duplex(log, read=read, write=lambda chunk, encoding, callback: setImmediate(callback, Error('w')))
    d.write('a', lambda error: log('cb', error))
    data(log, d)


@logs('True False 16 7', 'True True 16 16')
def test_modes_of_the_sides(log):
    for d in (Duplex(readableObjectMode=True, writableHighWaterMark=7), Duplex(objectMode=True)):
        log(d.readableObjectMode, d.writableObjectMode, d.readableHighWaterMark, d.writableHighWaterMark)


@logs('sync', 'construct', 'resume', 'data b:x', '_write b:a')
def test_construction(log):
    d = duplex(log, construct=lambda callback: (log('construct'), setImmediate(callback)))
    d.write('a')
    data(log, d)
    d.push('x')
    log('sync')


@logs('prefinish', 'resume', 'finish', 'end')
def test_without_auto_destroy(log):
    d = duplex(log, autoDestroy=False)
    data(log, d)
    d.push(None)
    d.end()


@logs('final', 'resume', 'end', 'prefinish', 'finish', 'close')
def test_finish_after_end(log):
    d = duplex(log, final=lambda callback: (log('final'), setImmediate(callback)))
    data(log, d)
    d.push(None)
    d.end()


@logs('True True False True True')
def test_classes(log):
    d = Duplex()
    log(isinstance(d, Readable), isinstance(d, Writable), isinstance(Readable(), Writable),
        isinstance(d, Stream), isinstance(d, Stream))


def transform(log, transform, **options):
    t = watch(log, Transform(transform=transform, **options))
    data(log, t)
    return t


def same(chunk, encoding, callback):
    callback(None, chunk)


@logs('_transform b:a', 'data b:A', '_transform b:b', 'data b:B', '_transform b:c', 'data b:C', '_flush',
      'data b:F', 'prefinish', 'sync', 'resume', 'cb a', 'end', 'end cb', 'finish', 'close')
def test_transform(log):
    def upper(chunk, encoding, callback):
        log('_transform', chunk)
        callback(None, chunk.upper())
    t = transform(log, upper, flush=lambda callback: (log('_flush'), t.push('F'), callback()))
    t.write('a', lambda: log('cb a'))
    t.write('b')
    t.end('c', lambda: log('end cb'))
    log('sync')


@logs('data b:c', '_flush', 'data b:Z', 'prefinish', 'resume', 'end', 'finish', 'close')
def test_flush_gives_a_chunk(log):
    transform(log, same, flush=lambda callback: (log('_flush'), callback(None, 'Z'))).end('c')


@logs('resume', 'cb Error:t', 'error Error:t', 'close')
def test_transform_fails(log):
    t = transform(log, lambda chunk, encoding, callback: callback(Error('t')))
    t.write('a', lambda error: log('cb', error))


@logs('resume', 'cb Error:t', 'error Error:t', 'close')
def test_transform_raises(log):
    # Node lets it out of write().
    def raising():
        raise Error('t')
    transform(log, raising).write('a', lambda error: log('cb', error))


@logs('resume', 'error Error:f', 'close', 'cb Error:f')
def test_flush_fails(log):
    t = transform(log, lambda chunk, encoding, callback: callback(),
                  flush=lambda callback: callback(Error('f')))
    t.end('a', lambda error: log('cb', error))


@logs('resume', 'error ERR_METHOD_NOT_IMPLEMENTED:The _transform() method is not implemented', 'close')
def test_without_transform(log):
    # Node raises it from write().
    t = watch(log, Transform())
    data(log, t)
    t.write('a')


def logged_same(log):
    def transform(chunk, encoding, callback):
        log('_transform', chunk)
        callback(None, chunk)
    return transform


@logs('_transform b:ab', 'False', 'False', 'False', '2 6', '_transform b:cd', 'read b:abcd',
      '_transform b:ef', '2 2', 'resume', 'prefinish', 'data b:ef', 'finish', 'end', 'close')
def test_a_full_readable_side_stops_the_writable_side(log):
    t = watch(log, Transform(highWaterMark=2, transform=logged_same(log)))
    for chunk in ('ab', 'cd', 'ef'):
        log(t.write(chunk))
    log(t.readableLength, t.writableLength)
    later(lambda: log('read', t.read()),
          lambda: (log(t.readableLength, t.writableLength), data(log, t), t.end()))


@logs('_transform b:a', 'True', 'True', 'True', '1 3', '_transform b:b', 'cb a', 'read b:ab',
      '_transform b:c', 'cb b', '1 1')
def test_marks_of_their_own(log):
    t = watch(log, Transform(readableHighWaterMark=1, writableHighWaterMark=100, transform=logged_same(log)))
    for chunk in 'abc':
        log(t.write(chunk, lambda chunk=chunk: log('cb ' + chunk)))
    log(t.readableLength, t.writableLength)
    later(lambda: log('read', t.read()), lambda: log(t.readableLength, t.writableLength))


@logs('_transform b:a', 'resume', 'data b:a', '_transform b:b', 'cb a', 'data b:b', 'cb b', 'prefinish',
      'end', 'finish', 'close')
def test_transform_that_takes_its_time(log):
    def slow(chunk, encoding, callback):
        log('_transform', chunk)
        setImmediate(callback, None, chunk)
    t = transform(log, slow)
    t.write('a', lambda: log('cb a'))
    t.write('b', lambda: log('cb b'))
    t.end()


@logs('data b:1', 'data b:2', 'prefinish', 'resume', 'cb a', 'end', 'finish', 'close')
def test_transform_pushes_several(log):
    t = transform(log, lambda chunk, encoding, callback: (t.push('1'), t.push('2'), callback()))
    t.write('a', lambda: log('cb a'))
    t.end()


@logs('data b:a', 'final', 'flush', 'prefinish', 'resume', 'end', 'finish', 'close')
def test_final_of_the_users_own(log):
    transform(log, same, final=lambda callback: (log('final'), callback()),
              flush=lambda callback: (log('flush'), callback())).end('a')


@logs('data b:a', 'resume', 'error ERR_MULTIPLE_CALLBACK:Callback called multiple times', 'close')
def test_transform_calls_back_twice(log):
    transform(log, lambda chunk, encoding, callback: (callback(None, chunk), callback())).write('a')


@logs('data b:a', 'flush', 'prefinish', 'resume', 'end', 'finish', 'close')
def test_destroy_after_end(log):
    t = transform(log, same, flush=lambda callback: (log('flush'), callback()))
    t.end('a')
    t.destroy()


@logs('resume', 'end', 'cb None')
def test_transform_ends_early(log):
    t = transform(log, lambda chunk, encoding, callback: (t.push(None), callback(None)))
    t.write('a')
    setImmediate(lambda: t.write('b', lambda error: log('cb', error)))


@logs('data b:a', 'w', 'data b:b', 'prefinish', 'resume', 'cb a', 'end', 'finish', 'close')
def test_pass_through(log):
    t = watch(log, PassThrough())
    data(log, t)
    t.write('a', lambda: log('cb a'))
    log('w')
    t.end('b')


@logs('prefinish', 'finish', 'x True,False,False,True,True,False,False,True', 'resume', 'end', 'close')
def test_pass_through_that_nobody_reads(log):
    t = watch(log, PassThrough())
    t.end('b')
    setImmediate(lambda: (log('x', state(t)), t.resume()))


@logs('data 1', 'data 2', 'prefinish', 'resume', 'end', 'finish', 'close')
def test_pass_through_of_objects(log):
    t = watch(log, PassThrough(objectMode=True))
    data(log, t)
    t.write(1)
    t.end(2)


@logs('data €', 'prefinish', 'resume', 'end', 'finish', 'close')
def test_pass_through_of_text(log):
    t = watch(log, PassThrough())
    t.setEncoding('utf8')
    data(log, t)
    t.write(b'\xe2\x82')
    t.end(b'\xac')


@logs('a.resume', 'a.data b:y', 'cb x', 'b.resume', 'b.data b:x', 'b.end', 'a.prefinish', 'a.finish',
      'a.data b:z', 'a.end', 'b.prefinish', 'b.finish', 'a.close', 'b.close')
def test_duplex_pair(log):
    a, b = duplexPair()
    for side, name in ((a, 'a.'), (b, 'b.')):
        watch(log, side, name)
    data(log, a, 'a.')
    data(log, b, 'b.')
    a.write('x', lambda: log('cb x'))
    b.write('y')
    a.end()
    setImmediate(lambda: b.end('z'))
