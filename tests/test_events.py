"""EventEmitter, held against what Node 25.2.1 does with the same programs, and `once`, which waits."""

from __future__ import annotations

import functools
import math
import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, Recorder
from pool_tools import soon

import nodehttp as http
from nodehttp import errors, timers
from nodehttp.arity import adapt, parameters
from nodehttp.events import EventEmitter, MaxListenersExceededWarning, once
from nodehttp.listeners import internal
from nodehttp.threadpool import monitor, owns_monitor


@pytest.fixture
def emitter() -> EventEmitter:
    """An EventEmitter."""
    return EventEmitter()


def failure(function: Callable[[], Any]) -> str:
    """What the call raises, as Node prints it."""
    with pytest.raises(errors.NodeError) as caught:
        function()
    return f'{caught.value.name} [{caught.value.code}] {caught.value.message}'


# Adding, removing, emitting


def test_listeners_are_called_in_order(emitter: EventEmitter, record: Recorder) -> None:
    emitter.on('x', lambda: record(1))
    emitter.prependListener('x', lambda: record(2))
    emitter.prependOnceListener('x', lambda: record(3))
    emitter.emit('x')
    emitter.emit('x')
    assert record.events == [3, 2, 1, 2, 1]


def test_emit_passes_arguments_and_says_whether_anybody_listened(
        emitter: EventEmitter, record: Recorder) -> None:
    assert emitter.on('x', lambda *args: record(args)) is emitter
    assert emitter.emit('x', 1, 2, 3, 4, 5)
    assert not emitter.emit('y')
    assert record.events == [(1, 2, 3, 4, 5)]


def test_an_exception_leaves_emit_and_stops_it(emitter: EventEmitter, record: Recorder) -> None:
    emitter.on('x', lambda: record(1))
    emitter.on('x', lambda: 1 / 0)
    emitter.on('x', lambda: record('never'))
    with pytest.raises(ZeroDivisionError):
        emitter.emit('x')
    assert record.events == [1]


def test_changes_during_emit_count_for_the_next_one(emitter: EventEmitter, record: Recorder) -> None:
    def first() -> None:
        record('first')
        emitter.off('x', second)
        emitter.once('x', lambda: record('new'))

    def second() -> None:
        record('second')

    emitter.on('x', first).on('x', second)
    emitter.emit('x')
    record('-')
    emitter.off('x', first)
    emitter.emit('x')
    assert record.events == ['first', 'second', '-', 'new']


def test_removing_everything_during_emit(emitter: EventEmitter, record: Recorder) -> None:
    emitter.on('x', lambda: (record('a'), emitter.removeAllListeners('x')))
    emitter.on('x', lambda: record('b'))
    emitter.emit('x')
    assert not emitter.emit('x')
    assert record.events == ['a', 'b']


def test_nested_emission_finds_a_one_time_listener_gone(emitter: EventEmitter, record: Recorder) -> None:
    emitter.once('x', lambda: (record(1), emitter.emit('x')))
    emitter.on('x', lambda: record(2))
    emitter.emit('x')
    assert record.events == [1, 2, 2]


