"""EventEmitter (tiny), and `once`, which waits for an event.

Documentation: "Class: EventEmitter". The listeners of an event are a tuple that is replaced, never changed,
so that a running `emit` goes on with those it began with.

How many arguments a listener takes is found out once, when it is added (`listeners.py`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, overload

from nodehttp import errors, threadpool
from nodehttp.checks import check_function, check_number
from nodehttp.listeners import SPENT, Listener, OwnListener, SharedListener, internal, own, registration
from nodehttp.threadpool import monitor, owns_monitor, release_monitor, report_exception, retake_monitor

Self = TypeVar('Self', bound='EventEmitter')
Function = Callable[..., Any]
Decorated = TypeVar('Decorated', bound=Function)

__all__ = ['EventEmitter', 'MaxListenersExceededWarning', 'once']

_MISSING: Any = ...  # help() shows it


class MaxListenersExceededWarning(UserWarning):
    """More listeners for one event than `setMaxListeners` allows: probably a leak."""


class OnceWrapper:
    """What `rawListeners` shows for a one-time listener: calling it removes the listener first; `.listener`
    is the function, as in Node."""

    def __init__(self, emitter: EventEmitter, name: str, registration: Listener) -> None:
        self._emitter, self._name, self.registration = emitter, name, registration
        self.listener = registration.listener

    def __call__(self, *args: Any) -> Any:
        if self._emitter._take_once(self._name, self.registration):
            return self.registration(*args)
        return None


NO_EVENTS: Mapping[str, tuple[Listener, ...]] = MappingProxyType({})


class EventEmitter:
    """Node's "Class: EventEmitter": `on`, `once`, `off`, `emit` and the rest.

    Any thread may call any method. Listeners run in the thread that emits; those of the library's own events
    on the thread that holds the baton. An exception of a listener leaves `emit`.
    """

    defaultMaxListeners: float = 10
    # Becomes a dict of the instance with the first listener; one that is none is shared with others.
    _events: Mapping[str, tuple[Listener, ...]] = NO_EVENTS
    _max_listeners: float | None = None
    _warned: frozenset[str] = frozenset()
    _watched_events: frozenset[str] = frozenset()  # whose new listeners `_listener_added` is told of
    _strand: threadpool.Strand | None = None
    _is_awaited = False  # has anybody waited in `once`?
    _closed_code = 'ERR_STREAM_PREMATURE_CLOSE'  # what it raises where 'close' has come instead

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self._strand is not None:
            raise TypeError(f'cannot copy or pickle {type(self).__name__!r}: it is bound to what is open')
        return super().__reduce_ex__(protocol)

    @overload
    def on(self, eventName: str) -> Callable[[Decorated], Decorated]: ...

    @overload
    def on(self: Self, eventName: str, listener: Function) -> Self: ...

    def on(self, eventName: str, listener: Any = _MISSING) -> Any:
        """Call `listener` at every `eventName`, after those already there. Returns the emitter; without
        `listener`, a decorator.

        Raises TypeError ERR_INVALID_ARG_TYPE if `listener` is not callable. ("emitter.on(eventName,
        listener)")
        """
        if listener is _MISSING:
            return self._decorator(self.on, eventName)
        return self._add(eventName, listener, False, False)

    @overload
    def addListener(self, eventName: str) -> Callable[[Decorated], Decorated]: ...

    @overload
    def addListener(self: Self, eventName: str, listener: Function) -> Self: ...

    def addListener(self, eventName: str, listener: Any = _MISSING) -> Any:
        """The same as `on`."""
        return self.on(eventName, listener)

    @overload
    def once(self, eventName: str) -> Callable[[Decorated], Decorated]: ...

    @overload
    def once(self: Self, eventName: str, listener: Function) -> Self: ...

    def once(self, eventName: str, listener: Any = _MISSING) -> Any:
        """Call `listener` at the next `eventName` only. ("emitter.once(eventName, listener)")"""
        if listener is _MISSING:
            return self._decorator(self.once, eventName)
        return self._add(eventName, listener, True, False)

    @overload
    def prependListener(self, eventName: str) -> Callable[[Decorated], Decorated]: ...

    @overload
    def prependListener(self: Self, eventName: str, listener: Function) -> Self: ...

    def prependListener(self, eventName: str, listener: Any = _MISSING) -> Any:
        """As `on`, but before the listeners already there."""
        if listener is _MISSING:
            return self._decorator(self.prependListener, eventName)
        return self._add(eventName, listener, False, True)

    @overload
    def prependOnceListener(self, eventName: str) -> Callable[[Decorated], Decorated]: ...

    @overload
    def prependOnceListener(self: Self, eventName: str, listener: Function) -> Self: ...

    def prependOnceListener(self, eventName: str, listener: Any = _MISSING) -> Any:
        """As `once`, but before the listeners already there."""
        if listener is _MISSING:
            return self._decorator(self.prependOnceListener, eventName)
        return self._add(eventName, listener, True, True)

    @staticmethod
    def _decorator(add: Function, name: str) -> Callable[[Decorated], Decorated]:
        def decorate(listener: Decorated) -> Decorated:
            add(name, listener)
            return listener
        return decorate

    def _add(self: Self, name: str, function: Function, once: bool, prepend: bool) -> Self:
        listener = registration(function, once)
        events: Any = self._events
        if 'newListener' in events:
            self._fire_or_emit('newListener', name, function)
            events = self._events
        alone = (listener,)
        strand = self._strand
        # One step, before or after those of other threads: it needs no monitor, which would take longer.
        if ((strand is not None and strand.visit is not None and not listener.is_internal())
                or type(events) is not dict or events.setdefault(name, alone) is not alone):
            self._add_to_others(name, alone, prepend)
        if name in self._watched_events:
            self._listener_added(name, prepend)
        return self

    def _add_to_others(self, name: str, alone: tuple[Listener, ...], prepend: bool) -> None:
        with monitor:
            events = self._own_events()
            present = events.setdefault(name, alone)
            if present is not alone:
                events[name] = alone + present if prepend else present + alone
            strand = self._strand
            if strand is not None and strand.visit is not None and not alone[0].is_internal():
                strand.visit.stop()
        if present is not alone and len(present) >= self.getMaxListeners():
            self._warn_of_leak(name, len(present) + 1)

    def _listener_added(self, name: str, prepend: bool) -> None:
        """Somebody listens to one of the `_watched_events`."""

    def _own_events(self) -> dict[str, tuple[Listener, ...]]:
        """The listeners, to be changed. Needs the monitor."""
        events = self._events
        if type(events) is not dict:
            events = self._events = dict(events)
        return events

    def _listen(self, listeners: Mapping[str, Function]) -> None:
        """`on` for several functions of the library. Needs the monitor."""
        if self._events is NO_EVENTS:
            self._events = {name: (own(function),) for name, function in listeners.items()}
        else:
            for name, function in listeners.items():
                self.on(name, function)

    def _hear_once(self, listeners: Mapping[str, tuple[Listener]]) -> None:
        """`once` for functions of the library."""
        events: Any = self._events
        is_plain = (
            type(events) is dict and 'newListener' not in events
            and getattr(self.once, '__func__', None) is _PLAIN_ONCE
            and getattr(self._add, '__func__', None) is _PLAIN_ADD
            and self._watched_events.isdisjoint(listeners))
        for name, alone in listeners.items():
            if not is_plain or events.setdefault(name, alone) is not alone:
                self.once(name, alone[0].listener)

    def _hear_no_more(self, listeners: Mapping[str, tuple[Listener]]) -> None:
        """`off` for what `_hear_once` was given, and has not been called."""
        events: Any = self._events
        for name, alone in listeners.items():
            if name not in events:
                continue
            with monitor:
                is_alone = events.get(name) is alone and 'removeListener' not in events
                if is_alone:
                    del events[name]
            if not is_alone:
                self.off(name, alone[0].listener)

    def _forget_own_listeners(self) -> None:
        """Nothing is to come: let go of the library's own, in silence. Needs the monitor."""
        events = self._events
        if type(events) is not dict:
            self._events = NO_EVENTS
            return
        for name in list(events):  # in place, and in one step: others may add a first listener meanwhile
            listeners = events[name]
            if len(listeners) == 1:
                if isinstance(listeners[0], OwnListener):
                    del events[name]
            elif rest := tuple(other for other in listeners if type(other) is not SharedListener):
                events[name] = rest  # what is shared means nothing without its consumer

    def _warn_of_leak(self, name: str, count: int) -> None:
        limit = self.getMaxListeners()
        if not 0 < limit < count or name in self._warned:
            return
        self._warned |= {name}
        warnings.warn(
            f'Possible EventEmitter memory leak detected. {count} {name} listeners added to '
            f'[{type(self).__name__}]. MaxListeners is {errors.show(limit)}. '
            'Use emitter.setMaxListeners() to increase limit',
            MaxListenersExceededWarning, stacklevel=5)

    def _fire_or_emit(self, name: str, *args: Any) -> None:
        """Emit for a public method, which internal code may have called with the monitor held."""
        if owns_monitor():
            self._fire(name, *args)
        else:
            self.emit(name, *args)

    def off(self: Self, eventName: str, listener: Function) -> Self:
        """Remove the latest registration of `listener`. ("emitter.removeListener(eventName, listener)")"""
        check_function('listener', listener)
        if eventName not in self._events:
            return self
        registration = listener.registration if type(listener) is OnceWrapper else listener
        with monitor:
            present = self._events.get(eventName, ())
            index = len(present) - 1
            while index >= 0 and not (
                    present[index].of(self) == listener or present[index] is registration):
                index -= 1
            if index < 0:
                return self
            removed = present[index].of(self)
            self._set_listeners(eventName, present[:index] + present[index + 1:])
        if 'removeListener' in self._events:
            self._fire_or_emit('removeListener', eventName, removed)
        return self

    def removeListener(self: Self, eventName: str, listener: Function) -> Self:
        """The same as `off`."""
        return self.off(eventName, listener)

    def removeAllListeners(self: Self, eventName: str | None = None) -> Self:
        """Remove all listeners, or all of one event."""
        if eventName is not None:
            names = [eventName]
        else:  # 'removeListener' last: it hears of the others
            names = [*(name for name in self.eventNames() if name != 'removeListener'), 'removeListener']
        for name in names:
            if 'removeListener' in self._events and name != 'removeListener':
                for listener in reversed(self._events.get(name, ())):
                    self.off(name, listener)
            with monitor:
                self._set_listeners(name, ())
        return self

    def _set_listeners(self, name: str, listeners: tuple[Listener, ...]) -> None:
        if listeners:
            self._own_events()[name] = listeners
        elif name in self._events:
            del self._own_events()[name]

    def emit(self, eventName: str, *args: Any) -> bool:
        """Call the listeners in order with `args`; return whether there were any.

        'error' without a listener raises the error, or ERR_UNHANDLED_ERROR for what is none.
        ("emitter.emit(eventName[, ...args])")
        """
        listeners = self._events.get(eventName)
        if listeners is None:
            if eventName == 'error':
                raise unhandled(args, self)
            return False
        count = len(args)
        for listener in listeners:
            if listener.once and not self._take_once(eventName, listener):
                continue
            if listener.least <= count <= listener.most:
                listener.listener(*args)
            else:
                listener.fitting(self)(*args)
        return True

    def _take_once(self, name: str, listener: Listener) -> bool:
        """Remove a one-time listener before its call; False if another emit was faster. One that a listener
        before it has removed is called, as any."""
        with monitor:
            if listener.once == SPENT:
                return False
            listener.once = SPENT
            present = self._events.get(name, ())
            if listener not in present:
                return True
            self._set_listeners(name, () if len(present) == 1 else tuple(
                other for other in present if other is not listener))
        if 'removeListener' in self._events:
            self._fire_or_emit('removeListener', name, listener.listener)
        return True

    def _fire(self, name: str, *args: Any) -> bool:
        """Emit from internal code, which holds the monitor: users' listeners run without it, exceptions are
        reported."""
        listeners = self._events.get(name)
        function: Function | None = None
        try:
            is_plain = self.emit.__func__ is PLAIN_EMIT  # type: ignore[attr-defined]
        except AttributeError:  # see `_has_plain_emit`
            is_plain = False
        if is_plain:
            if listeners is None:
                return name == 'error' and self._fire_error(args)
            listener = listeners[0]
            if len(listeners) == 1 and not (listener.once and 'removeListener' in self._events):
                # Nearly always: then this is what `emit` comes to.
                if listener.once:
                    listener.once = SPENT
                    self._set_listeners(name, ())
                count = len(args)
                takes_all = listener.most == count or listener.least <= count < listener.most
                function = listener.listener if takes_all else listener.fitting(self)
        state = release_monitor()
        try:
            if function is None:
                return self.emit(name, *args)
            function(*args)
            return True
        except BaseException as error:
            self._listener_failed(error)
            return True
        finally:
            retake_monitor(state)

    def _listener_failed(self, error: BaseException) -> None:
        """One of the user's has raised, or a callback that a method was given. Called without the monitor."""
        if not threadpool.pool.gives_to_visitor(error):
            report_exception(error)
            self._fail_exchange()

    def _fail_exchange(self) -> None:
        """What a callback of the user's was to do is not done: for the messages of a server."""

    def _fire_error(self, args: tuple[Any, ...]) -> bool:
        """An 'error' without a listener, so far."""
        if self._has_late_listener('error'):
            return self._fire('error', *args)
        report_exception(unhandled(args, self))
        return False

    def _is_past(self, name: str) -> bool:
        """Has 'close' come, behind which this event cannot come any more?"""
        return False

    def _end_waits(self) -> None:
        """'close' was the last event: nobody in `once` waits for another one. Needs the monitor."""
        for name, listeners in list(self._events.items()):
            for listener in listeners:
                function: Any = listener.listener
                if getattr(function, '__func__', None) is _ARRIVED and self._is_past(name):
                    function.__self__.end(self)

    def _is_unheard(self) -> bool:
        """Would nobody hear anything that is emitted?"""
        try:
            return not self._events and self.emit.__func__ is PLAIN_EMIT  # type: ignore[attr-defined]
        except AttributeError:  # see `_has_plain_emit`
            return False

    def _has_plain_emit(self) -> bool:
        """Has neither a subclass nor middleware put an `emit` of its own in place of ours?

        Asked without `__dict__`: Python makes that only when it is looked at, and from then on all attributes
        of the object are looked up in it, which takes longer.
        """
        try:
            return self.emit.__func__ is PLAIN_EMIT  # type: ignore[attr-defined]
        except AttributeError:  # no method at all; a default for getattr takes longer
            return False

    def _is_private(self) -> bool:
        """Do its events call nothing of the user's?"""
        if not self._has_plain_emit():
            return False
        for listeners in list(self._events.values()):
            for listener in listeners:
                if type(listener) is not OwnListener and not listener.is_internal():
                    return False
        return True

    def _visitable_strand(self) -> threadpool.Strand | None:
        """Return the strand of a connection on which everything that comes is for this emitter and what
        belongs to it, and calls nothing of the user's; None if it is not like that. See visit.py."""
        return None

    def _has_late_listener(self, name: str) -> bool:
        """Has the thread that started this, and was about to add a listener, done so by now?"""
        strand = self._strand
        return strand is not None and threadpool.await_listener(
            strand, lambda: name in self._events, name == 'error')

    def _fire_from(self, source: threadpool.Source, name: str,
                   *args: Any) -> tuple[bool, BaseException | None]:
        """As `_fire` for callbacks that may turn out to block; returns (was there a listener, what it
        raised)."""
        listeners = self._events.get(name)
        function: Function | None = None
        if self._has_plain_emit():
            if listeners is None:
                return False, None
            listener = listeners[0]
            if len(listeners) == 1 and not listener.once:  # see `_fire`
                function = (listener.listener if listener.least <= len(args) <= listener.most
                            else listener.fitting(self))
        worker, mark = threadpool.begin_callback(source)
        state = release_monitor()
        try:
            if function is None:
                return self.emit(name, *args), None
            function(*args)
            return True, None
        except BaseException as error:
            return True, error
        finally:
            retake_monitor(state)
            threadpool.end_callback(source, worker, mark)

    def listenerCount(self, eventName: str, listener: Function | None = None) -> int:
        """Return the number of listeners of an event, or how often `listener` is among them."""
        listeners = self._events.get(eventName, ())
        return len(listeners) if listener is None else sum(entry.of(self) == listener for entry in listeners)

    def listeners(self, eventName: str) -> list[Function]:
        """Return the functions that listen to an event."""
        return [listener.of(self) for listener in self._events.get(eventName, ())]

    def rawListeners(self, eventName: str) -> list[Function]:
        """Return the listeners of an event; those of `once` as wrappers with a `.listener`."""
        listeners = self._events.get(eventName, ())
        return [OnceWrapper(self, eventName, listener) if listener.once else listener.of(self)
                for listener in listeners]

    def eventNames(self) -> list[str]:
        """Return the names of the events that have listeners."""
        return list(self._events)

    def setMaxListeners(self: Self, n: float) -> Self:
        """Warn only when an event has more than `n` listeners; 0 or infinity: never."""
        check_number('setMaxListeners', n)
        if n < 0 or n != n:
            raise errors.node_error('ERR_OUT_OF_RANGE', 'setMaxListeners', '>= 0', n)
        self._max_listeners = n
        return self

    def getMaxListeners(self) -> float:
        """Return the limit in force."""
        return EventEmitter.defaultMaxListeners if self._max_listeners is None else self._max_listeners


