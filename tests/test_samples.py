"""What T-Net, M-Net and both together are shown: the range of scenes, labels, and that samples follow their place."""

import copy
import dataclasses
import shutil

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")

from shm_stream.errors import InputError  # noqa: E402
from shm_stream.prior import tnet_shape  # noqa: E402
from shm_stream.trimap import Trimap  # noqa: E402
from training import geometry, obstacles, scenes, stream  # noqa: E402
from training.library import Person  # noqa: E402
from training.mnet_samples import SHOWN_SETS, JointSamples, MNetSamples  # noqa: E402
from training.parts import PARTS  # noqa: E402
from training.tnet_samples import PROPORTIONS, TNetSamples  # noqa: E402
from training.trimaps import IGNORED  # noqa: E402


@pytest.fixture(scope="module")
def tnet_samples(training_data):
    return TNetSamples(training_data, 64, seed=3)


def same(a, b) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.mark.parametrize(
    "make",
    [
        lambda data: TNetSamples(data, 64, 7),
        lambda data: MNetSamples(data, 64, 7),
        lambda data: JointSamples(data, 96, (48, 64), 3, 7),
    ],
    ids=["tnet", "mnet", "joint"],
)
def test_a_sample_is_a_function_of_seed_step_and_place(training_data, make):
    samples = make(training_data)
    again, other_seed = copy.copy(samples), copy.copy(samples)
    other_seed.seed = 8
    late = samples[5, 2]
    assert same(late, again[5, 2]), "whatever was drawn before"
    for different in (samples[5, 3], samples[6, 2], samples[2, 5], other_seed[5, 2]):
        assert not same(late, different)


def test_processes_and_workers_share_one_stream(training_data, monkeypatch):
    """Two processes of two places each see what one process of four sees; loader workers change nothing."""
    samples = TNetSamples(training_data, 64, seed=3)
    whole = next(stream.batches(samples, stream.Places(4, 6, 4), 0))
    parts = []
    for rank in (0, 1):
        monkeypatch.setattr(stream.distributed, "rank", lambda rank=rank: rank)
        parts.append(next(stream.batches(samples, stream.Places(4, 6, 2), workers=2 * rank)))
    assert same(list(whole), [torch.cat(pair) for pair in zip(*parts)])


def test_scenes_cover_what_users_show(tnet_samples):
    """0 to 3 people, near and far, cut by the lower edge or not."""
    shares, touching = [], []
    for step in range(150):
        alpha = tnet_samples.scene(np.random.default_rng(step), (64, 64)).alpha
        shares.append((alpha > 127).mean())
        touching.append((alpha[-1] > 127).any())
    shares = np.array(shares)
    assert (shares == 0).any(), "rooms without anyone"
    assert (shares[shares > 0] < 0.08).any() and (shares > 0.45).any(), "small and large people"
    assert 0.2 < np.mean(touching) < 0.95, "webcam framing, and whole people"


def test_hard_masks_supervise_t_net_away_from_edges_only(training_data):
    """The group photos have hard masks only: their edges are not counted, and never called unknown."""
    samples = TNetSamples(training_data, 64, seed=3, photos=1.0, empty=0.0)
    kinds = {True: set(), False: set()}
    for step in range(60):
        _, labels, *_ = samples[step, 0]
        scene = samples.scene(np.random.default_rng((3, step, 0)), samples.shape(step))
        kinds[scene.soft] |= set(labels.unique().tolist())
    assert kinds[True] == set(map(int, Trimap))
    assert kinds[False] == {int(Trimap.FOREGROUND), int(Trimap.BACKGROUND), IGNORED}


def test_nobody_is_pasted_with_a_hard_mask(training_data, tnet_samples):
    crowds = (tnet_samples.pasted, MNetSamples(training_data, 64).people)
    people = [person for crowd in crowds for people_of_set in crowd.sets for person in people_of_set]
    assert people and all(person.soft for person in people)


@pytest.mark.parametrize(
    "make",
    [lambda data: MNetSamples(data, 96, 7, photos=1.0), lambda data: JointSamples(data, 96, (48,), 3, 7, photos=1.0)],
    ids=["mnet", "joint"],
)
def test_a_photo_as_it_is_asks_both_terms_of_the_loss_for_alpha(training_data, make, monkeypatch):
    """Its pixels are the camera's, with no paste in them; its composite is white on black, which is alpha."""
    samples = make(training_data)
    monkeypatch.setattr(scenes, "composite", None)
    monkeypatch.setattr(scenes, "edge_patch", None)
    drawn = [samples[step, 0] for step in range(8)]
    for s in drawn:
        made = s["alpha"] * s["foreground"] + (1 - s["alpha"]) * s["background"]
        assert torch.equal(made, s["alpha"].expand(3, -1, -1))
    assert any(((s["alpha"] > 0.1) & (s["alpha"] < 0.9)).any() for s in drawn), "an edge is in sight"


