"""Steadiness of alpha: dtSSD and flicker by hand, against second implementations, and on pictures that move."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm_stream import InputError
from shm_stream.measures_video import dtssd, flicker, flow_to_previous, move

STILL = np.zeros((40, 60, 2), np.float32)


def texture(height: int = 120, width: int = 160, seed: int = 0) -> np.ndarray:
    """[H, W, 3] uint8 with something to follow everywhere."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)


def disc(x: float, y: float = 60.0) -> np.ndarray:
    """[120, 160] float64: a soft disc of radius 30 around (x, y)."""
    rows, columns = np.mgrid[:120, :160]
    return np.clip((30 - np.hypot(columns - x, rows - y)) / 6 + 0.5, 0, 1)


def random_alphas(count: int, seed: int, size=(6, 7)) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).random((count, *size)))


# --- dtSSD ---


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_dtssd_is_that_of_a_loop(seed):
    alpha, previous, truth, previous_truth = random_alphas(4, seed)
    total = 0.0
    for place in np.ndindex(alpha.shape):
        total += ((alpha[place] - previous[place]) - (truth[place] - previous_truth[place])) ** 2
    assert dtssd(alpha, previous, truth, previous_truth) == pytest.approx(math.sqrt(total / alpha.size))
    mask = alpha < 0.5
    mask[0, 0] = True
    inside = [((alpha - previous) - (truth - previous_truth))[p] ** 2 for p in zip(*np.nonzero(mask))]
    assert dtssd(alpha, previous, truth, previous_truth, mask) == pytest.approx(math.sqrt(sum(inside) / len(inside)))


def test_dtssd_by_hand():
    zero, one = np.zeros((4, 4)), np.ones((4, 4))
    assert dtssd(one, zero, one, zero) == 0  # changes as the truth does
    assert dtssd(one, one, zero, zero) == 0  # wrong, but steadily so
    assert dtssd(one, zero, zero, zero) == 1
    assert dtssd(one, zero, zero, one) == 2  # the other way round
    quarter = zero.copy()
    quarter[:2, :2] = 0.5
    assert dtssd(quarter, zero, zero, zero) == pytest.approx(0.25)  # sqrt(4 · 0.25 / 16)


# --- flicker ---


def test_a_still_scene_with_a_stable_alpha_does_not_flicker():
    picture = texture()
    flow = flow_to_previous(picture, picture.copy())
    assert np.abs(flow).max() < 0.05
    assert flicker(disc(80), disc(80), flow) < 1e-4
    assert flicker(disc(80), disc(80), np.zeros_like(flow)) < 1e-7


@pytest.mark.parametrize(("x", "y"), [(4, 0), (0, -3), (5, 4), (-7, 2)])
def test_an_alpha_that_moves_with_its_picture_does_not_flicker(x, y):
    scene = texture(200, 240)
    previous, frame = scene[40:160, 40:200], scene[40 - y : 160 - y, 40 - x : 200 - x]  # all of it moved by (x, y)
    flow = flow_to_previous(frame, previous)
    assert np.median(flow[..., 0]) == pytest.approx(-x, abs=0.2)
    assert np.median(flow[..., 1]) == pytest.approx(-y, abs=0.2)
    moved = flicker(disc(80 + x, 60 + y), disc(80, 60), flow)
    stuck = flicker(disc(80, 60), disc(80, 60), flow)
    assert moved < 0.004 and stuck > 5 * moved  # staying behind the picture counts as a fault


def test_a_blinking_alpha_gives_its_own_change():
    picture = texture()
    flow = flow_to_previous(picture, picture)
    alpha = disc(80)
    assert flicker(0 * alpha, alpha, flow) == pytest.approx(alpha.mean(), rel=0.01)
    assert flicker(0.8 * alpha, alpha, flow) == pytest.approx(0.2 * alpha.mean(), rel=0.01)


def test_flicker_by_hand():
    alpha, previous = np.full((40, 60), 0.75), np.full((40, 60), 0.5)
    assert flicker(alpha, previous, STILL) == 0.25
    previous[:, :30] = 0.75
    assert flicker(alpha, previous, STILL) == 0.125


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_move_is_bilinear_with_edges_repeated(seed):
    (previous,) = random_alphas(1, seed, (5, 6))
    # OpenCV reads between pixels in steps of a 32nd
    flow = np.random.default_rng(seed).integers(-96, 97, (5, 6, 2)).astype(np.float32) / 32
    moved = move(previous, flow)
    for row, column in np.ndindex(5, 6):
        x, y = column + float(flow[row, column, 0]), row + float(flow[row, column, 1])
        left, top = math.floor(x), math.floor(y)
        value = 0.0
        for r, c in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
            share = (1 - abs(y - r)) * (1 - abs(x - c))
            value += share * previous[min(max(r, 0), 4), min(max(c, 0), 5)]
        assert moved[row, column] == pytest.approx(value, abs=1e-5)


# --- refusals ---


def test_what_does_not_fit_together_is_refused_in_one_line():
    good, nan = np.zeros((40, 60)), np.full((40, 60), np.nan)
    picture = texture(40, 60)
    refused = [
        (lambda: dtssd(good, good, good, good[:, 1:]), r"\[40, 60\] and truth \[40, 59\] differ"),
        (lambda: dtssd(good, nan, good, good), "must lie in 0..1, got nan"),
        (lambda: dtssd(good.astype(np.uint8), good, good, good), "uint8; divide 8-bit alpha by 255"),
        (lambda: flicker(nan, good, STILL), "must lie in 0..1"),
        (lambda: flicker(good, good[1:], STILL), "differ in size"),
        (lambda: flicker(good, good, STILL[1:]), r"flow must be \[40, 60, 2\], got \[39, 60, 2\]"),
        (lambda: flow_to_previous(picture, picture[1:]), r"frames differ in size: \[39, 60, 3\], then \[40, 60, 3\]"),
        (lambda: flow_to_previous(picture[:15], picture[:15]), "frames of 60x15 are too small"),
        (lambda: flow_to_previous(picture / 255, picture / 255), r"must be \[H, W, 3\] uint8 RGB, got .* float64"),
        (lambda: flow_to_previous(picture[..., 0], picture[..., 0]), r"must be \[H, W, 3\] uint8 RGB, got \[40, 60\]"),
    ]
    for call, message in refused:
        with pytest.raises(InputError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
