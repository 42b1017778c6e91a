"""destroy(), errors, construction: the life of a stream, shown on Readable."""

from stream_order import data, logs, silent, source, watch

from nodehttp import threadpool
from nodehttp.abort import AbortController
from nodehttp.errors import Error
from nodehttp.stream import Readable, Writable, addAbortSignal
from nodehttp.timers import nextTick, setImmediate


@logs('True True False True', 'resume', 'close', 'True', 'tick')
def test_destroy_before_the_first_tick(log):
    r = watch(log, source('a'))
    data(log, r)
    r.destroy()
    log(r.destroyed, r.closed, r.readable, r.readableAborted)
    nextTick(lambda: log('tick'))
    r.on('close', lambda: log(r.closed))


@logs('Error:x', 'resume', 'error Error:x', 'close', 'tick')
def test_destroy_with_an_error(log):
    r = watch(log, source('a'))
    data(log, r)
    r.destroy(Error('x'))
    log(r.errored)
    nextTick(lambda: log('tick'))


@logs('Error:x', 'error Error:x', 'close')
def test_only_the_first_error_counts(log):
    r = watch(log, source('a'))
    r.destroy(Error('x'))
    r.destroy(Error('y'))
    log(r.errored)


@logs('None', 'close')
def test_an_error_after_destroy_is_dropped(log):
    r = watch(log, source('a'))
    r.destroy()
    r.destroy(Error('y'))
    log(r.errored)


@logs('resume', 'data b:a', 'destroyed', 'data b:b', 'destroyed', 'close')
def test_destroy_in_a_data_listener(log):
    # As in Node what is buffered still comes.
    r = watch(log, source('a', 'b', 'c'))

    def listener(chunk):
        log('data', chunk)
        r.destroy()
        log('destroyed')
    r.on('data', listener)


@logs('data b:a', 'data b:b', 'resume', 'close')
def test_destroy_in_a_data_listener_with_the_end_in_sight(log):
    r = watch(log, silent())
    for chunk in ('a', 'b', None):
        r.push(chunk)

    def listener(chunk):
        log('data', chunk)
        r.destroy()
    r.on('data', listener)


@logs('resume', 'data b:a', 'destroyed', 'data b:b', 'destroyed', 'error Error:x', 'close')
def test_destroy_with_an_error_in_a_data_listener(log):
    r = watch(log, source('a', 'b', 'c'))

    def listener(chunk):
        log('data', chunk)
        r.destroy(Error('x'))
        log('destroyed')
    r.on('data', listener)


@logs('resume', 'data b:a', 'end', 'in end', 'close')
def test_destroy_at_the_end(log):
    r = watch(log, source('a'))
    r.on('end', lambda: (log('in end'), r.destroy()))
    data(log, r)


@logs('resume', 'data b:a', 'end', 'in end', 'error Error:late', 'close')
def test_destroy_with_an_error_at_the_end(log):
    r = watch(log, source('a'))
    r.on('end', lambda: (log('in end'), r.destroy(Error('late'))))
    data(log, r)


@logs('readable', 'b:a', 'close')
def test_destroy_in_a_readable_listener(log):
    r = watch(log, source('a'))
    r.on('readable', lambda: (log('readable'), r.destroy(), log(r.read())))


@logs('close', 'in close')
def test_destroy_at_close(log):
    r = watch(log, source('a'))
    r.on('close', lambda: (r.destroy(Error('late')), log('in close')))
    r.destroy()


@logs('data b:a', 'resume', 'close')
def test_destroy_after_the_end_of_input(log):
    r = watch(log, silent())
    r.push('a')
    r.push(None)
    data(log, r)
    r.destroy()


@logs('False', 'False', 'None', 'False', 'close')
def test_push_after_destroy(log):
    r = watch(log, silent())
    r.destroy()
    log(r.push('a'))
    log(r.push(None))
    log(r.read())
    log(r.unshift('b'))


@logs('_destroy Error:x', 'after cb', 'sync', 'error Error:x', 'close')
def test_the_destroy_hook(log):
    def destroy(error, callback):
        log('_destroy', error)
        callback(error)
        log('after cb')
    r = watch(log, silent(destroy=destroy))
    r.destroy(Error('x'))
    log('sync')


@logs('_destroy None', 'True False None', 'cb called True', 'error Error:from hook', 'close')
def test_a_destroy_hook_that_takes_its_time(log):
    def destroy(error, callback):
        log('_destroy', error)
        setImmediate(lambda: (callback(Error('from hook')), log(f'cb called {r.closed}')))
    r = watch(log, silent(destroy=destroy))
    r.destroy()
    log(r.destroyed, r.closed, r.errored)


@logs('Error:x', 'close')
def test_a_destroy_hook_may_swallow_the_error(log):
    r = watch(log, silent(destroy=lambda error, callback: callback(None)))
    r.destroy(Error('x'))
    log(r.errored)


@logs('error Error:hook', 'close')
def test_a_destroy_hook_that_raises(log):
    def destroy():
        raise Error('hook')
    watch(log, silent(destroy=destroy)).destroy()


@logs('close')
def test_a_destroy_hook_that_calls_back_twice(log):
    watch(log, silent(destroy=lambda error, callback: (callback(), callback(Error('2'))))).destroy()


