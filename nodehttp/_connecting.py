"""How a Socket gets connected: the name is looked up, the addresses are tried one after the other.

With more than one address each but the last has `autoSelectFamilyAttemptTimeout` ms; then the next one is
tried, the families in turn. That is Node's reading of RFC 8305: one attempt at a time, a slow one is given
up.

A `Connecting` is one call of `connect()`. It drives the socket through these, and is done:

    LOOKING -> ATTEMPTING (again for each address) -> DONE

Everything runs with the monitor held, as items of the socket's strand. Each emission may end the socket:
`_is_over` asks.
"""

from __future__ import annotations

import errno
import socket as sockets
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from nodehttp import errors, threadpool
from nodehttp._addresses import Address, alternated, isIP, resolve, socket_address
from nodehttp._handles import bind, new_handle
from nodehttp._netoptions import Target
from nodehttp.arity import adapt
from nodehttp.monitor import monitor, released
from nodehttp.record import Record
from nodehttp.threadpool import call_soon, next_tick, start_timer, submit

if TYPE_CHECKING:
    from nodehttp._netsocket import Socket

LOOKING, ATTEMPTING, DONE = 'looking', 'attempting', 'done'

# A connect() that goes on in the background, or is done.
_BEGUN = (0, errno.EINPROGRESS, errno.EINTR)


