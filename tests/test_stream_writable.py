"""Writable: callbacks, 'drain', cork, end, 'finish', and what follows a failure."""

import threading

import pytest
from stream_order import logs, quick, show, watch

from nodehttp.errors import Error
from nodehttp.stream import Writable
from nodehttp.timers import nextTick, setImmediate, setTimeout


def state(w):
    return ','.join(map(show, (w.writable, w.writableEnded, w.writableFinished, w.writableLength,
                               w.writableNeedDrain, w.writableCorked, w.destroyed, w.closed, w.errored)))


def slow(log, **options):
    def write(chunk, encoding, callback):
        log('_write', chunk)
        setImmediate(lambda: (callback(), log('cb done')))
    return watch(log, Writable({'write': write, **options}))


def fast(log, **options):
    return watch(log, quick(log, **options))


def noted(log, what):
    """A callback that logs that it was called, and with what."""
    return lambda error: log(what, error)


@logs('_write b:a buffer', 'True', '_write b:b buffer', 'True', '_write b:c buffer', 'prefinish',
      'sync False,True,False,0,False,0,False,False,None', 'cb a', 'cb b', 'tick', 'end cb', 'finish',
      'close')
def test_writes_that_complete_at_once(log):
    w = fast(log)
    log(w.write('a', lambda: log('cb a')))
    log(w.write('b', 'latin1', lambda: log('cb b')))
    w.end('c', lambda: log('end cb'))
    log('sync', state(w))
    nextTick(lambda: log('tick'))


@logs('_write b:a', 'True', 'True', 'True,False,False,2,False,0,False,False,None',
      'sync False,True,False,3,False,0,False,False,None', '_write b:b', 'cb a', 'cb done', '_write b:c',
      'cb b', 'cb done', 'prefinish', 'cb done', 'end cb', 'finish', 'close')
def test_writes_that_complete_later(log):
    w = slow(log)
    log(w.write('a', lambda: log('cb a')))
    log(w.write('b', lambda: log('cb b')))
    log(state(w))
    w.end('c', lambda: log('end cb'))
    log('sync', state(w))


@logs('_write b:abc buffer', 'True', 'True,False,False,0,False,0,False,False,None', '_write b:d buffer',
      'True', 'True,False,False,0,False,0,False,False,None')
def test_no_drain_when_everything_is_taken_at_once(log):
    w = fast(log, highWaterMark=3)
    log(w.write('abc'))
    log(state(w))
    log(w.write('d'))
    log(state(w))


@logs('_write b:ab', 'True', 'False', 'False', 'True,False,False,5,True,0,False,False,None', '_write b:cd',
      'cb done', '_write b:e', 'cb done', 'drain', 'True,False,False,0,False,0,False,False,None', 'cb done')
def test_drain(log):
    w = slow(log, highWaterMark=3)
    for chunk in ('ab', 'cd', 'e'):
        log(w.write(chunk))
    log(state(w))
    w.on('drain', lambda: log(state(w)))


@logs('_write b:abcd', 'False', 'prefinish', 'cb done', 'finish', 'close')
def test_no_drain_after_end(log):
    w = slow(log, highWaterMark=3)
    log(w.write('abcd'))
    w.end()


@logs('_write b:y', 'drain', '_write b:x', 'w False', 'cb done', 'drain', '_write b:x', 'w False',
      'cb done', 'drain', 'prefinish', 'cb done', 'finish', 'close')
def test_write_in_a_drain_listener(log):
    w = slow(log, highWaterMark=1)
    rest = ['x', 'x']

    def drain():
        if rest:
            log(f'w {w.write(rest.pop())}')
        else:
            w.end()
    w.on('drain', drain)
    w.write('y')


@logs('prefinish', 'sync False,True,False,0,False,0,False,False,None', 'finish',
      'False,True,True,0,False,0,False,False,None', 'close', 'False,True,True,0,False,0,True,True,None')
