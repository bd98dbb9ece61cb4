"""Procedural strands and smears keep alpha exact: the picture is always alpha·colours + (1 - alpha)·background."""

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pymatting")

from training import scenes  # noqa: E402
from training.library import Person  # noqa: E402
from training.strands import add_strands  # noqa: E402


def disc(size: int = 160, softness: float = 2.0) -> np.ndarray:
    """[S, S] uint8 alpha of a round person."""
    alpha = np.zeros((size, size), np.uint8)
    cv2.circle(alpha, (size // 2, size // 2), size // 4, 255, -1)
    return cv2.GaussianBlur(alpha, (0, 0), softness) if softness else alpha


def plain(colour, size: int = 160) -> np.ndarray:
    return np.full((size, size, 3), colour, np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_strands_only_add(seed):
    before = disc()
    colours, alpha = add_strands(plain((120, 60, 20)), before, np.random.default_rng(seed))
    assert (alpha >= before.astype(int) - 1).all(), "a strand lies over the person, it never digs a hole"
    far = cv2.dilate((before > 0).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert np.count_nonzero(alpha[far] > 60) > 20, "strands reach out of the edge"
    assert (colours[70:90, 70:90] == (120, 60, 20)).all(), "they grow at the edge, not in the middle"


def test_strands_are_fine_and_have_the_hair_s_colour():
    before = disc()
    rng = np.random.default_rng(3)
    colours, alpha = add_strands(plain((200, 120, 90)), before, rng)
    new = (alpha > 100) & (before == 0)
    # a strand of a few pixels across disappears in an opening with a 7x7 square
    opened = cv2.morphologyEx(new.astype(np.uint8), cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    assert np.count_nonzero(new) > 50 and np.count_nonzero(opened) < 0.2 * np.count_nonzero(new)
    assert np.abs(colours[new].mean(0) - (200, 120, 90)).max() < 70


def test_no_soft_edge_no_strands():
    hard = disc(softness=0)
    colours, alpha = add_strands(plain((9, 9, 9)), hard, np.random.default_rng(0))
    assert np.array_equal(alpha, hard) and np.array_equal(colours, plain((9, 9, 9)))


@pytest.mark.parametrize("seed", range(8))
def test_an_edge_patch_is_its_own_composite(seed):
    rng = np.random.default_rng(seed)
    alpha = disc(240)
    photo = rng.integers(0, 255, (240, 240, 3)).astype(np.uint8)
    person = Person(photo, alpha, plain((180, 90, 40), 240), True, "people")
    scene = scenes.edge_patch(person, photo, (96, 96), rng)
    a = scene.alpha[..., None] / 255
    expected = a * scene.foreground + (1 - a) * scene.background
    assert np.abs(scene.image - expected).max() <= 1
    assert 0 < scene.alpha.mean() < 255
