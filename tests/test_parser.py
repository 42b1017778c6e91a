"""The parser against Node (tables of bytes), its two ways against each other, and h11 as the referee of what
both accept.
"""

from __future__ import annotations

import json
import pathlib
import random
import subprocess
from collections.abc import Iterator
from typing import Any, Literal

import h11
import parser_hostile as hostile
import parser_messages as messages
import pytest
from conftest import local_node

from nodehttp import parser as parser_module
from nodehttp._scanner import Scanner
from nodehttp.parser import END, Head, ParseError, Parser
from nodehttp.referee import is_disputed

Kind = Literal['request', 'response']

both_ways = pytest.mark.parametrize('way', [Parser, Scanner])
GET = messages.GET
POST = messages.POST
LIMIT = 16384
CLOSED = ('HPE_CLOSED_CONNECTION', 'Data after `Connection: close`')
OVERFLOW = ('HPE_HEADER_OVERFLOW', 'Header overflow')
EXTENSIONS = ('HPE_CHUNK_EXTENSIONS_OVERFLOW', 'Chunk extensions overflow')
EOF = ('HPE_INVALID_EOF_STATE', 'Invalid EOF state', 0)


def rows(table: list[Any]) -> Any:
    """Parametrize with a table whose rows begin with their title."""
    return pytest.mark.parametrize('row', [row[1:] for row in table], ids=[row[0] for row in table])


def summary(head: Head) -> tuple[Any, ...]:
    """A Head as the tables write it."""
    version = f'{head.httpVersionMajor}.{head.httpVersionMinor}'
    start = (head.method, head.url) if head.method else (head.statusCode, head.statusMessage)
    notes = ['upgrade'] * head.upgrade + ['close'] * (not head.shouldKeepAlive)
    return (*start, version, head.rawHeaders, *notes)


def take(parser: Scanner) -> Iterator[Any]:
    """The events at hand, as the tables write them."""
    while (event := parser.next_event()) is not None:
        if isinstance(event, Head):
            yield summary(event)
        elif event is END:
            yield ('end', parser.trailers) if parser.trailers else 'end'
        else:
            yield event


def parse(way: type[Scanner], kind: Kind, reads: list[bytes], eof: bool = False, **options: Any) -> list[Any]:
    """All events, adjacent pieces of body joined. An error is the last one: (code, reason, bytesParsed)."""
    parser = way(kind, **options)
    events: list[Any] = []

    def collect() -> None:
        for event in take(parser):
            if isinstance(event, bytes) and events and isinstance(events[-1], bytes):
                events[-1] += event
            else:
                events.append(event)

    data = b''
    try:
        for data in reads:
            parser.feed(data)
            collect()
        if eof:
            parser.feed_eof()
            collect()
    except ParseError as error:
        packet, reason = error.rawPacket, error.reason
        assert (packet, error.message) in [(data, f'Parse Error: {reason}'), (None, 'Parse Error')]
        events.append((error.code, reason, error.bytesParsed))
    return events


def bytewise(data: bytes) -> list[bytes]:
    """Each byte a read of its own."""
    return [data[at:at + 1] for at in range(len(data))]


# What is accepted


@both_ways
@rows(messages.ROWS + messages.UNTIL_EOF)
def test_message(way: type[Scanner], row: tuple[Kind, bytes, list[Any]]) -> None:
    kind, data, events = row
    assert parse(way, kind, [data], eof=True) == events
    assert parse(way, kind, bytewise(data), eof=True) == events
    for at in range(1, len(data)):
        assert parse(way, kind, [data[:at], data[at:]], eof=True) == events


@both_ways
@rows(messages.ROWS)
def test_message_with_the_next_one_behind(way: type[Scanner], row: tuple[Kind, bytes, list[Any]]) -> None:
    kind, data, events = row
    head = [event for event in events if isinstance(event, tuple) and event[0] != 'end'][-1]
    both = data + messages.NEXT[kind]
    if 'close' in head:
        assert parse(way, kind, [both]) == [*events, (*CLOSED, len(data) + 1)]
        assert parse(way, kind, bytewise(both)) == [*events, (*CLOSED, 1)]
    else:
        assert parse(way, kind, [both]) == events + messages.NEXT_EVENTS[kind]
        assert parse(way, kind, bytewise(both)) == events + messages.NEXT_EVENTS[kind]


