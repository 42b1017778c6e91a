"""Programs of a server with a scripted client, as data that JavaScript and Python can both run.

A case has

    client    a list of steps: ['send', text], ['fin'], ['rst'], ['heard', line] wait until the server has
              noted this, ['until', text] wait until this was received, ['read'] wait until the server has
              read what was sent
    on        by event of the server ('request', or 'request /url' for one of several) a list of actions
    watch     by kind (req, res, sock, server) the events that are noted
    options   of createServer; `set`: attributes of the server; `upgrades`: what shouldUpgradeCallback answers

An action is a list

    ['note', text]; ['tick' | 'immediate', actions]; ['after', ms, actions]
    ['on' | 'once', kind, event, actions]
    ['res.end', ...arguments]    call a method (kinds: req, res, sock, server, error, head)
    ['?res.write', ...]          call it, or read a property, and note the result
    ['res.statusCode=', value]   set a property
    ['count', 'req', 'headers']  note how many entries a property has

An argument that is a mapping may be special: {'callback': note}, {'repeat': [text, times]}, {'latin1': text}
for bytes, {'error': message}, {'map': headers} for what JavaScript has a Map for, {'kind': kind} for the
thing itself.

What happens is what was noted (`log`), what the client received (`wire`: dates replaced, long runs cut short)
and whether its connection was closed. `server.js` records what Node does (see `record.py`).
"""

from __future__ import annotations

from typing import Any

Case = dict[str, Any]
Actions = list[list[Any]]

GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
HEAD = 'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n'
CLOSE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
OLD = 'GET / HTTP/1.0\r\n\r\n'
OLD_KEPT = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'
POST = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello'
POST_HEAD = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe'
CHUNKED = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
POST_CHUNKED = (CHUNKED + '2\r\nhe\r\n3\r\nllo\r\n0\r\nT: 1\r\nt: 2\r\n\r\n')
TWO = 'GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n'
UPGRADE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n'

RES = ['prefinish', 'finish', 'close', 'error', 'drain', 'timeout', 'socket', 'pipe']
REQ = ['end', 'close', 'error', 'aborted', 'pause', 'resume', 'timeout']
SOCK = ['end', 'finish', 'close', 'error', 'timeout']
ALL = {'res': RES, 'req': REQ}
ALL_AND_SOCKET = {**ALL, 'sock': SOCK}


def with_line(request: str, line: str) -> str:
    """Return a request with another header line."""
    return request.replace('\r\n\r\n', f'\r\n{line}\r\n\r\n', 1)


def cases(is_secure: bool = False) -> list[Case]:
    """Return all cases, or those in which TLS may make a difference."""
    made: list[Case] = []

    def case(name: str, actions: Actions | dict[str, Actions], client: str | list[Any] = GET,
        **more: Any) -> None:
        steps = [['send', client]] if isinstance(client, str) else client
        on = actions if isinstance(actions, dict) else {'request': actions}
        made.append({'name': name, 'client': steps, 'on': on, **more})

    same_over_tls = (framing, persistence, header_map, write_head, trailers, strict_bodies)
    # Over TLS it is chance whether the first request comes together with the end of the handshake.
    kept = () if is_secure else (*same_over_tls, pauses)
    for add in (*kept, information, writing, corking, orders_of_get, orders_of_post, endings, destruction,
                departures, pipelining, expectations, upgrades, refusals, time_limits, properties):
        add(case)
    return made


def secure_cases() -> list[Case]:
    """Return the cases that are run over TLS too."""
    made: list[Case] = []
    for case in cases(is_secure=True):
        sent = ''.join(step[1] for step in case['client'] if step[0] == 'send')
        # It is chance whether a head arrives within a few ms after the server's part of the handshake.
        by_chance = case.get('options', {}).get('headersTimeout') and '\r\n\r\n' in sent
        # A client in JavaScript cannot reset a connection below TLS. Node has more listeners there.
        possible = ['rst'] not in case['client'] and 'listenerCount' not in str(case['client'])
        if possible and not by_chance:
            made.append(case)
    return made


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
        ['res.flushHeaders'], ['res.cork'], ['?res.write', 'a', {'callback': 'a'}],
            ['?res.write', 'b', {'callback': 'b'}],
        ['?res.writableLength'], ['after', 5, [['note', 'uncork'], ['res.uncork'], ['res.end', 'c']]]],
            watch=ALL)
    case('behind what was corked', [
        ['res.flushHeaders'], ['res.cork'], ['res.write', 'a'], ['res.write', 'b'], ['res.uncork'],
        ['res.write', 'c'], ['res.end']])
    case('an answer behind what was corked', [
        ['res.cork'], ['res.writeProcessing', {'callback': 'processing'}],
        ['res.end', {'callback': 'ended'}]], watch=ALL)


