"""Readable: flowing, paused and 'readable' modes, push, unshift, read(n), the end."""

import pytest
from stream_order import data, later, logs, show, silent, source, watch

from nodehttp import errors, threadpool
from nodehttp.stream import Readable
from nodehttp.timers import nextTick, setImmediate


@logs('sync end', 'resume', 'data b:a', 'data b:b', 'end', 'close')
def test_flowing(log):
    data(log, watch(log, source('a', 'b')))
    log('sync end')


@logs('sync end', '_read', 'resume', 'data b:a', 'data b:b', 'end', 'close')
def test_everything_pushed_in_one_read(log):
    def read():
        log('_read')
        for chunk in ('a', 'b', None):
            r.push(chunk)
    r = watch(log, Readable(read=read))
    data(log, r)
    log('sync end')


@logs('True', 'True', 'data b:a', 'data b:b', 'resume', 'tick', 'end', 'close')
def test_push_before_anyone_listens(log):
    r = watch(log, Readable(read=lambda: log('_read')))
    log(r.push('a'))
    log(r.push('b'))
    r.push(None)
    data(log, r)
    nextTick(lambda: log('tick'))


@logs('_read 65536', 'resume', 'data b:a', 'push a True', 'data b:b', 'push b True', '_read 65536', 'tick',
      'pushed null', 'end', 'tick2', 'close')
def test_a_later_push_is_delivered_at_once(log):
    r = watch(log, Readable(read=lambda size: log(f'_read {size}')))
    data(log, r)

    def first():
        log(f'push a {r.push("a")}')
        log(f'push b {r.push("b")}')
        nextTick(lambda: log('tick'))

    def second():
        r.push(None)
        log('pushed null')
        nextTick(lambda: log('tick2'))
    later(first, second)


@logs('_read 2', 'resume', 'data b:a', 'push a True', 'data b:bcd', 'push bcd True', '_read 2', 'end',
      'close')
def test_a_chunk_larger_than_the_mark(log):
    r = watch(log, Readable(highWaterMark=2, read=lambda size: log(f'_read {size}')))
    data(log, r)

    def push():
        log(f'push a {r.push("a")}')
        log(f'push bcd {r.push("bcd")}')
    later(push, lambda: r.push(None))


def read_all(log, r, size=None):
    def readable():
        log(f'readable {r.readableLength}')
        while (chunk := r.read(size)) is not None:
            log('got', chunk)
    r.on('readable', readable)


@logs('readable 2', 'got b:abcd', 'readable 0', 'readable 0', 'end', 'close')
def test_readable_event(log):
    read_all(log, watch(log, source('ab', 'cd')))


@logs('readable 3', 'got b:ab', 'got b:cd', 'got b:ef', 'got b:gh', 'readable 0', 'readable 0', 'end',
      'close')
def test_readable_event_and_read_of_a_size(log):
    read_all(log, watch(log, source('abc', 'defg', 'h')), 2)


@logs('_read', 'pushed', 'readable 2', '_read', 'got b:ab', 'readable 1', '_read', 'got b:c', 'readable 0',
      'got None', 'end', 'close')
def test_readable_event_with_later_pushes(log):
    r = watch(log, Readable(read=lambda: log('_read')))

    def readable():
        log(f'readable {r.readableLength}')
        log('got', r.read())
    r.on('readable', readable)

    def push():
        r.push('a')
        r.push('b')
        log('pushed')
    later(push, lambda: r.push('c'), lambda: r.push(None))


@logs('_read', 'readable 1', '_read', 'readable 2', '_read', 'readable 2', 'read b:ab', 'read None', 'end',
      'close')
def test_readable_event_when_nobody_reads(log):
    r = watch(log, Readable(read=lambda: log('_read')))
    r.on('readable', lambda: log(f'readable {r.readableLength}'))

    def read():
        log('read', r.read())
        log('read', r.read())
    later(lambda: r.push('a'), lambda: r.push('b'), lambda: r.push(None), read)