def test_end_without_a_write(log):
    w = fast(log)
    w.end()
    log('sync', state(w))
    w.on('finish', lambda: log(state(w)))
    w.on('close', lambda: log(state(w)))


@logs('_write b:ÿ buffer', 'prefinish', 'True', 'prefinish', '_write b:a buffer', 'prefinish', 'prefinish',
      'cb', 'finish', 'cb2', 'finish', 'cb3', 'finish', 'cb4', 'finish', 'close', 'close', 'close', 'close')
def test_forms_of_end(log):
    w = fast(log)
    log(w.end('ff', 'hex', lambda: log('cb')) is w)
    fast(log).end(lambda: log('cb2'))
    fast(log).end('a', lambda: log('cb3'))
    fast(log).end(None, None, lambda: log('cb4'))


@logs('prefinish', 'cb1', 'cb2 None', 'finish', 'close')
def test_end_twice(log):
    w = fast(log)
    w.end(lambda: log('cb1'))
    w.end(noted(log, 'cb2'))


@logs('_write b:a buffer', 'prefinish', 'ERR_STREAM_WRITE_AFTER_END:write after end',
      'error ERR_STREAM_WRITE_AFTER_END:write after end', 'close',
      'cb2 ERR_STREAM_WRITE_AFTER_END:write after end')
def test_end_twice_with_a_chunk(log):
    w = fast(log)
    w.end('a')
    w.end('b', noted(log, 'cb2'))
    log(w.errored)


@logs('prefinish', 'finish', 'cb ERR_STREAM_ALREADY_FINISHED:Cannot call end after a stream was finished',
      'error ERR_STREAM_WRITE_AFTER_END:write after end', 'cbx ERR_STREAM_WRITE_AFTER_END:write after end')
def test_end_after_finish(log):
    w = fast(log, autoDestroy=False)
    w.end()
    setImmediate(lambda: (w.end(noted(log, 'cb')), w.end('x', noted(log, 'cbx'))))


@logs('prefinish', 'finish', 'close',
      'cb ERR_STREAM_ALREADY_FINISHED:Cannot call end after a stream was finished',
      'cbx ERR_STREAM_WRITE_AFTER_END:write after end')
def test_end_after_close(log):
    w = fast(log)
    w.end()
    setImmediate(lambda: (w.end(noted(log, 'cb')), w.end('x', noted(log, 'cbx'))))


@logs('False,True,False,0,False,0,True,True,None', 'close',
      'cb ERR_STREAM_DESTROYED:Cannot call end after a stream was destroyed',
      'cbx ERR_STREAM_WRITE_AFTER_END:write after end')
def test_end_after_destroy(log):
    # Node never calls the first callback.
    w = fast(log)
    w.destroy()
    w.end(noted(log, 'cb'))
    w.end('x', noted(log, 'cbx'))
    log(state(w))


@logs('prefinish', 'False',
      'False,True,False,0,False,0,True,True,ERR_STREAM_WRITE_AFTER_END:write after end',
      'cb ERR_STREAM_WRITE_AFTER_END:write after end', 'error ERR_STREAM_WRITE_AFTER_END:write after end',
      'close')
def test_write_after_end(log):
    w = fast(log)
    w.end()
    log(w.write('x', noted(log, 'cb')))
    log(state(w))


@logs('_write b:a', 'False',
      'False,True,False,2,False,0,True,True,ERR_STREAM_WRITE_AFTER_END:write after end',
      'cb x ERR_STREAM_WRITE_AFTER_END:write after end', 'error ERR_STREAM_WRITE_AFTER_END:write after end',
      'close', 'cb a None', 'cb b ERR_STREAM_WRITE_AFTER_END:write after end',
      'end cb ERR_STREAM_WRITE_AFTER_END:write after end', 'cb done')
def test_write_after_end_while_writes_are_pending(log):
    w = slow(log)
    w.write('a', noted(log, 'cb a'))
    w.write('b', noted(log, 'cb b'))
    w.end(noted(log, 'end cb'))
    log(w.write('x', noted(log, 'cb x')))
    log(state(w))


