"""Errors of an alpha against the truth: cases worked out by hand, and every formula written a second time in plain
Python: gradient by direct 2-D convolution, connectivity by union-find on whole 8-bit numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measures_again import connectivity, kernel_2d, slopes

from shm_stream import InputError
from shm_stream.measures import (
    Errors,
    compare,
    connected_level,
    connectivity_error,
    derivative_kernels,
    gradient_error,
    mean_absolute_difference,
    mean_iou,
    mean_square_error,
    unknown_band,
)

MEASURES = (mean_absolute_difference, mean_square_error, gradient_error, connectivity_error)
sizes = st.tuples(st.integers(1, 14), st.integers(1, 14))
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)


def two_mattes(size, seed) -> tuple[np.ndarray, np.ndarray]:
    """Two [H, W] uint8 mattes that agree in places, with regions that hang together and some that do not."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 0, 20, 51, 128, 204, 255, 255], size).astype(np.uint8)
    alpha = np.where(rng.random(size) < 0.5, truth, rng.integers(0, 256, size)).astype(np.uint8)
    return alpha, truth


# --- the formulas once more (measures_again.py) ---


@few
@given(sizes, seeds)
def test_all_errors_are_those_of_the_second_implementation(size, seed):
    alpha8, truth8 = two_mattes(size, seed)
    alpha, truth = (np.float32(a) / np.float32(255) for a in (alpha8, truth8))
    found = compare(alpha, truth)
    away = [int(a) - int(b) for a, b in zip(alpha8.ravel(), truth8.ravel())]
    assert found.pixels == size[0] * size[1]
    assert found.absolute == pytest.approx(sum(map(abs, away)) / 255, abs=1e-4)
    assert found.square == pytest.approx(sum(d * d for d in away) / 255**2, abs=1e-4)
    assert found.gradient == pytest.approx(((slopes(alpha) - slopes(truth)) ** 2).sum(), rel=1e-5, abs=1e-9)
    assert found.connectivity == pytest.approx(connectivity(alpha8, truth8), abs=1e-4)


@few
@given(sizes, seeds)
def test_a_mask_takes_pixels_out_of_the_sum_but_not_out_of_the_picture(size, seed):
    alpha8, truth8 = two_mattes(size, seed)
    alpha, truth = alpha8 / 255, truth8 / 255
    mask = np.random.default_rng(seed).random(size) < 0.5
    mask[0, 0] = True
    found = compare(alpha, truth, mask)
    assert found.pixels == mask.sum()
    assert found.absolute == pytest.approx(np.abs(alpha - truth)[mask].sum())
    assert found.square == pytest.approx(((alpha - truth)[mask] ** 2).sum())
    assert found.gradient == pytest.approx(((slopes(alpha) - slopes(truth))[mask] ** 2).sum(), abs=1e-12)
    whole, rest = compare(alpha, truth), 0 if mask.all() else connectivity_error(alpha, truth, ~mask)
    assert found.connectivity + rest == pytest.approx(whole.connectivity)


@few
@given(sizes, seeds)
def test_mean_iou_is_that_of_sets(size, seed):
    alpha8, truth8 = two_mattes(size, seed)
    said = {i for i, a in enumerate(alpha8.ravel()) if a / 255 >= 0.5}
    true = {i for i, a in enumerate(truth8.ravel()) if a > 127}
    everything = set(range(alpha8.size))
    pairs = [(said, true), (everything - said, everything - true)]
    wanted = sum(len(a & b) / len(a | b) if a | b else 1 for a, b in pairs) / 2
    assert mean_iou(alpha8 / 255, truth8 > 127) == pytest.approx(wanted)


# --- by hand ---


def test_differences_by_hand():
    truth = np.array([[0.0, 0.5], [1.0, 1.0]])
    alpha = np.array([[0.0, 0.25], [1.0, 0.5]])
    assert mean_absolute_difference(alpha, truth) == 0.75 / 4
    assert mean_square_error(alpha, truth) == (0.0625 + 0.25) / 4
    lower = np.array([[False, False], [True, True]])
    assert mean_absolute_difference(alpha, truth, lower) == 0.25
    assert mean_square_error(alpha, truth, lower) == 0.125


