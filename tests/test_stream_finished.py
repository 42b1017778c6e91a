"""finished and pipeline, with callbacks and waiting (`promises`)."""

import io

import pytest
from stream_order import data, logs, show, silent, sink, source, watch

from nodehttp import errors
from nodehttp.abort import AbortController
from nodehttp.errors import Error
from nodehttp.events import EventEmitter
from nodehttp.stream import (
    Duplex,
    PassThrough,
    Transform,
    Writable,
    finished,
    isErrored,
    isReadable,
    isWritable,
    pipeline,
    promises,
)
from nodehttp.timers import setImmediate, setTimeout


def noted(log):
    return lambda *error: log('cb ' + show(error[0] if error else ''))


@logs('function', 'resume', 'end', 'close', 'cb ')
def test_a_readable(log):
    r = watch(log, source('a'))
    log('function' if callable(finished(r, noted(log))) else '')
    r.resume()


@logs('_write b:a', 'prefinish', 'finish', 'close', 'cb ')
def test_a_writable(log):
    w = watch(log, sink(log))
    finished(w, noted(log))
    w.end('a')


@logs('prefinish', 'resume', 'end', 'finish', 'close', 'cb ')
def test_a_duplex(log):
    d = watch(log, PassThrough())
    finished(d, noted(log))
    d.resume()
    d.end('a')


@logs('prefinish', 'resume', 'end', 'cb ', 'finish', 'close')
def test_the_readable_side_of_a_duplex(log):
    d = watch(log, PassThrough())
    finished(d, {'writable': False}, noted(log))
    d.resume()
    d.end('a')


@logs('prefinish', 'finish', 'cb ')
def test_the_writable_side_of_a_duplex(log):
    d = watch(log, PassThrough())
    finished(d, {'readable': False}, noted(log))
    d.end('a')


@logs('error Error:e', 'cb Error:e', 'close')
def test_an_error(log):
    r = watch(log, source('a'))
    finished(r, noted(log))
    r.destroy(Error('e'))


@logs('close', 'cb ERR_STREAM_PREMATURE_CLOSE:Premature close')
def test_a_premature_close(log):
    r = watch(log, source('a'))
    finished(r, noted(log))
    r.destroy()


@logs('_write b:a', 'close', 'cb ERR_STREAM_PREMATURE_CLOSE:Premature close')
def test_a_premature_close_of_a_writable(log):
    w = watch(log, sink(log))
    finished(w, noted(log))
    w.write('a')
    w.destroy()


@logs('resume', 'end', 'close', 'x', 'cb ')
def test_finished_before(log):
    r = watch(log, source())
    r.resume()
    r.on('close', lambda: (finished(r, noted(log)), log('x')))


@logs('error Error:e', 'close', 'x', 'cb Error:e')
def test_failed_before(log):
    r = watch(log, source())
    r.destroy(Error('e'))
    r.on('close', lambda: (finished(r, noted(log)), log('x')))


@logs('close', 'x', 'cb ERR_STREAM_PREMATURE_CLOSE:Premature close')
def test_destroyed_before(log):
    r = watch(log, source())
    r.destroy()
    r.on('close', lambda: (finished(r, noted(log)), log('x')))


@logs('x', 'close', 'cb ERR_STREAM_PREMATURE_CLOSE:Premature close')
def test_being_destroyed(log):
    r = watch(log, source())
    r.destroy()
    finished(r, noted(log))
    log('x')


@logs('x', 'error Error:e', 'cb Error:e', 'close')
def test_being_destroyed_slowly(log):
    r = watch(log, silent(destroy=lambda error, callback: setImmediate(callback, error)))
    r.destroy(Error('e'))
    finished(r, noted(log))
    log('x')


@logs('resume', 'end', 'close')
def test_not_interested_any_more(log):
    r = watch(log, source('a'))
    finished(r, noted(log))()
    r.resume()


