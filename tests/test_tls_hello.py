"""The first message of a client, as the server reads it."""

from __future__ import annotations

import contextlib
import random
import ssl
from typing import Any

from nodehttps import _hello

# The first message of a client


def hello_of(**options: Any) -> bytes:
    """Return what Python's own client sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if protocols := options.pop('protocols', None):
        context.set_alpn_protocols(protocols)
    context.check_hostname = False
    client = context.wrap_bio(incoming, outgoing, **options)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_reading_a_hello() -> None:
    for options, expected in (
        ({}, ('', [])),
        ({'server_hostname': 'a.test'}, ('a.test', [])),
        ({'protocols': ['h2', 'http/1.1'], 'server_hostname': 'b.test'}, ('b.test', ['h2', 'http/1.1'])),
    ):
        data = hello_of(**options)
        assert _hello.read_hello(data) == expected
        assert all(_hello.read_hello(data[:length]) is None for length in range(len(data)))
        assert _hello.read_hello(data + b'behind') == expected
        # The same message in records of seven bytes.
        pieces = [data[5:][at : at + 7] for at in range(0, len(data) - 5, 7)]
        assert (
            _hello.read_hello(b''.join(b'\x16\x03\x01\x00' + bytes((len(one),)) + one for one in pieces))
            == expected
        )


def test_what_is_no_hello() -> None:
    for data in (
        b'GET / HTTP/1.1\r\n',
        b'\x17\x03\x01\x00\x01x',
        b'\x16\x03\x01\x00\x04\x02\x00\x00\x00',
        b'\x16\x03\x01\x00\x04\x01\x00\x00\x00',
    ):
        assert _hello.read_hello(data) == ('', [])
    endless = b'\x16\x03\x01\xff\xff\x01\xff\xff\xff' + b'\0' * 0xFFFB
    assert _hello.read_hello(endless * 2) == ('', [])
    empty = b'\x16\x03\x01\x00\x00'
    assert _hello.read_hello(empty * 10) is None
    assert _hello.read_hello(empty * 256) == ('', [])
    assert _hello.read_hello(b'\x16\x03\x01\x00\x04\x01\xff\xff\xff') == ('', [])  # nor a hello
    assert _hello.read_hello(b'\x16\x03\x01\xff\xff\x01') == ('', [])  # no record is so long


def test_any_bytes_are_a_hello_or_none() -> None:
    generator, good = random.Random(5), hello_of(server_hostname='a.test', protocols=['h2'])
    for _ in range(2000):
        data = bytearray(good)
        for _ in range(generator.randrange(1, 6)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        result = _hello.read_hello(bytes(data[: generator.randrange(len(data) + 1)]))
        assert result is None or isinstance(result, _hello.Hello)
