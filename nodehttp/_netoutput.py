"""How a socket is written: at once, from whichever thread calls `write`, as far as the kernel takes it; the
rest waits until the poller says that there is room.

Nearly always the kernel takes everything, and nothing waits before it. That is the short path, for a single
write as for those that were corked.
"""

from __future__ import annotations

import socket as sockets
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from nodehttp import errors
from nodehttp._handles import CHUNKS_AT_ONCE, SEND_FLAGS
from nodehttp._netidle import Idleness
from nodehttp._stream import OPEN, Function
from nodehttp._writable import WRITING, chunk_of
from nodehttp.monitor import internal_hook
from nodehttp.threadpool import beside_others, pool
from nodehttp.watch import Watch

NOT_TRIED = -1
# Bytes. What is longer together goes out as a list (sendmsg) rather than joined: the copy would cost more.
JOIN_LIMIT = 16384


class Output(Idleness):
    """The part of net.Socket that writes."""

    __slots__ = (
        '_dispatched', '_first_write', '_link', '_unsent', '_wants_write', '_watch', '_write_callback')

    _watch: Watch | None
    _link: sockets.socket | None  # the handle; None while there is no connection
    _wants_write: bool  # wait until the handle can be written
    _dispatched: int  # bytes handed over to be sent
    _sent_ahead = NOT_TRIED  # bytes on their way to `_write` that the kernel has taken already
    _overdue = 0  # chunks in the queue that are corked for longer than anybody may notice
    _unsent: deque[Any] | None  # what the kernel has not taken yet of the write in progress
    _write_callback: Function | None  # of that write
    _first_write: tuple[list[Any], Function] | None  # waits for the connection

    def _update_interest(self) -> None:
        """Tell the poller what is waited for."""
        raise NotImplementedError

    def _catch_up(self) -> None:
        """Do what has waited for the connection; among the listeners of 'connect' as in Node."""
        raise NotImplementedError

    def _accept(self, chunk: Any, encoding: str | None, callback: Function | None) -> bool:
        """The short path: nothing waits before this chunk, and the kernel takes all of it."""
        if self._corked:
            return self._queue_up(chunk, encoding, len(chunk), callback)
        link = self._link
        if link is None or self._writing or self._queue or self._errored is not None:
            return super()._accept(chunk, encoding, callback)
        if (pool.detached or pool.visits) and (caller := beside_others()):
            return self._accept_apart(caller, link.send, chunk, callback)
        try:
            sent = link.send(chunk, SEND_FLAGS)
        except BlockingIOError:
            sent = 0
        except OSError:
            return super()._accept(chunk, encoding, callback)  # which runs into the same error
        if sent != len(chunk):
            self._sent_ahead = sent
            return super()._accept(chunk, encoding, callback)
        self._dispatched += sent
        if self.timeout:
            self._touch()
        if callback is not None:
            self._pending += 1
            self._tick(self._after_write, callback)
        return True

    def _accept_apart(
            self, caller: int, send: Callable[..., int], chunk: Any, callback: Function | None) -> bool:
        """The same in a callback that goes on without the baton, or in a visit, as others do beside it. They
        would pile up at the monitor, so they have that during the system call. What they write comes behind
        this."""
        size, self._calling, self._writing = len(chunk), caller, True
        self._pending += 1
        try:
            sent = self._watch.apart(send, chunk, SEND_FLAGS)  # type: ignore[union-attr]
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = NOT_TRIED  # the next attempt runs into the same error
        if self._calling != caller:  # destroyed meanwhile, and connected anew: it was for the old connection
            if callback is not None:
                failure = None if sent == size else errors.system_error('ECANCELED', 'write')
                self._tick(callback, failure)
            return False
        self._calling = 0
        self._writing = False
        if sent != size:
            self._write_length += size
            if self._link is not None:
                self._sent_ahead = sent
            self._call_write(chunk, 'buffer', size, callback)
            return self._has_room()
        self._dispatched += size
        if self.timeout:
            self._touch()
        if callback is None and not self._queue and self._output == WRITING and self._life == OPEN:
            self._pending -= 1
            return self._errored is None
        # It may have been ended or destroyed meanwhile.
        self._tick(self._after_write, callback)
        self._flush_queue()
        return self._has_room()

    def _flush_queue(self) -> None:
        """The same for what was corked: the kernel takes all of it at once."""
        if self._overdue and not self._corked:
            self._overdue = 0
        queue, link, size = self._queue, self._link, self._write_length
        if (not queue or link is None or self._corked or self._writing or self._calling or self._flushing
                or self._errored is not None or self._life != OPEN or size > JOIN_LIMIT):
            super()._flush_queue()
            return
        data = queue[0][0] if len(queue) == 1 else b''.join(map(chunk_of, queue))
        try:
            sent = link.send(data, SEND_FLAGS)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = NOT_TRIED
        if sent != size:
            self._sent_ahead = sent
            super()._flush_queue()
            return
        self._dispatched += size
        if self.timeout:
            self._touch()
        self._write_length = 0
        self._end_write(self._take_queue())

    @property
    def writableLength(self) -> int:
        """Bytes that wait to be written. ("writable.writableLength")"""
        overdue = sum(len(item[0]) for item in islice(self._queue, self._overdue)) if self._overdue else 0
        return self._write_length - overdue

    def _send_overdue(self) -> None:
        """The socket is about to be destroyed: what would have left by now leaves yet."""
        count, self._overdue = min(self._overdue, len(self._queue)), 0
        if self._link is not None:
            data = b''.join([self._queue.popleft()[0] for _ in range(count)])
            self._write_length -= len(data)
            self._pending -= count
            try:
                self._dispatched += self._link.send(data, SEND_FLAGS)
            except OSError:  # nobody is left to be told
                pass

    @internal_hook
    def _write(self, chunk: Any, encoding: str | None, callback: Function) -> None:
        self._transmit([chunk], callback)

    @internal_hook
    def _writev(self, items: list[Any], callback: Function) -> None:
        self._transmit([item[0] for item in items], callback)

    def _transmit(self, chunks: list[Any], callback: Function) -> None:
        """Send all chunks, then call back; copies nothing."""
        if self.connecting:
            self._first_write = chunks, callback
            self.once('connect', self._catch_up)
        elif self._link is None:
            callback(errors.node_error('ERR_SOCKET_CLOSED'))
        else:
            self._dispatched += sum(map(len, chunks))
            self._unsent, self._write_callback = deque(chunks), callback
            if self._sent_ahead == NOT_TRIED:
                self._send_unsent()
            else:
                ahead, self._sent_ahead = self._sent_ahead, NOT_TRIED
                self._sent(ahead)

    def _send_unsent(self) -> None:
        unsent, handle = self._unsent, self._handle
        assert unsent is not None and handle is not None
        try:
            if len(unsent) == 1:
                sent = handle.send(unsent[0], SEND_FLAGS)
            else:
                sent = handle.sendmsg(list(islice(unsent, CHUNKS_AT_ONCE)), (), SEND_FLAGS)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._write_over(errors.os_error(error, 'write'))
            return
        self._sent(sent)

    def _sent(self, count: int) -> None:
        """The kernel has taken `count` bytes: wait for room, or go on to the next write."""
        if count and self.timeout:
            self._touch()
        unsent = self._unsent
        assert unsent is not None
        while unsent and count >= len(unsent[0]):
            count -= len(unsent.popleft())
        if not unsent:
            self._write_over(None)
            return
        if count:
            unsent[0] = memoryview(unsent[0])[count:]
        if not self._wants_write:
            self._wants_write = True
            self._update_interest()

    def _write_over(self, error: Any) -> None:
        callback, self._write_callback, self._unsent = self._write_callback, None, None
        waited, self._wants_write = self._wants_write, False
        assert callback is not None
        callback(error)
        if waited:  # and not before: often the next write waits at once
            self._update_interest()
