"""Ctrl-C: what is on its way arrives, no thread stays, nothing hangs."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from pipeline_cases import Boom, Late, endless, press_ctrl_c_after, threads_end

from shm_stream import pipeline

pytestmark = pytest.mark.timeout(20)


@pytest.fixture(autouse=True)
def no_thread_left():
    with threads_end():
        yield


@pytest.fixture(autouse=True)
def ctrl_c_raises():
    """Also where the tests were started with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_keeps_what_is_in_flight():
    out = []
    finished = []
    presser = press_ctrl_c_after(0.1)

    def slow(item):
        time.sleep(0.005)
        return item

    report = pipeline.run(endless(), [("a", slow), ("b", slow)], out.append, finish=lambda: finished.append(len(out)))
    presser.join()
    assert report.interrupted
    assert out == list(range(len(out))) and report.items == len(out) > 3
    assert finished == [len(out)]


def test_a_second_ctrl_c_gives_up():
    presser = press_ctrl_c_after(0.1, times=2)
    finished = []

    def slow(item):
        time.sleep(0.3)
        return item

    with pytest.raises(KeyboardInterrupt):
        pipeline.run(endless(), [("a", slow)], lambda item: None, finish=lambda: finished.append(1))
    presser.join()
    assert not finished


def test_a_failure_while_draining_is_not_hidden():
    presser = press_ctrl_c_after(0.1)

    def slow(item):
        time.sleep(0.15)
        if item == 1:
            raise Boom
        return item

    with pytest.raises(Boom):
        pipeline.run(endless(), [("a", slow)], lambda item: None)
    presser.join()


def test_a_source_stuck_in_a_read_does_not_block_the_end(monkeypatch):
    monkeypatch.setattr(pipeline, "SOURCE_PATIENCE_SECONDS", 0.1)
    release = threading.Event()

    def stuck():
        yield 1
        release.wait()

    presser = press_ctrl_c_after(0.1)
    out = []
    report = pipeline.run(stuck(), [], out.append)
    assert report.interrupted and out == [1]
    release.set()
    presser.join()
    for thread in threading.enumerate():
        if thread.name == "shm-source":
            thread.join()


def test_ctrl_c_ends_a_source_that_waits():
    waiting = threading.Event()

    def source():
        yield 1
        waiting.wait()

    presser = press_ctrl_c_after(0.1)
    out = []
    report = pipeline.run(source(), [], out.append, in_flight=1, stop=waiting.set)
    presser.join()
    assert report.interrupted and out == [1]


def test_ctrl_c_lets_what_was_kept_back_arrive():
    out, stage, presser = [], Late(), press_ctrl_c_after(0.1)
    report = pipeline.run(endless(), [("late", stage)], lambda item: out.append(item) or time.sleep(0.005))
    presser.join()
    assert report.interrupted and out == [*range(len(out))] and out[-2:] == stage.kept
