"""Batches on a Dask cluster of real processes: the same results as here, and workers that die."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("distributed", reason="Dask is not installed: pip install 'shm-stream[cluster]'")

from batch_runs import SMALL, leftovers, read_manifest, use_workers, wait_until, write_shots, write_weights  # noqa: E402
from cluster_processes import Cluster  # noqa: E402
from stand_ins import numbered_clip, numbered_frame, read_numbers, read_pictures, write_clip  # noqa: E402

from shm_stream import cli  # noqa: E402
from shm_stream.batch_chunked import ChunkedShot  # noqa: E402
from shm_stream.batch_cluster import ClusterPool  # noqa: E402
from shm_stream.batch_files import digest  # noqa: E402
from shm_stream.errors import ShmStreamError  # noqa: E402

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def cluster(tmp_path, weights):
    """A scheduler with workers to come, which may be killed."""
    (tmp_path / "dask").mkdir()
    with Cluster(tmp_path / "dask") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory, weights):
    """A scheduler and two workers that live through several tests."""
    with Cluster(tmp_path_factory.mktemp("dask")) as cluster:
        for _ in range(2):
            cluster.add_worker()
        cluster.wait_for_workers(2)
        yield cluster


@pytest.fixture(scope="module", autouse=True)
def weights(tmp_path_factory):
    """This process and all workers have the same weights."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = write_weights(tmp_path_factory.mktemp("weights"))
        monkeypatch.setenv("SHM_STREAM_WEIGHTS", str(folder))
        yield folder


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command in this process; (exit code, stderr)."""
    folder = write_shots(tmp_path / "in")

    def run(out, *arguments):
        use_workers(monkeypatch)
        kind = [] if "--for" in arguments else ["--bg", "red"]
        code = cli.main(["batch", str(folder), str(tmp_path / out), *SMALL, *kind, *map(str, arguments)])
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


def test_results_and_manifest_are_those_of_processes_here(shared_cluster, run, tmp_path):
    numbered_clip(tmp_path / "in" / "long.mkv", 75)
    code, err = run("there", "--alpha", "--chunk", 1, "--cluster", shared_cluster.file)
    assert code == 0 and err.splitlines()[-1] == "4 done, 0 skipped (already finished), 0 failed"
    assert run("here", "--alpha", "--chunk", 1, "--jobs", 2)[0] == 0
    assert contents(tmp_path / "there") == contents(tmp_path / "here") and len(contents(tmp_path / "here")) == 8
    assert recorded(tmp_path / "there") == recorded(tmp_path / "here")
    assert run("there", "--alpha", "--chunk", 1, "--cluster", shared_cluster.file)[1].startswith("0 done, 4 skipped")


def test_chunks_of_a_sequence_are_those_of_processes_here(shared_cluster, run, tmp_path):
    pytest.importorskip("OpenEXR")
    numbered_clip(tmp_path / "in" / "long.mov", 75)
    arguments = ("--for", "nuke", "--person", "largest")
    assert run("there", *arguments, "--chunk", 1, "--cluster", shared_cluster.file)[0] == 0
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


def test_workers_in_other_folders_find_relative_masks_for_each_frame(shared_cluster, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grey_clip("in/long.mkv", 75)
    for name, number in [("a", 255), ("day/b", 255), ("day/c", 255), *((f"long/{n}", n) for n in range(75))]:
        Path("masks", name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(f"masks/{name}.png", numbered_frame(number))
    arguments = ("--alpha", "--holdout", "masks", "--chunk", 1, "--cluster", shared_cluster.file)
    planned = count_chunks(monkeypatch)
    code, err = run("out", *arguments)
    assert (code, err.splitlines()[-1]) == (0, "4 done, 0 skipped (already finished), 0 failed") and planned == [3]
    assert cv2.imread("out/day/c.alpha.png").max() == 0
    assert [255 - number for number in read_numbers(Path("out/long.alpha.mkv"))] == list(range(75))


def grey_clip(path: str, count: int) -> None:
    """Pictures that are all the same."""
    write_clip(Path(path), [np.full_like(numbered_frame(0), 120)] * count)


def count_chunks(monkeypatch) -> list[int]:
    """Into how many chunks each shot is cut from now on."""
    planned, tasks = [], ChunkedShot.tasks
    monkeypatch.setattr(ChunkedShot, "tasks", lambda self: planned.append(len(tasks(self))) or tasks(self))
    return planned


def test_a_cluster_without_workers_and_one_whose_would_do_something_else_are_refused(cluster, run, tmp_path):
    wait_until(cluster.is_up)
    code, err = run("out", "--cluster", cluster.file)
    assert code == 2 and "the cluster has no workers; start some with `dask worker ADDRESS --nthreads 1`" in err
    other = write_weights(tmp_path / "other", b"other")
    cluster.add_worker(SHM_STREAM_WEIGHTS=str(other))
    cluster.wait_for_workers(1)
    code, err = run("out", "--cluster", cluster.file)
    assert code == 2 and err.count("\n") == 1 and "has other weights; install the same everywhere" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cluster", "tcp://127.0.0.1:1"], "no scheduler answers at tcp://127.0.0.1:1"),
        (["--cluster", "nowhere"], "no scheduler answers at nowhere"),
        (["--cluster", "tcp://127.0.0.1:1", "--jobs", "2"], "--jobs is for processes of this machine"),
        (["--cluster", "tcp://127.0.0.1:1", "--timeout", "9"], "--timeout ends a process, which --cluster cannot"),
    ],
)
def test_what_cannot_be_used_is_said(run, monkeypatch, arguments, message):
    monkeypatch.setattr("shm_stream.batch_cluster.CONNECT_SECONDS", 2.0)
    code, err = run("out", *arguments)
    assert code == 2 and message in err and err.count("\n") == 1, err


def test_facts_that_differ():
    from shm_stream.cluster_worker import Facts

    here = Facts((), {"live.onnx": "abc"})
    assert here.difference(here) is None
    assert "does not see /x; all machines need it" in here.difference(Facts((Path("/x"),), here.weights))
    assert "has shm-stream 0.0.1" in here.difference(Facts((), here.weights, "0.0.1"))