def test_units_by_hand():
    errors = Errors(pixels=2000, absolute=50, square=20, gradient=3, connectivity=40)
    assert errors.paper == pytest.approx({"sad": 25, "mse": 10, "grad": 150, "conn": 2000})
    assert errors.rvm == pytest.approx({"mad": 25, "mse": 10, "grad": 0.003, "conn": 0.04})


def test_the_derivative_kernel_has_nine_taps_and_unit_norm():
    derivative, smoothing = derivative_kernels()
    assert len(derivative) == len(smoothing) == 9
    assert np.abs(np.outer(smoothing, derivative)) == pytest.approx(np.abs(kernel_2d()))
    assert derivative == pytest.approx(-derivative[::-1]) and (
        np.outer(smoothing, derivative) ** 2
    ).sum() == pytest.approx(1)


def test_gradient_of_a_step_by_hand():
    """Beside a vertical step from 0 to 1 the response is the sum of the taps that reach over it."""
    truth = np.zeros((20, 20))
    truth[:, 10:] = 1
    columns = kernel_2d().sum(axis=0)  # all rows are alike
    response = [abs(sum(columns[4 - x] for x in range(-4, 5) if 0 <= c + x and c + x >= 10)) for c in range(20)]
    assert gradient_error(np.zeros((20, 20)), truth) == pytest.approx(20 * sum(r * r for r in response))
    assert gradient_error(np.full((20, 20), 0.3), np.full((20, 20), 0.8)) == pytest.approx(0, abs=1e-12)


def test_connectivity_by_hand():
    """A body and an island of 1 in the truth; the prediction has both, but only the body is connected."""
    truth = np.zeros((5, 9))
    truth[:, :4] = truth[2, 7] = 1
    assert connectivity_error(truth, truth) == 0
    without_island = truth.copy()
    without_island[2, 7] = 0
    assert connected_level(truth, truth)[2, 7] == 0 and connected_level(truth, truth)[0, 0] == 1
    assert connectivity_error(without_island, truth) == pytest.approx(1)
    paler = truth.copy()
    paler[0, 0] = 0.45  # level 0.4: 0.05 away counts as connected, the true 1 is 0.6 away
    assert connectivity_error(paler, truth) == pytest.approx(0.6)
    ghost = truth.copy()
    ghost[2, 7], ghost[2, 8] = 1, 0.14  # too faint to count
    assert connectivity_error(ghost, truth) == 0
    ghost[2, 8] = 0.16
    assert connectivity_error(ghost, truth) == pytest.approx(0.16)


def test_connectivity_joins_across_sides_not_corners():
    truth = np.zeros((4, 4))
    truth[0, :2] = truth[1, 2:] = 1  # two pairs that touch at a corner: the first one is the body
    assert connected_level(truth, truth).tolist() == [[1, 1, 0, 0], *[[0] * 4] * 3]
    truth[0, 2] = 1
    assert connected_level(truth, truth).sum() == 5


def test_mean_iou_by_hand():
    person = np.zeros((4, 4), bool)
    person[:2] = True
    alpha = np.where(person, 1.0, 0.0)
    assert mean_iou(alpha, person) == 1
    alpha[1] = 0.49
    assert mean_iou(alpha, person) == pytest.approx((4 / 8 + 8 / 12) / 2)
    alpha[1] = 0.5
    assert mean_iou(alpha, person) == 1
    nobody = np.zeros((4, 4), bool)
    assert mean_iou(np.zeros((4, 4)), nobody) == 1 and mean_iou(np.ones((4, 4)), nobody) == 0


def test_unknown_band_by_hand():
    truth = np.zeros((9, 9))
    truth[:, 6:] = 1
    assert not unknown_band(truth).any()
    truth[4, 6] = 0.5
    wanted = np.zeros((9, 9), bool)
    wanted[2:7, 4:9] = True
    assert (unknown_band(truth, 2) == wanted).all()
    assert unknown_band(truth, 0).sum() == 1 and unknown_band(truth, 9).all()


