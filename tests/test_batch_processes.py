"""`shm-stream batch` as a process: killed, interrupted, with dying workers, watching."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest
from batch_runs import children, input_folder, is_running, leftovers, read_manifest, read_until, start, wait_until
from processes import ended, started_processes
from stand_ins import numbered_clip, read_numbers

from shm_stream.batch_files import digest

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(sys.platform != "linux", reason="worker processes are found through /proc"),
]
SLOW = 0.03
"""Seconds a frame, so that c.mp4 takes 6."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two short shots before a long one and another one."""
    folder = tmp_path_factory.mktemp("clips")
    for name, count in (("a.mp4", 2), ("b.mp4", 3), ("c.mp4", 200), ("d.mp4", 4)):
        numbered_clip(folder / name, count)
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch, clips):
    """A copy of the clips."""
    return shutil.copytree(clips, input_folder(tmp_path, monkeypatch), dirs_exist_ok=True)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def batch(folder, out):
    """Starts the command; what still runs at the end of the test is killed."""

    def batch(*arguments, **options) -> subprocess.Popen:
        started.append(start(folder, out, "--bg", "red", "--progress", "json", *arguments, **options))
        return started[-1]

    with started_processes() as started:
        yield batch


def reach_the_middle_of_c(process, out) -> list[int]:
    """Wait until frames of c.mp4 are in a file (encoders hold the first ones back), and those before it are done;
    returns the workers."""
    read_until(process, lambda event: event["event"] == "frames" and event["shot"] == "c.mp4")
    wait_until(lambda: any(path.name.startswith(".c.") for path in leftovers(out)))
    wait_until(lambda: {"a.mp4", "b.mp4"} <= {line["source"] for line in read_manifest(out)})
    return children(process.pid)


def identity(path) -> tuple:
    return path.stat().st_mtime_ns, path.stat().st_ino, digest(path)


def test_after_kill_9_the_next_run_makes_the_rest(batch, out):
    process = batch(seconds_per_frame=SLOW)
    workers = reach_the_middle_of_c(process, out)
    process.kill()
    ended(process)
    assert len(workers) == 1
    wait_until(lambda: not any(map(is_running, workers)), 10)  # no orphan works on
    assert sorted(path.name for path in out.glob("[a-z]*")) == ["a.mp4", "b.mp4", "manifest.jsonl"]
    assert len(leftovers(out)) == 1
    before = [identity(out / name) for name in ("a.mp4", "b.mp4")]
    code, err = ended(batch())
    assert (code, err) == (0, "2 done, 2 skipped (already finished), 0 failed\n")
    assert [identity(out / name) for name in ("a.mp4", "b.mp4")] == before
    assert read_numbers(out / "c.mp4") == list(range(200)) and read_numbers(out / "d.mp4") == list(range(4))
    assert leftovers(out) == []
    assert [line["source"] for line in read_manifest(out)] == ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_ctrl_c_keeps_what_is_finished(batch, out, number):
    process = batch("--jobs", "2", seconds_per_frame=SLOW)
    workers = reach_the_middle_of_c(process, out)
    process.send_signal(number) if number == signal.SIGTERM else os.killpg(process.pid, number)  # as a terminal does
    code, err = ended(process)
    *_, counts, last = err.splitlines()
    assert code == 130 and last.endswith("interrupted; finished shots are kept, the same command goes on from here")
    assert counts.endswith("0 skipped (already finished), 0 failed") and "Traceback" not in err
    assert workers and not any(map(is_running, workers))
    lines = read_manifest(out)
    assert {"a.mp4", "b.mp4"} <= {line["source"] for line in lines} <= {"a.mp4", "b.mp4", "d.mp4"}
    assert all(line["status"] == "done" for line in lines) and leftovers(out) == []
    assert not (out / "c.mp4").exists()
    assert ended(batch())[0] == 0 and len(read_numbers(out / "c.mp4")) == 200


def test_ctrl_c_while_a_worker_starts_is_no_traceback(batch, out):
    process = batch()
    wait_until(lambda: process.poll() is not None or children(process.pid))
    os.killpg(process.pid, signal.SIGINT)
    code, err = ended(process)
    assert code == 130 and len(err.splitlines()) == 2 and "interrupted; finished shots are kept" in err
    assert read_manifest(out) == []


