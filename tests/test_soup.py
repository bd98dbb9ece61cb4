"""The mean of several checkpoints."""

import sys

import pytest

torch = pytest.importorskip("torch")

from training import checkpoint, soup  # noqa: E402


def run(monkeypatch, *arguments) -> None:
    monkeypatch.setattr(sys, "argv", ["soup", *map(str, arguments)])
    soup.main()


def write(path, **weights):
    checkpoint.save(path, average={name: torch.tensor(value) for name, value in weights.items()}, step=9)
    return path


def test_weights_are_averaged_and_counters_kept(monkeypatch, tmp_path):
    a = write(tmp_path / "a.pt", **{"head.weight": [1.0, 4.0], "norm.num_batches_tracked": 3, "parts.bias": [1.0]})
    b = write(tmp_path / "b.pt", **{"head.weight": [2.0, 0.0], "norm.num_batches_tracked": 8})
    run(monkeypatch, a, b, "--out", tmp_path / "m.pt")
    mean = checkpoint.load(tmp_path / "m.pt")["average"]
    assert mean["head.weight"].tolist() == [1.5, 2.0] and mean["norm.num_batches_tracked"].item() == 8
    assert mean.keys() == {"head.weight", "norm.num_batches_tracked"}


def test_other_networks_are_one_clear_line(monkeypatch, tmp_path, capsys):
    a, b = write(tmp_path / "a.pt", w=[1.0, 4.0]), write(tmp_path / "b.pt", w=[1.0])
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, a, b, "--out", tmp_path / "m.pt")
    assert stopped.value.code == 2 and not (tmp_path / "m.pt").exists()
    assert capsys.readouterr().err.startswith("error: these checkpoints are of different networks")
