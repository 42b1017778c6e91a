"""AbortController and AbortSignal ("Class: AbortController"): tell any number of operations to stop.

Any thread may call any method. `abort()` calls the listeners before it returns, in the thread that calls it.

Who keeps whom alive: a signal of `any()` holds its sources; they hold it only while it has listeners. So a
signal of the whole program can be a source of a signal for each request, and none of these outlives its
request. A signal of `timeout()`, too, is held by its timer only while somebody listens.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, NoReturn

from nodehttp import threadpool
from nodehttp.checks import check_integer
from nodehttp.errors import NodeError, abort_error, invalid_arg_type, node_error
from nodehttp.eventtarget import Event, EventTarget, _Listener, handler
from nodehttp.monitor import monitor

__all__ = ['AbortController', 'AbortSignal', 'DOMException']

_MAX_DELAY = 2**32 - 1  # ms, Node's
_TIMER_MAX = 2**31 - 1  # ms, what a timer takes


class DOMException(NodeError):
    """The web's error ("Class: DOMException"): `.name` says what it is; few have a `.code`, a number."""

    _CODES = {  # noqa: RUF012  (never changed)
        'InvalidStateError': 11, 'SyntaxError': 12, 'InvalidAccessError': 15, 'AbortError': 20,
        'TimeoutError': 23}

    def __init__(self, message: str = '', name: str = 'Error') -> None:
        super().__init__(message)
        self.name = name
        self.code: Any = self._CODES.get(name, 0)

    def __repr__(self) -> str:
        return f'{self.name}: {self.message}'


class _TimeoutError(DOMException, TimeoutError):
    """The reason of `AbortSignal.timeout`: also Python's TimeoutError."""

    def __new__(cls, message: str, name: str) -> _TimeoutError:
        return TimeoutError.__new__(cls, message)  # which would read two arguments as errno and text


