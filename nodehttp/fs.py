"""Files as streams: Node's `fs.createReadStream` and `fs.createWriteStream`, and nothing else of `fs`. ("File
system")

Every call that can wait for a disk runs on a thread of its own (`threadpool.submit`), one at a time for each
stream, so that a descriptor is never closed while it is being read from. To save thread switches, a job reads
up to `READ_AHEAD` chunks of a regular file; what the stream does not want yet waits in `_ahead`, and no more
is read until it is gone.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from nodehttp import errors, threadpool
from nodehttp._finished import finished
from nodehttp._readable import Readable
from nodehttp._stream import CLOSED, Function, Lifecycle, merged, user_callback
from nodehttp._writable import Writable
from nodehttp.checks import check_integer
from nodehttp.threadpool import internal_hook, monitor

__all__ = ['ReadStream', 'WriteStream', 'createReadStream', 'createWriteStream']

READ_AHEAD = 4  # chunks; 256 KiB by default, a tenth of a millisecond of reading from the page cache

# Node's names of the ways to open a file. ("File system flags")
_FLAGS = {
    'r': os.O_RDONLY, 'rs': os.O_RDONLY | os.O_SYNC, 'r+': os.O_RDWR, 'rs+': os.O_RDWR | os.O_SYNC,
    'w': os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 'w+': os.O_RDWR | os.O_CREAT | os.O_TRUNC,
    'wx': os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_EXCL,
    'wx+': os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_EXCL,
    'a': os.O_WRONLY | os.O_CREAT | os.O_APPEND, 'a+': os.O_RDWR | os.O_CREAT | os.O_APPEND,
    'as': os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_SYNC,
    'as+': os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_SYNC,
    'ax': os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL,
    'ax+': os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_EXCL,
}


def file_error(
    caught: BaseException | None, syscall: str, path: str | bytes | None = None,
) -> BaseException | None:
    """Translate a caught OSError as Node words those of files: `ENOENT: no such file or directory, open
    'x'`. Anything else is returned as it is.
    """
    if not isinstance(caught, OSError):
        return caught
    code = errno.errorcode.get(caught.errno or 0, 'EIO')
    message = f'{code}: {errors.describe_errno(code)}, {syscall}'
    shown = os.fsdecode(path) if path is not None else None
    error = errors.system_error(code, syscall, message=message if shown is None else f"{message} '{shown}'")
    error.path = shown
    error.__cause__ = caught
    return error


class _FileStream(Lifecycle):
    """What both directions share: opening, one job at a time, closing."""

    fd: int | None = None
    path: str | bytes | None = None
    flags: str | int
    mode = 0o666
    start: int | None = None
    pos: int | None = None  # where to go on; None: where the descriptor is
    _is_working = False
    _close_later: Function | None = None  # waits for the end of a job

    def _take_file_options(self, path: Any, options: dict[str, Any]) -> None:
        fd = options.get('fd')
        if fd is None:
            self.path = _checked_path(path)
        elif isinstance(fd, bool) or not isinstance(fd, int):
            raise errors.invalid_arg_type('options.fd', 'of type number or an instance of FileHandle', fd)
        self.fd = fd
        self.flags = options.get('flags', self.flags)
        self.mode = options.get('mode', self.mode)
        if 'start' in options:
            self.start = self.pos = check_integer('start', options['start'])
        if options.get('autoClose') is False:
            self._auto_destroy = False

    @property
    def pending(self) -> bool:
        """Is the file not open yet, or no more? ("readStream.pending", "writeStream.pending")"""
        return self.fd is None

    @internal_hook
    def _construct(self, callback: Function) -> None:
        if self.fd is not None:
            callback()
            return
        flags = self.flags if isinstance(self.flags, int) else _FLAGS.get(self.flags)
        if flags is None:
            callback(errors.node_error('ERR_INVALID_ARG_VALUE', 'flags', self.flags))
            return
        path, mode = self.path, self.mode
        assert path is not None

        def done(error: BaseException | None, fd: int) -> None:
            if error is not None:
                callback(file_error(error, 'open', path))
                return
            self.fd = fd
            callback()
            self._fire('open', fd)
            self._fire('ready')
        self._submit(lambda: os.open(path, flags | os.O_CLOEXEC, mode), done)

    def _submit(self, job: Callable[[], Any], done: Callable[[BaseException | None, Any], None]) -> None:
        threadpool.submit(job, done, strand=self._strand or self._own_strand())

    def _work(self, job: Callable[[], Any], done: Callable[[BaseException | None, Any], None]) -> None:
        """Do a job with the descriptor."""
        def worked(error: BaseException | None, result: Any) -> None:
            self._is_working = False
            if self._close_later is not None:
                close, self._close_later = self._close_later, None
                close()
            done(error, result)
        self._is_working = True
        self._submit(job, worked)

    @internal_hook
    def _destroy(self, error: Any, callback: Function) -> None:
        if self._is_working:
            self._close_later = lambda: self._close_descriptor(error, callback)
        else:
            self._close_descriptor(error, callback)

    def _close_descriptor(self, error: Any, callback: Function) -> None:
        fd, self.fd = self.fd, None
        if fd is None:
            callback(error)
            return

        def closed(caught: BaseException | None, _: None) -> None:
            callback(file_error(caught, 'close') if error is None else error)
        self._submit(lambda: os.close(fd), closed)


class ReadStream(_FileStream, Readable):
    """Node's fs.ReadStream: see `createReadStream`. Events beside those of Readable: 'open' (fd), 'ready'.

    Attributes: `path`, `fd`, `flags`, `mode`, `start`, `end`, `bytesRead`. ("Class: fs.ReadStream")
    """

    flags = 'r'
    end: float = float('inf')  # inclusive
    bytesRead = 0

    def __init__(self, path: Any, options: Any = None, **kwargs: Any) -> None:
        given = _merged(options, kwargs)
        self._take_file_options(path, given)
        if 'end' in given and given['end'] != float('inf'):
            self.end = check_integer('end', given['end'])
            if self.start is not None and self.start > self.end:
                expected = f'<= "end" (here: {self.end})'
                raise errors.node_error('ERR_OUT_OF_RANGE', 'start', expected, self.start)
            if self.start is None:
                self.start = self.pos = 0
        self._ahead: deque[bytes] = deque()
        super().__init__(given)

    @internal_hook
    def _read(self, size: int) -> None:
        if self._ahead:
            self._push_ahead()
        elif not self._is_working and self.fd is not None:
            self._read_file(self.fd, size)

    def _read_file(self, fd: int, size: int) -> None:
        pos, left = self.pos, float('inf')
        if pos is not None:
            left = self.end - pos + 1
            if left <= 0:
                self.push(None)
                return
        size = max(1, size)
        # Not the first time: who wants a little of a file should not have to wait for much.
        count = READ_AHEAD if self.bytesRead else 1
        self._work(lambda: _read_chunks(fd, pos, size, left, count), self._read_done)

    def _read_done(self, error: BaseException | None, chunks: list[bytes]) -> None:
        if error is not None:
            self._fail(file_error(error, 'read'))
            return
        if self.pos is not None:
            self.pos += sum(map(len, chunks))
        self._ahead.extend(chunks)
        self._push_ahead()

    def _push_ahead(self) -> None:
        """Give the stream what it wants. An empty chunk is the end of the file."""
        while self._ahead:
            chunk = self._ahead.popleft()
            self.bytesRead += len(chunk)
            if not self.push(chunk or None):
                return

    def close(self, callback: Function | None = None) -> None:
        """Close the file, whatever is left of it. `callback(error)` is called afterwards."""
        if callback is not None:
            finished(self, callback)
        self.destroy()


def _read_chunks(fd: int, pos: int | None, size: int, left: float, count: int) -> list[bytes]:
    """Read about `count` chunks of `size` bytes, not more than `left` in all; an empty one is the end of the
    file.

    What is no regular file (a pipe, a terminal) is read once: the next read might wait.
    """
    is_regular = stat.S_ISREG(os.fstat(fd).st_mode)
    chunks: list[bytes] = []
    while True:
        wanted = int(min(size, left))
        chunk = os.read(fd, wanted) if pos is None else os.pread(fd, wanted, pos)
        chunks.append(chunk)
        left -= len(chunk)
        if pos is not None:
            pos += len(chunk)
        # After a short chunk the end is one more read away, which does not deserve a job of its own.
        is_enough = len(chunk) == wanted and len(chunks) >= count
        if is_enough or not chunk or left <= 0 or not is_regular:
            return chunks


class WriteStream(_FileStream, Writable):
    """Node's fs.WriteStream: see `createWriteStream`. Events beside those of Writable: 'open' (fd), 'ready'.

    Attributes: `path`, `fd`, `flags`, `mode`, `start`, `bytesWritten`. ("Class: fs.WriteStream")
    """

    flags = 'w'
    bytesWritten = 0

    def __init__(self, path: Any, options: Any = None, **kwargs: Any) -> None:
        given = _merged(options, kwargs)
        self._take_file_options(path, given)
        self._is_flushed = bool(given.get('flush'))
        encoding = given.pop('encoding', None)
        if encoding is not None:
            given['defaultEncoding'] = encoding
        super().__init__(given)

    @internal_hook
    def _write(self, chunk: bytes, encoding: str | None, callback: Function) -> None:
        self._write_file([chunk], callback)

    @internal_hook
    def _writev(self, chunks: list[Any], callback: Function) -> None:
        self._write_file([item[0] for item in chunks], callback)

    def _write_file(self, chunks: list[bytes], callback: Function) -> None:
        fd, pos = self.fd, self.pos
        assert fd is not None

        def done(error: BaseException | None, written: int) -> None:
            if error is not None:
                callback(file_error(error, 'write'))
                return
            self.bytesWritten += written
            if self.pos is not None:
                self.pos += written
            callback()
        self._work(lambda: _write_chunks(fd, pos, chunks), done)

    @internal_hook
    def _final(self, callback: Function) -> None:
        fd = self.fd
        if not self._is_flushed or fd is None:
            callback()
            return
        self._work(lambda: os.fsync(fd), lambda error, _: callback(file_error(error, 'fsync')))

    def close(self, callback: Function | None = None) -> None:
        """Write what is queued, then close the file. `callback(error)` is called afterwards."""
        if callback is not None:
            with monitor:
                if self._life >= CLOSED:
                    self._tick(user_callback(callback))
                else:
                    self.once('close', callback)
        if not self._auto_destroy:
            self.on('finish', lambda: self.destroy())
        self.end()


def _write_chunks(fd: int, pos: int | None, chunks: list[bytes]) -> int:
    """Write all of the chunks; return how many bytes that were."""
    rest = memoryview(chunks[0] if len(chunks) == 1 else b''.join(chunks))
    total = len(rest)
    while rest:
        written = os.write(fd, rest) if pos is None else os.pwrite(fd, rest, pos)
        rest = rest[written:]
        if pos is not None:
            pos += written
    return total


def _merged(options: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The options may be just an encoding."""
    if isinstance(options, str):
        options = {'encoding': options}
    elif options is not None and not isinstance(options, Mapping):
        raise errors.invalid_arg_type('options', 'one of type string or object', options)
    return merged(options, kwargs)


