"""What may happen to a batch from outside: each leaves finished work as it is, and says in a line what happened."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from batch_bodies import stand_in_work
from batch_runs import children, input_folder, is_running, leftovers, read_manifest, start, wait_until
from disks import file_size_limit, small_disk
from processes import ended, started_processes
from stand_ins import numbered_clip, read_numbers, write_clip

from shm_stream import batch_pool
from shm_stream.fine_images import read_exr

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(sys.platform != "linux", reason="workers are found through /proc, disks filled by mounting"),
]
LIMIT_BYTES = 400_000
"""More than all that a batch of short clips writes, less than a clip of noise takes."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = input_folder(tmp_path, monkeypatch)
    numbered_clip(folder / "a.mp4", 3)
    numbered_clip(folder / "c.mp4", 4)
    return folder


@pytest.fixture
def batch(folder):
    """Starts the command for `out`; what still runs at the end of the test is killed."""

    def batch(out, *arguments, **options) -> subprocess.Popen:
        started.append(start(folder, out, "--bg", "red", *arguments, **options))
        return started[-1]

    with started_processes() as started:
        yield batch


def reach_the_middle(process, out, name: str) -> list[int]:
    """Wait until a shot is being written; returns the workers."""
    wait_until(lambda: any(path.name.startswith(f".{name}.") for path in leftovers(out)))
    return children(process.pid)


def statuses(out) -> dict[str, str]:
    return {line["source"]: line["status"] for line in read_manifest(out)}


@pytest.mark.parametrize(
    ("full", "why"), [(file_size_limit, "File too large"), (small_disk, "No space left on device")]
)
def test_a_full_disk_fails_the_shot_that_does_not_fit(batch, folder, tmp_path, full, why):
    pictures = np.random.default_rng(0).integers(0, 256, (10, 240, 320, 3)).astype(np.uint8)
    write_clip(folder / "b.mp4", pictures)
    out = tmp_path / "out"
    with full(out, LIMIT_BYTES):
        code, err = ended(batch(out))
        assert code == 1 and "Traceback" not in err
        assert f"failed: b.mp4: cannot write {out}/b.mp4: {why}; nothing was kept\n" in err
        assert statuses(out) == {"a.mp4": "done", "b.mp4": "failed", "c.mp4": "done"} and leftovers(out) == []
        assert read_numbers(out / "a.mp4") == [0, 1, 2] and read_numbers(out / "c.mp4") == [0, 1, 2, 3]
        assert (out / "report.html").read_text().count("<article") == 3
    if full is file_size_limit:
        assert ended(batch(out))[1].endswith("1 done, 2 skipped (already finished), 0 failed\n")


def test_a_sequence_that_does_not_fit_keeps_whole_pictures_and_is_made_again(batch, folder, tmp_path):
    pytest.importorskip("OpenEXR")
    pictures = np.random.default_rng(0).integers(0, 256, (10, 96, 128, 3)).astype(np.uint8)
    write_clip(folder / "b.mp4", pictures)
    out = tmp_path / "out"
    with small_disk(out, LIMIT_BYTES):
        code, err = ended(batch(out, "--for", "nuke", "--bg", "transparent"))
        assert code == 1 and "Traceback" not in err and statuses(out)["a.mp4"] == "done", err
        kept = sorted((out / "b").iterdir())
        assert re.search(rf"failed: b.mp4: cannot write {out}/b/b.10.*; kept: {len(kept)} pictures of ", err)
        assert all(read_exr(path).ndim == 3 for path in out.rglob("*.exr")) and leftovers(out) == []
        subprocess.run(["mount", "-o", "remount,size=4m", str(out)], check=True)
        code, err = ended(batch(out, "--for", "nuke", "--bg", "transparent"))
        assert code == 0 and statuses(out) == {"a.mp4": "done", "b.mp4": "done", "c.mp4": "done"}
        assert len([*(out / "b").glob("*.exr")]) == 10


def test_a_removed_folder_ends_the_batch_and_does_not_come_back(batch, folder, tmp_path):
    numbered_clip(folder / "b.mp4", 60)
    out = tmp_path / "out"
    process = batch(out, seconds_per_frame=0.03)
    reach_the_middle(process, out, "b")
    shutil.rmtree(out)
    code, err = ended(process)
    assert code == 1 and "Traceback" not in err and not out.exists()
    assert err.splitlines()[-1] == (
        f"shm-stream: error: {out}/manifest.jsonl was moved or deleted while the batch ran; nothing more is made"
    )


def test_a_shot_that_takes_too_long_is_given_up(batch, folder, tmp_path):
    numbered_clip(folder / "b.mp4", 200)
    out = tmp_path / "out"
    code, err = ended(batch(out, "--timeout", "8", seconds_per_frame=0.2))
    assert code == 1 and "failed: b.mp4: it took longer than the 8 s of --timeout\n" in err
    assert err.endswith("2 done, 0 skipped (already finished), 1 failed\n")
    assert statuses(out) == {"a.mp4": "done", "b.mp4": "failed", "c.mp4": "done"} and leftovers(out) == []


def test_ctrl_c_twice_is_as_good_as_once(batch, folder, tmp_path):
    numbered_clip(folder / "b.mp4", 200)
    out = tmp_path / "out"
    process = batch(out, seconds_per_frame=0.03)
    workers = reach_the_middle(process, out, "b")
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
    code, err = ended(process)
    assert code == 130 and "Traceback" not in err and err.splitlines()[-1].startswith("shm-stream: error: interrupted")
    assert workers and not any(map(is_running, workers)) and leftovers(out) == []
    assert statuses(out) == {"a.mp4": "done"} and not (out / "b.mp4").exists()


def test_ctrl_c_while_workers_are_ended_waits_until_they_are(monkeypatch, request):
    monkeypatch.setattr(batch_pool, "WORK", stand_in_work)
    monkeypatch.setattr(batch_pool._Worker, "end", impatient(batch_pool._Worker.end))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    pool = batch_pool.Pool(2)
    pool._workers = [batch_pool._Worker(), batch_pool._Worker()]
    wait_until(lambda: len(children(os.getpid())) == 2)
    workers = children(os.getpid())
    with pytest.raises(KeyboardInterrupt):
        pool.close()
    assert len(workers) == 2 and not any(map(is_running, workers))


def impatient(end):
    """`end` with a Ctrl-C in its midst."""

    def with_ctrl_c(worker) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        end(worker)

    return with_ctrl_c


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mov"])
def test_a_source_that_is_cut_off_is_never_done(batch, folder, tmp_path, suffix):
    whole = numbered_clip(tmp_path / f"whole{suffix}", 120, codec="mpeg4").read_bytes()
    (folder / f"b{suffix}").write_bytes(whole[: len(whole) * 7 // 10])
    out = tmp_path / "out"
    code, err = ended(batch(out))
    found = statuses(out)
    assert code == 1 and found.pop(f"b{suffix}") == ("failed" if suffix == ".mov" else "partial")
    assert found == {"a.mp4": "done", "c.mp4": "done"} and "Traceback" not in err
    assert ("input ended early" in err) != (suffix == ".mov")