@logs('_read', 'None', '_read', 'None', '3', 'b:ab', 'None', 'b:c', 'None', 'None', 'end', 'close')
def test_read_of_nothing(log):
    r = watch(log, Readable(read=lambda: log('_read')))
    log(r.read(0))
    r.push('abc')
    log(r.read(0))
    log(r.readableLength)
    for size in (2, 2, None, None):
        log(r.read(size))
    r.push(None)
    log(r.read())


@logs('None', 'b:abc', 'None', 'end', 'close')
def test_read_of_more_than_is_left(log):
    r = watch(log, silent())
    r.push('abc')
    log(r.read(5))
    r.push(None)
    log(r.read(5))
    log(r.read(5))


@logs('b:abcd', '5', 'b:e', 'b:fgh', 'b:XY', 'b:Zi')
def test_read_across_chunks_and_unshift(log):
    r = watch(log, silent())
    for chunk in ('abc', 'de', 'fghi'):
        r.push(chunk)
    log(r.read(4))
    log(r.readableLength)
    log(r.read(1))
    log(r.read(3))
    r.unshift('XY')
    log(r.read(2))
    r.unshift('Z')
    log(r.read())


@logs('pause', 'data b:ab', 'read b:ab', 'data b:cde', 'read b:cde', 'resume', 'end', 'close')
def test_read_emits_data_too(log):
    r = watch(log, silent())
    data(log, r)
    r.pause()
    r.push('abc')
    r.push('de')
    log('read', r.read(2))
    log('read', r.read())
    r.push(None)
    r.resume()


@logs('_read 3', 'b:x', '0', '_read 3', 'b:x', '0', '_read 16', 'None', '16', '_read 16', '_read 16',
      '_read 16', '_read 16', '_read 16', '_read 16', '_read 16', '_read 16', '_read 16', '_read 16',
      '_read 16', '_read 16', '_read 16', '_read 16', '_read 16', 'later 16')
def test_reading_fills_the_buffer_up_to_the_mark(log):
    def read(size):
        log(f'_read {size}')
        r.push('x')
    r = Readable(read=read, highWaterMark=3)
    log(r.read())
    log(r.readableLength)
    log(r.read())
    log(r.readableLength)
    log(r.read(10))
    log(r.readableHighWaterMark)
    setImmediate(lambda: log(f'later {r.readableLength}'))


@logs('_read 16', 'None', '16', '16', '32')
def test_a_large_read_raises_the_mark(log):
    r = Readable(read=lambda size: log(f'_read {size}'), highWaterMark=3)
    log(r.read(10))
    log(r.readableHighWaterMark)
    r.read(16)
    log(r.readableHighWaterMark)
    r.read(17)
    log(r.readableHighWaterMark)


@logs('resume', 'data b:a', 'pause', 'resuming', 'flowing True', 'resume', 'data b:b', 'pause', 'resuming',
      'flowing True', 'resume', 'data b:c', 'pause', 'end', 'close', 'resuming', 'flowing True', 'resume')
def test_pause_in_a_data_listener(log):
    r = watch(log, source('a', 'b', 'c'))

    def resume():
        log('resuming')
        r.resume()
        log(f'flowing {r.readableFlowing}')

    def listener(chunk):
        log('data', chunk)
        r.pause()
        setImmediate(resume)
    r.on('data', listener)


@logs('None', 'pause', 'False', 'True', 'True', 'False', 'resume', 'data b:a', 'end', 'close')
def test_pause_and_resume_at_once(log):
    r = watch(log, source('a'))
    log(r.readableFlowing)
    r.pause()
    log(r.readableFlowing)
    log(r.isPaused())
    r.resume()
    log(r.readableFlowing)
    log(r.isPaused())
    data(log, r)


@logs('pause', 'now', 'resume', 'data b:a', 'end', 'close')
def test_a_data_listener_does_not_undo_pause(log):
    r = watch(log, source('a'))
    r.pause()
    data(log, r)

    def resume():
        log('now')
        r.resume()
    setImmediate(resume)


@logs('pause', 'x', 'resume')
def test_pause_and_resume_count_once(log):
    r = watch(log, silent())
    r.resume()
    r.resume()
    r.pause()
    r.pause()
    log('x')


