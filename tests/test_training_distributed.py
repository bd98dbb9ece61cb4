"""Two processes train as one with the double batch; the stages one after the other, resumed between."""

import json
import sys

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")
pytest.importorskip("onnx")

from training_setup import read_log, run_script  # noqa: E402

from shm_stream import weights  # noqa: E402
from training import checkpoint, train_all  # noqa: E402

STEPS = 2
CONFIG = """
[common]
preset = "live"
workers = 0
threads = 1
log_every = 1
preview_every = 0

[tnet]
init = "{start}"
size = 64
batch = {batch}
steps = {steps}

[mnet]
size = 96
batch = {batch}
steps = {steps}

[joint]
size = 192
patch = 64
patches = [64, 96]
batch = {batch}
steps = {steps}
tnet_rate = 1e-3
"""


def write_config(folder, batch: int):
    path = folder / f"batch{batch}.toml"
    path.write_text(CONFIG.format(start=weights.folder() / "live.safetensors", batch=batch, steps=STEPS))
    return path


@pytest.fixture(scope="module")
def runs(training_data, tmp_path_factory):
    """All stages: one process with batches of 4 (stopped on the way once), two with batches of 2."""
    folder = tmp_path_factory.mktemp("runs")
    several = {"data": training_data, "out": folder / "two", "config": write_config(folder, 2)}
    printed = run_script("train_all", several, processes=2, timeout=240)
    alone = ["train_all", f"--data={training_data}", f"--out={folder / 'one'}", f"--config={write_config(folder, 4)}"]
    before = sys.argv
    try:
        for arguments in ([*alone, "--stop-at=1"], alone):
            sys.argv = arguments
            train_all.main()
    finally:
        sys.argv = before
    return folder / "one", folder / "two", printed


@pytest.mark.timeout(400)
@pytest.mark.parametrize("stage", ["tnet", "mnet", "joint"])
def test_two_processes_are_one_with_the_double_batch(runs, stage):
    """Losses agree to rounding; so do weights, measured against how far they moved."""
    one, two, _ = runs
    logs = [read_log(folder / f"{stage}.csv") for folder in (one, two)]
    assert [row["step"] for row in logs[0]] == [row["step"] for row in logs[1]] == [1, 2]
    for alone, together in zip(*logs):
        for name in alone.keys() - {"images_per_second"}:
            assert together[name] == pytest.approx(alone[name], rel=2e-3), (stage, alone["step"], name)
    saved = [checkpoint.load(folder / f"{stage}.pt") for folder in (one, two)]
    for name, value in saved[0]["network"].items():
        if name.endswith("running_mean") or name.endswith("running_var"):
            torch.testing.assert_close(saved[1]["network"][name], value, rtol=2e-3, atol=2e-4, msg=f"{stage} {name}")
    moments = [torch.cat([s["exp_avg"].flatten() for s in x["optimiser"]["state"].values()]) for x in saved]
    assert (moments[0] - moments[1]).norm() < 0.02 * moments[0].norm(), "gradients of all steps"
    values = [torch.cat([v.flatten().float() for v in x["network"].values()]) for x in saved]
    assert (values[0] - values[1]).norm() < 1e-3 * values[0].norm()


@pytest.mark.timeout(400)
def test_all_stages_end_in_weights(runs):
    """Also after a stop; each process says nothing twice."""
    one, two, printed = runs
    for folder in (one, two):
        files = json.loads((folder / "weights" / "manifest.json").read_text())["live"]["files"]
        assert set(files) == {"live.safetensors", "live_tnet.onnx", "live_mnet.onnx"}
    stages = [line for line in printed.splitlines() if line.startswith("stage ")]
    assert stages == ["stage tnet", "stage mnet", "stage joint"]
    assert printed.count("step 2 ") == 3
