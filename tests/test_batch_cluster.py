"""Batches on a Dask cluster of real processes: the same results as here, and workers that die."""

from __future__ import annotations

import signal
import threading
import time

import cv2
import numpy as np
import pytest

pytest.importorskip("distributed", reason="Dask is not installed: pip install 'shm-stream[cluster]'")

from batch_runs import leftovers, read_manifest, use_workers, wait_until, write_shots, write_weights  # noqa: E402
from cluster_processes import Cluster  # noqa: E402
from stand_ins import numbered_clip, read_numbers, read_pictures  # noqa: E402

from shm_stream import cli  # noqa: E402
from shm_stream.batch_cluster import ClusterPool  # noqa: E402
from shm_stream.batch_files import digest  # noqa: E402
from shm_stream.errors import ShmStreamError  # noqa: E402

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A scheduler with workers to come; this process and they have the same weights."""
    monkeypatch.setenv("SHM_STREAM_WEIGHTS", str(write_weights(tmp_path / "weights")))
    (tmp_path / "dask").mkdir()
    with Cluster(tmp_path / "dask") as cluster:
        yield cluster


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command in this process; (exit code, stderr)."""
    folder = write_shots(tmp_path / "in")

    def run(out, *arguments):
        use_workers(monkeypatch)
        kind = [] if "--for" in arguments else ["--bg", "red"]
        code = cli.main(["batch", str(folder), str(tmp_path / out), *kind, *map(str, arguments)])
        return code, capsys.readouterr().err

    return run


