"""Worker processes of a batch. One that dies takes its shot with it and nothing else."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import connection, resource_tracker

from .batch_manifest import FAILED
from .batch_worker import Task, record, work
from .chunk_files import ChunkTask
from .errors import InputError
from .partial import sweep

WORK = work
"""The body of every worker."""
START = "spawn"
"""How it starts, in a fresh interpreter: threads of decoders and a GPU's state do not survive a fork."""
ENDS = ("result", "chunks")
"""The messages after which a worker has nothing to do."""
PATIENCE_SECONDS = 10.0
"""How long a process that was killed may take to be gone."""


class Pool:
    """At most `count` processes, started when there is something to do and kept. A context manager."""

    def __init__(self, count: int, timeout_seconds: float | None = None):
        """`timeout_seconds`: how long a task may take before its process is killed."""
        self._count = count
        self._timeout_seconds = timeout_seconds
        self._workers: list[_Worker] = []
        self._waiting: deque = deque()

    def run(self, tasks: Iterable, tell: Callable[[object, str, object], Iterable]) -> None:
        """Do all tasks. `tell(task, what, value)` gets the messages of the workers as they come.

        Every task ends with a "result" or with "chunks"; what `tell` returns are tasks that come next. Raises
        InputError when the networks cannot be loaded.
        """
        self._waiting = deque(tasks)
        while self._waiting or any(worker.task for worker in self._workers):
            self._hand_out(self._waiting)
            for worker in self._speaking():
                self._listen(worker, tell)
            for worker in self._overdue():
                self._give_up(worker, tell, f"it took longer than the {self._timeout_seconds:g} s of --timeout")

    def _hand_out(self, waiting: deque) -> None:
        while waiting:
            idle = [worker for worker in self._workers if worker.task is None]
            if not idle and len(self._workers) == self._count:
                return
            if not idle:
                self._workers.append(_Worker())
                continue
            if idle[0].give(waiting[0]):
                waiting.popleft()
            else:
                self._remove(idle[0])  # it died while it had nothing to do

    def _speaking(self) -> list[_Worker]:
        """The workers that have sent something or died; waits for the first, or until one is overdue."""
        ends = {worker.connection: worker for worker in self._workers}
        return [ends[end] for end in connection.wait([*ends], self._patience_seconds())]

    def _patience_seconds(self) -> float | None:
        if self._timeout_seconds is None:
            return None
        started = [worker.started for worker in self._workers if worker.task is not None]
        return max(0.0, min(started) + self._timeout_seconds - time.monotonic()) if started else None

    def _overdue(self) -> list[_Worker]:
        if self._timeout_seconds is None:
            return []
        latest = time.monotonic() - self._timeout_seconds
        return [worker for worker in self._workers if worker.task is not None and worker.started <= latest]

    def _give_up(self, worker: _Worker, tell: Callable, reason: str | None = None) -> None:
        """End a process that died, or that has to; its task fails."""
        if reason is not None:
            worker.process.kill()
        self._remove(worker)
        if worker.task is not None:
            sweep(worker.task.shot.targets(worker.task.out))
            self._next(tell(worker.task, "result", worker.epitaph(reason)))

    def _listen(self, worker: _Worker, tell: Callable) -> None:
        try:
            what, value = worker.connection.recv()
        except (EOFError, OSError):
            self._give_up(worker, tell)
            return
        if what == "unusable":
            raise InputError(value)
        task = worker.task
        if what == "source":
            worker.sha256 = value
        elif what in ENDS:
            worker.task = None
        self._next(tell(task, what, value))

    def _next(self, tasks: Iterable) -> None:
        self._waiting.extendleft(reversed([*tasks]))

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()

    def close(self) -> None:
        """End all workers at once; unfinished files are deleted."""
        workers, self._workers = self._workers, []
        with _interrupted_afterwards():
            for worker in workers:
                worker.process.kill()
            for worker in workers:
                worker.end()
                if worker.task is not None:
                    sweep(worker.task.shot.targets(worker.task.out))

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


class _Worker:
    """A process, its end of the line, and what it is doing."""

    def __init__(self):
        context = multiprocessing.get_context(START)
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=WORK, args=(theirs,), daemon=True)
        try:
            with _interrupted_afterwards(), _ctrl_c_waits():
                self.process.start()
        except KeyboardInterrupt:
            self.process.kill()
            self.end()
            raise
        finally:
            theirs.close()
        self.task: Task | ChunkTask | None = None
        self.sha256: str | None = None
        self.started = 0.0
        """When it got the task, on the monotonic clock."""

    def give(self, task: Task | ChunkTask) -> bool:
        """Whether the worker could take the task."""
        self.task, self.sha256, self.started = task, None, time.monotonic()
        try:
            self.connection.send(task)
        except OSError:
            self.task = None
        return self.task is not None

    def end(self) -> None:
        """Make sure that the process is gone."""
        self.connection.close()
        self.process.join(PATIENCE_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join(PATIENCE_SECONDS)

    def epitaph(self, reason: str | None = None) -> dict:
        """The record of the shot that it died with; how it died is the reason if there is no other."""
        reason = reason or self._death()
        return record(self.task.shot, self.sha256, self.task.settings, status=FAILED, reason=reason)

    def _death(self) -> str:
        code = self.process.exitcode
        how = f"ended with code {code}"
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        hint = "; there may be too little memory" if code == -getattr(signal, "SIGKILL", 0) else ""
        return f"the worker process {how}{hint}"


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """A process started meanwhile never sees SIGINT, not even before its first line runs."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # starting it would end the blocking
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _interrupted_afterwards() -> Iterator[None]:
    """Raises KeyboardInterrupt at the end if Ctrl-C or SIGTERM came meanwhile.

    Blocking the signals would not do: any other thread of the process may take them.
    """
    if threading.current_thread() is not threading.main_thread():  # interrupts are the main thread's
        yield
        return
    came = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: came.append(True)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt
