"""Generated training data, and training scripts called as their command lines are."""

from __future__ import annotations

import contextlib
import csv
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

SETS = ("portraits_soft", "portraits", "fullbody", "groups")
ROOT = Path(__file__).resolve().parent.parent


def write_photo(folder: Path, name: str, seed: int) -> None:
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


def write_data(root: Path) -> Path:
    """Three photos of every set; those of `groups` have hard masks only. Three backgrounds."""
    for number, name in enumerate(SETS):
        folder = root / "people" / name
        folder.mkdir(parents=True)
        for index in range(3):
            write_photo(folder, f"p{index}", 10 * number + index)
    for alpha in (root / "people" / "groups").glob("*.alpha.png"):
        alpha.unlink()
    (root / "backgrounds" / "rooms").mkdir(parents=True)
    for index in range(3):
        room = np.random.default_rng(index).integers(0, 255, (100, 140, 3)).astype(np.uint8)
        cv2.imwrite(str(root / "backgrounds" / "rooms" / f"r{index}.jpg"), cv2.GaussianBlur(room, (0, 0), 6))
    return root


def write_tnet_start(path: Path) -> Path:
    """Random weights of the live T-Net, so that tests need no ImageNet file."""
    import torch
    from safetensors.torch import save_file

    from shm_stream.tnet import LiveTNet

    torch.manual_seed(5)
    save_file(LiveTNet().state_dict(), path)
    return path


def tnet_options(data: Path, folder: Path, steps: int) -> dict:
    start = write_tnet_start(folder / "start.safetensors")
    small = dict(size=64, batch=2, workers=0, threads=1, log_every=1)
    return dict(data=data, out=folder / "tnet.pt", init=start, steps=steps, **small)


def mnet_options(data: Path, folder: Path, steps: int) -> dict:
    return dict(data=data, out=folder / "mnet.pt", size=96, batch=4, steps=steps, workers=0, threads=1, log_every=10)


def joint_options(data: Path, folder: Path, steps: int) -> dict:
    stages = dict(tnet=folder / "tnet.pt", mnet=folder / "mnet.pt", out=folder / "joint.pt")
    small = dict(size=192, patch=64, patches="64,96", batch=2, workers=0, threads=1, log_every=1)
    return dict(data=data, steps=steps, **stages, **small)


def command_line(options: dict) -> list[str]:
    """{"log_every": 1, "amp": True} → ["--log-every=1", "--amp"]."""
    return [f"--{k.replace('_', '-')}" + ("" if v is True else f"={v}") for k, v in options.items()]


def start_script(module: str, options: dict, *, processes: int = 1) -> subprocess.Popen:
    """Starts `python -m training.MODULE` on one thread, under torchrun when there are several processes."""
    several = ["torch.distributed.run", "--nproc-per-node", str(processes), "--master-port=0"] if processes > 1 else []
    several += ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "-m"] if processes > 1 else []
    command = [sys.executable, "-m", *several, f"training.{module}", *command_line(options)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def kill(script: subprocess.Popen) -> None:
    """kill -9 to the script and every process it started; nothing when it has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(script.pid, signal.SIGKILL)


def run_script(module: str, options: dict, *, processes: int = 1, timeout: float = 100) -> str:
    """Runs it to the end and gives back what it printed."""
    with start_script(module, options, processes=processes) as script:
        try:
            printed = script.communicate(timeout=timeout)[0]
        finally:
            kill(script)
    assert script.returncode == 0, printed
    return printed


def read_log(path: Path) -> list[dict[str, float]]:
    with path.open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def without_speed(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """The rows of a log without what differs from run to run."""
    return [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows]


def refusal_here(monkeypatch, capsys, script: str, given: dict) -> str:
    """The one line that a script says in this process and ends with 2."""
    monkeypatch.setattr(sys, "argv", [script, *command_line(given)])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"training.{script}").main()
    said = capsys.readouterr()
    assert ended.value.code == 2 and said.err.startswith("error: ") and said.err.count("\n") == 1, said
    return said.err.removeprefix("error: ").rstrip("\n")