def orders_of_get(case: Any) -> None:
    """A request without a body."""
    case('GET', [
        ['?req.complete'], ['res.end', 'x', {'callback': 'ended'}], ['note', 'called'],
            ['tick', [['note', 'tick'], ['?req.complete']]],
        ['immediate', [['note', 'immediate']]]], watch=ALL)
    case('GET, nobody listens', [['res.end', 'x'], ['after', 5, [
        ['?req.destroyed'], ['?req.readableEnded'], ['?req.closed'], ['?res.destroyed'], ['?res.closed'],
        ['?res.socket']]]])
    case('GET, nobody looks', [['res.end', 'x'], ['once', 'res', 'close',
         [['?req.readableEnded'], ['?req.complete']]], [
        'after', 5, [['?req.destroyed'], ['?req.readableEnded'], ['?req.closed'], ['?res.destroyed'],
            ['?res.closed'], ['?req.aborted']]]])
    over = ['destroyed', 'closed', 'readable', 'readableEnded', 'complete', 'errored']
    case('GET, nobody hears', [['res.end', 'x'], ['after', 5, [
        *[[f'?req.{name}'] for name in over],
        *[[f'?res.{name}'] for name in ('destroyed', 'closed', 'writable', 'writableFinished', 'errored')]]]])
    case("GET, 'data'", [
        ['on', 'req', 'data', []], ['res.end', 'x', {'callback': 'ended'}], ['note', 'called'],
            ['tick', [['note', 'tick']]],
        ['immediate', [['note', 'immediate']]]], watch=ALL)
    case("GET, answered at 'end'", [['on', 'req', 'end', [['res.end', 'x']]], ['req.resume'],
         ['immediate', [['note', 'immediate']]]],
         watch=ALL)
    case('GET, answered later', [['after', 5, [['res.end', 'x']]]], watch=ALL)
    case('GET, ticks in every listener', [
        ['res.end', 'x'], *[['on', kind, event, [['tick', [['note', f'tick of {kind} {event}']]]]] for kind,
            event in (
            ('res', 'finish'), ('res', 'close'), ('req', 'end'), ('req', 'close'))]], watch=ALL)
    case('GET that closes', [['res.end', 'x']], CLOSE, watch=ALL_AND_SOCKET)
    case('optimizeEmptyRequests', [
        ['?req.readableEnded'], ['?req.complete'], ['?req.destroyed'], ['?req.closed'], ['res.end', 'x']],
        options={'optimizeEmptyRequests': True}, watch=ALL)
    for name, request in (('1.0', OLD), ('a length', with_line(CLOSE, 'Content-Length: 0')),
                          ('100-continue', with_line(CLOSE, 'Expect: 100-continue')),
                          ('another expectation', with_line(CLOSE, 'Expect: x'))):
        answer = [['?req.readableEnded'], ['res.end']]
        case(f'optimizeEmptyRequests, {name}', {
            'request': answer, 'checkContinue': answer, 'checkExpectation': answer}, request,
            options={'optimizeEmptyRequests': True}, watch=ALL)
    case('optimizeEmptyRequests, POST', [['req.on', 'data', {'callback': 'data'}],
         ['on', 'req', 'end', [['res.end', 'x']]]], POST,
         options={'optimizeEmptyRequests': True}, watch=ALL)


def orders_of_post(case: Any) -> None:
    """A request with a body."""
    data = {**ALL, 'req': [*REQ, 'data']}
    split = [['send', POST_HEAD], ['heard', 'request'], ['send', 'llo']]
    case('POST, unread', [['res.end', 'x'], ['immediate', [['note', 'immediate']]]], POST, watch=ALL)
    case('POST, unread, answered later', [['after', 5, [['?req.complete'], ['res.end', 'x']]]], POST,
         watch=ALL)
    case('POST, read', [['on', 'req', 'end', [['res.end', 'x']]], ['immediate', [['note', 'immediate']]]],
         POST, watch=data)
    case('POST, answered first', [['note', 'request'], ['res.end', 'x']], split, watch=data)
    case('POST, answered first, unread', [['note', 'request'], ['res.end', 'x']], split, watch=ALL)
    case('POST, paused', [['note', 'request'], ['req.pause'], ['after', 5,
         [['?req.readableLength'], ['res.end', 'x']]]], split, watch=data)
    case("POST, 'readable'", [['on', 'req', 'readable', [['?req.readableLength']]],
         ['after', 5, [['res.end', 'x']]]], POST, watch=ALL)
    case('POST, read()', [['on', 'req', 'readable', [['req.read']]],
         ['on', 'req', 'end', [['res.end', 'x']]]], POST, watch=ALL)
    case('POST, one read()', [['note', 'request'], ['?req.read'], ['after', 5, [['res.end', 'x']]]],
         [*split, ['send', GET.replace('/ ', '/2 ')]], watch=ALL)
    case('POST, paused after the first chunk', [
        ['note', 'request'], ['once', 'req', 'data', [['req.pause'], ['res.end', 'x']]]], split, watch=data)
    case('POST, setEncoding', [['req.setEncoding', 'utf8'], ['on', 'req', 'end', [['res.end', 'x']]]],
         POST.replace('hello', 'h\xc3\xa9ll'), watch=data)
    ticks = [['note', 'handler'], ['tick', [['note', 'tick'], ['?req.complete'], ['?req.readableLength']]],
             ['on', 'req', 'data', [['tick', [['note', 'tick of data'], ['?req.complete']]]]],
             ['on', 'req', 'end', [['tick', [['note', 'tick of end']]], ['res.end']]]]
    for name, request in (('a body', POST), ('chunks', POST_CHUNKED), ('none', GET), ('two', POST + POST)):
        case(f'ticks between pieces, {name}', ticks, request, watch={'req': ['data', 'end']})
    many = [f'h{index}: 1' for index in range(31)]
    for name, request in (('trailers', POST_CHUNKED), ('31 headers', with_line(GET, '\r\n'.join(many[1:]))),
                          ('32 headers', with_line(GET, '\r\n'.join(many)))):
        case(f'ticks between requests, {name}', [['note', 'request'], ['tick', [['note', 'tick']]]],
             request + GET * 2)
    case('ticks before the end of a request with trailers', [
        ['on', 'req', 'end', [['res.end']]], ['req.resume'], ['tick', [['note', 'tick'], ['?req.complete']]]],
        CHUNKED + '0\r\nT: 1\r\n\r\n' + CHUNKED + '0\r\n\r\n', watch=ALL)
    case('rubbish behind a request with trailers', [['note', 'request'], ['res.end', 'x']],
         CHUNKED + '0\r\nT: 1\r\n\r\nBAD', watch=ALL)
    case('trailers of a request', [
        ['?req.trailers'], ['on', 'req', 'data', []],
        ['on', 'req', 'end', [['?req.trailers'], ['?req.rawTrailers'], ['?req.trailersDistinct'],
            ['res.end']]]], POST_CHUNKED, watch=ALL)
    case('end and close of an empty chunked body', [['on', 'req', 'data', []],
         ['on', 'req', 'end', [['res.end']]]],
         'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', watch=ALL)


