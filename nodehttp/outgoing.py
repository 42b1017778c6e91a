"""OutgoingMessage: what a ServerResponse and a ClientRequest have in common.

Documentation: "Class: http.OutgoingMessage". The headers are in `_head.py`; here is how a message reaches its
socket. While it is not the socket's current message (`socket._httpMessage`), or has no socket yet, what it
would send waits in `_queue`; `_flush` sends it when its turn comes.

- The head leaves together with the first bytes of the body, and a whole short message is one write.
- What is written within one callback is corked, so that it leaves in one packet, as in Node. A thread without
  the baton (a handler that blocks, a thread of the user's) writes at once: nobody knows when it ends.
- `end` never goes through the public `write`, so that middleware may replace either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import get_ident
from typing import Any, Self

from nodehttp import errors
from nodehttp._head import CONTENT_LENGTH, OutgoingHead
from nodehttp._netoutput import JOIN_LIMIT
from nodehttp._stream import BYTES_MARK, DOOMED, user_callback
from nodehttp._stream import OPEN as ALIVE
from nodehttp._writable import WRITING, Writable
from nodehttp.arity import adapt
from nodehttp.encoding import encode
from nodehttp.threadpool import call_user, has_baton, hold, may_deliver, monitor, next_tick

Callback = Callable[..., Any]

# The phases of a message, one after the other; who enters one has seen that it is the next. `destroyed` and
# `closed` are none: they may come upon a message in any phase.
OPEN, ENDED, FINISHED = 'open', 'ended', 'finished'


class OutgoingMessage(OutgoingHead):
    """Base of ServerResponse and ClientRequest. ("Class: http.OutgoingMessage")

    Any thread may call any method at any time; each `write` stays whole. Nothing here waits.
    """

    # Node's names, for users to read and to set.
    strictContentLength = False
    writable = True
    destroyed = False
    socket: Any = None

    _phase = OPEN
    _closed = False
    _error: BaseException | None = None
    _high_water_mark: int | None = None  # bytes
    _reject_body = False  # rejectNonStandardBodyWrites

    _head_sent = False
    _bytes_written = 0  # of the body; counted under strictContentLength only
    _queue: list[tuple[bytes, Callback | None]] | None = None
    _queue_size = 0
    _corked = 0
    _corked_chunks: list[tuple[bytes, Callback | None]] | None = None
    _corked_size = 0
    _need_drain: tuple[int, ...] = ()  # the threads that were told to wait for 'drain'
    _is_answered = False  # its end brings a response

    def __init__(self, options: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        """Options: highWaterMark (bytes), rejectNonStandardBodyWrites (bool)."""
        super().__init__()
        if options or kwargs:
            merged = {**(options or {}), **kwargs}
            self._high_water_mark = merged.get('highWaterMark')
            self._reject_body = bool(merged.get('rejectNonStandardBodyWrites'))

    def __repr__(self) -> str:
        head = 'head sent' if self._head_sent else 'no head' if self._header is None else 'head rendered'
        return f'<{type(self).__name__} {self._phase}{" destroyed" if self.destroyed else ""}, {head}>'

    # State

    @property
    def finished(self) -> bool:
        """Whether `end` was called. (Deprecated: "response.finished")"""
        return self._phase is not OPEN

    @property
    def writableEnded(self) -> bool:
        """Whether `end` was called, flushed or not. ("outgoingMessage.writableEnded")"""
        return self._phase is not OPEN

    @property
    def writableFinished(self) -> bool:
        """Whether all data was handed to the system. ("outgoingMessage.writableFinished")"""
        with monitor:
            return self._phase is not OPEN and self._queue_size == 0 and (
                self.socket is None or self.socket.writableLength == 0)

    @property
    def closed(self) -> bool:
        """Whether 'close' was emitted."""
        return self._closed

    def _is_past(self, name: str) -> bool:
        return self._closed and name != 'abort'  # that of a request comes behind 'close'

    @property
    def errored(self) -> BaseException | None:
        """The error that the message was destroyed with."""
        return self._error

    @property
    def connection(self) -> Any:
        """The same as `socket`. (Deprecated: "outgoingMessage.connection")"""
        return self.socket

    @connection.setter
    def connection(self, socket: Any) -> None:
        self.socket = socket

    @property
    def writableObjectMode(self) -> bool:
        """Always False. ("outgoingMessage.writableObjectMode")"""
        return False

    @property
    def writableCorked(self) -> int:
        """How often `cork` was called without `uncork`. ("outgoingMessage.writableCorked")"""
        return self._corked

    @property
    def writableHighWaterMark(self) -> int:
        """Bytes: the socket's mark, or the message's own before it has a socket.

        ("outgoingMessage.writableHighWaterMark")
        """
        return self._mark() if self.socket is None else int(self.socket.writableHighWaterMark)

    def _mark(self) -> int:
        return Writable._write_mark if self._high_water_mark is None else self._high_water_mark

    @property
    def writableLength(self) -> int:
        """Bytes that wait here and in the socket. ("outgoingMessage.writableLength")"""
        with monitor:
            waiting = self._queue_size + self._corked_size
            return waiting if self.socket is None else waiting + self.socket.writableLength

    @property
    def writableNeedDrain(self) -> bool:
        """Whether `write` returned False and 'drain' has not come yet."""
        return not self.destroyed and self._phase is OPEN and bool(self._need_drain)

    # Head

    def _implicit_header(self) -> None:
        """Render the head from what was set: the subclass knows how."""
        raise errors.node_error('ERR_METHOD_NOT_IMPLEMENTED', '_implicitHeader()')

    def flushHeaders(self) -> None:
        """Send the head now. ("outgoingMessage.flushHeaders()")"""
        with monitor:
            if self._header is None:
                self._implicit_header()
            self._send(b'')

    # Body

    def write(self, chunk: Any, encoding: Any = None, callback: Callback | None = None) -> bool:
        """Send a piece of the body, and the head before the first one. Never waits.

        `chunk` is bytes-like or a str in `encoding` (UTF-8); `callback(error)` is called when it was handed
        to the system. Returns False when it is better to wait for 'drain' before the next. Raises TypeError
        ERR_STREAM_NULL_VALUES, ERR_INVALID_ARG_TYPE; ERR_HTTP_CONTENT_LENGTH_MISMATCH and
        ERR_HTTP_BODY_NOT_ALLOWED. ("outgoingMessage.write(chunk[, encoding[, callback]])")
        """
        if encoding is not None and callable(encoding):
            encoding, callback = None, encoding
        data = chunk if type(chunk) is bytes else _body_bytes(chunk, encoding)
        done = None if callback is None else user_callback(callback, self._listener_failed)
        size = len(data)
        with monitor:
            socket = self.socket
            if (socket is not None and socket._corked and self._head_sent and self.chunkedEncoding
                    and 0 < size <= JOIN_LIMIT and self._phase is OPEN and self._has_body
                    and socket._httpMessage is self and not (self._corked or self._queue or self.destroyed)
                    and socket._output == WRITING and socket._life == ALIVE):
                # What `_write` comes to for a chunk that leaves together with what is before it.
                written: bool = socket._accept(b'%x\r\n%b\r\n' % (size, data), 'buffer', done)
            else:
                written = self._write(data, done)
            if done is not None or not written:
                self._needs_tick()
            if not written and get_ident() not in self._need_drain:
                self._need_drain = (*self._need_drain, get_ident())
                if self._strand is not None:
                    hold(self._strand)  # a thread outside of the pool is about to listen to it
            return written

    def _write(self, data: bytes, done: Callback | None) -> bool:
        if self._phase is not OPEN or self.destroyed:
            self._refuse_write(done)
            return False
        if self.strictContentLength:
            self._count(len(data), False)
        if self._header is None:
            self._implicit_header()
        if not self._has_body:
            if self._reject_body:
                raise errors.node_error('ERR_HTTP_BODY_NOT_ALLOWED')
            if done is not None:
                next_tick(done, None, strand=self._strand)
            return True
        socket, size = self.socket, len(data)
        if socket is not None and (not socket._corked or size > JOIN_LIMIT):
            self._cork_until_tick(socket, size)
        if not self.chunkedEncoding or not data:
            return self._send(data, done)
        if self._corked and self._head_sent:
            if self._corked_chunks is None:
                self._corked_chunks = []
            self._corked_chunks.append((data, done))
            self._corked_size += size
            return self._corked_size < self._mark()
        return self._send_parts(b'%x\r\n' % size, data, b'\r\n', done)

    def _needs_tick(self) -> None:
        """Somebody waits for what was written in this callback."""

    def _cork_until_tick(self, socket: Any, size: int) -> None:
        """What this callback writes, next so many bytes, leaves together when it is over."""
        if not socket._corked and has_baton():
            socket.cork()
            # Of no strand: if the callback blocks, the next holder of the baton sends what there is so far.
            next_tick(socket.uncork)

    def _refuse_write(self, done: Callback | None) -> None:
        """A `write` after `end` is an 'error' too; after `destroy` only the callback hears of it."""
        if self._phase is OPEN:
            error = errors.node_error('ERR_STREAM_DESTROYED', 'write')
        else:
            error = errors.with_caller(errors.node_error('ERR_STREAM_WRITE_AFTER_END'))
        if not self.destroyed:
            self._fail_later(error, done)
        elif done is not None:
            next_tick(done, error, strand=self._strand)

    def _fail_later(self, error: BaseException, done: Callback | None) -> None:
        next_tick(self._fail, error, done, strand=self._strand)

    def _fail(self, error: BaseException, done: Callback | None) -> None:
        if done is not None:
            done(error)
        if not self.destroyed:
            self._fire('error', error)

    def _count(self, size: int, is_end: bool) -> None:
        """strictContentLength: the body must be as long as the header says.

        As in Node, what is written before the head is rendered is not compared: `writeHead` may yet name
        the length.
        """
        total = self._bytes_written + size
        if self._is_length_binding() and (
                total != self._content_length if is_end else total > (self._content_length or 0)):
            self._refuse_length(total)
        self._bytes_written = total

    def _refuse_length(self, size: int) -> None:
        shown = errors.show(self._content_length)
        raise errors.node_error('ERR_HTTP_CONTENT_LENGTH_MISMATCH', size, shown)

    def _is_length_binding(self) -> bool:
        """Under strictContentLength: must the body be as long as the header says?"""
        return (self._content_length is not None and self._has_body
                and not self._removed & CONTENT_LENGTH and not self.chunkedEncoding
                and 'transfer-encoding' not in (self._headers or ()))

    def end(self, chunk: Any = None, encoding: Any = None, callback: Callback | None = None) -> Self:
        """Send `chunk`, if any, and finish the message. Returns the message; never waits.

        When nothing was sent yet the length of the body is known and becomes its Content-Length. `callback`
        is a one-time 'finish' listener; after the end it gets an error instead. Raises as `write` does.
        ("outgoingMessage.end(chunk[, encoding][, callback])")
        """
        if encoding is not None and callable(encoding):
            encoding, callback = None, encoding
        if type(chunk) is not bytes:
            # '', 0 and false are no chunk, as in JavaScript.
            if not chunk and (chunk is None or isinstance(chunk, (str, int, float))):
                chunk = None
            elif callable(chunk):
                chunk, encoding, callback = None, None, chunk
        with monitor:
            if self._phase is not OPEN:
                self._refuse_end(chunk is not None, callback)
            else:
                if self._is_answered and self._strand is not None:
                    hold(self._strand)  # a thread outside of the pool may listen on its next line only
                is_ready = type(chunk) is bytes or chunk is None
                self._end(chunk if is_ready else _body_bytes(chunk, encoding), callback)
        return self

    def _refuse_end(self, has_chunk: bool, callback: Callback | None) -> None:
        if has_chunk and self.destroyed:
            pass  # as in Node not even the callback hears of it
        elif has_chunk:
            done = None if callback is None else user_callback(callback, self._listener_failed)
            self._fail_later(errors.with_caller(errors.node_error('ERR_STREAM_WRITE_AFTER_END')), done)
        elif callback is not None:
            if self.writableFinished:
                call_user(adapt(callback), errors.node_error('ERR_STREAM_ALREADY_FINISHED', 'end'))
            else:
                self.on('finish', callback)

    def _end(self, data: bytes | None, callback: Callback | None) -> None:
        is_strict = self.strictContentLength
        if data is not None:
            if self.destroyed:  # as in Node nobody hears of it
                self._phase = ENDED
                self._leave_to_socket()
                return
            if is_strict:
                self._count(len(data), True)
        if self._header is None:
            self._content_length = len(data) if data else 0
            self._implicit_header()
            if self._phase is not OPEN:  # by a writeHead of the user's
                return
            self._cork_narrow()
        if data is not None and not self._has_body:
            if self._reject_body:
                raise errors.node_error('ERR_HTTP_BODY_NOT_ALLOWED')
            data = b''
        if callback is not None:
            self.once('finish', callback)
        if is_strict and self._is_length_binding() and self._bytes_written != self._content_length:
            self._refuse_length(self._bytes_written)
        if self._corked and self._corked_chunks:  # Node 25.2.1 sends them behind the last chunk
            self._send_corked_chunks()
        self._phase = ENDED
        self._send_end(data)

    def _send_end(self, data: bytes | None) -> None:
        """Send the end of the message, and have `_on_flushed` called in the tick after it."""
        if data and self._queue and self.socket is not None:
            self.socket.cork()  # what waited leaves together with this
        elif data is not None:
            self._cork_narrow()
        self._send_last(data, self._on_flushed)
        self._leave_to_socket()

    def _cork_narrow(self) -> None:
        """As in Node what an end sends is corked: a socket with a small mark emits 'drain' after it."""
        socket = self.socket
        if socket is not None and socket._write_mark < BYTES_MARK:
            socket.cork()

    def _send_last(self, data: bytes | None, done: Callback | None) -> None:
        """Send the last piece of the body, and what ends it."""
        if self._has_body and self.chunkedEncoding:
            last = f'0\r\n{self._trailer}\r\n'.encode('latin-1') if self._trailer else b'0\r\n\r\n'
            if not data:
                self._send(last, done)
            elif len(data) <= JOIN_LIMIT:
                self._send(b'%x\r\n%b\r\n%b' % (len(data), data, last), done)
            else:
                self._send_parts(b'%x\r\n' % len(data), data, b'\r\n' + last, done)
        elif data is not None or not self._head_sent or self.writableLength:
            self._send(data or b'', done)
        elif done is not None:
            next_tick(done, strand=self._strand)

    def _leave_to_socket(self) -> None:
        """The message is ended: nothing holds its bytes back any more."""
        self._corked = 0
        socket = self.socket
        if socket is not None:
            while socket._corked:
                socket.uncork()
            if not self._queue and socket._httpMessage is self:
                self._finish()

    def _finish(self) -> None:
        """All data has been handed to the socket."""
        if 'prefinish' in self._events and self._strand is not None and not may_deliver(self._strand):
            next_tick(self._fire, 'prefinish', strand=self._strand)
        else:
            self._fire('prefinish')

    def _on_flushed(self, error: BaseException | None = None) -> None:
        """All data has been handed to the system; or, as in Node, thrown away with a socket whose end nobody
        has heard of yet."""
        socket = self.socket
        if self._phase is ENDED and not self._closed and (socket is None or not socket._error_emitted):
            self._phase = FINISHED
            self._fire('finish')

    # To the socket

    def _send(self, data: bytes, callback: Callback | None = None) -> bool:
        """Send `data`, after the head if that was not sent yet."""
        if not self._head_sent:
            assert self._header is not None
            self._head_sent = True
            head = self._header.encode('latin-1')
            if len(data) > JOIN_LIMIT:
                return self._write_parts((head, data), callback)
            data = head + data
        return self._write_out(data, callback)

    def _send_parts(self, before: bytes, data: bytes, behind: bytes, callback: Callback | None) -> bool:
        """Send a piece of the body and what frames it, whole."""
        if len(data) <= JOIN_LIMIT:
            return self._send(b'%b%b%b' % (before, data, behind), callback)
        if not self._head_sent:
            assert self._header is not None
            self._head_sent = True
            before = self._header.encode('latin-1') + before
        return self._write_parts((before, data, behind), callback)

    def _write_parts(self, parts: tuple[bytes, ...], callback: Callback | None) -> bool:
        """As `_write_out`, in one system call without a copy."""
        socket = self.socket
        if socket is not None:
            socket.cork()
        for part in parts[:-1]:
            self._write_out(part, None)
        written = self._write_out(parts[-1], callback)
        if socket is not None:
            socket.uncork()
        return written

    def _write_out(self, data: bytes, callback: Callback | None) -> bool:
        """Hand bytes to the socket if it is this message's turn, else keep them."""
        socket = self.socket
        if socket is not None:
            # (The rest is what `socket.writable` comes to: a property takes longer than all of this.)
            if (socket._httpMessage is self and socket._output == WRITING and socket._life < DOOMED
                    and socket._errored is None):
                if self._queue:
                    self._send_queue(socket)
                written: bool = socket._accept(data, 'buffer', callback)
                return written
            if socket.destroyed:  # as in Node nobody is told: 'close' is on its way
                return False
        if self._queue is None:
            self._queue = []
        self._queue.append((data, callback))
        self._queue_size += len(data)
        self._queue_changed(len(data))
        return self._queue_size < self._mark()

    def _queue_changed(self, delta: int) -> None:
        """More (or fewer) bytes wait for this message's turn: a server counts them for each connection."""

    def _flush(self) -> None:
        """The message has got its socket: send what waited for that."""
        socket = self.socket
        if socket is None or not socket.writable:
            return
        written = self._send_queue(socket)
        if self._phase is not OPEN:
            self._finish()
        elif written and self._need_drain:
            self._need_drain = ()
            self._fire('drain')

    def _is_whole(self) -> bool:
        """Is it complete, and waits as one piece?"""
        return self._phase is ENDED and self._queue is not None and len(self._queue) == 1

    def _hears_prefinish(self) -> bool:
        """May a listener of 'prefinish' wait for 'finish', which must not depend on its return then, or leave
        something to the next tick?"""
        return 'prefinish' in self._events or not self._has_plain_emit()

    def _take_whole(self) -> bytes:
        data = self._queue[0][0]  # type: ignore[index]
        self._queue, self._queue_size = None, 0
        return data

    def _flush_whole(self) -> bool:
        """As `_flush`, for a whole message whose `_on_flushed` the caller sees to. Returns False if it is no
        such one."""
        if not self._is_whole() or self._hears_prefinish():
            return False
        data = self._take_whole()
        self.socket._write_internal(data, None)
        self._queue_changed(-len(data))
        self._finish()
        return True

    def _send_queue(self, socket: Any) -> bool:
        for _ in range(self._corked):
            socket.cork()
        queue, self._queue = self._queue or (), None
        size, self._queue_size = self._queue_size, 0
        written = True
        is_corked = len(queue) > 1 or socket._write_mark < BYTES_MARK
        if is_corked:
            socket.cork()
        for data, callback in queue:
            written = socket._write_internal(data, callback)
        if is_corked:
            socket.uncork()
        if size:
            self._queue_changed(-size)
        return written

    def _socket_drained(self) -> None:
        """The socket of this message has room again."""
        if self._phase is OPEN and self._need_drain:
            self._need_drain = ()
            self._fire('drain')

    def cork(self) -> None:
        """Keep back what is written until `uncork`; may be nested. ("outgoingMessage.cork()")"""
        with monitor:
            self._corked += 1
            if self.socket is not None:
                self.socket.cork()

    def uncork(self) -> None:
        """Undo one `cork`; the last one sends what was kept back as one chunk.

        ("outgoingMessage.uncork()")
        """
        with monitor:
            self._corked = max(0, self._corked - 1)
            if not self._corked and self._corked_chunks:
                self._send_corked_chunks()
            if self.socket is not None:
                self.socket.uncork()

    def _send_corked_chunks(self) -> None:
        chunks, self._corked_chunks = self._corked_chunks or (), None
        size, self._corked_size = self._corked_size, 0
        self._send(b'%x\r\n' % size)
        for data, callback in chunks:
            self._send(data, callback)
        self._send(b'\r\n')

    # Socket and end

    def setTimeout(self, msecs: float, callback: Callback | None = None) -> Self:
        """Call `socket.setTimeout(msecs)` now, or once there is a socket. Returns the message.

        `callback` becomes a 'timeout' listener. ("outgoingMessage.setTimeout(msesc[, callback])")
        """
        if callback is not None:
            self.on('timeout', callback)
        with monitor:
            if self.socket is None:
                self.once('socket', lambda socket: socket.setTimeout(msecs))
            else:
                self.socket.setTimeout(msecs)
        return self

    def destroy(self, error: BaseException | None = None) -> Self:
        """Destroy the message and its socket, now or once there is one. Returns the message.

        ("outgoingMessage.destroy([error])")
        """
        with monitor:
            if not self.destroyed:
                self.destroyed = True
                self._error = error
                if self.socket is None:
                    self.once('socket', lambda socket: socket.destroy(error))
                else:
                    self.socket.destroy(error)
        return self

    def pipe(self, destination: Any = None, options: Any = None, **kwargs: Any) -> Any:
        """Emit 'error' ERR_STREAM_CANNOT_PIPE: a message is not read. ("outgoingMessage.pipe()")"""
        self.emit('error', errors.node_error('ERR_STREAM_CANNOT_PIPE'))


def _body_bytes(chunk: Any, encoding: Any) -> bytes:
    """Return as bytes a piece of a body that is none; TypeError for what is neither text nor bytes."""
    if isinstance(chunk, str):
        return chunk.encode() if encoding is None and chunk.isascii() else encode(chunk, encoding)
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return bytes(chunk)  # a copy: the owner may change it before it is sent
    if chunk is None:
        raise errors.node_error('ERR_STREAM_NULL_VALUES')
    raise errors.invalid_arg_type('chunk', 'of type string or an instance of Buffer or Uint8Array', chunk)