@logs('resume', 'end', 'close')
def test_resume_without_a_listener_discards(log):
    watch(log, source('a', 'b')).resume()


@logs('resume', 'end', 'close')
def test_a_listener_added_after_the_data_was_discarded(log):
    r = watch(log, source('a', 'b'))
    r.resume()
    nextTick(lambda: data(log, r))


@logs('resume', 'data b:a', 'flowing True', 'len 0', 'len 1', 'end', 'close')
def test_removing_the_data_listener_does_not_pause(log):
    r = watch(log, silent())

    def listener(chunk):
        log('data', chunk)
        r.off('data', listener)
        log(f'flowing {r.readableFlowing}')
    r.on('data', listener)

    def push():
        r.push('a')
        log(f'len {r.readableLength}')
        r.push('b')
        log(f'len {r.readableLength}')
        r.push(None)
    setImmediate(push)


@logs('resume', 'once b:a', 'end', 'close', 'True')
def test_once_data(log):
    r = watch(log, source('a', 'b', 'c'))
    r.once('data', lambda chunk: log('once', chunk))
    setImmediate(lambda: log(r.readableFlowing))


@logs('False', 'resume', 'readable', 'data b:ab', 'read b:ab', 'readable', 'read None', 'end', 'close')
def test_readable_takes_precedence_over_data(log):
    r = watch(log, source('a', 'b'))
    data(log, r)

    def readable():
        log('readable')
        log('read', r.read())
    r.on('readable', readable)
    log(r.readableFlowing)


@logs('False', 'resume', 'readable', 'False', 'resume', 'data b:a', 'True', 'data b:b', 'end', 'close')
def test_without_readable_listeners_data_flows_again(log):
    r = watch(log, silent())
    data(log, r)

    def listener():
        log('readable')
    r.on('readable', listener)
    log(r.readableFlowing)

    def remove():
        r.removeListener('readable', listener)
        log(r.readableFlowing)

    def push():
        log(r.readableFlowing)
        r.push('b')
        r.push(None)
    later(lambda: r.push('a'), remove, push)


@logs('False', 'None', 'data b:b', 'resume', 'end', 'close')
def test_without_any_listener_the_mode_is_undecided_again(log):
    r = watch(log, silent())

    def listener():
        log('readable')
    r.on('readable', listener)
    r.removeListener('readable', listener)
    log(r.readableFlowing)

    def push():
        log(r.readableFlowing)
        data(log, r)
        r.push('b')
        r.push(None)
    setImmediate(push)


@logs('False', 'resume', 'readable', 'b:a', 'end', 'close')
def test_resume_has_no_effect_beside_a_readable_listener(log):
    r = watch(log, source('a'))

    def readable():
        log('readable')
        log(r.read())
    r.on('readable', readable)
    r.resume()
    log(r.readableFlowing)


@logs('None', 'True', 'resume', 'readable', 'end', 'close')
def test_a_readable_listener_that_is_prepended_changes_nothing(log):
    r = watch(log, silent())
    r.prependListener('readable', lambda: log('readable'))
    log(r.readableFlowing)
    r.resume()
    log(r.readableFlowing)
    r.push('a')
    r.push(None)


@logs('resume', 'data b:abc', 'data b:c', 'data b:d', 'end', 'close')
def test_unshift_in_a_data_listener(log):
    r = watch(log, source('abc', 'd'))
    r.once('data', lambda chunk: r.unshift('c'))
    r.prependListener('data', lambda chunk: log('data', chunk))


@logs('resume', 'data b:u', 'data b:a', 'end', 'close')
def test_unshift_while_flowing(log):
    r = watch(log, silent())
    data(log, r)
    setImmediate(lambda: (r.unshift('u'), r.push('a'), r.push(None)))


@logs('resume', 'data b:a', 'end', 'unshift False',
      'error ERR_STREAM_UNSHIFT_AFTER_END_EVENT:stream.unshift() after end event', 'close')