@logs('False', 'False', 'close', 'cb ERR_STREAM_DESTROYED:Cannot call write after a stream was destroyed')
def test_write_after_destroy(log):
    w = fast(log)
    w.destroy()
    log(w.write('x', noted(log, 'cb')))
    log(w.write('x'))


@logs('False', 'error Error:d', 'close',
      'cb ERR_STREAM_DESTROYED:Cannot call write after a stream was destroyed')
def test_write_after_destroy_with_an_error(log):
    w = fast(log)
    w.destroy(Error('d'))
    log(w.write('x', noted(log, 'cb')))


@pytest.mark.parametrize(('chunk', 'code', 'received'), [
    (None, 'ERR_STREAM_NULL_VALUES', None), (5, 'ERR_INVALID_ARG_TYPE', 'type number (5)'),
    ({}, 'ERR_INVALID_ARG_TYPE', 'an instance of Object')])
def test_chunks_that_cannot_be_written(chunk, code, received):
    w = Writable(write=lambda chunk, encoding, callback: callback())
    for use in (w.write, w.end)[:1 if chunk is None else 2]:
        with pytest.raises(TypeError) as caught:
            use(chunk)
        assert caught.value.code == code
        assert caught.value.message == ('May not write null values to stream' if received is None else (
            'The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView. '
            f'Received {received}'))
        assert state(w) == 'True,False,False,0,False,0,False,False,None'


@logs('_write b: buffer', 'True', '_write b: buffer', 'prefinish', 'cb', 'finish', 'close')
def test_write_of_nothing(log):
    w = fast(log)
    log(w.write('', lambda: log('cb')))
    w.end('')


@logs('_write 1 None', 'True', 'False', '2',
      'threw ERR_STREAM_NULL_VALUES:May not write null values to stream', '_write s None', 'drain')
def test_object_mode(log):
    def write(chunk, encoding, callback):
        log('_write', chunk, encoding)
        setImmediate(callback)
    w = watch(log, Writable(objectMode=True, highWaterMark=2, write=write))
    log(w.write(1))
    log(w.write('s'))
    log(w.writableLength)
    try:
        w.write(None)
    except TypeError as error:
        log('threw', error)


@logs('_write', 'after cb', 'False', 'False,False,False,0,False,0,False,False,Error:w', 'False',
      'cb a Error:w', 'cb b Error:w', 'error Error:w', 'close')
def test_a_write_that_fails_at_once(log):
    def write(chunk, encoding, callback):
        log('_write')
        callback(Error('w'))
        log('after cb')
    w = watch(log, Writable(write=write))
    log(w.write('a', noted(log, 'cb a')))
    log(state(w))
    log(w.write('b', noted(log, 'cb b')))


@logs('_write', 'True', 'True', 'cb a Error:w', 'cb b Error:w', 'end cb Error:w', 'after cb',
      'error Error:w', 'close')
def test_a_write_that_fails_later(log):
    def write(chunk, encoding, callback):
        log('_write')
        setImmediate(lambda: (callback(Error('w')), log('after cb')))
    w = watch(log, Writable(write=write))
    log(w.write('a', noted(log, 'cb a')))
    log(w.write('b', noted(log, 'cb b')))
    w.end(noted(log, 'end cb'))


@logs('False', 'cb a Error:w', 'error Error:w', 'close')
def test_a_write_that_raises(log):
    # Node lets it out of write() and leaves the stream as if the write went on forever.
    def write():
        raise Error('w')
    log(watch(log, Writable(write=write)).write('a', noted(log, 'cb a')))


@logs('False', 'error ERR_METHOD_NOT_IMPLEMENTED:The _write() method is not implemented', 'close')
def test_without_write(log):
    # Node raises it from write().
    log(watch(log, Writable()).write('a'))


@logs('False', 'cb a None', 'error ERR_MULTIPLE_CALLBACK:Callback called multiple times', 'close')
def test_calling_back_twice(log):
    w = watch(log, Writable(write=lambda chunk, encoding, callback: (callback(), callback())))
    log(w.write('a', noted(log, 'cb a')))


