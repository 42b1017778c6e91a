"""One file descriptor that is watched: what the poller is asked for, and what is done when it tells.

A thread may wait for input in place of the poller for a while, or make system calls while others have the
monitor (staying.py, visit.py): that is its `_Aside`, which most of them never have.

The poller looks away while nothing is wanted, while somebody waits in its place, and from when a second event
comes while the first waits for a busy strand. Needs the monitor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from nodehttp.loop import Function, Handle, Loop, Strand, monotonic
from nodehttp.monitor import monitor, release_monitor, retake_after_signal, retake_in_turn, retake_monitor
from nodehttp.poller import DONT_WAIT, HANG_UP, READ, READ_SIZE, WRITE, Received, end_patience, make_patient

if TYPE_CHECKING:
    import socket

READING = READ | HANG_UP  # what is asked for to read
RECENT = 5  # ms; so long what the poller has said is taken for what it would say
READS_IN_A_ROW = 32  # of one descriptor before the others have their turn, as libuv has it
T = TypeVar('T')
U = TypeVar('U')


class Owner(Protocol):
    """Whose descriptor it is: told of what comes, with the monitor held."""

    def _on_readable(self, received: Received | None = None) -> object:
        """There is input; `received` is what a `recv` has come to, if there was one already."""

    def _on_writable(self) -> object:
        """There is room, or a connection."""


class _Aside:
    """What threads do with a descriptor beside the loop."""

    __slots__ = ('callers', 'close', 'is_lent', 'is_patient')

    def __init__(self) -> None:
        self.callers = 0  # threads that are in `apart`,
        self.close: Callable[[], Any] | None = None  # and what closes the descriptor behind them
        self.is_lent = False  # somebody waits for input in place of the poller,
        self.is_patient = False  # in `recv`


class Watch(Handle):
    """Interest in one file descriptor."""

    __slots__ = (
        '_armed',
        '_aside',
        '_events',
        '_mask',
        '_owner',
        '_polled',
        '_poller',
        '_queued',
        '_row',
        'fd',
        'handle',
        'strand',
    )

    def __init__(self, loop: Loop, fd: int, owner: Owner, strand: Strand | None) -> None:
        super().__init__(loop)
        self._poller, self.fd, self.strand, self._owner = loop.poller, fd, strand, owner
        self._mask = self._armed = 0  # wanted by the owner; known to the poller
        self._queued = False  # an event of it is waiting to be delivered
        self._row = 0
        self._events = 0  # what the poller has told last,
        self._polled = 0.0  # and when: the `now` of the loop
        self._aside: _Aside | None = None
        # The descriptor as a socket, if it is a connected one and the owner takes what was received.
        self.handle: socket.socket | None = None
        if strand is not None:
            strand.watch = self

    def want(self, readable: bool, writable: bool, referenced: bool | None = None) -> None:
        """Say which readiness is of interest from now on; and, if that is to change, whether it keeps the
        process alive."""
        if referenced is not None and referenced is not self._referenced:
            self.ref() if referenced else self.unref()
        self._mask = (READING if readable else 0) | (WRITE if writable else 0)
        # What is queued or lent is armed when that is over. But the loop's own threads do not borrow it anew.
        if self._mask != self._armed:
            aside = self._aside
            is_lent = aside is not None and aside.is_lent and not writable and self._loop.is_outside()
            if self._armed or not (self._queued or is_lent):
                self._arm(self._mask)

    def _arm(self, mask: int) -> None:
        poller, armed, self._armed = self._poller, self._armed, mask
        if poller is not self._loop.poller:  # from before a fork: the set is the parent's
            return
        if not mask:
            # Not a mask of 0: epoll reports hang-ups even then, again and again.
            if self._loop.watches[self.fd] is self:
                self._loop.seat(self.fd, None)
                try:
                    poller.unregister(self.fd)
                except (OSError, KeyError, ValueError):  # closed behind our back: then the kernel has done it
                    pass
        elif armed:
            poller.modify(self.fd, mask)
        else:
            poller.register(self.fd, mask)
            self._loop.seat(self.fd, self)
            if self._loop.holder is None or not poller.is_live:
                self._loop.notify()

    # What the poller tells

    def polled(self, events: int) -> None:
        """Queue the delivery of a readiness. A second one while the first waits for a busy strand disarms the
        descriptor."""
        self._events, self._polled = events, self._loop.now
        if self._queued:
            self._arm(0)
        else:
            self._queued = True
            self._loop.ready.append((self.strand, self._deliver, (events,)))

    def _deliver(self, events: int) -> None:
        self._queued = False
        if self._armed != self._mask:
            self._arm(self._mask)
        # An error or a hang-up shows to whoever waits: reading or writing finds out what it is.
        if events & ~WRITE:
            if self._mask & READ:
                self._owner._on_readable()
            else:
                self._polled = 0.0  # it stays unread
        if events & ~READ and self._mask & WRITE:
            self._owner._on_writable()

    def has_no_news(self) -> bool:
        """Has all been read that the poller has just told of, and was the end not behind that?"""
        loop = self._loop
        return (self._polled == loop.now and not self._events & HANG_UP and not self._queued
                and self._poller.tells_hang_up and monotonic() * 1000 - loop.now < RECENT)

    def is_inherited(self) -> bool:
        """Is it from before a fork? Then what comes may as well be read by the parent."""
        return self._poller is not self._loop.poller

    def may_have_copies(self) -> bool:
        """Has this process opened it, and forked since, so that closing it may not be the end of it?"""
        return self._loop.has_forked and not self.is_inherited()

    def again(self) -> None:
        """There may be more input than what is about to be delivered: have it read next, before the poller is
        asked, unless that was so READS_IN_A_ROW times."""
        self._row += 1
        if self._row == READS_IN_A_ROW:
            self._row = 0
            self._polled = 0.0  # there is more
        elif not self._queued and (self.strand is None or not self.strand.busy):
            self._queued = True
            self._loop.ready.appendleft((self.strand, self._deliver, (READ,)))

    # Beside the poller

    def _begin_aside(self) -> _Aside:
        self._aside = _Aside()
        return self._aside

    def apart(self, call: Callable[[U, int], T], argument: U, flags: int = 0) -> T:
        """Make a system call on the descriptor, without the monitor. It is not closed before that is over."""
        aside = self._aside or self._begin_aside()
        aside.callers += 1
        state = None
        try:
            state = release_monitor()
            return call(argument, flags)
        finally:
            strand = self.strand
            if state is None:  # a signal handler has raised
                retake_after_signal()
            elif strand is None or strand.visit is None:
                retake_monitor(state)  # no pause: half as many handlers would be served
            elif state[0] > 1 or not monitor.acquire(blocking=False):
                retake_in_turn(state)
            aside.callers -= 1
            if aside.close is not None and not aside.callers:
                close, aside.close = aside.close, None
                close()

    def borrow(self) -> bool:
        """Let the calling thread wait for input by itself: the poller looks away. False if there is more to
        it than that. `want_back` ends it."""
        if self._mask != READING or self._queued:
            return False
        aside = self._aside or self._begin_aside()
        aside.is_lent = True
        self._polled = 0.0  # it tells of no news any more
        if self._armed:
            self._arm(0)
        return True

    def use(self) -> None:
        """It keeps the process alive again, and one of the loop's threads waits for the poller's word."""
        self.ref()
        if self._armed != self._mask and not (self._queued or self._loop.is_outside()):
            self._arm(self._mask)

    def want_back(self) -> None:
        """The poller looks at it again, unless a visitor does."""
        if self.strand is not None and self.strand.visit is not None:
            return
        aside = self._aside
        if aside is not None:
            aside.is_lent = False
            if aside.is_patient:
                aside.is_patient = False
                if self.active:
                    self.handle.setblocking(False)  # type: ignore[union-attr]
        if self._armed != self._mask and not self._queued:
            self._arm(self._mask)

    def receive(self, milliseconds: int) -> Received | None:
        """Wait for input in place of the poller, and take it, without the monitor; `take` delivers it. None:
        nothing came in time, which is always the same, or 0."""
        handle: socket.socket = self.handle  # type: ignore[assignment]
        flags = 0 if milliseconds else DONT_WAIT
        if milliseconds:
            aside = self._aside or self._begin_aside()
            if not aside.is_patient:
                aside.is_patient = True
                make_patient(handle, milliseconds)
        try:
            return self.apart(handle.recv, READ_SIZE, flags)
        except BlockingIOError:
            return None
        except OSError as error:
            return error

    def take(self, received: Received) -> None:
        """Deliver what `receive` has brought."""
        if self.active:
            self._owner._on_readable(received)

    def read(self) -> None:
        """There is input: deliver it."""
        if self._mask & READ:
            self._owner._on_readable()

    def tells(self, function: Function) -> bool:
        """Is `function`, of an item, the poller's word about this descriptor?"""
        return function == self._deliver

    def write(self) -> None:
        """What to do with that for who waits for input by himself. Were the input read as well, it would come
        before what `receive` may have brought meanwhile; and the poller, asked again, be faster once more."""
        self._queued = False
        self._polled = 0.0  # it stays unread
        if self._mask & WRITE:
            self._owner._on_writable()

    # The end

    def close(self) -> None:
        """No interest any more; to be called before the descriptor is closed."""
        self._mask = 0
        if self._armed:
            self._arm(0)
        if self.strand is not None and self.strand.watch is self:
            self.strand.watch = None
        self.deactivate()

    def close_with(self, close_descriptor: Callable[[], Any]) -> None:
        """The same, and close the descriptor: behind the last one that is `apart` with it. Else its
        number might come to stand for something new in the middle of that."""
        self.close()
        aside = self._aside
        if aside is not None and aside.callers and self._generation == self._loop.generation:
            aside.close = close_descriptor
            if aside.is_patient:
                end_patience(self.handle)  # type: ignore[arg-type]
        else:
            close_descriptor()
