"""`shm-stream batch`: what is made, what is recorded, what the next run does again."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import cv2
import pytest
from batch_runs import leftovers, read_manifest, use_workers, write_shots, write_weights
from stand_ins import numbered_clip, numbered_frame, read_numbers, read_pictures

from shm_stream import __version__, cli
from shm_stream.batch_files import digest
from shm_stream.runners import default_runner

pytestmark = pytest.mark.timeout(90)
OWN = (".jsonl", ".csv", ".html", ".json")
"""Extensions of what a batch writes for itself."""


@pytest.fixture(autouse=True)
def weights(tmp_path, monkeypatch):
    """Stand-in weights, named by the environment as users may do it."""
    monkeypatch.setenv("SHM_STREAM_WEIGHTS", str(write_weights(tmp_path / "weights")))
    return tmp_path / "weights"


@pytest.fixture
def folder(tmp_path):
    return write_shots(tmp_path / "in")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def run(monkeypatch, capsys, folder, out):
    """Run the command on `folder` in this process, its workers without networks; (exit code, stdout, stderr)."""

    def run(*arguments, out=out):
        use_workers(monkeypatch)
        code = cli.main(["batch", str(folder), str(out), *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def results(out: Path) -> dict[str, tuple]:
    """Name → (time of change, sha256) of every result."""
    files = [path for path in out.rglob("*") if path.is_file() and path.suffix not in OWN]
    return {path.relative_to(out).as_posix(): (path.stat().st_mtime_ns, digest(path)) for path in files}


def last_line(err: str) -> str:
    return err.splitlines()[-1]


def test_the_tree_is_kept_and_all_outputs_are_made(run, out):
    code, stdout, err = run("--bg", "#203040", "--alpha", "--foreground")
    assert (code, stdout) == (0, "")
    assert sorted(results(out)) == [
        "a.alpha.mp4", "a.foreground.mp4", "a.mp4", "day/b.alpha.mkv", "day/b.foreground.mkv", "day/b.mkv",
        "day/c.alpha.png", "day/c.foreground.png", "day/c.png",
    ]  # fmt: skip
    assert read_numbers(out / "a.mp4") == read_numbers(out / "a.foreground.mp4") == list(range(12))
    assert read_numbers(out / "day/b.mkv") == list(range(8))
    assert len(read_pictures(out / "day/b.alpha.mkv")) == 8
    assert last_line(err) == "3 done, 0 skipped (already finished), 0 failed"
    assert "1/3 shots, a.mp4: done, 12 frames in " in err and "3/3 shots, day/c.png: done, 1 frame in " in err


def test_the_manifest_tells_everything(run, folder, out, weights):
    bg = out.parent / "bg.png"
    cv2.imwrite(str(bg), numbered_frame(0))
    assert run("--bg", bg, "--alpha", "--frames", "5", "--crf", "20")[0] == 0
    line, _, photo = read_manifest(out)
    assert line["source"] == "a.mp4" and line["sha256"] == digest(folder / "a.mp4")
    assert (line["status"], line["reason"], line["frames"], line["warnings"]) == ("done", None, 5, [])
    assert line["seconds"] > 0 and line["ended"].endswith("+00:00")
    names = {"composite": "a.mp4", "alpha": "a.alpha.mp4"}
    assert line["outputs"] == [
        {"kind": kind, "path": name, "bytes": (out / name).stat().st_size, "sha256": digest(out / name)}
        for kind, name in names.items()
    ]
    assert line["settings"] == {
        "version": __version__, "preset": "live", "runner": default_runner("cpu", "live"),
        "weights": {"live.onnx": digest(weights / "live.onnx")}, "device": "cpu", "tnet_size": 256, "dense": False,
        "bg": "bg.png", "bg_sha256": digest(bg), "start": 0.0, "duration": None, "frames": 5, "codec": None, "crf": 20,
        "outputs": names,
    }  # fmt: skip
    assert (photo["frames"], photo["settings"]["frames"], photo["settings"]["crf"]) == (1, None, None)


def test_the_next_run_touches_nothing(run, out):
    run("--bg", "red")
    before, lines = results(out), read_manifest(out)
    code, _, err = run("--bg", "red")
    assert (code, err) == (0, "0 done, 3 skipped (already finished), 0 failed\n")
    assert results(out) == before and read_manifest(out) == lines


def changed(before: dict, after: dict) -> list[str]:
    """Names of results that were written again."""
    return [name for name in after if after[name][0] != before.get(name, (0,))[0]]


def test_a_deleted_or_damaged_output_is_made_again(run, out):
    run("--bg", "red")
    before = results(out)
    (out / "a.mp4").unlink()
    damaged = bytearray((out / "day/c.png").read_bytes())
    damaged[-1] ^= 1
    (out / "day/c.png").write_bytes(damaged)  # of the same size
    code, _, err = run("--bg", "red")
    assert code == 0 and last_line(err) == "2 done, 1 skipped (already finished), 0 failed"
    assert changed(before, results(out)) == ["a.mp4", "day/c.png"]
    assert {name: sha for name, (_, sha) in results(out).items()} == {name: sha for name, (_, sha) in before.items()}


def test_a_changed_source_is_made_again(run, folder, out):
    run("--bg", "red")
    before = results(out)
    numbered_clip(folder / "a.mp4", 7)
    assert last_line(run("--bg", "red")[2]).startswith("1 done, 2 skipped")
    assert changed(before, results(out)) == ["a.mp4"] and read_numbers(out / "a.mp4") == list(range(7))


@pytest.mark.parametrize(
    ("arguments", "again"),
    [(["--bg", "blue"], 3), (["--bg", "red", "--crf", "30"], 2), (["--bg", "red", "-t", "0.2"], 2),
     (["--bg", "red", "--tnet-size", "320"], 3), (["--bg", "red", "--alpha"], 3)],
)  # fmt: skip
def test_changed_settings_make_again_what_depends_on_them(run, arguments, again):
    run("--bg", "red")
    assert last_line(run(*arguments)[2]).startswith(f"{again} done, {3 - again} skipped")


def test_other_weights_or_a_changed_background_make_all_again(run, weights, out):
    bg = out.parent / "bg.png"
    cv2.imwrite(str(bg), numbered_frame(0))
    run("--bg", bg)
    write_weights(weights, b"better weights")
    assert last_line(run("--bg", bg)[2]).startswith("3 done")
    cv2.imwrite(str(bg), numbered_frame(255))
    assert last_line(run("--bg", bg)[2]).startswith("3 done")
    assert last_line(run("--bg", bg)[2]).startswith("0 done, 3 skipped")


def test_bad_files_stop_nothing_and_are_tried_again(run, folder, out):
    (folder / "text.mp4").write_text("this is no video")
    (folder / "zero.mov").touch()
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    whole = numbered_clip(folder.parent / "whole.mkv", 120)
    (folder / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    code, _, err = run("--bg", "red")
    assert code == 1 and last_line(err) == "3 done, 0 skipped (already finished), 3 failed, 1 partial"
    partial, text, torn, zero = err.splitlines()[-5:-1]
    assert partial.startswith("partial: cut.mkv: input ended early") and "not a video" in text
    assert torn.startswith("failed: torn.jpg: ") and "the file is empty" in zero
    lines = {line["source"]: line for line in read_manifest(out)}
    assert lines["text.mp4"]["outputs"] == [] and lines["text.mp4"]["sha256"] == digest(folder / "text.mp4")
    assert lines["cut.mkv"]["outputs"][0]["sha256"] == digest(out / "cut.mkv")
    assert read_numbers(out / "cut.mkv")[:30] == list(range(30)) and len(results(out)) == 4
    assert last_line(run("--bg", "red")[2]) == "0 done, 3 skipped (already finished), 3 failed, 1 partial"
    (folder / "text.mp4").write_bytes((folder / "a.mp4").read_bytes())
    assert last_line(run("--bg", "red")[2]) == "1 done, 3 skipped (already finished), 2 failed, 1 partial"


def test_suffixes(run, folder, out):
    numbered_clip(folder / "a.mov", 3)  # told apart from a.mp4 by the extension that it keeps
    assert run("--bg", "red")[0] == 0 and (out / "a.mov").exists()
    (folder / "a.mov").unlink()
    other, third = out.with_name("other"), out.with_name("third")
    assert run("--bg", "transparent", "--alpha", "--image-suffix", ".webp", out=other)[0] == 0
    assert {"a.mov", "a.alpha.mp4", "day/b.mov", "day/b.alpha.mkv", "day/c.webp"} < set(results(other))
    assert run("--alpha", "--suffix", ".mov", "--codec", "prores_ks", out=third)[0] == 0
    assert sorted(results(third)) == ["a.alpha.mov", "day/b.alpha.mov", "day/c.alpha.png"]


def test_files_that_no_batch_made_need_y(run, out):
    out.mkdir()
    (out / "a.mp4").write_bytes(b"precious")
    code, _, err = run("--bg", "red")
    assert code == 2 and err.endswith("a.mp4 exists and no batch made it; add -y to overwrite such files\n")
    assert (out / "a.mp4").read_bytes() == b"precious" and os.listdir(out) == ["a.mp4"]
    assert run("--bg", "red", "-y")[0] == 0 and len(read_numbers(out / "a.mp4")) == 12


def test_a_page_that_no_batch_made_is_not_replaced(run, out):
    out.mkdir()
    (out / "report.html").write_text("precious")
    assert run("--bg", "red")[0] == 2 and (out / "report.html").read_text() == "precious"


@pytest.mark.parametrize("tail", [b'{"source": "day/c.png", "status": "do', b"\0\0\0", b"17", b'{"source": "\xff'])
def test_a_torn_last_line_is_mended(run, out, tail):
    run("--bg", "red")
    path = out / "manifest.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole[:-1].rindex(b"\n") + 1] + tail)
    assert last_line(run("--bg", "red")[2]).startswith("1 done, 2 skipped")
    assert [line["source"] for line in read_manifest(out)] == ["a.mp4", "day/b.mkv", "day/c.png"]
    path.write_bytes(path.read_bytes().rstrip(b"\n"))  # whole but for its end
    assert last_line(run("--bg", "red", "--frames", "3")[2]).startswith("2 done, 1 skipped")
    assert len(read_manifest(out)) == 5


def test_lines_that_make_no_sense_are_passed_over(run, out):
    run("--bg", "red")
    lines = (out / "manifest.jsonl").read_text().splitlines()
    entry = json.loads(lines[1])
    del entry["outputs"][0]["sha256"]
    (out / "manifest.jsonl").write_text("\n".join([lines[0], "[]", "torn {", json.dumps(entry), lines[2]]) + "\n")
    assert last_line(run("--bg", "red")[2]).startswith("1 done, 2 skipped")


def test_leftovers_of_a_killed_run_go_and_other_files_stay(run, out):
    run("--bg", "red")
    (out / ".a.0123abcd.partial.mp4").write_bytes(b"half")
    (out / ".other.0123abcd.partial.mp4").write_bytes(b"of somebody else")
    assert last_line(run("--bg", "red")[2]).startswith("0 done, 3 skipped")
    assert [path.name for path in leftovers(out)] == [".other.0123abcd.partial.mp4"]


def test_the_report_is_a_table_of_all_shots(run, folder, out):
    run("--bg", "red")
    (folder / "text.mp4").write_text("no, video")
    assert run("--bg", "red", "--report")[0] == 1
    with open(out / "report.csv", newline="") as file:
        rows = {row["source"]: row for row in csv.DictReader(file)}
    assert [(name, row["status"]) for name, row in rows.items()] == [
        ("a.mp4", "skipped"), ("day/b.mkv", "skipped"), ("day/c.png", "skipped"), ("text.mp4", "failed"),
    ]  # fmt: skip
    assert rows["a.mp4"]["frames"] == "12" and int(rows["a.mp4"]["bytes"]) == (out / "a.mp4").stat().st_size
    assert "not a video" in rows["text.mp4"]["reason"]


def test_quiet_prints_errors_only(run, folder):
    assert run("--bg", "red", "-q") == (0, "", "")
    (folder / "zero.mov").touch()
    code, _, err = run("--bg", "red", "-q")
    assert code == 1 and err.startswith("failed: zero.mov: ") and err.count("\n") == 1