@logs('True', 'cb a None', 'error ERR_MULTIPLE_CALLBACK:Callback called multiple times', 'close')
def test_calling_back_twice_later(log):
    def write(chunk, encoding, callback):
        setImmediate(lambda: (callback(), callback()))
    w = watch(log, Writable(write=write))
    log(w.write('a', noted(log, 'cb a')))


@logs('False', 'cb a Error:w', 'error Error:w', 'False,False,False,0,False,0,False,False,Error:w', 'False',
      'cb b Error:w', 'end cb Error:w')
def test_a_failed_write_without_auto_destroy(log):
    # Node never calls the second callback.
    w = watch(log, Writable(autoDestroy=False, write=lambda chunk, encoding, callback: callback(Error('w'))))
    log(w.write('a', noted(log, 'cb a')))

    def again():
        log(state(w))
        log(w.write('b', noted(log, 'cb b')))
        w.end(noted(log, 'end cb'))
    setImmediate(again)


@logs('w b:a', 'prefinish', 'finish', 'close')
def test_write_replaced_on_the_instance(log):
    w = watch(log, Writable())
    w._write = lambda chunk, encoding, callback: (log('w', chunk), callback())
    w.write('a')
    w.end()


@logs('sync', 'construct', 'w b:a', 'final', 'prefinish', 'finish', 'destroy None', 'close')
def test_hooks_of_a_subclass(log):
    class Mine(Writable):
        def _write(self, chunk, encoding, callback):
            log('w', chunk)
            callback()

        def _final(self, callback):
            log('final')
            callback()

        def _destroy(self, error, callback):
            log('destroy', error)
            callback(error)

        def _construct(self, callback):
            log('construct')
            callback()
    watch(log, Mine()).end('a')
    log('sync')


def gathering(log, wait=False):
    def write(chunk, encoding, callback):
        log('_write', chunk)
        setImmediate(callback) if wait else callback()

    def writev(chunks, callback):
        log('_writev', *(show(item.chunk) + ('' if wait else '/' + item['encoding']) for item in chunks))
        setImmediate(callback) if wait else callback()
    return watch(log, Writable(write=write, writev=writev))


@logs('_write b:0', 'True,False,False,2,False,1,False,False,None', '_writev b:a/buffer b:b/buffer',
      'True,False,False,0,False,0,False,False,None', '_write b:c', 'prefinish', 'cb a', 'cb b', 'finish',
      'close')
def test_cork_and_writev(log):
    w = gathering(log)
    w.write('0')
    w.cork()
    w.write('a', lambda: log('cb a'))
    w.write('b', 'latin1', lambda: log('cb b'))
    log(state(w))
    w.uncork()
    log(state(w))
    w.write('c')
    w.end()


@logs('_write b:0', '_writev b:a b:b b:c', 'cb 0', 'cb a', 'cb b', 'prefinish', 'end cb', 'finish', 'close')
def test_what_waits_is_written_together(log):
    w = gathering(log, wait=True)
    for chunk in '0ab':
        w.write(chunk, lambda chunk=chunk: log('cb ' + chunk))
    w.end('c', lambda: log('end cb'))


@logs('_writev b:0', '_writev b:a b:b', 'prefinish', 'finish', 'close')
def test_writev_without_write(log):
    def writev(chunks, callback):
        log('_writev', *(item.chunk for item in chunks))
        setImmediate(callback)
    w = watch(log, Writable(writev=writev))
    for chunk in '0ab':
        w.write(chunk)
    w.end()


@logs('_writev', 'cb 0 None', 'cb a Error:v', 'cb b Error:v', 'end cb Error:v', 'error Error:v', 'close')
def test_writev_fails(log):
    def writev(chunks, callback):
        log('_writev')
        setImmediate(callback, Error('v'))
    w = watch(log, Writable(write=lambda chunk, encoding, callback: setImmediate(callback), writev=writev))
    for chunk in '0ab':
        w.write(chunk, noted(log, 'cb ' + chunk))
    w.end('c', noted(log, 'end cb'))


