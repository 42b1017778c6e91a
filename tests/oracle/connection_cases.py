"""Programs of a server, in the form of server_cases.py: orders of events, what becomes of a connection."""

from __future__ import annotations

from typing import Any

from server_parts import (
    ALL,
    ALL_AND_SOCKET,
    CHUNKED,
    CLOSE,
    GET,
    HEAD,
    OLD,
    POST,
    POST_CHUNKED,
    POST_HEAD,
    REQ,
    RES,
    SOCK,
    THREE_CHUNKS,
    TWO,
    UPGRADE,
    with_line,
)


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
    for count in (20, 40, 70):
        lines = '\r\n'.join(f'h{index}: 1' for index in range(count))
        case(f'ticks before a wrong chunk, {count} headers', {
            'request': [['note', 'request'], ['tick', [['note', 'tick']]]],
            'clientError': [['?error.code'], ['sock.destroy']]}, with_line(CHUNKED, lines) + 'zz\r\n')
    case('ticks before the end of a request with trailers', [
        ['on', 'req', 'end', [['res.end']]], ['req.resume'], ['tick', [['note', 'tick'], ['?req.complete']]]],
        CHUNKED + '0\r\nT: 1\r\n\r\n' + CHUNKED + '0\r\n\r\n', watch=ALL)
    case('rubbish behind a request with trailers', [['note', 'request'], ['res.end', 'x']],
         CHUNKED + '0\r\nT: 1\r\n\r\nBAD', watch=ALL)
    case('trailers of a request', [
        ['?req.trailers'], ['on', 'req', 'data', []],
        ['on', 'req', 'end', [['?req.trailers'], ['?req.rawTrailers'], ['?req.trailersDistinct'],
            ['res.end']]]], POST_CHUNKED, watch=ALL)
    reading = [['on', 'req', 'data', [['note', 'read']]], ['on', 'req', 'end', [['res.end']]]]
    for name, request in (('none', with_line(GET, 'X: 1')), ('an empty one', CHUNKED + '0\r\n\r\n')):
        case(f'a body in chunks behind a request with {name}', reading,
             request + THREE_CHUNKS + request + THREE_CHUNKS, watch={**ALL, 'req': ['data', 'end', 'close']})
    case('end and close of an empty chunked body', [['on', 'req', 'data', []],
         ['on', 'req', 'end', [['res.end']]]],
         'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', watch=ALL)


def pieces(case: Any) -> None:
    """A body of which all pieces come in one read, and what is written in answer to each."""
    told = ['?res.write', 'x', {'callback': 'written'}]
    end = ['on', 'req', 'end', [['res.end']]]
    data = {**ALL, 'req': [*REQ, 'data']}
    for name, actions in {
        'written': [['?res.write', 'x']],
        'written with a callback': [told],
        'a callback for one of two writes': [told, ['?res.write', 'y']],
        'much is written': [['?res.write', {'repeat': ['x', 20000]}]],
        'ticks': [['?res.write', 'x'], ['tick', [['note', 'tick']]]],
        'immediates': [['?res.write', 'x'], ['immediate', [['note', 'immediate']]]],
        'corked': [['res.cork'], ['?res.write', 'x'], ['res.uncork']],
    }.items():
        case(f'at each piece: {name}', [['on', 'req', 'data', actions], end], THREE_CHUNKS, watch=data)
        case(f'at each piece of two: {name}', [['on', 'req', 'data', actions], end], THREE_CHUNKS * 2,
             watch={'req': ['data', 'end'], 'res': ['drain', 'finish']})
    write = ['on', 'req', 'data', [['?res.write', 'x']]]
    case('a callback at the first piece', [['once', 'req', 'data', [told]], write, end], THREE_CHUNKS,
         watch=data)
    case('a callback at the request', [told, write, end], THREE_CHUNKS, watch=data)
    case('a request without a body behind one with pieces', [
        ['on', 'req', 'data', []], ['tick', [['note', 'tick']]], end], THREE_CHUNKS + GET, watch=data)
    case('ended at the first piece', [['once', 'req', 'data', [['res.end', 'x']]], ['on', 'req', 'data', []]],
         THREE_CHUNKS, watch=data)
    hear = ['on', 'req', 'close', [['note', 'close']]]
    for name, actions in {
        "in 'end'": [hear, ['res.end']],
        "in a tick of 'end'": [['tick', [hear]], ['res.end']],
        'in a tick behind res.end': [['res.end'], ['tick', [hear]]],
        'too late': [['immediate', [hear]], ['res.end']],
        "in 'finish'": [['on', 'res', 'finish', [hear]], ['res.end']],
        'before a later answer': [['after', 5, [hear, ['res.end']]]],
    }.items():
        for body, request in (('chunks', THREE_CHUNKS), ('a length', POST)):
            case(f'close of a request heard {name}, {body}', [
                ['req.on', 'data', {'callback': 'data'}], ['on', 'req', 'end', actions]], request, watch={})