def endings(case: Any) -> None:
    """What replaces, detaches, assigns."""
    socket = {'kind': 'sock'}
    case('assignSocket, detachSocket', [
        ['res.assignSocket', socket], ['res.detachSocket', socket], ['?res.socket'],
            ['res.assignSocket', socket], ['res.end', 'x']],
        watch=ALL)
    case('timeout with a listener on the response', [['res.setTimeout', 10, {'callback': 'timed out'}],
         ['on', 'res', 'timeout', [
        ['res.end', 'late']]]], quiet=100, watch={'res': ['close']})
    case('timeout without a listener', [['res.setTimeout', 10]], quiet=100,
         watch={'res': ['close'], 'req': ['aborted', 'close']})
    case('timeout of a complete request', [['req.setTimeout', 10, {'callback': 'timed out'}]], quiet=100,
         watch={'res': ['close']})
    case('timeout of an incomplete request', [
        ['req.setTimeout', 10, {'callback': 'timed out'}], ['on', 'req', 'timeout', [['res.end', 'x']]]],
            POST_HEAD, quiet=100,
        watch={'res': ['close']})
    case('server.timeout', [['note', 'request']], set={'timeout': 30}, quiet=100,
         watch={'res': ['close'], 'req': ['aborted', 'error', 'close'], 'sock': SOCK})


def destruction(case: Any) -> None:
    """destroy of the request, the response, the socket."""
    for kind in ('req', 'res', 'sock'):
        case(f'{kind}.destroy()', [[f'{kind}.destroy']], watch=ALL_AND_SOCKET)
        case(f'{kind}.destroy(error)', [[f'{kind}.destroy', {'error': 'boo'}]], POST, watch=ALL_AND_SOCKET)
        case(f'{kind}.destroy() of an unfinished body', [[f'{kind}.destroy']], POST_HEAD,
             watch=ALL_AND_SOCKET)
        case(f'{kind}.destroy() behind the answer', [['res.end', 'x'], [f'{kind}.destroy']],
             watch=ALL_AND_SOCKET)
        case(f'{kind}.destroy() after a write', [['res.write', 'x', {'callback': 'written'}],
             [f'{kind}.destroy']], watch=ALL)
    case('end() of a destroyed response', [
        ['res.destroy'], ['res.end', {'callback': 'ended'}], ['?res.headersSent'],
        ['res.setHeader', 'a', '1']], watch=ALL)
    case('end() of a destroyed response without a body', [
        ['res.flushHeaders'], ['res.destroy', {'error': 'boo'}], ['res.end', {'callback': 'ended'}]], HEAD,
        watch=ALL_AND_SOCKET)
    for name, request in (('a body', POST), ('chunks', POST_CHUNKED)):
        for how, first in (('unread', []), ('read', [['on', 'req', 'data', []]]),
                           ('answered', [['res.end']])):
            case(f'{name} behind sock.destroy(error), {how}', [*first, ['sock.destroy', {'error': 'boo'}]],
                 request, watch=ALL_AND_SOCKET)
    case('writing to a destroyed response', [
        ['res.destroy'], ['?res.write', 'x', {'callback': 'write'}], ['?res.destroyed'], ['?res.writable'],
        ['res.end', 'x', {'callback': 'end'}], ['?res.headersSent']], watch=ALL)
    case('writing to a destroyed socket', [
        ['sock.destroy'], ['?res.write', 'x', {'callback': 'write'}], ['?res.writableNeedDrain'],
            ['res.end', 'y', {'callback': 'end'}],
        ['?res.headersSent'], ['?res.writableFinished']], watch=ALL)
    case('writing to a closed socket', [['sock.destroy'], ['after', 5, [
        ['?res.destroyed'], ['?res.write', 'x', {'callback': 'write'}], ['res.end', 'y', {'callback': 'end'}],
            ['?res.headersSent'],
        ['?res.writableFinished']]]], watch=ALL)


