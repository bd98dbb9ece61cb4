"""Jobs whose frames stay in YUV: no conversion on the way, and the same picture as through RGB."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from live_jobs import unpaced
from media import palette_picture, write_video
from planar_runs import job, picture_file
from stand_ins import StandInRunner, numbered_clip, read_numbers

from shm_stream import matte_video
from shm_stream import planes as planes_module
from shm_stream.background import open_background
from shm_stream.camera_pictures import PackedPlanes
from shm_stream.colour import ColourTags
from shm_stream.controls import Controls
from shm_stream.frame import Frame
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.part import Part
from shm_stream.planes import planes_from_rgb, rgb_from_planes
from shm_stream.qc_statistics import ShotStatistics

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def conversions(monkeypatch):
    """What every conversion of a full frame between RGB and YUV is: the names of those that happen, in order."""
    happened = []

    def watch(name):
        convert = getattr(planes_module, name)
        monkeypatch.setattr(planes_module, name, lambda *args: happened.append(name) or convert(*args))

    for name in ("_rgb_from_planes", "_rgb_by_swscale", "_planar", "_by_swscale"):
        watch(name)
    return happened


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", 12)


@pytest.mark.parametrize(
    ("background", "expected"),
    [("picture", ["_planar"]), ("#405060", ["_planar"]), ("blur:30", []), ("video", [])],
)
def test_frames_are_never_converted(clip, tmp_path, conversions, background, expected):
    """A still background is converted once, whatever the number of frames; nothing else is."""
    if background == "picture":
        background = picture_file(tmp_path)
    elif background == "video":
        background = numbered_clip(tmp_path / "bg.mp4", 5)
    report = job(clip, tmp_path / "out.mp4", background, alpha=tmp_path / "alpha.mp4")
    assert report.frames == 12 and conversions == expected
    assert read_numbers(tmp_path / "out.mp4") == list(range(12)) or background != "#405060"


EDITS = {
    "feather": 5, "shrink": 3, "threshold": (10, 90), "despill": 80, "light_wrap": 40, "temporal": 60, "mirror": True,
    "place": (10, -5, 0.8),
}  # fmt: skip


@pytest.mark.parametrize("edit", [*EDITS, "all"])
@pytest.mark.parametrize("background", ["picture", "#405060", "blur:30", "video", "off"])
def test_edits_convert_nothing(clip, tmp_path, conversions, background, edit):
    """Despill's estimate is of RGB, at half size and made small from planes."""
    still = ["_planar"] if background in ("picture", "#405060") else []
    if background == "picture":
        background = picture_file(tmp_path)
    elif background == "video":
        background = write_video(tmp_path / "bg.mp4", [palette_picture(96, 64)] * 3, pix_fmt="yuv420p", matrix=9)
    controls = Controls(**(EDITS if edit == "all" else {edit: EDITS[edit]}))
    runner = StandInRunner(alpha_raw=0.5)
    report = matte_video(clip, tmp_path / "out.mp4", bg=background, controls=controls, frames=4, runner=runner)
    assert report.frames == 4 and conversions == still


@pytest.fixture
def sent(monkeypatch):
    """What a virtual camera that takes planes was sent: how many bytes, for each frame."""
    sizes = []
    camera = SimpleNamespace(device="memory", send=lambda content: sizes.append(content.size), close=lambda: None)
    opened = lambda _, source: (camera, PackedPlanes(source.width, source.height))  # noqa: E731
    monkeypatch.setattr("shm_stream.sink_camera._open_camera", opened)
    return sizes