def drains(case: Any) -> None:
    """The same with 'drain'. In Node the mark of a server is not that of its sockets over TLS."""
    for mark in (8, 100):
        case(f'at each piece: drain, {mark}', [['on', 'req', 'data', [['?res.write', 'xy']]],
             ['on', 'req', 'end', [['res.end']]]], THREE_CHUNKS, watch={**ALL, 'req': [*REQ, 'data']},
             options={'highWaterMark': mark})


def overriding(case: Any) -> None:
    """An `emit` that stands before the listeners."""
    for name, sending in (('end', [['res.end', 'x']]), ('write, end', [['res.write', 'x'], ['res.end']]),
                          ('end later', [['immediate', [['res.end', 'x']]]])):
        for kinds in (['res'], ['req'], ['req', 'res']):
            case(f'emit of {" and ".join(kinds)} is overridden: {name}',
                 [*(['override', kind] for kind in kinds), *sending], TWO)


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
    turns = [['immediate', [['note', '1'], ['immediate', [['note', '2'], ['immediate', [['note', '3']]]]]]]]
    for name, when in (('at once', None), ('in a tick', 'tick'), ('in an immediate', 'immediate')):
        ending = [['res.end', 'x'], *turns]
        case(f'ended {name}, a connection that closes', ending if when is None else [[when, ending]], CLOSE,
             watch={'sock': SOCK})
    case('ended by a timer, a connection that closes', [['after', 5, [['res.end', 'x'], *turns]]], CLOSE,
         watch={'sock': SOCK})


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
    case('rubbish behind two answers', [['res.end', 'x']], GET + GET + 'BAD')
    case("rubbish behind two answers, 'clientError'", {
        'request': [['res.end', 'x']], 'clientError': [['sock.end', 'bye']]}, GET + GET + 'BAD')
    case('a second answer that nobody hears', {'request /1': [['res.end', 'x']], 'request /2': [
        ['?res.writableLength'], ['res.write', 'y'], ['?res.writableLength'], ['res.end'],
        ['?res.writableFinished'], ['once', 'res', 'socket', [['note', 'socket']]]]}, TWO)
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
    lines = 'a: b\r\n' * 31
    for count, more in ((31, lines), (32, lines + 'c: d\r\n')):
        case(f'rubbish behind {count} headers', [request, ['res.end', 'x']],
             GET + GET[:-2].replace('Host: x\r\n', more) + 'A\0: b\r\n\r\n', watch=ALL_AND_SOCKET)
        case(f'rubbish behind {count} trailers', [request, ['res.end', 'x']],
             CHUNKED + '0\r\n' + more + 'A\0: b\r\n\r\n', watch=ALL_AND_SOCKET)
    case('data behind a request with 40 headers that closes', [request, ['res.end', 'x']],
         CLOSE[:-2] + lines + lines + '\r\nx', watch=ALL_AND_SOCKET)
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
    long = {'options': {'headersTimeout': 80, 'requestTimeout': 100, **interval}, 'quiet': 200}
    body = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab'
    request = ['note', 'request']
    case('half a head', {'request': [request], 'connection': []}, 'GET / HTT', watch={'sock': SOCK}, **short)
    case('not a byte', [request], [], **short)
    case('half a body', [request], body, watch=ALL, **long)
    case('half a body, answered', [['res.end', 'early']], body, watch=ALL, **long)
    case('a slow handler', [['after', 140, [['res.end', 'late']]]], watch=ALL, **long)
    case('half a head behind an answer', [['res.end', 'x']], [['send', GET], ['until', '\r\n\r\nx'],
         ['send', 'GET']], **long)
    case("half a head, 'clientError'", {'clientError': [['?error.code'], ['?error.message'],
         ['sock.end', 'bye']]}, 'GET', **short)
    case("half a head, what 'clientError' is given", {'clientError': [
        ['?error.reason'], ['?error.bytesParsed'], ['?error.rawPacket']]}, 'GET', **short)
    reading = [request, ['on', 'req', 'end', [['res.end', 'x']]], ['req.resume']]
    for name, none in (('headersTimeout', {'headersTimeout': 0}), ('requestTimeout', {'requestTimeout': 0}),
                       ('limits', {'headersTimeout': 0, 'requestTimeout': 0})):
        for part, text, limits, time in (('head', POST[:9], short, 80), ('body', POST_HEAD, long, 140)):
            case(f'half a {part}, no {name}',
                 {'connection': [['after', time, [['note', 'waited']]]], 'request': reading},
                 [['send', text], ['heard', 'waited'], ['send', POST[len(text):]]],
                 options={**limits['options'], **none}, quiet=limits['quiet'])
    for part, text in (('head', 'GET'), ('body', body)):
        case(f'half a {part}, late on its connection', {
            'connection': [['after', 60, [['note', 'go']]], ['after', 130, [['note', 'enough']]]],
            'request': [request]}, [['heard', 'go'], ['send', text], ['heard', 'enough'], ['fin']],
             options={'headersTimeout': 100, 'requestTimeout': 100, **interval}, quiet=100)
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
    case("a slow answer, 'timeout' of the server", {'request': [['after', 80, [['res.end', 'late']]]],
         'timeout': [['note', 'timeout']]}, set={'timeout': 40}, quiet=150,
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


def hardly_heard(case: Any) -> None:
    """Nobody listens to most of it, so that ticks and packets can be saved; it must come out as if none were.
    """
    def add(name: str, actions: Any, text: str, **watch: list[str]) -> None:
        case(name, actions, text, watch={'req': ['error'], **watch})

    one, last = ['res.write', 'one'], [['res.write', 'two'], ['sock.destroy']]
    tick = ['tick', [['note', 'tick']]]
    late = ['once', 'res', 'prefinish', [['res.writeProcessing', {'callback': 'sent'}], tick]]
    add('rubbish behind a piece', [one], CHUNKED + '2\r\nab\r\nzz')
    case('rubbish behind two answers and a body', [['res.end', 'x']], POST + GET + 'BAD')
    add('CONNECT that nobody wants, behind a piece', [one], POST + 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n')
    add('destroyed behind a piece', [
        ['once', 'req', 'data', [one, ['on', 'req', 'data', last]]]], THREE_CHUNKS)
    add("destroyed in 'end' behind a piece", [
        ['once', 'req', 'data', [one]], ['on', 'req', 'end', last]], POST_CHUNKED)
    add("what 'prefinish' leaves to the next tick", [late, ['res.end', 'x']], GET, res=['finish', 'close'])
    add('what waits behind pieces', [
        ['on', 'req', 'data', [['?res.writableLength'], one]], ['on', 'req', 'end', [['res.end']]],
    ], THREE_CHUNKS)
    large = ['res.write', {'repeat': ['a', 70000]}]
    add('rubbish behind two pieces, one of them large', [one, large], GET + 'BAD')
    case('what a tick sees of an answer', [
        ['res.end', 'x'], ['tick', [['?res.writableFinished'], ['?res.destroyed'], ['?res.closed']]]], GET)
    case('a body behind a request that was answered', {
        'request /1': [['res.end', {'callback': 'ended'}]],
        'request /2': [['on', 'req', 'data', [['note', 'data']]], ['on', 'req', 'end', [['res.end']]]],
    }, GET.replace('/', '/1', 1) + POST.replace('/', '/2', 1))
    for name, text in (('a', POST), ('a chunked', CHUNKED + '5\r\nhello\r\n0\r\n\r\n')):
        case(f'{name} body that nobody reads, once it is answered', [
            ['once', 'res', 'finish', [['?req.complete'], ['?req.readableLength']]], ['res.end', 'x']], text)
    case("the 'end' of a request without a body, and 'data' of the socket", {
        'request /1': [['on', 'sock', 'data', [['note', 'data']]], ['res.end']],
        'request /2': [['on', 'req', 'data', []], ['on', 'req', 'end', [['note', 'end'], ['res.end']]]],
    }, [['send', GET.replace('/', '/1', 1)], ['read'], ['send', GET.replace('/', '/2', 1)]])
    add('unshift before the body', [
        ['on', 'req', 'data', [['?req.readableLength']]], ['req.unshift', {'latin1': 'u'}],
        ['on', 'req', 'end', [['res.end']]]], POST)
    add("'resume' of what was read by 'readable'", [
        ['on', 'req', 'readable', [['?req.read']]], ['on', 'req', 'end', [['res.end']]]], GET, req=['resume'])


TABLES = (
    orders_of_get, orders_of_post, pieces, endings, destruction, departures, pipelining, expectations,
    upgrades, refusals, time_limits, properties, hardly_heard,
)  # and `pauses`, `drains`, `overriding`