PLAIN_EMIT, _PLAIN_ONCE, _PLAIN_ADD = EventEmitter.emit, EventEmitter.once, EventEmitter._add


def unhandled(args: tuple[Any, ...], emitter: Any = None) -> BaseException:
    """Return what an 'error' without a listener raises; it tells in a note who the emitter was."""
    error = args[0] if args else None
    if not isinstance(error, BaseException):
        error = errors.node_error('ERR_UNHANDLED_ERROR', errors.show(error))
    if emitter is not None:
        errors.add_note(error, f"unhandled 'error' of {emitter!r}")
    return error


def once(emitter: Any, name: str, timeout: float | None = None) -> list[Any]:
    """Wait for an event of an EventEmitter or an EventTarget; return the list of its arguments.

    In a callback other callbacks go on meanwhile. Raises what 'error' brings if that comes first (unless
    'error' is what is waited for; of EventTargets only a WebSocket does that), ERR_STREAM_PREMATURE_CLOSE
    (of a server ERR_SERVER_NOT_RUNNING) if the event cannot come any more because a stream, message or server
    has closed (Node waits for ever; a 'close' that has come already counts), TimeoutError after `timeout`
    seconds, and TypeError ERR_INVALID_ARG_TYPE.
    ("events.once(emitter, name[, options])")
    """
    if not isinstance(name, str):
        raise errors.invalid_arg_type('name', 'of type string', name)
    if not isinstance(emitter, EventEmitter):
        if hasattr(emitter, '_wait_for'):
            return emitter._wait_for(name, timeout)  # type: ignore[no-any-return]
        raise errors.invalid_arg_type('emitter', 'an instance of EventEmitter or EventTarget', emitter)
    wait = _Wait()
    listeners: dict[str, tuple[Listener]] = {name: (own(wait.arrived, True),)}
    if name != 'error':
        listeners['error'] = (own(wait.failed, True),)
    emitter._is_awaited = True
    emitter._hear_once(listeners)
    try:
        if emitter._is_past(name):
            wait.arrived() if name == 'close' else wait.end(emitter)
        result: list[Any] = wait.wait(timeout, emitter)
        return result
    except (errors.Error, TimeoutError) as error:
        if getattr(error, 'code', emitter._closed_code) == emitter._closed_code:  # else it says what happened
            errors.add_note(error, f'while waiting for {name!r} of {emitter!r}')
        raise
    finally:
        emitter._hear_no_more(listeners)


class _Wait(threadpool.Waiter):
    """A thread that waits in `once`."""

    __slots__ = ()

    @internal
    def arrived(self, *args: Any) -> None:
        self.set(list(args))

    @internal
    def failed(self, error: Any = None, *_: Any) -> None:
        self.fail(unhandled((error,)))

    def end(self, emitter: EventEmitter) -> None:
        """The event cannot come any more."""
        self.fail(errors.node_error(emitter._closed_code))


_ARRIVED, WAIT_FAILED = _Wait.arrived, _Wait.failed
