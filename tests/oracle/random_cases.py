"""Programs of a server at random, in the form of server_cases.py: several requests on a connection, whole or
damaged, that arrive in pieces, and a server that does anything with them.

What README.rst names as different from Node is left out: an Upgrade that nobody listens for, `cork`, 'drain',
what is refused late and so raises in `end`. So is what can hardly be noticed: bytes and text differ where the
head cannot be sent any more (there is text only), and Node may read no more after `socket.end()`.
"""

from __future__ import annotations

import random
from typing import Any

from server_parts import REQ, SOCK, Actions, Case

HEADERS = [
    'Connection: close', 'Connection: keep-alive', 'Connection: x, close', 'Expect: 100-continue',
    'Expect: 100-Continue', 'Cookie: a\r\nCookie: b', 'X: 1\r\nx: 2', 'Age: 1\r\nAge: 2', 'TE: chunked',
    'Set-Cookie: a', 'A: \xe9', 'B:', f'Long: {"v" * 200}', '\r\n'.join(f'N{n}: {n}' for n in range(40)),
]
BODIES = [
    ('', ''), ('', ''), ('Content-Length: 5', 'hello'), ('Content-Length: 300', 'a' * 300),
    ('Content-Length: 0', ''), ('Transfer-Encoding: chunked', '0\r\n\r\n'),
    ('Transfer-Encoding: chunked', '2\r\nhe\r\n3;e=1\r\nllo\r\n0\r\n\r\n'),
    ('Transfer-Encoding: gzip, chunked', '5\r\nhello\r\n0\r\nT: 1\r\nt: 2\r\n\r\n'),
]
NOISE = ['', '\r', '\n', '\r\n', ' ', '\t', '\0', ':', ';', '"', '\x7f', '\x80', '0', 'a', '\r\n\r\n', 'GET ']

SET = [
    ['res.setHeader', 'Content-Length', 5], ['res.setHeader', 'content-length', '3'],
    ['res.setHeader', 'Transfer-Encoding', 'chunked'], ['res.setHeader', 'Transfer-Encoding', 'gzip'],
    ['res.setHeader', 'Connection', 'close'], ['res.setHeader', 'Connection', 'keep-alive'],
    ['res.setHeader', 'Keep-Alive', 'timeout=7'], ['res.setHeader', 'Date', 'today'],
    ['res.setHeader', 'X', ['1', '2']], ['res.appendHeader', 'x', '3'], ['res.appendHeader', 'Cookie', 'a'],
    ['res.setHeader', 'bad name', '1'], ['res.setHeader', 'X', 'a\nb'], ['res.removeHeader', 'X'],
    ['res.removeHeader', 'Connection'], ['res.removeHeader', 'Transfer-Encoding'],
    ['res.statusCode=', 404], ['res.statusCode=', 204], ['res.statusCode=', 304],
    ['res.statusMessage=', 'Hi'], ['res.sendDate=', False], ['res.shouldKeepAlive=', False],
    ['res.useChunkedEncodingByDefault=', False],
    ['res.writeHead', 200], ['res.writeHead', 201, {'X': '1'}], ['res.writeHead', 204, 'None', ['A', 'b']],
    ['res.writeHead', 200, {'Content-Length': 5}], ['res.writeHead', 304, ['Etag', 'x', 'X', 'y']],
    ['res.addTrailers', {'A': '1', 'B': ['2', '3']}], ['res.flushHeaders'],
    ['res.writeContinue', {'callback': 'continued'}], ['res.writeProcessing', {'callback': 'processing'}],
    ['res.writeEarlyHints', {'link': '</a>; rel=x'}, {'callback': 'hinted'}],
]
SENT = [
    ['?res.write', 'hello', {'callback': 'written'}], ['?res.write', 'ab'], ['?res.write', ''],
    ['?res.write', {'repeat': ['a', 70000]}, {'callback': 'much written'}], ['?res.write', 'h\xe9', 'latin1'],
    ['res.end'], ['res.end', 'hello'], ['res.end', 'x', {'callback': 'ended'}],
    ['res.end', {'callback': 'ended'}], ['res.end', {'repeat': ['b', 20000]}],
    ['res.end', '', 'utf8', {'callback': 'ended'}],
]
SEEN = [
    *[[f'?res.{name}'] for name in (
        'headersSent', 'writableEnded', 'writableFinished', 'finished', 'destroyed', 'closed', 'statusCode',
        'statusMessage', 'getHeaders', 'chunkedEncoding', 'shouldKeepAlive')],
    *[[f'?req.{name}'] for name in (
        'complete', 'readableEnded', 'destroyed', 'aborted', 'headers', 'headersDistinct', 'rawHeaders',
        'httpVersion', 'method', 'trailers', 'readableFlowing', 'readableLength')],
    ['?sock.destroyed'], ['?server.listening'],
]
READ = [['req.resume'], ['req.pause'], ['req.read'], ['on', 'req', 'data', []], ['req.setEncoding', 'utf8']]
ENDS = [
    ['res.destroy'], ['req.destroy'], ['req.destroy', {'error': 'e'}], ['sock.destroy'],
    ['sock.destroySoon'], ['sock.pause'],
    ['server.close', {'callback': 'closed'}], ['server.closeIdleConnections'],
    ['server.closeAllConnections'],
]
# Listeners of the server, and of whatever a request brings.
OTHERS = [
    ('clientError', [['?error.code'], ['?error.reason'], ['sock.end', 'HTTP/1.1 499 X\r\n\r\n']]),
    ('clientError', [['?error.message'], ['sock.destroy']]), ('clientError', [['?error.code']]),
    ('connect', [['note', 'connect'], ['?head'], ['sock.end', 'C']]), ('connect', [['sock.destroy']]),
    ('checkContinue', [['res.writeContinue'], ['on', 'req', 'end', [['res.end', 'read']]], ['req.resume']]),
    ('checkContinue', [['res.writeHead', 417], ['res.end']]),
    ('checkExpectation', [['note', 'expectation'], ['res.end', 'x']]),
]
HOOKS = [
    ('req', 'end'), ('req', 'close'), ('res', 'finish'), ('res', 'close'), ('res', 'prefinish'),
    ('sock', 'close'),
]
OPTIONS: list[dict[str, Any]] = [
    {'insecureHTTPParser': True}, {'joinDuplicateHeaders': True}, {'requireHostHeader': False},
    {'maxHeaderSize': 100}, {'maxHeaderSize': 500}, {'highWaterMark': 10}, {'highWaterMark': 100_000},
    {'keepAliveTimeout': 0}, {'keepAliveTimeout': 2500}, {'optimizeEmptyRequests': True},
    {'uniqueHeaders': ['x']}, {'noDelay': False}, {'headersTimeout': 0}, {'requestTimeout': 0},
]
SETTINGS: list[dict[str, Any]] = [
    {'maxRequestsPerSocket': 1}, {'maxRequestsPerSocket': 2}, {'httpAllowHalfOpen': True},
    {'maxHeadersCount': 1}, {'maxHeadersCount': 32}, {'maxHeadersCount': 0}, {'timeout': 10_000},
]