def departures(case: Any) -> None:
    """The client ends or breaks the connection."""
    request = ['note', 'request']
    case('FIN before the answer', [request], [['send', GET], ['heard', 'request'], ['fin']],
         watch=ALL_AND_SOCKET)
    case('FIN in the body', [request], [['send', POST_HEAD], ['heard', 'request'], ['fin']],
         watch=ALL_AND_SOCKET)
    case('FIN in a body that is read', [request, ['on', 'req', 'data', []]],
         [['send', POST_HEAD], ['heard', 'req resume'], ['fin']],
         watch=ALL_AND_SOCKET)
    case('FIN in the head', [request], [['send', 'GET / HT'], ['fin']])
    case('FIN at once', [request], [['fin']])
    case('FIN after the answer', [request, ['res.end', 'x']], [['send', GET], ['until', '\r\n\r\nx'],
         ['fin']], watch=ALL_AND_SOCKET)
    case('RST before the answer', [request], [['send', GET], ['heard', 'request'], ['rst']],
         watch={**ALL, 'sock': ['end', 'close', 'error']})
    half_open = {'set': {'httpAllowHalfOpen': True}}
    connected = {'connection': [], 'request': [request]}
    close = {'sock': ['close'], 'req': ['aborted', 'close'], 'res': ['close']}
    case("'close' of a socket, its request and its response", connected,
         [['send', GET], ['heard', 'request'], ['fin']], watch=close)
    case("'close' of a socket with a second request", {'connection': [], 'request /1': [['res.end']],
         'request /2': [request]}, [['send', TWO], ['heard', '/2 request'], ['fin']], watch=close)
    count = ['?sock.listenerCount', 'close']
    case("listeners for 'close' of a kept socket",
         {'connection': [['on', 'sock', 'close', []]],
          'request': [count, ['res.end', 'x'], ['after', 5, [count]]]},
         [step for _ in range(3) for step in (['send', GET], ['heard', 'sock.listenerCount 2'])])
    case('half open', [request, ['after', 20, [['res.end', 'x']]]],
         [['send', GET], ['heard', 'request'], ['fin']], **half_open)
    case('half open, two', {'request /1': [['after', 20, [['res.end', '1']]]],
         'request /2': [request, ['after', 20, [['res.end', '2']]]]},
         [['send', TWO], ['heard', '/2 request'], ['fin']], **half_open)
    case('half open, idle', [['res.end', 'x']], [['send', GET], ['until', '\r\n\r\nx'], ['fin']],
         **half_open)


def pipelining(case: Any) -> None:
    """Several requests at once."""
    request = [['note', 'request'], ['?res.writableLength']]
    late = {'request /1': [*request, ['after', 10, [['res.end', 'one']]]]}
    prompt = {'request': [*request, ['res.end', 'x']]}
    case('pipelined, the first later', {**late, 'request /2': [*request, ['res.end', 'two']]}, TWO, watch=ALL)
    case('pipelined', prompt, TWO, watch=ALL)
    case('pipelined behind a request that closes', prompt, CLOSE.replace('/ ', '/1 ') + GET, watch=ALL)
    case('pipelined behind an answer that closes', [*request, ['res.setHeader', 'Connection', 'close'],
         ['res.end', 'x']], TWO, watch=ALL)
    closing = {'request /1': [['res.setHeader', 'Connection', 'close'], ['res.end', 'x']]}
    case('pipelined behind an answer that closes, which nobody hears', {**closing, 'request /2': [
        *request, ['on', 'res', 'close', [['note', 'never']]]]}, TWO,
        watch={'sock': ['close'], 'req': ['close']})
    case('CONNECT behind an answer that closes',
         {**closing, 'connect': [['note', 'connect'], ['sock.end', 'C']]},
         TWO.replace('GET /2', 'CONNECT /2'), watch={'sock': ['error', 'close']})
    case('pipelined behind a request without Host', {'request': request}, TWO.replace('Host: x', 'A: b', 1),
         watch=ALL)
    for count in (31, 32):
        case(f'pipelined, {count} headers', prompt, TWO[:-2] + 'a: b\r\n' * (count - 1) + '\r\n', watch=ALL)
    case('pipelined, the socket destroyed', {'request /1': [*request, ['after', 10, [['sock.destroy']]]],
                                             'request /2': [*request, ['res.end', 'two']]}, TWO, watch=ALL)
    case('pipelined, written before its turn', {**late, 'request /2': [
        *request, ['?res.write', 'x', {'callback': 'written'}], ['?res.writableLength'],
            ['?res.writableHighWaterMark'],
        ['?res.writableNeedDrain'], ['res.end', 'y', {'callback': 'ended'}], ['?res.writableFinished'],
            ['?res.headersSent']]}, TWO, watch=ALL)
    case('pipelined, corked before its turn', {**late, 'request /2': [['res.cork'], ['res.write', 'x'], [
        'once', 'res', 'socket', [['tick', [
            ['?sock.writableCorked'], ['?res.writableLength'], ['res.uncork'], ['?res.writableLength'],
            ['res.end']]]]]]}, TWO)
    case('pipelined, full before its turn', {**late, 'request /2': [
        *request, ['?res.write', {'repeat': ['x', 70000]}, {'callback': 'written'}],
            ['?res.writableNeedDrain'],
        ['once', 'res', 'drain', [['res.end', 'y', {'callback': 'ended'}]]]]}, TWO, watch=ALL)
    case('pipelined, destroyed before its turn', {**late, 'request /2': [*request, ['res.destroy']]}, TWO,
         watch=ALL)
    case('pipelined, destroyed with an error before its turn', {**late,
         'request /2': [*request, ['res.destroy', {'error': 'e'}]]}, TWO,
         watch={**ALL, 'sock': ['error']})
    case('rubbish behind a request', [['note', 'request']], GET + 'BAD', watch=ALL)
    case('rubbish behind an answer', [['note', 'request'], ['res.end', 'x']],
         [['send', GET], ['until', '\r\n\r\nx'], ['send', 'BAD']],
         watch=ALL_AND_SOCKET)


