"""What cameras and codecs do: each effect does what it says, at any size, from the generator's numbers alone."""

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pymatting")

from training import photometric  # noqa: E402

EFFECTS = ("relight", "saturate", "low_light", "sensor_noise", "compress", "video", "shake", "camera")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """[73, 91, 3], odd sides: shapes with texture on a slope."""
    slope = np.linspace(60, 200, 91)[None, :, None] * np.ones((73, 1, 3))
    texture = np.random.default_rng(0).normal(0, 12, (73, 91, 3))
    picture = np.clip(slope + texture, 0, 255).astype(np.uint8)
    cv2.circle(picture, (40, 30), 18, (220, 60, 30), -1)
    return picture


@pytest.mark.parametrize("name", EFFECTS)
def test_effects_keep_shape_and_follow_the_seed(name, picture):
    effect = getattr(photometric, name)
    before = picture.copy()
    first, again = (effect(picture, np.random.default_rng(4)) for _ in range(2))
    assert first.shape == picture.shape and first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert np.array_equal(picture, before), "the input is not written to"


def test_video_loses_detail_and_keeps_the_picture(picture):
    for seed in range(6):
        coded = photometric.video(picture, np.random.default_rng(seed)).astype(float)
        assert 1 < np.abs(coded - picture).mean() < 25
        small = [cv2.resize(p.astype(np.float32), (9, 7), interpolation=cv2.INTER_AREA) for p in (coded, picture)]
        assert np.abs(small[0] - small[1]).mean() < 8, "no shift and no other colours"


def test_low_light_is_dark_and_noisy():
    flat = np.full((80, 80, 3), 160, np.uint8)
    seen = [photometric.low_light(flat, np.random.default_rng(seed)) for seed in range(20)]
    assert all(20 < s.mean() < 155 for s in seen) and np.mean([s.mean() for s in seen]) < 125
    assert all(s.std() > 1 for s in seen) and np.mean([s.std() for s in seen]) > 6


def test_shot_noise_grows_with_light():
    """As many photons as there are: the noise of the brighter half has the larger spread in linear light."""
    halves = np.repeat(np.array([[60, 200]], np.uint8), 60, 1)[..., None].repeat(100, 0).repeat(3, 2)
    spreads = []
    for seed in range(12):
        linear = (photometric.low_light(halves, np.random.default_rng(seed)) / 255) ** 2.2
        spreads.append((linear[:, :60].std(), linear[:, 60:].std()))
    dark, bright = np.median(spreads, 0)
    assert bright > 1.3 * dark


def test_shake_blurs_along_one_direction(picture):
    shaken = photometric.shake(picture, np.random.default_rng(1)).astype(float)
    assert np.abs(np.diff(shaken, axis=0)).mean() + np.abs(np.diff(shaken, axis=1)).mean() < 0.8 * (
        np.abs(np.diff(picture.astype(float), axis=0)).mean() + np.abs(np.diff(picture.astype(float), axis=1)).mean()
    )


def test_the_camera_s_chain_uses_every_effect(picture, monkeypatch):
    used = set()
    for name in ("relight", "saturate", "blur", "shake", "low_light", "sensor_noise", "compress", "video"):
        monkeypatch.setattr(photometric, name, lambda p, *_, name=name: used.add(name) or p)
    rng = np.random.default_rng(0)
    for _ in range(200):
        photometric.camera(picture, rng)
    assert used == {"relight", "saturate", "blur", "shake", "low_light", "sensor_noise", "compress", "video"}