class AbortSignal(EventTarget):
    """Tells that something is to stop: event 'abort', once; `aborted`; `reason` ("Class: AbortSignal").

    Made by an AbortController, or by `abort()`, `timeout()` and `any()`, never directly.
    """

    onabort = handler('abort')

    _is_aborted = False
    _reason: Any = None
    _sources: tuple[AbortSignal, ...] = ()  # of a signal that any() made; never such signals themselves
    _timed = False
    _dependents: list[weakref.ref[AbortSignal]]
    _held: set[AbortSignal]  # the dependents that somebody waits for

    def __init__(self) -> None:
        raise node_error('ERR_ILLEGAL_CONSTRUCTOR')

    @classmethod
    def _new(cls) -> AbortSignal:
        signal = cls.__new__(cls)
        EventTarget.__init__(signal)
        signal._dependents = []
        signal._held = set()
        return signal

    def __repr__(self) -> str:
        return f'<AbortSignal aborted={self.aborted}>'

    @property
    def aborted(self) -> bool:
        """Whether it was aborted."""
        return self._is_aborted

    @property
    def reason(self) -> Any:
        """What it was aborted with, by default a DOMException (AbortError, TimeoutError). None before."""
        return self._reason

    def throwIfAborted(self) -> None:
        """Raise the reason if it is aborted; one that is no exception as the `cause` of an AbortError."""
        if self._is_aborted:
            self._raise_reason()

    def _raise_reason(self) -> NoReturn:
        raise self._reason if isinstance(self._reason, BaseException) else abort_error(self._reason)

    @staticmethod
    def abort(reason: Any = None) -> AbortSignal:
        """Return a signal that is aborted already."""
        signal = AbortSignal._new()
        signal._mark(_default_reason() if reason is None else reason)
        return signal

    @staticmethod
    def timeout(delay: float) -> AbortSignal:
        """Return a signal that is aborted after `delay` ms. Waiting for it does not keep the process alive.

        Raises TypeError ERR_INVALID_ARG_TYPE or ValueError ERR_OUT_OF_RANGE unless it is a whole number of 0
        to 2**32 - 1.
        """
        _check_delay(delay)
        signal = AbortSignal._new()
        signal._timed = True
        with monitor:
            threadpool.start_timer(min(delay, _TIMER_MAX), _time_out, weakref.ref(signal), ref=False)
        return signal

    @staticmethod
    def any(signals: Iterable[AbortSignal]) -> AbortSignal:
        """Return a signal that is aborted as soon as one of `signals` is, with its reason.

        Raises TypeError ERR_INVALID_ARG_TYPE for what is no list of signals.
        """
        if not isinstance(signals, Iterable):
            raise invalid_arg_type('signals', 'an iterable of AbortSignal', signals)
        listed: list[Any] = list(signals)
        for place, source in enumerate(listed):
            if not isinstance(source, AbortSignal):
                raise invalid_arg_type(f'signals[{place}]', 'an instance of AbortSignal', source)
        signal = AbortSignal._new()
        with monitor:
            aborted = next((source for source in listed if source._is_aborted), None)
            if aborted:
                signal._mark(aborted._reason)
            else:
                signal._follow(listed)
        return signal

    # Internal; all of these with the monitor held.

    def _follow(self, signals: list[AbortSignal]) -> None:
        """Depend on these, or on what they depend on."""
        sources = [source for signal in signals for source in signal._sources or (signal,)]
        self._sources = tuple(dict.fromkeys(sources))
        for source in self._sources:
            source._dependents = [*(ref for ref in source._dependents if ref()), weakref.ref(self)]

    def _abort(self, reason: Any) -> None:
        """All that depend on it are aborted before the first listener runs, as in Node."""
        if self._is_aborted:
            return
        self._mark(reason)
        dependents = [signal for ref in self._dependents if (signal := ref()) and not signal._is_aborted]
        for signal in dependents:
            signal._mark(reason)
        for signal in (self, *dependents):
            event = Event('abort')
            event.isTrusted = True
            signal._dispatch(event)

    def _mark(self, reason: Any) -> None:
        self._is_aborted = True
        self._reason = reason
        self._update_hold()

    def _set_listeners(self, type: str, listeners: tuple[_Listener, ...]) -> None:
        super()._set_listeners(type, listeners)
        if self._sources or self._timed:
            self._update_hold()

    def _update_hold(self) -> None:
        """Have the sources, or the timer, hold this one while it is waited for."""
        waited_for = not self._is_aborted and bool(self._held or 'abort' in self._listeners)
        for source in self._sources:
            _set_member(source._held, self, waited_for)
            source._update_hold()
        if self._timed:
            _set_member(_held_by_timers, self, waited_for)


# Signals of timeout() that somebody waits for.
_held_by_timers: set[AbortSignal] = set()


def _set_member(members: set[AbortSignal], signal: AbortSignal, is_member: bool) -> None:
    (members.add if is_member else members.discard)(signal)


def _time_out(ref: weakref.ref[AbortSignal]) -> None:
    signal = ref()
    if signal is not None:
        signal._abort(_TimeoutError('The operation was aborted due to timeout', 'TimeoutError'))


def _check_delay(delay: Any) -> None:
    check_integer('delay', delay, 0, _MAX_DELAY)


def _default_reason() -> DOMException:
    return DOMException('This operation was aborted', 'AbortError')


class AbortController:
    """Owns a signal and can abort it ("Class: AbortController")."""

    def __init__(self) -> None:
        self._signal = AbortSignal._new()

    def __repr__(self) -> str:
        return f'<AbortController aborted={self._signal.aborted}>'

    @property
    def signal(self) -> AbortSignal:
        """Its signal, to be passed to what shall be stoppable."""
        return self._signal

    def abort(self, reason: Any = None) -> None:
        """Abort the signal, unless it is; `reason` None means a DOMException named AbortError.

        Calls the listeners of 'abort' before it returns; what they raise is reported to threading.excepthook.
        """
        with monitor:
            if not self._signal._is_aborted:
                self._signal._abort(_default_reason() if reason is None else reason)
