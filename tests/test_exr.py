"""OpenEXR in and out: highlights, windows, pixel aspect, and files or packages that are not there."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from deliverables import run_job
from media import palette_picture, write_video
from stand_ins import StandInRunner

from shm_stream.delivery import Delivery
from shm_stream.errors import InputError
from shm_stream.fine_images import read_exr
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.sink import open_sink
from shm_stream.source import open_source

pytestmark = pytest.mark.timeout(60)


def test_exr_in_and_out_keeps_highlights(tmp_path):
    package = pytest.importorskip("OpenEXR")
    (tmp_path / "in").mkdir()
    picture = np.random.default_rng(0).uniform(0, 40, (48, 64, 3)).astype(np.float16)
    package.File({"type": package.scanlineimage}, {"RGB": picture}).write(str(tmp_path / "in" / "a.exr"))
    with Job(JobOptions(tmp_path / "in", tmp_path / "o.%03d.exr", bg="red", runner=StandInRunner())) as opened:
        opened.run()
    written = package.File(str(tmp_path / "o.000.exr")).channels()["RGB"].pixels
    np.testing.assert_allclose(written.astype(float), picture.astype(float), rtol=1e-3)
    assert written.max() > 39


@pytest.mark.parametrize(("corner", "lit"), [((4, 6), 16), ((-2, 30), 4), ((33, 0), 0), ((0, -5), 0)])
def test_an_exr_is_shown_where_its_stored_window_lies(tmp_path, corner, lit):
    package = pytest.importorskip("OpenEXR")
    window = np.int32(corner), np.int32(corner) + 3
    header = {"dataWindow": window, "displayWindow": (np.int32([0, 0]), np.int32([31, 31]))}
    white = {name: np.ones((4, 4), np.float16) for name in "RGB"}
    package.File({"type": package.scanlineimage, **header}, white).write(str(tmp_path / "a.exr"))
    shown = read_exr(tmp_path / "a.exr")
    assert shown.shape == (32, 32, 3) and np.count_nonzero(shown[..., 0]) == lit


def test_a_damaged_exr_is_one_line(tmp_path):
    pytest.importorskip("OpenEXR")
    (tmp_path / "a.exr").write_bytes(b"v/1\x01" + b"\x00" * 40)
    with pytest.raises(InputError, match="as OpenEXR: it is damaged"):
        open_source(tmp_path / "a.exr")


@pytest.mark.parametrize(("suffix", "name"), [("exr", "OpenEXR"), ("tif", "tifffile")])
def test_a_missing_package_is_one_line(tmp_path, monkeypatch, suffix, name):
    monkeypatch.setitem(__import__("sys").modules, name, None)
    source = open_source(write_video(tmp_path / "in.mp4", [palette_picture(64, 48)] * 2))
    with pytest.raises(InputError, match=rf"need the package {name}: pip install 'shm-stream\[film\]'"):
        open_sink(tmp_path / f"o.%d.{suffix}", source, kind="alpha", delivery=Delivery(bits=16))


def test_anamorphic_pixels_go_through_exr_and_other_pictures_say_that_they_lose_them(tmp_path):
    package = pytest.importorskip("OpenEXR")
    source = write_video(tmp_path / "in.mp4", [palette_picture(96, 64)] * 2, aspect=Fraction(64, 45))
    run_job(source, output=tmp_path / "a" / "o.%d.exr", bg="red")
    assert package.File(str(tmp_path / "a" / "o.0.exr")).header()["pixelAspectRatio"] == np.float32(64 / 45)
    assert open_source(tmp_path / "a").sample_aspect_ratio == Fraction(64, 45)
    told = run_job(source, output=tmp_path / "b" / "o.%d.png", bg="red").warnings
    assert told == ["the pixel aspect 64:45 is not kept by .png; .exr would keep it"]
