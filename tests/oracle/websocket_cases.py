"""What a server says to a WebSocket, and what its client does, as data that JavaScript and Python can both
run.

A case has `head`, the lines of the answer to the handshake ('{accept}' stands for the right value); `bytes`,
what follows in the same packet (text, a character a byte); `protocols`; and what is done when: `on` names the
client's event, and actions for it ([method, arguments...]); `close`, what the server does at a Close frame
('echo': it says the same and hangs up; 'end', 'reset', 'late': messages, then as 'echo'); `after`, what the
server does once 'open' was heard of ('end', 'reset').

Noted are the client's events with its state, and the frames that the server gets, of the Close frame that
tells the server of a mistake only that it came: the words are not Node's. And the request, where `bytes` is
empty.

Left out is what README.rst says differs from Node.
"""

from __future__ import annotations

import random
import zlib
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
AGREES = [
    'HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
    'Sec-WebSocket-Accept: {accept}']
DEFLATE = 'Sec-WebSocket-Extensions: permessage-deflate'


def frame(opcode: int, payload: str = '', fin: bool = True, rsv: int = 0, mask: bool = False,
          length: int | None = None) -> str:
    """Return a frame of a server, with `length` in 8 bytes if one is given."""
    first = chr(fin << 7 | rsv << 4 | opcode)
    size, flag = len(payload), mask << 7
    if length is not None:
        head = first + chr(127 | flag) + length.to_bytes(8).decode('latin1')
    elif size < 126:
        head = first + chr(size | flag)
    elif size < 65536:
        head = first + chr(126 | flag) + size.to_bytes(2).decode('latin1')
    else:
        head = first + chr(127 | flag) + size.to_bytes(8).decode('latin1')
    return head + '\0\0\0\0' * mask + payload


def close(code: int, reason: str = '') -> str:
    """Return a Close frame."""
    return frame(CLOSE, code.to_bytes(2).decode('latin1') + reason)


def deflated(*texts: str, finish: int = zlib.Z_SYNC_FLUSH) -> list[str]:
    """Return what compressed messages have for payload, each with those before it for context."""
    stream = zlib.compressobj(wbits=-15)
    parts = [stream.compress(text.encode()) + stream.flush(finish) for text in texts]
    return [(part[:-4] if finish == zlib.Z_SYNC_FLUSH else part).decode('latin1') for part in parts]