@logs('corked', '_write b:a buffer', '_write b:b buffer', 'x')
def test_cork_without_writev(log):
    w = fast(log)
    w.cork()
    w.write('a')
    w.write('b')
    log('corked')
    w.uncork()
    log('x')


@logs('1', '_write b:a buffer', '0')
def test_cork_is_counted(log):
    w = fast(log)
    w.cork()
    w.cork()
    w.write('a')
    w.uncork()
    log(w.writableCorked)
    w.uncork()
    w.uncork()
    log(w.writableCorked)


@logs('_write b:a buffer', '_write b:b buffer', 'prefinish', 'False,True,False,0,False,0,False,False,None',
      'finish', 'close')
def test_end_uncorks(log):
    w = fast(log)
    w.cork()
    w.cork()
    w.write('a')
    w.end('b')
    log(state(w))


@logs('False', 'True,False,False,3,True,1,False,False,None', '_write b:abc buffer',
      'True,False,False,0,True,0,False,False,None', 'drain')
def test_drain_after_uncork(log):
    w = fast(log, highWaterMark=2)
    w.cork()
    log(w.write('abc'))
    log(state(w))
    w.uncork()
    log(state(w))


@logs('cb ERR_STREAM_DESTROYED:Cannot call write after a stream was destroyed', 'close')
def test_destroy_while_corked(log):
    w = fast(log)
    w.cork()
    w.write('a', noted(log, 'cb'))
    w.destroy()
    w.uncork()


def finalizing(log, final):
    return fast(log, final=final)


@logs('_write b:a buffer', '_final', 'prefinish', 'after',
      'sync False,True,False,0,False,0,False,False,None', 'end cb', 'finish', 'close')
def test_final(log):
    w = finalizing(log, lambda callback: (log('_final'), callback(), log('after')))
    w.write('a')
    w.end(lambda: log('end cb'))
    log('sync', state(w))


@logs('_write b:a buffer', '_final', 'sync', 'prefinish', 'after', 'end cb', 'finish', 'close')
def test_final_that_takes_its_time(log):
    w = finalizing(log, lambda callback: (log('_final'), setImmediate(lambda: (callback(), log('after')))))
    w.write('a')
    w.end(lambda: log('end cb'))
    log('sync')


@logs('_write b:a buffer', '_final', 'sync', 'error Error:f', 'close', 'end cb Error:f')
def test_final_fails(log):
    w = finalizing(log, lambda callback: (log('_final'), callback(Error('f'))))
    w.write('a')
    w.end(noted(log, 'end cb'))
    log('sync')


@logs('_final', 'sync', 'end cb Error:f', 'error Error:f', 'close')
def test_final_fails_later(log):
    w = finalizing(log, lambda callback: (log('_final'), setImmediate(callback, Error('f'))))
    w.end(noted(log, 'end cb'))
    log('sync')


def raising_final():
    raise Error('f')


@logs('False,True,False,0,False,0,True,True,Error:f', 'error Error:f', 'close', 'end cb Error:f')
def test_final_raises(log):
    w = finalizing(log, raising_final)
    w.end(noted(log, 'end cb'))
    log(state(w))


@logs('_write b:a', 'False,True,False,1,False,0,False,False,None', 'end cb Error:f', 'cb done',
      'error Error:f', 'close')
def test_final_raises_after_a_write(log):
    w = slow(log, final=raising_final)
    w.write('a')
    w.end(noted(log, 'end cb'))
    log(state(w))


@logs('prefinish', 'finish', 'error ERR_MULTIPLE_CALLBACK:Callback called multiple times', 'close',
      'end cb ERR_MULTIPLE_CALLBACK:Callback called multiple times')
def test_final_calls_back_twice(log):
    finalizing(log, lambda callback: (callback(), callback())).end(noted(log, 'end cb'))


