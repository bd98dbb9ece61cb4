"""Foreground colours against composites whose foreground is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from shm_stream.foreground import blur_fusion, estimate_foreground


def composite(height: int, width: int, seed: int = 0):
    """(I, F, alpha): a soft-edged disc with hairs, smooth colours before and behind it."""
    random = np.random.default_rng(seed)

    def texture(low, high):
        noise = random.integers(low, high, (6, 8, 3)).astype(np.uint8)
        return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)

    foreground, background = texture(120, 255) * (1, 0.8, 0.3), texture(0, 100) + np.float32((0, 0, 100))
    alpha = np.zeros((height, width), np.float32)
    centre, radius = (width // 2, height // 2), height // 3
    cv2.circle(alpha, centre, radius, 1.0, -1)
    for angle in random.uniform(0, 2 * np.pi, 120):
        direction = np.array([np.cos(angle), np.sin(angle)])
        root, tip = (tuple(int(v) for v in centre + direction * radius * part) for part in (1, 1.3))
        cv2.line(alpha, root, tip, 1.0, 1, cv2.LINE_AA)
    alpha = cv2.GaussianBlur(alpha, (0, 0), height / 200)
    alpha[alpha > 0.996], alpha[alpha < 0.004] = 1, 0
    share = alpha[..., None]
    return np.rint(share * foreground + (1 - share) * background).astype(np.uint8), foreground, alpha


@pytest.mark.parametrize("size", [(480, 640), (251, 333), (720, 406)])
def test_error_in_the_soft_band_is_a_quarter(size):
    image, foreground, alpha = composite(*size)
    soft = (alpha > 0.05) & (alpha < 0.95)
    result = estimate_foreground(image, alpha)
    assert result.shape == image.shape and result.dtype == np.uint8 and result.flags.c_contiguous
    error, before = (np.abs(picture[soft] - foreground[soft]).mean() for picture in (result.astype(float), image))
    assert error <= before / 4


def test_opaque_pixels_are_kept_and_nothing_is_far_outside():
    image, _, alpha = composite(480, 640)
    result = estimate_foreground(image, alpha)
    assert np.array_equal(result[alpha == 1], image[alpha == 1])
    assert result[:20, :20].max() <= 1


def test_colours_continue_just_outside_the_edge():
    image = np.zeros((300, 300, 3), np.uint8)
    image[..., 2] = 255
    image[:, :150] = (200, 100, 50)
    alpha = np.zeros((300, 300), np.float32)
    alpha[:, :150] = 1
    alpha[:, 150] = 0.5
    image[:, 150] = (100, 50, 152)
    result = estimate_foreground(image, alpha)
    assert np.abs(result[:, 150].astype(int) - (200, 100, 50)).max() <= 4
    assert np.abs(result[:, 151:158].astype(int) - (200, 100, 50)).max() <= 10


def test_uint8_and_float_alpha_agree():
    image, _, alpha = composite(240, 320)
    alpha8 = np.rint(alpha * 255).astype(np.uint8)
    one, other = estimate_foreground(image, alpha8), estimate_foreground(image, alpha8 / np.float32(255))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (130, 5)])
def test_constant_alpha_at_any_size(size, value):
    image = np.full((*size, 3), 90, np.uint8)
    result = estimate_foreground(image, np.full(size, value, np.float32))
    assert result.shape == image.shape
    if value == 1:
        assert np.array_equal(result, image)
    if value == 0.5:
        assert np.abs(result.astype(int) - 90).max() <= 1
    if value == 0:
        assert result.max() == 0


def test_inputs_stay_as_they_were():
    image, _, alpha = composite(120, 160)
    copies = image.copy(), alpha.copy()
    estimate_foreground(image, alpha)
    assert np.array_equal(image, copies[0]) and np.array_equal(alpha, copies[1])


def test_one_pass_reproduces_a_constant_pair_exactly():
    """Where F and B are constant the blurs return them, and I = αF + (1-α)B leaves no correction."""
    alpha = np.linspace(0.02, 0.98, 60, dtype=np.float32)[None].repeat(40, 0)
    foreground, background = (np.full((40, 60, 3), value, np.float32) for value in (200, 30))
    image = alpha[..., None] * foreground + (1 - alpha[..., None]) * background
    estimate, behind = blur_fusion(image, foreground, background, alpha)
    assert np.abs(estimate - 200).max() < 0.1 and np.abs(behind - 30).max() < 0.1
