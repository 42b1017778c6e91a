"""Asks each server once for what it is going to be measured with: a fast wrong answer is not fast."""

from __future__ import annotations

import socket
import ssl
from email.message import Message
from http.client import HTTPException, parse_headers
from typing import BinaryIO

from benchmarks.loads import Load
from benchmarks.process import Failed, Server
from benchmarks.servers.content import DOWNLOAD, EXTRA_HEADERS, HELLO


def check(server: Server, load: Load) -> None:
    """Raise Failed unless all answers are right, and the connection stays open, or does not, as it should."""
    with socket.create_connection(('127.0.0.1', server.port), timeout=20) as connection:
        try:
            secure = _context().wrap_socket(connection) if load.secure else connection
            with secure, secure.makefile('rb') as answers:
                for _ in range(1 if load.close else 2):
                    secure.sendall(load.packet())
                    for _ in range(load.pipelined):
                        _check_answer(load, *_read_answer(answers))
                if load.close and answers.read(1):
                    raise Failed('something follows the answer')
        except (OSError, HTTPException, ValueError) as error:
            raise Failed(f'{load.path}: {error!r}') from error


def _context() -> ssl.SSLContext:
    """Of a client that trusts anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _read_answer(file: BinaryIO) -> tuple[int, Message, bytes]:
    """Status, headers, body. What was cut off raises ValueError."""
    status = file.readline().split()
    if len(status) < 3 or status[0] != b'HTTP/1.1':
        raise ValueError(f'no answer: {status}')
    headers = parse_headers(file)
    if 'Content-Length' in headers:
        size = int(headers['Content-Length'])
        body = file.read(size)
        if len(body) != size:
            raise ValueError('the body is cut off')
        return int(status[1]), headers, body
    body = b''
    while size := int(file.readline(), 16):
        body += file.read(size)
        file.readline()
    file.readline()
    return int(status[1]), headers, body


def _check_answer(load: Load, status: int, headers: Message, body: bytes) -> None:
    if status != 200:
        raise Failed(f'answers {status} to {load.path}')
    if body != _expected(load):
        raise Failed(f'wrong body for {load.path}: {len(body)} bytes')
    if ('Content-Length' in headers) == (load.path == '/stream'):
        raise Failed(f'wrong framing for {load.path}')
    if (headers.get('Connection', '').lower() == 'close') != load.close:
        raise Failed(f'wrong Connection: {headers.get("Connection")}')
    if load.browser and any(headers.get(name) != value for name, value in EXTRA_HEADERS.items()):
        raise Failed(f'lacks headers: {[*EXTRA_HEADERS.keys() - headers.keys()]}')


def _expected(load: Load) -> bytes:
    if load.path == '/count':
        return b'%d' % load.body
    if load.body:
        return load.payload()
    return DOWNLOAD if load.path == '/download' else HELLO