@logs('resume', 'end', 'cb ')
def test_without_emit_close(log):
    r = watch(log, source('a', emitClose=False))
    finished(r, noted(log))
    r.resume()


@logs('resume', 'end', 'cb ')
def test_without_auto_destroy(log):
    r = watch(log, source('a', autoDestroy=False))
    finished(r, noted(log))
    r.resume()


@logs('_write b:a', 'prefinish', 'finish', 'cb ')
def test_a_writable_without_emit_close(log):
    w = watch(log, sink(log, emitClose=False))
    finished(w, noted(log))
    w.end('a')


@logs('_write b:a', 'prefinish', 'finish', 'cb ')
def test_a_writable_without_auto_destroy(log):
    w = watch(log, sink(log, autoDestroy=False))
    finished(w, noted(log))
    w.end('a')


@logs('error Error:e', 'close', 'cb Error:e')
def test_errors_that_do_not_count(log):
    r = watch(log, source('a'))
    finished(r, {'error': False}, noted(log))
    r.destroy(Error('e'))


@logs('cb ABORT_ERR:The operation was aborted', 'x')
def test_a_signal(log):
    controller = AbortController()
    finished(watch(log, source('a')), {'signal': controller.signal}, noted(log))
    controller.abort()
    log('x')


@logs('x', 'cb ABORT_ERR:The operation was aborted')
def test_a_signal_that_was_aborted(log):
    controller = AbortController()
    controller.abort()
    finished(watch(log, source('a')), {'signal': controller.signal}, noted(log))
    log('x')


def test_wrong_arguments():
    kind = 'an instance of ReadableStream, WritableStream, or Stream'
    for stream, name in (({}, 'Object'), (EventEmitter(), 'EventEmitter')):
        with pytest.raises(TypeError) as caught:
            finished(stream, lambda: None)
        assert caught.value.message == f'The "stream" argument must be {kind}. Received an instance of {name}'
    with pytest.raises(TypeError) as caught:
        finished(source())
    assert caught.value.message == 'The "callback" argument must be of type function. Received undefined'


def test_listeners_are_left_unless_asked(record):
    r = source('a')
    finished(r, lambda: None)
    assert sorted(r.eventNames()) == ['close', 'end', 'error', 'finish']
    r = source('a')
    finished(r, lambda: None)()
    assert r.eventNames() == []
    r = source('a')
    finished(r, {'cleanup': True}, lambda: record(r.eventNames()))
    r.resume()
    assert record.wait_count(1) == [[]]


# pipeline


def done(log):
    return lambda error, value: log('cb ' + ','.join(map(show, (error, value))))


def pair(log, r, w):
    return watch(log, r, 'r.'), watch(log, w, 'w.')


def through(log):
    return watch(log, PassThrough(), 't.')


@logs('w.pipe', 'True', 'r.resume', '_write b:a', 'r.end', 'r.pause', 'w.unpipe', 'r.close', '_write b:b',
      'w.prefinish', 'w.finish', 'w.close', 'cb None,None')
def test_pipeline(log):
    r, w = pair(log, source('a', 'b'), sink(log))
    log(pipeline(r, w, done(log)) is w)


@logs('t.pipe', 'w.pipe', 'r.resume', '_write b:a', 't.resume', 'r.end', 'r.pause', 't.unpipe',
      't.prefinish', 't.end', 't.pause', 'w.unpipe', 't.finish', 'r.close', 't.close', '_write b:b',
      'w.prefinish', 'w.finish', 'w.close', 'cb None,None')
def test_three_streams(log):
    r, w = pair(log, source('a', 'b'), sink(log))
    pipeline(r, through(log), w, done(log))


@logs('w.pipe', 'r.resume', '_write b:a', 'r.end', 'r.pause', 'w.unpipe', 'r.close', '_write b:b',
      'w.prefinish', 'w.finish', 'w.close', 'cb None,None')
def test_streams_in_a_list(log):
    pipeline([*pair(log, source('a', 'b'), sink(log))], done(log))


