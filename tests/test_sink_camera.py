"""The virtual camera, with a backend that keeps its frames in memory in place of a kernel driver."""

import sys
import time

import av
import numpy as np
import pytest
from media import palette_picture, write_video
from stand_ins import StandInRunner, frame_number, numbered_clip

pyvirtualcam = pytest.importorskip("pyvirtualcam")

from shm_stream.camera_pictures import TAGS, PackedPlanes  # noqa: E402
from shm_stream.cli_summary import live_lines  # noqa: E402
from shm_stream.errors import InputError  # noqa: E402
from shm_stream.job import Job  # noqa: E402
from shm_stream.job_options import JobOptions  # noqa: E402
from shm_stream.live_options import LiveOptions  # noqa: E402
from shm_stream.planes import planes_from_rgb  # noqa: E402


class MemoryBackend:
    """What pyvirtualcam asks of a backend."""

    made = []
    takes = tuple(pyvirtualcam.PixelFormat)

    def __init__(self, *, width, height, fps, fourcc, device, **_):
        if device == "/dev/none":
            raise RuntimeError("Device /dev/none does not exist.")
        self.format = pyvirtualcam.PixelFormat(pyvirtualcam.util.decode_fourcc(fourcc))
        if self.format not in self.takes:
            raise RuntimeError("Unsupported image format.")
        self.width, self.height, self.fps, self.fourcc = width, height, fps, fourcc
        self.frames, self.times, self.closed = [], [], False
        MemoryBackend.made.append(self)

    def send(self, frame):
        assert not self.closed
        self.frames.append(self.as_rgb(frame).copy())
        self.times.append(time.perf_counter())

    def as_rgb(self, frame):
        """As programs that open the camera see it: FFmpeg takes what says nothing for BT.601 of limited range."""
        if self.format == pyvirtualcam.PixelFormat.RGB:
            return frame.reshape(self.height, self.width, 3)
        assert self.format == pyvirtualcam.PixelFormat.I420
        return av.VideoFrame.from_ndarray(frame.reshape(-1, self.width), "yuv420p").to_ndarray(format="rgb24")

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


class RgbBackend(MemoryBackend):
    """One that takes no planes."""

    takes = (pyvirtualcam.PixelFormat.RGB,)


def colours_shown(tmp_path, vcam, size=(96, 64), **options):
    """Means of the eight bars of a picture, as the camera shows them and as they are."""
    picture = palette_picture(*size)
    clip = write_video(tmp_path / "clip.mkv", [picture] * 2, pix_fmt="yuv420p", **options)
    with Job(JobOptions(input=clip, bg="off", vcam=vcam, runner=StandInRunner(alpha_raw=1.0))) as job:
        job.run()
    camera = MemoryBackend.made[-1]
    bars = [slice(index * size[0] // 8 + 4, (index + 1) * size[0] // 8 - 4) for index in range(8)]
    return camera, *(np.array([image[:, bar].mean((0, 1)) for bar in bars]) for image in (camera.frames[-1], picture))


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full", [False, True])
def test_planes_are_shown_in_the_colours_of_the_clip(tmp_path, matrix, full):
    """Whatever matrix and range they came in: programs know of one only."""
    camera, shown, there = colours_shown(tmp_path, "memory", matrix=matrix, full=full)
    assert camera.format == pyvirtualcam.PixelFormat.I420
    assert np.abs(shown - there).max() <= 4


@pytest.mark.parametrize(("vcam", "size"), [("rgb", (96, 64)), ("memory", (95, 64)), ("memory", (96, 63))])
def test_what_cannot_be_sent_as_planes_is_sent_as_rgb(tmp_path, monkeypatch, vcam, size):
    """A backend that takes none, and odd sides, whose chroma pyvirtualcam's formats cannot hold."""
    monkeypatch.setitem(pyvirtualcam.camera.BACKENDS, "rgb", RgbBackend)
    camera, shown, there = colours_shown(tmp_path, vcam, size, codec="ffv1", options={})
    assert camera.format == pyvirtualcam.PixelFormat.RGB
    assert np.abs(shown - there).max() <= 4


def test_a_clip_without_planes_is_left_to_the_backend(tmp_path):
    write_video(tmp_path / "444.mp4", [palette_picture(96, 64)] * 2, pix_fmt="yuv444p")
    run(tmp_path / "444.mp4", vcam="memory")
    assert MemoryBackend.made[-1].format == pyvirtualcam.PixelFormat.RGB


def test_rgb_composites_of_planes_go_to_the_same_camera(tmp_path):
    """A folder of pictures wants RGB, and then composites are RGB."""
    clip = numbered_clip(tmp_path / "clip.mp4", 4)
    run(clip, vcam="memory", output=f"{tmp_path}/pictures/")
    camera = MemoryBackend.made[-1]
    assert camera.format == pyvirtualcam.PixelFormat.I420
    assert [frame_number(frame) for frame in camera.frames] == list(range(4))


@pytest.mark.parametrize(("size", "align"), [((96, 64), 1), ((94, 62), 4), ((92, 64), 4), ((2, 2), 4)])
def test_planes_lie_as_the_format_wants_them(size, align):
    planes = planes_from_rgb(palette_picture(*size) if size[0] > 8 else np.zeros((2, 2, 3), np.uint8), TAGS)
    packed = PackedPlanes(*size, align).hold(planes)
    expected = b"".join(
        row.tobytes().ljust(-(-len(row) // align) * align, b"\0") for part in (planes.y, *planes.chroma) for row in part
    )
    assert packed.tobytes() == expected


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
