"""What a request sets of its socket: at once, or as soon as there is one that is connected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from nodehttp._exchange import connection_of
from nodehttp._request_options import timer_duration
from nodehttp._requesthead import RequestHead
from nodehttp.threadpool import monitor

Callback = Callable[..., Any]


class RequestSettings(RequestHead):
    """See above; ClientRequest is the only subclass."""

    __slots__ = '_response_over', '_timeout_is_own'

    _response_over: bool  # the response has emitted 'end'
    _timeout_is_own: bool  # the socket's timeout was set by setTimeout
    _was_timed_out = False

    def setTimeout(self, timeout: float, callback: Callback | None = None) -> Self:
        """Emit 'timeout' when the socket was idle for `timeout` ms, counted from the connection on. Returns
        the request.

        Nothing is closed by that. `callback` becomes a one-time 'timeout' listener. Raises TypeError
        ERR_INVALID_ARG_TYPE, ValueError ERR_OUT_OF_RANGE. ("request.setTimeout(timeout[, callback])")
        """
        with monitor:
            if self._response_over:
                return self
            milliseconds = timer_duration('msecs', timeout)
            if self.socket is None:
                if not self._timeout_is_own:
                    self.once('socket', lambda socket: connection_of(socket).hear_timeouts())
            elif not self._hears_timeouts:
                connection_of(self.socket).hear_timeouts()
            self._hears_timeouts = self._timeout_is_own = True
            if callback is not None:
                self.once('timeout', callback)
            self._when_connected('setTimeout', milliseconds)
        return self

    def clearTimeout(self, callback: Callback | None = None) -> None:
        """The same as `setTimeout(0)`."""
        self.setTimeout(0, callback)

    def setNoDelay(self, noDelay: bool = True) -> None:
        """Call `socket.setNoDelay` once the socket is connected. ("request.setNoDelay([noDelay])")"""
        with monitor:
            self._when_connected('setNoDelay', noDelay)

    def setSocketKeepAlive(self, enable: bool = False, initialDelay: float = 0) -> None:
        """Call `socket.setKeepAlive` once the socket is connected.

        ("request.setSocketKeepAlive([enable][, initialDelay])")
        """
        with monitor:
            self._when_connected('setKeepAlive', enable, initialDelay)

    def _when_connected(self, method: str, *args: Any) -> None:
        """Call a method of the socket now, or as soon as there is one that is connected."""
        def call() -> None:
            getattr(self.socket, method)(*args)

        def assigned(socket: Any) -> None:
            if getattr(socket, 'connecting', False):
                socket.once('connect', call)
            elif hasattr(socket, method):
                call()

        if self.socket is None:
            self.once('socket', assigned)
        else:
            assigned(self.socket)

    def _timed_out(self) -> None:
        # Once for each request, and not when only its own end is still missing, as in Node.
        if self._hears_timeouts and not self._was_timed_out and not self._response_over:
            self._was_timed_out = True
            self._fire('timeout')