@logs('t.pipe', 'w.pipe', 'r.resume', 't.resume', 'r.error Error:s', 'r.close', 'r.pause', 't.unpipe',
      't.error Error:s', 't.close', 't.pause', 'w.unpipe', 'w.error Error:s', 'w.close', 'cb Error:s,None')
def test_the_source_fails(log):
    r, w = pair(log, source('a', 'b'), sink(log))
    pipeline(r, through(log), w, done(log))
    r.destroy(Error('s'))


@logs('w.pipe', 'r.resume', 'r.close', 'r.pause', 'w.unpipe',
      'w.error ERR_STREAM_PREMATURE_CLOSE:Premature close', 'w.close',
      'cb ERR_STREAM_PREMATURE_CLOSE:Premature close,None')
def test_the_source_closes_early(log):
    r, w = pair(log, source('a', 'b'), sink(log))
    pipeline(r, w, done(log))
    r.destroy()


@logs('cb ERR_STREAM_PREMATURE_CLOSE:Premature close,None')
def test_the_source_closes_with_its_end_in_sight(log):
    # In Node this pipeline never comes to an end.
    r = silent()
    r.push('x')
    r.push(None)
    pipeline(r, Writable(write=lambda chunk, encoding, callback: callback()), done(log))
    r.destroy()


@logs('t.pipe', 'w.pipe', 'r.resume', 'r.pause', 't.resume', 't.unpipe', 't.error Error:t', 't.close',
      'r.error Error:t', 'r.close', 't.pause', 'w.unpipe', 'w.error Error:t', 'w.close', 'cb Error:t,None')
def test_the_middle_fails(log):
    r, w = pair(log, source('a', 'b'), sink(log))
    t = watch(log, Transform(transform=lambda chunk, encoding, callback: callback(Error('t'))), 't.')
    pipeline(r, t, w, done(log))


@logs('t.pipe', 'w.pipe', 'r.resume', 't.resume', 'r.end', 'r.pause', 't.unpipe', 't.prefinish', 't.end',
      't.pause', 'w.unpipe', 't.finish', 'r.close', 't.close', 'w.error Error:w', 'w.close',
      'cb Error:w,None')
def test_the_destination_fails(log):
    r, w = pair(log, source('a', 'b'),
                Writable(write=lambda chunk, encoding, callback: setImmediate(callback, Error('w'))))
    pipeline(r, through(log), w, done(log))


@logs('w.pipe', 'r.resume', '_write b:a', 'r.end', 'r.pause', 'w.unpipe', 'r.close', 'w.close',
      'cb ERR_STREAM_PREMATURE_CLOSE:Premature close,None')
def test_the_destination_closes_early(log):
    r, w = pair(log, source('a', 'b'), sink(log))
    pipeline(r, w, done(log))
    setImmediate(lambda: w.destroy())


@logs('w.pipe', 'r.resume', 'w.close', 'r.pause', 'w.unpipe',
      'r.error ERR_STREAM_PREMATURE_CLOSE:Premature close', 'r.close',
      'cb ERR_STREAM_PREMATURE_CLOSE:Premature close,None')
def test_the_destination_closes_before_the_source_has_ended(log):
    r, w = pair(log, silent(), sink(log))
    pipeline(r, w, done(log))
    setImmediate(lambda: w.destroy())


@logs('_write b:x', 'w.pipe', 'r.resume', 'r.pause', 'w.unpipe',
      'w.error ERR_STREAM_WRITE_AFTER_END:write after end', 'w.close',
      'r.error ERR_STREAM_WRITE_AFTER_END:write after end', 'r.close',
      'cb ERR_STREAM_WRITE_AFTER_END:write after end,None')
def test_the_destination_was_ended(log):
    r, w = pair(log, source('a', 'b'), sink(log))
    w.end('x')
    pipeline(r, w, done(log))