@both_ways
@rows(messages.LENIENT)
def test_lenient(way: type[Scanner], row: tuple[Kind, bytes, list[Any]]) -> None:
    kind, data, events = row
    assert parse(way, kind, [data], eof=True, lenient=True) == events
    found = parse(way, kind, bytewise(data), eof=True, lenient=True)
    if events[-1] == 'end':
        assert found == events
    else:
        assert found[-1][:2] == events[-1][:2]


# What is refused


@both_ways
@rows(hostile.ROWS)
def test_hostile(way: type[Scanner], row: tuple[Kind, bytes, str, str, int]) -> None:
    kind, data, code, reason, parsed = row
    whole = parse(way, kind, [data])
    assert whole[-1] == (code, reason, parsed)
    cut = parse(way, kind, bytewise(data))
    assert cut[:-1] == whole[:-1]
    assert cut[-1][:2] == (code, reason)


@both_ways
@rows(hostile.ROWS)
def test_hostile_behind_a_good_message(way: type[Scanner], row: tuple[Kind, bytes, str, str, int]) -> None:
    kind, data, code, reason, parsed = row
    good, events = messages.NEXT[kind], messages.NEXT_EVENTS[kind]
    found = parse(way, kind, [good + data])
    assert found[:3] == events
    assert found[-1] == (code, reason, len(good) + parsed)
    # The place is counted within the read.
    assert parse(way, kind, [good, data])[-1] == (code, reason, parsed)


def ask_node(program: str, question: Any) -> list[Any]:
    """What a program of tests/oracle answers, a line for each item."""
    path = pathlib.Path(__file__).parent / 'oracle' / program
    command = [local_node(), '--no-deprecation', path]
    output = subprocess.check_output(command, input=json.dumps(question), text=True)
    return [json.loads(line) for line in output.split('\n')[:-1]]


def test_the_hostile_rows_are_what_the_local_node_does() -> None:
    table = [[kind, data.decode('latin1')] for _, kind, data, *_ in hostile.ROWS]
    assert ask_node('hostile.js', table) == [
        [code, reason, f'Parse Error: {reason}', parsed, len(data)]
        for _, _, data, code, reason, parsed in hostile.ROWS
    ]


@both_ways
@pytest.mark.parametrize('data', [
    b'G', b'GET', b'GET /', b'GET / HTTP/1.1\r\n', GET + b'A: b\r\n', GET + b'A: b\r\n\r',
    GET + b'Content-Length: 3\r\n\r\nab', POST, POST + b'3',
    POST + b'3\r\nabc', POST + b'0\r\n', POST + b'0\r\n\r',
])
def test_the_end_of_the_connection_in_the_middle(way: type[Scanner], data: bytes) -> None:
    assert parse(way, 'request', [data], eof=True)[-1] == EOF
    assert parse(way, 'request', bytewise(data), eof=True)[-1] == EOF


@both_ways
@pytest.mark.parametrize('data', [
    b'', b'\r\n', messages.NEXT['request'], GET + b'Connection: close\r\n\r\n\r\n',
])
def test_the_end_of_the_connection_between_messages(way: type[Scanner], data: bytes) -> None:
    assert EOF not in parse(way, 'request', [data], eof=True)


@both_ways
def test_an_error_comes_again_at_every_later_call(way: type[Scanner]) -> None:
    parser = way('request')
    errors = []
    for data in (b'?', messages.NEXT['request'], b''):
        parser.feed(data)
        with pytest.raises(ParseError) as caught:
            parser.next_event()
        errors.append(caught.value)
    assert errors[0] is errors[1] is errors[2]
    assert (errors[0].rawPacket, errors[0].bytesParsed) == (b'?', 0)


# Limits


