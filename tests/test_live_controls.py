"""Controls and backgrounds that change while a job runs: which frame sees them, what is opened and closed."""

from __future__ import annotations

import threading
from fractions import Fraction

import numpy as np
import pytest
from stand_ins import StandInRunner, frame_number, numbered_clip, read_numbers, read_pictures, write_clip

from shm_stream import InputError
from shm_stream.background import open_background
from shm_stream.controls import NEUTRAL, Controls
from shm_stream.frame import Frame
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_controls import LiveControls

pytestmark = pytest.mark.timeout(60)
RED, BLUE = (255, 0, 0), (0, 0, 255)


class Steered(StandInRunner):
    """Transparent everywhere, so that composites are the background. At chosen frames it calls what it was given, and
    waits until the frames before have been written."""

    def __init__(self, **at):
        super().__init__(alpha_raw=0.0)
        self.at = {int(name[1:]): action for name, action in at.items()}
        self.written, self.seen, self.count = threading.Semaphore(0), 0, 0

    def mnet(self, x):
        if self.count in self.at:
            while self.seen < self.count:
                assert self.written.acquire(timeout=10)
                self.seen += 1
            self.at[self.count]()
        self.count += 1
        return super().mnet(x)


def run_job(tmp_path, clip, runner, **options) -> np.ndarray:
    """The mean colour of every picture of the composite, [frames, 3]."""
    options = {"bg": "red", "codec": "ffv1", "overwrite": True} | options
    with Job(JobOptions(clip, tmp_path / "o.mkv", runner=runner, dense=True, **options)) as job:
        runner.job = job
        job.run(lambda count: runner.written.release())
    return np.array([picture.reshape(-1, 3).mean(0) for picture in read_pictures(tmp_path / "o.mkv")])


def near(colours: np.ndarray, colour) -> bool:
    return np.abs(colours - colour).max() < 8


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", 9)


def test_the_background_changes_with_the_next_frame_and_none_is_lost(tmp_path, clip):
    runner = Steered(f3=lambda: show("blue"), f6=lambda: show("lime"))

    def show(spec):
        runner.job.controls.show(open_background(spec, 128, 48), spec)

    colours = run_job(tmp_path, clip, runner)
    assert near(colours[:3], RED) and near(colours[3:6], BLUE) and near(colours[6:], (0, 255, 0))
    assert len(colours) == 9


@pytest.mark.parametrize("output", ["composite as planes", "composite as RGB"])
def test_a_video_begins_when_it_is_shown(tmp_path, clip, output):
    waves = numbered_clip(tmp_path / "waves.mp4", 4)
    runner = Steered(f5=lambda: runner.job.controls.show(open_background(str(waves), 128, 48), "waves"))
    options = {} if "planes" in output else {"codec": "libx264rgb"}
    run_job(tmp_path, clip, runner, **options)
    assert read_numbers(tmp_path / "o.mkv")[5:] == [0, 1, 2, 3]


def test_frozen_frames_repeat_and_the_clip_goes_on(tmp_path, clip):
    def change(**changes):
        runner.job.controls.change(changes)

    runner = Steered(f2=lambda: change(hold="freeze"), f6=lambda: change(hold="none"))
    run_job(tmp_path, clip, runner, bg="off", alpha=tmp_path / "a.mkv")
    assert read_numbers(tmp_path / "o.mkv") == [0, 1, 2, 2, 2, 2, 6, 7, 8]
    assert len(read_pictures(tmp_path / "a.mkv")) == 9


def test_the_slate_covers_the_composite(tmp_path, clip):
    runner = Steered(f4=lambda: runner.job.controls.change({"hold": "slate"}))
    with Job(JobOptions(clip, tmp_path / "o.mkv", bg="red", codec="ffv1", runner=runner, dense=True)) as job:
        runner.job = job
        job.controls.set_slate(np.full((10, 10, 3), (0, 0, 255), np.uint8))
        job.run(lambda count: runner.written.release())
    colours = np.array([picture.reshape(-1, 3).mean(0) for picture in read_pictures(tmp_path / "o.mkv")])
    assert near(colours[:4], RED) and near(colours[4:], BLUE)


def frame(index: int, size=(8, 8)) -> Frame:
    return Frame(np.zeros((*size, 3), np.uint8), index, index, Fraction(1, 25), 1)


class Counted:
    """A background that knows whether it was closed."""

    kind = "image"
    closed = 0

    def at(self, frame, probability=None):
        return np.zeros((*frame.size, 3), np.uint8)

    def prepare(self, frame):
        """Nothing to do."""

    begin = prepare

    def close(self):
        self.closed += 1


def test_backgrounds_are_closed_by_the_stage_that_used_them():
    first, second, third = Counted(), Counted(), Counted()
    live = LiveControls(NEUTRAL, first, "first")
    live.take(frame(0))
    live.show(second, "second")
    assert first.closed == 0  # a frame may be using it
    assert live.take(frame(1)).background is second and first.closed == 1
    live.show(third, "third")
    live.close()
    assert (first.closed, second.closed, third.closed) == (1, 1, 1)


def test_a_background_that_fails_leaves_the_old_one(tmp_path):
    gone = write_clip(tmp_path / "gone.mp4", [np.zeros((16, 16, 3), np.uint8)] * 2)
    old = Counted()
    live = LiveControls(NEUTRAL, old, "first")
    live.show(open_background(str(gone), 8, 8), "gone")
    late = open_background(str(gone), 8, 8)
    gone.unlink()
    assert live.take(frame(1)).background is old and old.closed == 0
    assert "gone.mp4" in live.problem and live.setting.name == "first"
    with pytest.raises(InputError, match=r"gone\.mp4"):
        live.show(late, "gone")
    assert live.setting.background is old


def test_a_video_is_open_before_its_first_frame_is_due(tmp_path):
    """Else that frame would wait for the file: here it is gone by then."""
    waves = numbered_clip(tmp_path / "waves.mp4", 3)
    live = LiveControls(NEUTRAL, Counted(), "first")
    live.take(frame(0, (48, 128)))
    background = open_background(str(waves), 128, 48)
    live.show(background, "waves")
    waves.unlink()
    assert live.take(frame(50, (48, 128))).background is background and live.problem is None
    assert [frame_number(background.at(frame(at, (48, 128)))) for at in (50, 51)] == [0, 1]
    live.close()
    live.show(Counted(), "second")
    assert live.problem is None and live.take(frame(2)).name == "second"


def test_a_wrong_change_changes_nothing():
    live = LiveControls(Controls(feather=3), None)
    with pytest.raises(InputError):
        live.change({"shrink": 2, "feather": 99})
    assert live.setting.controls == Controls(feather=3)


def test_changes_from_many_threads_all_arrive():
    live = LiveControls(NEUTRAL, None)
    names = ("feather", "shrink", "despill", "light_wrap")

    def change(name):
        for value in range(1, 21):
            live.change({name: value})

    threads = [threading.Thread(target=change, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert live.setting.controls == Controls(feather=20, shrink=20, despill=20, light_wrap=20)


def test_stop_ends_a_job_as_if_the_input_had_ended(tmp_path):
    clip = numbered_clip(tmp_path / "long.mp4", 40)  # more than waits between the stages
    runner = Steered(f4=lambda: runner.job.stop())
    with Job(JobOptions(clip, tmp_path / "o.mp4", bg="off", runner=runner, dense=True)) as job:
        runner.job = job
        report = job.run(lambda count: runner.written.release())
    numbers = read_numbers(tmp_path / "o.mp4")
    assert not report.interrupted and 4 < len(numbers) < 40 and numbers == list(range(len(numbers)))
