"""The Python interface: arrays, and options of whole files that only the command line had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from stand_ins import StandInRunner

import shm_stream
from shm_stream import InputError, Matting, machine, matte_video
from shm_stream.source import open_source

pytestmark = pytest.mark.timeout(60)
EXAMPLE = Path(__file__).parent.parent / "examples" / "webcam.mkv"


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_still_gives_alpha_of_the_same_size():
    matting = Matting(runner=StandInRunner(unknown=True, alpha_raw=0.25))
    for height, width in ((1, 1), (33, 47), (64, 64)):
        alpha = matting.still(noise(height, width, 3))
        assert alpha.shape == (height, width) and alpha.dtype == np.float32
        assert np.allclose(alpha, 0.25, atol=1e-6)
    assert (matting.device, matting.runner) == ("cpu", "stand-in")


def test_still_is_stateless_and_video_is_not():
    runner = StandInRunner()
    matting = Matting(runner=runner, tnet_size=32)
    image = noise(40, 40, 3)
    matting.still(image)
    matting.still(image)
    video = matting.video()
    first = video(image)
    video(image)
    video.reset()
    video(image)
    assert [bool(x[0, 3].any()) for x in runner.tnet_inputs] == [False, False, False, True, False]
    assert first.min() == 1  # a result is the caller's own; later frames do not change it


def test_two_videos_do_not_share_their_past():
    runner = StandInRunner()
    matting = Matting(runner=runner, tnet_size=32)
    one, other = matting.video(), matting.video()
    one(noise(40, 40, 3))
    other(noise(40, 40, 3))
    assert not any(x[0, 3].any() for x in runner.tnet_inputs)


def test_views_are_welcome():
    image = noise(40, 60, 3)
    matting = Matting(runner=StandInRunner())
    assert matting.still(image[::2, 5:, ::-1]).shape == (20, 55)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ([[1, 2, 3]], "got list"),
        (np.zeros((4, 5)), r"got \[4, 5\] float64"),
        (np.zeros((4, 5, 4), np.uint8), r"got \[4, 5, 4\] uint8; drop the alpha"),
        (np.zeros((4, 5, 3), np.float32), r"got \[4, 5, 3\] float32; scale"),
        (np.zeros((0, 5, 3), np.uint8), r"got \[0, 5, 3\]"),
        (np.zeros((2, 4, 5, 3), np.uint8), r"got \[2, 4, 5, 3\]"),
    ],
)
def test_wrong_arrays_are_named(image, message):
    with pytest.raises(InputError, match=message) as caught:
        Matting(runner=StandInRunner()).still(image)
    assert "[H, W, 3] uint8 RGB" in str(caught.value) and isinstance(caught.value, ValueError)


def test_wrong_options():
    for options in ({"preset": "x"}, {"device": "x"}, {"runner": "x"}, {"tnet_size": 3}, {"device": "cuda:999"}):
        with pytest.raises(InputError):
            Matting(**options)


@pytest.fixture
def photo(tmp_path):
    assert cv2.imwrite(str(tmp_path / "photo.png"), noise(360, 640, 3))
    return tmp_path / "photo.png"


def test_dense_draws_whole_frames(photo, tmp_path):
    """Of a frame without uncertain pixels M-Net draws nothing otherwise."""
    runner = StandInRunner(unknown=False)
    for dense, drawn in ((False, []), (True, [(6, 360 + 2 * runner.halo, 640 + 2 * runner.halo)])):
        matte_video(photo, alpha=tmp_path / "a.png", runner=runner, dense=dense, overwrite=True)
        assert runner.mnet_shapes == drawn


@pytest.mark.skipif(machine.rss_mb() is None, reason="the system does not tell")
def test_max_memory_bounds_a_job_or_refuses_it(photo, tmp_path):
    runner = StandInRunner()
    report = matte_video(photo, alpha=tmp_path / "a.png", runner=runner, max_memory=10**12)
    assert max(shape[1] for shape in runner.mnet_shapes) < 360 and report.memory_warning is None
    for options, message in (({"max_memory": 10**7}, "may take 10M"), ({"max_memory": 10**12, "dense": True}, "tiles")):
        with pytest.raises(InputError, match=message):
            matte_video(photo, alpha=tmp_path / "b.png", runner=runner, **options)
    assert {path.name for path in tmp_path.iterdir()} == {"photo.png", "a.png"}


@pytest.mark.skipif(machine.rss_mb() is None, reason="the system does not tell")
def test_max_memory_is_taken_in_words(photo, tmp_path):
    runner = StandInRunner()
    matte_video(photo, alpha=tmp_path / "a.png", runner=runner, max_memory="1T")
    assert max(shape[1] for shape in runner.mnet_shapes) < 360
    for given, message in (("10M", "may take 10M"), ("much", "'much' is not a size of memory"), (True, "such as 900M")):
        with pytest.raises(InputError, match=message):
            matte_video(photo, alpha=tmp_path / "b.png", runner=runner, max_memory=given)
    assert not (tmp_path / "b.png").exists()


def test_off_is_the_scene_as_it_is(photo, tmp_path):
    matte_video(photo, tmp_path / "o.png", bg="off", runner=StandInRunner())
    assert (cv2.imread(str(tmp_path / "o.png")) == cv2.imread(str(photo))).all()


def test_every_public_name_exists():
    assert shm_stream.__version__ != "unknown"
    for name in shm_stream.__all__:
        assert getattr(shm_stream, name) is not None
    assert set(shm_stream.__all__) <= set(dir(shm_stream))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = shm_stream.nothing


def test_import_is_light():
    code = "import sys, shm_stream; sys.exit(any(m in sys.modules for m in ('numpy', 'cv2', 'av', 'torch')))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_planes_are_matted_as_in_a_job(tmp_path):
    """`eval --video` measures what users get: a decoder's planes, not their RGB."""
    with open_source(EXAMPLE, max_frames=3) as source:
        planes = [frame.planes for frame in source]
        alphas = [np.rint(255 * alpha) for alpha in Matting("live", "cpu").video().alphas(planes)]
    matte_video(EXAMPLE, alpha=tmp_path / "mattes", device="cpu", frames=3)
    written = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted((tmp_path / "mattes").iterdir())]
    assert len(written) == len(alphas) == 3
    assert all(np.array_equal(alpha, other) for alpha, other in zip(alphas, written, strict=True))
