"""Shots and chunks of a batch on the workers of a Dask cluster, which see the same files under the same paths.

A worker that dies costs what it was at: the scheduler gives that to another one. Only the side that started the batch
writes the manifest. `docs/scale.md` says how large this can get.
"""

from __future__ import annotations

import contextlib
import queue
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .batch_manifest import FAILED
from .batch_pool import ENDS
from .batch_worker import record
from .cluster_worker import facts_of, perform, stop
from .errors import InputError, ShmStreamError
from .partial import sweep

CONNECT_SECONDS = 10.0
FOR_EACH_THREAD = 2
"""Tasks that are submitted at a time for each thread of the cluster: one to do, one to wait beside it."""
LOOK_SECONDS = 1.0
"""Between two looks whether the scheduler is still there, when nothing comes from it."""


class ClusterPool:
    """Has what `batch_pool.Pool` has. A context manager."""

    def __init__(self, address: str, paths: list[Path]):
        """`address`: of a scheduler, or its scheduler file; `paths`: what every worker must see.

        Raises InputError when there is no scheduler, no worker, or a worker that would not do the same.
        """
        self._client = connect(address)
        self._address, self._session = address, uuid.uuid4().hex
        self._heard: queue.SimpleQueue = queue.SimpleQueue()
        self._running: dict[str, tuple] = {}  # key → (task, future)
        self._sources: dict[str, str] = {}  # key → sha256 of the source
        self._waiting: deque = deque()
        try:
            check_workers(self._client, paths)
        except BaseException:
            self._client.close()
            raise
        self._client.subscribe_topic(self._session, lambda event: self._heard.put(event[1]))

    def run(self, tasks: Iterable, tell: Callable[[object, str, object], Iterable]) -> None:
        """As `Pool.run`. Raises ShmStreamError when the scheduler is lost."""
        self._waiting = deque(tasks)
        while self._waiting or self._running:
            self._hand_out()
            try:
                key, what, value = self._heard.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                self._check_connection()
                continue
            if key in self._running:
                self._listen(key, what, value, tell)

    def _hand_out(self) -> None:
        with self._connected():
            threads = sum(self._client.nthreads().values()) if self._waiting else 0
            while self._waiting and len(self._running) < max(1, FOR_EACH_THREAD * threads):
                self._submit(self._waiting.popleft(), f"shm-stream-{uuid.uuid4().hex}")

    def _submit(self, task, key: str) -> None:
        future = self._client.submit(perform, task, self._session, key, key=key, pure=False)
        self._running[key] = (task, future)
        future.add_done_callback(lambda future: self._heard.put((future.key, "ended", None)))

    def _listen(self, key: str, what: str, value, tell: Callable) -> None:
        task, future = self._running[key]
        if what == "ended":
            del self._running[key]
            what, value = self._outcome(task, future, self._sources.pop(key, None))
        elif what == "source":
            self._sources[key] = value
        if what == "unusable":
            raise InputError(value)
        if what not in ENDS or key not in self._running:
            self._waiting.extendleft(reversed([*tell(task, what, value)]))

    def _outcome(self, task, future, sha256: str | None) -> tuple[str, object]:
        """The message that ends a task: what its worker returned, or that it could not."""
        if future.status == "finished":
            with self._connected():
                return future.result()
        self._check_connection()
        error = future.exception() if future.status == "error" else None
        if type(error).__name__ == "KilledWorker":
            reason = f"{error.allowed_failures + 1} workers died while they made it; they may have too little memory"
        else:
            reason = f"the cluster did not make it: {error or future.status}"
        sweep(task.shot.targets(task.out))
        return "result", record(task.shot, sha256, task.settings, status=FAILED, reason=reason)

    def _check_connection(self) -> None:
        if self._client.status != "running":
            raise self._lost()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """For calls that ask the scheduler: they may find out that it is lost before the client does."""
        try:
            self._check_connection()
            yield
        except OSError as error:
            raise self._lost() from error

    def _lost(self) -> ShmStreamError:
        lost = f"the scheduler at {self._address} was lost"
        return ShmStreamError(f"{lost}; finished shots are kept, the same command goes on from here")

    def close(self) -> None:
        """Stop what workers are at, as soon as they notice; unfinished files are deleted by them."""
        if self._client.status == "running" and self._running:
            with contextlib.suppress(OSError):  # without a scheduler nobody can be told
                self._client.cancel([future for _, future in self._running.values()], force=True)
                self._client.run(stop, self._session)
        self._running = {}
        self._client.close()

    def __enter__(self) -> ClusterPool:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


def connect(address: str):
    """A client of the scheduler. Raises InputError."""
    try:
        import distributed
    except ImportError as error:
        raise InputError(f"--cluster needs Dask ({error}); pip install 'shm-stream[cluster]'") from error
    target = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        return distributed.Client(**target, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"no scheduler answers at {address} ({reason}); start one with `dask scheduler` and give its address"
        ) from error


def check_workers(client, paths: list[Path]) -> None:
    """Raises InputError unless there are workers that see and have what is here."""
    here, found = facts_of(paths), client.run(facts_of, paths)
    if not found:
        raise InputError("the cluster has no workers; start some with `dask worker ADDRESS --nthreads 1`")
    for worker, there in sorted(found.items()):
        problem = there if isinstance(there, str) else here.difference(there)
        if problem:
            raise InputError(f"worker {worker} {problem}")