class Programs:
    """A source of cases; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def request(self, url: str, is_last: bool) -> str:
        """One request as it is sent."""
        choose = self.random.choice
        method = choose(['GET'] * 4 + ['POST'] * 3 + ['HEAD', 'PUT', 'DELETE', 'M-SEARCH'])
        version = choose(['1.1'] * 12 + ['1.0', '1.0', '0.9', '2.0'])
        framing, body = choose(BODIES)
        lines = [choose(HEADERS) for _ in range(choose([0, 0, 1, 2]))]
        if is_last and self.chance(0.1):
            method = 'CONNECT'
        if self.chance(0.05):
            lines.append('Expect: x')
        if self.chance(0.95):
            lines.append('Host: x')
        self.random.shuffle(lines)
        lines.append(framing)
        head = '\r\n'.join([f'{method} {url} HTTP/{version}', *filter(None, lines)])
        return f'{head}\r\n\r\n{body}'

    def damaged(self, text: str) -> str:
        """A text with something put in or left out."""
        at = self.random.randrange(len(text))
        return text[:at] + self.random.choice(NOISE) + text[at + self.random.choice([0, 1, 1, 2, 5]):]

    def pieces(self, text: str) -> list[Any]:
        """The steps of a client that sends a text, at once or piece by piece."""
        count = self.random.choice([0, 0, 1, 1, 2, 4])
        cuts = sorted(self.random.randrange(1, len(text)) for _ in range(count))
        steps: list[Any] = []
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            if end > start:
                steps += [['send', text[start:end]], ['read']]
        return steps

    def action(self, depth: int = 0) -> list[Any]:
        """Something that a listener does, now or later."""
        choose = self.random.choice
        kind = choose([SET, SET, SENT, SENT, SENT, SEEN, READ, None])
        if kind is not None:
            action: list[Any] = choose(kind)
        elif depth == 2:
            action = ['note', 'now']
        elif self.chance(0.3):
            action = ['once', *choose(HOOKS), self.actions(depth + 1)]
        else:
            action = [choose(['tick', 'tick', 'immediate']), self.actions(depth + 1)]
        return action

    def actions(self, depth: int = 0) -> Actions:
        """What a listener does."""
        made = [self.action(depth) for _ in range(self.random.choice([1, 1, 2, 3, 5]))]
        if self.chance(0.1):
            made.append(self.random.choice(ENDS))
        if not depth and self.chance(0.6):
            made.append(['res.end'])
        return made

    def case(self, name: str) -> Case:
        """One program."""
        count = self.random.choice([1, 1, 2, 3, 5])
        text = ''.join(self.request(f'/{n}', n == count) for n in range(1, count + 1))
        if self.chance(0.3):
            text = self.damaged(text)
        on = {f'request /{n}': self.actions() for n in range(1, count + 1)}
        on.update(other for other in OTHERS if self.chance(0.1))
        options, settings = ([given for given in table if self.chance(0.05)] for table in (OPTIONS, SETTINGS))
        ends = ['prefinish', 'finish', 'close', 'error', 'socket']
        return {
            'name': name, 'client': [*self.pieces(text), *([['fin']] if self.chance(0.2) else [])], 'on': on,
            'watch': {'req': REQ, 'res': ends, 'sock': SOCK, 'server': ['close']},
            'options': {key: value for given in options for key, value in given.items()},
            'set': {key: value for given in settings for key, value in given.items()},
        }