@logs('cb Error:x', 'cb2 None', 'error Error:x', 'close')
def test_destroy_with_a_callback(log):
    r = watch(log, silent())
    r.destroy(Error('x'), lambda error: log('cb', error))
    r.destroy(None, lambda error: log('cb2', error))


@logs('resume', 'data b:a', 'end')
def test_without_emit_close(log):
    data(log, watch(log, source('a', emitClose=False)))


@logs('resume', 'data b:a', 'end', 'False False')
def test_without_auto_destroy(log):
    r = watch(log, source('a', autoDestroy=False))
    data(log, r)
    r.on('end', lambda: setImmediate(lambda: log(r.destroyed, r.closed)))


@logs('error Error:x', 'resume', 'False Error:x False')
def test_an_error_without_auto_destroy(log):
    def read():
        raise Error('x')
    r = watch(log, Readable(autoDestroy=False, read=read))
    data(log, r)
    setImmediate(lambda: log(r.destroyed, r.errored, r.readable))


def constructed(log, construct, **hooks):
    def read():
        log('_read')
        r.push(None)
    r = watch(log, Readable(construct=construct, read=read, **hooks))
    return r


@logs('sync', 'construct', 'resume', 'constructed', 'after', '_read', 'end', 'close')
def test_construction(log):
    def construct(callback):
        log('construct')
        setImmediate(lambda: (log('constructed'), callback(), log('after')))
    data(log, constructed(log, construct))
    log('sync')


@logs('sync', 'construct', 'after', 'resume', '_read', 'end', 'close')
def test_construction_at_once(log):
    data(log, constructed(log, lambda callback: (log('construct'), callback(), log('after'))))
    log('sync')


def logged_destroy(log):
    def destroy(error, callback):
        log('_destroy', error)
        callback(error)
    return destroy


@logs('sync', 'construct', 'after', 'resume', '_destroy Error:c', 'error Error:c', 'close')
def test_construction_fails(log):
    data(log, constructed(log, lambda callback: (log('construct'), callback(Error('c')), log('after')),
                          destroy=logged_destroy(log)))
    log('sync')


@logs('resume', 'error Error:c', 'close')
def test_construction_raises(log):
    def construct():
        raise Error('c')
    data(log, constructed(log, construct))


@logs('resume', 'error ERR_MULTIPLE_CALLBACK:Callback called multiple times', 'close')
def test_construction_calls_back_twice(log):
    data(log, watch(log, Readable(construct=lambda callback: (callback(), callback()), read=lambda: None)))


def slow_construct(log, *error):
    def construct(callback):
        log('construct')
        setImmediate(lambda: (log('cb'), callback(*error)))
    return construct


@logs('sync True', 'construct', 'resume', 'cb', '_destroy Error:d', 'error Error:d', 'close')
def test_destroy_waits_for_construction(log):
    r = constructed(log, slow_construct(log), destroy=logged_destroy(log))
    data(log, r)
    r.destroy(Error('d'))
    log(f'sync {r.destroyed}')


@logs('construct', 'cb', '_destroy Error:d', 'error Error:d', 'close')
def test_construction_fails_after_destroy(log):
    constructed(log, slow_construct(log, Error('c')), destroy=logged_destroy(log)).destroy(Error('d'))


@logs('sync True', 'construct', '_destroy None', 'close')
def test_destroy_before_construction_has_begun(log):
    r = constructed(log, lambda callback: (log('construct'), callback()), destroy=logged_destroy(log))
    r.destroy()
    log(f'sync {r.destroyed}')


@logs('resume', 'aborted', 'error ABORT_ERR:The operation was aborted', 'close')
def test_a_signal_destroys(log):
    controller = AbortController()
    data(log, watch(log, silent(signal=controller.signal)))
    setImmediate(lambda: (controller.abort(), log('aborted')))


@logs('True', 'error ABORT_ERR:The operation was aborted', 'close')
def test_a_signal_that_was_aborted_before(log):
    controller = AbortController()
    controller.abort()
    log(watch(log, silent(signal=controller.signal)).destroyed)


@logs('True', 'error ABORT_ERR:The operation was aborted', 'close')
def test_add_abort_signal(log):
    controller = AbortController()
    r = watch(log, source('a'))
    log(addAbortSignal(controller.signal, r) is r)
    controller.abort()


@logs('disposed True', 'close')
def test_a_with_block_destroys_a_stream_that_nobody_asked_an_error_of(log):
    with silent() as r:
        r.on('close', lambda: log('close'))
    log('disposed', r.destroyed)


def test_destroy_from_any_thread_closes_once(record):
    import random
    for _ in range(50):
        r = source(*(b'x' for _ in range(20)))
        r.on('close', lambda: record('close'))
        r.on('data', lambda chunk: None)
        moment = random.randrange(200)
        for _ in range(moment):
            pass
        r.destroy()
    assert record.wait_count(50) == ['close'] * 50


def test_listeners_of_the_next_lines_are_in_time_outside_of_callbacks(record):
    # Design: what another thread starts is held back until that thread waits.
    r = Readable()
    r.destroy(Error('x'))
    r.on('error', lambda error: record(str(error)))
    w = Writable(write=lambda chunk, encoding, callback: callback())
    w.end('x')
    w.on('finish', lambda: record('finish'))
    assert sorted(record.wait_count(2)) == ['finish', 'x']


def test_state_is_shown():
    assert repr(silent()) == '<Readable open idle reading buffered=0>'
    assert threadpool.pool is not None
