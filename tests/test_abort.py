"""AbortController, AbortSignal and the events they dispatch; orders and messages are Node's."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from nodehttp.abort import AbortController, AbortSignal, DOMException
from nodehttp.errors import AbortError
from nodehttp.eventtarget import Event, EventTarget
from nodehttp.monitor import owns_monitor


@pytest.fixture
def reported() -> Iterator[list[BaseException]]:
    """What listeners raised, as threading.excepthook was told."""
    caught: list[BaseException] = []
    before = threading.excepthook
    threading.excepthook = lambda args: caught.append(args.exc_value)  # type: ignore[arg-type]
    yield caught
    threading.excepthook = before


def wait_for_abort(signal: AbortSignal) -> None:
    """Wait in a thread of the test's own."""
    done = threading.Event()
    signal.addEventListener('abort', done.set)
    assert signal.aborted or done.wait(10)


def test_abort_tells_the_listeners_once_and_before_it_returns() -> None:
    controller = AbortController()
    signal = controller.signal
    events: list[Any] = []
    assert (signal.aborted, signal.reason, signal.onabort) == (False, None, None)
    signal.throwIfAborted()

    def onabort(event: Event) -> None:
        events.append((event.type, event.target is signal, event.currentTarget is signal, event.isTrusted))

    signal.onabort = onabort
    signal.addEventListener('abort', lambda: events.append(signal.aborted))
    controller.abort()
    controller.abort('again')
    assert events == [('abort', True, True, True), True]
    assert (type(signal.reason), signal.reason.name, signal.reason.message, signal.reason.code) == (
        DOMException, 'AbortError', 'This operation was aborted', 20)
    with pytest.raises(DOMException) as raised:
        signal.throwIfAborted()
    assert raised.value is signal.reason
    assert repr(controller) == '<AbortController aborted=True>'
    assert repr(signal) == '<AbortSignal aborted=True>'


def test_a_reason_that_is_no_exception_is_the_cause_of_what_is_raised() -> None:
    controller = AbortController()
    controller.abort('why')
    assert controller.signal.reason == 'why'
    with pytest.raises(AbortError) as raised:
        controller.signal.throwIfAborted()
    assert (raised.value.code, raised.value.cause) == ('ABORT_ERR', 'why')


def test_a_listener_is_added_once_and_removed() -> None:
    controller = AbortController()
    events: list[str] = []

    def listener() -> None:
        events.append('called')

    for options in (None, True, {'once': True}):
        controller.signal.addEventListener('abort', listener, options)
    controller.signal.addEventListener('other', listener)
    controller.signal.addEventListener('abort', None)

    def never() -> None:
        events.append('never')

    controller.signal.addEventListener('abort', never)
    controller.signal.removeEventListener('abort', never)
    controller.signal.removeEventListener('abort', never)
    controller.abort()
    assert events == ['called']


def test_a_listener_may_be_an_object_and_may_not_be_a_number() -> None:
    class Listener:
        seen: Event | None = None

        def handleEvent(self, event: Event) -> None:
            self.seen = event

    controller, listener = AbortController(), Listener()
    controller.signal.addEventListener('abort', listener)
    controller.abort()
    assert listener.seen is not None
    with pytest.raises(TypeError) as raised:
        controller.signal.addEventListener('abort', 5)
    assert raised.value.code == 'ERR_INVALID_ARG_TYPE'
    assert raised.value.message == (
        'The "listener" argument must be an instance of EventListener. Received type number (5)')


def test_what_listeners_raise_is_reported_and_the_next_one_is_called(reported: list[BaseException]) -> None:
    controller = AbortController()
    events: list[str] = []
    error = RuntimeError('in a listener')

    def fail() -> None:
        raise error

    controller.signal.addEventListener('abort', fail)
    controller.signal.addEventListener('abort', lambda: events.append('next'))
    controller.abort()
    assert (reported, events) == ([error], ['next'])


def test_listeners_run_without_the_monitor() -> None:
    controller = AbortController()
    held: list[bool] = []
    controller.signal.addEventListener('abort', lambda: held.append(owns_monitor()))
    controller.abort()
    assert held == [False]


def test_the_attribute_keeps_its_place_among_the_listeners() -> None:
    controller = AbortController()
    signal, events = controller.signal, []
    signal.onabort = lambda: events.append(1)
    signal.addEventListener('abort', lambda: events.append(2))
    signal.onabort = None
    signal.addEventListener('abort', lambda: events.append(3))
    signal.onabort = lambda: events.append(4)
    controller.abort()
    assert events == [4, 2, 3]
    controller = AbortController()
    controller.signal.onabort = 5
    controller.abort()
    assert controller.signal.onabort == 5


def test_abort_is_aborted_from_the_start() -> None:
    assert (AbortSignal.abort().aborted, AbortSignal.abort().reason.name) == (True, 'AbortError')
    assert AbortSignal.abort('why').reason == 'why'


def test_a_signal_is_never_made_directly() -> None:
    with pytest.raises(TypeError) as raised:
        AbortSignal()
    assert (raised.value.code, raised.value.message) == ('ERR_ILLEGAL_CONSTRUCTOR', 'Illegal constructor')


def test_timeout_aborts_with_a_timeout_error() -> None:
    signal = AbortSignal.timeout(5)
    assert not signal.aborted
    wait_for_abort(signal)
    assert (signal.reason.name, signal.reason.message, signal.reason.code) == (
        'TimeoutError', 'The operation was aborted due to timeout', 23)
    with pytest.raises(TimeoutError):
        signal.throwIfAborted()


