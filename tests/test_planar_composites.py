"""Composites made in planes: the pictures of RGB, cut and scaled alike, and as they are in the file."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from media import palette_picture, write_video
from planar_runs import job, picture_file
from stand_ins import StandInRunner
from test_yuv_planes import WEBCAM

from shm_stream.background import open_background
from shm_stream.colour import ColourTags
from shm_stream.cover_fit import cover_fit, cover_fit_planes
from shm_stream.engine import Engine
from shm_stream.frame import Frame
from shm_stream.planes import planes_from_rgb, planes_of, rgb_from_planes
from shm_stream.sink import open_sink
from shm_stream.source import open_source
from shm_stream.work import Work
from shm_stream.yuv_planes import YuvPlanes

pytestmark = pytest.mark.timeout(60)


def run_stages(engine: Engine, frame: Frame) -> dict:
    work = Work(frame)
    for _, function in engine.stages:
        work = function(work)
    return work.outputs


@pytest.mark.parametrize("tags", [ColourTags(1, 1), ColourTags(6, 2), ColourTags(9, 1)])
@pytest.mark.parametrize(("size", "pix_fmt"), [((480, 640), "yuv420p"), ((241, 319), "nv12")])
@pytest.mark.parametrize("background", ["picture", "#20a040", "blur:25", "video"])
def test_composites_are_those_of_rgb(tmp_path, tags, size, pix_fmt, background):
    """A real frame, half transparent, as the encoder gets it on either way. RGB blurs chroma a little on its way."""
    pixels = cv2.resize(next(iter(open_source(WEBCAM))).pixels, size[::-1], interpolation=cv2.INTER_AREA)
    planes = planes_from_rgb(pixels, tags)
    if pix_fmt == "nv12":
        planes = planes_of(planes.frame.reformat(format="nv12"), tags)
    if background == "picture":
        background = picture_file(tmp_path)
    elif background == "video":
        background = write_video(tmp_path / "bg.mp4", [cv2.GaussianBlur(palette_picture(98, 74), (0, 0), 6)] * 2,
                                 pix_fmt="yuv420p", matrix=tags.matrix, full=tags.range == 2)  # fmt: skip
    made = []
    for picture in (planes, rgb_from_planes(planes)):
        bg = open_background(str(background), *size[::-1])
        engine = Engine(StandInRunner(alpha_raw=0.5), tnet_size=32, outputs=("composite", "alpha"), background=bg,
                        planar=True)  # fmt: skip
        made.append(run_stages(engine, Frame(picture, 0, 0, Fraction(1, 25), 1)))
        bg.close()
    assert isinstance(made[0]["composite"], YuvPlanes) and made[0]["composite"].tags == tags
    np.testing.assert_array_equal(made[0]["alpha"], made[1]["alpha"])
    through_rgb = planes_from_rgb(made[1]["composite"], tags)
    for name in ("y", "u", "v"):
        difference = np.abs(getattr(made[0]["composite"], name).astype(int) - getattr(through_rgb, name))
        assert difference.mean() < 0.6 and np.percentile(difference, 99) <= (1 if name == "y" else 4)


@pytest.mark.parametrize("size", [(1, 1), (7, 31), (31, 7), (64, 64)])
@pytest.mark.parametrize("target", [(1, 1), (33, 65), (64, 2)])
@pytest.mark.parametrize("interleaved", [False, True])
def test_planes_are_cut_and_scaled_like_pictures(size, target, interleaved):
    planes = planes_from_rgb(np.full((*size, 3), (200, 90, 40), np.uint8), ColourTags())
    if interleaved:
        planes = planes_of(planes.frame.reformat(format="nv12"), planes.tags)
    fitted = cover_fit_planes(planes, *target)
    assert fitted.size == target[::-1] and fitted.u.shape == ((target[1] + 1) // 2, (target[0] + 1) // 2)
    for name in ("y", "u", "v"):
        assert (getattr(fitted, name) == getattr(planes, name)[0, 0]).all()


def test_the_cut_keeps_the_middle():
    picture = np.zeros((60, 200, 3), np.uint8)
    picture[:, 75:125] = (220, 60, 60)
    rgb = cover_fit(picture, 90, 60)
    planes = rgb_from_planes(cover_fit_planes(planes_from_rgb(picture, ColourTags()), 90, 60))
    assert np.abs(planes.astype(int) - rgb).mean() < 4 and (planes[30, 25:65, 0] > 200).all()


def test_planes_reach_the_file_unchanged(tmp_path):
    """With a lossless encoder what is read again is bit for bit what was written, odd sizes included."""
    pictures = [palette_picture(95, 63, shift) for shift in range(3)]
    path = write_video(tmp_path / "in.mkv", pictures, codec="ffv1", pix_fmt="yuv420p", options={})
    source = open_source(path)
    sink = open_sink(tmp_path / "out.mkv", source, kind="composite", codec="ffv1")
    assert sink.takes_planes
    for frame in source:
        sink.write(frame, frame.planes)
    sink.finish()
    for made, original in zip(open_source(tmp_path / "out.mkv"), open_source(path), strict=True):
        for name in ("y", "u", "v"):
            np.testing.assert_array_equal(getattr(made.planes, name), getattr(original.planes, name))
        assert made.pts_seconds == original.pts_seconds


def test_frames_that_are_rgb_can_stand_between_planes(tmp_path):
    """A change of size in mid-stream: those frames go through RGB, into the same file."""
    pieces = [
        write_video(tmp_path / f"{width}.ts", [palette_picture(width, 64)] * 4, pix_fmt="yuv420p")
        for width in (96, 128)
    ]
    (tmp_path / "both.ts").write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    report = job(tmp_path / "both.ts", tmp_path / "out.mp4", "black")
    made = [frame.pixels.astype(int) for frame in open_source(tmp_path / "out.mp4")]
    assert report.frames == len(made) == 8
    assert all(np.abs(picture - made[0]).mean() < 6 for picture in made)
