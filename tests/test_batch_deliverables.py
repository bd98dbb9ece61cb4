"""Batches that hand over what an editor or a compositor takes, and what is redone of that."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from batch_runs import SMALL, input_folder, leftovers, read_manifest, start, use_workers, wait_until, write_shots

from shm_stream import cli
from shm_stream.batch_files import files_of, is_intact, measure
from shm_stream.partial import partial_path, sweep

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path, out):
    """Run the command in this process, its workers without networks; (exit code, last line of stderr)."""
    folder = write_shots(input_folder(tmp_path, monkeypatch))

    def run(*arguments):
        use_workers(monkeypatch)
        code = cli.main(["batch", str(folder), str(out), *SMALL, *map(str, arguments)])
        return code, capsys.readouterr().err.splitlines()[-1]

    return run


def names(folder: Path, pattern: str = "*.exr") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(pattern))


def numbers(shot: str, count: int) -> list[str]:
    return [f"{shot}.{1001 + i}.exr" for i in range(count)]


def test_sequences_for_nuke(run, out):
    pytest.importorskip("OpenEXR")
    assert run("--for", "nuke") == (0, "3 done, 0 skipped (already finished), 0 failed")
    assert names(out) == [*numbers("a/a", 12), *numbers("day/b/b", 8), "day/c.exr"]
    line = read_manifest(out)[0]
    assert line["outputs"] == [{"kind": "transparent", **measure(out, "a/a.%04d.exr")}]
    assert line["outputs"][0]["files"] == 12 and line["settings"]["target"] == "nuke"
    assert json.loads((out / "a" / "a.exr.json").read_text())["frames"] == 12
    assert run("--for", "nuke") == (0, "0 done, 3 skipped (already finished), 0 failed")


def test_a_frame_that_is_missing_damaged_or_too_many_is_noticed(run, out):
    pytest.importorskip("OpenEXR")
    run("--for", "nuke")
    frame = out / "a" / "a.1005.exr"
    content = frame.read_bytes()
    damage, add = (lambda: frame.write_bytes(content[:-1] + b"x")), (out / "a" / "a.1013.exr").touch
    for change in (frame.unlink, damage, add):
        change()
        assert run("--for", "nuke") == (0, "1 done, 2 skipped (already finished), 0 failed")
        assert names(out / "a") == numbers("a", 12)
    assert run("--for", "nuke", "--frames", 5)[1] == "2 done, 1 skipped (already finished), 0 failed"
    assert names(out / "a") == numbers("a", 5), "nothing of the longer sequence is left behind the shorter one"


def test_a_batch_that_is_killed_leaves_whole_pictures_and_is_gone_on_with(tmp_path, run, out):
    pytest.importorskip("OpenEXR")
    process = start(tmp_path / "in", out, "--for", "nuke", seconds_per_frame=0.2)
    wait_until(lambda: len(names(out)) > 3)
    process.kill()
    process.communicate(timeout=30)
    assert len(names(out)) < 21
    partial_path(out / "a" / "a.1009.exr").touch()  # what is left when a worker dies at its worst moment
    assert run("--for", "nuke")[0] == 0
    assert names(out) == [*numbers("a/a", 12), *numbers("day/b/b", 8), "day/c.exr"] and leftovers(out) == []


def test_prores_for_resolve_beside_an_alpha_of_its_own(run, out):
    assert run("--for", "resolve", "--alpha") == (0, "3 done, 0 skipped (already finished), 0 failed")
    assert names(out, "*.mov") == ["a.mov", "day/b.mov"] and names(out, "*.png") == ["day/c.alpha.png", "day/c.png"]
    facts = json.loads((out / "a.mov.json").read_text())
    assert "prores" in json.dumps(facts) and cv2.imread(str(out / "day/c.png"), cv2.IMREAD_UNCHANGED).shape[2] == 4


def test_changed_edges_are_made_again_and_nothing_else(run, out):
    assert run("--bg", "red", "--shrink", 3, "--person", "largest")[0] == 0
    settings = read_manifest(out)[0]["settings"]
    assert settings["person"] == "largest" and settings["controls"]["shrink"] == 3
    assert run("--bg", "red", "--shrink", 3, "--person", "largest")[1].startswith("0 done, 3 skipped")
    assert run("--bg", "red", "--shrink", 4, "--person", "largest")[1].startswith("3 done, 0 skipped")
    assert run("--bg", "red")[1].startswith("3 done, 0 skipped")
    assert "person" not in read_manifest(out)[-1]["settings"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--for", "nuke", "--suffix", ".mov"], "--for nuke says which files there are; leave out --suffix"),
        (["--for", "web", "--bg", "red"], "--for web is about alpha: leave out --bg"),
        (["--for", "obs", "--codec", "ffv1"], "codec ffv1 and --for obs exclude each other"),
        (["--bg", "red", "--image-format", "tif"], "--image-format is for folders of pictures"),
        (["--bg", "red", "--start-number", "7"], "--start-number is for sequences: give it with --for nuke"),
        (["--bg", "red", "--suffix", ".png", "--crf", "7"], "codec and crf are for videos; leave them out with"),
        (["--bg", "transparent", "--suffix", ".jpg"], ".jpg has no transparency; use .png"),
        (["--bg", "red", "--alpha-mode", "straight"], "--alpha-mode is about colours beside alpha"),
        (["--bg", "red", "--person", "tall"], "person is one of all, largest, center, got 'tall'"),
        (["--bg", "red", "--feather", "99"], "feather 99 is out of range"),
        (["--bg", "red", "--bits", "9"], "9 bits are not usable"),
    ],
)
def test_what_contradicts_itself_is_said_before_anything_is_made(run, out, arguments, message):
    code, line = run(*arguments)
    assert code == 2 and message in line and not out.exists()


def test_frames_that_no_batch_made_are_not_overwritten(run, out):
    pytest.importorskip("OpenEXR")
    (out / "a").mkdir(parents=True)
    (out / "a" / "a.0001.exr").write_text("mine")
    code, line = run("--for", "nuke")
    assert code == 2 and f"{out / 'a' / 'a.0001.exr'} exists and no batch made it" in line
    assert (out / "a" / "a.0001.exr").read_text() == "mine"


def test_results_of_sequences(tmp_path):
    for number in (1, 2, 10):
        (tmp_path / f"s.{number:04d}.exr").write_text(str(number))
    (tmp_path / "s.exr").touch()
    assert [path.name for path in files_of(tmp_path, "s.%04d.exr")] == ["s.0001.exr", "s.0002.exr", "s.0010.exr"]
    facts = measure(tmp_path, "s.%04d.exr")
    assert facts["files"] == 3 and facts["bytes"] == 4 and is_intact(tmp_path, facts)
    (tmp_path / "s.0010.exr").rename(tmp_path / "s.0011.exr")
    assert not is_intact(tmp_path, facts)
    assert measure(tmp_path, "t.%04d.exr")["files"] == 0
    for name in ("s.0003.exr", "t.0003.exr"):
        partial_path(tmp_path / name).touch()
    sweep([tmp_path / "s.%04d.exr"])
    assert [path.name.split(".")[1] for path in leftovers(tmp_path)] == ["t"]


def test_a_broken_shot_leaves_no_empty_folder_of_pictures(run, tmp_path, out):
    pytest.importorskip("OpenEXR")
    (tmp_path / "in" / "day" / "noise.mp4").write_bytes(b"noise" * 100)
    assert run("--for", "nuke") == (1, "3 done, 0 skipped (already finished), 1 failed")
    assert not (out / "day" / "noise").exists() and (out / "day" / "b").is_dir()
