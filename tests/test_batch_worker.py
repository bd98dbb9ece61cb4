"""What goes wrong in the worker of a batch, and what keeps a shot from being made again."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import cv2
import pytest
from batch_bodies import TOUCHED_VARIABLE, failing_work, stand_in_work, touching_work, unusable_work
from batch_runs import input_folder, leftovers, read_manifest, use_workers, write_shots
from stand_ins import numbered_frame

from shm_stream import cli
from shm_stream.batch_files import measure
from shm_stream.batch_shots import Shot
from shm_stream.batch_worker import Task, is_finished, record
from shm_stream.job_options import JobOptions

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return write_shots(input_folder(tmp_path, monkeypatch))


@pytest.fixture
def run(monkeypatch, capsys, folder):
    """Run the command with a body for its workers; (exit code, stderr)."""

    def run(work, *arguments):
        use_workers(monkeypatch, work)
        code = cli.main(["batch", str(folder), str(folder.with_name("out")), *map(str, arguments)])
        return code, capsys.readouterr().err

    return run


def test_networks_that_cannot_be_loaded_are_one_error_and_not_one_for_each_shot(run, folder):
    code, err = run(unusable_work, "--bg", "red")
    assert (code, err) == (2, "shm-stream: error: no such thing as a network\n")
    assert read_manifest(folder.with_name("out")) == []


def test_an_internal_error_fails_its_shot_only(run, folder):
    code, err = run(failing_work, "--bg", "red")
    reason = "internal error, please report it: ZeroDivisionError: two lines"
    assert code == 1 and err.splitlines()[-2:] == [
        f"failed: day/b.mkv: {reason}",
        "2 done, 0 skipped (already finished), 1 failed",
    ]


def test_a_source_that_changes_while_it_is_read_fails(run, folder, monkeypatch):
    monkeypatch.setenv(TOUCHED_VARIABLE, str(folder / "a.mp4"))
    shutil.rmtree(folder / "day")
    code, err = run(touching_work, "--bg", "red")
    assert code == 1 and err.splitlines()[-2] == f"failed: a.mp4: {folder}/a.mp4 changed while it was read"
    assert run(stand_in_work, "--bg", "red")[0] == 0 and leftovers(folder.with_name("out")) == []


def test_a_background_among_the_inputs_is_no_shot_and_links_are_followed_to_files_only(run, folder):
    bg = folder / "beach.png"
    cv2.imwrite(str(bg), numbered_frame(1))
    (folder / "link.mp4").symlink_to(folder / "a.mp4")
    (folder / "loop").symlink_to(folder)
    (folder / "gone.mp4").symlink_to(folder / "nowhere.mp4")
    assert run(stand_in_work, "--bg", bg)[1].splitlines()[-1] == "4 done, 0 skipped (already finished), 0 failed"
    assert "1/4 shots, a.mp4: skipped" in run(stand_in_work, "--bg", bg, "-v")[1]


@pytest.fixture
def finished(tmp_path):
    """A task that was done."""
    (tmp_path / "a.png").write_bytes(b"result")
    shot = Shot("a.jpg", Path("a.jpg"), "image", {"composite": "a.png"})
    outputs = [{"kind": "composite", **measure(tmp_path, "a.png")}]
    line = record(shot, "5ha", {"bg": "red"}, status="done", frames=1, seconds=0.1, outputs=outputs)
    return Task(shot, JobOptions("a.jpg"), {"bg": "red"}, tmp_path, line)


def test_finished_is_what_is_done_and_still_the_same(finished):
    assert is_finished(finished, "5ha") and not is_finished(finished, "other")


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", "partial"), ("status", "failed"), ("settings", {"bg": "blue"}), ("settings", None), ("sha256", None),
     ("outputs", []), ("outputs", None), ("outputs", [{}]), ("outputs", [7])],
)  # fmt: skip
def test_no_other_line_says_finished(finished, field, value):
    finished.previous[field] = value
    assert not is_finished(finished, "5ha")


@pytest.mark.parametrize(("field", "value"), [("bytes", 5), ("sha256", "0"), ("path", "b.png")])
def test_no_other_output_is_taken_for_the_finished_one(finished, field, value):
    line = copy.deepcopy(finished.previous)
    finished.previous["outputs"][0][field] = value
    assert not is_finished(finished, "5ha")
    finished.previous.update(line)
    assert is_finished(finished, "5ha")