def test_unshift_after_end(log):
    r = watch(log, source('a'))
    data(log, r)
    r.on('end', lambda: log(f'unshift {r.unshift("z")}'))


@logs('False', 'data b:a', 'data b:b', 'resume', 'end', 'close')
def test_unshift_between_end_of_input_and_end(log):
    r = watch(log, silent())
    r.push('b')
    r.push(None)
    log(r.unshift('a'))
    data(log, r)


@logs('False', 'data b:b', 'resume', 'end', 'close')
def test_unshift_of_none_ends(log):
    r = watch(log, silent())
    r.push('b')
    log(r.unshift(None))
    data(log, r)


@logs('False', 'data b:b', 'error ERR_STREAM_PUSH_AFTER_EOF:stream.push() after EOF', 'close', 'resume')
def test_push_after_the_end(log):
    r = watch(log, silent())
    r.push('b')
    r.push(None)
    log(r.push('c'))
    data(log, r)


@logs('False', 'data b:b', 'resume', 'end', 'close')
def test_push_none_twice(log):
    r = watch(log, silent())
    r.push('b')
    r.push(None)
    log(r.push(None))
    data(log, r)


@logs('False', 'error ERR_INVALID_ARG_TYPE:The "chunk" argument must be of type string or an instance of '
      'Buffer, TypedArray, or DataView. Received type number (5)', 'close', 'resume')
def test_push_of_a_wrong_type(log):
    r = watch(log, silent())
    log(r.push(5))
    data(log, r)


@logs('False', 'error ERR_INVALID_ARG_TYPE:The "chunk" argument must be of type string or an instance of '
      'Buffer, TypedArray, or DataView. Received type boolean (true)', 'close', 'resume')
def test_push_of_a_boolean(log):
    r = watch(log, silent())
    log(r.push(True))
    data(log, r)


@logs('True', 'True', '_read', 'resume', 'True', 'data b:a', 'end', 'close')
def test_push_of_nothing(log):
    r = watch(log, Readable(read=lambda: log('_read')))
    log(r.push(''))
    log(r.push(b''))
    data(log, r)
    setImmediate(lambda: (log(r.push('')), r.push('a'), r.push(None)))


@logs('_read', 'resume', '_read', '_read', 'end', 'close')
def test_an_empty_push_asks_again(log):
    answers = ['', '', None]

    def read():
        log('_read')
        r.push(answers.pop(0))
    r = watch(log, Readable(read=read))
    data(log, r)


@logs('resume', 'end', 'close')
def test_empty_stream(log):
    data(log, watch(log, source()))


@logs('readable None', 'end', 'close')
def test_empty_stream_with_a_readable_listener(log):
    r = watch(log, source())
    r.on('readable', lambda: log('readable', r.read()))


@logs('False', 'readable? True', 'x', 'resume', 'end', 'close')
def test_ended_before_anyone_looked(log):
    r = watch(log, silent())
    r.push(None)
    log(r.readableEnded)

    def resume():
        log(f'readable? {r.readable}')
        r.resume()
        log('x')
    setImmediate(resume)


@logs('resume', 'error ERR_METHOD_NOT_IMPLEMENTED:The _read() method is not implemented', 'close')
def test_without_read(log):
    data(log, watch(log, Readable()))


def boom():
    raise errors.Error('boom')


@logs('resume', 'error Error:boom', 'close')
def test_read_raises(log):
    data(log, watch(log, Readable(read=boom)))


@logs('resume', 'data b:a', 'error Error:boom', 'close')
def test_read_raises_after_a_push(log):
    def read():
        r.push('a')
        boom()
    r = watch(log, Readable(read=read))
    data(log, r)


@logs('resume', 'data b:x', 'end', 'close')
def test_read_replaced_on_the_instance(log):
    r = watch(log, Readable())
    r._read = lambda: (r.push('x'), r.push(None))
    data(log, r)


@logs('resume', 'data b:s', 'end', 'close')
def test_read_of_a_subclass(log):
    class Mine(Readable):
        def _read(self):
            self.push('s')
            self.push(None)
    data(log, watch(log, Mine()))


