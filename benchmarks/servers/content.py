"""What every server of the benchmarks serves, so that only the servers differ.

GET /hello: a short text. POST /echo: the body of the request. GET /download: 1 MiB. GET /sleep: the short
text after 10 ms of waiting, in the way that is natural there. Each with Content-Type and Content-Length.
"""

from __future__ import annotations

import sys

HELLO = b'Hello, World!\n'
DOWNLOAD = bytes(range(256)) * 4096
SLEEP = 0.010  # s
KEEP_ALIVE = 600  # s; no server shall close an idle connection while it is measured
BACKLOG = 4096


def listening(port: int) -> None:
    """Tell who started this program."""
    print(f'listening {port}', flush=True)


def threads(default: int) -> int:
    """The number of threads: the first argument, if there is one."""
    return int(sys.argv[1]) if len(sys.argv) > 1 else default