class OldStyle(EventEmitter):
    """What was a Writable before there were streams of Node's own."""

    def __init__(self, writable):
        self.writable = writable

    def write(self, chunk):
        pass


@pytest.mark.parametrize(('writable', 'event', 'told'), [
    (False, 'end', 'cb '), (False, 'close', 'cb '), (True, 'finish', 'cb '), (True, 'end', None),
    (True, 'close', 'cb ERR_STREAM_PREMATURE_CLOSE:Premature close'),
])
def test_an_old_style_writable(writable, event, told):
    log = []
    emitter = OldStyle(writable)
    finished(emitter, noted(log.append))
    emitter.emit(event)
    assert log == [told] * (told is not None)


def test_arguments_of_pipeline():
    body = ('The "body" argument must be of type function or an instance of Blob, ReadableStream, '
            'WritableStream, Stream, Iterable, AsyncIterable, or Promise or { readable, writable } pair. '
            'Received an instance of Object')
    destroyed = sink(print)
    destroyed.destroy()
    for arguments, code, message in (
            ((source(), lambda: None), 'ERR_MISSING_ARGS', 'The "streams" argument must be specified'),
            ((source(), sink(print)), 'ERR_INVALID_ARG_TYPE',
             'The "streams[stream.length - 1]" property must be of type function. '
             'Received an instance of Writable'),
            ((source(), {}, lambda: None), 'ERR_INVALID_ARG_TYPE', body),
            (({}, sink(print), lambda: None), 'ERR_INVALID_ARG_TYPE', body),
            ((source(), destroyed, lambda: None), 'ERR_STREAM_UNABLE_TO_PIPE',
             'Cannot pipe to a closed or destroyed stream'),
            ((lambda: 5, sink(print), print), 'ERR_INVALID_RETURN_VALUE',
             'Expected Iterable, AsyncIterable or Stream to be returned from the "source" function but got '
             'type number (5).'),
            ((source(), PassThrough(), lambda chunks: None, sink(print), print), 'ERR_INVALID_RETURN_VALUE',
             'Expected AsyncIterable to be returned from the "transform[1]" function but got undefined.')):
        with pytest.raises(errors.NodeError) as caught:
            pipeline(*arguments)
        assert (caught.value.code, caught.value.message) == (code, message)


# Where Node itself feeds a destination from a function or an iterable, a pipe does here, with its events.
WITHOUT_PIPE = ('prefinish', 'finish', 'close', 'error')


@logs('_write b:a', '_write b:b', 'w.prefinish', 'w.finish', 'w.close', 'cb None,None')
def test_from_an_iterable(log):
    pipeline(['a', 'b'], watch(log, sink(log), 'w.', WITHOUT_PIPE), done(log))


@logs('_write b:a', '_write b:b', 'w.prefinish', 'w.finish', 'w.close', 'cb None,None')
def test_from_a_generator_function(log):
    def generate():
        yield 'a'
        yield 'b'
    pipeline(generate, watch(log, sink(log), 'w.', WITHOUT_PIPE), done(log))


@logs('_write b:a', 'w.error Error:g', 'w.close', 'cb Error:g,None')
def test_a_generator_raises(log):
    def generate():
        yield 'a'
        raise Error('g')
    pipeline(generate, watch(log, sink(log), 'w.', WITHOUT_PIPE), done(log))


@logs('_write b:A', 'r.end', 'r.close', '_write b:B', 'w.prefinish', 'w.finish', 'w.close', 'cb None,None')
def test_a_function_in_the_middle(log):
    def upper(chunks):
        for chunk in chunks:
            yield chunk.upper()
    pipeline(watch(log, source(b'a', b'b', highWaterMark=1), 'r.', ('end', 'close', 'error')), upper,
             watch(log, sink(log), 'w.', WITHOUT_PIPE), done(log))


@logs('r.error ABORT_ERR:The operation was aborted', 'r.close', 'w.error Error:f', 'w.close',
      'cb Error:f,None')
