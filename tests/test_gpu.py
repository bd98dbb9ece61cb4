"""The engine on a GPU, with the shipped weights: what the CPU makes of the same clip, but for the GPU's rounding."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from engine_cases import run_stages
from gpu_runs import DEVICE, assert_alike, assert_all_alike, clip_pictures, engine_on, run_engine, works

from shm_stream import Matting
from shm_stream.controls import Controls
from shm_stream.engine_fuse import OUTPUT_KINDS
from shm_stream.planes import planes_from_rgb
from shm_stream.yuv_planes import YuvPlanes

pytestmark = [pytest.mark.needs_cuda, pytest.mark.timeout(180)]
SIZE = (480, 640)
FRAMES = 12
EDITS = {
    "edges": Controls(shrink=3, feather=2, threshold=(10, 90)),
    "place": Controls(place=(20, 0, 0.7), mirror=True),
    "colours": Controls(despill=80, light_wrap=60),
}


def on_both(pictures, **options) -> tuple:
    """(what the GPU makes of the pictures, what the CPU makes of them)."""
    return tuple(run_engine(engine_on(device, SIZE, **options), pictures) for device in (DEVICE, "cpu"))


def test_the_kernels_of_the_build_run():
    assert engine_on(DEVICE, SIZE).kernel == "cuda"


@pytest.mark.parametrize("bg", ["#405060", "blur:30", "off"])
@pytest.mark.parametrize("planar", [True, False], ids=["planes", "RGB"])
def test_mattes_and_composites_are_those_of_the_cpu(planar, bg):
    pictures = clip_pictures(FRAMES, planar=planar)
    made, expected = on_both(pictures, bg=bg, planar=planar, outputs=["composite", "alpha"])
    assert len(made[0]["composite"]) == (3 if planar else 1)
    assert max(frame["alpha"][0].std() for frame in made) > 50, "somebody is seen"
    assert_all_alike(made, expected)


def test_the_prior_is_heard():
    """What the limits of the other tests are worth."""
    pictures = clip_pictures(FRAMES)
    made = [run_engine(engine_on(DEVICE, SIZE, prior=prior, outputs=["alpha"]), pictures) for prior in (True, False)]
    with pytest.raises(AssertionError):
        assert_all_alike(*made)


@pytest.mark.parametrize("planar", [True, False], ids=["planes", "RGB"])
def test_all_outputs_are_those_of_the_cpu(planar):
    """Foreground colours are estimated from alpha, and differ more where it is almost zero."""
    made, expected = on_both(clip_pictures(4, planar=planar), planar=planar, outputs=OUTPUT_KINDS)
    assert_all_alike(made, expected, mean=0.1)


@pytest.mark.parametrize("controls", EDITS.values(), ids=[*EDITS])
def test_edits_are_those_of_the_cpu(controls):
    made, expected = on_both(clip_pictures(4), controls=controls, planar=True, outputs=["composite", "alpha"])
    assert_all_alike(made, expected, mean=0.1)


@pytest.mark.parametrize(("temporal", "lookahead"), [(80, 0), (0, 2), (60, 1)])
def test_trimaps_are_steadied_as_on_the_cpu(temporal, lookahead):
    options = {"lookahead": lookahead, "outputs": ["alpha"]}
    made, expected = on_both(clip_pictures(FRAMES), controls=Controls(temporal=temporal), **options)
    assert len(made) == FRAMES
    assert_all_alike(made, expected)


@pytest.mark.parametrize("fine", [["alpha"], ["composite", "alpha"], OUTPUT_KINDS], ids=len)
def test_fine_outputs_are_those_of_the_cpu(fine):
    made, expected = on_both(clip_pictures(4), fine=fine, planar=True, outputs=OUTPUT_KINDS)
    assert all(made[0][kind][0].dtype == np.float32 for kind in fine)
    assert_all_alike(made, expected, mean=0.1)


@pytest.mark.parametrize("planar", [True, False], ids=["planes", "RGB"])
def test_odd_sizes(planar):
    pictures = [np.ascontiguousarray(pixels[:479, :637]) for pixels in clip_pictures(3, planar=False)]
    if planar:
        tags = clip_pictures(1)[0].tags
        pictures = [planes_from_rgb(pixels, tags) for pixels in pictures]
    options = {"planar": planar, "outputs": ["composite", "alpha"]}
    made = [run_engine(engine_on(device, (479, 637), **options), pictures) for device in (DEVICE, "cpu")]
    assert_all_alike(*made)


def large(picture: np.ndarray) -> YuvPlanes:
    return planes_from_rgb(cv2.resize(picture, (1920, 1080)), clip_pictures(1)[0].tags)


@pytest.mark.parametrize("temporal", [0, 50])
def test_frames_in_flight_leave_each_other_alone(temporal):
    """With threads and streams side by side, memory that is used again too soon would show: bit for bit the same as one
    frame after the other."""
    pictures = [large(picture) for picture in clip_pictures(30, planar=False)]
    options = {"planar": True, "outputs": ["composite", "alpha"], "controls": Controls(temporal=temporal)}
    alone, expected = engine_on(DEVICE, (1080, 1920), **options), []
    for work in works(pictures):
        outputs = run_stages(alone, work).outputs
        expected.append((outputs["alpha"].copy(), outputs["composite"].y.copy(), outputs["composite"].v.copy()))
        alone.release(work)
    for _ in range(2):
        made = run_engine(engine_on(DEVICE, (1080, 1920), **options), pictures)
        for frame, (alpha, luma, chroma) in zip(made, expected, strict=True):
            assert np.array_equal(frame["alpha"][0], alpha)
            assert np.array_equal(frame["composite"][0], luma) and np.array_equal(frame["composite"][2], chroma)


def test_stills_and_trimaps():
    picture = clip_pictures(1, planar=False)[0]
    trimap = np.full(SIZE, 128, np.uint8)
    trimap[:, :200], trimap[300:, 300:340] = 0, 255
    for guide in (None, trimap):
        alphas = [Matting(device=device).still(picture, guide) for device in (DEVICE, "cpu")]
        assert_alike(*alphas, scale=1 / 255)
        assert guide is None or (alphas[0][:, :200].max() == 0 and alphas[0][300:, 300:340].min() == 1)
