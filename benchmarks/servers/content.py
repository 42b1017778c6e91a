"""What every server of the benchmarks serves, so that only the servers differ.

Each answer has Content-Type and, but for /stream, Content-Length.

    GET /hello      a short text
    GET /browser    the same with ten headers more, set one by one
    GET /download   1 MiB
    GET /sleep      the short text after 10 ms of waiting, in the way that is natural there
    POST /echo      the body of the request, once all of it is there
    POST /stream    the body of the request, each piece as soon as it is there
    POST /count     how many bytes the body had, which is kept nowhere
"""

from __future__ import annotations

import sys

HELLO = b'Hello, World!\n'
DOWNLOAD = bytes(range(256)) * 4096
SLEEP = 0.010  # s
PIECE = 65536  # bytes that are read of a body at once, where that is the program's to say
KEEP_ALIVE = 600  # s; no server shall close an idle connection while it is measured
BACKLOG = 4096

# Of /browser, beside Content-Type and Content-Length.
EXTRA_HEADERS = {
    'Cache-Control': 'private, max-age=0, must-revalidate',
    'Content-Language': 'en',
    'Content-Security-Policy': "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    'ETag': '"33a64df551425fcc55e4d42a148795d9f25f89d4"',
    'Last-Modified': 'Wed, 21 Oct 2026 07:28:00 GMT',
    'Referrer-Policy': 'strict-origin-when-cross-origin',
    'Set-Cookie': 'session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly; SameSite=Lax',
    'Vary': 'Accept-Encoding, Cookie',
    'X-Content-Type-Options': 'nosniff',
    'X-Request-Id': '7f3c2f7e-54b5-4a10-9a4e-0d1f6f2b9c55',
}


def listening(port: int) -> None:
    """Tell who started this program."""
    print(f'listening {port}', flush=True)


def threads(default: int) -> int:
    """The number of threads: the first argument, if there is one."""
    return int(sys.argv[1]) if len(sys.argv) > 1 else default