@both_ways
@pytest.mark.parametrize(('kind', 'before', 'after', 'counted', 'behind'), [
    pytest.param('request', b'GET /', b' HTTP/1.1\r\n\r\n', 1, 0, id='path'),
    pytest.param('request', GET, b':\r\n\r\n', 1, 1, id='name'),
    pytest.param('request', GET + b'A: ', b'\r\n\r\n', 2, 1, id='value'),
    pytest.param('request', GET + b'A: 100\r\nC:d\r\nE: ', b'\r\n\r\n', 8, 1, id='all together'),
    pytest.param('request', POST + b'0\r\nA: ', b'\r\n\r\n', 1, 1, id='trailer'),
    pytest.param('response', b'HTTP/1.1 200 ', b'\r\n\r\n', 0, 1, id='reason'),
])
def test_one_byte_too_many_in_a_head(
    way: type[Scanner], kind: Kind, before: bytes, after: bytes, counted: int, behind: int,
) -> None:
    """As in Node the limit itself is too much, and an element that ends with its read is refused there."""
    room = LIMIT - counted
    assert OVERFLOW not in [event[:2] for event in parse(way, kind, [before + b'x' * (room - 1) + after])]
    whole = parse(way, kind, [before + b'x' * room + after])
    assert whole[-1] == (*OVERFLOW, len(before) + room + behind)
    assert parse(way, kind, [before + b'x' * (room - 1), b'y'])[-1] == (*OVERFLOW, 1)
    assert parse(way, kind, bytewise(before + b'x' * room + after))[-1] == (*OVERFLOW, 1)


@both_ways
def test_a_limit_of_ones_own(way: type[Scanner]) -> None:
    data = GET + b'A: ' + b'x' * 20000 + b'\r\n\r\n'
    assert parse(way, 'request', [data], max_header_size=0)[-1][:2] == OVERFLOW  # 0: the default
    assert parse(way, 'request', [data], max_header_size=20002)[-1][:2] == OVERFLOW
    assert parse(way, 'request', [data], max_header_size=20003)[-1] == 'end'


@both_ways
@pytest.mark.parametrize(('before', 'piece', 'refused'), [
    pytest.param(b'GET /', b'x' * 1000, OVERFLOW, id='path'),
    pytest.param(GET, b'x' * 1000, OVERFLOW, id='name'),
    pytest.param(GET + b'A: ', b'x' * 1000, OVERFLOW, id='value'),
    pytest.param(GET, b'A: b\r\n' * 100, OVERFLOW, id='lines'),
    pytest.param(GET + b'Content-Length: ', b'0' * 1000, OVERFLOW, id='length'),
    pytest.param(POST + b'0\r\n', b'A: b\r\n' * 100, OVERFLOW, id='trailers'),
    pytest.param(POST + b'3;', b'x' * 1000, EXTENSIONS, id='name of an extension'),
    pytest.param(POST + b'3;a="', b'x' * 1000, EXTENSIONS, id='value of an extension'),
    pytest.param(POST + b'3', b';a=b' * 250, EXTENSIONS, id='extensions'),
])
def test_what_never_ends_is_refused(
    way: type[Scanner], before: bytes, piece: bytes, refused: tuple[str, str],
) -> None:
    assert parse(way, 'request', [before] + [piece] * 100)[-1][:2] == refused


@both_ways
@pytest.mark.parametrize(('before', 'piece'), [
    pytest.param(b'', b'\r\n' * 500, id='empty lines'),
    pytest.param(b'GET ', b' ' * 1000, id='spaces before the path'),
    pytest.param(GET + b'A:', b' \t' * 500, id='blanks before a value'),
    pytest.param(POST, b'0' * 1000, id='zeros of a chunk size'),
    pytest.param(GET + b'Content-Length: 99999999\r\n\r\n', b'x' * 1000, id='body'),
    pytest.param(POST + b'FFFFFFF\r\n', b'x' * 1000, id='chunk'),
])
def test_what_may_go_on_is_not_kept(way: type[Scanner], before: bytes, piece: bytes) -> None:
    parser = way('request')
    parser.feed(before)
    list(take(parser))
    for _ in range(100):
        parser.feed(piece)
        list(take(parser))
    assert len(parser._span) <= 1000
    assert not parser._reads


