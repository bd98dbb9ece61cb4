"""Training: labels and losses by hand, short real runs on generated photos, export."""

import json
import math
import sys

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")
pytest.importorskip("onnx")

from safetensors.torch import load_file  # noqa: E402
from training_setup import joint_options, mnet_options, tnet_options  # noqa: E402

from shm_stream import labelled, weights  # noqa: E402
from shm_stream.runners import load_runner  # noqa: E402
from shm_stream.trimap import Trimap  # noqa: E402
from training import (  # noqa: E402
    checkpoint,  # noqa: E402
    export,
    layout,
    losses,
    scenes,
    train_joint,
    train_mnet,
    train_tnet,
    trimaps,
)
from training.library import load_person  # noqa: E402


def test_validation_split_is_every_14th():
    assert labelled.take_split(list(range(30)), "validation") == [0, 14, 28]
    assert set(labelled.take_split(list(range(30)), "train")) == set(range(30)) - {0, 14, 28}


def test_people_without_label_is_an_error(tmp_path):
    (tmp_path / "people" / "x").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "people" / "x" / "a.jpg"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="neither a.mask.png nor a.alpha.png"):
        layout.people(tmp_path, "x", "all")


def test_trimap_labels_by_hand():
    alpha = np.repeat(np.array([0, 0, 0, 0, 128, 255, 255, 255, 255], np.uint8)[None], 9, 0)
    f, b, u = Trimap
    assert trimaps.trimap_labels(alpha, 1)[4].tolist() == [b, b, b, u, u, u, f, f, f]
    assert trimaps.trimap_labels(alpha, 2)[4].tolist() == [b, b, u, u, u, u, u, f, f]


def test_hard_masks_count_only_away_from_their_edge():
    mask = np.repeat(np.array([0, 0, 0, 0, 255, 255, 255, 255], np.uint8)[None], 9, 0)
    f, b, _ = Trimap
    ignored = trimaps.IGNORED
    assert trimaps.mask_labels(mask, 2)[4].tolist() == [b, b, ignored, ignored, ignored, ignored, f, f]


def test_prior_is_mostly_empty_and_close_otherwise():
    alpha = np.zeros((64, 64), np.uint8)
    alpha[16:48, 16:48] = 255
    rng = np.random.default_rng(0)
    priors = [trimaps.random_prior(alpha, rng) for _ in range(200)]
    filled = [p for p in priors if p.any()]
    assert 60 <= len(filled) <= 100
    assert np.mean([np.abs(p - alpha / 255).mean() for p in filled]) < 0.15
    assert all(p.min() >= 0 and p.max() <= 1 for p in filled)


def test_edge_loss_by_hand():
    """Cross entropy of F / (F + B), whatever the unknown class says; what is not counted has no part."""
    logits = torch.zeros(1, 3, 1, 3)
    logits[0, :, 0] = torch.tensor([[2.0, 1.0, 9.0], [0.0, 1.0, -9.0], [50.0, -3.0, 0.0]])  # F, B, U
    alpha, counted = torch.tensor([[[1.0, 0.25, 0.0]]]), torch.tensor([[[True, True, False]]])
    first, second = math.log(1 + math.exp(-2.0)), math.log(2.0)
    assert train_tnet.edge_loss(logits, alpha, counted).item() == pytest.approx((first + second) / 2)
    assert train_tnet.edge_loss(logits, alpha, torch.zeros_like(counted)).item() == 0


def test_prediction_loss_by_hand():
    """γ = 0.5: half of the alpha error plus half of the composite error, over the whole picture."""
    sample = {
        "alpha": torch.tensor([[[[1.0, 0.0]]]]),
        "foreground": torch.ones(1, 3, 1, 2),
        "background": torch.zeros(1, 3, 1, 2),
    }
    sample["background"][..., 1] = 0.5
    terms = losses.prediction_loss(torch.tensor([[[[0.8, 0.4]]]]), sample)
    assert terms["alpha"].item() == pytest.approx(0.3)
    assert terms["composite"].item() == pytest.approx((0.2 * 1 + 0.4 * 0.5) / 2)
    assert terms["total"].item() == pytest.approx(0.5 * 0.3 + 0.5 * 0.2)


def test_errors_where_nothing_is_known_are_not_counted():
    sample = {
        "alpha": torch.zeros(1, 1, 1, 4),
        "foreground": torch.ones(1, 3, 1, 4),
        "background": torch.zeros(1, 3, 1, 4),
        "counted": torch.tensor([[[[1.0, 0.0, 0.0, 1.0]]]]),
    }
    terms = losses.prediction_loss(torch.tensor([[[[0.4, 1.0, 1.0, 0.0]]]]), sample)
    assert terms["L_p"].item() == terms["alpha"].item() == pytest.approx(0.1)


