"""A folder as a request listener: what `python -m nodehttp` serves.

    server = http.createServer(static.Folder('/srv/www'))

A request is answered in two steps. `Folder.answer` looks into the folder and decides: a `Response` with a
status, headers, and a body or an open file. File systems can be slow, so this runs within `blocking()` and
holds up nobody. Then the response is sent, a file as a stream that is piped into it: read as fast as the
client takes it, so that a slow one costs neither memory nor a thread.

No way out of the folder: the path of the URL is cut into names *before* they are decoded, `..` stops at the
folder, a name with a slash or NUL in it is not found, and a place that symlinks lead out of the folder is
refused unless `follow_symlinks`. Whoever may change the folder meanwhile is trusted.

Conditions (RFC 9110, 13): If-None-Match, If-Modified-Since, If-Range. One range (14.2); of several, and of
what cannot be read, the whole file.
"""

from __future__ import annotations

import email.utils
import errno
import html
import mimetypes
import os
import re
import stat
import string
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from nodehttp import fs
from nodehttp.common import STATUS_CODES
from nodehttp.threadpool import blocking

Log = Callable[[str], Any]

INDEX_FILES = ('index.html', 'index.htm')  # as http.server

# What a compressed file is; it is not sent as Content-Encoding: who asks for x.tar.gz wants x.tar.gz.
_COMPRESSED = {'gzip': 'application/gzip', 'bzip2': 'application/x-bzip2', 'xz': 'application/x-xz'}

# Errors of the file system that say more than that there is no such file.
_STATUS_OF_ERRNO = {
    errno.EACCES: 403, errno.EPERM: 403, errno.EIO: 500,
    errno.EMFILE: 503, errno.ENFILE: 503, errno.ENOMEM: 503,
}

# scheme and host of a proxy's form, path, query; a fragment counts for nothing.
_read_target = re.compile(r'(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?([^?#]*)(\??[^#]*)', re.DOTALL).match
# Positions of more digits are no positions of a file; Python would not even read 5000 of them.
_read_range = re.compile(r'bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))', re.IGNORECASE).fullmatch
_etags = re.compile(r'(?:W/)?("[^"]*")').findall


class Response(NamedTuple):
    """What to answer. `file` is an open descriptor, of which `length` bytes from `start` on are the body."""

    status: int
    headers: dict[str, Any]
    body: bytes = b''
    file: int | None = None
    start: int = 0
    length: int = 0


class Folder:
    """A listener for 'request' that serves the files of a folder, with GET and HEAD."""

    def __init__(self, directory: str | os.PathLike[str] = '.', *, follow_symlinks: bool = False,
                 log: Log | None = None) -> None:
        """`follow_symlinks`: also to places outside of the folder. `log(line)` is told of each request, in
        the common log format, and of files that cannot be read to their end."""
        self.root = os.path.realpath(directory)
        self.follow_symlinks = follow_symlinks
        self.log = log

    def __call__(self, req: Any, res: Any) -> None:
        """Answer one request."""
        entry = _Entry(req, res)
        log = self.log
        if log is not None:
            res.on('close', lambda: log(entry.line()))
        with blocking():
            response = self.answer(req.method, req.url, req.headers)
        if response.file is not None and res.closed:  # the client went away meanwhile
            os.close(response.file)
            return
        res.writeHead(response.status, response.headers)
        if response.file is None:
            entry.body = 0 if req.method == 'HEAD' else len(response.body)
            res.end(response.body)
        else:
            entry.file = self._stream(response, res, req.url)

    def _stream(self, response: Response, res: Any, name: str) -> Any:
        """Pipe the file into the response. The client waits for `length` bytes: if there are fewer, only the
        end of the connection can tell."""
        file = fs.createReadStream(
            '', fd=response.file, start=response.start, end=response.start + response.length - 1)

        def fail(problem: object) -> None:
            res.destroy()
            (self.log or report)(f'{printable(name)}: {problem}')

        def ended() -> None:
            if file.bytesRead < response.length:
                fail('the file has become shorter')

        file.on('error', fail)
        file.on('end', ended)
        res.on('close', file.destroy)  # the client may leave at any time
        file.pipe(res)
        return file

    # What there is -----------------------------------------------------------------------------------------

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> Response:
        """Return the response for a request; the caller closes its file. Reads the file system, so it may
        block."""
        if method not in ('GET', 'HEAD'):
            return refusal(405, {'Allow': 'GET, HEAD'})
        found = _read_target(target)
        assert found is not None  # it matches any text
        path, query = found.groups()
        names = split_path(path)
        if names is None:
            return refusal(404)
        try:
            return self._look_up(names, path.endswith('/') or path == '', query, method, headers)
        except OSError as error:
            return refusal(_STATUS_OF_ERRNO.get(error.errno or 0, 404))

    def _look_up(self, names: list[str], is_folder: bool, query: str, method: str,
                 headers: Mapping[str, str]) -> Response:
        place = self._resolve(os.path.join(self.root, *names))
        if place is None:
            return refusal(403)
        mode = os.stat(place).st_mode
        if not stat.S_ISDIR(mode):
            # Neither a pipe, which would never end, nor a device, which may do anything.
            if is_folder or not stat.S_ISREG(mode):
                return refusal(404)
            return file_response(place, names[-1], method, headers)
        if not is_folder:
            # Made of the names, not of what was asked for: `//host` or `/\host` would lead elsewhere.
            location = ''.join('/' + quote_name(name) for name in names) + '/'
            location += quote(query, safe=string.punctuation, encoding='latin-1')
            return refusal(301, {'Location': location})
        for index in INDEX_FILES:
            place_of_index = self._resolve(os.path.join(place, index))
            if place_of_index is not None and os.path.isfile(place_of_index):
                return file_response(place_of_index, index, method, headers)
        return listing('/' + ''.join(name + '/' for name in names), place)

    def _resolve(self, path: str) -> str | None:
        """Return the path with its symlinks resolved, None if they lead out of the folder."""
        place = os.path.realpath(path)
        if self.follow_symlinks or os.path.commonpath((place, self.root)) == self.root:
            return place
        return None


