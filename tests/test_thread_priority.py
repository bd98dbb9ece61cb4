"""SVT-AV1 makes threads real-time where root runs it; none may stay so, or the machine waits for the encoder."""

from __future__ import annotations

import os
import sys

import pytest
from stand_ins import StandInRunner, numbered_clip, read_numbers

from shm_stream import cli, engine_choice
from shm_stream.sink import open_sink
from shm_stream.source import open_source
from shm_stream.thread_priority import usual_priority

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's"),
]


def can_be_urgent() -> bool:
    """Root may, unless it is that of a container without the right to."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except (AttributeError, PermissionError):
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


needs_root = pytest.mark.skipif(not can_be_urgent(), reason="only root may make a thread real-time")


@pytest.fixture(autouse=True)
def back_to_usual():
    yield
    for thread in urgent():
        os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def urgent() -> list[int]:
    """Real-time threads of this process."""
    threads = map(int, os.listdir("/proc/self/task"))
    return [thread for thread in threads if os.sched_getscheduler(thread) != os.SCHED_OTHER]


@needs_root
def test_no_thread_is_urgent_while_av1_is_written(tmp_path):
    source = open_source(numbered_clip(tmp_path / "in.mp4", 3))
    sink = open_sink(tmp_path / "out.mkv", source, kind="composite", codec="libsvtav1")
    assert urgent() == [], "it was tried out"
    threads = len(os.listdir("/proc/self/task"))
    for frame in source:
        sink.write(frame, frame.pixels)
        assert urgent() == []
    assert len(os.listdir("/proc/self/task")) > threads, "its own threads are there"
    sink.finish()
    assert urgent() == [] and read_numbers(tmp_path / "out.mkv") == [0, 1, 2]


@needs_root
def test_a_command_leaves_its_thread_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    clip = numbered_clip(tmp_path / "in.mp4", 3)
    assert cli.main([str(clip), "--bg", "red", "-o", str(tmp_path / "out.mp4"), "--codec", "libsvtav1", "-q"]) == 0
    assert urgent() == []


@needs_root
def test_a_thread_that_was_urgent_before_stays_so(tmp_path):
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with usual_priority("libsvtav1"):
        pass
    assert os.sched_getscheduler(0) == os.SCHED_RR