@few
@given(sizes, seeds, st.integers(0, 4))
def test_unknown_band_is_a_distance(size, seed, radius):
    truth = two_mattes(size, seed)[1] / 255
    soft = [(r, c) for r, c in np.ndindex(size) if 0 < truth[r, c] < 1]
    near = [
        [any(max(abs(r - a), abs(c - b)) <= radius for a, b in soft) for c in range(size[1])] for r in range(size[0])
    ]
    assert unknown_band(truth, radius).tolist() == near


# --- properties ---


@few
@given(sizes, seeds)
def test_an_alpha_is_no_error_to_itself_and_both_orders_agree(size, seed):
    alpha, truth = (a / 255 for a in two_mattes(size, seed))
    for measure in MEASURES:
        assert measure(truth, truth) == 0
        assert measure(alpha, truth) == pytest.approx(measure(truth, alpha))
    assert mean_iou(truth, truth >= 0.5) == 1


@pytest.mark.parametrize("measure", MEASURES)
def test_the_error_grows_with_the_fault(measure):
    truth = np.zeros((30, 30))
    truth[5:25, 5:25] = 1
    faults = [measure(np.where(truth == 1, 1.0 - fault, 0.0), truth) for fault in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    assert faults[0] == 0 and faults == sorted(faults) and len(set(faults)) == 6


def test_single_and_double_precision_agree():
    alpha, truth = (a / 255 for a in two_mattes((40, 30), 3))
    single = compare(alpha.astype(np.float32), truth.astype(np.float32))
    for name, value in compare(alpha, truth).paper.items():
        assert single.paper[name] == pytest.approx(value, rel=1e-4)


# --- refusals ---

GOOD = np.zeros((4, 5))
NOT_A_NUMBER = np.where(np.arange(20).reshape(4, 5) == 7, np.nan, 0.5)


@pytest.mark.parametrize("measure", [*MEASURES, compare, mean_iou])
@pytest.mark.parametrize(
    ("alpha", "truth", "message"),
    [
        (GOOD.astype(np.uint8), GOOD, r"alpha must be .* got \[4, 5\] uint8; divide"),
        (GOOD, np.zeros((4, 5), int), r"truth must be .* got \[4, 5\] int64"),
        (GOOD[..., None], GOOD, r"got \[4, 5, 1\] float64"),
        (np.zeros((0, 5)), GOOD, r"got \[0, 5\]"),
        ([[0.0]], GOOD, "got list"),
        (GOOD, np.zeros((5, 4)), r"alpha \[4, 5\] and truth \[5, 4\] differ in size"),
        (NOT_A_NUMBER, GOOD, "alpha must lie in 0..1, got nan to nan"),
        (GOOD, NOT_A_NUMBER, "truth must lie in 0..1, got nan"),
        (GOOD + 255, GOOD, "got 255 to 255"),
        (GOOD - 0.5, GOOD, "got -0.5 to -0.5"),
    ],
)
def test_arrays_that_cannot_be_measured(measure, alpha, truth, message):
    with pytest.raises(InputError, match=message) as caught:
        measure(alpha, truth)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("measure", [*MEASURES, compare])
def test_masks_that_do_not_fit(measure):
    for mask in (np.zeros((4, 5), bool), np.ones((5, 4), bool), np.ones((4, 5), np.uint8)):
        with pytest.raises(InputError, match=r"mask must be \[H, W\] bool of the size \[4, 5\]"):
            measure(GOOD, GOOD, mask)


def test_the_rest_of_what_is_refused():
    with pytest.raises(InputError, match=r"person must be \[H, W\] bool, got float64"):
        mean_iou(GOOD, GOOD)
    with pytest.raises(InputError, match="truth must be"):
        unknown_band(np.zeros((4, 5), np.uint8))
    with pytest.raises(InputError, match="radius must be 0 or more, got -1"):
        unknown_band(GOOD, -1)


def test_rounding_out_of_the_range_is_forgiven():
    assert mean_absolute_difference(GOOD - 1e-6, GOOD) == pytest.approx(1e-6)
    assert mean_absolute_difference(GOOD > 1, GOOD) == 0  # bool is an alpha, too
