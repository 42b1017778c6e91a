"""Programs of a server, in the form of server_cases.py: what a response consists of."""

from __future__ import annotations

from typing import Any

from server_parts import ALL, CLOSE, GET, HEAD, OLD, OLD_KEPT


def framing(case: Any) -> None:
    """How the body is delimited."""
    plain = {'Content-Type': 'text/plain'}
    case('end(data)', [['res.end', 'hello']])
    case('end(bytes)', [['res.end', {'latin1': 'h\xe9'}]])
    case('end()', [['res.end']])
    case("end('')", [['res.end', '']])
    case('writeHead, end(data)', [['res.writeHead', 200, plain], ['res.end', 'hello']])
    case('writeHead, end()', [['res.writeHead', 200, plain], ['res.end']])
    case('Content-Length in writeHead', [['res.writeHead', 200, {'content-length': 5}], ['res.end', 'hello']])
    case('Content-Length set', [['res.setHeader', 'Content-Length', 5], ['res.end', 'hello']])
    case('Content-Length that is no number', [['res.writeHead', 200, {'Content-Length': 'abc'}],
         ['res.end', 'x']])
    case('several writes', [['res.write', 'a'], ['res.write', 'b'], ['res.end', 'c']])
    case('an empty write', [['res.write', ''], ['res.end', 'c']])
    case('a long write', [['res.write', {'repeat': ['a', 20000]}], ['res.end', {'repeat': ['b', 20000]}]])
    case('a long end(data)', [['res.end', {'repeat': ['b', 20000]}]])
    case('flushHeaders', [['res.setHeader', 'A', '1'], ['res.flushHeaders'],
         ['after', 5, [['res.end', 'x']]]])
    case('flushHeaders, end', [['res.flushHeaders'], ['res.end']])
    case('Expect in a response', [['res.writeHead', 200, {'Expect': '100-continue'}],
         ['after', 5, [['res.end', 'x']]]])
    for name in ('Content-Length', 'Transfer-Encoding'):
        case(f'{name} removed', [['res.removeHeader', name], ['res.write', 'x'], ['res.end', 'hello']])
        case(f'{name} removed, end(data)', [['res.removeHeader', name], ['res.end', 'hello']])
    case('both removed', [['res.removeHeader', 'Content-Length'], ['res.removeHeader', 'Transfer-Encoding'],
         ['res.end', 'hello']])
    for coding in ('chunked', 'gzip, chunked', 'chunked, gzip', 'gzip', 'Chunked'):
        case(f'Transfer-Encoding: {coding}', [['res.setHeader', 'Transfer-Encoding', coding],
             ['res.end', 'hello']])
    case('chunked with a length', [
        ['res.setHeader', 'Transfer-Encoding', 'chunked'], ['res.setHeader', 'Content-Length', 5],
            ['res.end', 'hello']])
    for status in (101, 102, 204, 304):
        case(f'{status}', [['res.statusCode=', status], ['res.end', 'hello']])
        case(f'{status}, writes', [['res.writeHead', status], ['?res.write', 'x', {'callback': 'written'}],
             ['res.end', 'x']])
    case('304 chunked', [['res.writeHead', 304, {'Transfer-Encoding': 'chunked'}], ['res.end']])
    case('204 with a length', [['res.writeHead', 204, {'Content-Length': 5}], ['res.end']])
    case('HEAD, end(data)', [['res.end', 'hello']], HEAD)
    case('HEAD, writeHead', [['res.writeHead', 200], ['res.end', 'hello']], HEAD)
    case('HEAD, Content-Length', [['res.writeHead', 200, {'Content-Length': 5}], ['res.end', 'hello']], HEAD)
    case('HEAD, writes', [['?res.write', 'x', {'callback': 'written'}],
         ['res.end', 'y', {'callback': 'ended'}]], HEAD, watch=ALL)
    case('1.0, no bytes', [['res.flushHeaders'], ['?res.write', '', {'callback': 'written'}],
                           ['res.end', {'latin1': ''}, {'callback': 'ended'}]], OLD_KEPT, watch=ALL)
    case('encodings', [['res.write', '68656c6c6f', 'hex'], ['res.write', 'aGk=', 'base64'],
         ['res.write', '\xe9', 'latin1'],
                       ['res.write', '\xe9'], ['res.end', '\xe9', 'utf16le']])