@pytest.mark.parametrize("matrix", [6, 1])
def test_a_virtual_camera_gets_planes(tmp_path, conversions, sent, matrix):
    clip = write_video(tmp_path / "clip.mp4", [palette_picture(96, 64)] * 4, pix_fmt="yuv420p", matrix=matrix)
    with Job(JobOptions(clip, bg="blur:30", vcam="auto", runner=StandInRunner())) as opened:
        assert opened.run().frames == 4
    assert conversions == [] and sent == [96 * 64 * 3 // 2] * 4


@pytest.mark.parametrize("options", [{"rotation": 90}, {"rotation": 180}, {"rotation": 270, "flips": (True, False)}])
def test_turned_clips_and_backgrounds_are_never_converted(tmp_path, conversions, options):
    clip = write_video(tmp_path / "clip.mp4", [palette_picture(96, 64)] * 6, pix_fmt="yuv420p", **options)
    background = write_video(tmp_path / "bg.mp4", [palette_picture(70, 90)] * 4, pix_fmt="yuv420p", **options)
    assert job(clip, tmp_path / "out.mp4", background).frames == 6 and conversions == []


COMBINATIONS = {
    "lossless": {"output": "out.mkv", "codec": "ffv1"},
    "webm": {"output": "out.webm"},
    "AVI": {"output": "out.avi"},
    "alpha": {"alpha": "alpha.mp4"},
    "alpha alone": {"output": None, "bg": None, "alpha": "alpha.mov"},
    "alpha in pictures": {"alpha": "alphas/"},
    "alpha in EXR": {"alpha": "alphas/", "image_format": "exr"},
    "a cut": {"start": 0.04, "duration": 0.2},
    "a part": {"part": Part(2, 6)},
    "lookahead": {"lookahead": 2},
    "lookahead and smoothing": {"lookahead": 2, "controls": Controls(temporal=60)},
    "dense": {"dense": True},
    "trimap": {"trimap": "mask.mp4"},
    "masks": {"keep": "mask.mp4", "holdout": "mask.png"},
    "masks and edits": {"keep": "mask.mp4", "person": "largest", "controls": Controls(**EDITS)},
    "one person": {"person": "largest"},
    "sidecar": {"sidecar": True},
    "for a program": {"output": "out.webm", "target": "web"},
    "a report": {"statistics": True},
    "freeze": {"controls": Controls(hold="freeze")},
    "deinterlace": {"deinterlace": True},
    "a playlist": {"output": "live.m3u8"},
    "a file and a playlist": {"output": ("out.mp4", "live.m3u8")},
    "a camera": {"output": None, "vcam": "auto"},
    "a camera and a file": {"vcam": "auto", "alpha": "alpha.mp4"},
}


def in_folder(folder, options: dict) -> dict:
    """The same with paths in the folder."""
    named = {"output", "alpha", "foreground", "trimap", "keep", "holdout"} & options.keys()
    return options | {name: placed(folder, options[name]) for name in named}


def placed(folder, value):
    """Where a name or several are in the folder; None stays None."""
    if isinstance(value, tuple):
        return tuple(placed(folder, each) for each in value)
    return value and f"{folder}/{value}"


@pytest.mark.parametrize("options", COMBINATIONS.values(), ids=COMBINATIONS)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p"])
def test_what_users_combine_converts_nothing(tmp_path, monkeypatch, conversions, sent, options, pix_fmt):
    """But for a still picture, once."""
    full = pix_fmt == "yuvj420p"
    pictures = [palette_picture(96, 64, shift) for shift in range(8)]
    clip = write_video(tmp_path / "clip.mp4", pictures, pix_fmt="yuv420p", full=full)
    write_video(tmp_path / "mask.mp4", [picture // 3 * 3 for picture in pictures], pix_fmt="yuv420p")
    cv2.imwrite(str(tmp_path / "mask.png"), palette_picture(96, 64)[..., 0])
    options = {"output": "out.mp4", "bg": "#405060"} | options
    statistics = ShotStatistics() if options.pop("statistics", False) else None
    unpaced(monkeypatch)
    options = JobOptions(clip, runner=StandInRunner(alpha_raw=0.5), **in_folder(tmp_path, options))
    with Job(options, statistics) as opened:
        report = opened.run()
    assert report.frames >= 4
    assert conversions == ([] if options.bg is None else ["_planar"])


EXCEPTIONS = {
    "pictures are RGB": {"output": "out/"},
    "cut-outs have colours of their own": {"output": "out.mov", "bg": "transparent"},
    "so has the foreground": {"output": "out.mp4", "foreground": "fg.mp4"},
    "ProRes is 4:2:2 of 10 bits": {"output": "out.mov", "codec": "prores_ks"},
    "as are more bits": {"output": "out.mkv", "codec": "ffv1", "bits": 10},
}
"""All of them convert a frame once. The others: clips that come in another form, rotated ones whose turn begins at an
odd side, mirrored ones of odd width, H.264 of odd sides, which is 4:4:4, frames of another size in mid-stream, and
virtual cameras of odd sides or that take no planes."""


@pytest.mark.parametrize("options", EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_what_needs_rgb_still_gets_it_once_a_frame(clip, tmp_path, conversions, options):
    options = in_folder(tmp_path, {"bg": "#405060"} | options)
    assert job(clip, options.pop("output"), **options).frames == 12
    assert conversions.count("_rgb_from_planes") == 12


def stays_planar(clip, output, **options) -> bool:
    with Job(JobOptions(clip, output, bg="red", runner=StandInRunner(), **options)) as opened:
        return opened.engine.planar


def test_the_form_of_composites_is_decided_when_the_job_is_opened(clip, tmp_path):
    assert stays_planar(clip, tmp_path / "a.mp4")
    assert stays_planar(clip, tmp_path / "a.webm", alpha=tmp_path / "alphas")
    assert not stays_planar(clip, tmp_path / "folder")
    assert not stays_planar(clip, tmp_path / "a.mov", codec="prores_ks")
    other = write_video(tmp_path / "444.mp4", [palette_picture(96, 64)] * 2, pix_fmt="yuv444p")
    assert not stays_planar(other, tmp_path / "a.mp4")
    odd = write_video(tmp_path / "odd.mkv", [palette_picture(95, 63)] * 2, codec="ffv1", pix_fmt="yuv420p", options={})
    assert not stays_planar(odd, tmp_path / "a.mp4")  # H.264 takes no odd sizes in 4:2:0
    assert stays_planar(odd, tmp_path / "a.mkv", codec="ffv1")


@pytest.mark.parametrize(("matrix", "full"), [(6, False), (1, True), (9, True)])
def test_a_video_of_another_matrix_or_range_stays_planes(tmp_path, conversions, matrix, full):
    path = write_video(tmp_path / "bg.mp4", [palette_picture(96, 64)], pix_fmt="yuv420p", matrix=matrix, full=full)
    frame = Frame(planes_from_rgb(np.zeros((64, 96, 3), np.uint8), ColourTags(1, 1)), 0, 0, Fraction(1, 25), 1)
    background = open_background(str(path), 96, 64)
    planes = background.planes_at(frame)
    assert conversions == ["_planar"] and planes.tags == frame.planes.tags
    made = rgb_from_planes(planes).astype(int)
    assert np.abs(made - palette_picture(96, 64))[:, 3:9].max() <= 4
    assert np.abs(made - background.at(frame)).mean() < 3
    background.close()
