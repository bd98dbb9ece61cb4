"""Source → stages → sink, one thread each, bounded channels between them.

Every item passes every stage once and in order; a stage may keep some back until it saw later ones. The first failure
anywhere wakes every thread, and the caller gets that exception with its own traceback. Ctrl-C stops the source and lets
what is in flight arrive; a second Ctrl-C gives up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .channel import Channel, Closed, Killed

SOURCE_PATIENCE_SECONDS = 5.0
"""How long a source that is stuck in a read (a pipe without a writer) is waited for at the end."""


@dataclass
class StageTimes:
    """Where one thread spent its time. A stage that is mostly busy is the one that limits the speed."""

    name: str
    busy_seconds: float = 0.0
    wait_in_seconds: float = 0.0
    """Waiting for the stage before."""
    wait_out_seconds: float = 0.0
    """Waiting for the stage after."""
    items: int = 0
    queued_mean: float | None = None
    """How many items waited for it, on average; None for the source, which has no queue before it."""
    queue_limit: int | None = None
    """How many could."""


@dataclass
class PipelineReport:
    items: int
    """How many items the sink took."""
    interrupted: bool
    """Whether Ctrl-C ended the run; what arrived until then is complete and in order."""
    stages: list[StageTimes] = field(default_factory=list)


def run(
    source: Iterable,
    stages: list[tuple[str, Callable]],
    sink: Callable,
    *,
    finish: Callable | None = None,
    depth: int = 2,
    in_flight: int | None = None,
    stop: Callable | None = None,
) -> PipelineReport:
    """Move every item of `source` through `stages` (name, item → item) into `sink` (item → None).

    At most `depth` items wait between two threads. `source` is iterated and closed in its own thread. `finish` (no
    arguments) is called in the sink's thread after the last item, also after Ctrl-C, but not after a failure. With
    `in_flight`, the source is only asked for an item when fewer than that are on their way, so that none grows old
    there. A stage that keeps an item back gives None; those that it has after the last one come from its `rest()`.
    `stop` (no arguments) is called at Ctrl-C to end a source that waits. Raises the first exception of any thread;
    KeyboardInterrupt only at the second Ctrl-C.
    """
    return _Pipeline(source, stages, sink, finish, depth, in_flight, stop).run()


def through(items: Iterable, function: Callable) -> Iterator:
    """What a stage makes of `items`, in the thread that asks for it."""
    for item in items:
        item = function(item)
        if item is not None:
            yield item
    yield from getattr(function, "rest", tuple)()


class _Pipeline:
    def __init__(self, source: Iterable, stages: list, sink, finish, depth: int, in_flight: int | None, stop):
        self._finish, self._stop = finish, stop
        self._places = None if in_flight is None else Channel(in_flight)  # taken by the source, freed by the sink
        self._channels = [Channel(depth) for _ in range(len(stages) + 1)]
        self._times = [StageTimes(name) for name in ("source", *(name for name, _ in stages), "sink")]
        self._error: BaseException | None = None
        self._error_lock = threading.Lock()
        work = [(self._read, source), *((self._work, function) for _, function in stages), (self._write, sink)]
        self._ended = [threading.Event() for _ in self._times]
        self._threads = [
            threading.Thread(target=self._guard, args=(index, loop, what), name=f"shm-{times.name}", daemon=True)
            for index, ((loop, what), times) in enumerate(zip(work, self._times, strict=True))
        ]

    def run(self) -> PipelineReport:
        """Until every thread has ended. The calling thread only waits here, so Ctrl-C never hits a frame's work."""
        interrupted = False
        try:
            for thread in self._threads:
                thread.start()
            try:
                self._join()
            except KeyboardInterrupt:
                interrupted = True
                self._channels[0].close()  # the source cannot put any more; what is in flight drains
                if self._places is not None:
                    self._places.close()
                if self._stop is not None:
                    self._stop()
                self._join()
        except BaseException:
            self._kill()
            self._join()
            raise
        if self._error is not None:
            raise self._error
        for times, channel in zip(self._times[1:], self._channels, strict=True):
            times.queued_mean, times.queue_limit = channel.mean_waiting, channel.depth
        return PipelineReport(self._times[-1].items, interrupted, self._times)

    def _join(self) -> None:
        """The sink ends last, so a source still running then is stuck in a read: it gets a moment, no more.

        Events are waited for, because a `Thread.join` that Ctrl-C breaks takes the thread for ended (CPython 3.10 on).
        """
        for thread, ended in reversed(list(zip(self._threads, self._ended, strict=True))):
            started = thread.ident is not None
            if started and ended.wait(SOURCE_PATIENCE_SECONDS if thread is self._threads[0] else None):
                thread.join()

    def _guard(self, index: int, loop: Callable, what) -> None:
        """Every thread's body: the first error is kept and stops all the others."""
        try:
            loop(index, what)
        except Killed:
            pass  # the thread that failed has said why
        except BaseException as error:  # kept, and raised again in the caller
            with self._error_lock:
                self._error = self._error or error
            self._kill()
        finally:
            self._ended[index].set()

    def _kill(self) -> None:
        for channel in self._channels:
            channel.kill()
        if self._places is not None:
            self._places.kill()

    def _read(self, index: int, source: Iterable) -> None:
        items = iter(source)
        times, channel = self._times[index], self._channels[index]
        try:
            while True:
                self._take_place(times)
                started = time.perf_counter()
                try:
                    item = next(items)
                except StopIteration:
                    break
                finally:
                    times.busy_seconds += time.perf_counter() - started
                self._put(channel, item, times)
        except Closed:
            pass  # Ctrl-C: the item at hand is dropped, all before it arrive
        finally:
            _close_iterator(items)
        channel.close()

    def _work(self, index: int, function: Callable) -> None:
        times, inward, outward = self._times[index], self._channels[index - 1], self._channels[index]
        for item in self._items(inward, times):
            started = time.perf_counter()
            item = function(item)
            times.busy_seconds += time.perf_counter() - started
            if item is not None:
                self._put(outward, item, times)
        for item in getattr(function, "rest", tuple)():
            self._put(outward, item, times)
        outward.close()

    def _write(self, index: int, sink: Callable) -> None:
        times = self._times[index]
        for item in self._items(self._channels[index - 1], times):
            started = time.perf_counter()
            sink(item)
            times.busy_seconds += time.perf_counter() - started
            times.items += 1
            if self._places is not None:
                self._places.get()
        if self._finish is not None:
            self._finish()

    def _take_place(self, times: StageTimes) -> None:
        if self._places is not None:
            started = time.perf_counter()
            self._places.put(None)
            times.wait_out_seconds += time.perf_counter() - started

    @staticmethod
    def _put(channel: Channel, item, times: StageTimes) -> None:
        started = time.perf_counter()
        channel.put(item)
        times.wait_out_seconds += time.perf_counter() - started
        times.items += 1

    @staticmethod
    def _items(channel: Channel, times: StageTimes):
        while True:
            started = time.perf_counter()
            try:
                item = channel.get()
            except Closed:
                return
            finally:
                times.wait_in_seconds += time.perf_counter() - started
            yield item


def _close_iterator(items) -> None:
    """Generators are closed where they ran; plain iterators have nothing to close."""
    close = getattr(items, "close", None)
    if close is not None:
        close()