@logs('True,False,None,False,False,False,False,None,0', 'True,False,True,False,False,False,False,None,0',
      'data True,False,True,True,False,False,False,None,0',
      'end False,True,True,True,False,False,False,None,0',
      'close False,True,True,True,False,True,True,None,0')
def test_state_on_the_way_to_the_end(log):
    r = source('a')

    def state():
        return ','.join(map(show, (
            r.readable, r.readableEnded, r.readableFlowing, r.readableDidRead, r.readableAborted, r.destroyed,
            r.closed, r.errored, r.readableLength)))
    log(state())
    r.on('end', lambda: log('end', state()))
    r.on('close', lambda: log('close', state()))
    r.on('data', lambda: log('data', state()))
    log(state())


@logs('16', '3', '1', 'data ', 'data [object Object]', 'resume', 'end', 'close')
def test_object_mode(log):
    class Thing:
        def __str__(self):
            return '[object Object]'
    r = watch(log, Readable(objectMode=True, read=lambda: None))
    log(r.readableHighWaterMark)
    r.push(1)
    r.push('')
    r.push(Thing())
    log(r.readableLength)
    log(r.read())
    data(log, r)
    r.push(None)


@logs('1', '2', 'None')
def test_object_mode_reads_one_at_a_time(log):
    r = Readable(objectMode=True, read=lambda: None)
    r.push(1)
    r.push(2)
    log(r.read(5))
    log(r.read(1))
    log(r.read())


@logs('True', 'False', 'False', 'False', 'readable 4', 'got 0', 'got 1', 'got 2', 'got 3', 'end', 'close')
def test_object_mode_with_a_readable_listener(log):
    r = watch(log, Readable(objectMode=True, highWaterMark=2, read=lambda: log('_read')))
    read_all(log, r)
    for number in range(4):
        log(r.push(number))
    r.push(None)


@logs('_read 0', 'readable', 'got b:a', '_read 0', 'got b:a', '_read 0', 'got b:a', 'readable', 'readable',
      'end', 'close')
def test_mark_of_zero(log):
    count = 0

    def read(size):
        nonlocal count
        log(f'_read {size}')
        r.push('a')
        count += 1
        if count == 3:
            r.push(None)
    r = watch(log, Readable(highWaterMark=0, read=read))

    def readable():
        log('readable')
        while (chunk := r.read()) is not None:
            log('got', chunk)
    r.on('readable', readable)


@logs('_read', 'len 1', '_read', 'len 2', '_read', 'len 3', '_read', 'len 4')
def test_reads_ahead_up_to_the_mark(log):
    def push():
        r.push('x')
        log(f'len {r.readableLength}')

    def read():
        log('_read')
        setImmediate(push)
    r = Readable(highWaterMark=4, read=read)
    r.read(0)


@logs('resume', 'end', 'add', 'close')
def test_a_listener_added_at_the_end(log):
    r = watch(log, source('a'))

    def late():
        log('add')
        data(log, r)
        r.resume()
    r.on('end', late)
    r.resume()


@logs('x 1')
def test_no_end_before_everything_was_read(log):
    r = watch(log, source('a'))
    r.read(0)
    setImmediate(lambda: log(f'x {r.readableLength}'))


@logs('resume', 'data b:a', 'end', 'None', 'close')
def test_read_at_the_end(log):
    r = watch(log, source('a'))
    r.on('end', lambda: log(r.read()))
    data(log, r)


@logs('resume', 'data b:a', 'uncaught Error:L', 'data b:b', 'end', 'close')
def test_a_listener_that_raises_stops_nothing(log):
    r = watch(log, source('a', 'b'))

    def listener(chunk):
        log('data', chunk)
        if chunk == b'a':
            raise errors.Error('L')
    r.on('data', listener)


@logs('b:a', 'b:b', 'b:c', 'ended False')
def test_reading_exactly_what_is_left_does_not_end(log):
    r = watch(log, silent())
    r.push('abc')
    r.push(None)
    log(r.read(1))

    def last():
        log(r.read(1))
        log(f'ended {r.readableEnded}')
    later(lambda: log(r.read(1)), last)


