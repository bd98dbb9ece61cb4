"""The procedural fringe: dense, short, alike in direction where it is one piece, and alpha stays exact."""

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pymatting")

from training import scenes  # noqa: E402
from training.fringe import LONGEST, _hairs, add_fringe  # noqa: E402
from training.library import Person  # noqa: E402

SIZE = 160
GREY = (120, 115, 110)


def disc(softness: float = 1.5) -> np.ndarray:
    """[S, S] uint8 alpha of a round person."""
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    cv2.circle(alpha, (SIZE // 2, SIZE // 2), SIZE // 3, 255, -1)
    return cv2.GaussianBlur(alpha, (0, 0), softness)


def fringed(seed: int, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return add_fringe(np.full((*before.shape, 3), GREY, np.uint8), before, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(6))
def test_it_only_adds_and_stays_at_the_edge(seed):
    before = disc()
    colours, alpha = fringed(seed, before)
    assert (alpha >= before.astype(int) - 1).all(), "a hair lies over the person, it never digs a hole"
    distance = cv2.distanceTransform((before < 96).astype(np.uint8), cv2.DIST_L2, 5)
    assert not alpha[distance > LONGEST + 8].any(), "short hairs"
    assert np.count_nonzero((alpha > before + 20.0) & (distance > 0)) > 60
    inside = cv2.distanceTransform((before > 96).astype(np.uint8), cv2.DIST_L2, 5) > LONGEST + 8
    assert (colours[inside] == GREY).all() and (alpha[inside] == 255).all()


def test_it_is_dense_at_the_root_and_thin_at_the_tip():
    """Seeds that draw long fur: alpha falls with the distance, over several pixels, and is broken up by gaps."""
    before = disc(0.7)
    distance = cv2.distanceTransform((before < 96).astype(np.uint8), cv2.DIST_L2, 5)
    near, far, rough = [], [], []
    for seed in range(30):
        _, alpha = fringed(seed, before)
        grown = cv2.dilate((alpha > before + 30.0).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        near.append(alpha[grown & (distance >= 1) & (distance < 3)].mean())
        far.append(alpha[grown & (distance >= 5) & (distance < 8)].mean())
        rough.append(alpha[grown & (distance >= 2) & (distance < 4)].std())
    assert np.mean(near) > 1.8 * np.mean(far) and np.mean(near) > 90
    assert np.mean(rough) > 40, "hairs and gaps, not one grey rim"


def test_hairs_are_locally_alike_in_direction():
    """Of 15 neighbours the mean direction is nearly as long as one: by chance it is about a quarter."""
    edge = np.stack((np.arange(10.0, 150.0), np.full(140, 80.0)), -1)
    slope = np.broadcast_to(np.array([0.0, -1.0]), (SIZE, SIZE, 2))
    together = []
    for seed in range(20):
        paths, inner = _hairs(edge, slope, np.random.default_rng(seed))
        ways = paths[:, -1] - paths[:, 0]
        lengths = np.linalg.norm(ways, axis=1)
        assert len(paths) > 300 and lengths.max() < 2 * LONGEST and (inner[:, 1] > 80).all()
        one = ways / lengths[:, None]
        together += [np.linalg.norm(one[i : i + 15].mean(0)) for i in range(0, len(one) - 15, 15)]
    assert np.median(together) > 0.85 and np.quantile(together, 0.05) > 0.6


def test_hairs_have_about_the_colour_of_what_they_grow_on():
    before = disc()
    for seed in range(4):
        colours, alpha = fringed(seed, before)
        new = (alpha > 128) & (before < 20)
        assert new.any() and np.abs(colours[new].mean(0) - GREY).max() < 60


def test_no_edge_no_fringe():
    for level in (0, 150, 255):
        flat = np.full((SIZE, SIZE), level, np.uint8)
        colours, alpha = fringed(0, flat)
        assert (alpha == level).all() and (colours == GREY).all()


def test_hairs_do_not_float_beside_thin_hair():
    before = np.uint8(disc() * 0.6)
    colours, alpha = fringed(1, before)
    assert (alpha == before).all() and (colours == GREY).all()


@pytest.mark.parametrize("seed", range(6))
def test_an_edge_patch_with_a_fringe_is_its_own_composite(seed, monkeypatch):
    monkeypatch.setattr(scenes, "STRANDS", 0.0)
    monkeypatch.setattr(scenes, "FRINGES", 1.0)
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8)
    person = Person(photo, disc(), np.full((SIZE, SIZE, 3), (180, 90, 40), np.uint8), True, "people")
    scene = scenes.edge_patch(person, photo, (96, 96), rng)
    a = scene.alpha[..., None] / 255
    expected = a * scene.foreground + (1 - a) * scene.background
    assert np.abs(scene.image - expected).max() <= 1


def test_a_share_of_edge_patches_gets_a_fringe_and_another_one_strands(monkeypatch):
    drawn = []
    for name in ("add_strands", "add_fringe"):
        monkeypatch.setattr(scenes, name, lambda colours, alpha, rng, name=name: drawn.append(name) or (colours, alpha))
    photo = np.zeros((SIZE, SIZE, 3), np.uint8)
    person = Person(photo, disc(), photo, True, "people")
    for seed in range(200):
        scenes.edge_patch(person, photo, (32, 32), np.random.default_rng(seed))
    shares = [drawn.count(name) / 200 for name in ("add_strands", "add_fringe")]
    assert shares == pytest.approx([scenes.STRANDS, scenes.FRINGES], abs=0.1) and len(drawn) < 200