@both_ways
def test_extensions_are_limited_for_each_chunk(way: type[Scanner]) -> None:
    fits = b'1;' + b'x' * LIMIT + b'\r\na\r\n'
    assert parse(way, 'request', [POST + fits * 3 + b'0\r\n\r\n'])[1:] == [b'aaa', 'end']
    too_long = b'1;' + b'x' * (LIMIT + 1) + b'\r\n'
    assert parse(way, 'request', [POST + too_long])[-1] == (*EXTENSIONS, len(POST) + LIMIT + 4)
    quoted = b'1;a="' + b'x' * (LIMIT - 2) + b'"\r\n'
    assert parse(way, 'request', [POST + quoted])[-1] == (*EXTENSIONS, len(POST) + LIMIT + 4)


# Reads, and what the consumer says in between


@both_ways
def test_a_body_is_handed_on_as_it_comes_without_a_copy(way: type[Scanner]) -> None:
    parser = way('request')
    pieces = [bytes([number]) * 65536 for number in range(16)]
    parser.feed(GET + b'Content-Length: %d\r\n\r\n' % (16 * 65536))
    assert isinstance(parser.next_event(), Head)
    for piece in pieces:
        assert parser.next_event() is None
        parser.feed(piece)
        assert parser.next_event() is piece
    assert parser.next_event() is END
    assert parser.next_event() is None


@both_ways
def test_reads_may_be_fed_ahead_of_the_events(way: type[Scanner]) -> None:
    parser = way('request')
    for data in (GET, b'Content-Length: 4\r\n\r\na', b'bc', b'', b'd' + GET, b'\r\n?'):
        parser.feed(data)
    parser.feed_eof()
    assert summary(parser.next_event()) == ('GET', '/', '1.1', ['Content-Length', '4'])  # type: ignore[arg-type]
    assert [parser.next_event() for _ in range(4)] == [b'a', b'bc', b'd', END]
    assert summary(parser.next_event()) == ('GET', '/', '1.1', [])  # type: ignore[arg-type]
    assert parser.next_event() is END
    with pytest.raises(ParseError) as caught:
        parser.next_event()
    assert (caught.value.rawPacket, caught.value.bytesParsed) == (b'\r\n?', 2)


@both_ways
@pytest.mark.parametrize('headers', [
    b'', b'Content-Length: 3\r\n', b'Transfer-Encoding: chunked\r\n', b'Transfer-Encoding: gzip\r\n',
])
def test_skip_body(way: type[Scanner], headers: bytes) -> None:
    """The answer to a HEAD: another one may follow whatever its headers say, unless they say close."""
    parser = way('response')
    parser.feed(messages.OK + headers + b'\r\n' + messages.NEXT['response'])
    assert isinstance(parser.next_event(), Head)
    parser.skip_body()
    assert parser.next_event() is END
    assert list(take(parser)) == messages.NEXT_EVENTS['response']


@both_ways
def test_skip_body_of_a_response_that_closes(way: type[Scanner]) -> None:
    parser = way('response')
    parser.feed(messages.OK + b'Connection: close\r\n\r\nx')
    parser.next_event()
    parser.skip_body()
    assert parser.next_event() is END
    with pytest.raises(ParseError, match='Data after'):
        parser.next_event()