def _checked_path(path: Any) -> str | bytes:
    if getattr(path, 'protocol', None) == 'file:':  # a URL
        path = unquote(path.pathname)
    try:
        checked: str | bytes = os.fspath(path)
    except TypeError:
        expected = 'of type string or an instance of Buffer or URL'
        raise errors.invalid_arg_type('path', expected, path) from None
    if '\0' in os.fsdecode(checked):
        expected = 'must be a string, Uint8Array, or URL without null bytes'
        raise errors.node_error('ERR_INVALID_ARG_VALUE', 'path', checked, expected)
    return checked


def createReadStream(path: Any, options: Any = None, **kwargs: Any) -> ReadStream:
    """Return a Readable of a file; it is opened in the next tick, 'error' tells if that fails.

    Options: start, end (bytes from the beginning, both inclusive), highWaterMark (bytes, 65536), encoding,
    flags ('r'), mode, fd (an open descriptor, `path` is then ignored), autoClose (False: the descriptor stays
    open at the end), emitClose, signal. A str is the encoding. Raises ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE.
    ("fs.createReadStream(path[, options])")
    """
    return ReadStream(path, options, **kwargs)


def createWriteStream(path: Any, options: Any = None, **kwargs: Any) -> WriteStream:
    """Return a Writable that writes to a file; it is opened in the next tick, 'error' tells if that fails.

    Options: flags ('w'; 'a' appends, 'r+' with `start` overwrites), mode (0o666), start (bytes from the
    beginning), encoding, fd, autoClose, emitClose, flush (True: fsync before 'finish'), highWaterMark,
    signal. A str is the encoding. Raises ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE.
    ("fs.createWriteStream(path[, options])")
    """
    return WriteStream(path, options, **kwargs)


