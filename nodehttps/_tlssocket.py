"""TLSSocket: a Socket whose bytes travel encrypted over another stream, the *wire* (see _wired.py).

OpenSSL works between two buffers in memory: what comes from the wire goes into `_incoming`, what it wants to
send is taken out of `_outgoing`. It never waits, so no thread does either. How far the connection is, and how
it gets there, is in _handshake.py; what can be asked about it in _tlsinfo.py.

Input that is decrypted stays in the object (`_decrypted`) while anything else is told, and all that has
arrived is decrypted before any of it is delivered: whoever waits in a listener can be given the rest.
"""

from __future__ import annotations

import ssl
from collections import deque
from functools import partial
from typing import Any, Self

from nodehttp import errors
from nodehttp._duplex import Duplex
from nodehttp._netoptions import connect_arguments
from nodehttp._netoutput import NOT_TRIED
from nodehttp._readable_state import MORE
from nodehttp._stream import DOOMED, Function, Options, merged
from nodehttp.checks import check_signal
from nodehttp.listeners import internal
from nodehttp.monitor import internal_hook, monitor
from nodehttp.threadpool import call_checking, call_closing, call_soon, has_baton, hold, pool
from nodehttps._errors import disconnected, ssl_error, unavailable
from nodehttps._handshake import CHECKING, CHOOSING, HELLO, IDLE, OVER, SECURE, SHAKING, Handshake

RECORD = 16384  # bytes of data that one record holds at most
# Bytes that are encrypted at once. More would be in memory twice, and hold the monitor for long.
BATCH = 1 << 18

# Options that Node has and Python's ssl cannot do.
_IMPOSSIBLE = ('pskCallback', 'pskIdentityHint', 'requestOCSP', 'enableTrace', 'minDHSize', 'onread')