def test_a_one_time_listener_that_raises_is_gone(emitter: EventEmitter) -> None:
    emitter.once('x', lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        emitter.emit('x')
    assert emitter.listenerCount('x') == 0


def test_off_removes_the_latest_registration(emitter: EventEmitter) -> None:
    def listener() -> None:
        pass

    emitter.on('x', listener).once('x', listener)
    emitter.off('x', listener)
    assert emitter.rawListeners('x') == [listener]
    emitter.removeListener('x', listener)
    assert emitter.eventNames() == []
    assert emitter.off('x', listener) is emitter


def test_bound_methods_can_be_removed(emitter: EventEmitter, record: Recorder) -> None:
    emitter.on('x', record.wait)
    emitter.off('x', record.wait)  # another object each time, equal to the first
    assert not emitter.emit('x')


def test_what_is_there_can_be_asked_for(emitter: EventEmitter) -> None:
    def listener() -> None:
        pass

    emitter.once('x', listener).on('x', listener).addListener('y', listener)
    assert emitter.eventNames() == ['x', 'y']
    assert emitter.listenerCount('x') == emitter.listenerCount('x', listener) == 2
    assert emitter.listenerCount('x', print) == emitter.listenerCount('z') == 0
    assert emitter.listeners('x') == [listener, listener]
    assert emitter.listeners('z') == emitter.rawListeners('z') == []
    wrapper, plain = emitter.rawListeners('x')
    assert plain is listener
    assert wrapper.listener is listener  # type: ignore[attr-defined]


def test_a_wrapper_of_once_removes_its_listener_when_it_is_called(
        emitter: EventEmitter, record: Recorder) -> None:
    emitter.once('x', record)
    wrapper = emitter.rawListeners('x')[0]
    wrapper(1)
    wrapper(2)
    assert record.events == [1]
    assert emitter.listenerCount('x') == 0
    emitter.once('x', record)
    emitter.off('x', emitter.rawListeners('x')[0])
    assert emitter.listenerCount('x') == 0


@pytest.mark.parametrize('removes', ['removeAllListeners', 'off'])
def test_a_listener_that_one_before_it_removes_is_called_all_the_same(
        emitter: EventEmitter, record: Recorder, removes: str) -> None:
    def last() -> None:
        record('last')

    emitter.on('x', lambda: emitter.removeAllListeners('x') if removes != 'off' else emitter.off('x', last))
    emitter.once('x', last)
    assert emitter.emit('x')
    assert record.events == ['last']
    assert emitter.listenerCount('x') == (removes == 'off')


def test_new_and_removed_listeners_are_announced(emitter: EventEmitter, record: Recorder) -> None:
    def note(what: str) -> Callable[[str, Any], None]:
        def noted(name: str, function: Any) -> None:
            record(f'{what} {name} {emitter.listenerCount(name)} {function.__name__}')
        return noted

    def a() -> None:
        record('a')

    def b() -> None:
        record('b')

    new, removed = note('new'), note('removed')
    emitter.on('newListener', new)
    emitter.on('removeListener', removed)
    emitter.once('x', a)
    emitter.on('x', b)
    emitter.emit('x')
    emitter.emit('x')
    emitter.off('x', b)
    emitter.on('x', a)
    emitter.on('y', b)
    emitter.on('x', b)
    emitter.removeAllListeners()
    assert record.events == [
        'new removeListener 0 noted', 'new x 0 a', 'new x 1 b', 'removed x 1 a', 'a', 'b', 'b',
        'removed x 0 b', 'new x 0 a', 'new y 0 b', 'new x 1 b', 'removed newListener 0 noted',
        'removed x 1 b', 'removed x 0 a', 'removed y 0 b']
    assert emitter.eventNames() == []


def test_a_listener_added_by_new_listener_comes_first(emitter: EventEmitter, record: Recorder) -> None:
    emitter.once('newListener', lambda name: name == 'event' and emitter.on('event', lambda: record('B')))
    emitter.on('event', lambda: record('A'))
    emitter.emit('event')
    assert record.events == ['B', 'A']


def test_new_listener_may_refuse(emitter: EventEmitter) -> None:
    emitter.on('newListener', lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        emitter.on('x', print)
    assert emitter.listenerCount('x') == 0


def test_removing_the_listeners_of_one_event(emitter: EventEmitter, record: Recorder) -> None:
    emitter.on('removeListener', lambda name: record(name))
    emitter.on('x', print).on('x', print).once('y', repr)
    emitter.removeAllListeners('x')
    record('|')
    emitter.emit('y')
    emitter.removeAllListeners()
    assert record.events == ['x', 'x', '|', 'y']


def test_decorators(emitter: EventEmitter, record: Recorder) -> None:
    @emitter.on('x')
    def listener(value: int) -> None:
        record('on', value)

    @emitter.once('x')
    def one_time(value: int) -> None:
        record('once', value)

    @emitter.prependListener('x')
    def early(value: int) -> None:
        record('early', value)

    @emitter.prependOnceListener('x')
    def first(value: int) -> None:
        record('first', value)

    @emitter.addListener('x')
    def last(value: int) -> None:
        record('last', value)

    emitter.emit('x', 1)
    emitter.emit('x', 2)
    assert record.events == [
        ('first', 1), ('early', 1), ('on', 1), ('once', 1), ('last', 1), ('early', 2), ('on', 2), ('last', 2)]
    assert listener.__name__ == 'listener'


def test_emitters_do_not_share_listeners() -> None:
    first, second = EventEmitter(), EventEmitter()
    first.on('x', print)
    assert second.eventNames() == []
    assert not second.emit('x')


# Errors


@pytest.mark.parametrize(('args', 'shown'), [
    ((), 'undefined'), (('x',), "'x'"), ((5,), '5'), (({},), '{}')])
def test_an_error_that_is_none(emitter: EventEmitter, args: tuple[Any, ...], shown: str) -> None:
    assert failure(lambda: emitter.emit('error', *args)) == (
        f'Error [ERR_UNHANDLED_ERROR] Unhandled error. ({shown})')


def test_an_error_without_listener_is_raised(emitter: EventEmitter) -> None:
    error = TypeError('boo')
    with pytest.raises(TypeError) as caught:
        emitter.emit('error', error)
    assert caught.value is error


def test_an_error_with_a_listener(emitter: EventEmitter, record: Recorder) -> None:
    emitter.on('error', record)
    assert emitter.emit('error', 'x')
    assert record.events == ['x']


@pytest.mark.parametrize(('listener', 'received'), [
    (5, 'type number (5)'), (None, 'undefined'), ({}, 'an instance of Object'),
    ('str', "type string ('str')"), ([], 'an instance of Array'), (True, 'type boolean (true)'),
    (b'', 'an instance of Buffer')])
def test_a_listener_must_be_callable(emitter: EventEmitter, listener: Any, received: str) -> None:
    expected = ('TypeError [ERR_INVALID_ARG_TYPE] The "listener" argument must be of type function. '
                f'Received {received}')
    for method in (emitter.on, emitter.once, emitter.off, emitter.prependListener, emitter.addListener,
                   emitter.prependOnceListener, emitter.removeListener):
        assert failure(lambda method=method: method('x', listener)) == expected


async def coroutine(self: Any = None) -> None: ...


async def asynchronous_generator() -> Any:
    yield


@pytest.mark.parametrize('function', [
    coroutine, asynchronous_generator, type('Owner', (), {'coroutine': coroutine})().coroutine])
def test_a_callback_that_nobody_would_await_is_refused(emitter: EventEmitter, function: Any) -> None:
    expected = ('TypeError [ERR_INVALID_ARG_TYPE] The "callback" argument must be a function without "async" '
                f'(it may wait). Received function {function.__name__}')
    for add in (partial(emitter.on, 'x'), partial(emitter.once, 'x'), http.createServer, timers.setImmediate,
                http.run):
        assert failure(partial(add, function)) == expected
    assert emitter.eventNames() == []


# The warning


def test_a_warning_of_a_leak(emitter: EventEmitter) -> None:
    for _ in range(10):
        emitter.on('x', print)
    with pytest.warns(MaxListenersExceededWarning) as caught:
        emitter.on('x', print)
    assert str(caught[0].message) == (
        'Possible EventEmitter memory leak detected. 11 x listeners added to [EventEmitter]. '
        'MaxListeners is 10. Use emitter.setMaxListeners() to increase limit')
    assert caught[0].filename == __file__
    emitter.on('x', print)  # once an event


def test_the_limit_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    class Special(EventEmitter):
        pass

    emitter = Special()
    assert emitter.setMaxListeners(1) is emitter
    assert emitter.getMaxListeners() == 1
    with pytest.warns(MaxListenersExceededWarning, match=r'2 z listeners added to \[Special\]. MaxListeners'):
        emitter.on('z', print).on('z', print)
    for limit in (0, float('inf')):
        emitter.setMaxListeners(limit)
        for _ in range(30):
            emitter.on('y', print)
    monkeypatch.setattr(EventEmitter, 'defaultMaxListeners', 2)
    assert Special().getMaxListeners() == 2


@pytest.mark.parametrize(('value', 'expected'), [
    ('a', "TypeError [ERR_INVALID_ARG_TYPE] The \"setMaxListeners\" argument must be of type number. "
          "Received type string ('a')"),
    (-1, 'RangeError [ERR_OUT_OF_RANGE] The value of "setMaxListeners" is out of range. It must be >= 0. '
         'Received -1'),
    (float('nan'), 'RangeError [ERR_OUT_OF_RANGE] The value of "setMaxListeners" is out of range. '
                   'It must be >= 0. Received NaN'),
    (True, 'TypeError [ERR_INVALID_ARG_TYPE] The "setMaxListeners" argument must be of type number. '
           'Received type boolean (true)')])
def test_bad_limits(emitter: EventEmitter, value: Any, expected: str) -> None:
    assert failure(lambda: emitter.setMaxListeners(value)) == expected


# What a listener may look like


class Taker:
    """Callables of all sorts, which return what they were given."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def none(self) -> tuple[Any, ...]:
        """Take nothing."""
        return ()

    def two(self, a: Any, b: Any) -> tuple[Any, ...]:
        """Take two."""
        return a, b

    def rest(*args: Any) -> tuple[Any, ...]:
        """Take itself among the rest."""
        return args[1:]

    @staticmethod
    def static(a: Any) -> tuple[Any, ...]:
        """Take one."""
        return (a,)

    @classmethod
    def of_class(cls, a: Any, b: Any = 'default') -> tuple[Any, ...]:
        """Take one or two."""
        return a, b

    def __call__(self, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
        return a, b, c


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that passes on what it is given."""
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)
    return wrapper


TAKERS: list[tuple[Callable[..., Any], list[tuple[Any, ...]]]] = [
    # What it returns when it is given nothing, (1,), (1, 2), (1, 2, 3).
    (lambda: (), [(), (), (), ()]),
    (lambda a: (a,), [(None,), (1,), (1,), (1,)]),
    (lambda a, b: (a, b), [(None, None), (1, None), (1, 2), (1, 2)]),
    (lambda a, b='default': (a, b), [(None, 'default'), (1, 'default'), (1, 2), (1, 2)]),
    (lambda a=5, *, key=7: (a, key), [(5, 7), (1, 7), (1, 7), (1, 7)]),
    (lambda *args: args, [(), (1,), (1, 2), (1, 2, 3)]),
    (lambda a, b, *args: (a, b, *args), [(None, None), (1, None), (1, 2), (1, 2, 3)]),
    (lambda a, /, b: (a, b), [(None, None), (1, None), (1, 2), (1, 2)]),
    (lambda a, **kwargs: (a,), [(None,), (1,), (1,), (1,)]),
    (Taker().none, [(), (), (), ()]),
    (Taker().two, [(None, None), (1, None), (1, 2), (1, 2)]),
    (Taker().rest, [(), (1,), (1, 2), (1, 2, 3)]),
    (Taker.static, [(None,), (1,), (1,), (1,)]),
    (Taker.of_class, [(None, 'default'), (1, 'default'), (1, 2), (1, 2)]),
    (Taker(), [(None, None, None), (1, None, None), (1, 2, None), (1, 2, 3)]),
    (functools.partial(Taker().two, 'bound'), [('bound', None), ('bound', 1), ('bound', 1), ('bound', 1)]),
    (functools.partial(lambda a, b: (a, b), b='key'), [(None, 'key'), (1, 'key'), (1, 'key'), (1, 'key')]),
    (wrapped(lambda a: (a,)), [(None,), (1,), (1,), (1,)]),
    (wrapped(Taker().two), [(None, None), (1, None), (1, 2), (1, 2)]),
    (functools.lru_cache(lambda a: (a,)), [(None,), (1,), (1,), (1,)]),
    ('{} {}'.format, []),
]


@pytest.mark.parametrize(('taker', 'expected'), TAKERS[:-1])
def test_listeners_may_take_fewer_arguments_or_more(taker: Any, expected: list[tuple[Any, ...]]) -> None:
    given = [(), (1,), (1, 2), (1, 2, 3)]
    assert [adapt(taker)(*args) for args in given] == expected
    emitter, results = EventEmitter(), []
    emitter.on('x', lambda *args: results.append(emitter.listeners('y') and adapt(taker)(*args)))
    emitter.on('y', taker)
    for args in given:
        emitter.emit('x', *args)
        emitter.emit('y', *args)
    assert results == expected


def test_builtins_and_classes_as_listeners(emitter: EventEmitter, capsys: pytest.CaptureFixture[str]) -> None:
    chunks: list[Any] = []
    things: set[Any] = set()
    messages = queue.SimpleQueue[Any]()
    emitter.on('x', chunks.append)
    emitter.on('x', things.add)
    emitter.on('x', print)
    emitter.on('x', messages.put)
    emitter.emit('x', 'chunk')
    assert (chunks, things, messages.get()) == (['chunk'], {'chunk'}, 'chunk')
    assert capsys.readouterr().out == 'chunk\n'
    emitter.removeAllListeners()
    emitter.on('x', chunks.append)
    emitter.emit('x', 1, 2, 3)
    emitter.emit('x')
    assert chunks == ['chunk', 1, None]
    emitter.on('y', Taker)
    emitter.on('y', dict)
    assert emitter.emit('y')


def test_a_listener_that_raises_a_type_error_of_its_own(emitter: EventEmitter) -> None:
    emitter.on('x', lambda value: len(value))
    with pytest.raises(TypeError, match='has no len'):
        emitter.emit('x', 5)


def test_a_function_that_takes_anything_is_not_wrapped() -> None:
    def anything(*args: Any) -> None:
        pass

    assert adapt(anything) is anything
    assert adapt(print) is print


def test_adding_a_listener_is_cheap() -> None:
    # Not a benchmark: inspect.signature takes 10 to 100 us, which others on the machine do not change.
    for listener in (lambda: None, Taker().two, [].append, print):
        parameters(listener)
        began = time.thread_time()
        for _ in range(1000):
            parameters(listener)
        assert time.thread_time() - began < 0.02


# Internal emission


def test_internal_emission_releases_the_monitor(emitter: EventEmitter, record: Recorder) -> None:
    emitter.on('x', lambda: record(owns_monitor()))
    emitter.on('x', internal(lambda: record(owns_monitor())))
    with monitor:
        assert emitter._fire('x')
        assert owns_monitor()
        assert not emitter._fire('y')
    assert record.events == [False, True]


def test_internal_emission_reports_exceptions(emitter: EventEmitter, escaped: list[BaseException]) -> None:
    emitter.on('x', lambda: 1 / 0)
    with monitor:
        assert emitter._fire('x')
        assert not emitter._fire('error', KeyError('x'))
    assert [type(error) for error in escaped] == [ZeroDivisionError, KeyError]


def test_internal_emission_honours_an_overridden_emit(record: Recorder) -> None:
    class Loud(EventEmitter):
        def emit(self, eventName: str, *args: Any) -> bool:
            record('subclass', eventName)
            return super().emit(eventName, *args)

    emitter = Loud()
    with monitor:
        assert not emitter._fire('x')
    plain = EventEmitter()
    plain.emit = lambda name, *args: record('instance', name) or True  # type: ignore[method-assign]
    with monitor:
        assert plain._fire('x')
    assert record.events == [('subclass', 'x'), ('instance', 'x')]


# Waiting for an event


def emit_when_heard(emitter: EventEmitter, name: str, *args: Any) -> None:
    """Emit as soon as somebody listens."""
    def look() -> None:
        if emitter.listenerCount(name):
            interval.close()
            emitter.emit(name, *args)
    interval = timers.setInterval(look, 1)


def test_once_waits_for_an_event(emitter: EventEmitter) -> None:
    emit_when_heard(emitter, 'x', 1, 2)
    assert once(emitter, 'x') == [1, 2]
    assert emitter.eventNames() == []


def test_once_raises_an_error(emitter: EventEmitter) -> None:
    emit_when_heard(emitter, 'error', KeyError('bad'))
    with pytest.raises(KeyError):
        once(emitter, 'x')
    assert emitter.eventNames() == []
    emit_when_heard(emitter, 'error', 'no exception')
    assert failure(lambda: once(emitter, 'x')).startswith('Error [ERR_UNHANDLED_ERROR]')


def test_once_can_wait_for_error(emitter: EventEmitter) -> None:
    error = KeyError('bad')
    emit_when_heard(emitter, 'error', error)
    assert once(emitter, 'error') == [error]


def test_once_wants_an_emitter() -> None:
    assert failure(lambda: once(5, 'x')) == (
        'TypeError [ERR_INVALID_ARG_TYPE] The "emitter" argument must be an instance of EventEmitter or '
        'EventTarget. Received type number (5)')


def test_once_wants_a_name() -> None:
    assert failure(lambda: once(EventEmitter(), None)) == (  # type: ignore[arg-type]
        'TypeError [ERR_INVALID_ARG_TYPE] The "name" argument must be of type string. Received undefined')


@pytest.mark.parametrize('is_callback', [False, True])
@pytest.mark.parametrize(('timeout', 'message'), [
    ('5', 'TypeError [ERR_INVALID_ARG_TYPE] The "timeout" argument must be of type number. '
          "Received type string ('5')"),
    (True, 'TypeError [ERR_INVALID_ARG_TYPE] The "timeout" argument must be of type number. '
           'Received type boolean (true)'),
    (math.nan, 'RangeError [ERR_OUT_OF_RANGE] The value of "timeout" is out of range. '
               'It must be a number of seconds. Received NaN')])
def test_deadlines_that_are_none(
        emitter: EventEmitter, record: Recorder, timeout: Any, message: str, is_callback: bool) -> None:
    """In a callback NaN broke the order of all timers."""
    for target in emitter, http.AbortController().signal:
        def wait(target: Any = target) -> None:
            record(failure(lambda: once(target, 'x', timeout)))
        soon(wait) if is_callback else wait()
    assert record.wait_count(2) == [message] * 2
    assert emitter.eventNames() == []


def test_a_deadline_that_never_comes(emitter: EventEmitter, record: Recorder) -> None:
    """It stopped all that came after it."""
    soon(lambda: record(once(emitter, 'x', math.inf)))
    soon(lambda: timers.setTimeout(emitter.emit, 20, 'x', 1))
    assert record.wait_count(1) == [[1]]


def test_once_has_a_deadline(emitter: EventEmitter) -> None:
    with pytest.raises(TimeoutError) as raised:
        once(emitter, 'x', timeout=0.01)
    assert raised.value.__notes__ == [f"while waiting for 'x' of {emitter!r}"]
    with pytest.raises(TimeoutError):
        once(emitter, 'x', timeout=0)
    assert emitter.eventNames() == []


def test_once_in_callbacks_of_each_other(emitter: EventEmitter, record: Recorder) -> None:
    def question() -> None:
        soon(answer)
        record(*once(emitter, 'answer'))

    def answer() -> None:
        soon(emitter.emit, 'go')
        once(emitter, 'go')
        emitter.emit('answer', 42)

    soon(question)
    assert record.wait_count(1) == [42]


def test_once_in_many_threads(emitter: EventEmitter) -> None:
    emitter.setMaxListeners(0)
    results = queue.SimpleQueue[Any]()
    threads = [threading.Thread(target=lambda: results.put(once(emitter, 'x', MUST_NOT_EXPIRE)))
               for _ in range(20)]
    for thread in threads:
        thread.start()
    while emitter.listenerCount('x') < 20:
        time.sleep(0.001)
    emitter.emit('x', 1)
    for thread in threads:
        thread.join(MUST_NOT_EXPIRE)
    assert [results.get_nowait() for _ in threads] == [[1]] * 20


# Threads


def test_a_one_time_listener_is_called_once_whichever_thread_emits(
        emitter: EventEmitter) -> None:
    calls = queue.SimpleQueue[int]()
    start = threading.Barrier(3, action=lambda: emitter.once('x', lambda: calls.put(1)) and None)

    def work() -> None:
        for _ in range(100):
            start.wait(MUST_NOT_EXPIRE)
            emitter.emit('x')

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(MUST_NOT_EXPIRE)
    assert calls.qsize() == 100


def test_adding_and_removing_in_many_threads(emitter: EventEmitter) -> None:
    emitter.setMaxListeners(0)

    def work() -> None:
        for _ in range(200):
            def listener() -> None:
                pass
            emitter.on('x', listener)
            emitter.once('y', listener)
            emitter.emit('x')
            emitter.off('x', listener)
            emitter.off('y', listener)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(MUST_NOT_EXPIRE)
    assert emitter.eventNames() == []
