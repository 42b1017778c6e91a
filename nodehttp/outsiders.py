"""What the pool has to do with threads that are not its own: what they start is held back for a moment
(holds.py), who waits may go on with its connection by itself (visit.py), and what it leaves behind is not
urgent."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any

from nodehttp.holds import Holds
from nodehttp.jobs import Jobs
from nodehttp.loop import Function, Strand

if TYPE_CHECKING:
    from nodehttp.visit import Visit


class Outsiders(Jobs):
    """The part of the pool (baton.py) that knows of threads outside. All methods need the monitor unless they
    say otherwise."""

    def reset_outsiders(self) -> None:
        """Begin without any."""
        self.holds = Holds(self, self.release_strand)
        self.visits: dict[int, Visit] = {}  # by thread
        self.unhurried = 0  # who is in `unhurried` (waiting.py); of several the last one

    def is_outside(self) -> bool:
        """Is the calling thread none of the pool's?"""
        return get_ident() not in self._workers

    def release_strand(self, strand: Strand) -> None:
        """One reason less for the strand to be busy."""
        raise NotImplementedError

    def hold(self, strand: Strand) -> None:
        """What the calling thread has just started keeps its first events for a while, if that thread has not
        the baton, or loses it before its callback is over."""
        holder, identity = self.holder, get_ident()
        if holder is not None and holder.identity == identity:
            holder.started.append(strand)
            return
        worker = self._workers.get(identity)
        if worker is None:
            visit = self.visits.get(identity)
            if visit is None or not visit.is_at_work:  # who waits already will not add listeners
                self.holds.begin(strand)
        elif worker.detached and strand is not worker.strand:
            worker.is_guest = True
            self.holds.begin(strand)

    def hold_instead(self, strand: Strand, other: Strand) -> bool:
        """Hold back `other` in place of `strand`, if the calling thread alone holds that back and nothing
        waits for it yet; else return False."""
        return self.holds.begin_instead(strand, other)

    def is_visited_by_caller(self, strand: Strand) -> bool:
        """Does the calling thread do something for this strand in a Visit?"""
        visit = strand.visit
        return visit is not None and visit.is_at_work and visit.identity == get_ident()

    def is_visiting(self) -> bool:
        """Does the calling thread do something in a Visit?"""
        visit = self.visits.get(get_ident())
        return visit is not None and visit.is_at_work

    def beside_others(self) -> int:
        """Does the calling thread run its callback without the baton, or one of several visits? Returns its
        identity, or 0."""
        identity = get_ident()
        if identity in self.visits:
            return identity if len(self.visits) > 1 else 0
        worker = self._workers.get(identity)
        return identity if worker is not None and worker.detached else 0

    def leave_to_pool(self, function: Function, *args: Any) -> bool:
        """In a Visit: have the holder call what is the user's, in place of the visitor. False if the calling
        thread is in none."""
        visit = self.visits.get(get_ident())
        if visit is None or not visit.is_at_work:
            return False
        visit.stop()
        self.add_tick(visit.strand, function, args)
        return True

    def gives_to_visitor(self, error: BaseException) -> bool:
        """In a Visit, which calls nothing of the user's, an exception is that of a signal handler: let the
        thread that waits raise it. False if the calling thread is in none."""
        visit = self.visits.get(get_ident())
        if visit is None or not visit.is_at_work:
            return False
        visit.error = error
        visit.stop()
        return True

    def notify(self) -> None:
        """Something is to be done: see to it that somebody notices, at once or (`unhurried`) soon."""
        if not self.unhurried or self.holder is None or self.unhurried != get_ident():
            super().notify()
        elif not self.holds.looks_soon():
            self.unhurried = 0  # the timer means it
            self.holds.look_soon()
            self.unhurried = get_ident()