class Connecting:
    """One way of a socket from connect() to 'connect' or 'error'. All methods need the monitor."""

    def __init__(self, socket: Socket, target: Target) -> None:
        self._socket = socket
        self._target = target
        self._state = LOOKING
        self._waiting: list[Address] = []  # not tried yet
        self._current: Address | None = None  # being tried; None for a Unix socket
        self._attempted: list[str] = []
        self._errors: list[errors.SystemError] = []  # of the attempts that failed
        self._many = False
        self._is_canceled = False
        self._timer: threadpool.Timer | None = None

    def _is_over(self) -> bool:
        return self._state == DONE

    def start(self) -> None:
        """Begin; returns at once. A `lookup` function of the user's is called, and what it raises passes
        through."""
        target = self._target
        family = 0 if target.path is not None else isIP(target.host)
        if family:
            self._tick(self._attempt_only, (target.host, family))
        elif target.path is not None:
            self._tick(self._attempt_only, None)
        else:
            self._look_up()

    def cancel(self) -> None:
        """The socket is destroyed."""
        if not self._is_over():
            self._finish()
            self._is_canceled = True

    def emit_canceled(self) -> None:
        """In the closing phase: as Node, report the attempt that was cut short, if there were several
        addresses."""
        if self._is_canceled and self._many and self._current is not None:
            self._socket._fire('connectionAttemptFailed', *self._whereto(), self._error('ECANCELED'))

    def _finish(self) -> None:
        self._state = DONE
        self._stop_timer()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _tick(self, function: Any, *args: Any) -> None:
        next_tick(function, *args, strand=self._socket._strand)

    # The name

    def _look_up(self) -> None:
        target = self._target
        self._many = bool(target.auto_select and target.family not in (4, 6) and not target.local_address)
        if target.lookup is None:
            job = partial(resolve, target.host, target.family, target.hints)
            submit(job, self._resolved, self._socket._strand)
            return
        options = Record(hints=target.hints)
        if target.family:
            options['family'] = target.family
        if self._many:
            options['all'] = True
        with released():
            adapt(target.lookup)(target.host, options, self._answered)

    def _resolved(self, error: BaseException | None, addresses: list[Address] | None) -> None:
        """What the system knows of the name."""
        if addresses is not None and not self._many:
            addresses = addresses[:1]
        self._looked_up(error, addresses or [])

    def _answered(self, error: Any = None, address: Any = None, family: Any = None) -> None:
        """What the user's `lookup` calls, from any thread: one address, or with the option `all` a list of
        {address, family}."""
        if isinstance(address, (list, tuple)):
            found = [_found(item) for item in address]
        elif self._many and not isIP(address):
            found = [(None, None)]  # as in Node, which names what a list would have
        else:
            found = [(address, family)]
        with monitor:
            self._tick(self._looked_up, error, found)

    def _looked_up(self, error: Any, addresses: list[Any]) -> None:
        if self._state != LOOKING:
            return  # destroyed, or answered twice
        self._state = ATTEMPTING
        host, fire = self._target.host, self._socket._fire
        if error is not None:
            fire('lookup', error, None, None, host)
            self._fail_soon(error)
            return
        for address, family in addresses:
            fire('lookup', None, address, family, host)
            if self._is_over():
                return
        usable = alternated(found for found in addresses if isIP(found[0]) and found[1] in (4, 6))
        if not usable:
            self._fail_soon(self._unusable(*(addresses or [(None, None)])[0]))
        elif len(usable) == 1:
            self._attempt_only(usable[0])
        else:
            self._waiting = usable
            self._socket.autoSelectFamilyAttemptedAddresses = self._attempted
            self._attempt_next()

    def _unusable(self, address: Any, family: Any) -> errors.NodeError:
        if not isIP(address):
            return errors.node_error('ERR_INVALID_IP_ADDRESS', 'undefined' if address is None else address)
        host, port = self._target.host, self._target.port
        error = errors.node_error(
            'ERR_INVALID_ADDRESS_FAMILY', 'undefined' if family is None else family, host, port)
        error.host, error.port = host, port  # type: ignore[attr-defined]
        return error

    def _fail_soon(self, error: Any) -> None:
        if not self._is_over():
            self._tick(self._fail, error)

    def _fail(self, error: Any) -> None:
        if not self._is_over():
            self._finish()
            self._socket._connect_failed(error)

    # The addresses

    def _attempt_only(self, address: Address | None) -> None:
        """There is one address: its error is the error."""
        if self._is_over():
            return
        self._many = False
        error = self._attempt(address)
        if error is not None:
            self._fail(error)

    def _attempt_next(self) -> None:
        """Try addresses until one takes its time."""
        while self._waiting and not self._is_over():
            address = self._waiting.pop(0)
            self._attempted.append(f'{address[0]}:{self._target.port}')
            error = self._attempt(address)
            if self._is_over():
                return
            if error is None:
                if self._waiting:
                    self._timer = start_timer(
                        self._target.attempt_timeout, self._timed_out, strand=self._socket._strand, ref=False)
                return
            self._attempt_failed(error)
        if not self._is_over():
            self._fail(errors.aggregate_error(self._errors))

    def _attempt(self, address: Address | None) -> errors.SystemError | None:
        """Begin to connect; return an error that the system reports at once."""
        self._state, self._current = ATTEMPTING, address
        try:
            handle = new_handle(address[1] if address is not None else 0)
            self._socket._take_handle(handle)
            self._socket._update_interest()
            self._bind(handle)
        except OSError as error:  # `_bind` has put it into Node's form
            return error if isinstance(error, errors.SystemError) else self._error(_code(error.errno))
        self._socket._fire('connectionAttempt', *self._whereto())
        if self._is_over():
            return None
        return self._begin(handle)

    def _bind(self, handle: sockets.socket) -> None:
        target, address = self._target, self._current
        if address is not None and (target.local_address or target.local_port):
            local = target.local_address or ('0.0.0.0' if address[1] == 4 else '::')
            try:
                bind(handle, local, target.local_port, isIP(local))
            except OSError as error:
                code = _code(error.errno)
                raise errors.system_error(code, 'bind', local, target.local_port or None) from error

    def _begin(self, handle: sockets.socket) -> errors.SystemError | None:
        target, address = self._target, self._current
        try:
            code = handle.connect_ex(
                target.path or '' if address is None else socket_address(address[0], target.port, address[1]))
        except OSError:  # a path that is too long, a zone that is none
            code = errno.EINVAL
        if code in _BEGUN:
            self._socket._await_connection()
        elif code == errno.ECONNREFUSED or (address is None and code != errno.EINVAL):
            # Known already, but an event of its own, as if the peer had answered.
            call_soon(self.attempted, code, handle, strand=self._socket._strand)
        else:
            return self._error(_code(code), '' if address is None else _local_name(handle))
        return None

    def attempted(self, code: int, handle: sockets.socket) -> None:
        """The attempt has come to its end: with an errno, or 0."""
        if self._state != ATTEMPTING or not self._socket._has_handle(handle):
            return
        self._stop_timer()
        if code == 0:
            self._finish()
            self._socket._connected()
            return
        target = self._target
        if target.path is None and target.local_address and target.local_port:
            error: Any = self._error(_code(code), f'{target.local_address}:{target.local_port}')
            error.localAddress, error.localPort = target.local_address, target.local_port
        else:
            error = self._error(_code(code))
        self._attempt_failed(error)
        if self._many:
            self._attempt_next()
        else:
            self._fail(error)

    def _attempt_failed(self, error: errors.SystemError) -> None:
        self._socket._drop_handle()
        self._errors.append(error)
        if not self._many:
            self._socket.connecting = False
        self._socket._fire('connectionAttemptFailed', *self._whereto(), error)

    def _timed_out(self) -> None:
        """This address takes too long: on to the next one."""
        self._timer = None
        self._socket._drop_handle()
        self._errors.append(self._error('ETIMEDOUT'))
        self._socket._fire('connectionAttemptTimeout', *self._whereto())
        self._attempt_next()

    def _whereto(self) -> tuple[Any, ...]:
        """The arguments of the events: address, port, family."""
        if self._current is None:
            return self._target.path, None, None
        return self._current[0], self._target.port, self._current[1]

    def _error(self, code: str, local: str = '') -> errors.SystemError:
        address, port, _ = self._whereto()
        error = errors.system_error(code, 'connect', address, port)
        if local:
            error.message += f' - Local ({local})'
            error.args = (error.message,)
        return error


def _found(item: Any) -> tuple[Any, Any]:
    """Return address and family of an item of what `lookup` answers; None for what is not there."""
    return (item.get('address'), item.get('family')) if isinstance(item, Mapping) else (None, None)


def _local_name(handle: sockets.socket) -> str:
    address, port, *_ = handle.getsockname()
    return f'{address}:{port}'


def _code(number: int | None) -> str:
    return errno.errorcode.get(number or 0, 'EINVAL')
