"""Jobs: what can block and is not the user's, such as name resolution and files, on threads of the pool.

Most jobs are over in no time: a few threads do them, however many there are. Where the jobs at hand take
long (a name server that does not answer, a pipe without a writer) one more thread is called after the other,
as long as there may be more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from nodehttp.loop import Function, Loop, Strand, Timer
from nodehttp.monitor import released
from nodehttp.worker import Worker

JOB_THREADS = 4  # that are called at once, as many as Node has for such things
JOB_PATIENCE = 10  # ms that the first job in the queue waits for one of them before one more is called


class Jobs(Loop):
    """The part of the pool (baton.py) that knows of jobs. All methods need the monitor."""

    # What the pool has.
    max_threads: int
    _watcher: Worker | None
    _idle: list[Worker]
    _workers: dict[int, Worker]
    _starting: int
    _is_refused: bool

    def reset_jobs(self) -> None:
        """Begin without any."""
        self._jobs: deque[tuple[Function, Function, Strand | None]] = deque()
        self._working = 0  # threads that do a job
        self._called: set[Worker] = set()  # threads that are on their way to one
        self._job_timer: Timer | None = None

    def _spawn(self) -> Worker | None:
        """Start a thread; None if there are too many."""
        raise NotImplementedError

    def _threads_in_use(self) -> int:
        """How many count against `max_threads`."""
        raise NotImplementedError

    def submit(self, job: Callable[[], Any], done: Callable[[BaseException | None, Any], Any],
               strand: Strand | None = None) -> None:
        """Run `job()` on another thread, without baton and monitor, then `done(error, result)` as an item.

        For what can block: name resolution, files. It keeps the process alive meanwhile. Most jobs are over
        in no time, so a few threads do them; more are called only where the jobs at hand take long.
        """
        self.add_ref()
        self._jobs.append((job, done, strand))
        if self._working + len(self._called) < JOB_THREADS:
            self._call_helper()
        elif self._job_timer is None:
            self._await_helper()
        self.notify()

    def _call_helper(self) -> None:
        helper = self._idle_helper() or self._spawn()
        if helper is not None:
            self._called.add(helper)
        else:
            helper = self._watcher
        if helper is not None:
            if helper in self._idle:
                self._idle.remove(helper)
            helper.gate.open()

    def _await_helper(self) -> None:
        self._job_timer = self.start_timer(JOB_PATIENCE, self._help_on, self._jobs[0], ref=False)

    def _help_on(self, first: object) -> None:
        """Call one more thread if the job waits that was the first in the queue a while ago."""
        self._job_timer = None
        if self._jobs:
            if self._jobs[0] is first:
                self._call_helper()
            self._await_helper()

    def _run_job(self) -> None:
        job, done, strand = self._jobs.popleft()
        error, result = None, None
        self._working += 1
        with released():
            try:
                result = job()
            except BaseException as caught:  # whatever it is, it belongs to who asked for the job
                error = caught
        self._working -= 1
        self.drop_ref()
        self.call_soon(done, error, result, strand=strand)

    def _idle_helper(self) -> Worker | None:
        """An idle thread that may be given something to do: not one that must be able to leave `run` at any
        time."""
        return next((worker for worker in reversed(self._idle) if not worker.is_runner), None)

    def _lacks_helper(self) -> bool:
        """Is there a job, and neither an idle thread nor room for a new one?"""
        return (bool(self._jobs) and self._idle_helper() is None
                and (self._is_refused or self._threads_in_use() >= self.max_threads))

    def _is_last_helper(self) -> bool:
        """Must the holder itself do a job, because nobody else ever will?"""
        return (not self._working and not self._starting and self._lacks_helper()
                and (self._watcher is None or self._watcher.is_runner))
