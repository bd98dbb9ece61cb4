"""Whole jobs with a stand-in runner through the real source, pipeline, engine and sinks."""

from __future__ import annotations

import signal
import threading

import cv2
import numpy as np
import pytest
from stand_ins import StandInRunner, frame_number, numbered_clip, numbered_frame, read_numbers, read_pictures

from shm_stream import InputError, ShmStreamError, matte_video
from shm_stream.controls import Controls
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.outputs import default_output

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def no_thread_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", 60)


def test_no_frame_is_lost_doubled_or_moved(tmp_path):
    clip = numbered_clip(tmp_path / "clip.mp4", 200)
    report = matte_video(
        clip, tmp_path / "out.mp4", bg="#405060", alpha=tmp_path / "alpha.mp4", foreground=tmp_path / "fg.mkv",
        runner=StandInRunner(),
    )  # fmt: skip
    assert report.frames == 200 and not report.interrupted and report.input_warning is None
    assert list(report.outputs) == ["composite", "alpha", "foreground"]
    assert read_numbers(tmp_path / "out.mp4") == list(range(200))
    assert read_numbers(tmp_path / "fg.mkv") == list(range(200))
    alphas = read_pictures(tmp_path / "alpha.mp4")
    assert len(alphas) == 200 and min(picture.min() for picture in alphas) >= 253
    assert report.fps > 0 and (report.device, report.runner) == ("cpu", "stand-in")


def test_recycled_buffers_do_not_mix_frames(tmp_path):
    """Every pixel goes through a pooled composite: at half alpha over black, the number shows at half brightness."""
    clip = numbered_clip(tmp_path / "clip.mp4", 120)
    folder = tmp_path / "out"
    matte_video(clip, folder, bg="black", runner=StandInRunner(unknown=True, alpha_raw=0.9))
    numbers = [frame_number(cv2.imread(str(path))) for path in sorted(folder.iterdir())]
    assert numbers == list(range(120))


def test_edited_colours_alone(clip, tmp_path):
    matte_video(
        clip, foreground=tmp_path / "fg.mkv", frames=20, controls=Controls(shrink=1), runner=StandInRunner()
    )  # fmt: skip
    assert read_numbers(tmp_path / "fg.mkv") == list(range(20))


def test_range_and_default_name(clip):
    report = matte_video(clip, bg="red", start=1.0, frames=10, runner=StandInRunner())
    assert report.outputs == {"composite": clip.with_name("clip_composite.mp4")}
    assert read_numbers(clip.with_name("clip_composite.mp4")) == list(range(25, 35))


def test_transparent_video(clip, tmp_path):
    report = matte_video(clip, bg="transparent", frames=3, runner=StandInRunner())
    assert report.outputs == {"transparent": tmp_path / "clip_composite.mov"}
    assert read_numbers(tmp_path / "clip_composite.mov") == [0, 1, 2]


