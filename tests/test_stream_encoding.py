"""Strings in and out of streams: setEncoding, encodings of push and write, object mode marks."""

import pytest
from stream_order import data, logs, quick, silent, watch

from nodehttp import errors
from nodehttp.stream import Duplex, Readable, Writable, getDefaultHighWaterMark, setDefaultHighWaterMark
from nodehttp.timers import setImmediate


def push_bytes(r, text, codec='utf-8'):
    for byte in text.encode(codec):
        r.push(bytes([byte]))


@logs('resume', 'data h', 'data €', 'data l', 'data l', 'data o', 'data  ', 'data 😀', 'data !', 'end',
      'close')
def test_characters_are_never_split(log):
    r = watch(log, silent())
    r.setEncoding('utf8')
    data(log, r)
    push_bytes(r, 'h\u20acllo \U0001F600!')
    r.push(None)


@logs('resume', 'data h', 'data €', 'data 😀', 'data !', 'end', 'close')
def test_characters_are_never_split_while_flowing(log):
    r = watch(log, silent())
    r.setEncoding('utf8')
    data(log, r)
    setImmediate(lambda: (push_bytes(r, 'h\u20ac\U0001F600!'), r.push(None)))


@logs('resume', 'data a', 'data �', 'end', 'close')
def test_half_a_character_at_the_end(log):
    r = watch(log, silent())
    r.setEncoding('utf8')
    data(log, r)
    r.push(b'a\xe2\x82')
    r.push(None)


@logs('resume', 'data a�b�(', 'data �A', 'end', 'close')
def test_invalid_bytes(log):
    r = watch(log, silent())
    r.setEncoding('utf8')
    data(log, r)
    for chunk in (b'a\xffb\xe2(', b'\xf0\x9f', b'A', None):
        r.push(chunk)


@logs('4', '2 utf8', 'resume', 'data a€', 'end', 'close')
def test_what_is_buffered_is_decoded_too(log):
    r = watch(log, silent())
    r.push(b'a\xe2')
    r.push(b'\x82\xac')
    log(r.readableLength)
    r.setEncoding('utf8')
    log(r.readableLength, r.readableEncoding)
    data(log, r)
    r.push(None)


@logs('resume', 'data 0102ff', 'end', 'close')
def test_hex(log):
    r = watch(log, silent())
    r.setEncoding('hex')
    data(log, r)
    r.push(b'\1\2\xff')
    r.push(None)


@logs('resume', 'data YWJj', 'data ZGU=', 'end', 'close')
def test_base64_in_whole_groups(log):
    r = watch(log, silent())
    r.setEncoding('base64')
    data(log, r)
    setImmediate(lambda: [r.push(chunk) for chunk in (b'a', 'bcd', 'e', None)])


@logs('resume', 'data __79', 'data __4', 'end', 'close')
def test_base64url(log):
    r = watch(log, silent())
    r.setEncoding('base64url')
    data(log, r)
    setImmediate(lambda: [r.push(chunk) for chunk in (b'\xff', b'\xfe\xfd', b'\xff\xfe', None)])


@pytest.mark.parametrize(('given', 'name', 'text'), [
    ('latin1', 'latin1', '\xe9a'), ('binary', 'latin1', '\xe9a'), ('ascii', 'ascii', 'ia'),
    ('Latin1', 'latin1', '\xe9a')])
def test_one_byte_encodings(given, name, text):
    r = silent()
    r.setEncoding(given)
    r.push(b'\xe9a')
    assert (r.readableEncoding, r.read()) == (name, text)


@logs('utf16le', 'resume', 'data a', 'data \U0001F600', 'data b', 'end', 'close')
def test_surrogate_pairs_are_never_split(log):
    # Node splits a pair whose halves come in different chunks; a Python str had better not.
    r = watch(log, silent())
    r.setEncoding('ucs2')
    log(r.readableEncoding)
    data(log, r)
    setImmediate(lambda: (push_bytes(r, 'a\U0001F600b', 'utf-16-le'), r.push(b'A'), r.push(None)))


@logs('utf8', 'resume', 'data un', 'data x', 'data str', 'data h', 'end', 'close')
def test_the_encoding_option(log):
    r = watch(log, silent(encoding='utf8'))
    log(r.readableEncoding)
    data(log, r)
    r.push(b'x')
    r.push('str')
    r.push('68', 'hex')
    r.unshift('un')
    r.push(None)


@logs('3', '€', '€x')
def test_a_string_in_the_encoding_of_the_stream_stays_one(log):
    r = watch(log, silent(encoding='utf8'))
    r.push('\u20ac', 'utf8')
    r.push('\u20acx')
    log(r.readableLength)
    log(r.read(1))
    log(r.read())


def test_encodings_of_push():
    r = silent()
    for text, name in (
            ('6162', 'hex'), ('YWI=', 'base64'), ('\xe9', 'latin1'), ('a', 'utf16le'), ('\u20ac', None)):
        r.push(text, name)
    assert r.read() == bytes.fromhex('61626162e96100e282ac')
    r = silent(defaultEncoding='hex')
    r.push('6162')
    assert r.read() == b'ab'


def test_bytes_unshifted_into_a_stream_of_text():
    r = silent(encoding='utf8')
    r.push(b'b\xe2')
    r.unshift(b'a\xc3\xa9')
    r.push(b'\x82\xac')
    assert r.read() == 'a\xe9b\u20ac'


@pytest.mark.parametrize('use', [
    lambda: silent().setEncoding('nope'), lambda: silent().push('x', 'nope'), lambda: silent(encoding='nope'),
    lambda: Writable(defaultEncoding='nope'), lambda: Writable().setDefaultEncoding('nope'),
    lambda: Writable().write('x', 'nope')])
