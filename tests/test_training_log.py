"""What a run leaves behind beside its checkpoint: a table of the losses and pictures of predictions."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")

from training_setup import joint_options, mnet_options, read_log, tnet_options  # noqa: E402

from training import preview, train_joint, train_mnet, train_tnet  # noqa: E402
from training.log import Log  # noqa: E402
from training.schedule import warm_cosine  # noqa: E402
from training.trimaps import IGNORED  # noqa: E402


def test_stages_log_the_paper_s_terms_and_show_predictions(run_training, training_data, tmp_path):
    """L = L_p + 0.01·L_t, L_p = half of alpha + half of composite; pictures of the batch at every second step."""
    often = {"log_every": 1, "preview_every": 2}
    weighted = {"iou_weight": 0.5, "edge_weight": 0.25, "square": True}
    run_training(train_tnet, **tnet_options(training_data, tmp_path, 2) | often | weighted)
    run_training(train_mnet, **mnet_options(training_data, tmp_path, 2) | often | {"rate": 2e-3})
    run_training(train_joint, **joint_options(training_data, tmp_path, 2) | often)

    always = {"step", "total", "rate", "images_per_second"}
    tnet, mnet, joint = (read_log(tmp_path / f"{stage}.csv") for stage in ("tnet", "mnet", "joint"))
    for row in tnet:
        assert row.keys() == always | {"L_t", "iou", "edge"}
        assert row["total"] == pytest.approx(row["L_t"] + 0.5 * row["iou"] + 0.25 * row["edge"])
    for row in mnet + joint:
        assert row["L_p"] == pytest.approx(0.5 * row["alpha"] + 0.5 * row["composite"])
    assert all(row.keys() == always | {"L_p", "alpha", "composite"} and row["total"] == row["L_p"] for row in mnet)
    for row in joint:
        assert row.keys() == always | {"L_p", "L_t", "alpha", "composite"}
        assert row["total"] == pytest.approx(row["L_p"] + 0.01 * row["L_t"])
    assert [row["rate"] for row in mnet] == pytest.approx([2e-3 * warm_cosine(step, 2) for step in (0, 1)])
    assert all(row["images_per_second"] > 0 for row in tnet + mnet + joint)

    for stage, rows, side in (("tnet", 2, 64), ("mnet", 4, 96 - 40), ("joint", 2, 64)):
        pictures = sorted((tmp_path / f"{stage}_previews").iterdir())
        assert [p.name for p in pictures] == ["000002.png"]
        cell = side + preview.GAP
        assert cv2.imread(str(pictures[0])).shape == (rows * cell, 3 * cell, 3)


def test_grid_places_input_prediction_and_truth():
    image = torch.zeros(8, 4, 10, 12)
    image[:, 0] = 1.0  # red; the fourth channel is not shown
    guess, truth = torch.full((8, 1, 5, 6), 0.5), torch.ones(8, 1, 10, 12)
    sheet = preview.grid(preview.Preview(image, guess, truth), rows=2)
    assert sheet.shape == (2 * 14, 3 * 16, 3)
    for row in (0, 14):
        assert sheet[row + 3, 3].tolist() == [255, 0, 0]
        assert sheet[row + 3, 16 + 3].tolist() == [128, 128, 128]
        assert sheet[row + 3, 32 + 3].tolist() == [255, 255, 255]
    assert not sheet[10:14].any() and not sheet[:, 12:16].any()


def test_trimaps_and_labels_as_greys():
    logits = torch.tensor([[30.0, 0, 0], [0, 30, 0], [0, 0, 30]]).T[None, :, None]  # one pixel a class: F, B, U
    assert preview.trimap_alpha(logits)[0, 0, 0].tolist() == pytest.approx([1, 0, 0.5], abs=1e-6)
    assert preview.label_alpha(torch.tensor([[[0, 1, 2, IGNORED]]]))[0, 0, 0].tolist() == [1, 0, 0.5, 0.25]


def test_a_resumed_log_drops_what_is_made_again(tmp_path):
    path = tmp_path / "x.csv"
    first = Log(path, 0)
    for step in (1, 2, 3, 4):
        first.write({"step": step, "total": step / 3})
    second = Log(path, 2)
    assert len(read_log(path)) == 4, "nothing is lost before something new comes"
    second.write({"step": 3, "total": 7.0, "iou": 0.5})
    second.write({"step": 4, "total": 8.0, "iou": 0.25})
    assert read_log(path) == [
        {"step": 1, "total": pytest.approx(1 / 3)},
        {"step": 2, "total": pytest.approx(2 / 3)},
        {"step": 3, "total": 7, "iou": 0.5},
        {"step": 4, "total": 8, "iou": 0.25},
    ]


def test_a_line_that_a_kill_cut_is_dropped(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("step,total\n1,0.5\n2,0.25\n12")
    Log(path, 50).write({"step": 51, "total": 0.1})
    assert [row["step"] for row in read_log(path)] == [1, 2, 51]


def test_a_fresh_run_starts_a_fresh_log(tmp_path):
    path = tmp_path / "x.csv"
    Log(path, 0).write({"step": 1, "total": 1.0})
    Log(path, 0).write({"step": 1, "total": 2.0})
    assert read_log(path) == [{"step": 1, "total": 2}]


def test_numbers_are_exact(tmp_path):
    value = float(np.float32(0.1) / np.float32(3))
    Log(tmp_path / "x.csv", 0).write({"step": 1, "total": value})
    assert np.float32(read_log(tmp_path / "x.csv")[0]["total"]) == np.float32(value)