def test_joint_loss_adds_a_hundredth_of_the_trimap_term():
    sample = {
        "alpha": torch.zeros(1, 1, 2, 2),
        "foreground": torch.ones(1, 3, 2, 2),
        "background": torch.zeros(1, 3, 2, 2),
    }
    terms = losses.joint_loss(
        torch.zeros(1, 1, 2, 2), torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long), sample
    )
    assert terms["L_t"].item() == pytest.approx(np.log(3))
    assert terms["total"].item() == pytest.approx(0.01 * np.log(3))


def test_composites_are_exact(training_data):
    """image = alpha·foreground + (1 - alpha)·background, to rounding, also with two people."""
    crowd = [load_person(e, 96) for e in layout.people(training_data, "portraits_soft", "all")]
    rng = np.random.default_rng(3)
    for _ in range(10):
        scene = scenes.composite(crowd[:2], np.full((90, 90, 3), 200, np.uint8), (64, 64), rng)
        alpha = scene.alpha[..., None] / 255
        again = alpha * scene.foreground + (1 - alpha) * scene.background
        assert np.abs(again - scene.image).max() <= 2


def test_training_goes_on_from_shipped_weights(run_training, training_data, tmp_path):
    """With a learning rate of nothing the average stays what was shipped."""
    shipped = weights.folder() / "live.safetensors"
    for module, options, part in (
        (train_tnet, tnet_options(training_data, tmp_path, 1) | {"encoder_rate": 0}, "tnet"),
        (train_mnet, mnet_options(training_data, tmp_path, 1), "mnet"),
    ):
        run_training(module, **options | {"init": shipped, "rate": 0})
        saved = checkpoint.load(options["out"])["network"]
        for name, value in load_file(shipped).items():
            if name.startswith(part) and name.endswith(("weight", "bias")):
                torch.testing.assert_close(saved[name.removeprefix(f"{part}.")], value)


def test_mnet_learns(run_training, training_data, tmp_path):
    lines = run_training(train_mnet, **mnet_options(training_data, tmp_path, 60)).splitlines()
    totals = [float(line.split("total ")[1].split()[0]) for line in lines]
    assert len(totals) == 6 and totals[-1] < 0.7 * totals[0], totals


def test_joint_run_and_export_give_what_the_runners_load(run_training, training_data, tmp_path, monkeypatch):
    run_training(train_tnet, **tnet_options(training_data, tmp_path, 1))
    run_training(train_mnet, **mnet_options(training_data, tmp_path, 1))
    run_training(train_joint, **joint_options(training_data, tmp_path, 1))
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({"licence": "x"}))
    run_training(export, joint=tmp_path / "joint.pt", weights=tmp_path / "w", facts=facts)

    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "w"))
    assert weights.manifest()["live"]["licence"] == "x"
    onnx, torch_runner = load_runner("live", "onnxruntime"), load_runner("live", "torch")
    x = np.random.default_rng(0).random((1, 4, 64, 64), np.float32)
    np.testing.assert_allclose(onnx.tnet(x), torch_runner.tnet(x), atol=1e-4)


def test_joint_run_can_leave_t_net_as_it_is(run_training, training_data, tmp_path):
    """Only its logits are scaled and shifted, once; M-Net learns on them."""
    run_training(train_tnet, **tnet_options(training_data, tmp_path, 1))
    run_training(train_mnet, **mnet_options(training_data, tmp_path, 1))
    logits = {"sharpness": 2, "foreground_bias": -0.5, "unknown_bias": 1}
    run_training(train_joint, **joint_options(training_data, tmp_path, 2) | {"tnet_rate": 0} | logits)
    tnet, mnet, joint = (checkpoint.load(tmp_path / f"{name}.pt")["average"] for name in ("tnet", "mnet", "joint"))
    for name, value in tnet.items():
        scaled = value * 2 if name.startswith("head") else value
        torch.testing.assert_close(
            joint[f"tnet.{name}"], scaled + torch.tensor([-0.5, 0, 1]) if name == "head.bias" else scaled
        )
    assert any(not torch.equal(joint[f"mnet.{name}"], value) for name, value in mnet.items())


def test_unknown_option_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train", "--data=x", "--out=y", "--setps=3"])
    with pytest.raises(SystemExit) as stopped:
        train_tnet.main()
    assert stopped.value.code == 2 and "--setps=3" in capsys.readouterr().err