def test_unknown_encodings(use):
    with pytest.raises(TypeError, match='Unknown encoding: nope') as caught:
        use()
    assert caught.value.code == 'ERR_UNKNOWN_ENCODING'


def test_names_of_encodings():
    r = silent()
    r.setEncoding('UTF-8')
    assert r.readableEncoding == 'utf8'
    r = silent()
    r.setEncoding()
    assert r.readableEncoding == 'utf8'


# What Node's Writable hands to `write` for a string, in hex.
ENCODED = [
    ('a\xe9\u20ac', 'utf8', '61c3a9e282ac'), ('\xe9', 'UTF8', 'c3a9'), ('\ud83d', 'utf8', 'efbfbd'),
    ('a\xe9\u20ac', 'latin1', '61e9ac'), ('a\xe9\u20ac', 'ascii', '61e9ac'),
    ('a\xe9\u20ac', 'binary', '61e9ac'),
    ('6g', 'hex', ''), ('616', 'hex', '61'), ('616263', 'hex', '616263'),
    ('YWJj', 'base64', '616263'), ('YWJ', 'base64', '6162'), ('Y W\nJj', 'base64', '616263'),
    ('__79', 'base64url', 'fffefd'), ('__79', 'base64', 'fffefd'), ('//79', 'base64url', 'fffefd'),
    ('a\u20ac', 'utf16le', '6100ac20'), ('a', 'ucs2', '6100'), ('a', 'ucs-2', '6100'),
    ('a', 'UTF-16LE', '6100'),
]


@pytest.mark.parametrize(('text', 'name', 'expected'), ENCODED)
def test_encodings_of_write(text, name, expected):
    written = []
    w = Writable(write=lambda chunk, encoding: written.append((chunk.hex(), encoding)))
    w.write(text, name)
    assert written == [(expected, 'buffer')]


@logs('string a€ utf8', 'True', '0', 'string ff hex', 'True', 'object b:b buffer', 'True')
def test_strings_can_be_left_as_they_are(log):
    def write(chunk, encoding, callback):
        log('object' if isinstance(chunk, bytes) else 'string', chunk, encoding)
        callback()
    w = watch(log, Writable(decodeStrings=False, write=write, highWaterMark=4))
    log(w.write('a\u20ac'))
    log(w.writableLength)
    log(w.write('ff', 'hex'))
    log(w.write(b'b'))


@logs('True', '_write b:ab buffer', 'threw ERR_UNKNOWN_ENCODING:Unknown encoding: nope',
      '_write b:c buffer', 'cb')
def test_set_default_encoding(log):
    w = watch(log, quick(log))
    log(w.setDefaultEncoding('hex') is w)
    w.write('6162')
    try:
        w.setDefaultEncoding('nope')
    except errors.NodeError as error:
        log('threw', error)
    w.write('63', lambda: log('cb'))


def test_high_water_marks():
    assert Readable(highWaterMark=5).readableHighWaterMark == 5
    assert Readable(readableHighWaterMark=5).readableHighWaterMark == 5
    duplex = Duplex(readableHighWaterMark=5)
    assert (duplex.readableHighWaterMark, duplex.writableHighWaterMark) == (5, 65536)
    assert Duplex(readableHighWaterMark=5, highWaterMark=3).readableHighWaterMark == 3
    assert (getDefaultHighWaterMark(), getDefaultHighWaterMark(True)) == (65536, 16)


@pytest.mark.parametrize(('mark', 'shown'), [(-1, '-1'), ('x', "'x'")])
def test_bad_high_water_marks(mark, shown):
    with pytest.raises(TypeError) as caught:
        Readable(highWaterMark=mark)
    assert caught.value.code == 'ERR_INVALID_ARG_VALUE'
    assert caught.value.message == f"The property 'options.highWaterMark' is invalid. Received {shown}"


def test_the_default_marks_can_be_set():
    setDefaultHighWaterMark(False, 1000)
    setDefaultHighWaterMark(True, 3)
    try:
        assert (Readable().readableHighWaterMark, Writable().writableHighWaterMark) == (1000, 1000)
        assert Readable(objectMode=True).readableHighWaterMark == getDefaultHighWaterMark(True) == 3
    finally:
        setDefaultHighWaterMark(False, 65536)
        setDefaultHighWaterMark(True, 16)


def test_bytes_like_chunks_are_copied():
    written = []
    w = Writable(write=lambda chunk, encoding, callback: (written.append(chunk), callback()))
    buffer = bytearray(b'abc')
    w.cork()
    w.write(buffer)
    w.write(memoryview(buffer)[1:])
    buffer[:] = b'xyz'
    w.uncork()
    assert written == [b'abc', b'bc']
    r = silent()
    r.push(buffer)
    r.push(memoryview(b'q'))
    buffer[0] = 0
    assert r.read() == b'xyzq'


def test_reading_in_small_parts_is_linear():
    # 4 MiB by 16 bytes: copying the rest each time would take minutes.
    r = silent(highWaterMark=1 << 30)
    r.push(b'x' * (1 << 22))
    count = 0
    while (chunk := r.read(16)) is not None:
        assert chunk == b'x' * 16
        count += 1
    assert count == 1 << 18


def test_putting_back_what_was_just_read_is_linear():
    r = silent()
    r.push(bytes(range(256)) * 1024)
    for _ in range(10000):
        chunk = r.read(3)
        r.unshift(chunk[1:])
    assert r.read(2) == bytes([10000 % 256, 10001 % 256])
    assert r.readableLength == 256 * 1024 - 10002


@logs('_write b:ab buffer')
def test_write_of_a_default_encoding(log):
    quick(log, defaultEncoding='hex').write('6162')

