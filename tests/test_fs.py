"""File streams: events in Node's order, ranges, errors, descriptors."""

import os

import pytest
from stream_order import data, logs, show, watch

from nodehttp import errors, fs
from nodehttp.errors import Error
from nodehttp.timers import setTimeout
from nodehttp.url import URL

EVENTS = ('open', 'ready', 'error', 'close', 'end', 'finish')


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """Programs run in a folder of their own with these files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'f10').write_bytes(b'0123456789')
    (tmp_path / 'fe').write_bytes(b'')
    (tmp_path / 'fbig').write_bytes(b'x' * 150_000)
    (tmp_path / 'o1').write_bytes(b'abcdef')
    yield
    assert not [fd for fd in os.listdir('/proc/self/fd') if link(fd).startswith(str(tmp_path))]


def link(fd):
    try:
        return os.readlink(f'/proc/self/fd/{fd}')
    except OSError:  # that of the list itself, say
        return ''


def content(path):
    with open(path, 'rb') as file:
        return file.read().decode('latin-1')


def state(s):
    counts = getattr(s, 'bytesRead', None), getattr(s, 'bytesWritten', None)
    return ','.join(map(show, (s.path, s.pending, *counts,
                               s.destroyed, s.closed, 'object' if s.fd is None else 'number')))


def kept(log, stream, prefix=''):
    return watch(log, stream, prefix, EVENTS)


def reading(log, *arguments, **options):
    r = kept(log, fs.createReadStream(*arguments, **options))
    data(log, r)
    return r


@logs('f10,True,0,None,False,False,object', 'open', 'number', 'ready',
      'f10,False,0,None,False,False,number', 'data b:0123456789', 'end', 'close',
      'f10,True,10,None,True,True,object')
def test_read(log):
    r = kept(log, fs.createReadStream('f10'))
    log(state(r))
    data(log, r)
    r.on('open', lambda fd: log('number' if isinstance(fd, int) else ''))
    r.on('close', lambda: log(state(r)))
    r.on('ready', lambda: log(state(r)))


@logs('open', 'ready', 'data 65536 65536', 'data 65536 131072', 'data 18928 150000', 'end', 'close')
def test_read_several_chunks(log):
    r = kept(log, fs.createReadStream('fbig'))
    r.on('data', lambda chunk: log(f'data {len(chunk)} {r.bytesRead}'))


@logs('open', 'ready', 'data b:012', 'data b:345', 'data b:678', 'data b:9', 'end', 'close')
def test_chunks_of_a_given_size(log):
    reading(log, 'f10', highWaterMark=3)


@pytest.mark.parametrize(('options', 'chunks'), [
    ({'start': 2, 'end': 5}, ['2345']), ({'start': 2, 'end': 5, 'highWaterMark': 3}, ['234', '5']),
    ({'end': 3}, ['0123']), ({'start': 7}, ['789']), ({'start': 70}, []), ({'start': 3, 'end': 3}, ['3']),
    ({'start': 4, 'end': 100}, ['456789'])])
def test_ranges(options, chunks):
    r = fs.createReadStream('f10', options)
    assert [chunk.decode() for chunk in r] == chunks
    assert r.bytesRead == sum(map(len, chunks))


@logs('open', 'ready', 'end', 'close')
def test_an_empty_file(log):
    reading(log, 'fe')


@logs('utf8', 'open', 'ready', 'data 0123456789', 'end', 'close')
def test_an_encoding_instead_of_options(log):
    log(reading(log, 'f10', 'utf8').readableEncoding)


@logs("error ENOENT:ENOENT: no such file or directory, open 'none'",
      'ENOENT -2 open none', 'close', 'none,True,0,None,True,True,object')
def test_a_file_that_is_not_there(log):
    r = reading(log, 'none')
    r.on('error', lambda error: log(error.code, -error.errno, error.syscall, error.path))
    r.on('close', lambda: log(state(r)))


@logs('open', 'ready', 'error EISDIR:EISDIR: illegal operation on a directory, read',
      'EISDIR -21 read None', 'close')
def test_a_folder(log):
    r = reading(log, '.')
    r.on('error', lambda error: log(error.code, -error.errno, error.syscall, error.path))


def test_errors_are_os_errors(record):
    fs.createReadStream('none').on('error', record)
    [error] = record.wait_count(1)
    assert isinstance(error, FileNotFoundError) and isinstance(error, errors.NodeError)
    assert str(error) == "ENOENT: no such file or directory, open 'none'"


@logs('f10,True,0,None,True,False,object', 'open', 'ready', 'close')
def test_destroy_at_once(log):
    r = kept(log, fs.createReadStream('f10'))
    r.destroy()
    log(state(r))


@logs('open', 'ready', 'close')
def test_destroy_at_open(log):
    r = kept(log, fs.createReadStream('f10'))
    r.on('open', lambda: r.destroy())


@logs('open', 'ready', 'data', 'error Error:x', 'close')
def test_destroy_in_a_data_listener(log):
    r = kept(log, fs.createReadStream('fbig'))
    r.on('data', lambda: (log('data'), r.destroy(Error('x'))))


@logs('open', 'ready', 'data b:0123456789', 'end', 'f10,False,10,None,False,False,number')
def test_a_file_may_be_left_open(log):
    r = reading(log, 'f10', autoClose=False)
    r.on('end', lambda: setTimeout(lambda: (log(state(r)), os.close(r.fd)), 5))


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@logs('None,False,0,None,False,False,number', 'data b:0123456789', 'end', 'close', 'EBADF')
def test_a_descriptor(log):
    fd = os.open('f10', os.O_RDONLY)
    r = kept(log, fs.createReadStream(None, fd=fd))
    log(state(r))
    data(log, r)
    r.on('close', lambda: log('open' if is_open(fd) else 'EBADF'))


@logs('data b:0123456789', 'end', 'was open')
def test_a_descriptor_may_be_left_open(log):
    fd = os.open('f10', os.O_RDONLY)
    r = reading(log, '', fd=fd, autoClose=False)
    r.on('end', lambda: setTimeout(lambda: (os.close(fd), log('was open')), 5))


@logs('open', 'ready', 'data b:0123456789', 'end')
def test_without_emit_close(log):
    reading(log, 'f10', emitClose=False)


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no such device')
@logs('open', 'ready', 'error ENOSPC:ENOSPC: no space left on device, write', 'close')
def test_write_to_a_disk_that_is_full(log):
    kept(log, fs.createWriteStream('/dev/full')).end('x')


@logs('open', 'ready', 'close', 'cb ERR_STREAM_PREMATURE_CLOSE:Premature close')
def test_close(log):
    kept(log, fs.createReadStream('f10')).close(lambda error: log('cb', error))


@logs('ERR_INVALID_ARG_TYPE:The "start" argument must be of type number. Received type string '
      "('a')", 'ERR_OUT_OF_RANGE:The value of "start" is out of range. It must be >= 0 && <= '
      '9007199254740991. Received -1',
      'ERR_OUT_OF_RANGE:The value of "start" is out of range. It must be <= "end" (here: 3). '
      'Received 5',
      'ERR_INVALID_ARG_TYPE:The "end" argument must be of type number. Received type string (\'q\')',
      'ERR_INVALID_ARG_TYPE:The "path" argument must be of type string or an instance of Buffer or '
      'URL. Received type number (5)',
      'ERR_OUT_OF_RANGE:The value of "start" is out of range. It must be an integer. Received 1.5',
      'ERR_INVALID_ARG_TYPE:The "options.fd" property must be of type number or an instance of '
      "FileHandle. Received type string ('x')",
      'ERR_INVALID_ARG_TYPE:The "options" argument must be one of type string or object. Received '
      'type number (5)',
      "ERR_INVALID_ARG_VALUE:The argument 'path' must be a string, Uint8Array, or URL without null "
      "bytes. Received 'a\\x00b'",
      "event ERR_INVALID_ARG_VALUE:The argument 'flags' is invalid. Received 'zz'")
def test_bad_options(log):
    for path, options in (
            ('/x', {'start': 'a'}), ('/x', {'start': -1}), ('/x', {'start': 5, 'end': 3}),
            ('/x', {'end': 'q'}), (5, None), ('/x', {'start': 1.5}), ('/x', {'fd': 'x'}), ('/x', 5),
            ('a\0b', None)):
        try:
            fs.createReadStream(path, options)
        except errors.NodeError as error:
            log(error)
    fs.createReadStream('f10', {'flags': 'zz'}).on('error', lambda error: log('event', error))


@logs('open', 'ready', 'readable 65536', 'len 65536 65536', 'close')
def test_nobody_reads(log):
    # What is read ahead is bounded, and not counted.
    r = kept(log, fs.createReadStream('fbig'))
    r.on('readable', lambda: log(f'readable {r.readableLength}'))
    setTimeout(lambda: (log(f'len {r.readableLength} {r.bytesRead}'), r.destroy()), 20)


@logs('new,True,None,0,False,False,object', 'True', 'open', 'ready', 'cb abc 6', 'end cb',
      'finish', 'close', 'new,True,None,6,True,True,object', 'abcdef')
def test_write(log):
    s = kept(log, fs.createWriteStream('new'))
    log(state(s))
    log(s.write('abc', lambda: log(f'cb abc {s.bytesWritten}')))
    s.end('def', lambda: log('end cb'))
    s.on('close', lambda: (log(state(s)), log(content('new'))))


@logs('open', 'ready', 'finish', 'close', 'abcdefXY')
def test_append(log):
    s = kept(log, fs.createWriteStream('o1', flags='a'))
    s.end('XY')
    s.on('close', lambda: log(content('o1')))


@logs('open', 'ready', 'finish', 'close', 'ab--++')
def test_write_into_the_middle(log):
    s = kept(log, fs.createWriteStream('o1', flags='r+', start=2))
    s.write('--')
    s.end('++')
    s.on('close', lambda: log(content('o1')))


@logs("cb EEXIST:EEXIST: file already exists, open 'o1'",
      "end cb EEXIST:EEXIST: file already exists, open 'o1'",
      "error EEXIST:EEXIST: file already exists, open 'o1'", 'close')
def test_a_file_that_must_not_be_there(log):
    s = kept(log, fs.createWriteStream('o1', flags='wx'))
    s.write('--', lambda error: log('cb', error))
    s.end(lambda error: log('end cb', error))


@logs("cb ENOENT:ENOENT: no such file or directory, open 'nodir/o1'",
      "error ENOENT:ENOENT: no such file or directory, open 'nodir/o1'", 'close')
def test_a_folder_that_is_not_there(log):
    kept(log, fs.createWriteStream('nodir/o1')).write('--', lambda error: log('cb', error))


@logs('open', 'ready', 'finish', 'close', 'ab')
def test_an_encoding_to_write(log):
    s = kept(log, fs.createWriteStream('new', 'hex'))
    s.end('6162')
    s.on('close', lambda: log(content('new')))


@logs('True', 'False', 'False', 'open', 'ready', 'drain', 'cb ab 6', 'cb cd 6', 'cb ef 6', 'finish',
      'close', 'abcdef')
def test_drain(log):
    s = kept(log, fs.createWriteStream('new', highWaterMark=4))
    for chunk in ('ab', 'cd', 'ef'):
        log(s.write(chunk, lambda chunk=chunk: log(f'cb {chunk} {s.bytesWritten}')))
    s.on('drain', lambda: (log('drain'), s.end()))
    s.on('close', lambda: log(content('new')))


@logs('cb ERR_STREAM_DESTROYED:Cannot call write after a stream was destroyed', 'open', 'ready', 'close')
def test_destroy_before_the_file_is_open(log):
    s = kept(log, fs.createWriteStream('new'))
    s.write('ab', lambda error: log('cb', error))
    s.destroy()


@logs('open', 'ready', 'finish', 'close', '600')
def test_the_mode_of_a_new_file(log):
    s = kept(log, fs.createWriteStream('new', mode=0o600))
    s.end()
    s.on('close', lambda: log(f'{os.stat("new").st_mode & 0o777:o}'))


@logs('finish', 'close', 'q')
def test_a_descriptor_to_write_to(log):
    s = kept(log, fs.createWriteStream('', fd=os.open('new', os.O_WRONLY | os.O_CREAT)))
    s.end('q')
    s.on('close', lambda: log(content('new')))


@logs('open', 'ready', 'finish', 'new,False,None,1,False,False,number')
def test_a_written_file_may_be_left_open(log):
    s = kept(log, fs.createWriteStream('new', autoClose=False))
    s.end('q')
    s.on('finish', lambda: setTimeout(lambda: (log(state(s)), os.close(s.fd)), 5))


@logs('open', 'ready', 'finish', 'close', 'close cb')
def test_close_writes_the_rest(log):
    s = kept(log, fs.createWriteStream('new'))
    s.write('zz')
    s.close(lambda: log('close cb'))


@logs('open', 'ready', 'finish', 'close')
def test_flush(log):
    kept(log, fs.createWriteStream('new', flush=True)).end('zz')


def test_pipe(record):
    r, w = fs.createReadStream('fbig'), fs.createWriteStream('new')
    r.pipe(w).on('close', lambda: record('close'))
    record.wait_for('close')
    assert content('new') == content('fbig')


@pytest.mark.parametrize(('path', 'shown'), [
    (b'f10', b'f10'), (lambda folder: URL(f'file://{folder}/f10'), lambda folder: f'{folder}/f10'),
    (lambda folder: folder / 'f10', lambda folder: f'{folder}/f10')])
def test_paths(tmp_path, path, shown):
    r = fs.createReadStream(path(tmp_path) if callable(path) else path)
    assert r.path == (shown(tmp_path) if callable(shown) else shown)
    assert b''.join(r) == b'0123456789'


def test_iteration_left_early_closes_the_file(record):
    r = fs.createReadStream('fbig')
    r.on('close', lambda: record('close', r.fd))
    for chunk in r:
        assert len(chunk) == 65536
        break
    assert r.destroyed
    assert record.wait_count(1) == [('close', None)]


def test_destroy_at_any_moment_closes_once(record):
    def reader(moment):
        r = fs.createReadStream('fbig', highWaterMark=1000)
        r.on('close', lambda: record('close'))
        r.on('data', lambda: destroy_after(moment))
        count = 0

        def destroy_after(moment):
            nonlocal count
            count += 1
            if count == moment:
                r.destroy()
    for moment in range(1, 30):
        reader(moment)
    assert record.wait_count(29) == ['close'] * 29


def test_a_pipe_is_read_as_it_comes(record):
    reader, writer = os.pipe()
    r = fs.createReadStream('', fd=reader)
    r.on('data', record)
    r.on('close', lambda: record('close'))
    os.write(writer, b'a')
    record.wait_for(b'a')
    os.write(writer, b'b')
    record.wait_for(b'b')
    os.close(writer)
    assert record.wait_for('close') == [b'a', b'b', 'close']