@logs('readable 3', 'readable 3', 'read', 'end', 'close')
def test_the_end_is_announced_as_readable(log):
    r = watch(log, silent())
    r.on('readable', lambda: log(f'readable {r.readableLength}'))
    r.push('abc')

    def read():
        r.read()
        log('read')
    later(lambda: r.push(None), read)


@logs('resume', 'data b:x', 'sync end', 'end', 't1', 'close')
def test_the_end_comes_in_a_tick(log):
    r = watch(log, silent())
    data(log, r)

    def push():
        r.push('x')
        r.push(None)
        log('sync end')
        nextTick(lambda: log('t1'))
    setImmediate(push)


@logs('pause', 'resume', '3', 'data b:a', 'read b:a', 'data b:bc', 'resume', 'end', 'close')
def test_reading_by_hand_while_paused(log):
    r = watch(log, silent())
    r.push('abc')
    data(log, r)
    r.pause()

    def read():
        log(r.readableLength)
        log('read', r.read(1))
    later(read, lambda: (r.resume(), r.push(None)))


@logs('t0', 'resume', 'data b:a', 't1')
def test_resume_takes_its_turn_among_the_ticks(log):
    r = watch(log, silent())
    r.push('a')
    nextTick(lambda: log('t0'))
    r.resume()
    nextTick(lambda: log('t1'))
    data(log, r)


@logs('False', 'True', 'True')
def test_is_disturbed(log):
    r = source('a')
    log(Readable.isDisturbed(r))
    r.read()
    log(Readable.isDisturbed(r))
    other = source('a')
    other.destroy()
    log(Readable.isDisturbed(other))


# What is done to a stream (without a name, `off` takes all listeners away), and what comes of that when 'x'
# is pushed: readableFlowing, readableLength, isPaused(), and what was heard.
@pytest.mark.parametrize(('steps', 'expected'), [
    ('prepend data, on readable, off readable', 'None 1 False pushed 1'),
    ('prepend data, off readable', 'None 1 False pushed 1'),
    ('prepend data, resume', 'True 0 False resume, pushed 1, data'),
    ('on data, off data, on readable, off readable', 'True 0 False resume, resume, pushed 0'),
    ('on readable, on data, off readable', 'True 0 False resume, data, pushed 0'),
    ('on readable, on data, pause, off readable', 'True 0 False resume, data, pushed 0'),
    ('on readable, pause, off readable', 'None 1 True pushed 1'),
    ('resume, on readable, off readable', 'None 1 False resume, pushed 1'),
    ('on data, off data', 'True 0 False resume, pushed 0'),
    ('pause, on data, off', 'True 0 False pause, pushed 0'),
    ('once readable', 'True 0 False pushed 1, readable, False, resume, more'),
    ('on data, once readable', 'True 0 False resume, pushed 1, readable, False, resume, data, more'),
    ('pause, once readable', 'True 0 False pause, pushed 1, readable, False, resume, more'),
])
def test_listeners_that_come_and_go(steps, expected):
    stream, heard = silent(), []

    def on_readable():
        heard.append('readable')
        if 'once' in steps:
            stream.on('data', lambda chunk: heard.append('more'))
            heard.append(str(stream.resume().readableFlowing))

    listeners = {'readable': on_readable, 'data': lambda chunk: heard.append('data')}

    def take(step):
        what, _, name = step.partition(' ')
        if what == 'off':
            stream.removeAllListeners(name or None)
        elif name:
            getattr(stream, 'prependListener' if what == 'prepend' else what)(name, listeners[name])
        else:
            getattr(stream, what)()

    def program():
        stream.on('pause', lambda: heard.append('pause')).on('resume', lambda: heard.append('resume'))
        for step in steps.split(', '):
            take(step)
        later(lambda: (stream.push('x'), heard.append(f'pushed {stream.readableLength}')))

    threadpool.run(program)
    state = f'{stream.readableFlowing} {stream.readableLength} {stream.isPaused()}'
    assert ' '.join(filter(None, [state, ', '.join(heard)])) == expected