class _Entry:
    """An entry of the log: a request, and how much was sent for it."""

    body = 0
    file: Any = None  # what was read of it counts

    def __init__(self, req: Any, res: Any) -> None:
        self.req, self.res = req, res
        self.address = req.socket.remoteAddress  # at the end there is none any more

    def line(self) -> str:
        req, res = self.req, self.res
        request = f'{req.method} {req.url} HTTP/{req.httpVersion}'
        size = self.body if self.file is None else self.file.bytesRead
        return log_line(self.address, request, res.statusCode if res.headersSent else None, size)


# Paths -----------------------------------------------------------------------------------------------------


def split_path(path: str) -> list[str] | None:
    """Return the names that the path of a URL consists of, decoded; None if one of them can be no name.

    Dot segments are resolved as browsers do, at most up to the folder; so are those that were escaped. Each
    character of `path` is a byte, as in `req.url`; what is no UTF-8 becomes what `os.fsdecode` makes of it.
    """
    names: list[str] = []
    for part in path.split('/'):
        name = os.fsdecode(unquote_to_bytes(part.encode('latin-1')))
        if name == '..':
            del names[-1:]
        elif '/' in name or '\0' in name:
            return None
        elif name not in ('', '.'):
            names.append(name)
    return names


def quote_name(name: str) -> str:
    """Return a file's name as it stands in a URL."""
    return quote(os.fsencode(name), safe='')


def content_type(name: str) -> str:
    """Return the media type of a file by its name."""
    # The dot and slash: `guess_type` would take `data:x` for a URL.
    kind, encoding = mimetypes.guess_type('./' + name)
    if encoding is not None:
        return _COMPRESSED.get(encoding, 'application/octet-stream')
    return kind or 'application/octet-stream'


# Responses -------------------------------------------------------------------------------------------------


