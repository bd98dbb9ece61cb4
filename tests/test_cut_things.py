"""Pets and things cut out of photos: what a teacher marks becomes an alpha, doubtful cuts are left out."""

import warnings

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")
pytest.importorskip("onnx")

from shm_stream.errors import InputError  # noqa: E402
from shm_stream.source_images import read_image  # noqa: E402
from training import cut_things  # noqa: E402
from training.tnet_samples import TNetSamples  # noqa: E402


class Bright(torch.nn.Module):
    """Stands in for U2-Net: what is bright stands out; two outputs, as it has several."""

    def forward(self, x):
        mark = torch.sigmoid(8 * x.mean(1, keepdim=True))
        return mark, mark / 2


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "bright.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter announces its successor
        torch.onnx.export(Bright(), (torch.rand(1, 3, 320, 320),), str(path), dynamo=False)
    return path


def write_thing(folder, name, half: tuple[int, int], grey: int = 250):
    photo = np.full((90, 120, 3), 10, np.uint8)
    photo[45 - half[0] : 45 + half[0], 60 - half[1] : 60 + half[1]] = grey
    cv2.imwrite(str(folder / f"{name}.png"), photo)


@pytest.fixture
def photos(tmp_path):
    (folder := tmp_path / "photos").mkdir()
    for name, half in (("a", (20, 20)), ("b", (20, 30)), ("speck", (3, 3)), ("wall", (44, 59))):
        write_thing(folder, name, half)
    return folder


def test_things_are_cut_along_their_outline(photos, tmp_path, teacher, run_training):
    out = tmp_path / "things"
    printed = run_training(cut_things, source=photos, out=out, teacher=teacher, threads=1)
    assert "1 of 3 photos gave a thing" in printed, "a is kept for validation, the speck and the wall are no things"
    assert sorted(p.name for p in out.iterdir()) == ["b.alpha.png", "b.jpg"]
    alpha = read_image(out / "b.alpha.png")[..., 0]
    expected = np.zeros((90, 120), np.uint8)
    expected[25:65, 30:90] = 255
    assert np.abs(alpha.astype(int) - expected).mean() < 4
    printed = run_training(cut_things, source=photos, out=out, teacher=teacher, threads=1)
    assert "0 of 2 photos" in printed, "what is there is not done again"


def test_things_come_before_people(photos, tmp_path, teacher, run_training, training_data):
    out = tmp_path / "things"
    run_training(cut_things, source=photos, out=out, teacher=teacher, threads=1)
    samples = TNetSamples(training_data, 64, seed=3, things=out)
    plain = TNetSamples(training_data, 64, seed=3)
    assert len(samples.things) == 1 and plain.things == []
    assert any(not torch.equal(samples[0, i][2], plain[0, i][2]) for i in range(40))


def test_a_teacher_that_cannot_be_read_is_one_line(photos, tmp_path):
    (bad := tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match="bad.onnx is not a readable ONNX model"):
        cut_things.cut(cut_things.Options(source=photos, out=tmp_path / "out", teacher=bad))
