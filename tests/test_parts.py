"""Parts of people: labels from a teacher, through crops and pastes, to the loss of T-Net's extra head."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")

from training_setup import tnet_options  # noqa: E402

from shm_stream.errors import InputError  # noqa: E402
from shm_stream.tnet import LiveTNet  # noqa: E402
from training import label_parts, parts, scenes, train_joint, train_tnet  # noqa: E402
from training.checkpoint import load  # noqa: E402
from training.layout import people, write_picture  # noqa: E402
from training.library import load_people  # noqa: E402
from training.tnet_samples import TNetSamples  # noqa: E402
from training.trimaps import IGNORED  # noqa: E402

SETS = ("portraits_soft", "portraits", "fullbody", "groups")


class HalfAndHalf:
    """Sees hair in the upper half of every picture and clothes in the lower."""

    def shares(self, image):
        shares = np.full((*image.shape[:2], 6), 0.01, np.float32)
        shares[..., 0] = 0.5  # it doubts that anybody is there: the mask knows better
        shares[: len(image) // 2, :, 1] = 0.4
        shares[len(image) // 2 :, :, 4] = 0.4
        return shares


@pytest.fixture
def labelled(training_data, tmp_path):
    """Parts of all training photos but those of `groups`."""
    for name in SETS[:3]:
        for example in people(training_data, name, "train"):
            person = cv2.imread(str(example.mask), 0) > 127
            image = cv2.imread(str(example.image))
            write_picture(parts.parts_path(tmp_path, example), label_parts.label(image, person, HalfAndHalf()))
    return tmp_path


def test_the_mask_says_who_and_the_teacher_says_what():
    person = np.zeros((4, 2), bool)
    person[1:] = True
    found = label_parts.label(np.zeros((4, 2, 3), np.uint8), person, HalfAndHalf())
    assert found[:, 0].tolist() == [0, 1, 4, 4]
    assert found.dtype == np.uint8


def test_parts_follow_the_person_into_crops_and_pastes(training_data, labelled):
    person = load_people(people(training_data, "portraits_soft", "train"), 128, parts=labelled)[0]
    rng = np.random.default_rng(4)
    room = np.zeros((128, 128, 3), np.uint8)
    for scene in (
        scenes.photo(person, (64, 64), rng, (0.9, 1.1)),
        scenes.composite([person, person], room, (96, 96), rng, (0.8, 1.2)),
    ):
        inside = scene.parts != parts.UNLABELLED
        assert set(np.unique(scene.parts[inside])) == {0, 1, 4}
        # nobody is where alpha says so, and somebody where it is sure, but for a pixel that was picked, not averaged
        assert (scene.parts[inside & (scene.alpha > 200)] > 0).mean() > 0.995
        assert (scene.parts[inside & (scene.alpha < 50)] == 0).mean() > 0.995
        rows = [np.nonzero(scene.parts == part)[0].mean() for part in (1, 4)]
        assert rows[0] < rows[1]


def test_photos_without_parts_count_for_nothing(training_data, labelled):
    samples = TNetSamples(training_data, 64, photos=1.0, empty=0.0, parts=labelled)
    values = [samples[step, 0][3] for step in range(40)]
    assert any((v == IGNORED).all() for v in values)  # groups
    assert any((v > 0).any() for v in values)
    none = TNetSamples(training_data, 64)
    assert all((none[step, 0][3][none[step, 0][2] > 0.5] == IGNORED).all() for step in range(10))


def test_empty_scenes_have_no_parts():
    scene = scenes.empty(np.zeros((80, 80, 3), np.uint8), (64, 64), np.random.default_rng(0))
    assert (scene.parts == 0).all()


def test_other_values_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "x.png"), np.full((4, 4), 6, np.uint8))
    with pytest.raises(InputError, match="other values than 0 to 5"):
        parts.read_parts(tmp_path / "x.png", (4, 4))
    assert (parts.read_parts(tmp_path / "none.png", (2, 3)) == np.full((2, 3), parts.UNLABELLED)).all()


def test_the_head_learns_where_parts_are_and_stays_behind(training_data, labelled, tmp_path, run_training):
    options = tnet_options(training_data, tmp_path, steps=30) | {"parts": labelled, "rate": 3e-2}
    printed = run_training(train_tnet, **options)
    losses = [float(line.split(" parts ")[1].split()[0]) for line in printed.splitlines() if " parts " in line]
    assert len(losses) == 30
    assert np.mean(losses[-3:]) < 0.7 * np.mean(losses[:3])
    state = load(tmp_path / "tnet.pt")["average"]
    assert state["parts.weight"].shape == (6, 64, 1, 1)
    plain = LiveTNet()
    train_joint.load_stage(plain, tmp_path / "tnet.pt")
    assert torch.equal(plain.head.weight, state["head.weight"])


def test_a_checkpoint_is_a_start_for_another_run(training_data, tmp_path, run_training):
    options = tnet_options(training_data, tmp_path, steps=1)
    run_training(train_tnet, **options)
    run_training(train_tnet, **options | {"init": tmp_path / "tnet.pt", "out": tmp_path / "next.pt"})
    first, second = (load(tmp_path / name)["average"]["head.weight"] for name in ("tnet.pt", "next.pt"))
    assert torch.allclose(first, second, atol=1e-2)


def test_the_paper_preset_has_no_such_head(training_data, tmp_path):
    from shm_stream.tnet_paper import PaperTNet

    with pytest.raises(InputError, match="--parts is not for the paper preset"):
        parts.add_head(PaperTNet())
