"""For how long a socket has been idle: `setTimeout`, and the event 'timeout'.

Traffic only notes the time. The timer is left alone as long as it fires early enough: it looks at the clock
and, if there was traffic, starts anew.
"""

from __future__ import annotations

from time import monotonic
from typing import Self

from nodehttp._netends import Ends
from nodehttp._stream import DOOMED, Function
from nodehttp.checks import check_duration, check_function
from nodehttp.monitor import monitor
from nodehttp.threadpool import TIMEOUT_MAX, Strand, Timer, start_timer


class Idleness(Ends):
    """The part of net.Socket that knows when it was last used."""

    __slots__ = ('_idle_delay', '_idle_due', '_idle_timer', '_last_active', '_strand', 'timeout')

    timeout: float | None  # ms, as set by setTimeout()

    _strand: Strand
    _idle_timer: Timer | None
    _idle_due: float  # ms; when that fires,
    _idle_delay: float  # at most so long after it was started
    _last_active: float  # ms

    def setTimeout(self, timeout: float, callback: Function | None = None) -> Self:
        """Emit 'timeout' after `timeout` ms without traffic; the connection stays. 0: never. `callback`
        listens once.

        TypeError ERR_INVALID_ARG_TYPE, ValueError ERR_OUT_OF_RANGE. ("socket.setTimeout(timeout[,
        callback])")
        """
        with monitor:
            if self._life >= DOOMED:
                return self
            check_duration('msecs', timeout)
            if callback is not None:
                check_function('callback', callback)
            self._set_timeout(timeout)
            if callback is not None:
                if timeout:
                    self.once('timeout', callback)
                else:
                    self.off('timeout', callback)
        return self

    def _set_timeout(self, timeout: float) -> None:
        """What setTimeout does, for callers that know what they pass."""
        if self._life >= DOOMED:  # a server sets it after the last response, which may end with its socket
            return
        self.timeout = timeout
        if timeout:
            self._last_active = now = monotonic() * 1000
            if self._idle_timer is None or (timeout < self._idle_delay and self._idle_due > now + timeout):
                self._start_idle_timer(timeout)

    def _start_idle_timer(self, delay: float) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        delay = min(delay, TIMEOUT_MAX)
        self._idle_delay = self.timeout or delay  # never a number of its own, which might be far away
        self._idle_due = monotonic() * 1000 + delay
        self._idle_timer = start_timer(delay, self._check_idle, strand=self._strand, ref=False)

    def _touch(self) -> None:
        """There was traffic."""
        self._last_active = monotonic() * 1000
        if self._idle_timer is None and self.timeout:
            self._start_idle_timer(self.timeout)

    def _check_idle(self) -> None:
        self._idle_timer = None
        if self.timeout and self._life < DOOMED:
            remaining = self._last_active + self.timeout - monotonic() * 1000
            if remaining > 0:
                self._start_idle_timer(remaining)
            else:
                self._fire('timeout')