@logs('_final', 'close', 'end cb ERR_STREAM_DESTROYED:Cannot call end after a stream was destroyed')
def test_final_destroys(log):
    # Node never calls the callback of end().
    w = finalizing(log, lambda callback: (log('_final'), w.destroy(), callback()))
    w.end(noted(log, 'end cb'))


@logs('_write b:x buffer', '_final', 'prefinish', 'end cb None', 'finish', 'error Error:d', 'close')
def test_destroy_after_final_does_not_undo_it(log):
    w = finalizing(log, lambda callback: (log('_final'), callback()))
    w.end('x', noted(log, 'end cb'))
    w.destroy(Error('d'))


@logs('_write b:x buffer', 'prefinish', 'close')
def test_destroy_in_a_prefinish_listener(log):
    w = fast(log)
    w.on('prefinish', lambda: w.destroy())
    w.end('x')


@logs('_write b:a buffer', '_write b:b buffer', 'cb0', 't', 'cb1')
def test_each_callback_has_a_tick(log):
    w = fast(log)
    w.write('a', lambda: log('cb0'))
    nextTick(lambda: log('t'))
    w.write('b', lambda: log('cb1'))


@logs('_write b:a buffer', 'cb', 'prefinish', 'ended', 'end cb', 'finish', 'close')
def test_end_in_the_callback_of_a_write(log):
    w = fast(log)
    w.write('a', lambda: (log('cb'), w.end(lambda: log('end cb')), log('ended')))


@logs('_write b:x buffer', '_final', 'prefinish', 'pre False,True,False,0,False,0,False,False,None', 'sync',
      'finish', 'close')
def test_prefinish_comes_at_once(log):
    w = finalizing(log, lambda callback: (log('_final'), callback()))
    w.on('prefinish', lambda: log('pre', state(w)))
    w.end('x')
    log('sync')


@logs('_write b:x buffer', 'prefinish', 'sync', 'cb ERR_STREAM_WRITE_AFTER_END:write after end',
      'error ERR_STREAM_WRITE_AFTER_END:write after end', 'close')
def test_write_in_a_prefinish_listener(log):
    w = fast(log)
    w.on('prefinish', lambda: w.write('late', noted(log, 'cb')))
    w.end('x')
    log('sync')


@logs('_write b:x buffer', 'prefinish', 'finish', 'error Error:d', 'close')
def test_destroy_at_finish(log):
    w = fast(log)
    w.on('finish', lambda: w.destroy(Error('d')))
    w.end('x')


@logs('_write b:x buffer', 'prefinish', 'finish', 'error Error:d', 'close')
def test_destroy_in_the_callback_of_end(log):
    w = fast(log)
    w.end('x', lambda: w.destroy(Error('d')))


def with_two_writes_and_end(log, w):
    w.write('a', noted(log, 'cb a'))
    w.write('b', noted(log, 'cb b'))
    w.end('c', noted(log, 'end cb'))
    return w


@logs('_write b:a', 'sync False,True,False,3,False,0,True,True,None', 'close', 'cb a None',
      'cb b ERR_STREAM_DESTROYED:Cannot call write after a stream was destroyed',
      'end cb ERR_STREAM_DESTROYED:Cannot call end after a stream was destroyed', 'cb done')
def test_destroy_with_writes_pending(log):
    w = with_two_writes_and_end(log, slow(log))
    w.destroy()
    log('sync', state(w))


@logs('_write b:a', 'sync False,True,False,3,False,0,True,True,Error:d', 'error Error:d', 'close',
      'cb a None', 'cb b Error:d', 'end cb Error:d', 'cb done')
def test_destroy_with_an_error_and_writes_pending(log):
    w = with_two_writes_and_end(log, slow(log))
    w.destroy(Error('d'))
    log('sync', state(w))


@logs('_write b:c buffer', 'prefinish',
      'end cb ERR_STREAM_DESTROYED:Cannot call end after a stream was destroyed', 'close')