@pytest.mark.parametrize('delay, kind, message', [
    (-1, ValueError, 'value of "delay" is out of range. It must be >= 0 && <= 4294967295. Received -1'),
    (2**53, ValueError,
     'value of "delay" is out of range. It must be >= 0 && <= 4294967295. Received 9_007_199_254_740_992'),
    (1.5, ValueError, 'value of "delay" is out of range. It must be an integer. Received 1.5'),
    ('x', TypeError, '"delay" argument must be of type number. Received type string (\'x\')'),
    (None, TypeError, '"delay" argument must be of type number. Received undefined'),
])
def test_timeout_refuses(delay: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as raised:
        AbortSignal.timeout(delay)
    assert str(raised.value) == f'The {message}'


def test_any_follows_the_first_and_marks_all_before_it_tells() -> None:
    first, second = AbortController(), AbortController()
    either = AbortSignal.any([first.signal, second.signal])
    nested = AbortSignal.any([either])
    events: list[Any] = []
    nested.onabort = lambda: events.append(('nested', nested.reason, either.aborted))
    either.onabort = lambda: events.append(('either', either.reason, nested.aborted))
    second.signal.onabort = lambda: events.append(('second', either.aborted))
    second.abort('why')
    first.abort('late')
    assert events == [('second', True), ('either', 'why', True), ('nested', 'why', True)]
    assert either.reason == 'why'


def test_any_of_what_is_aborted_and_of_nothing() -> None:
    assert AbortSignal.any([AbortController().signal, AbortSignal.abort('why')]).reason == 'why'
    assert not AbortSignal.any([]).aborted


@pytest.mark.parametrize('signals, message', [
    ([5], 'The "signals[0]" argument must be an instance of AbortSignal. Received type number (5)'),
    (5, 'The "signals" argument must be an iterable of AbortSignal. Received type number (5)'),
])
def test_any_refuses(signals: Any, message: str) -> None:
    with pytest.raises(TypeError) as raised:
        AbortSignal.any(signals)
    assert (raised.value.code, raised.value.message) == ('ERR_INVALID_ARG_TYPE', message)


def test_sources_hold_a_signal_only_while_somebody_listens() -> None:
    controller = AbortController()
    events: list[str] = []

    def listener() -> None:
        events.append('told')

    AbortSignal.any([controller.signal]).addEventListener('abort', listener)
    forgotten = AbortSignal.any([controller.signal])
    forgotten.addEventListener('abort', listener)
    forgotten.removeEventListener('abort', listener)
    alive = weakref.ref(forgotten)
    del forgotten
    gc.collect()
    assert alive() is None
    controller.abort()
    assert events == ['told']


def test_a_timer_holds_a_signal_only_while_somebody_listens() -> None:
    told, told_through_any = threading.Event(), threading.Event()
    AbortSignal.timeout(20).addEventListener('abort', told.set)
    AbortSignal.any([AbortSignal.timeout(20)]).addEventListener('abort', told_through_any.set)
    forgotten = weakref.ref(AbortSignal.timeout(60_000))
    gc.collect()
    assert forgotten() is None
    assert told.wait(10)
    assert told_through_any.wait(10)


def test_of_many_threads_that_abort_one_does() -> None:
    controller = AbortController()
    reasons: list[Any] = []
    controller.signal.addEventListener('abort', lambda: reasons.append(controller.signal.reason))
    barrier = threading.Barrier(8)

    def abort(number: int) -> None:
        barrier.wait(10)
        controller.abort(number)

    threads = [threading.Thread(target=abort, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reasons == [controller.signal.reason]


def test_a_signal_ends_another_ones_listener() -> None:
    ending, controller = AbortController(), AbortController()
    events: list[str] = []

    def listener() -> None:
        events.append('told')

    controller.signal.addEventListener('abort', listener, {'signal': ending.signal})
    controller.signal.addEventListener('abort', listener, signal=AbortSignal.abort())
    ending.abort()
    controller.abort()
    assert events == []


def test_dispatching_by_hand() -> None:
    target, events = EventTarget(), []
    target.addEventListener('x', lambda event: events.append('once'), once=True)
    target.addEventListener('x', lambda event: target.addEventListener('x', lambda: events.append('added')))
    target.addEventListener('x', lambda event: event.preventDefault())
    assert target.dispatchEvent(Event('x'))
    assert events == ['once']
    assert not target.dispatchEvent(Event('x', cancelable=True))
    assert events == ['once', 'added']
    with pytest.raises(TypeError) as raised:
        target.dispatchEvent(5)  # type: ignore[arg-type]
    assert str(raised.value) == 'The "event" argument must be an instance of Event. Received type number (5)'


def test_a_listener_can_stop_those_behind_it() -> None:
    target, events = EventTarget(), []

    def stop(event: Event) -> None:
        events.append('stop')
        event.stopPropagation()
        event.stopImmediatePropagation()

    target.addEventListener('x', stop)
    target.addEventListener('x', lambda: events.append('never'))
    event = Event('x', {'bubbles': True})
    target.dispatchEvent(event)
    assert (events, event.target, event.currentTarget, repr(event)) == (['stop'], target, None, '<Event x>')


def test_a_listener_can_remove_those_behind_it() -> None:
    target, events = EventTarget(), []

    def last() -> None:
        events.append('never')

    target.addEventListener('x', lambda: target.removeEventListener('x', last))
    target.addEventListener('x', last)
    target.dispatchEvent(Event('x'))
    assert events == []
