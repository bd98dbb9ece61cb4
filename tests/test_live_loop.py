"""A clip that plays the camera: its own rate, no end, and frames dropped rather than queued."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time

import av
import cv2
import pytest
from media import video_times
from stand_ins import StandInRunner, frame_number, numbered_clip, read_numbers, slow_command

import shm_stream
from shm_stream import InputError, cli, engine_choice
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions
from shm_stream.source import open_source

pytestmark = pytest.mark.timeout(60)
LOOP = LiveOptions(loop=True)


@pytest.fixture(autouse=True)
def no_thread_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", 10)


def test_it_begins_again_without_a_seam(clip):
    with open_source(clip, live=LOOP, max_frames=25) as source:
        assert (source.width, source.height, source.rate, source.planar, source.live) == (128, 48, 25, True, True)
        frames = list(source)
    numbers = [frame_number(frame.pixels) for frame in frames]
    assert frames[0].pts == 0 and [frame.index for frame in frames] == list(range(25))
    steps = [after.pts - before.pts for before, after in zip(frames, frames[1:])]
    for step, before, after in zip(steps, numbers, numbers[1:]):
        assert step % 3600 == 0 < step and (after - before) % 10 == step // 3600 % 10  # 1/25 s of 90 kHz
    assert numbers.count(9) > 1 or source.dropped


def test_it_takes_the_time_a_camera_takes(clip):
    with open_source(clip, live=LOOP, duration_seconds=1.2) as source:
        started = time.monotonic()
        last = list(source)[-1]
    assert time.monotonic() - started > 0.9
    assert 0.8 < last.pts_seconds < 1.2


def test_a_slow_engine_gets_the_newest_frame(clip):
    """Each frame taken is the one that is due then: the stream goes on as quickly as time does."""
    with open_source(clip, live=LOOP, max_frames=8) as source:
        times = []
        for frame in source:
            times.append(frame.pts_seconds)
            time.sleep(0.15)
        assert source.dropped >= 7
    assert times[-1] > 7 * 0.15 * 0.6  # one by one it would be 7 / 25


def test_a_slow_job_drops_and_says_so(clip, tmp_path, monkeypatch, capsys):
    class Slow(StandInRunner):
        def mnet(self, x):
            time.sleep(0.1)
            return super().mnet(x)

    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: Slow())
    out = tmp_path / "o.mp4"
    assert cli.main([str(clip), "--loop", "--bg", "red", "-o", str(out), "-t", "2"]) == 0
    line = capsys.readouterr().err
    numbers = read_numbers(out)
    assert f"{len(numbers)} frames in" in line and " older frames dropped to keep up" in line
    dropped = int(line.split(" older frames")[0].rsplit(" ", 1)[1])
    assert dropped > len(numbers) and 2 <= len(numbers) < 25


def test_mask_and_picture_are_of_one_frame(clip, tmp_path):
    """The alpha says which frame the network saw; it has to be the number in the composite."""

    class Labelled(StandInRunner):
        def mnet(self, x):
            time.sleep(0.05)
            level = frame_number(x[:3].transpose(1, 2, 0)[self.halo : -self.halo, self.halo : -self.halo] * 255)
            alpha = super().mnet(x)
            alpha[:] = 0.5 + level / 20
            return alpha

    options = JobOptions(
        clip, tmp_path / "o.mkv", bg="black", alpha=tmp_path / "a", foreground=tmp_path / "f", duration=1.0,
        runner=Labelled(), dense=True, live=LOOP,
    )  # fmt: skip
    with Job(options) as job:
        report = job.run()
    pairs = zip(sorted((tmp_path / "a").iterdir()), sorted((tmp_path / "f").iterdir()))
    for alpha, foreground in pairs:
        number = frame_number(cv2.imread(str(foreground)))
        assert round((cv2.imread(str(alpha), 0).mean() / 255 - 0.5) * 20) == number
    assert report.frames > 1 and report.dropped > 0


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_recording_that_is_cut_off_can_be_played(clip, tmp_path, suffix):
    """Killed without warning, as when the power fails: the unfinished file holds all but the last seconds."""
    words = [*slow_command(0.0), str(clip), "--loop", "--bg", "red", "-o", str(tmp_path / f"o{suffix}")]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while len(written(tmp_path)) < 10:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait(10)
    numbers = written(tmp_path)
    assert len(numbers) >= 10 and set(numbers) <= set(range(10))


def written(folder):
    """The numbers of the frames that an unfinished file holds by now."""
    for path in folder.glob(".o.*"):
        with contextlib.suppress(av.FFmpegError):
            return read_numbers(path)
    return []


def test_a_finished_recording_is_an_ordinary_mp4(clip, tmp_path):
    out = tmp_path / "o.mp4"
    shm_stream.matte_video(clip, out, bg="red", duration=1, live=LOOP, runner=StandInRunner())
    assert boxes(out.read_bytes()) == ["ftyp", "free", "mdat", "moov"] and video_times(out)[-1] < 1


def boxes(data: bytes) -> list[str]:
    """The outermost parts of an mp4, in order."""
    names, position = [], 0
    while position < len(data):
        names.append(data[position + 4 : position + 8].decode("ascii"))
        position += int.from_bytes(data[position : position + 4], "big")
    return names


def test_from_python(clip, tmp_path):
    live = shm_stream.LiveOptions(loop=True)
    report = shm_stream.matte_video(clip, tmp_path / "o.mp4", bg="red", frames=12, live=live, runner=StandInRunner())
    assert report.frames == 12 == len(read_numbers(tmp_path / "o.mp4"))


def test_stop_ends_a_waiting_iteration(clip):
    with open_source(clip, live=LOOP) as source:
        frames = iter(source)
        next(frames)
        threading.Timer(0.2, source.stop).start()
        assert len(list(frames)) < 50


def test_what_cannot_be_repeated(tmp_path, clip):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    for path, message in (
        (tmp_path / "none.mp4", "does not exist"), (broken, "is not a video or is incomplete"),
        (tmp_path, "--loop repeats a video file"), ("0", "--loop repeats a video file, but the input is 0"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            open_source(str(path), live=LOOP)
    with pytest.raises(InputError, match="-ss is for files"):
        open_source(clip, live=LOOP, start_seconds=1)