def answers() -> dict[str, dict[str, Any]]:
    """Handshakes."""
    bad = {
        'a 200': ['HTTP/1.1 200 OK', 'Content-Length: 0'],
        'a 302': ['HTTP/1.1 302 Found', 'Location: /x', 'Content-Length: 0'],
        'a 401': ['HTTP/1.1 401 No', 'WWW-Authenticate: Basic realm="x"', 'Content-Length: 0'],
        'a 404 that ends': ['HTTP/1.1 404 No', 'Connection: close'],
        'no HTTP': ['nonsense'],
        'no Upgrade': [AGREES[0], *AGREES[2:]],
        'another Upgrade': [AGREES[0], 'Upgrade: h2c', *AGREES[2:]],
        'Upgrade twice': [*AGREES, 'Upgrade: websocket'],
        'no Connection': [*AGREES[:2], AGREES[3]],
        'no Accept': AGREES[:3],
        'a wrong Accept': [*AGREES[:3], 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='],
        'an unknown extension': [*AGREES, 'Sec-WebSocket-Extensions: x'],
        'one extension more': [*AGREES, f'{DEFLATE}, x'],
        'an extension twice': [*AGREES, DEFLATE, DEFLATE],
        'no extension': [*AGREES, 'Sec-WebSocket-Extensions: '],
        'an extension in capitals': [*AGREES, DEFLATE.replace('per', 'Per')],
    }
    good = {
        'an answer': AGREES,
        'other letters': [AGREES[0], 'UPGRADE: WebSocket', 'connection: upGrade', AGREES[3]],
        'early hints': ['HTTP/1.1 103 Early Hints', 'Link: x', '', *AGREES],
        'a length': [*AGREES, 'Content-Length: 5'],
        'compression': [*AGREES, DEFLATE],
        'compression with parameters': [
            *AGREES, f'{DEFLATE}; server_max_window_bits=10; client_max_window_bits=9'],
        'compression without context': [
            *AGREES, f'{DEFLATE}; client_no_context_takeover; server_no_context_takeover'],
        'an unknown parameter': [*AGREES, f'{DEFLATE}; x=1'],
    }
    protocols = {
        'the protocol': (['a'], 'a'),
        'a protocol': ('a', 'a'),
        'the second protocol': (['a', 'b'], 'b'),
        'no protocol': (['a'], None),
        'an empty protocol': (['a'], ''),
        'another protocol': (['a'], 'x'),
        'the protocol in capitals': (['a'], 'A'),
        'two protocols': (['a', 'b'], 'a, b'),
    }
    cases: dict[str, dict[str, Any]] = {
        name: {'head': head, 'bytes': close(1000)} for name, head in {**bad, **good}.items()}
    for name, (wish, choice) in protocols.items():
        chosen = [] if choice is None else [f'Sec-WebSocket-Protocol: {choice}']
        cases[name] = {'head': [*AGREES, *chosen], 'protocols': wish, 'bytes': close(1000)}
    return {**cases, 'nothing': {'head': [], 'protocols': ['a', 'b']}}


def messages() -> dict[str, dict[str, Any]]:
    """What a server sends."""
    once, again = deflated('hello hello hello', 'hello hello again')
    parts = [frame(TEXT, once[:3], False, 4), frame(PING, 'p'), frame(0, once[3:])]
    compressed = {
        'compressed': [frame(TEXT, once, rsv=4), frame(TEXT, again, rsv=4)],
        'compressed in parts': [*parts, frame(TEXT, again, rsv=4), frame(TEXT, 'plain')],
        'compressed bytes': [frame(BINARY, once, rsv=4)],
        'compressed and empty': [frame(TEXT, '\0', rsv=4), frame(TEXT, '', rsv=4)],
        'an ended stream': [frame(TEXT, deflated('hello', finish=zlib.Z_FINISH)[0], rsv=4), frame(TEXT, 'x')],
        'no compression': [frame(TEXT, '\xff\xff\xff\xff', rsv=4)],
        'bit 2 beside compression': [frame(TEXT, 'x', rsv=2)],
    }
    plain = {
        'a text': [frame(TEXT, 'h\xc3\xa9llo')],
        'bytes': [frame(BINARY, 'h\xe9llo')],
        'empty messages': [frame(TEXT), frame(BINARY)],
        'a mark of the byte order': [frame(TEXT, '\xef\xbb\xbfx\xef\xbb\xbf')],
        'parts': [frame(TEXT, 'h', False), frame(0, 'el', False), frame(PING, 'p'), frame(0, 'lo')],
        'a character in parts': [frame(TEXT, '\xe2\x82', False), frame(0, '\xac')],
        'parts of bytes': [frame(BINARY, '\0', False), frame(0, '', False), frame(0, '\1')],
        'lengths': [frame(TEXT, 'x' * size) for size in (125, 126, 65535, 65536)],
        'pings': [frame(PING, 'x'), frame(PING), frame(PING, '\xff' * 125), frame(PONG, 'nobody asked')],
        'masked': [frame(TEXT, 'x', mask=True)],
        'bit 1': [frame(TEXT, 'x', rsv=4)],
        'bit 2': [frame(TEXT, 'x', rsv=2)],
        'bit 3': [frame(TEXT, 'x', rsv=1)],
        'an unknown message': [frame(3, 'x')],
        'an unknown control frame': [frame(11, 'x')],
        'a rest of nothing': [frame(0, 'x')],
        'a rest after the end': [frame(TEXT, 'x'), frame(0, 'y')],
        'a message in another': [frame(TEXT, 'x', False), frame(TEXT, 'y')],
        'a part of a ping': [frame(PING, 'x', False)],
        'a part of a close': [frame(CLOSE, '\x03\xe8', False)],
        'a long ping': [frame(PING, 'x' * 126)],
        'a long close': [close(1000, 'x' * 124)],
        'half a code': [frame(CLOSE, '\x03')],
        'a reason that is no text': [close(1000, '\xff')],
        'a close without a code': [frame(CLOSE)],
        'after the end': [close(1000, 'bye'), frame(TEXT, 'late'), frame(PING, 'late')],
        'a reason': [close(4999, '\xef\xbb\xbfb\xc3\xbfe')],
    }
    codes = (0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1013, 1015, 1016, 2999, 3000,
             4999, 5000, 65535)
    cases = {name: {'bytes': ''.join([*frames, close(1000)])} for name, frames in plain.items()}
    for name, frames in compressed.items():
        cases[name] = {'head': [*AGREES, DEFLATE], 'bytes': ''.join([*frames, close(1000)])}
    cases.update({f'code {code}': {'bytes': close(code, 'bye')} for code in codes})
    # Without a Close behind it, which Node takes for the answer to its own.
    return {
        **cases,
        'no text': {'bytes': frame(TEXT, 'x\xff')},
        'half a character': {'bytes': frame(TEXT, '\xe2\x82')},
        'a surrogate': {'bytes': frame(TEXT, '\xed\xa0\x80')},
        'compressed and no text': {
            'head': [*AGREES, DEFLATE],
            'bytes': frame(TEXT, zlib.compress(b'\xff', wbits=-15).decode('latin1'), rsv=4)},
        'a length that cannot be': {'bytes': frame(TEXT, 'x', length=2**63)},
    }


def endings() -> dict[str, dict[str, Any]]:
    """What a client does, and how it ends."""
    send: list[Any] = [['send', 'x'], ['send', ''], ['send', 'h\xe9\u20ac\U0001f600'], ['send', '\ud800']]
    two = frame(TEXT, '1') + frame(TEXT, '2')
    return {
        'sent': {'on': {'open': [*send, ['close']]}},
        'sent bytes': {'on': {'open': [['sendBytes', '\0\xff'], ['sendBytes', ''], ['close']]}},
        'sent much': {'on': {'open': [*(['send', 'x' * size] for size in (125, 126, 65535, 65536)),
                                      ['close']]}},
        'sent with compression': {
            'head': [*AGREES, DEFLATE], 'on': {'open': [['send', 'x' * 99], ['close']]}},
        'closed': {'on': {'open': [['close']]}},
        'closed with a code': {'on': {'open': [['close', 3000]]}},
        'closed with a reason': {'on': {'open': [['close', 1000, 'b\xffe']]}},
        'closed with a reason alone': {'on': {'open': [['close', None, 'x']]}},
        'closed with a fraction': {'on': {'open': [['close', 1000.9]]}},
        'closed with text': {'on': {'open': [['close', '4000', 5]]}},
        'closed twice': {'on': {'open': [['close', 3000], ['close', 3001], ['send', 'x']]}},
        'closed at the end': {'bytes': close(1000), 'on': {'close': [['close'], ['send', 'x']]}},
        'closed in a message': {'bytes': two + frame(PING, 'p'), 'on': {'message': [['close']]}},
        'closed by both': {'bytes': close(1001, 's'), 'on': {'open': [['close', 3000, 'c']]}},
        'closed at an error': {'bytes': frame(3), 'on': {'error': [['close'], ['send', 'x']]}},
        'messages before the answer': {'on': {'open': [['close']]}, 'close': 'late'},
        'an end for an answer': {'on': {'open': [['close', 3000]]}, 'close': 'end'},
        'a reset for an answer': {'on': {'open': [['close', 3000]]}, 'close': 'reset'},
        'an end': {'after': 'end'},
        'an end after a message': {'bytes': frame(TEXT, 'x'), 'after': 'end'},
        'an end in a frame': {'bytes': frame(TEXT, 'hello')[:4], 'after': 'end'},
        'a reset': {'after': 'reset'},
        'a reset after a message': {'bytes': frame(TEXT, 'x') + frame(TEXT, 'hello')[:4], 'after': 'reset'},
        'echoed': {'bytes': two, 'on': {'message': [['echo']]}, 'after': 'close'},
    }


def any_frames(seed: int) -> str:
    """Return frames at random: proper ones, as a server sends them in any order, and at the end a Close."""
    choose = random.Random(seed)
    frames = []
    for _ in range(choose.randrange(1, 8)):
        text = choose.choice(['', 'x', 'h\xc3\xa9', 'y' * 126, 'z' * 3])
        opcode = choose.choice([TEXT, TEXT, BINARY])
        cut = choose.randrange(len(text) + 1)
        control = frame(choose.choice([PING, PONG]), str(choose.randrange(100)))
        whole = frame(opcode, text)
        frames += choose.choice([
            [whole], [whole], [control], [frame(opcode, text[:cut], False), control, frame(0, text[cut:])],
            [frame(opcode, text[:cut], False), frame(0, '', False), frame(0, text[cut:])]])
    return ''.join(frames) + close(choose.choice([1000, 1001, 3000]), 'r')


def cases() -> list[dict[str, Any]]:
    """Return all cases."""
    named = {**answers(), **messages(), **endings()}
    named.update({f'random {seed}': {'bytes': any_frames(seed)} for seed in range(20)})
    return [{'name': name, 'head': AGREES, 'bytes': '', 'protocols': [], 'on': {}, 'close': 'echo', **case}
            for name, case in named.items()]
