"""Batches without weights: their inputs, the command in this process or in its own, and what it left."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import cv2
from batch_bodies import SLOW_VARIABLE, soft_work, stand_in_work
from stand_ins import default_signals, numbered_clip, numbered_frame

from shm_stream import batch_pool, cli

SMALL = ("--tnet-size", "64")
"""T-Net's usual size is most of the work where frames are small."""
FORKED = "forkserver" in multiprocessing.get_all_start_methods()
if FORKED:
    multiprocessing.set_forkserver_preload(["pytest", "shm_stream.cli", "shm_stream.batch_worker"])
COMMAND = """
import sys
sys.path.insert(0, {tests!r})
import batch_bodies
from shm_stream import batch, batch_pool, cli
batch_pool.WORK = batch_bodies.stand_in_work
batch.WATCH_SECONDS = 0.2
if __name__ == "__main__":
    sys.exit(cli.main(["batch", *sys.argv[1:]]))
"""


def write_weights(folder: Path, content: bytes = b"weights") -> Path:
    """A folder of weights as the manifest describes it, so that nothing depends on the real ones."""
    folder.mkdir(exist_ok=True)
    (folder / "live.onnx").write_bytes(content)
    facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps({"live": {"files": {"live.onnx": facts}}}))
    return folder


def input_folder(tmp_path: Path, monkeypatch) -> Path:
    """An empty folder of inputs, and weights that the environment names."""
    monkeypatch.setenv("SHM_STREAM_WEIGHTS", str(write_weights(tmp_path / "weights")))
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def write_shots(folder: Path) -> Path:
    """a.mp4, day/b.mkv and day/c.png, and things that are no shots."""
    (folder / "day").mkdir(parents=True, exist_ok=True)
    numbered_clip(folder / "a.mp4", 12)
    numbered_clip(folder / "day" / "b.mkv", 8)
    cv2.imwrite(str(folder / "day" / "c.png"), numbered_frame(77))
    (folder / "notes.txt").write_text("nothing")
    (folder / "._a.mp4").write_text("what macOS leaves")
    return folder


def use_workers(monkeypatch, work=stand_in_work) -> None:
    """Let batches of this process have workers with that body, which are forked from one that has loaded all modules:
    that takes a tenth of the time of a fresh interpreter."""
    if FORKED:
        monkeypatch.setattr(batch_pool, "START", "forkserver")
        work = partial(work_as_here, {**os.environ}, work)
    monkeypatch.setattr(batch_pool, "WORK", work)


def work_as_here(environment: dict[str, str], work, connection) -> None:
    """The body of a forked worker: the environment is that of its parent, not that of who forked it."""
    os.environ.clear()
    os.environ.update(environment)
    work(connection)


def run_here(monkeypatch, folder: Path, name: str, *arguments, work=stand_in_work) -> tuple[Path, int]:
    """Run the command in this process for an OUT of that name beside `folder`; (OUT, exit code)."""
    use_workers(monkeypatch, work)
    out = folder.with_name(name)
    return out, cli.main(["batch", str(folder), str(out), *SMALL, *map(str, arguments)])


def run_batch(monkeypatch, capsys, folder: Path, name: str, *arguments, work=stand_in_work) -> tuple[Path, int, str]:
    """The same with what was said: (OUT, exit code, stderr)."""
    out, code = run_here(monkeypatch, folder, name, *arguments, work=work)
    return out, code, capsys.readouterr().err


def run_both(monkeypatch, capsys, folder: Path, chunked, *arguments, work=soft_work) -> tuple[Path, Path]:
    """(OUT in one piece, OUT with the words `chunked` too) of a batch that succeeds."""
    outs = []
    for name, more in (("whole", ()), ("chunked", chunked)):
        out, code, err = run_batch(monkeypatch, capsys, folder, name, *arguments, *more, work=work)
        assert code == 0, err
        outs.append(out)
    assert not (outs[1] / ".chunks").exists()
    return outs[0], outs[1]


def start(*arguments, seconds_per_frame: float = 0.0, **options) -> subprocess.Popen:
    """`shm-stream batch` as a process of its own, in a group of its own; stdout and stderr are text pipes."""
    code = COMMAND.format(tests=os.path.dirname(__file__))
    return subprocess.Popen(
        [sys.executable, "-c", code, *SMALL, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=default_signals,
        env={**os.environ, SLOW_VARIABLE: str(seconds_per_frame)}, **options,
    )  # fmt: skip


def read_until(process: subprocess.Popen, wanted) -> list[dict]:
    """The events of `--progress json` up to the first that `wanted` (event → bool) likes."""
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        if wanted(events[-1]):
            return events
    raise AssertionError(f"the batch ended before: {events}; {process.stderr.read()}")


def read_manifest(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".partial" in path.name]


def children(pid: int) -> list[int]:
    """Worker processes of a batch (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while it is looked at
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds: float = 30.0) -> None:
    """Poll until `condition()` holds; fails when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
