"""The experiments' command: end to end on generated photos, resumed, with other settings, with bad input."""

import json

import cv2
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pymatting")
pytest.importorskip("matplotlib")

from training.experiments import __main__ as command  # noqa: E402
from training.experiments import methods, settings, trainings  # noqa: E402

pytestmark = pytest.mark.timeout(400)
"""Eight short trainings take a quarter of a minute of one free core."""

SMALL = dict(steps=2, images=2, size=64, batch=2, workers=0, threads=1)


@pytest.fixture(scope="module")
def finished(training_data, tmp_path_factory):
    """A whole run with its document."""
    folder = tmp_path_factory.mktemp("experiments")
    o = settings.Options(data=training_data, out=folder / "out", docs=folder / "docs" / "paper.md", **SMALL)
    command.work(o)
    return o


def options_of(o: settings.Options) -> dict:
    return dict(data=o.data, out=o.out, **SMALL)


def work_of(printed: str) -> list[str]:
    """The lines that say what was trained or measured, up to the colon."""
    return [line.split(":")[0] for line in printed.splitlines() if line.startswith(("training ", "measured "))]


def test_whole_command_writes_tables_results_and_chart(finished):
    text = (finished.out / "table.md").read_text(encoding="utf-8")
    assert all(f"### Table {number}" in text for number in (3, 4, 5)) and "Fusion helps" in text
    results = json.loads((finished.out / "results.json").read_text(encoding="utf-8"))
    assert results["here"].keys() == methods.METHODS.keys()
    assert all(value >= 0 for figures in results["here"].values() for value in figures.values())
    assert results["settings"]["steps"] == 2 and len(results["claims"]) == 9
    chart = cv2.imread(str(finished.out / "chart.png"))
    assert chart.shape[0] > 600 and chart.std() > 10


def test_document_says_what_was_run(finished):
    text = finished.docs.read_text(encoding="utf-8")
    assert "--steps 2 --images 2 --size 64 --ratio 2" in text and "live.safetensors" in text
    assert "| SHM" not in text.split("## Results")[0] and "digit for digit" in text
    assert str(finished.data) not in text and "{" not in text
    assert "](paper_tables.png)" in text and finished.docs.with_name("paper_tables.png").exists()


def test_finished_rows_are_not_done_again(run_training, finished):
    before = (finished.out / "table.md").read_text(encoding="utf-8")
    checkpoint = finished.out / "trainings" / "shm.pt"
    written = checkpoint.stat().st_mtime_ns
    printed = run_training(command, **options_of(finished))
    assert not work_of(printed)
    assert (finished.out / "table.md").read_text(encoding="utf-8") == before

    (finished.out / "rows" / "shm.json").unlink()
    printed = run_training(command, **options_of(finished))
    assert work_of(printed) == ["measured shm"] and checkpoint.stat().st_mtime_ns == written


def test_a_stopped_training_goes_on(training_data, tmp_path, monkeypatch, capsys):
    o = settings.Options(data=training_data, out=tmp_path / "out", **SMALL)
    e = settings.settle(o)
    trainings.prepare(e)
    with monkeypatch.context() as patched:
        usual = trainings.common
        patched.setattr(trainings, "common", lambda e, name: usual(e, name) | {"stop_at": 1})
        trainings.ensure(e, "mnet_start")
    assert not trainings.finished(e, "mnet_start")
    trainings.ensure(e, "mnet_start")
    assert "resumed at step 1" in capsys.readouterr().out
    assert trainings.finished(e, "mnet_start")


def test_mnets_can_start_from_given_weights(training_data, tmp_path):
    shipped = settings.weights.find("live.safetensors", "live")
    e = settings.settle(settings.Options(data=training_data, out=tmp_path, mnet=shipped, **SMALL))
    trainings.prepare(e)
    assert trainings.finished(e, "mnet_start") and trainings.seconds(e, "mnet_start") == 0


def error_of(run_training, capsys, **options) -> str:
    """Runs the command with bad input and gives back its one line."""
    with pytest.raises(SystemExit) as stopped:
        run_training(command, **options)
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
    return error


def test_other_settings_need_another_folder(run_training, finished, capsys):
    error = error_of(run_training, capsys, **options_of(finished) | {"steps": 3})
    assert "was made with steps 2, not 3; give another --out" in error


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"size": 100}, "--size 100 is no multiple of 64"),
        ({"images": 0}, "--images 0 is too small"),
        ({"tnet": "gone.safetensors"}, "cannot read the weights gone.safetensors"),
        ({"data": "gone"}, "cannot read the folder"),
        ({"out": "/dev/null/out"}, "cannot be written"),
    ],
)
def test_bad_input_is_one_line(run_training, training_data, tmp_path, capsys, wrong, message):
    good = dict(data=training_data, out=tmp_path / "out", **SMALL)
    assert message in error_of(run_training, capsys, **good | wrong)


def test_weights_of_something_else_are_an_input_error(run_training, training_data, tmp_path, capsys):
    torch.save({"step": 1}, tmp_path / "x.pt")
    options = dict(data=training_data, out=tmp_path / "out", tnet=tmp_path / "x.pt", **SMALL)
    assert "is no checkpoint of a stage" in error_of(run_training, capsys, **options)


def test_training_time_is_read_from_the_log(training_data, tmp_path):
    e = settings.settle(settings.Options(data=training_data, out=tmp_path, **SMALL))
    log = e.checkpoint("shm").with_suffix(".csv")
    log.parent.mkdir()
    log.write_text("step,images_per_second\n10,4\n20,2\n")
    # batches of 2: 20 pictures at 4 a second, 20 at 2
    assert trainings.seconds(e, "shm") == 5 + 10