def refusal(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response that says its status, nothing else."""
    body = f'{status} {STATUS_CODES[status]}\n'.encode()
    return Response(status, {
        **(headers or {}), 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': len(body)}, body)


def file_response(place: str, name: str, method: str, asked: Mapping[str, str]) -> Response:
    """Return the response for a regular file: 200, 206, 304 or 416. What it says is true of the file that it
    has opened, if it needs it."""
    # If a pipe takes the file's place right now: opening it must not wait for its other end.
    file = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    response = None
    try:
        response = _open_file_response(file, name, method, asked)
    finally:
        if response is None or response.file is None:
            os.close(file)
    return response


def _open_file_response(file: int, name: str, method: str, asked: Mapping[str, str]) -> Response:
    info = os.fstat(file)
    size = info.st_size
    modified = int(info.st_mtime)
    etag = f'"{info.st_mtime_ns:x}-{size:x}"'
    headers: dict[str, Any] = {
        'Last-Modified': email.utils.formatdate(modified, usegmt=True),
        'ETag': etag,
        'Accept-Ranges': 'bytes',
    }
    if is_unchanged(etag, modified, asked):
        return Response(304, headers)
    status, start, length = 200, 0, size
    # Of HEAD a range makes no sense, and an empty file has no part that is not the whole.
    if method == 'GET' and size and 'range' in asked and is_same(etag, headers['Last-Modified'], asked):
        part = read_range(asked['range'], size)
        if part is not None:
            start, length = part
            if not length:
                return refusal(416, {'Content-Range': f'bytes */{size}', 'Accept-Ranges': 'bytes'})
            status = 206
            headers['Content-Range'] = f'bytes {start}-{start + length - 1}/{size}'
    headers.update({'Content-Type': content_type(name), 'Content-Length': length})
    return Response(status, headers, b'', file if length and method == 'GET' else None, start, length)


def is_unchanged(etag: str, modified: int, asked: Mapping[str, str]) -> bool:
    """Has the client this version already? (RFC 9110, 13.1.2 and 13.1.3)"""
    known = asked.get('if-none-match')
    if known is not None:
        return known.strip() == '*' or etag in _etags(known)
    since = read_date(asked.get('if-modified-since'))
    return since is not None and modified <= since


def is_same(etag: str, last_modified: str, asked: Mapping[str, str]) -> bool:
    """Does the range belong to this version? (RFC 9110, 13.1.5: the comparison is strong)"""
    return (asked.get('if-range') or etag).strip() in (etag, last_modified)


def read_range(text: str, size: int) -> tuple[int, int] | None:
    """Return (start, length) of the one range of a Range header; length 0 if it lies outside, None if it is
    no single range."""
    found = _read_range(text)
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        length = min(int(suffix), size)
        return size - length, length
    start = int(first)
    if last and int(last) < start:
        return None  # RFC 9110, 14.1.1: invalid, and so as if it were not there
    end = min(int(last) + 1, size) if last else size
    return start, max(0, end - start)


def read_date(text: str | None) -> float | None:
    """Return the time that an HTTP date names, None if it is none."""
    try:
        date = email.utils.parsedate_to_datetime(text or '')
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()  # asctime names no zone
    except (ValueError, OverflowError):
        return None


def listing(title: str, place: str) -> Response:
    """Return a page with what is in a folder. Folders end in a slash, symlinks in an @, as in http.server."""
    items = []
    for name in sorted(os.listdir(place), key=lambda name: (name.lower(), name)):
        path = os.path.join(place, name)
        slash = '/' if os.path.isdir(path) else ''
        mark = '@' if os.path.islink(path) else slash
        items.append(f'<li><a href="{quote_name(name)}{slash}">{shown(name)}{mark}</a></li>')
    heading = f'Directory listing for {shown(title)}'
    body = '\n'.join((
        '<!DOCTYPE html>', '<html lang="en">',
        '<head>', '<meta charset="utf-8">', f'<title>{heading}</title>', '</head>',
        '<body>', f'<h1>{heading}</h1>', '<hr>', '<ul>', *items, '</ul>', '<hr>', '</body>',
        '</html>', '')).encode()
    return Response(200, {'Content-Type': 'text/html; charset=utf-8', 'Content-Length': len(body)}, body)


def shown(name: str) -> str:
    """Return a file's name as HTML text; bytes that are no UTF-8 as the sign for them."""
    return html.escape(os.fsencode(name).decode('utf-8', 'replace'), quote=False)


# The log ---------------------------------------------------------------------------------------------------


def log_line(address: str | None, request: str, status: int | None, size: int) -> str:
    """Return a line of the common log format; what is not there is a minus."""
    when = time.strftime('%d/%b/%Y:%H:%M:%S %z')
    return f'{address or "-"} - - [{when}] "{printable(request)}" {status or "-"} {size or "-"}'


def printable(text: str) -> str:
    """Return `text` so that it can neither end a quotation nor steer a terminal."""
    return re.sub(r'[^ !#-\[\]-~]', lambda found: rf'\x{ord(found[0]):02x}', text)


def report(line: str) -> None:
    """Write a line to stderr, in one piece."""
    sys.stderr.write(line + '\n')
