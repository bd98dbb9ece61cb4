"""Order, failures, bounds: no item is lost, no thread stays, nothing hangs."""

from __future__ import annotations

import random
import threading
import time
import traceback

import pytest
from pipeline_cases import Boom, Late, fail_at, failing_source, threads_end

from shm_stream import pipeline

pytestmark = pytest.mark.timeout(20)


@pytest.fixture(autouse=True)
def no_thread_left():
    with threads_end():
        yield


def test_every_item_passes_every_stage_once_and_in_order():
    generator = random.Random(1)

    def slow(item):
        time.sleep(generator.random() * 0.002)
        return item

    out = []
    stages = [("a", slow), ("b", lambda item: slow(item) * 2), ("c", slow)]
    report = pipeline.run(range(200), stages, out.append)
    assert out == [2 * number for number in range(200)]
    assert report.items == 200 and not report.interrupted
    assert [(stage.name, stage.items) for stage in report.stages] == [(n, 200) for n in ("source", *"abc", "sink")]


def test_no_items_and_no_stages():
    out = []
    assert pipeline.run([], [], out.append).items == 0
    assert pipeline.run([1, 2], [], out.append).items == 2
    assert out == [1, 2]


@pytest.mark.parametrize("at", [0, 5, 49])
@pytest.mark.parametrize("where", ["source", "first", "last", "sink", "finish"])
def test_a_failure_anywhere_reaches_the_caller(where, at):
    def finish():
        if where == "finish":
            raise Boom("at the end")

    pass_on = lambda item: item  # noqa: E731
    with pytest.raises(Boom) as caught:
        pipeline.run(
            failing_source(50, at if where == "source" else None),
            [("first", fail_at(at) if where == "first" else pass_on),
             ("last", fail_at(at) if where == "last" else pass_on)],
            fail_at(at) if where == "sink" else pass_on,
            finish=finish,
            depth=1,
        )  # fmt: skip
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] in ("failing_source", "function", "finish")


def test_finish_runs_after_the_last_item_and_not_after_a_failure():
    out = []
    pipeline.run(range(3), [], out.append, finish=lambda: out.append("end"))
    assert out == [0, 1, 2, "end"]
    out.clear()
    with pytest.raises(Boom):
        pipeline.run(range(3), [("stage", fail_at(1))], out.append, finish=lambda: out.append("end"))
    assert "end" not in out


def test_of_two_failures_the_first_is_reported():
    def late(item):
        time.sleep(0.2)
        raise ValueError("late")

    with pytest.raises(Boom):
        pipeline.run(failing_source(5, 1), [("late", late)], lambda item: None)


def test_the_source_is_closed_in_its_own_thread():
    closed_in = []

    def source():
        try:
            for number in range(1000):  # noqa: UP028
                yield number
        finally:
            closed_in.append(threading.current_thread().name)

    with pytest.raises(Boom):
        pipeline.run(source(), [("stage", fail_at(2))], lambda item: None)
    assert closed_in == ["shm-source"]


def test_memory_is_bounded():
    alive, most = 0, 0
    lock = threading.Lock()

    def source():
        nonlocal alive, most
        for number in range(100):
            with lock:
                alive += 1
                most = max(most, alive)
            yield number

    def sink(item):
        nonlocal alive
        time.sleep(0.001)
        with lock:
            alive -= 1

    pipeline.run(source(), [("a", lambda item: item)], sink, depth=2)
    assert most <= 2 * 2 + 3  # two channels, and one item in the hands of each thread


def test_times_say_who_limits():
    def slow(item):
        time.sleep(0.01)
        return item

    report = pipeline.run(range(20), [("fast", lambda item: item), ("slow", slow)], lambda item: None)
    times = {stage.name: stage for stage in report.stages}
    assert times["slow"].busy_seconds > 0.19
    assert times["fast"].wait_out_seconds > 0.1 and times["sink"].wait_in_seconds > 0.1


def test_queues_say_who_limits():
    """Full before the slow stage, empty after it; the source has none."""

    def slow(item):
        time.sleep(0.01)
        return item

    report = pipeline.run(range(20), [("fast", lambda item: item), ("slow", slow)], lambda item: None, depth=3)
    source, *others = [(stage.queued_mean, stage.queue_limit) for stage in report.stages]
    assert source == (None, None) and [limit for _, limit in others] == [3, 3, 3]
    before, after = others[1][0], others[2][0]
    assert after < 0.5 < 2 < before <= 3


def test_few_items_are_on_their_way_where_they_must_not_grow_old():
    """With room for eight between the threads, the source is asked only when one of three places is free."""
    ages, asked, done = [], [], []

    def source():
        for item in range(20):
            asked.append(item)
            yield item

    def sink(item):
        ages.append(len(asked) - len(done))
        time.sleep(0.005)
        done.append(item)

    report = pipeline.run(source(), [("a", lambda item: item), ("b", lambda item: item)], sink, depth=4, in_flight=3)
    assert report.items == 20 and max(ages) <= 3


def test_a_failure_wakes_a_source_that_waits_for_a_place():
    with pytest.raises(Boom):
        pipeline.run(range(9), [("a", fail_at(1))], lambda item: None, in_flight=2)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
@pytest.mark.parametrize("in_flight", [None, 3])
def test_what_a_stage_keeps_back_arrives_in_order(count, in_flight):
    out, stages = [], [("late", Late()), ("double", lambda item: 2 * item)]
    report = pipeline.run(range(count), stages, out.append, in_flight=in_flight)
    assert out == [2 * item for item in range(count)] and report.items == count
    assert [times.items for times in report.stages] == [count] * 4
    assert list(pipeline.through(range(count), Late())) == [*range(count)]


def test_a_stage_that_fails_with_what_it_kept_ends_the_run():
    with pytest.raises(Boom, match="at the end"):
        pipeline.run(range(9), [("late", Late(fails=True))], lambda item: None)
