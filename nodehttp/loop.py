"""The loop: what is to be done, and in which order. It knows nothing of threads; the pool gives it to the one
that holds the baton.

An *item* is `(strand, function, args)`. Items of `process.nextTick` come before all else; the others are in
`ready`, which one phase after the other fills, in the order of Node: poll, check (setImmediate), closing,
timers, pending. Polled events go there too, never into a local variable, so that another thread can go on
where the last one was stopped.

All of it needs the monitor. Items run with it.
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from nodehttp.monitor import release_monitor, retake_monitor
from nodehttp.poller import AT_ONCE, READ, Bell, make_poller

if TYPE_CHECKING:
    from nodehttp.holds import Hold
    from nodehttp.visit import Visit
    from nodehttp.watch import Watch
    from nodehttp.worker import Source

Function = Callable[..., Any]

TIMEOUT_MAX = 2**31 - 1  # ms; the longest delay of Node's timers
LONGEST_POLL = 86_400  # s; what the system takes is bounded, what waits for an event is not
monotonic = time.monotonic


class Deliverer(Protocol):
    """Who delivers the events of a strand, as far as these are read or parsed."""

    def _go_on(self) -> object:
        """A callback of the strand begins to wait in the middle of a delivery: deliver what is behind it."""


class Strand:
    """The events of one connection, in order and never two at once. Used with the monitor held.

    `busy` counts who keeps its items waiting (a detached callback, a hold).
    """

    __slots__ = ('backlog', 'busy', 'deliverer', 'holds', 'owner', 'patience', 'source', 'visit', 'watch')

    def __init__(self) -> None:
        self.busy = 0
        self.backlog: list[tuple[bool, Item]] = []  # (was it a tick, item)
        self.holds: tuple[Hold, ...] = ()
        self.patience: Hold | None = None  # the last one: how long an 'error' waits for its listener
        self.deliverer: Deliverer | None = None
        self.source: Source | None = None  # of the callbacks that input leads to
        self.watch: Watch | None = None  # of the connection's descriptor
        self.owner: Any = None  # of a client's connection: the ClientConnection
        self.visit: Visit | None = None  # by a thread outside the pool, which keeps it busy

    def __repr__(self) -> str:
        return f'<Strand busy={self.busy} waiting={len(self.backlog)}>'


Item = tuple[Strand | None, Function, tuple[Any, ...]]


class Handle:
    """Something open that keeps the process alive while it is referenced and active, as it is from the
    beginning. In the child after a fork, what the parent has opened counts no more."""

    __slots__ = ('_generation', '_loop', '_referenced', 'active')

    def __init__(self, loop: Loop, referenced: bool = True) -> None:
        self._loop = loop
        self._generation = loop.generation
        self._referenced = referenced
        self.active = True
        if referenced:
            loop.add_ref()

    def activate(self) -> None:
        """Count again."""
        if not self.active or self._generation != self._loop.generation:
            self.active = True
            self._generation = self._loop.generation
            if self._referenced:
                self._loop.add_ref()

    def deactivate(self) -> None:
        """Count no more."""
        if self.active:
            self.active = False
            if self._referenced and self._generation == self._loop.generation:
                self._loop.drop_ref()

    def ref(self) -> None:
        """Keep the process alive while active."""
        if not self._referenced:
            self._referenced = True
            if self.active and self._generation == self._loop.generation:
                self._loop.add_ref()

    def unref(self) -> None:
        """Do not keep the process alive."""
        if self._referenced:
            self._referenced = False
            if self.active and self._generation == self._loop.generation:
                self._loop.drop_ref()

    def has_ref(self) -> bool:
        """Does it keep the process alive (while active)?"""
        return self._referenced


def _nothing() -> None:
    """What a cancelled timer calls."""


class Timer(Handle):
    """One deadline, in ms."""

    __slots__ = ('_args', '_function', '_serial', '_strand', 'delay', 'repeat')

    def __init__(self, loop: Loop, delay: float, function: Function, args: tuple[Any, ...],
                 strand: Strand | None, referenced: bool, repeat: float | None) -> None:
        super().__init__(loop, referenced)
        self.delay, self._function, self._args, self._strand = delay, function, args, strand
        self.repeat = repeat
        self._serial = loop.push_timer(self, delay)

    def refresh(self) -> None:
        """Start the delay anew, also after it has fired; not after `cancel`."""
        if self.active:
            self._loop.forget_timer()
        self.activate()
        self._serial = self._loop.push_timer(self, self.delay)

    def cancel(self) -> None:
        """Never fire, for good. Harmless when it has fired."""
        if self.active:
            self.deactivate()
            self._loop.forget_timer()
        # Its entry in the heap may stay for long, but what it would have called need not.
        self._function, self._args, self._strand = _nothing, (), None

    def is_due(self, serial: int) -> bool:
        """Is this entry of the heap still the valid one?"""
        return self.active and serial == self._serial

    def item(self, serial: int) -> Item:
        """Return the item that fires the timer."""
        return self._strand, self._fire, (serial,)

    def _fire(self, serial: int) -> None:
        if not self.is_due(serial):  # cleared or refreshed by an earlier callback of the same phase
            return
        if self.repeat is None:
            self.deactivate()
            self._function(*self._args)
        else:
            self._serial = 0  # neither pending nor cancelled
            self._function(*self._args)
            if self.active and self._serial == 0:
                self._serial = self._loop.push_timer(self, self.delay)


class Immediate(Handle):
    """A callback for the check phase."""

    __slots__ = ('_args', '_function')

    def __init__(self, loop: Loop, function: Function, args: tuple[Any, ...]) -> None:
        super().__init__(loop)
        self._function, self._args = function, args

    def run(self) -> None:
        """Run it, once, unless it was cancelled."""
        if self.active:
            self.deactivate()
            self._function(*self._args)

    def cancel(self) -> None:
        """Never run. Harmless when it has run."""
        self.deactivate()


class Loop:
    """The queues, the timers and the poller. `holder` is whoever runs the items; None: nobody."""

    generation = 0  # counts the forks

    def __init__(self) -> None:
        self.ticks: deque[Item] = deque()
        self.ready: deque[Item] = deque()
        self.reset()

    def reset(self) -> None:
        """Begin with nothing; after a fork too."""
        self.generation += 1
        self.has_forked = False  # is there, or was there, a child that has copies of the descriptors?
        self.holder: Any = None
        self.ticks.clear()  # the same ones: a thread may be on its way round the loop
        self.ready.clear()
        self._checking: list[Item] = []
        self._immediates: list[Item] = []
        self._closing: list[Item] = []
        self._pending: list[Item] = []
        self._timers: list[tuple[float, int, Timer]] = []
        self._dead_timers = 0
        self._serials = itertools.count(1)
        self._phase = 2
        self.checks = 0  # check phases so far
        self.now = monotonic() * 1000  # ms; of the last poll, good enough for deadlines
        self.poller = make_poller()
        # By descriptor. A look into a dict would be at three places of memory, for each event of the poller.
        self.watches: list[Watch | None] = []
        self.watched = 0  # how many there are
        self._polling_until: float | None = None  # ms; set while the holder is in poll
        self._bell: Bell | None = None
        self._deferred = 0  # items that wait for their strand
        self.references = 0
        self.on_first_use: Callable[[], None] | None = None
        self.on_idle: list[Callable[[], None]] = []  # told when nothing referenced is open any more

    # What is to be done, and when

    def next_tick(self, function: Function, *args: Any, strand: Strand | None = None) -> None:
        """Run after the current dispatch and before any other event."""
        self.add_tick(strand, function, args)

    def add_tick(self, strand: Strand | None, function: Function, args: tuple[Any, ...]) -> None:
        """The same: streams do it all the time."""
        if strand is not None and strand.busy:
            # It would be put there by the holder, who need not be woken up for that.
            self.defer(strand, (strand, function, args), True)
            return
        self.ticks.append((strand, function, args))
        if self._polling_until is not None or self.holder is None:
            self.notify()

    def call_soon(self, function: Function, *args: Any, strand: Strand | None = None) -> None:
        """Run as an event of its own, after those that are ready now."""
        self.ready.append((strand, function, args))
        if self._polling_until is not None or self.holder is None:
            self.notify()

    def call_pending(self, function: Function, *args: Any, strand: Strand | None = None) -> None:
        """As `call_soon`, but from the check and the closing phase only after them: so Node hears of what the
        system has done at once."""
        if 0 < self._phase < 3:
            self._pending.append((strand, function, args))
            self.notify()
        else:
            self.call_soon(function, *args, strand=strand)

    def call_next(self, function: Function, *args: Any, strand: Strand | None = None) -> None:
        """Run as an event of its own, after the ticks, before those that are ready: the rest of an event that
        was interrupted for its ticks."""
        self.ready.appendleft((strand, function, args))
        if self._polling_until is not None or self.holder is None:
            self.notify()

    def set_immediate(self, function: Function, *args: Any, strand: Strand | None = None) -> Immediate:
        """Run in the check phase: after the events that are ready now, before the next poll."""
        immediate = Immediate(self, function, args)
        self._immediates.append((strand, immediate.run, ()))
        self.notify()
        return immediate

    def call_checking(self, function: Function, *args: Any, strand: Strand | None = None) -> None:
        """Run in the check phase, before what `set_immediate` was given: Node's own immediates."""
        self._checking.append((strand, function, args))
        self.notify()

    def call_closing(self, function: Function, *args: Any, strand: Strand | None = None) -> None:
        """Run in the closing phase: last in this turn of the loop."""
        self._closing.append((strand, function, args))
        self.notify()

    def defer(self, strand: Strand, item: Item, is_tick: bool) -> None:
        """An item has to wait for its strand: overridden by the pool."""
        raise NotImplementedError

    def occupy(self, strand: Strand) -> None:
        """One reason more for the strand to be busy. Its ticks wait in the backlog from now on, also those
        that are queued already: none may overtake another."""
        strand.busy += 1
        if strand.busy == 1 and self.ticks:
            ticks = list(self.ticks)
            self.ticks.clear()
            for item in ticks:
                if item[0] is strand:
                    self.defer(strand, item, True)
                else:
                    self.ticks.append(item)

    def start_timer(self, delay: float, function: Function, *args: Any, strand: Strand | None = None,
                    ref: bool = True, repeat: float | None = None) -> Timer:
        """Run after `delay` ms, and every `repeat` ms from then on if that is given."""
        return Timer(self, delay, function, args, strand, ref, repeat)

    def push_timer(self, timer: Timer, delay: float) -> int:
        """Enter a deadline; return its serial, by which the timer knows its valid entry."""
        serial = next(self._serials)
        deadline = monotonic() * 1000 + delay
        heapq.heappush(self._timers, (deadline, serial, timer))
        if self.holder is None or (self._polling_until is not None and deadline < self._polling_until):
            self.notify()
        return serial

    def forget_timer(self) -> None:
        """A timer was cancelled: rebuild the heap once most of it may be dead."""
        self._dead_timers += 1  # at most: some have left the heap since
        if self._dead_timers > 256 and self._dead_timers > len(self._timers) // 2:
            self._timers[:] = [entry for entry in self._timers if entry[2].is_due(entry[1])]
            heapq.heapify(self._timers)
            self._dead_timers = 0

    def add_ref(self) -> None:
        """One more thing is open that keeps the process alive."""
        self.references += 1
        if self.on_first_use is not None:
            self.begin_life()

    def drop_ref(self) -> None:
        """One less."""
        self.references -= 1
        if self.references == 0 and self.on_idle:
            self.notify()

    def begin_life(self) -> None:
        """Something is open or to be done: tell who wants to know of the first time."""
        if self.on_first_use is not None:
            first, self.on_first_use = self.on_first_use, None
            first()

    def is_alive(self) -> bool:
        """Is anything referenced open, or left to be run?"""
        return bool(self.references > 0 or self.ticks or self.ready or self._checking or self._closing
                    or self._pending or self._deferred)

    def tell_if_idle(self) -> None:
        """Tell who wants to know that nothing is left to be done, if that is so."""
        if self.on_idle and not self.is_alive():
            for tell in self.on_idle:
                tell()

    def describe_open(self) -> list[str]:
        """Say what is open, for those who want to be sure that nothing is."""
        timers = [timer for _, serial, timer in self._timers if timer.is_due(serial) and timer.has_ref()]
        counts = {'references': self.references, 'watches': self.watched, 'timers': len(timers),
                  'items': (len(self.ready) + len(self.ticks) + len(self._checking) + len(self._closing)
                            + len(self._pending) + self._deferred)}
        return [f'{name}: {count}' for name, count in counts.items() if count]

    # One turn

    def advance(self) -> None:
        """Nothing is ready: fill `ready` from the next phase, which may wait. It may stay empty."""
        if not (self._phase or self._checking or self._immediates or self._closing or self._pending):
            timers = self._timers
            if not timers or timers[0][0] > monotonic() * 1000:
                self.checks += 1
                self._poll()  # what all the phases come to in most turns
                return
        if self._phase == 0:
            self._phase = 1
            self.checks += 1
            if self._checking or self._immediates:
                self.ready.extend(self._checking)
                self.ready.extend(self._immediates)
                self._checking.clear()
                self._immediates.clear()
                return
        if self._phase == 1:
            self._phase = 2
            if self._closing:
                self.ready.extend(reversed(self._closing))  # what was closed last comes first, as in Node
                self._closing.clear()
                return
        if self._phase == 2:
            self._phase = 3
            timers = self._timers
            if timers and timers[0][0] <= monotonic() * 1000 and self._take_due_timers():
                return
        if self._phase == 3 and self._pending:
            self.ready.extend(self._pending)
            self._pending.clear()
            return
        self._phase = 0
        self._poll()

    def _take_due_timers(self) -> bool:
        timers, now = self._timers, monotonic() * 1000
        while timers and timers[0][0] <= now:
            _, serial, timer = heapq.heappop(timers)
            if timer.is_due(serial):
                self.ready.append(timer.item(serial))
        return bool(self.ready)

    def _poll(self) -> None:
        """Wait for sockets until the next deadline, without the monitor; queue what is ready."""
        timeout: float | None = None
        if self._checking or self._immediates or self._closing:
            timeout = 0
        else:
            if self.on_idle and self.references <= 0:
                self.tell_if_idle()
            self._polling_until = math.inf
            timers = self._timers
            while timers and not timers[0][2].is_due(timers[0][1]):
                heapq.heappop(timers)  # cancelled: not worth a wake-up
            if timers:
                self._polling_until = timers[0][0]
                timeout = self._polling_until / 1000 - monotonic()
                if timeout < 0:
                    timeout = 0
                elif timeout > LONGEST_POLL:
                    timeout = LONGEST_POLL
        poller, holder = self.poller, self.holder
        state = release_monitor()
        try:
            events = poller.poll(timeout, AT_ONCE)
        finally:
            retake_monitor(state)
            if self.holder is holder:
                self._polling_until = None
        self.now = monotonic() * 1000
        watches = self.watches
        for fd, mask in events:
            watch = watches[fd]
            if watch is not None:
                watch.polled(mask)
            elif self._bell is not None and fd == self._bell.fd:
                self._bell.silence()  # two threads may have been woken up, of which one has lost the baton
        if self.holder is not holder:
            self.notify()  # somebody else polls by now, and knows nothing of these events

    def notify(self) -> None:
        """Something is to be done: see to it that somebody notices."""
        if self._polling_until is not None:
            self._polling_until = None  # once is enough
            self.wake()
        elif self.holder is None:
            self.man()

    def wake(self) -> None:
        """Let the poll of the holder end, or the next one."""
        if self._bell is None:
            self._bell = Bell()
            self.seat(self._bell.fd, None)
            self.poller.register(self._bell.fd, READ)
        self._bell.ring()

    def seat(self, fd: int, watch: Watch | None) -> None:
        """Note whom the poller's word about `fd` is for; None: nobody."""
        watches = self.watches
        if fd >= len(watches):
            watches.extend([None] * (fd + 1 - len(watches)))
        self.watched += (watch is not None) - (watches[fd] is not None)
        watches[fd] = watch

    def is_outside(self) -> bool:
        """Is the calling thread none of those that run the loop? Overridden by the pool."""
        return False

    def man(self) -> None:
        """Nobody runs the loop and somebody should: overridden by the pool."""

    def close_descriptors(self) -> None:
        """In the child after a fork: let go of the parent's poller without touching what it looks at."""
        self.poller.close()
        if self._bell is not None:
            self._bell.close()
