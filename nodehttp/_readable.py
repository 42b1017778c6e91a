"""Readable: a source that is read by pulling (`read`, 'readable', iteration) or by flowing ('data', `pipe`).

How it works: the source is asked for data with `_read` and gives it with `push`, at once or later. What
nobody takes at once waits in the buffer; while that is shorter than `highWaterMark` the source is asked
again. `_input` says how far the source is:

    MORE    -> there may come more
    EOF     -> push(None) was seen; the buffer may still hold data
    ENDED   -> 'end' has been emitted

`_flowing` says who takes the data: True (pushed to 'data' listeners), False (paused, or left to 'readable'
listeners), None (nobody has asked yet).

Two short paths carry the load: `push` with a 'data' listener and nothing buffered hands the chunk on as it
is, and a read of whole chunks copies nothing. `_offset` counts what is already read of the first chunk, so
that reading a large chunk in small parts copies each byte once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Self

from nodehttp import encoding as encodings
from nodehttp import errors
from nodehttp._iteration import iterate
from nodehttp._pipe import Pipe, sink_of
from nodehttp._readable_state import ENDED, EOF, HEARD_BY_ITERATION, MORE, ReadableState
from nodehttp._stream import (
    CHUNK_TYPES,
    CLOSED,
    CONSTRUCTING,
    DOOMED,
    GONE,
    NOTHING,
    OPEN,
    Options,
    call_hook,
    chosen_mark,
    merged,
)
from nodehttp.arity import adapt
from nodehttp.threadpool import add_tick, hold, internal_hook, may_deliver, monitor

LARGEST_READ = 0x40000000  # bytes; Node's limit for read(n)


class Readable(ReadableState):
    """Node's stream.Readable. Subclasses implement `_read(size)` and call `push`; or give the option `read`.

    Options: highWaterMark (bytes, or objects), encoding, defaultEncoding, objectMode, emitClose, autoDestroy,
    signal, and the hooks read, destroy, construct. ("new stream.Readable([options])")
    """

    _watched_events = frozenset(('data', 'readable'))

    def __init__(self, options: Options = None, **kwargs: Any) -> None:
        super().__init__()
        if options or kwargs:
            given = merged(options, kwargs)
            self._take_readable_options(given)
            self._take_options(given)
        self._begin_construction()

    def _take_readable_options(self, options: dict[str, Any]) -> None:
        if options.get('objectMode') or options.get('readableObjectMode'):
            self._read_objects, self._read_mark = True, self._object_mark
        mark = chosen_mark(options, 'readableHighWaterMark')
        if mark is not None:
            self._read_mark = mark
        if 'defaultEncoding' in options:
            self._push_encoding = encodings.normalized(options['defaultEncoding'])
        if 'encoding' in options:
            self._set_encoding(options['encoding'])
        if callable(options.get('read')):
            self._read = adapt(options['read'])  # type: ignore[method-assign]

    @internal_hook
    def _read(self, size: int) -> None:
        """Hook: get about `size` bytes and `push` them, now or later. ("readable._read(size)")"""
        raise errors.node_error('ERR_METHOD_NOT_IMPLEMENTED', '_read()')

    def _on_constructed(self) -> None:
        super()._on_constructed()
        if self._need_readable:
            self._read_more()

    # From the source

    def push(self, chunk: Any, encoding: str | None = None) -> bool:
        """For implementers: add data; None is the end. Returns False when enough is buffered: wait for the
        next `_read`.

        `chunk` is bytes-like or str (in `encoding`); in object mode anything. A wrong type, and data after
        the end, destroy the stream with an error. ("readable.push(chunk[, encoding])")
        """
        with monitor:
            if chunk is None:
                self._end_of_input()
                return False
            if (type(chunk) is not bytes or self._decoder is not None or not chunk) and (
                    not self._read_objects):
                if self._input == MORE and self._life < DOOMED:
                    chunk = self._converted(chunk, encoding)
                if not chunk:
                    self._reading = False
                    self._read_more()
                    return chunk is not None and self._wants_more()
            if self._input != MORE:
                self._fail(errors.with_caller(errors.node_error('ERR_STREAM_PUSH_AFTER_EOF')))
                return False
            if self._life >= DOOMED or self._errored is not None:
                return False
            self._reading = False
            self._deliver(chunk)
            return self._wants_more()

    def _deliver(self, chunk: Any) -> None:
        """Hand a chunk to the 'data' listeners if they are to have it now, else buffer it."""
        if (self._flowing and not self._length and not self._asking  # as `_is_data_heard`:
                and ('data' in self._events if self._hears_data is None else self._hears_data)):
            if may_deliver(self._strand or self._own_strand()):
                if self._awaited:
                    self._awaited.clear()
                self._did_read = True
                self._fire('data', chunk)
                if not self._reading_more:
                    self._read_more()
                return
            self._need_readable = True  # another thread pushed: the listeners have their turn
        self._append(chunk)
        if self._need_readable:
            self._announce()
        self._read_more()

    def _converted(self, chunk: Any, encoding: str | None, in_front: bool = False) -> Any:
        """Return a chunk as the buffer holds them: bytes, or str after setEncoding(). None, and the stream
        fails: a wrong type.
        """
        if isinstance(chunk, str):
            given = encodings.normalized(encoding or self._push_encoding)
            if given == self._read_encoding:
                return chunk
            chunk = encodings.encode(chunk, given)
        elif type(chunk) is not bytes:
            try:
                chunk = bytes(memoryview(chunk))
            except TypeError:
                self._fail(errors.invalid_arg_type('chunk', CHUNK_TYPES, chunk))
                return None
        if self._decoder is None:
            return chunk
        if in_front:
            return encodings.decoder(self._read_encoding).decode(chunk, True)
        return self._decoder.decode(chunk)

    def unshift(self, chunk: Any, encoding: str | None = None) -> bool:
        """Put data that was read by mistake back in front. Not after 'end'. ("readable.unshift(chunk[,
        encoding])")
        """
        with monitor:
            if chunk is None:
                self._end_of_input()
                return False
            if not self._read_objects:
                chunk = self._converted(chunk, encoding, in_front=True)
                if not chunk:
                    self._reading = False
                    self._read_more()
                    return chunk is not None and self._wants_more()
            if self._input == ENDED:
                self._fail(errors.with_caller(errors.node_error('ERR_STREAM_UNSHIFT_AFTER_END_EVENT')))
                return False
            if self._life >= DOOMED or self._errored is not None:
                return False
            if self._flowing and not self._length and not self._asking and self._is_data_heard():
                self._deliver(chunk)
            else:
                self._put_back(chunk)
                if self._need_readable:
                    self._announce()
                self._read_more()
            return self._wants_more()

    def _put_back(self, chunk: Any) -> None:
        if self._buffer is NOTHING:
            self._buffer = deque()
        size = 1 if self._read_objects else len(chunk)
        self._length += size
        if self._offset:
            first = self._buffer[0]
            if first[:self._offset].endswith(chunk):  # what was just read: as if it had not been
                self._offset -= size
                return
            self._buffer[0], self._offset = first[self._offset:], 0
        self._buffer.appendleft(chunk)

    def _end_of_input(self) -> None:
        """push(None): nothing more comes from the source."""
        self._reading = False
        if self._input != MORE:
            return
        if self._decoder is not None:
            rest = self._decoder.decode(b'', True)
            if rest:
                self._append(rest)
        self._input = EOF
        if self._asking or not may_deliver(self._strand or self._own_strand()):
            self._announce()
        else:
            self._need_readable = False
            self._emitted_readable = True
            self._announce_now()

    def _append(self, chunk: Any) -> None:
        if self._buffer is NOTHING:
            self._buffer = deque()
        self._buffer.append(chunk)
        self._length += 1 if self._read_objects else len(chunk)

    def _wants_more(self) -> bool:
        return self._input == MORE and (self._length < self._read_mark or not self._length)

    # Asking the source

    def _ask(self) -> None:
        """Call `_read`."""
        self._reading = self._asking = True
        if not self._length:
            self._need_readable = True
        try:
            call_hook(self._read, self._read_mark)
        except Exception as error:
            self._fail(error)
        finally:
            self._asking = False

    def _read_more(self) -> None:
        """See to it that the buffer is filled up to the mark, beginning in the next tick."""
        if not self._reading_more and self._input == MORE and self._life != CONSTRUCTING:
            self._reading_more = True
            self._tick(self._fill)

    def _fill(self) -> None:
        while not self._reading and self._input == MORE and (
                self._length < self._read_mark or (self._flowing and not self._length)):
            before = self._length
            self._take(0)
            if self._length == before:
                break  # it will push later, or not at all
        self._reading_more = False

    # To the consumer

    def read(self, size: float | None = None) -> Any:
        """Take `size` bytes out of the buffer, or all of it; None if there is not that much (yet). Does not
        wait.

        At the end of the stream what is left is returned even if it is less. In object mode: the next object.
        Whatever is returned is emitted as 'data' too. ("readable.read([size])")
        """
        if size is not None and size > LARGEST_READ:
            raise errors.node_error('ERR_OUT_OF_RANGE', 'size', '<= 1GiB', size)
        with monitor:
            return self._take(None if size is None else int(size))

    def _take(self, size: int | None) -> Any:
        """What `read` does. `size` 0 takes nothing, it only has the source asked or the consumer told."""
        if size is not None and size > self._read_mark:
            self._read_mark = 1 << (size - 1).bit_length()
        if size != 0:
            self._emitted_readable = False
        if not self._length and self._input != MORE:
            self._end()
            return None
        if size == 0 and self._need_readable and (self._input != MORE or (
                self._length >= self._read_mark if self._read_mark else self._length)):
            self._announce()
            return None
        count = self._takeable(size)
        if not count and self._input != MORE:
            return None
        if (self._input == MORE and not self._reading and self._life == OPEN and self._errored is None
                and (self._need_readable or not self._length or self._length - count < self._read_mark)):
            self._ask()
            if not self._reading:
                count = self._takeable(size)
        return self._taken(count, size)

    def _taken(self, count: int, size: int | None) -> Any:
        """Take `count` bytes (or an object) out; ask, end or tell as the buffer now is."""
        if not count:
            self._need_readable = self._length <= self._read_mark
            if not self._length and self._input == MORE:
                self._need_readable = True
            return None
        chunk = self._cut(count)
        if self._awaited:
            self._awaited.clear()
        if not self._length:
            if self._input == MORE:
                self._need_readable = True
            elif size != count:
                self._end()
        if not self._error_emitted and self._life != GONE:
            self._did_read = True
            self._fire('data', chunk)
        return chunk

    def _read_quietly(self) -> Any:
        """`read`, for iterations. Where the source need not be asked, because it was or has ended, nearly
        always all that is there is one chunk, and nobody hears of it."""
        if ((self._input == MORE and not self._reading) or len(self._buffer) != 1 or self._offset
                or self._read_objects or self._errored is not None
                or not self._events.keys() <= HEARD_BY_ITERATION or not self._has_plain_emit()
                or getattr(self.read, '__func__', None) is not _PLAIN_READ):
            return self.read()
        self._length, self._did_read, self._emitted_readable = 0, True, False
        if self._input == MORE:
            self._need_readable = True
        else:
            self._end()
        return self._buffer.popleft()

    def _takeable(self, size: int | None) -> int:
        """How much a read of `size` can have now: 0 if it has to wait."""
        if not self._length or (size is not None and size <= 0):
            return 0
        if self._read_objects:
            return 1
        if size is None:
            return len(self._buffer[0]) - self._offset if self._flowing else self._length
        if size <= self._length:
            return size
        return self._length if self._input != MORE else 0

    def _cut(self, count: int) -> Any:
        """Take `count` bytes or characters, or one object, out of the buffer."""
        buffer = self._buffer
        self._length -= count
        if self._read_objects:
            return buffer.popleft()
        if count == len(buffer[0]) and not self._offset:
            return buffer.popleft()
        parts = []
        while count:
            first = buffer[0]
            part = first[self._offset:self._offset + count] if self._offset or count < len(first) else first
            parts.append(part)
            count -= len(part)
            self._offset += len(part)
            if self._offset == len(first):
                buffer.popleft()
                self._offset = 0
        return parts[0] if len(parts) == 1 else type(parts[0])().join(parts)

    def _announce(self) -> None:
        """Emit 'readable', or let it flow, in the next tick."""
        self._need_readable = False
        if not self._emitted_readable:
            self._emitted_readable = True
            self._tick(self._announce_now)

    def _announce_now(self) -> None:
        if self._life < DOOMED and self._errored is None and (self._length or self._input != MORE):
            self._fire('readable')
            self._emitted_readable = False
        self._need_readable = not self._flowing and self._input == MORE and self._length <= self._read_mark
        self._flow()

    def _flow(self) -> None:
        # (While the source is being asked, what is empty stays so.)
        while self._flowing and (self._length or not self._reading) and self._take(None) is not None:
            pass

    def _go_on(self) -> None:
        """A listener waits: let others have what is behind its event."""
        self._flow()

    def _end(self) -> None:
        """Everything was taken: 'end' in the next tick."""
        if self._input == EOF and not self._end_scheduled:
            self._end_scheduled = True
            self._tick(self._emit_end)

    def _emit_end(self) -> None:
        self._end_scheduled = False
        if self._errored is None and self._life != GONE and self._input == EOF and not self._length:
            self._input = ENDED
            self._before_end()
            self._fire('end')
            self._after_end()

    def _before_end(self) -> None:
        """'end' is about to be emitted; for subclasses."""

    def _after_end(self) -> None:
        if self._auto_destroy and self._is_over():
            self._destroy_once()

    def _is_over(self) -> bool:
        return self._input == ENDED and super()._is_over()

    # Flowing and paused

    def resume(self) -> Self:
        """Let the stream flow: 'data' events, or nothing if nobody listens. No effect beside 'readable'
        listeners.

        ("readable.resume()")
        """
        with monitor:
            self._resume_soon()
        return self

    def _resume_soon(self) -> None:
        if not self._flowing:
            # With a 'readable' listener it is that which reads; the tick still makes sure that something
            # moves.
            self._flowing = not self._has_readable_listener
            if not self._resume_scheduled:
                self._resume_scheduled = True
                strand = self._strand or self._own_strand()
                hold(strand)
                add_tick(strand, self._resume, ())
        self._paused = False

    def _resume(self) -> None:
        if not self._reading:
            self._take(0)
        self._resume_scheduled = False
        self._fire('resume')
        self._flow()
        if self._flowing and not self._reading:
            self._take(0)

    def pause(self) -> Self:
        """Stop the 'data' events; what comes is buffered. ("readable.pause()")"""
        with monitor:
            if self._flowing is not False:
                self._flowing = False
                self._fire('pause')
            self._paused = True
        return self

    def _listener_added(self, name: str, prepend: bool) -> None:
        if prepend:  # as Node: that changes nothing
            if name == 'data' and len(self._events.get('data', ())) == 1:
                self._hears_data = self._hears_data or False
            return
        with monitor:
            if name == 'readable':
                self._listen_for_readable()
            else:
                if self._hears_data is not None:
                    self._hears_data = None
                if 'readable' in self._events:
                    self._has_readable_listener = True
                if self._flowing is not False:
                    self._resume_soon()

    def removeAllListeners(self, eventName: str | None = None) -> Self:
        """Remove all listeners, or all of one event. As in Node the stream goes on as if somebody listened to
        'data', which is lost."""
        hears_data = (eventName is None or eventName == 'data') and self._is_data_heard()
        if eventName is None and 'readable' not in self._events:
            self._tick(self._reconsider_flowing)
        super().removeAllListeners(eventName)
        if hears_data and 'removeListener' not in self._events:
            self._hears_data = True
        return self

    def _is_data_heard(self) -> bool:
        return 'data' in self._events if self._hears_data is None else self._hears_data

    def _listen_for_readable(self) -> None:
        if self._input == ENDED or self._has_readable_listener:
            return
        self._has_readable_listener = self._need_readable = True
        self._flowing = False
        self._emitted_readable = False
        self._hold_events()
        if self._length:
            self._announce()
        elif not self._reading:
            self._tick(self._take, 0)

    def _set_listeners(self, name: str, listeners: Any) -> None:
        super()._set_listeners(name, listeners)
        if name == 'data':
            if not listeners and self._hears_data is not None:
                self._hears_data = None
        elif name == 'readable':
            # In a tick: a listener that is replaced by another must not make the stream flow in between.
            self._tick(self._reconsider_flowing)

    def _reconsider_flowing(self) -> None:
        self._has_readable_listener = 'readable' in self._events
        if self._resume_scheduled and self._paused is False:
            self._flowing = True
        elif self._is_data_heard():
            self.resume()
        elif not self._has_readable_listener:
            self._flowing = None

    # Pipes

    def pipe(self, destination: Any, options: Options = None, **kwargs: Any) -> Any:
        """Write everything to `destination`, no faster than it takes it; end it at 'end' unless the option
        `end` is False.

        `destination` is a Writable, or a Python binary file: that is flushed at the end and left open.
        Returns `destination`, for a file the Writable that writes to it. Errors are not passed on: see
        `pipeline`. Raises TypeError ERR_INVALID_ARG_TYPE. ("readable.pipe(destination[, options])")
        """
        sink = sink_of(destination)
        if not hasattr(sink, 'on'):
            raise errors.invalid_arg_type('destination', 'an instance of Writable or a binary file', sink)
        with monitor:
            pipe = Pipe(self, sink, destination, merged(options, kwargs).get('end', True))
            self._pipes = (*self._pipes, pipe)
        pipe.start()
        return sink

    def unpipe(self, destination: Any = None) -> Self:
        """End the pipe to `destination`, or all pipes. ("readable.unpipe([destination])")"""
        with monitor:
            ended = [pipe for pipe in self._pipes if destination is None or pipe.leads_to(destination)]
            if destination is not None:
                ended = ended[:1]
            if not ended:
                return self
            self._pipes = tuple(pipe for pipe in self._pipes if pipe not in ended)
            if destination is None or not self._pipes:
                self.pause()
        for pipe in ended:
            pipe.ended(has_unpiped=destination is None)
        return self

    def _pause_for(self, destination: Any) -> None:
        """A destination is full: stop until it, and whoever else is, has drained."""
        if any(pipe.sink is destination for pipe in self._pipes):
            if not self._awaited:
                self._awaited = set()
            self._awaited.add(destination)
        self.pause()

    def _drained(self, destination: Any) -> None:
        if self._awaited:
            self._awaited.discard(destination)
        if not self._awaited and self._is_data_heard():
            self.resume()

    # Encoding

    def setEncoding(self, encoding: str | None = None) -> Self:
        """Give str instead of bytes from now on, also for what is buffered; characters are never split.

        TypeError ERR_UNKNOWN_ENCODING. ("readable.setEncoding(encoding)")
        """
        with monitor:
            self._set_encoding(encoding)
        return self

    def _set_encoding(self, encoding: str | None) -> None:
        self._decoder = decoder = encodings.decoder(encoding)
        self._read_encoding = encodings.normalized(encoding)
        if self._length and not self._read_objects:
            chunks, self._length = [], self._length
            while self._length:
                chunks.append(self._cut(len(self._buffer[0]) - self._offset))
            text = ''.join(chunk if isinstance(chunk, str) else decoder.decode(chunk) for chunk in chunks)
            if text:
                self._buffer.append(text)
            self._length = len(text)

    # Iteration

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the chunks, waiting for each: this callback or thread waits, nobody else.

        Raises what the stream is destroyed with, and ERR_STREAM_PREMATURE_CLOSE if it closes before its end.
        Leaving the loop early destroys the stream. ("readable[Symbol.asyncIterator]()")
        """
        return iterate(self, True)

    def iterator(self, options: Options = None, **kwargs: Any) -> Iterator[Any]:
        """As iteration; with the option `destroyOnReturn` False leaving the loop early does not destroy the
        stream.

        ("readable.iterator([options])")
        """
        return iterate(self, merged(options, kwargs).get('destroyOnReturn', True))

    def _bring(self) -> bool:
        """An iteration has found nothing and is about to wait: bring what can be had without. Overridable.

        Returns whether there may be something to read now.
        """
        return False

    def _end_at_once(self, alone_with: Any) -> bool:
        """Has the stream ended for the iteration that asks? 'end' and 'close' need not be waited for if
        nobody but `alone_with`, its own Finish, listens to them."""
        if self._input == EOF and not self._length and self._life == OPEN and self._errored is None:
            heard_by = 0 if alone_with is None else 1
            if self.listenerCount('end') == heard_by and self.listenerCount('close') == heard_by:
                self._emit_end()
        if self._input != ENDED or self._errored is not None:
            return False
        return self._life >= CLOSED or not (self._auto_destroy and self._is_over())

    def _iteration_left(self) -> None:
        """An iteration was left before the end, by `break` or an exception: nobody will read the rest.
        Overridable.
        """
        self._destroy_unread()

    def _destroy_unread(self) -> None:
        self._destroy_once(None if self._is_over() else errors.abort_error())

    # Others as sources

    def wrap(self, stream: Any) -> Self:
        """Read from an old-style stream: one that emits 'data' and 'end' and has at most `pause` and
        `resume`.

        ("readable.wrap(stream)")
        """
        from nodehttp._from import wrap
        wrap(self, stream)
        return self

    @staticmethod
    def from_(iterable: Any, options: Options = None, **kwargs: Any) -> Readable:
        """Make a Readable of an iterable (in object mode, item by item), of a str or bytes (one chunk), or of
        a binary file.

        The iterable may block. It is closed when the stream is destroyed, a file is not. TypeError
        ERR_INVALID_ARG_TYPE for what cannot be iterated. ("stream.Readable.from(iterable[, options])")
        """
        from nodehttp._from import from_
        return from_(iterable, merged(options, kwargs))

    @staticmethod
    def isDisturbed(stream: Any) -> bool:
        """Has the stream been read from, or destroyed? ("stream.Readable.isDisturbed(stream)")"""
        return bool(getattr(stream, 'readableDidRead', False) or getattr(stream, 'readableAborted', False))


_PLAIN_READ = Readable.read
