"""Training: labels and losses by hand, short real runs on generated photos, resuming, export."""

import json
import sys

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")
pytest.importorskip("onnx")

from safetensors.torch import load_file, save_file  # noqa: E402

from shm_stream import weights  # noqa: E402
from shm_stream.runners import load_runner  # noqa: E402
from shm_stream.tnet import LiveTNet  # noqa: E402
from shm_stream.trimap import Trimap  # noqa: E402
from training import checkpoint, export, layout, losses, scenes, train_joint, train_mnet, train_tnet, trimaps  # noqa: E402
from training.library import load_person  # noqa: E402

SETS = ("portraits_soft", "portraits", "fullbody", "groups")


def write_photo(folder, name: str, seed: int) -> None:
    """A "person": a textured ellipse with a soft edge, standing on the lower edge of a noisy wall."""
    rng = np.random.default_rng(seed)
    alpha = np.zeros((128, 96), np.float32)
    cv2.ellipse(alpha, (48, 100), (int(rng.integers(20, 34)), 70), 0, 0, 360, 1.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2.5)
    wall = rng.integers(120, 160, (128, 96, 3)).astype(np.float32)
    cloth = rng.integers(20, 70, (128, 96, 3)).astype(np.float32)
    image = alpha[..., None] * cloth + (1 - alpha[..., None]) * wall
    cv2.imwrite(str(folder / f"{name}.jpg"), image)
    cv2.imwrite(str(folder / f"{name}.alpha.png"), alpha * 255)
    cv2.imwrite(str(folder / f"{name}.mask.png"), (alpha > 0.5) * np.uint8(255))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for number, name in enumerate(SETS):
        folder = root / "people" / name
        folder.mkdir(parents=True)
        for index in range(3):
            write_photo(folder, f"p{index}", 10 * number + index)
    (root / "backgrounds" / "rooms").mkdir(parents=True)
    for index in range(3):
        room = np.random.default_rng(index).integers(0, 255, (100, 140, 3)).astype(np.uint8)
        cv2.imwrite(str(root / "backgrounds" / "rooms" / f"r{index}.jpg"), cv2.GaussianBlur(room, (0, 0), 6))
    return root


@pytest.fixture
def run(monkeypatch, capsys, data):
    """Runs a training script as its command line does and gives back what it printed."""

    def call(module, **options) -> str:
        arguments = [f"--{k.replace('_', '-')}={v}" for k, v in options.items()]
        monkeypatch.setattr(sys, "argv", ["train", *arguments])
        module.main()
        return capsys.readouterr().out

    return call


def tnet_options(data, folder, steps: int) -> dict:
    save_file(LiveTNet().state_dict(), folder / "start.safetensors")
    return dict(
        data=data,
        out=folder / "tnet.pt",
        init=folder / "start.safetensors",
        size=64,
        batch=2,
        steps=steps,
        workers=0,
        log_every=1,
    )


def mnet_options(data, folder, steps: int) -> dict:
    return dict(data=data, out=folder / "mnet.pt", size=96, batch=4, steps=steps, workers=0, log_every=10)


def test_validation_split_is_every_14th():
    assert layout._split(list(range(30)), "validation") == [0, 14, 28]
    assert set(layout._split(list(range(30)), "train")) == set(range(30)) - {0, 14, 28}


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


def test_prior_is_empty_half_the_time_and_close_otherwise():
    alpha = np.zeros((64, 64), np.uint8)
    alpha[16:48, 16:48] = 255
    rng = np.random.default_rng(0)
    priors = [trimaps.random_prior(alpha, rng) for _ in range(200)]
    filled = [p for p in priors if p.any()]
    assert 70 <= len(filled) <= 130
    assert np.mean([np.abs(p - alpha / 255).mean() for p in filled]) < 0.15
    assert all(p.min() >= 0 and p.max() <= 1 for p in filled)


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


