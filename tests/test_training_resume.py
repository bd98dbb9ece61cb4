"""A run that is stopped, or killed, goes on as if nothing had happened: the same losses and weights, bit for bit."""

import contextlib
import time

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")

from torch import nn  # noqa: E402
from training_setup import kill, mnet_options, read_log, start_script, tnet_options, without_speed  # noqa: E402

from shm_stream.errors import InputError  # noqa: E402
from training import checkpoint, stream, train_mnet, train_tnet  # noqa: E402
from training.preview import Preview  # noqa: E402
from training.run import CommonOptions, Run  # noqa: E402


def same_state(a, b) -> bool:
    """Equal to the bit, through all levels of a checkpoint."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_state(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same_state, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def assert_same_run(one, other) -> None:
    logs = [without_speed(read_log(path.with_suffix(".csv"))) for path in (one, other)]
    assert logs[0] == logs[1]
    whole, parts = checkpoint.load(one), checkpoint.load(other)
    for part in ("network", "average", "optimiser", "schedule", "step"):
        assert same_state(whole[part], parts[part]), part


@pytest.mark.parametrize(
    "module, options", [(train_tnet, tnet_options), (train_mnet, mnet_options)], ids=["tnet", "mnet"]
)
def test_three_and_three_steps_are_six(run_training, training_data, tmp_path, module, options):
    whole = options(training_data, tmp_path, 6) | {"log_every": 1}
    parts = whole | {"out": tmp_path / "parts.pt"}
    run_training(module, **whole)
    first = run_training(module, **parts, stop_at=3)
    assert "step 3 " in first and "step 4 " not in first
    second = run_training(module, **parts)
    assert "resumed at step 3" in second and "step 4 " in second and "step 3 t" not in second
    assert_same_run(whole["out"], parts["out"])
    assert len(read_log(parts["out"].with_suffix(".csv"))) == 6


class Noise(stream.Samples):
    def sample(self, rng):
        return [torch.from_numpy(rng.standard_normal((3, self.size, self.size), "float32"))]


class DropoutOptions(CommonOptions):
    steps, batch, average = 6, 4, 0.9


def run_with_dropout(out, *, stop_at: int = 0, amp: bool = False) -> Run:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Dropout(0.5), nn.BatchNorm2d(8), nn.Conv2d(8, 1, 3))
    options = DropoutOptions(out, workers=0, log_every=1, preview_every=0, stop_at=stop_at, amp=amp)
    run = Run(network, torch.optim.Adam(network.parameters(), 0.1), out, options)

    def loss(batch):
        y = network(batch[0])
        return {"total": y.float().square().mean()}, lambda: Preview(batch[0], y, y)

    torch.manual_seed(time.monotonic_ns() % 2**31)  # whatever the process did before
    run.follow(lambda: Noise(12, 0), loss)
    return run


@pytest.mark.parametrize("amp", [False, True])
def test_what_the_network_draws_is_resumed_too(tmp_path, amp):
    """Dropout after resuming is the dropout that would have come; so is the loss scale of half precision."""
    run_with_dropout(tmp_path / "whole.pt", amp=amp)
    run_with_dropout(tmp_path / "parts.pt", amp=amp, stop_at=3)
    run_with_dropout(tmp_path / "parts.pt", amp=amp)
    assert_same_run(tmp_path / "whole.pt", tmp_path / "parts.pt")
    scalers = [checkpoint.load(tmp_path / f"{name}.pt")["scaler"] for name in ("whole", "parts")]
    assert scalers[0] == scalers[1] and bool(scalers[0]) == amp
    losses = [row["total"] for row in read_log(tmp_path / "whole.csv")]
    assert len(set(losses)) == 6


def wait_for_rows(path, count: int, script, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if path.read_text().count("\n") > count:
                return
        assert script.poll() is None, script.stdout.read()
        time.sleep(0.01)
    raise AssertionError(f"no {count} rows in {path} after {seconds} s")


@pytest.mark.timeout(200)
def test_a_killed_run_goes_on_where_it_was(run_training, training_data, tmp_path):
    """kill -9 in the middle, while it saves after every step; loader processes change nothing either."""
    small = {"size": 64, "batch": 2, "log_every": 1, "preview_every": 0}
    whole = mnet_options(training_data, tmp_path, 40) | small
    killed = whole | {"out": tmp_path / "killed.pt", "save_minutes": 0}
    with start_script("train_mnet", killed | {"workers": 1}) as script:
        try:
            wait_for_rows(tmp_path / "killed.csv", 8, script)
        finally:
            kill(script)
    saved = checkpoint.load(killed["out"])["step"]
    assert 7 <= saved < 40, "it was killed in the middle"

    printed = run_training(train_mnet, **killed)
    assert f"resumed at step {saved}" in printed
    run_training(train_mnet, **whole)
    assert_same_run(whole["out"], killed["out"])


def test_a_kill_while_saving_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    checkpoint.save(path, step=1)

    def killed(content, target):
        target.write_bytes(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(path, step=2)
    assert checkpoint.load(path)["step"] == 1


def test_loading_a_checkpoint_leaves_random_numbers_alone(tmp_path):
    run_with_dropout(tmp_path / "x.pt", stop_at=1)
    before = torch.get_rng_state()
    checkpoint.load(tmp_path / "x.pt")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_damaged_checkpoint_is_an_input_error(tmp_path):
    path = tmp_path / "x.pt"
    checkpoint.save(path, step=1)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot read the checkpoint"):
        checkpoint.load(path)


def test_a_checkpoint_of_another_stage_is_an_input_error(run_training, training_data, tmp_path, capsys):
    run_with_dropout(tmp_path / "mnet.pt", stop_at=1)
    with pytest.raises(SystemExit) as stopped:
        run_training(train_mnet, **mnet_options(training_data, tmp_path, 1))
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "is of another network or stage" in error and error.count("\n") == 1


def test_a_finished_stage_is_not_done_again(run_training, training_data, tmp_path):
    options = mnet_options(training_data, tmp_path, 1)
    run_training(train_mnet, **options)
    written = options["out"].stat().st_mtime_ns
    printed = run_training(train_mnet, **options | {"data": tmp_path / "gone"})
    assert printed.splitlines() == ["resumed at step 1"], "it does not even read photos"
    assert options["out"].stat().st_mtime_ns == written