def test_destroy_after_end(log):
    w = fast(log)
    w.end('c', noted(log, 'end cb'))
    w.destroy()


@logs('_write b:a', '_destroy', 'sync False,False,False,2,False,0,True,False,Error:d', 'cb a None',
      'cb b Error:d', 'cb done', 'closed True', 'error Error:d', 'close')
def test_a_slow_destroy_hook_with_writes_pending(log):
    def destroy(error, callback):
        log('_destroy')
        setTimeout(lambda: (callback(error), log(f'closed {w.closed}')), 2)
    w = slow(log, destroy=destroy)
    w.write('a', noted(log, 'cb a'))
    w.write('b', noted(log, 'cb b'))
    w.destroy(Error('d'))
    log('sync', state(w))


@logs('close', 'cb a Error:late')
def test_a_write_fails_after_destroy(log):
    w = watch(log, Writable(write=lambda chunk, encoding, callback: setImmediate(callback, Error('late'))))
    w.write('a', noted(log, 'cb a'))
    w.destroy()


@logs('False', 'True', 'prefinish', 'close', 'finish', 'close', 'v False')
def test_writable_aborted(log):
    w = fast(log)
    log(w.writableAborted)
    w.destroy()
    log(w.writableAborted)
    other = fast(log)
    other.end()
    other.on('close', lambda: log(f'v {other.writableAborted}'))


@logs('prefinish', 'finish')
def test_without_emit_close(log):
    fast(log, emitClose=False).end()


@logs('prefinish', 'finish', 'False,True,True,0,False,0,False,False,None')
def test_without_auto_destroy(log):
    w = fast(log, autoDestroy=False)
    w.end()
    setImmediate(lambda: log(state(w)))


def slow_construct(log, *error):
    def construct(callback):
        log('construct')
        setImmediate(lambda: (callback(*error), log('constructed')))
    return construct


@logs('True', 'True,False,False,1,False,0,False,False,None', 'construct', 'constructed',
      '_write b:a buffer', '_write b:b buffer', 'prefinish', 'finish', 'close')
def test_writes_wait_for_construction(log):
    w = fast(log, construct=slow_construct(log))
    log(w.write('a'))
    log(state(w))
    w.end('b')


@logs('construct', 'constructed', 'prefinish', 'finish', 'close')
def test_end_waits_for_construction(log):
    fast(log, construct=slow_construct(log)).end()


@logs('True', 'construct', 'constructed', 'cb a Error:c', 'end cb Error:c', 'error Error:c', 'close')
def test_construction_fails(log):
    w = fast(log, construct=slow_construct(log, Error('c')))
    log(w.write('a', noted(log, 'cb a')))
    w.end('b', noted(log, 'end cb'))


@logs('True', 'construct', 'cb a ERR_STREAM_DESTROYED:Cannot call write after a stream was destroyed',
      'constructed', '_destroy', 'close')
def test_destroy_during_construction(log):
    def destroy(error, callback):
        log('_destroy')
        callback(error)
    w = fast(log, construct=slow_construct(log), destroy=destroy)
    log(w.write('a', noted(log, 'cb a')))
    w.destroy()


@logs('error ERR_STREAM_CANNOT_PIPE:Cannot pipe, not readable', 'close')
def test_a_writable_cannot_be_piped(log):
    fast(log).pipe(fast(log))


@logs('cb 0', 'cb 1', 'cb 2', 'tick')
def test_callbacks_come_in_ticks(log):
    w = watch(log, Writable(write=lambda chunk, encoding, callback: callback()))
    for number in range(3):
        w.write('x', lambda number=number: log(f'cb {number}'))
    nextTick(lambda: log('tick'))


@logs('cb 0', 'cb 1', 'cb 2', 'cb 3', 'prefinish', 'end cb', 'finish', 'close')
def test_at_once_and_later_mixed(log):
    count = 0

    def write(chunk, encoding, callback):
        nonlocal count
        count += 1
        callback() if count % 2 else setImmediate(callback)
    w = watch(log, Writable(write=write))
    for number in range(4):
        w.write('x', lambda number=number: log(f'cb {number}'))
    w.end(lambda: log('end cb'))


