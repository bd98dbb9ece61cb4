"""The virtual camera, with a backend that keeps its frames in memory in place of a kernel driver."""

import sys
import time

import numpy as np
import pytest
from stand_ins import StandInRunner, frame_number, numbered_clip

pyvirtualcam = pytest.importorskip("pyvirtualcam")

from shm_stream.cli_summary import live_lines  # noqa: E402
from shm_stream.errors import InputError  # noqa: E402
from shm_stream.job import Job  # noqa: E402
from shm_stream.job_options import JobOptions  # noqa: E402
from shm_stream.live_options import LiveOptions  # noqa: E402


class MemoryBackend:
    """What pyvirtualcam asks of a backend."""

    made = []

    def __init__(self, *, width, height, fps, fourcc, device, **_):
        if device == "/dev/none":
            raise RuntimeError("Device /dev/none does not exist.")
        self.width, self.height, self.fps, self.fourcc = width, height, fps, fourcc
        self.frames, self.times, self.closed = [], [], False
        MemoryBackend.made.append(self)

    def send(self, frame):
        assert not self.closed
        self.frames.append(frame.reshape(self.height, self.width, 3).copy())
        self.times.append(time.perf_counter())

    def close(self):
        self.closed = True

    def device(self):
        return "memory:0"

    def native_fourcc(self):
        return self.fourcc


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    monkeypatch.setattr(MemoryBackend, "made", [])
    monkeypatch.setitem(pyvirtualcam.camera.BACKENDS, "memory", MemoryBackend)


def run(clip, **options):
    with Job(JobOptions(input=clip, bg="red", runner=StandInRunner(), **options)) as job:
        return job.run()


def test_frames_arrive_in_order_and_at_the_clips_pace(tmp_path):
    clip = numbered_clip(tmp_path / "clip.mp4", 25, rate=25)
    report = run(clip, vcam="memory")
    (camera,) = MemoryBackend.made
    assert [frame_number(frame) for frame in camera.frames] == list(range(25))
    assert camera.fps == 25 and camera.closed
    assert 0.9 <= camera.times[-1] - camera.times[0] <= 1.5, "24 gaps of 40 ms"
    assert report.outputs.keys() == {"camera"}
    assert list(tmp_path.iterdir()) == [clip], "no file is written when only the camera was asked for"


def test_camera_beside_files(tmp_path):
    clip = numbered_clip(tmp_path / "clip.mp4", 4)
    report = run(clip, vcam="memory", output=tmp_path / "o.mp4", alpha=tmp_path / "a.mp4")
    assert report.outputs.keys() == {"composite", "alpha", "camera"}
    assert (tmp_path / "o.mp4").exists() and len(MemoryBackend.made[0].frames) == 4


def test_a_microphone_is_told_the_delay_of_a_live_input(tmp_path):
    clip = numbered_clip(tmp_path / "clip.mp4", 10)
    report = run(clip, vcam="memory", live=LiveOptions(loop=True), frames=10)
    assert report.sound_offset_ms == round(report.latency.p50_ms) > 0
    assert f"delay it by {report.sound_offset_ms} ms" in live_lines(report)[-1]
    assert run(clip, vcam="memory").sound_offset_ms is None, "a file has no microphone beside it"


def test_camera_is_closed_when_the_job_fails(tmp_path):
    class Failing(StandInRunner):
        def tnet(self, x):
            raise ZeroDivisionError

    clip = numbered_clip(tmp_path / "clip.mp4", 4)
    with (
        Job(JobOptions(input=clip, bg="red", vcam="memory", runner=Failing())) as job,
        pytest.raises(ZeroDivisionError),
    ):
        job.run()
    assert MemoryBackend.made[0].closed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vcam": "/dev/none"}, r"no virtual camera: .*/dev/none"),
        ({"vcam": "memory", "bg": "transparent"}, "other than transparent"),
        ({"vcam": "memory", "bg": None, "alpha": "a.mp4"}, "give a --bg BACKGROUND"),
    ],
)
def test_what_cannot_work_is_said(tmp_path, options, message):
    clip = numbered_clip(tmp_path / "clip.mp4", 2)
    with pytest.raises(InputError, match=message):
        Job(JobOptions(**{"input": clip, "bg": "red", "runner": StandInRunner(), **options}))


def test_a_picture_is_not_for_a_camera(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="a virtual camera needs a video"):
        Job(JobOptions(input=tmp_path / "a.png", bg="red", vcam="memory", runner=StandInRunner()))


def test_missing_package_names_the_extra(tmp_path, monkeypatch):
    clip = numbered_clip(tmp_path / "clip.mp4", 2)
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(InputError, match=r"pip install 'shm-stream\[vcam\]'"):
        Job(JobOptions(input=clip, bg="red", vcam="auto", runner=StandInRunner()))