def contents(folder) -> dict[str, list]:
    """Name → what is in a result. Files of Matroska have an identity of their own and are never equal."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix == ".mkv":
            found[path.relative_to(folder).as_posix()] = [picture.tobytes() for picture in read_pictures(path)]
        elif path.suffix in (".mp4", ".png", ".exr", ".mov") or path.name.endswith(".exr.json"):
            found[path.relative_to(folder).as_posix()] = [digest(path)]
    return found


def recorded(folder) -> dict[str, tuple]:
    return {line["source"]: (line["sha256"], line["frames"], line["settings"]) for line in read_manifest(folder)}


def test_results_and_manifest_are_those_of_processes_here(cluster, run, tmp_path):
    numbered_clip(tmp_path / "in" / "long.mkv", 75)
    for _ in range(2):
        cluster.add_worker()
    cluster.wait_for_workers(2)
    code, err = run("there", "--alpha", "--chunk", 1, "--cluster", cluster.file)
    assert code == 0 and err.splitlines()[-1] == "4 done, 0 skipped (already finished), 0 failed"
    assert run("here", "--alpha", "--chunk", 1, "--jobs", 2)[0] == 0
    assert contents(tmp_path / "there") == contents(tmp_path / "here") and len(contents(tmp_path / "here")) == 8
    assert recorded(tmp_path / "there") == recorded(tmp_path / "here")
    assert run("there", "--alpha", "--chunk", 1, "--cluster", cluster.file)[1].startswith("0 done, 4 skipped")


def test_chunks_of_a_sequence_are_those_of_processes_here(cluster, run, tmp_path):
    pytest.importorskip("OpenEXR")
    numbered_clip(tmp_path / "in" / "long.mov", 75)
    for _ in range(2):
        cluster.add_worker()
    cluster.wait_for_workers(2)
    arguments = ("--for", "nuke", "--person", "largest")
    assert run("there", *arguments, "--chunk", 1, "--cluster", cluster.file)[0] == 0
    assert run("here", *arguments)[0] == 0
    there = contents(tmp_path / "there")
    assert there == contents(tmp_path / "here") and len(there) == 12 + 8 + 75 + 1 + 3 + 1
    assert recorded(tmp_path / "there") == recorded(tmp_path / "here")


def test_a_worker_that_is_killed_costs_only_its_chunk(cluster, run, tmp_path):
    numbered_clip(tmp_path / "in" / "long.mkv", 100)
    victim, _ = cluster.add_worker(0.05), cluster.add_worker(0.05)
    cluster.wait_for_workers(2)

    def kill_in_the_middle():
        wait_until(lambda: len([*(tmp_path / "out" / ".chunks" / "long.mkv").glob("*.json")]) >= 1)
        time.sleep(0.3)
        victim.kill()

    killer = threading.Thread(target=kill_in_the_middle)
    killer.start()
    code, err = run("out", "--chunk", 1, "--cluster", cluster.file)
    killer.join(30)
    assert victim.poll() == -signal.SIGKILL
    assert (code, err.splitlines()[-1]) == (0, "4 done, 0 skipped (already finished), 0 failed")
    assert read_numbers(tmp_path / "out" / "long.mkv") == list(range(100)) and leftovers(tmp_path / "out") == []


def test_a_lost_scheduler_ends_the_batch_and_nothing_is_lost(cluster, run, tmp_path):
    cluster.add_worker(0.1)
    cluster.wait_for_workers(1)

    def kill_in_the_middle():
        wait_until(lambda: (tmp_path / "out" / "manifest.jsonl").is_file() and read_manifest(tmp_path / "out"))
        cluster.scheduler.kill()

    killer = threading.Thread(target=kill_in_the_middle)
    killer.start()
    code, err = run("out", "--cluster", cluster.file)
    killer.join(30)
    assert code == 1 and "the scheduler at" in err and "was lost; finished shots are kept" in err.splitlines()[-1]
    wait_until(lambda: cluster.workers[0].poll() is not None or leftovers(tmp_path / "out") == [])
    code, err = run("out")
    assert code == 0 and "skipped" in err and "0 failed" in err
    assert read_numbers(tmp_path / "out" / "a.mp4") == list(range(12))


def test_a_call_that_finds_no_scheduler_says_that_it_was_lost(cluster):
    cluster.add_worker()
    cluster.wait_for_workers(1)
    with ClusterPool(str(cluster.file), []) as pool:
        cluster.scheduler.kill()
        cluster.scheduler.wait(20)
        with pytest.raises(ShmStreamError, match="the scheduler at .* was lost; finished shots are kept"):
            pool.run([None], lambda *_: [])


def test_workers_in_other_folders_find_a_relative_mask(cluster, run, tmp_path, monkeypatch):
    cluster.add_worker()
    cluster.wait_for_workers(1)
    monkeypatch.chdir(tmp_path)
    height, width = cv2.imread("in/day/c.png").shape[:2]
    cv2.imwrite("none.png", np.full((height, width), 255, np.uint8))
    code, err = run("out", "--alpha", "--holdout", "none.png", "--cluster", cluster.file)
    assert (code, err.splitlines()[-1]) == (0, "3 done, 0 skipped (already finished), 0 failed")
    assert cv2.imread("out/day/c.alpha.png").max() == 0


def test_workers_that_would_do_something_else_are_refused(cluster, run, tmp_path):
    other = write_weights(tmp_path / "other", b"other")
    cluster.add_worker(SHM_STREAM_WEIGHTS=str(other))
    cluster.wait_for_workers(1)
    code, err = run("out", "--cluster", cluster.file)
    assert code == 2 and err.count("\n") == 1 and "has other weights; install the same everywhere" in err


def test_a_cluster_without_workers(cluster, run):
    wait_until(cluster.is_up)
    code, err = run("out", "--cluster", cluster.file)
    assert code == 2 and "the cluster has no workers; start some with `dask worker ADDRESS --nthreads 1`" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cluster", "tcp://127.0.0.1:1"], "no scheduler answers at tcp://127.0.0.1:1"),
        (["--cluster", "nowhere"], "no scheduler answers at nowhere"),
        (["--cluster", "tcp://127.0.0.1:1", "--jobs", "2"], "--jobs is for processes of this machine"),
        (["--cluster", "tcp://127.0.0.1:1", "--timeout", "9"], "--timeout ends a process, which --cluster cannot"),
    ],
)
def test_what_cannot_be_used_is_said(run, monkeypatch, tmp_path, arguments, message):
    monkeypatch.setenv("SHM_STREAM_WEIGHTS", str(write_weights(tmp_path / "weights")))
    monkeypatch.setattr("shm_stream.batch_cluster.CONNECT_SECONDS", 2.0)
    code, err = run("out", *arguments)
    assert code == 2 and message in err and err.count("\n") == 1, err


def test_facts_that_differ():
    from pathlib import Path

    from shm_stream.cluster_worker import Facts

    here = Facts((), {"live.onnx": "abc"})
    assert here.difference(here) is None
    assert "does not see /x; all machines need it" in here.difference(Facts((Path("/x"),), here.weights))
    assert "has shm-stream 0.0.1" in here.difference(Facts((), here.weights, "0.0.1"))