@logs('_write b:a', '_write b:b', '_write b:c', 'drain', 'cb a', 'first done', 'cb b', 'cb c')
def test_what_was_queued_completes_at_once(log):
    def write(chunk, encoding, callback):
        log('_write', chunk)
        if chunk == b'a':
            setImmediate(lambda: (callback(), log('first done')))
        else:
            callback()
    w = watch(log, Writable(highWaterMark=1, write=write))
    for chunk in 'abc':
        w.write(chunk, lambda chunk=chunk: log('cb ' + chunk))


@logs('_write b:a buffer', '_write b:b buffer', 'cb', 'uncaught Error:T', 'cb b')
def test_a_callback_that_raises_stops_nothing(log):
    def callback():
        log('cb')
        raise Error('T')
    w = fast(log)
    w.write('a', callback)
    w.write('b', lambda: log('cb b'))


@logs('_write b:a buffer', '_write b:b buffer', 'cb')
def test_arguments_left_out(log):
    w = fast(log)
    w.write('a', 'utf8', None)
    w.write('b', None, lambda: log('cb'))


@logs('end cb Error:w', 'error Error:w', 'close')
def test_a_write_fails_after_end(log):
    w = watch(log, Writable(write=lambda chunk, encoding, callback: nextTick(callback, Error('w'))))
    w.end('a', noted(log, 'end cb'))


@logs('_write b:', 'True', 'False', '_write b:a', 'cb done', 'drain', 'cb done')
def test_mark_of_zero(log):
    w = slow(log, highWaterMark=0)
    log(w.write(''))
    log(w.write('a'))


@logs('_write', 'prefinish', 'finish', 'close')
def test_end_in_the_write_hook(log):
    w = watch(log, Writable(write=lambda chunk, encoding, callback: (log('_write'), w.end(), callback())))
    w.write('a')


@logs('_write b:abc', '_write b:d', 'cb abc', 'cb done', 'drain', 'cb d', 'cb done')
def test_drain_comes_before_the_callback(log):
    w = slow(log, highWaterMark=1)
    w.write('abc', lambda: log('cb abc'))
    w.write('d', lambda: log('cb d'))


def test_writes_of_three_threads_are_whole(record):
    written = []

    def write(chunk, encoding, callback):
        written.append(chunk)
        setImmediate(callback)
    w = Writable(write=write)

    def work(name):
        for number in range(50):
            w.write(f'{name}{number} ')
    threads = [threading.Thread(target=work, args=(name,)) for name in 'abc']
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    w.end()
    w.on('finish', lambda: record('finish'))
    record.wait_for('finish')
    for name in 'abc':
        mine = [chunk.decode() for chunk in written if chunk.decode().startswith(name)]
        assert mine == [f'{name}{number} ' for number in range(50)]
    assert len(written) == 150


def test_a_hook_may_call_back_from_any_thread(record):
    # Listeners and callbacks still run in callbacks of the pool, never in that thread.
    has_returned = threading.Event()

    def in_thread(callback):
        threading.Thread(target=lambda: (has_returned.wait(), callback()), name='mine').start()
    w = Writable(highWaterMark=1, final=in_thread,
                 write=lambda chunk, encoding, callback: in_thread(callback))
    w.on('drain', lambda: (record('drain', threading.current_thread().name), w.end('x')))
    w.on('finish', lambda: record('finish', threading.current_thread().name))
    w.write('x', lambda: record('cb', threading.current_thread().name))
    has_returned.set()
    assert record.wait_count(3) == [('drain', 'nodehttp'), ('cb', 'nodehttp'), ('finish', 'nodehttp')]


def test_the_short_path_leaves_nothing_behind():
    w = Writable(write=lambda chunk, encoding, callback: callback())
    assert w.write(b'x') is True
    assert w._strand is None and w._pending == 0
    assert repr(w) == '<Writable open writing queued=0>'