def test_a_function_in_the_middle_raises(log):
    def fails(chunks):
        for _ in chunks:
            raise Error('f')
        yield
    r = watch(log, source('a', 'b'), 'r.', ('end', 'close', 'error'))
    pipeline(r, fails, watch(log, sink(log), 'w.', WITHOUT_PIPE), done(log))


@logs('r.end', 'r.close', 'cb None,ab')
def test_a_function_at_the_end(log):
    pipeline(watch(log, source(b'a', b'b'), 'r.', ('end', 'close', 'error')),
             lambda chunks: b''.join(chunks).decode(), done(log))


@logs('r.error ABORT_ERR:The operation was aborted', 'r.close', 'cb Error:f,None')
def test_a_function_at_the_end_raises(log):
    def fails(chunks):
        for _ in chunks:
            raise Error('f')
    pipeline(watch(log, source('a', 'b'), 'r.', ('end', 'close', 'error')), fails, done(log))


@logs('r.error ABORT_ERR:The operation was aborted', 'r.close', 'cb None,got a')
def test_a_function_at_the_end_returns_early(log):
    def first(chunks):
        return 'got ' + next(chunks.iterator())[:1].decode()
    pipeline(watch(log, source('a', 'b'), 'r.', ('end', 'close', 'error')), first, done(log))


@logs('r.error ERR_STREAM_DESTROYED:Cannot call pipe after a stream was destroyed', 'r.close', 'cb None,5')
def test_a_function_at_the_end_does_not_read(log):
    pipeline(watch(log, source('a', 'b'), 'r.'), lambda chunks: 5, done(log))


@logs('r.error Error:s', 'r.close', 'cb Error:s,None')
def test_the_source_of_a_function_fails(log):
    r = watch(log, silent(), 'r.', ('end', 'close', 'error'))
    pipeline(r, lambda chunks: list(chunks), done(log))
    setImmediate(lambda: r.destroy(Error('s')))


@logs('t.pipe', 'r.resume', 'data b:a', 'data b:b', 't.resume', 'r.end', 'r.pause', 't.unpipe',
      't.prefinish', 't.end', 't.finish', 'r.close', 't.close', 'cb None,None')
def test_the_last_stream_may_be_read_from(log):
    t = through(log)
    pipeline(watch(log, source('a', 'b', ), 'r.'), t, done(log))
    data(log, t)


@logs('r.resume', 'r.end', 'r.close', 'w.pipe', 'r.pause', 'w.unpipe', 'w.prefinish', 'w.finish', 'w.close',
      'cb None,None')
def test_the_source_has_ended(log):
    r, w = pair(log, source(), sink(log))
    r.resume()
    setImmediate(lambda: pipeline(r, w, done(log)))


@logs('r.close', 'w.pipe', 'r.resume', 'r.pause', 'w.unpipe',
      'w.error ERR_STREAM_PREMATURE_CLOSE:Premature close', 'w.close',
      'cb ERR_STREAM_PREMATURE_CLOSE:Premature close,None')
def test_the_source_was_destroyed(log):
    r, w = pair(log, source(), sink(log))
    r.destroy()
    setImmediate(lambda: pipeline(r, w, done(log)))


@logs('d.pipe', '_write b:a', 'd.unpipe', 'd.prefinish', 'd.finish', 'cb None,None', 'False')
def test_a_duplex_at_the_end_stays_open(log):
    def write(chunk, encoding, callback):
        log('_write', chunk)
        callback()
    d = watch(log, Duplex(read=lambda: None, write=write), 'd.')
    pipeline(source('a'), d, done(log))
    setTimeout(lambda: log(d.destroyed), 3)


def test_python_files_at_both_ends(tmp_path):
    target = io.BytesIO()
    (tmp_path / 'x').write_bytes(b'abc' * 100_000)
    with open(tmp_path / 'x', 'rb') as file:
        promises.pipeline(file, PassThrough(), target)
        assert not file.closed
    assert target.getvalue() == b'abc' * 100_000


