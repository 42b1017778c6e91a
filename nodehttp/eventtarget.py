"""Event and EventTarget: how the classes that Node takes from the web tell of things ("Class: EventTarget").

Unlike an EventEmitter an EventTarget never raises what a listener raises: it is reported, and the next one is
called. Any thread may call any method; listeners run in the thread that dispatches, without the monitor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from nodehttp.arity import adapt
from nodehttp.errors import invalid_arg_type
from nodehttp.monitor import monitor
from nodehttp.threadpool import Waiter, call_user


class Event:
    """Something that happened to a target ("Class: Event"): `type`, and `target` once it is dispatched."""

    def __init__(self, type: str, options: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        merged = {**(options or {}), **kwargs}
        self.type = str(type)
        self.cancelable = bool(merged.get('cancelable'))
        self.bubbles = bool(merged.get('bubbles'))
        self.timeStamp = time.monotonic() * 1000  # ms
        self.target: EventTarget | None = None
        self.currentTarget: EventTarget | None = None
        self.defaultPrevented = False
        self.isTrusted = False  # True where the library dispatched it
        self._stopped = False

    def __repr__(self) -> str:
        return f'<{type(self).__name__} {self.type}>'

    def preventDefault(self) -> None:
        """Make `dispatchEvent` return False, if the event is cancelable."""
        self.defaultPrevented = self.cancelable

    def stopPropagation(self) -> None:
        """Do nothing: a target has no parents here."""

    def stopImmediatePropagation(self) -> None:
        """Keep the event from the listeners that are still to be called."""
        self._stopped = True


class _Listener:
    """One registration. `function` is what the user gave (a callable, or an object with `handleEvent`)."""

    __slots__ = ('call', 'function', 'once')

    def __init__(self, function: Any, once: bool) -> None:
        self.function = function
        self.once = once
        self.call = adapt(function if callable(function) else function.handleEvent)


class EventTarget:
    """What has listeners for events ("Class: EventTarget")."""

    def __init__(self) -> None:
        self._listeners: dict[str, tuple[_Listener, ...]] = {}

    def addEventListener(
        self, type: str, listener: Any, options: Mapping[str, Any] | bool | None = None, **kwargs: Any,
    ) -> None:
        """Call `listener(event)` at every event of this type, after those already there; one that is there
        already stays.

        Options: `once` (only at the next one), `signal` (an AbortSignal that ends it). `listener` is a
        callable or has a method `handleEvent`; None is ignored. Raises TypeError ERR_INVALID_ARG_TYPE for
        anything else.
        """
        if listener is None:
            return
        if not callable(listener) and not callable(getattr(listener, 'handleEvent', None)):
            raise invalid_arg_type('listener', 'an instance of EventListener', listener)
        merged = {**(options if isinstance(options, Mapping) else {}), **kwargs}
        signal = merged.get('signal')
        if signal is not None:
            if signal.aborted:
                return
            signal.addEventListener('abort', lambda: self.removeEventListener(type, listener), once=True)
        with monitor:
            present = self._listeners.get(type, ())
            if all(other.function != listener for other in present):
                self._set_listeners(type, (*present, _Listener(listener, bool(merged.get('once')))))

    def removeEventListener(
        self, type: str, listener: Any, options: Mapping[str, Any] | bool | None = None, **kwargs: Any,
    ) -> None:
        """Call `listener` no more. What is not there is ignored; `options` make no difference."""
        with monitor:
            present = self._listeners.get(type, ())
            kept = tuple(other for other in present if other.function != listener)
            if len(kept) < len(present):
                self._set_listeners(type, kept)

    def dispatchEvent(self, event: Event) -> bool:
        """Call the listeners for `event.type` in order, now; return False if one prevented the default.

        What a listener raises is reported to threading.excepthook. Raises TypeError ERR_INVALID_ARG_TYPE.
        """
        if not isinstance(event, Event):
            raise invalid_arg_type('event', 'an instance of Event', event)
        with monitor:
            self._dispatch(event)
        return not event.defaultPrevented

    def _wait_for(self, type: str, timeout: float | None) -> list[Any]:
        """See `events.once`."""
        waiter = Waiter()

        def arrived(event: Event) -> None:
            waiter.set([event])

        self.addEventListener(type, arrived, once=True)
        try:
            result: list[Any] = waiter.wait(timeout)
            return result
        finally:
            self.removeEventListener(type, arrived)

    def _dispatch(self, event: Event) -> None:
        """Internal, with the monitor held. Those added meanwhile are not called, nor are those removed."""
        event.target = event.currentTarget = self
        for listener in self._listeners.get(event.type, ()):
            present = self._listeners.get(event.type, ())
            if listener not in present:
                continue
            if listener.once:
                self._set_listeners(event.type, tuple(other for other in present if other is not listener))
            call_user(listener.call, event)
            if event._stopped:
                break
        event.currentTarget = None

    def _set_listeners(self, type: str, listeners: tuple[_Listener, ...]) -> None:
        """Internal, with the monitor held: the one place where listeners change."""
        if listeners:
            self._listeners[type] = listeners
        else:
            self._listeners.pop(type, None)


class handler:
    """An attribute such as `onabort`: `onabort = handler('abort')`.

    The function in it is called at its event, at the place among the listeners where the attribute was first
    set; what is not callable is kept, and not called.
    """

    def __init__(self, type: str) -> None:
        self._type = type
        self._slot = f'_on{type}'

    def __get__(self, target: EventTarget | None, owner: type[EventTarget]) -> Any:
        return None if target is None else target.__dict__.get(self._slot)

    def __set__(self, target: EventTarget, function: Callable[..., object] | None) -> None:
        with monitor:
            is_new = self._slot not in target.__dict__
            target.__dict__[self._slot] = function
        if is_new:
            target.addEventListener(self._type, lambda event: self._call(target, event))

    def _call(self, target: EventTarget, event: Event) -> None:
        function = target.__dict__.get(self._slot)
        if callable(function):
            adapt(function)(event)