def test_joint_loss_adds_a_hundredth_of_the_trimap_term():
    sample = {
        "alpha": torch.zeros(1, 1, 2, 2),
        "foreground": torch.ones(1, 3, 2, 2),
        "background": torch.zeros(1, 3, 2, 2),
    }
    terms = losses.joint_loss(
        torch.zeros(1, 1, 2, 2), torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long), sample
    )
    assert terms["trimap"].item() == pytest.approx(np.log(3))
    assert terms["total"].item() == pytest.approx(0.01 * np.log(3))


def test_composites_are_exact(data):
    """image = alpha·foreground + (1 - alpha)·background, to rounding, also with two people."""
    crowd = [load_person(e, 96) for e in layout.people(data, "portraits_soft", "all")]
    rng = np.random.default_rng(3)
    for _ in range(10):
        scene = scenes.composite(crowd[:2], np.full((90, 90, 3), 200, np.uint8), 64, rng)
        alpha = scene.alpha[..., None] / 255
        again = alpha * scene.foreground + (1 - alpha) * scene.background
        assert np.abs(again - scene.image).max() <= 2


def test_tnet_run_resumes(run, data, tmp_path):
    assert "step 2 " in run(train_tnet, **tnet_options(data, tmp_path, 2))
    first = checkpoint.load(tmp_path / "tnet.pt")
    assert first["step"] == 2
    printed = run(train_tnet, **tnet_options(data, tmp_path, 3))
    assert "resumed at step 2" in printed and "step 3 " in printed and "step 1 " not in printed
    assert checkpoint.load(tmp_path / "tnet.pt")["optimiser"]["state"][0]["step"] == 3


def test_training_goes_on_from_shipped_weights(run, data, tmp_path):
    """With a learning rate of nothing the average stays what was shipped."""
    shipped = weights.folder() / "live.safetensors"
    for module, options, part in (
        (train_tnet, tnet_options(data, tmp_path, 1) | {"encoder_rate": 0}, "tnet"),
        (train_mnet, mnet_options(data, tmp_path, 1), "mnet"),
    ):
        run(module, **options | {"init": shipped, "rate": 0})
        saved = checkpoint.load(options["out"])["network"]
        for name, value in load_file(shipped).items():
            if name.startswith(part) and name.endswith(("weight", "bias")):
                torch.testing.assert_close(saved[name.removeprefix(f"{part}.")], value)


def test_mnet_learns(run, data, tmp_path):
    lines = run(train_mnet, **mnet_options(data, tmp_path, 60)).splitlines()
    totals = [float(line.split("total ")[1].split()[0]) for line in lines]
    assert len(totals) == 6 and totals[-1] < 0.7 * totals[0], totals


def test_joint_run_and_export_give_what_the_runners_load(run, data, tmp_path, monkeypatch):
    run(train_tnet, **tnet_options(data, tmp_path, 1))
    run(train_mnet, **mnet_options(data, tmp_path, 1))
    printed = run(
        train_joint,
        data=data,
        tnet=tmp_path / "tnet.pt",
        mnet=tmp_path / "mnet.pt",
        size=192,
        patch=64,
        batch=2,
        steps=1,
        workers=0,
        log_every=1,
        out=tmp_path / "joint.pt",
    )
    assert all(name in printed for name in ("alpha", "composite", "trimap", "total"))
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({"licence": "x"}))
    run(export, joint=tmp_path / "joint.pt", weights=tmp_path / "w", facts=facts)

    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "w"))
    assert weights.manifest()["live"]["licence"] == "x"
    onnx, torch_runner = load_runner("live", "onnxruntime"), load_runner("live", "torch")
    x = np.random.default_rng(0).random((1, 4, 64, 64), np.float32)
    np.testing.assert_allclose(onnx.tnet(x), torch_runner.tnet(x), atol=1e-4)


def test_unknown_option_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train", "--data=x", "--out=y", "--setps=3"])
    with pytest.raises(SystemExit) as stopped:
        train_tnet.main()
    assert stopped.value.code == 2 and "--setps=3" in capsys.readouterr().err