def test_image_and_folder(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in (3, 4, 5):
        cv2.imwrite(str(folder / f"p{number}.png"), numbered_frame(number))
    matte_video(folder, bg="red", runner=StandInRunner())
    made = sorted((tmp_path / "in_composite").iterdir())
    assert [path.name for path in made] == ["p3.png", "p4.png", "p5.png"]
    assert [frame_number(cv2.imread(str(path))) for path in made] == [3, 4, 5]
    report = matte_video(folder / "p4.png", bg="transparent", runner=StandInRunner())
    picture = cv2.imread(str(folder / "p4_composite.png"), cv2.IMREAD_UNCHANGED)
    assert report.frames == 1 and picture.shape[2] == 4 and picture[..., 3].min() == 255


@pytest.mark.parametrize(
    ("name", "source_kind", "kind", "expected"),
    [
        ("a.mp4", "video", "composite", "a_composite.mp4"),
        ("a.mkv", "video", "composite", "a_composite.mkv"),
        ("a.AVI", "video", "composite", "a_composite.mp4"),
        ("a.MOV", "video", "composite", "a_composite.mov"),
        ("a.mp4", "video", "transparent", "a_composite.mov"),
        ("a.jpg", "image", "composite", "a_composite.png"),
        ("a", "folder", "composite", "a_composite"),
        ("a", "folder", "transparent", "a_composite"),
    ],
)
def test_default_output(tmp_path, name, source_kind, kind, expected):
    class Source:
        path = tmp_path / name

    Source.kind = source_kind
    assert default_output(Source, kind) == tmp_path / expected


def bad_jobs(clip, folder):
    other, new = folder / "exists.mp4", folder / "o.mp4"
    other.write_bytes(b"x")
    return {
        "nothing to write: give --bg": {},
        "needs a background: give --bg": {"output": new},
        "does not exist": {"input": folder / "none.mp4", "bg": "red"},
        "unknown preset": {"bg": "red", "preset": "huge"},
        "unknown device": {"bg": "red", "device": "tpu", "runner": None},
        "unknown runner": {"bg": "red", "runner": "abacus"},
        "from 32 to 2048": {"bg": "red", "tnet_size": 1},
        "neither an existing file": {"bg": "nosuch.jpg"},
        "exists; add -y": {"bg": "red", "output": other},
        "does not exist; create it": {"bg": "red", "output": folder / "no" / "o.mp4"},
        "asked for twice (composite and alpha)": {"bg": "red", "output": new, "alpha": f"{folder}/./o.mp4"},
        "asked for twice (alpha and foreground)": {"alpha": new, "foreground": new},
        "is the input itself": {"bg": "red", "output": clip, "overwrite": True},
        "nocodec": {"bg": "red", "codec": "nocodec"},
    }  # fmt: skip


def test_whatever_cannot_work_is_said_before_anything_is_written(clip, tmp_path):
    jobs = bad_jobs(clip, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for expected, options in jobs.items():
        with pytest.raises(InputError) as caught:
            matte_video(**{"input": clip, "runner": StandInRunner(), **options})
        assert expected in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_background_is_not_overwritten(clip, tmp_path):
    picture = tmp_path / "bg.png"
    cv2.imwrite(str(picture), numbered_frame(1))
    with pytest.raises(InputError, match="asked for twice"):
        matte_video(clip, bg=picture, alpha=picture, overwrite=True, runner=StandInRunner())


@pytest.mark.parametrize("method", ["tnet", "mnet"])
def test_a_failing_network_leaves_nothing_behind(clip, tmp_path, method):
    class Runner(StandInRunner):
        count = 0

    def fail(self, x):
        self.count += 1
        if self.count == 30:
            raise MemoryError("no room")
        return getattr(StandInRunner, method)(self, x)

    setattr(Runner, method, fail)
    with pytest.raises(MemoryError):
        matte_video(clip, tmp_path / "o.mp4", bg="red", alpha=tmp_path / "a.mp4", runner=Runner())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


@pytest.mark.parametrize("method", ["write", "finish"])
def test_a_failing_sink_leaves_nothing_behind(clip, tmp_path, method):
    def fail(*arguments):
        raise ShmStreamError("disk full")

    options = JobOptions(clip, tmp_path / "o.mp4", bg="red", alpha=tmp_path / "a.mp4", runner=StandInRunner())
    with Job(options) as job, pytest.raises(ShmStreamError, match="disk full"):
        setattr(job.sinks["composite"], method, fail)
        job.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


def test_truncated_input_keeps_what_was_decoded(clip, tmp_path):
    whole = numbered_clip(tmp_path / "long.mkv", 120)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    report = matte_video(cut, tmp_path / "o.mp4", bg="red", runner=StandInRunner())
    numbers = read_numbers(tmp_path / "o.mp4")
    assert "ended early" in report.input_warning
    assert len(numbers) == report.frames and 30 < report.frames < 120
    assert numbers == sorted(set(numbers)) and numbers[:30] == list(range(30))  # only the torn end has gaps


class CtrlC(StandInRunner):
    """Presses Ctrl-C at chosen frames."""

    def __init__(self, *frames):
        super().__init__()
        self.frames, self.count = frames, 0

    def mnet(self, x):
        if self.count in self.frames:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            threading.Event().wait(0.1)
        self.count += 1
        return super().mnet(x)


@pytest.fixture
def ctrl_c_raises():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_keeps_playable_files(tmp_path, ctrl_c_raises):
    clip = numbered_clip(tmp_path / "clip.mp4", 200)
    report = matte_video(clip, tmp_path / "o.mp4", bg="red", alpha=tmp_path / "a.mp4", runner=CtrlC(40))
    assert report.interrupted and 40 < report.frames < 60
    assert read_numbers(tmp_path / "o.mp4") == list(range(report.frames))
    assert len(read_pictures(tmp_path / "a.mp4")) == report.frames
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "clip.mp4", "o.mp4"]


def test_a_second_ctrl_c_removes_them(tmp_path, ctrl_c_raises):
    clip = numbered_clip(tmp_path / "clip.mp4", 200)
    with pytest.raises(KeyboardInterrupt):
        matte_video(clip, tmp_path / "o.mp4", bg="red", runner=CtrlC(20, 21))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


def test_codec_and_crf_are_the_composites(clip, tmp_path):
    matte_video(clip, tmp_path / "o.mp4", bg="red", alpha=tmp_path / "a", crf=40, frames=2, runner=StandInRunner())
    assert len(list((tmp_path / "a").iterdir())) == 2
    with pytest.raises(InputError, match="codec and crf"):
        matte_video(clip, alpha=tmp_path / "b", crf=40, runner=StandInRunner())


def test_frames_are_reported_as_they_arrive(clip, tmp_path):
    counts = []
    with Job(JobOptions(clip, tmp_path / "o.mp4", bg="red", frames=5, runner=StandInRunner())) as job:
        job.run(counts.append)
    assert counts == [1, 2, 3, 4, 5]


def test_video_background_and_blur(clip, tmp_path):
    for bg in (numbered_clip(tmp_path / "bg.mp4", 5), "blur"):
        report = matte_video(clip, tmp_path / "o.mp4", bg=bg, frames=12, overwrite=True, runner=StandInRunner())
        assert report.frames == 12 and read_numbers(tmp_path / "o.mp4") == list(range(12))


def test_alpha_follows_the_network(clip, tmp_path):
    matte_video(clip, alpha=tmp_path / "a.mkv", frames=3, runner=StandInRunner(unknown=True, alpha_raw=0.5))
    assert abs(np.mean(read_pictures(tmp_path / "a.mkv")) - 127.5) < 2
