"""`python -m nodehttp`: serve a folder, as `python -m http.server` does.

The command line is here, what is served in static.py. A sister command brings its own options and its own
`createServer` to `command_line` and `serve`.
"""

from __future__ import annotations

import argparse
import mimetypes
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import nodehttp as http
from nodehttp import static

PORT = 8000  # as http.server


def command_line(program: str) -> argparse.ArgumentParser:
    """Return the parser of the options that `serve` takes."""
    parser = argparse.ArgumentParser(
        prog=f'python -m {program}',
        description='Serve the files of a folder. Each request is a line on stderr (common log format). '
                    'Ctrl-C ends it.')
    parser.add_argument('default_port', metavar='port', nargs='?', type=port, default=PORT,
                        help='the same as --port (default: %(default)s)')
    parser.add_argument('-p', '--port', type=port, help='port to listen on; 0 is any free one')
    parser.add_argument('-b', '--bind', metavar='ADDRESS', default='127.0.0.1',
                        help='address or name to listen on; 0.0.0.0 or :: is all (default: %(default)s)')
    parser.add_argument('-d', '--directory', metavar='FOLDER', default='.',
                        help='folder to serve (default: the current one)')
    parser.add_argument('--follow-symlinks', action='store_true',
                        help='serve also what symlinks outside of the folder lead to')
    return parser


def port(text: str) -> int:
    """Read a port number."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f'{number} is not between 0 and 65535')
    return number


def serve(options: argparse.Namespace, create_server: Callable[..., Any], scheme: str) -> None:
    """Serve until Ctrl-C, which is SystemExit(130). What prevents it is a SystemExit with one line."""
    if not os.path.isdir(options.directory):
        sys.exit(f'no such folder: {static.printable(options.directory)}')
    mimetypes.init()  # reads files: not with the first request
    folder = static.Folder(options.directory, follow_symlinks=options.follow_symlinks, log=static.report)

    def begin() -> None:
        server = create_server(folder)
        server.on('error', lambda error: sys.exit(str(error)))
        number = options.default_port if options.port is None else options.port
        server.listen(number, options.bind, lambda: announce(server.address(), scheme, folder.root))

    http.run(begin)


def announce(address: Any, scheme: str, root: str) -> None:
    """Say where it is served; with port 0 nobody knows yet."""
    host = f'[{address.address}]' if ':' in address.address else address.address
    url = f'{scheme}://{host}:{address.port}/'
    print(f'Serving {static.printable(root)} on {url} (Ctrl-C ends it)', flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    serve(command_line('nodehttp').parse_args(arguments), http.createServer, 'http')


if __name__ == '__main__':
    main()