# promises


def attempt(log, *arguments, **options):
    try:
        value = promises.pipeline(*arguments, **options)
    except Exception as error:
        log('rej ' + show(error))
    else:
        log(f'cb {value}')


@logs('w.pipe', 'r.resume', '_write b:a', 'r.end', 'r.pause', 'w.unpipe', 'r.close', '_write b:b',
      'w.prefinish', 'w.finish', 'w.close', 'cb None')
def test_waiting_for_a_pipeline(log):
    attempt(log, *pair(log, source('a', 'b'), sink(log)))


@logs('w.pipe', 'r.resume', '_write b:a', 'r.end', 'r.pause', 'w.unpipe', 'r.close', 'cb None',
      '_write b:b')
def test_the_last_stream_may_be_left_open(log):
    attempt(log, *pair(log, source('a', 'b'), sink(log)), end=False)


@logs('w.pipe', 'r.resume', 'r.error Error:x', 'r.close', 'rej Error:x')
def test_the_last_stream_is_left_open_after_an_error(log):
    r, w = pair(log, silent(), sink(log))
    setImmediate(lambda: r.destroy(Error('x')))
    attempt(log, r, w, {'end': False})


@logs('w.pipe', 'r.resume', 'r.error ABORT_ERR:The operation was aborted', 'r.close', 'r.pause', 'w.unpipe',
      'w.error ABORT_ERR:The operation was aborted', 'w.close', 'rej ABORT_ERR:The operation was aborted')
def test_a_signal_ends_a_pipeline(log):
    controller = AbortController()
    setImmediate(lambda: controller.abort())
    attempt(log, *pair(log, silent(), sink(log)), signal=controller.signal)


@logs('w.pipe', 'r.resume', 'r.error ABORT_ERR:The operation was aborted', 'r.close', 'r.pause', 'w.unpipe',
      'w.error ABORT_ERR:The operation was aborted', 'w.close', 'rej ABORT_ERR:The operation was aborted')
def test_a_pipeline_with_an_aborted_signal(log):
    controller = AbortController()
    controller.abort()
    attempt(log, *pair(log, silent(), sink(log)), signal=controller.signal)


@logs('r.resume', 'r.end', 'r.close', 'cb None')
def test_waiting_for_a_stream(log):
    r = watch(log, source('a', 'b'), 'r.')
    r.resume()
    log(f'cb {promises.finished(r)}')


def test_questions_about_streams():
    r = source('a')
    assert (isErrored(r), isReadable(r), isWritable(r), isWritable(sink(print))) == (False, True, None, True)
    r.on('error', lambda: None)
    r.destroy(Error('x'))
    assert (isErrored(r), isReadable(r)) == (True, False)
    assert (isReadable({}), isErrored({}), isReadable(None)) == (None, False, None)



@pytest.mark.parametrize(('call', 'name', 'expected'), [
    (lambda bad: finished(PassThrough(), {'signal': bad}, print), '"options.signal" property', 'signal'),
    (lambda bad: promises.finished(PassThrough(), signal=bad), '"options.signal" property', 'signal'),
    (lambda bad: promises.pipeline([b'a'], PassThrough().resume(), signal=bad), '"options.signal" property',
     'signal'),
    (lambda bad: PassThrough({'signal': bad}), '"signal" argument', 'signal'),
    (lambda bad: finished(PassThrough(), bad, print), '"options" argument', 'object'),
    (lambda bad: PassThrough().pipe(bad), '"destination" argument', 'destination')])
def test_arguments_of_another_type(call, name, expected):
    expected = {'signal': 'an instance of AbortSignal', 'object': 'of type object',
                'destination': 'an instance of Writable or a binary file'}[expected]
    with pytest.raises(TypeError) as caught:
        call(5)
    assert str(caught.value) == f'The {name} must be {expected}. Received type number (5)'