@both_ways
@pytest.mark.parametrize(('kind', 'head'), [
    ('request', GET + b'Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\n'),
    ('request', b'CONNECT a:1 HTTP/1.1\r\n\r\n'),
    ('response', b'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    ('response', messages.OK + b'\r\n'),  # to a CONNECT
])
def test_upgrade(way: type[Scanner], kind: Kind, head: bytes) -> None:
    parser = way(kind)
    parser.feed(head + b'not ')
    parser.feed(b'HTTP')
    assert isinstance(parser.next_event(), Head)
    parser.upgrade()
    assert parser.next_event() is None
    assert parser.take_rest() == b'not HTTP'
    parser.feed(b'more')
    parser.feed_eof()
    assert parser.next_event() is None
    assert parser.take_rest() == b'more'
    assert parser.take_rest() == b''


@both_ways
def test_an_upgrade_that_nobody_takes_is_an_ordinary_request(way: type[Scanner]) -> None:
    """Node loses what comes behind it in the same read."""
    head = GET + b'Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\n'
    found = parse(way, 'request', [head + b'abc' + messages.NEXT['request']])
    assert found[1:] == [b'abc', 'end', *messages.NEXT_EVENTS['request']]


@both_ways
def test_trailers_are_those_of_the_message_that_ended(way: type[Scanner]) -> None:
    parser = way('request')
    parser.feed(POST + b'0\r\nA: b\r\n\r\n' + POST + b'0\r\n\r\n')
    assert parser.trailers == []
    parser.next_event()
    assert (parser.next_event(), parser.trailers) == (END, ['A', 'b'])
    parser.next_event()
    assert (parser.next_event(), parser.trailers) == (END, [])


@pytest.mark.parametrize(('kind', 'start', 'name'), [
    ('request', GET, '_requests'), ('request', GET, '_tails'), ('response', messages.OK, '_responses'),
])
def test_the_memory_for_what_came_lately_is_bounded(
        monkeypatch: pytest.MonkeyPatch, kind: Any, start: bytes, name: str) -> None:
    monkeypatch.setattr(parser_module, name, {})
    known = getattr(parser_module, name)
    parser = Parser(kind)
    for number in range(1000):
        for _ in range(2):
            parser.feed(start + b'Content-Length: 0\r\nA: %d\r\n\r\n' % number)
            head = parser.next_event()
            assert isinstance(head, Head)
            assert head.rawHeaders == ['Content-Length', '0', 'A', str(number)]
            assert parser.next_event() is END
        assert 0 < len(known) <= parser_module._MAX_KNOWN
    parser.feed(start + b'Content-Length: 0\r\nCookie: ' + b'x' * 4096 + b'\r\n\r\n')
    assert next(take(parser))[-1][2] == 'Cookie'
    assert max(map(len, known)) <= parser_module._MAX_KNOWN_SIZE


def events_of(parser: Parser, takes_bodies: bool) -> list[Any]:
    """The events at hand, or the error; a body that is taken in one step counts as those that it stands
    for."""
    events: list[Any] = []
    try:
        while (event := parser.next_event()) is not None:
            events.append(summary(event) if isinstance(event, Head) else event)
            if takes_bodies and isinstance(event, Head) and (body := parser.take_body()) is not None:
                assert parser.take_end()
                assert parser.is_between_messages()
                events += [body, END] if body else [END]
    except ParseError as error:
        events.append(error.reason)
    return events


@rows(messages.ROWS)
def test_a_body_is_taken_in_one_step_only_where_it_ends_the_read(row: Any) -> None:
    kind, data, _ = row
    for end in range(len(data) + 1):
        for rest in (data[end:], data[end:] + messages.NEXT[kind]):
            parser, other = Parser(kind), Parser(kind)
            for piece in (data[:end], rest):
                parser.feed(piece)
                other.feed(piece)
                assert events_of(parser, True) == events_of(other, False)


@pytest.mark.parametrize(('text', 'body'), [
    (b'Content-Length: 2\r\n\r\nhi', b'hi'), (b'Content-Length: 0\r\n\r\n', b''),
    (b'Content-Length: 2\r\n\r\nh', None), (b'Content-Length: 2\r\n\r\nhiH', None),
    (b'Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n', b'hi'),
    (b'Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n', None),
    (b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n0\r\n\r\n', None),
    (b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', None), (b'\r\nhi', None),
])
def test_what_is_taken_in_one_step(text: bytes, body: bytes | None) -> None:
    parser = Parser('response')
    for _ in range(2):  # the second one finds the head remembered
        parser.feed(messages.OK + text)
        assert isinstance(parser.next_event(), Head)
        assert parser.take_body() == body
        if body is None:
            break
        assert parser.take_end()


def test_repr() -> None:
    parser = Parser('request')
    parser.feed(GET + b'Host: a\r\n\r\n')
    assert repr(parser.next_event()) == "<Head GET / HTTP/1.1 ['Host', 'a']>"
    assert repr(parser.next_event()) == 'END'
    parser = Parser('response')
    parser.feed(messages.OK + b'\r\n')
    assert repr(parser.next_event()) == '<Head 200 OK HTTP/1.1 []>'


# The two ways against each other, and against h11


class Generator:
    """Messages made of good and of bad parts, then damaged, then cut into reads."""

    request_lines = (
        GET, b'POST /a?b#c HTTP/1.1\r\n', b'GET / HTTP/1.0\r\n', b'OPTIONS * HTTP/1.1\r\n', b'GET /\r\n',
        b'CONNECT a.b:80 HTTP/1.1\r\n', b'GET http://u@h/x?y HTTP/1.1\r\n', b'PUT  /  HTTP/2.0\r\n',
    )
    status_lines = (
        messages.OK, b'HTTP/1.0 404 Not Found\r\n', b'HTTP/1.1 204\r\n', b'HTTP/1.1 304 \r\n',
        b'HTTP/1.1 100 Continue\r\n\r\n' + messages.OK, b'HTTP/1.1 101 X\r\n', b'HTTP/1.1 500 a b\t\r\n',
    )
    lines = (
        b'Host: a\r\n', b'A:b\r\n', b'A: \r\n', b'X-y:  z \t \r\n', b'Connection: close\r\n',
        b'Connection: keep-alive\r\n', b'Connection: x , upgrade\r\n', b'Upgrade: w\r\n', b'Upgrade:\r\n',
        b'Proxy-Connection: close\r\n', b'Content-Length: 3\r\n', b'content-LENGTH:3 \r\n',
        b'Content-Length: 99999999999999999999\r\n', b'Transfer-Encoding: gzip\r\n', b'A: b\r\n c\r\n',
        b'Transfer-Encoding: gzip, chunked\r\n', b'Transfer-Encoding: chunked\r\n', b'Cookie: a=b: c\r\n',
        b'V: \x80\xff\r\n', b'Connection : close\r\n',
    )
    chunks = (b'3\r\nabc\r\n', b'a\r\n0123456789\r\n', b'1;x=y;z="q\\"r"\r\na\r\n', b'0001\r\na\r\n')
    trailers = (b'T: u\r\n', b'E:\r\n', b'Connection: close\r\n')
    noise = (
        b'\r', b'\n', b'\r\n', b' ', b'\t', b'\0', b':', b',', b';', b'"', b'\\', b'\x7f', b'\x80', b'/',
        b'?', b'#', b'@', b'=', b'0', b'9', b'g', b'chunked', b'x' * 25,
    )

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def messages(self, kind: Kind) -> bytes:
        """One to three messages in a row."""
        choose, data = self.random.choice, b''
        for _ in range(choose([1, 1, 1, 2, 3])):
            starts = self.request_lines if kind == 'request' else self.status_lines
            lines = [choose(self.lines) for _ in range(choose([0, 1, 1, 2, 3]))]
            framing, body = choose([(b'', b''), (b'Content-Length: 5\r\n', b'hello'),
                                    (b'Transfer-Encoding: chunked\r\n', self.chunked_body())])
            lines.insert(self.random.randrange(len(lines) + 1), framing)
            data += choose([choose(starts), starts[0]]) + b''.join(lines) + b'\r\n' + body
        return data

    def chunked_body(self) -> bytes:
        """Some chunks, the last one, some trailers."""
        choose = self.random.choice
        chunks = b''.join(choose(self.chunks) for _ in range(choose([0, 1, 2])))
        trailers = b''.join(choose(self.trailers) for _ in range(choose([0, 0, 1, 2])))
        return chunks + b'0\r\n' + trailers + b'\r\n'

    def damaged(self, data: bytes) -> bytes:
        """`data` with a few bytes put in, changed, left out or repeated."""
        for _ in range(self.random.choice([0, 0, 1, 1, 2, 4])):
            at = self.random.randrange(len(data) + 1)
            to = at + self.random.choice([0, 1, 1, 2, 5])
            noise = self.random.choice(self.noise)
            put = self.random.choice([noise, self.random.randbytes(1), b'', data[at:to] * 2])
            data = data[:at] + put + data[to:]
        return data

    def reads(self, data: bytes) -> list[bytes]:
        """`data` in one piece, in a few or in single bytes."""
        how = self.random.random()
        if how < 0.5:
            return [data]
        if how < 0.6:
            return bytewise(data)
        cuts = sorted(self.random.randrange(len(data) + 1) for _ in range(self.random.choice([1, 2, 5])))
        pieces = zip([0, *cuts], [*cuts, len(data)], strict=True)
        return [data[start:end] for start, end in pieces if end > start]

    def case(self, kind: Kind) -> tuple[list[bytes], dict[str, Any]]:
        """Reads, and the options to parse them with."""
        choose = self.random.choice
        options = {'eof': choose([True, False]), 'lenient': choose([True, False, False, False]),
                   'max_header_size': choose([0, 0, 0, 30, 100])}
        return self.reads(self.damaged(self.messages(kind))), options


@pytest.mark.parametrize('kind', ['request', 'response'])
def test_the_short_way_is_a_subset_of_the_long_one(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def whole_head(parser: Parser) -> Any:
        head = original(parser)
        taken.append(head is not None)
        return head

    original = Parser._whole_head
    monkeypatch.setattr(Parser, '_whole_head', whole_head)
    generator = Generator(seed=25)
    for _ in range(4000):
        reads, options = generator.case(kind)
        short, long = (parse(way, kind, reads, **options) for way in (Parser, Scanner))
        assert short == long, (reads, options)
    assert min(taken.count(True), taken.count(False)) > 300


def as_node_says(events: list[Any], kind: Kind) -> list[Any]:
    """What `parse` found in the words of oracle/parser.js, up to where Node pauses (an upgrade or any 101).
    """
    said: list[Any] = []
    for event in events:
        if isinstance(event, bytes):
            said.append({'body': event.decode('latin1')})
        elif event == 'end':
            said.append(event)
        elif event[0] == 'end' or isinstance(event[-1], int):  # trailers, an error
            said.append(list(event))
        else:
            said.append(list(event[1:] if kind == 'request' else event))
    return said


def until_pause(said: list[Any]) -> list[Any]:
    """The events up to the message at which Node's parser pauses, with its head."""
    for at, event in enumerate(said):
        if isinstance(event, list) and ('upgrade' in event or event[0] == 101):
            return said[:at + 1]
    return said


def test_the_rows_are_read_as_the_local_node_does() -> None:
    strict = messages.ROWS + messages.UNTIL_EOF
    table = [(False, *row) for row in strict] + [(True, *row) for row in messages.LENIENT]
    answers = ask_node('parser.js', [
        {'kind': kind, 'reads': [data.decode('latin1')], 'eof': True, 'lenient': lenient,
         'max_header_size': 0}
        for lenient, _, kind, data, _ in table
    ])
    for (_, title, kind, _, events), answer in zip(table, answers, strict=True):
        assert until_pause(as_node_says(events, kind)) == until_pause(answer), title


@pytest.mark.parametrize('kind', ['request', 'response'])
def test_generated_messages_are_read_as_the_local_node_does(kind: Kind) -> None:
    generator = Generator(seed=7)
    cases = [generator.case(kind) for _ in range(3000)]
    answers = ask_node('parser.js', [
        {'kind': kind, 'reads': [data.decode('latin1') for data in reads], **options}
        for reads, options in cases
    ])
    for (reads, options), answer in zip(cases, answers, strict=True):
        found = as_node_says(parse(Parser, kind, reads, **options), kind)
        assert until_pause(found) == until_pause(answer), (reads, options)


def first_message(events: list[Any]) -> list[Any] | None:
    """Its head, body, 'end' with trailers, of what `parse` found; None where it is not complete."""
    while events and isinstance(events[0], tuple) and events[0][0] in range(100, 200):
        events = events[2:]
    for at, event in enumerate(events):
        if event == 'end' or event[0] == 'end':
            head, trailers = events[0], event[1] if event != 'end' else []
            return [(head[0], head[1], canonical(head[3])), *events[1:at], canonical(trailers)]
    return None


def first_message_by_h11(kind: Kind, data: bytes) -> list[Any] | None:
    """As `first_message`; None where h11 does not accept it."""
    connection = h11.Connection(h11.SERVER if kind == 'request' else h11.CLIENT)
    if kind == 'response':
        connection.send(h11.Request(method='GET', target='/', headers=[('Host', 'a')]))
        connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b'')
    head: tuple[Any, ...] = ()
    body = b''
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return None
        if isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.Request):
            head = (event.method.decode(), event.target.decode(), from_h11(event))
        elif isinstance(event, h11.Response):
            head = (event.status_code, event.reason.decode('latin1'), from_h11(event))
        elif isinstance(event, h11.EndOfMessage):
            return [head, *([body] if body else []), from_h11(event)]
        elif not isinstance(event, h11.InformationalResponse):
            return None


def from_h11(event: h11.Request | h11.Response | h11.EndOfMessage) -> list[str]:
    return canonical([text.decode('latin1') for pair in event.headers.raw_items() for text in pair])


def canonical(raw: list[str]) -> list[str]:
    """h11 writes the value of Transfer-Encoding in lower case."""
    pairs = zip(['', *raw], raw, strict=False)
    return [value.lower() if name.lower() == 'transfer-encoding' else value for name, value in pairs]


@pytest.mark.parametrize('kind', ['request', 'response'])
def test_what_h11_accepts_too_it_reads_the_same_way(kind: Kind) -> None:
    generator = Generator(seed=16)
    agreed = 0
    for _ in range(3000):
        data = generator.messages(kind)
        if kind == 'request':
            data = data.replace(b'\r\n', b'\r\nHost: h\r\n', 1)
        data = generator.damaged(data)
        ours, theirs = first_message(parse(Parser, kind, [data], eof=True)), first_message_by_h11(kind, data)
        # A CONNECT has no body here, as in Node, whatever its headers say (RFC 9110 section 9.3.6).
        if ours and theirs and ours[0][0] != 'CONNECT':
            assert ours == theirs, data
            agreed += 1
    assert agreed > 300


@pytest.mark.parametrize(('fields', 'chunked', 'length', 'disputed'), [
    ([], False, 0, False),
    ([], True, 0, True),
    ([], False, 5, True),
    (['Content-Length', '0'], False, 0, False),
    (['content-length', '3'], False, 3, False),
    (['Content-Length', '70000'], False, 7, True),
    (['Content-Length', '5'], True, 0, True),
    (['Content-Length', '0'], True, 0, True),
    (['Transfer-Encoding', 'chunked'], True, 0, False),
    (['Transfer-Encoding', 'Chunked'], False, 0, True),
    (['Transfer-Encoding', 'chunked'], False, 5, True),
    (['Transfer-Encoding', 'gzip, chunked'], True, 0, False),  # h11 has no opinion
])
def test_the_referee_tells_whether_h11_reads_another_framing(
        fields: list[str], chunked: bool, length: int, disputed: bool) -> None:
    assert is_disputed(fields, chunked, length) is disputed


def test_a_request_whose_framing_is_in_dispute_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('nodehttp._scanner.is_disputed', lambda fields, chunked, length: True)
    parser = Parser('request')
    parser.feed(b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length:5\r\n\r\nhello')  # no space: the long way
    with pytest.raises(ParseError) as refused:
        parser.next_event()
    assert (refused.value.code, refused.value.message) == ('HPE_INTERNAL', 'Parse Error: Framing in dispute')
