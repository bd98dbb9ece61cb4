"""Labelling footage with teachers. The teachers here are two sizes of our own network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("onnx")

from shm_stream import InputError, Matting  # noqa: E402
from shm_stream.labelled import find_labels, photos  # noqa: E402
from shm_stream.measures import mean_iou  # noqa: E402
from shm_stream.source_images import read_image  # noqa: E402
from training import pseudo_label  # noqa: E402
from training.teacher import SelfieMulticlass  # noqa: E402

pytestmark = pytest.mark.timeout(120)
CLIP = Path(__file__).parents[1] / "examples" / "webcam.mkv"


@pytest.fixture(scope="module")
def teachers():
    return [Matting("live", tnet_size=size).still for size in (192, 256)]


@pytest.fixture
def footage(tmp_path):
    """A clip of a person in one folder, noise in which nobody is in another, and a file that is no video."""
    folder = tmp_path / "footage"
    (folder / "clips").mkdir(parents=True)
    (folder / "clips" / "person.mkv").write_bytes(CLIP.read_bytes())
    (folder / "broken.mp4").write_text("no video")
    cv2.imwrite(str(folder / "wall.png"), np.full((240, 320, 3), 128, np.uint8))
    return folder


def options(footage, tmp_path, **changes):
    return pseudo_label.Options(footage, tmp_path / "out", Path("none.tflite"), **{"every": 1.0, **changes})


def test_one_frame_a_second_and_what_is_unreadable_is_named(footage, tmp_path, capsys):
    found = list(pseudo_label.pictures(options(footage, tmp_path)))
    names = [name for name, _ in found]
    assert names[-1] == "wall" and len(names) >= 3
    numbers = [int(name.rsplit("_", 1)[1]) for name in names[:-1]]
    assert numbers[0] == 0 and all(name.startswith("clips_person_") for name in names[:-1])
    steps = np.diff(numbers)
    assert (steps == steps[0]).all() and steps[0] in (24, 25, 29, 30, 31)
    assert "left out: cannot read" in capsys.readouterr().out


def test_labels_are_the_teachers_mean(footage, tmp_path, teachers):
    _, image = next(pseudo_label.pictures(options(footage, tmp_path)))
    mask, agreement = pseudo_label.label(image, teachers)
    assert mask.shape == image.shape[:2] and set(np.unique(mask)) == {0, 255}
    assert mean_iou(teachers[0](image), mask > 0) > 0.9 and 0.9 < agreement <= 1
    inverted = [teachers[0], lambda picture: 1 - teachers[0](picture)]
    assert pseudo_label.label(image, inverted)[1] < 0.1


def test_kept_pictures_are_complete_and_not_done_again(footage, tmp_path, teachers, monkeypatch, capsys):
    o = options(footage, tmp_path, agreement=0.8, side=320)
    seen = []

    def first(picture):
        seen.append(picture.shape)
        return teachers[0](picture)

    monkeypatch.setattr(pseudo_label, "SelfieMulticlass", lambda path: first)
    monkeypatch.setattr(pseudo_label.options, "parse", lambda *_: o)
    pseudo_label.main()
    kept = photos(o.out)
    assert len(kept) == len(seen) >= 3 and max(max(shape) for shape in seen) == 320
    for photo in kept:
        example = find_labels(photo)
        assert read_image(example.mask).shape == read_image(photo).shape
    count = len(seen)
    pseudo_label.main()
    assert len(seen) == count, "what is there is not done again"
    assert f"{len(kept)} of {count} pictures kept" in capsys.readouterr().out


def test_a_teacher_that_is_not_there(tmp_path):
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(InputError, match=r"not a readable \.tflite model"):
        SelfieMulticlass(tmp_path / "none.tflite")