def pauses(case: Any) -> None:
    """A socket that the user pauses."""
    request = [['note', 'request'], ['?sock.isPaused'], ['res.end', 'x']]
    later = [['after', 30, [['note', 'resume'], ['sock.resume']]]]
    case('paused in connection', {'connection': [['sock.pause']], 'request': request},
         [['send', GET], ['until', '\r\n\r\nx'], ['send', GET]], watch={'sock': ['pause', 'resume']})
    case('paused on connect', request, options={'pauseOnConnect': True})
    case('paused behind connection', {
        'connection': [['tick', [['sock.pause'], ['note', 'paused'], *later]]], 'request': request},
        [['heard', 'paused'], ['send', GET]])
    first, second = TWO[:len(TWO) // 2], TWO[len(TWO) // 2:]
    pause = ['once', 'res', 'close', [['sock.pause'], ['note', 'paused'], *later]]
    case('paused behind an answer', {'request /1': [pause, ['res.end', '1']], 'request /2': request},
         [['send', first], ['heard', '/1 paused'], ['send', second]])
    case('paused in a request', [['sock.pause'], *request],
         [['send', first], ['until', '\r\n\r\nx'], ['send', second]])
    body = [['sock.pause'], ['on', 'req', 'end', [['?sock.isPaused'], ['res.end', 'x']]]]
    for name, read in (('read', [['on', 'req', 'data', []]]), ('unread', [['note', 'request'], *later])):
        case(f'paused in a body, {name}', [*body, *read], [
            ['send', POST_HEAD], ['heard', 'r'], ['send', 'llo']], watch={'req': ['data', 'pause', 'resume']})


def expectations(case: Any) -> None:
    """Expect."""
    def expect(what: str, version: str = '1.1') -> list[Any]:
        return [['send', f'POST / HTTP/{version}\r\nHost: x\r\nExpect: {what}\r\nContent-Length: 5\r\n\r\n'],
            ['send', 'hello']]
    request = ['note', 'request']
    case('100-continue', [request, ['on', 'req', 'data', []], ['on', 'req', 'end', [['res.end', 'ok']]]],
         expect('100-continue'), watch=ALL)
    case('100-Continue, refused', [request, ['res.statusCode=', 413], ['res.end', 'no']],
         expect('100-Continue'))
    case('checkContinue, refused', {'request': [request], 'checkContinue': [['res.end', 'no']]},
         [['send', POST.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n').replace('hello', '')]],
         watch={'res': RES})
    case('checkContinue, accepted', {'request': [request], 'checkContinue': [
        ['res.writeContinue', {'callback': 'continued'}], ['res.writeHead', 200], ['res.end', 'yes']]},
            expect('100-continue'))
    case('another expectation', [request], expect('foo'))
    case('checkExpectation', {'request': [request], 'checkExpectation': [['res.end', 'no']]}, expect('foo'))
    case('an expectation in 1.0', [request, ['res.end']], expect('100-continue', '1.0'))


def upgrades(case: Any) -> None:
    """Upgrade and CONNECT."""
    request = ['note', 'request']
    tunnel = [
        ['?req.upgrade'], ['?req.url'], ['head'], ['?req.complete'], ['?req.readableEnded'],
            ['?req.destroyed'],
        ['?sock.listenerCount', 'data'], ['?sock.listenerCount', 'close'], ['?sock.listenerCount', 'error'],
        ['?sock.listenerCount', 'timeout'], ['?sock.listenerCount', 'pause'], ['?sock.readableFlowing'],
        ['sock.write', 'HTTP/1.1 101 X\r\n\r\n']]
    data = {'sock': ['data', 'end', 'close'], 'req': ['data', 'end', 'close', 'aborted']}
    connect = 'CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n'
    case('upgrade, nobody wants it', [request, ['?req.upgrade'], ['?req.headers'], ['res.end', 'x']], UPGRADE)
    case('upgrade', {'request': [request], 'upgrade': [*tunnel, ['sock.end']]},
         [['send', UPGRADE + 'rest'], ['until', '101'], ['send', 'more'], ['heard', 'sock data']], watch=data)
    case('upgrade, read', {'upgrade': [['on', 'sock', 'readable', [['?sock.read']]], ['sock.write', 'U']]},
         [['send', UPGRADE], ['until', 'U'], ['send', 'more'], ['heard', 'sock.read'], ['fin']])
    case('upgrade with a body', {'upgrade': [*tunnel, ['sock.end']]},
         POST.replace('\r\n\r\n', '\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n'),
         watch=data)
    case('shouldUpgradeCallback, true, no listener', [request], UPGRADE, upgrades=True)
    case('shouldUpgradeCallback, true', {'upgrade': [['note', 'upgrade'], ['sock.end', 'U']]}, UPGRADE,
         upgrades=True)
    case('shouldUpgradeCallback, false', {'request': [request, ['?req.upgrade'], ['res.end']],
         'upgrade': [['note', 'upgrade']]},
         UPGRADE, upgrades=False)
    for answer in (1, 'yes', 0, ''):
        case(f'shouldUpgradeCallback, {answer!r}', {
            'request': [['res.end', 'R']], 'upgrade': [['sock.end', 'U']]}, UPGRADE, upgrades=answer)
    case('CONNECT, nobody wants it', [request], connect)
    case('CONNECT', {'request': [request], 'connect': [*tunnel, ['sock.end']]},
         [['send', connect + 'rest'], ['until', '101'], ['send', 'more'], ['heard', 'a:1 sock data']],
         watch=data)
    case('CONNECT, shouldUpgradeCallback', {'connect': [['note', 'connect'], ['sock.end', 'C']]}, connect,
         upgrades=False)
    case('CONNECT behind a request, nobody wants it', [request], GET + connect.replace('a:1', '/c'),
         watch=ALL)
    case('upgrade behind a request, its socket closes', {'request': [request], 'upgrade': [
        ['note', 'upgrade'], ['?sock.listenerCount', 'close'], ['sock.end', 'U']]},
        [['send', GET + UPGRADE.replace('/ ', '/u ')], ['until', 'U'], ['fin']], watch=ALL)
    case('upgrade behind a request', {'request': [request, ['after', 10, [['res.end', 'x']]]], 'upgrade': [
        ['note', 'upgrade'], ['sock.write', 'U']]}, GET + UPGRADE.replace('/ ', '/u '))


def refusals(case: Any) -> None:
    """What is no HTTP, or not allowed."""
    request = ['note', 'request']
    case('no Host', [request], 'GET / HTTP/1.1\r\n\r\n', watch=ALL)
    case('no Host, allowed', [request, ['res.end']], 'GET / HTTP/1.1\r\n\r\n',
         options={'requireHostHeader': False})
    case('no Host in 1.0', [request, ['res.end']], OLD)
    case('an empty Host', [request, ['res.end']], 'GET / HTTP/1.1\r\nHost:\r\n\r\n')
    case('0.9', [request, ['?req.httpVersion'], ['res.end', 'x']], 'GET /x HTTP/0.9\r\nHost: x\r\n\r\n')
    case('2.0', [request, ['?req.httpVersion'], ['res.end', 'x']], 'GET /x HTTP/2.0\r\nHost: x\r\n\r\n')
    case('blanks before the URL', [request, ['?req.url'], ['res.end', 'x']],
         'GET  / HTTP/1.1\r\nHost: x\r\n\r\n')
    seen = {'clientError': [['?error.code'], ['?error.message'], ['?error.reason'], ['?error.bytesParsed'],
        ['?sock.destroyed'],
                            ['?sock.listenerCount', 'error'], ['sock.end', 'HTTP/1.1 499 X\r\n\r\n']]}
    bad = {
        'a bad method': 'BAD / HTTP/1.1\r\n\r\n', 'a bad header': 'GET / HTTP/1.1\r\nHost x\r\n\r\n',
        'a bad version': 'GET / HTTP/1.2\r\nHost: x\r\n\r\n',
            'a long head': f'GET / HTTP/1.1\r\nHost: x\r\nA: {"a" * 17000}\r\n\r\n',
    }
    for name, text in bad.items():
        case(f'{name}, default answer', [request], text, watch={'server': []})
        case(f"{name}, 'clientError'", {'request': [request], **seen}, text)
    case('maxHeaderSize', [request], f'GET / HTTP/1.1\r\nHost: x\r\nA: {"a" * 200}\r\n\r\n',
         options={'maxHeaderSize': 100})
    case('rubbish behind an unfinished answer', [['res.write', 'x']],
         [['send', GET], ['until', '1\r\nx'], ['send', 'BAD']], watch=ALL)
    case('rubbish in the body', [request], CHUNKED + 'zz\r\n', watch=ALL_AND_SOCKET)
    case('rubbish in the body behind an answer', [['res.write', 'x']],
         [['send', CHUNKED], ['until', '1\r\nx'], ['send', 'zz\r\n']], watch=ALL)
    for name, request_bytes in (('', GET), (' of a request that closes', CLOSE)):
        two = with_line(request_bytes, 'Transfer-Encoding: chunked') + '1\r\na\r\n1\r\nb\r\n'
        case(f'rubbish behind two chunks{name}, answered', [request, ['res.end', 'x']], two + 'zz\r\n',
             watch=ALL_AND_SOCKET)
    case('rubbish behind trailers', [request, ['on', 'req', 'end', [['res.end']]], ['req.resume']],
         POST_CHUNKED + 'BAD', watch=ALL_AND_SOCKET)
    case('long chunk extensions', [request], CHUNKED + '1;' + 'a' * 17000 + '\r\n', watch=ALL)
    case("reset, 'clientError'", {'request': [request], 'clientError': [['?error.code'], ['?error.syscall'],
         ['?sock.destroyed']]},
         [['send', GET], ['heard', 'request'], ['rst']], watch=ALL)
    told = [['?error.code'], ['?error.reason'], ['?error.bytesParsed'], ['?error.rawPacket']]
    heard = ['heard', 'error.rawPacket']
    rubbish = [['send', 'BAD'], heard]
    case("'clientError' of each read", {'clientError': told}, [*rubbish, ['send', 'X']])
    case("'clientError' and FIN", {'connection': [], 'clientError': told}, [*rubbish, ['fin']],
         watch={'sock': SOCK})
    case("'clientError' and FIN, half open", {'connection': [], 'clientError': told}, [*rubbish, ['fin']],
         watch={'sock': SOCK}, set={'httpAllowHalfOpen': True})
    case("'clientError' and RST", {'connection': [], 'clientError': told}, [*rubbish, ['rst']],
         watch={'sock': ['end', 'close', 'error']})
    case("FIN in the head, 'clientError'", {'clientError': told}, [['send', 'GET / HT'], ['fin']])
    case("FIN in the body, 'clientError'", {'request': [request], 'clientError': told},
         [['send', POST_HEAD], ['heard', 'request'], ['fin']], watch=ALL)
    case("reset, what 'clientError' is given", {'request': [request], 'clientError': told},
         [['send', GET], ['heard', 'request'], ['rst']])
    case('HTTP/2 preface', {'request': [request]}, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    case('insecureHTTPParser', [request, ['?req.headers'], ['res.end']],
         'GET / HTTP/1.1\nHost: x\nA: \x01\n\n',
         options={'insecureHTTPParser': True})
    case('setEncoding of the socket', [['sock.setEncoding', 'utf8'], ['res.end']])


def time_limits(case: Any) -> None:
    """headersTimeout, requestTimeout, keepAliveTimeout."""
    interval = {'connectionsCheckingInterval': 10}
    short = {'options': {'headersTimeout': 30, 'requestTimeout': 60, **interval}, 'quiet': 150}
    # What is sent at once arrives in time, on a busy machine too.
    long = {'options': {'headersTimeout': 150, 'requestTimeout': 180, **interval}, 'quiet': 300}
    body = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab'
    request = ['note', 'request']
    case('half a head', {'request': [request], 'connection': []}, 'GET / HTT', watch={'sock': SOCK}, **short)
    case('not a byte', [request], [], **short)
    case('half a body', [request], body, watch=ALL, **long)
    case('half a body, answered', [['res.end', 'early']], body, watch=ALL, **long)
    case('a slow handler', [['after', 250, [['res.end', 'late']]]], watch=ALL, **long)
    case('half a head behind an answer', [['res.end', 'x']], [['send', GET], ['until', '\r\n\r\nx'],
         ['send', 'GET']], **long)
    case("half a head, 'clientError'", {'clientError': [['?error.code'], ['?error.message'],
         ['sock.end', 'bye']]}, 'GET', **short)
    case("half a head, what 'clientError' is given", {'clientError': [
        ['?error.reason'], ['?error.bytesParsed'], ['?error.rawPacket']]}, 'GET', **short)
    reading = [request, ['on', 'req', 'end', [['res.end', 'x']]], ['req.resume']]
    for name, none in (('headersTimeout', {'headersTimeout': 0}), ('requestTimeout', {'requestTimeout': 0}),
                       ('limits', {'headersTimeout': 0, 'requestTimeout': 0})):
        for part, text, limits, time in (('head', POST[:9], short, 80), ('body', POST_HEAD, long, 250)):
            case(f'half a {part}, no {name}',
                 {'connection': [['after', time, [['note', 'waited']]]], 'request': reading},
                 [['send', text], ['heard', 'waited'], ['send', POST[len(text):]]],
                 options={**limits['options'], **none}, quiet=limits['quiet'])
    left = {'request': [request], 'clientError': [['?error.code']]}
    for name, text in (('at once', 'BAD'), ('behind a request', GET + 'BAD'), ('in a body', CHUNKED + 'zz')):
        case(f"rubbish {name}, left by 'clientError'", left, text, **long)
    case("data behind a request that closes, left by 'clientError'", left, OLD + 'x', **long)
    late = ['heard', 'error.code "ERR_HTTP_REQUEST_TIMEOUT"']
    case("rubbish, left by 'clientError' twice", left,
         [['send', CHUNKED + 'zz'], late, ['send', 'zz']], **long)
    patient = {'request': [request, ['on', 'req', 'end', [['res.end', 'x']]]],
               'clientError': [['?error.code']]}
    data = {'req': ['data', 'end', 'close']}
    case('a head that goes on after its time', patient, [
        ['send', 'GET / HT'], late, ['send', 'TP/1.1\r\nHost: x\r\n\r\n'], ['until', '\r\n\r\nx'],
        ['send', 'GET']], watch=data, **short)
    case('a body that goes on after its time', patient, [
        ['send', POST_HEAD], late, ['send', 'l'], ['heard', 'req data l'], ['send', 'lo']],
        watch=data, **long)
    idle = [['?sock.timeout'], ['res.end', 'x'], ['after', 5, [['?sock.timeout']]]]
    usual = {'keepAliveTimeoutBuffer': 1000}
    case('idle', idle, options={'keepAliveTimeout': 40, 'keepAliveTimeoutBuffer': 10}, quiet=150,
         watch={'sock': ['timeout', 'close']})
    case("a time limit set in 'connection'", {'connection': [['sock.setTimeout', 7777]], 'request': idle},
         options=usual)
    case('idle for ever', idle, options={'keepAliveTimeout': 0})
    case('idle, then another', idle, [['send', GET], ['heard', 'sock.timeout 6000'], ['send', GET]],
         set={'timeout': 7777}, options=usual)
    case("a slow answer, 'timeout' of the server", {'request': [['after', 150, [['res.end', 'late']]]],
         'timeout': [['note', 'timeout']]}, set={'timeout': 40}, quiet=200,
         watch={'sock': ['timeout', 'close']})
    case("idle, 'timeout' of the server", {'request': [['res.end', 'x']],
         'timeout': [['note', 'timeout'], ['sock.end']]},
         options={'keepAliveTimeout': 30, 'keepAliveTimeoutBuffer': 0}, quiet=120)


def properties(case: Any) -> None:
    """What a fresh request and response say of themselves."""
    case('properties of a response', [
        *[[f'?res.{name}'] for name in (
            'sendDate', 'chunkedEncoding', 'shouldKeepAlive', 'useChunkedEncodingByDefault', 'writableCorked',
                'writableHighWaterMark',
            'writableObjectMode', 'writableLength', 'writableNeedDrain', 'finished', 'headersSent',
                'statusCode', 'statusMessage',
            'writable', 'writableEnded', 'writableFinished', 'errored', 'closed', 'destroyed',
                'strictContentLength')], ['res.end']])
    case('properties of a request', [
        *[[f'?req.{name}'] for name in (
            'method', 'url', 'httpVersion', 'httpVersionMajor', 'httpVersionMinor', 'headers', 'rawHeaders',
                'headersDistinct', 'trailers',
            'rawTrailers', 'trailersDistinct', 'complete', 'aborted', 'upgrade', 'statusCode',
                'statusMessage', 'readable', 'destroyed',
            'readableEnded', 'readableHighWaterMark', 'readableFlowing')], ['res.end']],
        'GET /a?b=c#d HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\nSet-Cookie: z\r\nset-cookie: y\r\n'
        'Cookie: a\r\ncookie: b\r\nAge: 1\r\nAGE: 2\r\nX: \xe9\r\nempty:\r\n\r\n')
    case('highWaterMark', [
        ['?req.readableHighWaterMark'], ['?res.writableHighWaterMark'], ['?sock.readableHighWaterMark'],
        ['?sock.writableHighWaterMark'], ['?res.write', {'repeat': ['x', 5]}],
        ['?res.write', {'repeat': ['x', 1000]}], ['res.end']], options={'highWaterMark': 1000})
    case('joinDuplicateHeaders', [['?req.headers'], ['res.end']],
         'GET / HTTP/1.1\r\nHost: x\r\nAge: 1\r\nage: 2\r\nX: 1\r\nx: 2\r\nCookie: a\r\ncookie: b\r\n'
         'Set-Cookie: z\r\n\r\n',
         options={'joinDuplicateHeaders': True})
    many = 'GET / HTTP/1.1\r\nHost: x\r\n' + ''.join(f'h{index}: 1\r\n' for index in range(1100)) + '\r\n'
    for limit in (None, 0, 1, 2, 50):
        case(f'maxHeadersCount {limit}', [['count', 'req', 'headers'], ['count', 'req', 'rawHeaders'],
             ['res.end']], many,
             set={'maxHeadersCount': limit})
    for name, first in (('Host', 'A: 1\r\nHost: x'), ('Expect', 'Host: x\r\nExpect: 100-continue')):
        case(f'{name} beyond maxHeadersCount', [['?req.headers'], ['?req.rawHeaders'], ['res.end']],
             f'POST / HTTP/1.1\r\n{first}\r\nContent-Length: 1\r\n\r\nb', set={'maxHeadersCount': 1})
    case('Content-Length beyond maxHeadersCount', [['?req.complete'], ['res.end']],
         'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nb', set={'maxHeadersCount': 1},
         options={'optimizeEmptyRequests': True}, watch=ALL)