class TLSSocket(Handshake):
    """An encrypted connection. ("Class: tls.TLSSocket")

    `TLSSocket(socket=None, options=None)`; options: isServer, server, secureContext (or those of
    createSecureContext), requestCert, rejectUnauthorized, ALPNProtocols, ALPNCallback, SNICallback, session,
    servername, and those of net.Socket. Any thread may call any method.
    """

    encrypted = True

    # Bytes of short writes that the wire has taken and nobody wants to be told of. As in Node they count as
    # written from the next check phase on; but nobody comes back for that.
    _silent = 0
    _silent_since = 0  # the check phase before them
    _decrypted = b''  # on its way to the reader
    _failure: ssl.SSLError | None = None  # of OpenSSL: nothing can be decrypted any more, nor encrypted
    _peer_ended = False  # the peer has said that it sends no more
    _has_begun = False  # had the handshake, when the socket was destroyed?
    _wire_is_closed = False
    _is_end_told = False

    def __init__(self, socket: Any = None, options: Options = None, **kwargs: Any) -> None:
        given = merged(options, kwargs)
        for name in _IMPOSSIBLE:
            if given.get(name):
                raise unavailable(f'options.{name}')
        if socket is not None and not isinstance(socket, Duplex):
            raise errors.invalid_arg_type('socket', 'an instance of stream.Duplex', socket)
        self._take_tls_options(given)
        with monitor:
            self._put_on(socket, given)
            check_signal('signal', given.get('signal'))
            for_stream: dict[str, Any] = {
                name: given[name] for name in ('highWaterMark', 'signal') if name in given}
            if for_stream:
                hold(self._strand)
                Duplex.__init__(self, for_stream)
            if socket is not None:
                self._begin_with_wire()

    @classmethod
    def _accepted(cls, wire: Any, server: Any) -> Self:
        """For a server, which has looked at its options: put TLS on a connection that it has accepted."""
        self = cls.__new__(cls)
        self._take_options_of(server)
        self._put_on(wire, {})
        self._begin_with_wire()
        return self

    def _put_on(self, socket: Any, options: dict[str, Any]) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._untold: deque[tuple[int, Function | None]] = deque()
        self._take_wire(socket, options)
        self._wire._listen({'error': self._wire_failed, 'close': self._wire_closed})

    def __repr__(self) -> str:
        return f'<TLSSocket {self._state} {self.readyState}{self._describe()}>'

    # The wire

    def _begin_with_wire(self) -> None:
        if self._wire.destroyed:
            self._tick(self._wire_closed)
        elif self._is_on_socket and self._wire.connecting:
            self._wire.once('connect', internal(self._wire_connected))
        elif self._is_server and self._tls_server is not None:
            self._begin()  # on the strand of the wire, in its 'connection' event
        else:
            hold(self._strand)
            self._tick(self._begin)

    def connect(self, *args: Any, **kwargs: Any) -> Self:
        """Connect as `net.Socket.connect`; 'secureConnect' follows 'connect'."""
        options, listener = connect_arguments(args, kwargs)
        with monitor:
            if listener is not None:
                self.once('connect', listener)
            self._connect_options = options
            if self.timeout:
                self._touch()
            self._wire.once('connect', internal(self._wire_connected))
            self._wire.on('ready', internal(self._wire_ready))
            self._wire.connect(options)
        return self

    def _wire_connected(self) -> None:
        if self.timeout:
            self._touch()
        if self._state is IDLE:
            self._begin()
        self._fire('connect')
        if self._state is OVER:  # in 'connect'
            self._catch_up()
        elif self._first_final is not None:
            callback, self._first_final = self._first_final, None
            self._final(callback)

    def _wire_ready(self) -> None:
        self._fire('ready')

    def _begin(self) -> None:
        """The wire is connected."""
        if self._state is not IDLE:
            return
        if self._is_server:
            self._go_to(HELLO)
        else:
            self._begin_as_client()
        if self._state is not OVER:
            if self._is_on_socket:
                self._wire._lend(self._on_wire, self._wire_ended, self._wire_failed)
            else:
                self._wire.on('data', internal(self._on_wire)).on('end', internal(self._wire_ended))
            if self._state is SHAKING:
                self._shake(is_first=True)

    @internal
    def _wire_failed(self, error: Any) -> None:
        if self._state is OVER:
            return
        if self._state is SECURE:
            is_done = self._peer_ended and self.writableEnded and not self._write_length
            self._destroy_once(None if is_done else error)
        else:
            self._fail_handshake(error)

    def _wire_ended(self) -> None:
        """The peer sends no more, with or without having said so before."""
        if self._state in (SECURE, CHECKING):
            self._peer_ended = True
            if self._state is SECURE:
                self._deliver_input()
        elif self._state is not OVER:
            if self._is_server:
                self._destroy_once()
            else:
                self.prependOnceListener('end', internal(self._ended_too_early))
                self._on_end_of_input()

    def _ended_too_early(self) -> None:
        if self._state is not OVER:
            self._destroy_once(disconnected(self._connect_options))

    @internal
    def _wire_closed(self, *_: Any) -> None:
        self._wire_is_closed = True
        if self._state is OVER:
            return
        if self._state is SECURE and self._peer_ended and self.writableFinished and not self.readableEnded:
            return  # all has been said, but not all has been read
        if self._state is SECURE or self._state is IDLE or self._is_server:
            self._destroy_once()
        else:
            self._destroy_once(disconnected(self._connect_options))

    def _on_wire(self, data: bytes) -> None:
        """Bytes have come. The wire's consumer."""
        state = self._state
        if self.timeout:
            self._touch()
        if self._records is not None:
            self._records.received(data)
        if state is SECURE:
            self._incoming.write(data)
            self._deliver_input()
        elif state is SHAKING:
            self._incoming.write(data)
            self._shake(data)
        elif state is HELLO:
            self._hello += data
            self._look_at_hello()
        elif state is CHOOSING:
            self._hello += data
        elif state is CHECKING:
            self._incoming.write(data)

    # Reading

    def _deliver_input(self) -> None:
        """Decrypt all that has arrived and hand it on."""
        if self._state is not SECURE:
            return
        self._decrypt()
        records = self._records
        if records is not None and records.surplus and 'session' in self._events and self._has_new_ticket():
            self._tell_session()
        data, self._decrypted = self._decrypted, b''
        if data and self._state is SECURE:
            self.bytesRead += len(data)
            self._received(data)
        if self._outgoing.pending:  # what was answered to the data has taken it along
            self._flush_outgoing()
        if (self._failure is None and not self._peer_ended) or self._state is not SECURE:
            return
        if data:  # what follows from the data comes first, as in Node
            call_soon(self._deliver_input, strand=self._strand)
        elif self._failure is not None:
            self._destroy_once(ssl_error(self._failure))
        elif self._input == MORE and not self._decrypted and (self._receiving or self._consumer is None):
            self._on_end_of_input()

    def _decrypt(self) -> None:
        """Bring the data of all complete records to `_decrypted`, and what is wrong with the next one to
        `_failure`."""
        tls: Any = self._tls
        incoming, parts = self._incoming, []
        if not incoming.pending:  # OpenSSL reads no further than to the end of a record
            return
        try:
            while data := tls.read(RECORD):
                parts.append(data)
                if not incoming.pending:
                    break  # nothing more: an exception that says so would cost more than all of this
            else:
                self._note_end()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._note_end()
        except ssl.SSLError as error:
            self._give_up(error)
        if parts:
            data = parts[0] if len(parts) == 1 else b''.join(parts)
            self._decrypted = self._decrypted + data if self._decrypted else data
            if self._records is not None:
                self._records.decrypted(len(data))

    def _give_up(self, error: ssl.SSLError) -> None:
        """OpenSSL has: tell the peer why, if there is an alert for that. What it says later names nothing."""
        if self._failure is None:
            self._failure = error
            self._flush_outgoing()

    def _note_end(self) -> None:
        self._peer_ended = True
        if self._records is not None:
            self._records.ended()

    def _is_stale(self) -> bool:
        return self._peer_ended or super()._is_stale()

    def _is_cut_off(self) -> bool:
        return self._is_stale()  # a close_notify is no end of the wire

    def _has_new_ticket(self) -> bool:
        """TLS 1.3: has a session come after the handshake?"""
        inner = self._current_session()
        return inner is not None and inner.has_ticket and inner.id != self._told_session

    def _update_interest(self) -> None:
        wire = self._wire
        if self._state is OVER or (self._is_on_socket and wire.connecting):
            return
        # What arrives while somebody is asked about the handshake would only heap up.
        if self._receiving if self._state is SECURE else self._state not in (CHOOSING, CHECKING):
            wire._start_reading() if self._is_on_socket else wire.resume()
            if self._peer_ended:  # known, but not told: the consumer had stopped
                call_soon(self._deliver_input, strand=self._strand)
        elif self._is_on_socket:
            wire._stop_reading()
        else:
            wire.pause()

    def _go_on(self) -> None:
        self._deliver_input()
        self._flow()

    # Writing

    def _accept(self, chunk: Any, encoding: str | None, callback: Function | None) -> bool:
        """The short path: nothing waits before this chunk, and the wire takes all of it at once. Not where
        other threads may write while the wire is sending (`_accept_apart` of that)."""
        size = len(chunk)
        if (self._state is not SECURE or self._writing or self._queue or self._corked
                or self._errored is not None or size > BATCH
                or (pool.detached and pool.is_caller_detached())):
            if self._silent:
                self._count_silent()
            return super()._accept(chunk, encoding, callback)
        if size:
            is_encrypted = self._encrypt(chunk)
            if not is_encrypted or not self._send_encrypted():
                if is_encrypted:  # else the next attempt meets the same failure
                    self._sent_ahead = size
                if self._silent:
                    self._count_silent()
                return super()._accept(chunk, encoding, callback)
            self._dispatched += size
            if self.timeout:
                self._touch()
        if callback is None and has_baton():
            silent = self._silent_length() + size
            if self._write_length + silent < self._write_mark:
                self._silent, self._silent_since = silent, pool.checks
                return True
        if self._silent:
            self._count_silent()
        self._write_length += size
        self._pending += 1
        self._tell_later(size, callback)
        return self._has_room()

    def _silent_length(self) -> int:
        return self._silent if self._silent_since == pool.checks else 0

    def _count_silent(self) -> None:
        """What was written in silence is to be told of, before anything else."""
        size, self._silent = self._silent_length(), 0
        if size:
            self._write_length += size
            self._pending += 1
            self._tell_later(size, None)

    def _begin_to_end(self) -> errors.NodeError | None:
        if self._silent:
            self._count_silent()
        return super()._begin_to_end()

    @property
    def writableLength(self) -> int:
        """Bytes that wait to be written. ("writable.writableLength")"""
        return self._write_length + self._silent_length()

    @property
    def bufferSize(self) -> int | None:
        """Deprecated: `writableLength`. ("socket.bufferSize")"""
        return None if self.destroyed else self.writableLength

    def _tell_later(self, size: int, callback: Function | None) -> None:
        """Tell of bytes that the wire has taken, in the check phase; as in Node without ticks between them
        and others of this connection. Who visits that does it by himself."""
        if not self._untold:
            if pool.is_visited_by_caller(self._strand):
                self._tick(self._tell_untold)
            else:
                call_checking(self._tell_untold, strand=self._strand)
        self._untold.append((size, callback))

    def _tell_untold(self) -> None:
        while self._untold:
            size, callback = self._untold.popleft()
            self._write_length -= size
            self._after_write(callback)

    def _transmit(self, chunks: list[Any], callback: Function) -> None:
        ahead, self._sent_ahead = self._sent_ahead, NOT_TRIED
        if self._state is OVER:
            callback(errors.node_error('ERR_SOCKET_CLOSED'))
        elif self._state is not SECURE:
            self._first_write = chunks, callback
        else:
            self._dispatched += sum(map(len, chunks))
            self._write_callback = callback
            if ahead != NOT_TRIED:
                self._unsent = deque()
            else:
                self._unsent = deque(chunks)
                if self._encrypt_unsent() and self._tls is not None:
                    self._taken_at_once()

    def _taken_at_once(self) -> None:
        """The wire has taken everything. That is told later, but there is room for the next write at once:
        who blocks between two of them delays the check phase."""
        self._unsent = self._write_callback = None
        size, callback = self._size, self._callback
        self._writing, self._size, self._callback = False, 0, None
        self._tell_later(size, callback)
        if self._queue:
            self._flush_queue()

    def _encrypt_unsent(self) -> bool:
        """Encrypt as much as the wire takes; the rest follows when it has taken that. True if that is all."""
        unsent = self._unsent
        while unsent:
            room = BATCH
            while unsent and room > 0:
                chunk = unsent.popleft()
                if len(chunk) > BATCH:  # rather than `room`: the head before a body leaves no odd end of it
                    view = memoryview(chunk)
                    chunk = view[:BATCH]
                    unsent.appendleft(view[BATCH:])
                room -= len(chunk)
                if len(chunk) and not self._encrypt(chunk):
                    if self._failure is not None:
                        self._write_over(ssl_error(self._failure))
                    return False
            if self._outgoing.pending and not self._send_encrypted():
                return False
        return True

    def _written_at_once(self) -> None:
        if self._write_callback is not None:
            self._write_over(None)

    def _encrypt(self, data: Any) -> bool:
        """Have OpenSSL make records of this; False if it cannot."""
        tls = self._tls
        if tls is None:  # destroyed by the chunk before
            return False
        try:
            if len(data) <= self._fragment or self._fragment >= RECORD:
                tls.write(data)
            else:
                view = memoryview(data)
                for at in range(0, len(view), self._fragment):
                    tls.write(view[at:at + self._fragment])
        except ssl.SSLError as error:
            self._give_up(error)
            return False
        return True

    def _send_encrypted(self) -> bool:
        """Send what OpenSSL has made; True if the wire has taken all of it already. Else `_wire_written` is
        called when it has."""
        wire = self._wire
        if self._is_on_socket:
            wire._write_internal(self._outgoing.read())
            if not wire._writing and not wire._queue and wire._errored is None:
                return True
            wire._write_internal(b'', self._wire_written)  # behind all the rest
        else:
            wire._write_internal(self._outgoing.read(), self._wire_written)
        return False

    def _wire_written(self, error: Any = None) -> None:
        if self._unsent is None:
            return
        if error is not None:
            self._write_over(error)
        else:
            if self.timeout:
                self._touch()
            if self._encrypt_unsent():
                self._written_at_once()

    def _catch_up(self) -> None:
        """Do what has waited for the handshake."""
        if self._first_write is not None:
            (chunks, callback), self._first_write = self._first_write, None
            self._transmit(chunks, callback)

    @internal_hook
    def _final(self, callback: Function) -> None:
        """Everything is written: say so (close_notify), and end the wire."""
        if self.connecting:
            self._first_final = callback
            return
        if self._state is SECURE and self._tls is not None:
            try:
                self._tls.unwrap()
            except OSError:  # the peer's is still to come, or will not
                pass
        if self._outgoing.pending and self._wire.writable:
            self._unsent, self._write_callback = deque(), partial(self._end_wire, callback)
            if self._send_encrypted():
                call_checking(self._written_at_once, strand=self._strand)
        else:
            self._end_wire(callback)

    def _end_wire(self, callback: Function, error: Any = None) -> None:
        """All is sent: end the wire too."""
        if not self._is_on_socket:
            self._wire.end()
        elif error is None and self._wire.writable:
            error = self._wire._shut_down()
        callback(None if self._peer_ended else error)  # a peer that has ended need not hear our close_notify

    def _shut_down(self) -> None:
        """Tell the peer that nothing more is sent: for TLS inside of this one."""
        self.end()

    def _is_private(self) -> bool:
        # Functions of the user's may be asked in the handshake (checkServerIdentity).
        return self._state is SECURE and super()._is_private()

    # The end

    @internal_hook
    def _destroy(self, error: Any, callback: Function) -> None:
        self._has_begun = self._state is not IDLE
        self._go_to(OVER)
        self._forget_tls()
        for timer in (self._handshake_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        self._handshake_timer = self._idle_timer = None
        callback(error)
        self._wire.destroy()
        if self._is_on_socket and not self._wire_is_closed:
            self._wire._listen({'close': self._tell_of_end})  # behind its user's listeners, as in Node
        else:
            call_closing(self._tell_of_end, strand=self._strand)

    @internal
    def _tell_of_end(self, *_: Any) -> None:
        """What was on its way fails, and 'close'; a server's user who knows of no failure hears of one."""
        if self._is_end_told:  # and its wire was connected anew
            return
        self._is_end_told = True
        callback, self._write_callback, self._unsent = self._write_callback, None, None
        why = 'write ECANCELED'
        if self._first_write is not None:
            callback, self._first_write = self._first_write[1], None
            why = 'write EBADF' if self._is_shaken else f'{why} Canceled because of SSL destruction'
        if callback is not None and self._has_begun:
            callback(errors.system_error(why.split()[1], 'write', message=why))
        self._fire('close', self._has_failed or self._errored is not None)
        if callback is not None and not self._has_begun:
            callback(errors.node_error('ERR_SOCKET_CLOSED_BEFORE_CONNECTION'))
        if self._tls_server is not None and not self._is_shaken:
            self._tell_server(errors.connection_reset())

    def resetAndDestroy(self) -> Self:
        """Close the connection with a RST and destroy the socket. Node 25 refuses that for TLS.
        ("socket.resetAndDestroy()")"""
        with monitor:
            if self._is_on_socket and self._life < DOOMED:
                self._wire.resetAndDestroy()
            self._destroy_once()
        return self

    def _is_past(self, name: str) -> bool:
        return self._is_end_told if name == 'close' else super()._is_past(name)