def test_hard_masks_count_away_from_their_edge_only(training_data):
    """Photos of groups are shown end to end; around the edges of their masks no loss looks."""
    samples = JointSamples(training_data, 96, (48,), 3, 7, photos=1.0)
    hard = samples.shown.sets[list(SHOWN_SETS).index("groups")]
    samples.people, samples.shown.sets = samples.shown, [hard, hard]
    drawn = [samples[step, 0] for step in range(12)]
    edges = [s["counted"] == 0 for s in drawn]
    assert any(edge.any() for edge in edges) and all(edge.float().mean() < 0.9 for edge in edges)
    for s, edge in zip(drawn, edges):
        assert not (((s["alpha"] > 0.05) & (s["alpha"] < 0.95)) & ~edge).any()


def test_sets_without_soft_alphas_are_an_input_error(training_data, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(training_data, copy)
    for alpha in (copy / "people" / "portraits").glob("*.alpha.png"):
        alpha.unlink()
    with pytest.raises(InputError, match="portraits has no photos with a soft alpha"):
        MNetSamples(copy, 64)


def test_patches_of_all_sizes_lie_inside(training_data):
    samples = JointSamples(training_data, 96, (48, 64), 3)
    drawn = [samples[0, place] for place in range(12)]
    assert {s["side"] for s in drawn} == {48, 64}
    for s in drawn:
        assert 0 <= s["top"] <= 96 - s["side"] and 0 <= s["left"] <= 96 - s["side"]
        assert s["labels"].shape == (32, 32)


def test_things_in_front_lower_alpha_by_their_cover_and_nothing_else():
    rng = np.random.default_rng(6)
    person = np.full((96, 96), 255, np.uint8)
    scene = scenes.Scene(np.full((96, 96, 3), 50, np.uint8), person, None, None, True, np.full((96, 96), 4, np.uint8))
    covered = []
    for _ in range(20):
        made = obstacles.occlude(scene, np.full((60, 80, 3), 250, np.uint8), rng)
        cover = 1 - made.alpha / 255
        assert np.allclose(made.image[..., 0], 50 + 200 * cover, atol=2)
        assert (made.parts[cover > 0.6] == 0).all() and (made.parts[cover < 0.4] == 4).all()
        covered.append(cover.mean())
    assert 0 < min(covered) and 0.02 < np.mean(covered) < 0.3
    assert (scene.alpha == 255).all()


def test_pets_before_people_lower_alpha_by_their_outline_and_bring_their_colours():
    rng = np.random.default_rng(4)
    scene = scenes.Scene(np.full((96, 96, 3), 50, np.uint8), np.full((96, 96), 255, np.uint8), None, None, True)
    outline = np.zeros((80, 60), np.uint8)
    outline[20:60, 10:50] = 255
    colours = np.full((80, 60, 3), 250, np.uint8)
    pet = Person(np.zeros_like(colours), outline, colours, True, "x")
    covered = []
    for _ in range(30):
        made = obstacles.put_before(scene, pet, rng)
        cover = 1 - made.alpha / 255
        assert np.allclose(made.image[..., 0], 50 + 200 * cover, atol=2), "and nothing of what was around the pet"
        covered.append(cover.mean())
    assert 0.02 < np.mean(covered) < 0.3 and (scene.alpha == 255).all()
    nothing = dataclasses.replace(pet, alpha=np.zeros_like(outline))
    assert obstacles.put_before(scene, nothing, rng) is scene


def test_animals_are_shown_more_often_than_they_are_there(training_data, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(training_data, data)
    (data / "backgrounds" / "animals").mkdir()
    for index in range(2):  # the first is kept for validation
        fur = np.full((100, 140, 3), 7, np.uint8)
        cv2.imwrite(str(data / "backgrounds" / "animals" / f"a{index}.png"), fur)
    samples = TNetSamples(data, 64, seed=3)
    assert len(samples.animals) == 1
    rng = np.random.default_rng(0)
    shown = [np.mean([(samples._picture(rng, share) == 7).all() for _ in range(300)]) for share in (0.0, 0.5, 1.0)]
    assert shown[0] < 0.45 < 0.55 < shown[1] < shown[2] == 1.0


def dressed(rng: np.random.Generator) -> scenes.Scene:
    """Somebody whose upper half is face, lower half clothes; no person in the right third."""
    alpha, parts = np.full((96, 96), 255, np.uint8), np.zeros((96, 96), np.uint8)
    alpha[:, 64:] = 0
    parts[:48, :64], parts[48:, :64] = PARTS.index("face skin"), PARTS.index("clothes")
    return scenes.Scene(rng.integers(90, 110, (96, 96, 3), np.uint8), alpha, None, None, True, parts)


def test_prints_are_on_clothes_and_stay_people():
    rng = np.random.default_rng(2)
    scene = dressed(rng)
    for _ in range(10):
        made = obstacles.print_clothes(scene, np.full((60, 80, 3), 250, np.uint8), rng)
        changed = (made.image != scene.image).any(2)
        assert np.array_equal(made.alpha, scene.alpha) and changed[52:, :60].mean() > 0.02
        assert not changed[:44].any() and not changed[:, 68:].any()
    naked = dataclasses.replace(scene, parts=np.zeros_like(scene.parts))
    assert obstacles.print_clothes(naked, made.image, rng) is naked


def test_hands_before_people_are_people():
    rng = np.random.default_rng(2)
    scene = dressed(rng)
    parts = np.zeros((80, 80), np.uint8)
    parts[20:60, 30:50] = PARTS.index("body skin")
    donor = Person(np.full((80, 80, 3), 220, np.uint8), np.full((80, 80), 255, np.uint8), None, True, "x", parts)
    for _ in range(10):
        made = obstacles.add_hand(scene, donor, rng)
        hand = made.parts == PARTS.index("body skin")
        assert 0.004 < hand.mean() < 0.2 and (made.image[hand] > 150).all()
        assert (made.alpha[hand] > 127).all() and (made.alpha >= scene.alpha).all()
    bare = dataclasses.replace(donor, parts=np.zeros_like(parts))
    assert obstacles.add_hand(scene, bare, rng) is scene


def test_parts_bring_prints_and_hands(training_data, monkeypatch):
    samples = TNetSamples(training_data, 64, seed=3)
    calls = []
    monkeypatch.setattr(obstacles, "print_clothes", lambda scene, *_: calls.append("print") or scene)
    monkeypatch.setattr(obstacles, "add_hand", lambda scene, *_: calls.append("hand") or scene)
    scene = dressed(np.random.default_rng(0))
    for step in range(60):
        samples.made_harder(scene, np.random.default_rng(step))
    assert not calls
    samples.knows_parts = True
    for step in range(60):
        samples.made_harder(scene, np.random.default_rng(step))
    assert 5 < calls.count("print") < 30 and 1 < calls.count("hand") < 20


def test_a_step_has_one_shape_and_all_shapes_that_t_net_reads_come(training_data):
    samples = TNetSamples(training_data, 96, seed=3)
    shapes = [samples[step, 0][0].shape[1:] for step in range(25)]
    assert shapes == [samples[step, 1][0].shape[1:] for step in range(25)]
    assert set(shapes) == {tnet_shape(*proportions, 96) for proportions in PROPORTIONS}
    several = TNetSamples(training_data, 96, sizes=(64, 128))
    possible = {tnet_shape(*proportions, size) for proportions in PROPORTIONS for size in (64, 128)}
    assert {several.shape(step) for step in range(80)} == possible
    square = TNetSamples(training_data, 50, seed=3, square=True)
    assert {tuple(square[step, 0][0].shape) for step in range(5)} == {(4, 50, 50)}


def test_a_crop_at_zoom_one_is_the_largest_that_fits():
    picture = np.zeros((40, 30), np.uint8)
    picture[20:] = 255
    matrix = geometry.random_crop((40, 30), (40, 30), NoChance(), zoom=(1.0, 1.0))
    assert np.array_equal(geometry.warp(picture, matrix, (40, 30)), picture)
    wide = geometry.random_crop((40, 30), (30, 60), NoChance(), zoom=(1.0, 1.0))
    corners = np.linalg.inv(np.vstack([wide, [0, 0, 1]])) @ np.array([[0, 0, 1], [60, 30, 1]]).T
    assert np.allclose(corners[:2].T, [[0, 12.5], [30, 27.5]])


class NoChance:
    """Every draw in the middle: no turn, no stretch, no mirroring."""

    def uniform(self, low, high):
        return (low + high) / 2

    def normal(self, mean, spread):
        return mean

    def random(self):
        return 0.6


def test_photos_with_doubtful_labels_are_left_out(training_data, tmp_path):
    (doubtful := tmp_path / "doubtful.txt").write_text("portraits/p1\nfullbody/p2\n")
    everybody, fewer = TNetSamples(training_data, 64), TNetSamples(training_data, 64, leave_out=doubtful)
    counts = [[len(one) for one in samples.shown.sets] for samples in (everybody, fewer)]
    assert counts == [[2, 2, 2, 2], [2, 1, 1, 2]], "the first of three is kept for validation"
    assert [len(one) for one in fewer.pasted.sets] == [2, 1, 1]
    doubtful.write_text("portraits/p1\nportraits/p9\n")
    with pytest.raises(InputError, match="doubtful.txt names portraits/p9, which is no photo"):
        TNetSamples(training_data, 64, leave_out=doubtful)
    with pytest.raises(InputError, match="cannot read the list"):
        TNetSamples(training_data, 64, leave_out=tmp_path / "missing.txt")


def test_pasted_people_are_those_of_the_photos_that_have_soft_alphas(training_data):
    samples = TNetSamples(training_data, 64)
    shown = {id(person) for one in samples.shown.sets for person in one}
    pasted = [person for one in samples.pasted.sets for person in one]
    assert all(id(person) in shown and person.soft for person in pasted) and len(pasted) == 6
    assert samples.pasted.probabilities.sum() == pytest.approx(1)
