"""Python's own ssl: a new connection for each request. The first argument says of which kind: `new` ones, or
`resumed` ones, where each resumes the session of the one before."""

from __future__ import annotations

import socket
import ssl
import sys

from benchmarks.clients.loop import PATH, Ask, run

REQUEST = f'GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'.encode()


def make(port: int) -> Ask:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    session: ssl.SSLSession | None = None
    resumes = sys.argv[1] == 'resumed'

    def ask() -> bytes:
        nonlocal session
        with socket.create_connection(('127.0.0.1', port)) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(plain, session=session) as secure:
                if session is not None and not secure.session_reused:
                    raise SystemExit('the session was not resumed')
                secure.sendall(REQUEST)
                answer = b''
                while data := secure.recv(65536):
                    answer += data
                if resumes:
                    session = secure.session
        return answer.partition(b'\r\n\r\n')[2]
    return ask


run(make)