def persistence(case: Any) -> None:
    """Connection and Keep-Alive; HTTP/1.0."""
    old = {'1.0': OLD, '1.0 kept': OLD_KEPT, '1.0 with TE': 'GET / HTTP/1.0\r\nTE: chunked\r\n\r\n'}
    for name, request in old.items():
        case(f'{name}, end(data)', [['res.end', 'hello']], request)
        case(f'{name}, write', [['res.write', 'a'], ['res.end', 'hello']], request)
        case(f'{name}, writeHead', [['res.writeHead', 200], ['res.end', 'hello']], request)
        case(f'{name}, Content-Length', [['res.writeHead', 200, {'Content-Length': 5}], ['res.end', 'hello']],
             request)
        case(f'{name}, 204', [['res.writeHead', 204], ['res.end']], request)
        case(f'{name}, Trailer', [['res.writeHead', 200, {'Trailer': 'A'}], ['res.end']], request)
    case('1.0 kept, Connection set', [
        ['res.setHeader', 'Connection', 'keep-alive'], ['res.write', 'a'], ['res.end']], OLD_KEPT)
    case('1.0 HEAD', [['res.writeHead', 404], ['res.end', 'x']], 'HEAD / HTTP/1.0\r\n\r\n')
    case('1.0 HEAD kept', [['res.writeHead', 404, {'Content-Length': 3}], ['res.end', 'x']],
         'HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    case('Connection: close in the request', [['res.end', 'x']], CLOSE)
    case('Connection: close in a HEAD', [['res.end']],
         'HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    for value in ('close', 'keep-alive', 'foo', 'TE, Close', 'x-close'):
        case(f'Connection: {value}', [['res.setHeader', 'Connection', value], ['res.end', 'x']])
    case('Keep-Alive set', [['res.setHeader', 'Keep-Alive', 'timeout=77'], ['res.end', 'x']])
    case('Connection removed', [['res.removeHeader', 'Connection'], ['res.end', 'x']])
    case('Connection removed, of a request that closes', [['res.removeHeader', 'Connection'],
         ['res.end', 'x']], CLOSE)
    case('Keep-Alive removed', [['res.removeHeader', 'Keep-Alive'], ['res.end', 'x']])
    case('shouldKeepAlive', [['res.shouldKeepAlive=', False], ['res.end', 'x']])
    case('Date set', [['res.setHeader', 'Date', 'today'], ['res.end', 'x']])
    case('Date removed', [['res.removeHeader', 'Date'], ['res.end', 'x']])
    case('sendDate', [['res.sendDate=', False], ['res.end', 'x']])
    case('keepAliveTimeout', [['res.end', 'x']], options={'keepAliveTimeout': 1999})
    case('keepAliveTimeout, changed', [
        ['server.keepAliveTimeout=', 77000], ['res.end', 'x'], ['after', 5, [['?sock.timeout']]]],
        [['send', GET], ['heard', 'sock.timeout'], ['send', GET]], options={'keepAliveTimeoutBuffer': 1000})
    case('no keepAliveTimeout', [['res.end', 'x']], options={'keepAliveTimeout': 0})
    case('maxRequestsPerSocket', {'request': [['note', 'request'], ['res.end', 'x']],
         'dropRequest': [['note', 'dropped']]},
         GET * 3, set={'maxRequestsPerSocket': 2})


def header_map(case: Any) -> None:
    """setHeader and its relatives."""
    case('values', [
        ['res.setHeader', 'A', 42], ['res.setHeader', 'b', True], ['res.setHeader', 'd', [1, 'x']],
            ['res.setHeader', 'e', ''],
        ['res.setHeader', 'f', 1.5], ['res.setHeader', 'G', 'h'], ['res.setHeader', 'a', 43],
            ['res.setHeader', 'h', []],
        ['?res.getHeaders'], ['?res.getHeader', 'F'], ['?res.getHeader', 'nothing'], ['?res.getHeaderNames'],
        ['?res.getRawHeaderNames'], ['?res.hasHeader', 'B'], ['?res.hasHeader', 'c'], ['res.end']])
    case('numbers', [['res.setHeader', 'a', [1e21, 1e-7, 0.000001, 1.5, 1e20, 5e-324]], ['res.end']])
    case('append', [
        ['res.appendHeader', 'a', '1'], ['res.appendHeader', 'A', '2'], ['res.appendHeader', 'b', ['1', '2']],
        ['res.appendHeader', 'B', ['3']], ['res.setHeader', 'c', 1], ['res.appendHeader', 'c', 2],
            ['?res.getHeaders'], ['res.end']])
    case('remove', [['res.setHeader', 'A', '1'], ['res.setHeader', 'B', '1'], ['res.removeHeader', 'a'],
                    ['res.removeHeader', 'nothing'], ['?res.getHeaders'], ['res.end']])
    case('setHeaders', [['res.setHeaders', {'map': {'a': 1, 'B': ['2', '3'], 'Set-Cookie': ['a', 'b']}}],
         ['?res.getHeaders'],
                        ['res.setHeaders', []], ['res.setHeaders', 5], ['res.end']])
    case('lists', [['res.setHeader', 'Cookie', ['a', 'b']], ['res.setHeader', 'Set-Cookie', ['a', 'b']],
                   ['res.setHeader', 'X', ['a', 'b']], ['res.end']])
    unique = {'uniqueHeaders': ['x-A', 'Y']}
    case('unique', [['res.setHeader', 'X-a', ['1', '2']], ['res.setHeader', 'b', ['1', '2']], ['res.end']],
         options=unique)
    case('unique, no list', [['res.setHeader', 'a', ['1', '2']], ['res.end']], options={'uniqueHeaders': 'a'})
    case('unique, appended', [['res.appendHeader', 'X-a', '1'], ['res.appendHeader', 'x-a', '2'],
         ['res.end']], options=unique)
    case('unique, writeHead', [['res.writeHead', 200, {'X-a': ['1', '2'], 'y': ['1']}], ['res.end']],
         options=unique)
    bad = [('a b', '1'), ('', '1'), ('a\r\n', '1'), ('a:', '1'), ('a', 'x\r\ny'), ('a', '\x00'),
        ('a', '\u0100'), ('a', '\x7f'),
           ('a', ['x', '\n']), (5, 'x'), (None, 'x'), ('a', '\t\xff')]
    case('bad names and values', [
        *[['res.setHeader', name, value] for name, value in bad], *[['res.appendHeader', name,
            value] for name, value in bad],
        ['res.getHeader', 5], ['res.hasHeader', None], ['res.removeHeader', 5], ['?res.getHeaders'],
            ['res.end']])
    case('after the head', [
        ['res.writeHead', 200], ['?res.headersSent'], ['res.setHeader', 'a', 1], ['res.appendHeader', 'a', 1],
        ['res.removeHeader', 'a'], ['res.setHeaders', {'map': {'a': 1}}], ['res.writeHead', 200],
            ['res.flushHeaders'],
        ['res.addTrailers', {'a': 1}], ['res.end']])


def write_head(case: Any) -> None:
    """The forms of writeHead, and what it merges with."""
    both = [['res.setHeader', 'X-A', '1'], ['res.setHeader', 'x-b', ['2', '3']]]
    end = ['res.end', 'c']
    case('merged with a mapping', [*both, ['res.writeHead', 201, 'Yo', {'x-a': '9', 'Z': 1}], end])
    case('merged with a list', [*both, ['res.writeHead', 201, ['x-a', '9', 'x-a', '8', 'Z', 1]], end])
    case('a list', [['res.writeHead', 201, ['x-a', '9', 'x-a', '8', 'Z', 1]], end])
    case('pairs', [['res.writeHead', 201, [['x-a', '9'], ['x-a', '8'], ['Z', 1]]], end])
    odd = ['res.writeHead', 200, ['a', '1', 'b']]
    case('a list of odd length', [odd, ['?res.headersSent'], end])
    case('a list of odd length, merged', [['res.setHeader', 'c', '1'], odd, ['?res.getHeaders'], end])
    pairs = ['res.writeHead', 200, [['a', '1'], ['b', '2'], ['c', '3']]]
    case('pairs, merged', [['res.setHeader', 'c', '1'], pairs, ['?res.getHeaders'], end])
    case('an even number of pairs, merged', [['res.setHeader', 'c', '1'], [*pairs[:2], pairs[2][:2]], end])
    case('lists as values', [['res.writeHead', 200, {'X-a': ['1', '2'], 'Cookie': ['a', 'b']}],
         ['?res.getHeader', 'x-a'], end])
    case('no headers', [['res.writeHead', 200, None], end])
    case('no reason', [['res.writeHead', 200, None, {'a': 1}], end])
    case('an empty name is skipped', [['res.setHeader', 'a', 1], ['res.writeHead', 200, {'': 1}], end])
    case('an empty name', [['res.writeHead', 200, {'': 1}], ['res.end']])
    case('a bad value', [['res.writeHead', 200, {'a': 'x\r\ny'}], ['res.end']])
    case('a bad name', [['res.writeHead', 200, {'a b': 'x'}], ['res.end']])
    case('reason', [['res.writeHead', 201, 'Foo'], ['res.statusCode=', 500], ['?res.statusMessage'], end,
         ['?res.statusCode']])
    case('an empty reason', [['res.writeHead', 200, ''], ['res.end'], ['?res.statusMessage']])
    case('a number as reason', [['res.writeHead', 200, 5], ['res.end']])
    case('statusMessage', [['res.statusMessage=', 'Hi'], ['res.statusCode=', 404], end,
         ['?res.statusMessage']])
    case('an unknown status', [['res.statusCode=', 599], end, ['?res.statusMessage']])
    for bad in ('a\nb', '\u1234', 'a\x00'):
        case(f'a bad reason {bad!r}', [['res.writeHead', 200, bad], ['res.end']])
    for status in ('201', 200.5, '200x', 99, 1000, 0, -1, 'x', None, True):
        case(f'status {status!r}', [['res.writeHead', status], ['res.end'], ['?res.statusCode']])
    case('twice', [['res.writeHead', 200], ['res.writeHead', 201], ['res.end']])
    case('writeHeader', [['res.writeHeader', 202, {'a': 1}], ['res.end']])
    case('writeHeader, a reason', [['res.writeHeader', 202, 'Yes', {'a': 1}], ['res.end']])


def trailers(case: Any) -> None:
    """addTrailers and Trailer."""
    case('trailers', [['res.writeHead', 200, {'Trailer': 'A'}], ['res.write', 'x'],
                      ['res.addTrailers', {'A': '1', 'B': ['2', '3'], 'C': False, 'D': None}],
                      ['res.end', 'y']])
    case('trailers as pairs', [['res.write', 'x'], ['res.addTrailers', [['A', '1'], ['B', '2']]],
         ['res.end']])
    case('trailers twice', [['res.write', 'q'], ['res.addTrailers', {'a': 1}], ['res.addTrailers', {'b': 2}],
         ['res.end']])
    case('trailers of a message with a length', [['res.setHeader', 'Content-Length', 1],
         ['res.addTrailers', {'A': '1'}], ['res.end', 'x']])
    case('Trailer with a length', [['res.setHeader', 'Content-Length', 1], ['res.setHeader', 'Trailer', 'A'],
         ['res.end', 'x'],
                                   ['res.removeHeader', 'Trailer'], ['res.end', 'x']])
    case('Trailer, end(data)', [['res.setHeader', 'Trailer', 'A'], ['res.addTrailers', {'A': '1'}],
         ['res.end', 'x']])
    case('bad trailers', [['res.addTrailers', {'A b': '1'}], ['res.addTrailers', {'A': '1\n'}],
         ['res.addTrailers', {'': '1'}],
                          ['res.write', 'x'], ['res.end']])


def strict_bodies(case: Any) -> None:
    """strictContentLength and rejectNonStandardBodyWrites."""
    strict = ['res.strictContentLength=', True]
    three = ['res.writeHead', 200, {'Content-Length': 3}]
    case('strict, too much', [strict, three, ['?res.write', 'ab'], ['?res.write', 'cd'], ['?res.write', 'c'],
         ['res.end'],
                              ['?res.writableEnded']])
    case('strict, too little', [strict, three, ['?res.write', 'ab'], ['res.end'], ['?res.writableEnded'],
         ['res.end', 'c']])
    case('strict, end(too much)', [strict, three, ['res.end', 'abcd'], ['?res.writableEnded'],
         ['res.end', 'abc']])
    case('strict, end(too little)', [strict, three, ['res.end', 'ab'], ['?res.writableEnded'],
         ['res.end', 'abc']])
    for length in ('abc', '', '1.5'):
        case(f'strict, a length of {length!r}', [
            strict, ['res.writeHead', 200, {'Content-Length': length}], ['?res.write', 'a'], ['res.end']])
    case('strict beside Transfer-Encoding', [
        strict, ['res.setHeader', 'Content-Length', 5], ['res.setHeader', 'Transfer-Encoding', 'gzip'],
        ['?res.write', 'a'], ['res.end']])
    case('strict without a length', [strict, ['res.write', 'ab'], ['res.end', 'c']])
    reject = {'rejectNonStandardBodyWrites': True}
    for name, begin, request in (('204', [['res.statusCode=', 204]], GET), ('HEAD', [], HEAD),
        ('200', [], GET)):
        case(f'rejecting bodies, {name}', [*begin, ['?res.write', 'ab'], ['res.end', 'x'],
             ['?res.writableEnded'], ['res.end']],
             request, options=reject)


    nothing = ['res.end', {'latin1': ''}, {'callback': 'ended'}]
    case('rejecting bodies, HEAD, no bytes', [nothing, ['res.end']], HEAD, options=reject, watch=ALL)


def information(case: Any) -> None:
    """1xx."""
    case('writeContinue and writeProcessing', [
        ['res.writeContinue', {'callback': 'continued'}], ['res.writeProcessing', {'callback': 'processing'}],
            ['res.end', 'x']])
    case('1xx behind the head', [['res.writeHead', 200], ['res.writeContinue'], ['res.writeProcessing'],
         ['res.end', 'x']])
    hints = [
        {'link': '</a>; rel=preload', 'x-y': '1'}, {'link': ['</a>; rel=preload',
            '</b>; rel=preload; as=style']},
        {'link': '</a>;rel="preload"', 'x': ['a', 'b'], 'Link': '</c>'}, {'link': []}, {'link': None}, {},
            {'link': '<>'},
        {'link': '</a>; rel'}, {'link': ''}, {'link': 'bad'}, {'link': 5}, {'link': ['</a>', 5]},
            {'link': '</a>;'},
        {'link': '</a>; rel="a b"'}, {'link': '</a>, </b>'}, {'link': ' </a>'}, {'link': '</a> '},
            {'link': '</a>; x="y'},
        {'link': '</a>; title="x;y"'}, {'link': '</a>; rel=x\r\n'}, 5, 'x',
    ]
    case('early hints', [*[['res.writeEarlyHints', hint, {'callback': f'hinted {index}'}] for index,
         hint in enumerate(hints)],
                         ['res.end']])


def writing(case: Any) -> None:
    """write and its callbacks, end and its callbacks, errors of both."""
    case('callbacks', [
        ['?res.write', 'a', {'callback': 'a'}], ['?res.write', 'b', 'utf8', {'callback': 'b'}],
            ['?res.write', '', {'callback': 'empty'}],
        ['res.end', 'c', {'callback': 'ended'}], ['tick', [['note', 'tick']]]], watch=ALL)
    case('end(callback)', [['res.end', {'callback': 'ended'}], ['note', 'called']], watch=ALL)
    case('end later', [
        ['?res.write', 'a', {'callback': 'a'}], ['tick', [['note', 'tick']]],
        ['immediate', [['note', 'immediate'], ['res.end', {'callback': 'ended'}],
            ['tick', [['note', 'tick 2']]]]]], watch=ALL)
    case('end of a head that was sent', [
        ['res.flushHeaders'], ['after', 5, [['res.end', {'callback': 'ended'}],
            ['tick', [['note', 'tick']]]]]], HEAD, watch=ALL)
    case('wrong chunks', [
        ['res.write', None], ['res.write', 5], ['res.write', {'x': 1}], ['res.write', [1]],
            ['res.write', True], ['res.end', 5],
        ['res.end', {'x': 1}], ['res.end', 'ok']])
    case('unknown encoding', [['res.write', 'x'], ['res.end']])
    case('after the end', [
        ['res.end', 'x'], ['?res.write', 'a', {'callback': 'write'}],
            ['res.end', 'q', {'callback': 'end(data)'}],
        ['res.end', {'callback': 'end()'}], ['res.end'], ['?res.writableEnded'], ['?res.finished']],
            watch=ALL)
    case('after the finish', [['res.end', 'x'], ['after', 5, [
        ['res.end', {'callback': 'end()'}], ['res.end', 'q', {'callback': 'end(data)'}], ['res.end'],
        ['?res.write', 'x', {'callback': 'write'}], ['?res.destroyed'], ['?res.closed'],
            ['?res.writableFinished'], ['?res.writable'],
        ['?res.errored'], ['?res.socket']]]], watch=ALL)
    case('a full buffer', [
        ['?res.write', {'repeat': ['a', 70000]}, {'callback': 'written'}], ['?res.writableNeedDrain'],
            ['?res.writableLength'],
        ['once', 'res', 'drain', [['?res.writableLength'], ['?res.writableNeedDrain'], ['res.end']]]],
            watch=ALL)
    case('lengths', [['?res.writableLength'], ['res.write', 'a'], ['?res.writableLength'],
         ['?sock.writableCorked'],
                     ['tick', [['?res.writableLength'], ['?sock.writableCorked'], ['res.end', 'b'],
                     ['?res.writableLength'],
                               ['?res.writableFinished']]]])
    case('pipe', [['res.on', 'error', {'callback': 'error'}], ['res.pipe', 5], ['res.end']])
    flushed = [['?res.writableEnded'], ['?res.writableFinished'], ['?res.headersSent']]
    case('what a response says at its end', [
        *flushed, ['on', 'res', 'prefinish', flushed], ['on', 'res', 'finish', [*flushed, ['?res.socket']]],
        ['on', 'res', 'close', [['?res.destroyed'], ['?res.closed']]], ['res.end', 'x'], *flushed])
    case('raw bytes before the head', [['sock.write', 'RAW'], ['res.end']])


def corking(case: Any) -> None:
    """cork and uncork."""
    case('corked before the head', [
        ['res.cork'], ['res.cork'], ['?res.writableCorked'], ['?res.write', 'a', {'callback': 'a'}],
            ['?res.write', 'b'],
        ['res.uncork'], ['res.uncork'], ['?res.writableCorked'], ['res.end', 'c']], watch=ALL)
    case('corked behind the head', [
        ['res.flushHeaders'], ['res.cork'], ['?sock.writableCorked'], ['?res.write', 'a', {'callback': 'a'}],
            ['?res.write', 'b', {'callback': 'b'}],
        ['?res.writableLength'], ['after', 5, [['note', 'uncork'], ['res.uncork'], ['res.end', 'c']]]],
            watch=ALL)
    case('behind what was corked', [
        ['res.flushHeaders'], ['res.cork'], ['res.write', 'a'], ['res.write', 'b'], ['res.uncork'],
        ['res.write', 'c'], ['res.end']])
    case('an answer behind what was corked', [
        ['res.cork'], ['res.writeProcessing', {'callback': 'processing'}],
        ['res.end', {'callback': 'ended'}]], watch=ALL)


HEADS = (framing, persistence, header_map, write_head, trailers, strict_bodies)  # the same over TLS
SENDING = (information, writing, corking)