def test_a_killed_worker_fails_its_shot_only(batch, out):
    process = batch("--jobs", "2", seconds_per_frame=SLOW)
    read_until(process, lambda event: event["event"] == "done" and event["shot"] == "d.mp4")  # much shorter than c
    (busy,) = [pid for pid in reach_the_middle_of_c(process, out) if writes_into(pid, out)]
    os.kill(busy, signal.SIGKILL)
    code, err = ended(process)
    reason = "the worker process was killed by SIGKILL; there may be too little memory"
    assert code == 1
    assert err.splitlines() == [f"failed: c.mp4: {reason}", "3 done, 0 skipped (already finished), 1 failed"]
    (line,) = [line for line in read_manifest(out) if line["source"] == "c.mp4"]
    assert (line["status"], line["reason"], line["outputs"]) == ("failed", reason, []) and line["sha256"]
    assert leftovers(out) == [] and not (out / "c.mp4").exists()
    assert ended(batch("--jobs", "2")) == (0, "1 done, 3 skipped (already finished), 0 failed\n")


def writes_into(pid: int, folder) -> bool:
    """Whether a process has a file open there."""
    links = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
    return any(link.startswith(str(folder)) for link in links)


def test_shots_after_a_killed_worker_get_a_new_one(batch, out):
    process = batch(seconds_per_frame=SLOW)
    os.kill(reach_the_middle_of_c(process, out)[0], signal.SIGKILL)
    code, err = ended(process)
    assert code == 1 and err.splitlines()[-1] == "3 done, 0 skipped (already finished), 1 failed"
    assert read_numbers(out / "d.mp4") == list(range(4))


def test_two_at_a_time(batch, folder, out):
    (folder / "d.mp4").replace(folder / "e.mp4")
    numbered_clip(folder / "d.mp4", 100)
    running = set()

    def both(event) -> bool:
        running.add(event["shot"]) if event["event"] == "frames" else None
        running.discard(event["shot"]) if event["event"] == "done" else None
        return running == {"c.mp4", "d.mp4"}

    process = batch("--jobs", "2", "--frames", "100", seconds_per_frame=SLOW)
    read_until(process, both)
    assert len(children(process.pid)) == 2
    assert ended(process) == (0, "5 done, 0 skipped (already finished), 0 failed\n")


def test_json_tells_of_every_step(batch):
    process = batch("--frames", "20", seconds_per_frame=0.01)
    events = read_until(process, lambda event: event["event"] == "end")
    assert ended(process)[0] == 0
    assert events[0] == {"event": "pass", "shot": None, "through": 0, "shots": 4}
    assert events[-1] == {
        "event": "end", "shot": None, "interrupted": False, "done": 4, "partial": 0, "failed": 0, "skipped": 0,
        "through": 4, "shots": 4,
    }  # fmt: skip
    of_c = [event for event in events if event["shot"] == "c.mp4"]
    assert [event["event"] for event in of_c] == ["started", *["frames"] * 20, "done"]
    assert [event["frames"] for event in of_c] == [0, *range(1, 21), 20]
    assert all(event["of"] == 20 and event["shots"] == 4 and event["through"] == 2 for event in of_c[:-1])
    assert of_c[0]["eta"] is None and of_c[-2]["eta"] == 0 and 0 < of_c[2]["eta"] < 60
    assert (of_c[-1]["through"], of_c[-1]["eta"], of_c[-1]["reason"]) == (3, 0, None)


def test_only_one_batch_at_a_time_writes_to_a_folder(batch, out):
    process = batch(seconds_per_frame=SLOW)
    reach_the_middle_of_c(process, out)
    code, err = ended(batch())
    assert code == 2 and err == f"shm-stream: error: another batch is writing to {out}; wait until it has ended\n"


def test_watching_takes_new_and_changed_files(batch, folder, out):
    (folder / "c.mp4").unlink()
    process = batch("--watch")

    def made(name, frames):
        return lambda event: (event["event"], event["shot"], event.get("frames")) == ("done", name, frames)

    read_until(process, made("d.mp4", 4))
    whole = numbered_clip(folder.parent / "whole.mp4", 9).read_bytes()
    with open(folder / "new.mp4", "wb") as file:
        file.write(whole)
    read_until(process, made("new.mp4", 9))
    (folder / "new.mp4").write_bytes(numbered_clip(folder.parent / "whole.mp4", 5).read_bytes())
    read_until(process, made("new.mp4", 5))
    (folder / "b.avi").write_bytes(whole)  # would overwrite b.mp4
    refused = read_until(process, lambda event: event["event"] == "failed")[-1]
    assert refused["reason"] == "b.mp4 and b.avi would both become b.mp4; rename one of them"
    process.send_signal(signal.SIGINT)
    code, err = ended(process)
    assert code == 130 and err.splitlines()[1] == "4 done, 0 skipped (already finished), 1 failed"
    assert read_numbers(out / "new.mp4") == list(range(5)) and read_numbers(out / "b.mp4") == list(range(3))
