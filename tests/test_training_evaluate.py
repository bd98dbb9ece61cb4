"""What `training.evaluate` and `training.evaluate_composites` print: figures worked out by hand, or once more from the
pictures themselves."""

import json

import cv2
import numpy as np
import pytest
from labelled_photos import RedRunner, block, write_red

pytest.importorskip("torch")
pytest.importorskip("pymatting")

from shm_stream import Matting  # noqa: E402
from training import evaluate, evaluate_composites  # noqa: E402
from training.without_mnet import WithoutMNet  # noqa: E402

pytestmark = pytest.mark.timeout(300)
EVERY = 14
"""One photo in so many is held out."""


@pytest.fixture
def labelled(tmp_path):
    """A set whose photos 0 and 14 are held out: one is right by half, the other too narrow; the rest are wrong."""
    folder = tmp_path / "people" / "portraits"
    folder.mkdir(parents=True)
    for number in range(EVERY + 1):
        write_red(folder, f"{number:02}", block(0), truth=block(255), person=block(255))
    write_red(folder, "00", block(153), truth=block(255), person=block(255))
    write_red(folder, f"{EVERY}", block(255, 12), person=block(255))
    (folder / f"{EVERY}.alpha.png").unlink()
    return tmp_path


def test_a_set_by_hand(labelled):
    found = evaluate.measure_set(Matting(runner=RedRunner()), labelled, "portraits")
    # 0.6 in half of the picture, where 1 is true: a person all the same; then 12 columns of 24, of 48 in all
    narrow = (12 / 24 + 24 / 36) / 2
    assert found == {"images": 2, "mad_x1e3": 200, "mean_iou_percent": round(100 * (1 + narrow) / 2, 3)}


def test_t_net_alone_by_hand(labelled):
    """Unknown everywhere, so alpha is a half: half a unit off everywhere, and at 0.5 everybody is a person."""
    found = evaluate.measure_set(Matting(runner=WithoutMNet(RedRunner())), labelled, "portraits")
    assert found == {"images": 2, "mad_x1e3": pytest.approx(500, abs=1), "mean_iou_percent": pytest.approx(25)}


def grey(path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) / 255


def test_the_command_measures_every_set_and_empty_rooms(run_training, training_data, tmp_path):
    path = tmp_path / "metrics.json"
    printed = run_training(evaluate, data=training_data, json=path)
    found = json.loads(path.read_text())
    assert [*found] == [*(f"people/{s}" for s in evaluate.SETS), "portraits_soft, T-Net alone", "backgrounds"]
    assert all(name in printed for name in found)
    matting = Matting()
    for name in evaluate.SETS:  # of three photos the first is held out
        photo = training_data / "people" / name / "p0.jpg"
        alpha = matting.still(cv2.imread(str(photo))[..., ::-1].copy())
        person, said = grey(photo.with_suffix(".mask.png")) > 0.5, alpha >= 0.5
        ious = [(a & b).sum() / (a | b).sum() for a, b in ((said, person), (~said, ~person))]
        wanted = {"images": 1, "mean_iou_percent": pytest.approx(100 * np.mean(ious), abs=1e-3)}
        if name != "groups":  # hard masks only
            error = np.abs(alpha - grey(photo.with_suffix(".alpha.png"))).mean()
            wanted["mad_x1e3"] = pytest.approx(1e3 * error, abs=1e-3)
        assert found[f"people/{name}"] == wanted
    room = cv2.imread(str(training_data / "backgrounds" / "rooms" / "r0.jpg"))[..., ::-1].copy()
    mean = float(matting.still(room).mean())
    assert found["backgrounds"] == {"images": 1, "mean_alpha": round(mean, 5), "worst_image": round(mean, 5)}


def scenes_of(data, **more) -> list:
    return [*evaluate_composites.composites(evaluate_composites.Options(data, **{"count": 3, "size": 96} | more))]


def test_composites_have_exact_alpha_and_are_the_same_in_every_run(training_data):
    scenes, again, other = scenes_of(training_data), scenes_of(training_data), scenes_of(training_data, seed=8)
    assert len(scenes) == 3
    for scene, same, different in zip(scenes, again, other):
        a = scene.alpha[..., None] / 255
        assert scene.image.shape == (96, 96, 3) and scene.soft and 0 < scene.alpha.mean() < 255
        assert np.abs(a * scene.foreground + (1 - a) * scene.background - scene.image).max() <= 2
        assert np.array_equal(scene.image, same.image) and np.array_equal(scene.alpha, same.alpha)
        assert not np.array_equal(scene.alpha, different.alpha)
    assert not np.array_equal(scenes[0].alpha, scenes[1].alpha)


def test_composites_hold_nobody_and_no_room_of_training(tmp_path):
    """Whatever is trained on cannot be read here."""
    from training_setup import write_data

    data = write_data(tmp_path / "data")
    for path in [*data.glob("people/portraits_soft/p[12].jpg"), *data.glob("backgrounds/rooms/r[12].jpg")]:
        path.write_bytes(b"no picture")
    assert len(scenes_of(data)) == 3


def test_figures_are_those_of_the_pictures_that_are_kept(run_training, training_data, tmp_path):
    path, folder = tmp_path / "metrics.json", tmp_path / "kept"
    run_training(evaluate_composites, data=training_data, count=2, size=96, json=path, folder=folder)
    found, mads = json.loads(path.read_text()), {"tnet_alone": [], "with_mnet": []}
    for name, values in mads.items():
        for index in range(2):
            truth = grey(folder / f"{index:03}.alpha.png")
            soft = ((truth > 0) & (truth < 1)).astype(np.uint8)
            band = cv2.dilate(soft, np.ones((21, 21), np.uint8)) > 0
            values.append(1e3 * np.abs(grey(folder / name / f"{index:03}.png") - truth)[band].mean())
        # pictures hold 8 bits
        assert found[name]["mad"] == pytest.approx(np.mean(values), abs=2)
    assert (folder / "001.jpg").exists()
    lower = 100 * (1 - found["with_mnet"]["mad"] / found["tnet_alone"]["mad"])
    assert found["lower_percent"]["mad"] == pytest.approx(lower)
