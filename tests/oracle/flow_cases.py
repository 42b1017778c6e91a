"""Programs of a server, in the form of server_cases.py: who listens to its sockets, and how they flow."""

from __future__ import annotations

from typing import Any

from server_parts import CHUNKED, GET, POST


def at(path: str, request: str = GET) -> str:
    """Return a request for another path."""
    return request.replace('/', path, 1)


FIRST, SECOND, THIRD, FOURTH = (at(f'/{number}') for number in range(1, 5))
BIG = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n' + 'a' * 200_000
BEFORE = ['sock.prependListener', 'data', {'callback': 'before'}]
BEHIND = ['on', 'sock', 'data', [['note', 'behind']]]
READ_AT_END = [['on', 'req', 'end', [['res.end', 'x']]], ['req.resume']]


def overheard(case: Any) -> None:
    """The parser is one of those who listen to 'data'. If there are others, no ticks come within a read."""
    ends = {'res': ['socket', 'prefinish', 'finish', 'close'], 'req': ['end', 'close']}
    for name, text in (('requests', FIRST + at('/2', POST)), ('a request, and rubbish', FIRST + 'BAD'),
                       ('a body, and rubbish', at('/1', POST) + 'BAD'),
                       ('chunks', at('/1', CHUNKED) + '2\r\nab\r\n1\r\nc\r\n0\r\n\r\n' + SECOND)):
        case(f'overheard: {name}', {
            'connection': [BEFORE, BEHIND], 'request': [['res.end', 'x']]}, text, watch=ends)
        case(f'overheard: {name}, answered at the end', {
            'connection': [BEHIND], 'request': READ_AT_END}, text, watch=ends)
        case(f'overheard: {name}, answered in ticks', {
            'connection': [BEHIND], 'request': [['tick', [['note', 'tick'], ['res.end']]]]}, text, watch=ends)
    for name, listening in (('first', BEFORE), ('last', BEHIND)):
        case(f'overheard from the first request on, {name}', {
            'request /1': [listening], 'request': [['res.end', 'x']]},
             [['send', FIRST + at('/2', POST)], ['read'], ['send', THIRD + 'BAD'], ['read']], watch=ends)
    case('overheard: once', {
        'request /1': [['sock.once', 'data', {'callback': 'once'}]],
        'request': [['?sock.listenerCount', 'data'], ['res.end']]}, [
        ['send', FIRST], ['read'], ['send', SECOND], ['read'], ['send', THIRD + 'BAD'], ['read']], watch=ends)
    case('who listens to a socket', {'connection': [['?sock.eventNames']], 'request': [['res.end']]})
    for name, reads in (('', []), (', and reads', [['sock.read']])):
        case(f"'readable' of a connection{name}", {
            'connection': [['on', 'sock', 'readable', [['note', 'readable'], *reads]]],
            'request': [['res.end']]}, watch={'sock': ['resume']})
    case("'readable' of a connection in use", {
        'request /1': [['on', 'sock', 'readable', [['note', 'readable'], ['sock.read']]]],
        'request': [['res.end']]}, [['send', FIRST], ['read'], ['send', SECOND], ['read']],
         watch={'sock': ['resume']})


def narrow(case: Any) -> None:
    """Sockets with a small mark tell of 'drain', 'pause' and 'resume'."""
    def add(name: str, actions: Any, *texts: str, mark: int = 10, **more: Any) -> None:
        steps: list[Any] = []
        for text in texts or (FIRST,):
            steps += [['send', text], ['read']]
        options = {'highWaterMark': mark}
        watch = {'sock': ['drain', 'pause', 'resume'], 'res': ['drain', 'finish', 'close']}
        case(f'narrow: {name}', actions, steps, options=options, watch=watch, **more)

    two, three = FIRST + SECOND, FIRST + SECOND + THIRD
    words = ['?res.write', 'hello hello hello']
    answers = {
        'end': [['res.end', 'x']], 'end alone': [['res.end']],
        'head, end': [['res.writeHead', 200], ['res.end']],
        'head, end with data': [['res.writeHead', 200], ['res.end', 'x']],
        'head first': [['res.flushHeaders'], ['res.end', 'x']],
        'two writes': [['?res.write', 'x'], words, ['res.end']],
        'later': [['?res.write', 'x'], ['immediate', [words, ['res.end', 'x']]]],
        'in ticks': [['?res.write', 'x'], ['tick', [words, ['tick', [['res.end', 'x']]]]]],
        'length': [['res.setHeader', 'Content-Length', 500], ['res.end', {'repeat': ['a', 500]}]],
        "at 'drain'": [['once', 'res', 'drain', [words, ['res.end']]], words],
    }
    for name, actions in answers.items():
        add(name, actions)
        add(f'{name}, pipelined', actions, three)
    add('above another mark, pipelined', answers['length'], three, mark=300)
    add('answered behind', {
        'request /1': [['after', 10, [['res.end']]]],
        **{f'request /{number}': [['res.end', 'hello']] for number in (2, 3, 4)}}, three, FOURTH)
    add('resumed although too much waits', {
        'request /1': [['after', 30, [['res.end']]]], 'request /2': [['res.end', 'hello']],
        'request /3': [['after', 10, [['sock.resume'], ['note', 'resumed']]], ['res.end', '3']],
        'request /4': [['res.end']]}, three, FOURTH)
    add('a write that nothing waits behind', {
        'request /1': [words, ['after', 10, [['res.end']]]],
        'request /2': [['res.end', 'x']], 'request /3': [['res.end', 'x']]}, two, THIRD)
    case('a slow reader pauses its socket', [
        ['after', 20, [['req.resume']]], ['on', 'req', 'end', [['res.end']]]], BIG,
         watch={'sock': ['pause', 'resume']})


TABLES = overheard, narrow
