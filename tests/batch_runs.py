"""Batches without weights: a worker with a stand-in runner, and the command in this process or in its own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
from stand_ins import StandInRunner, default_signals, numbered_clip, numbered_frame

from shm_stream import InputError, batch_pool, batch_worker, cli, engine_choice

SLOW_VARIABLE = "TEST_BATCH_SECONDS_PER_FRAME"
TOUCHED_VARIABLE = "TEST_BATCH_TOUCHED"
COMMAND = """
import sys
sys.path.insert(0, {tests!r})
import batch_runs
from shm_stream import batch, batch_pool, cli
batch_pool.WORK = batch_runs.stand_in_work
batch.WATCH_SECONDS = 0.2
if __name__ == "__main__":
    sys.exit(cli.main(["batch", *sys.argv[1:]]))
"""


class Slow(StandInRunner):
    """Takes its time, so that there is a middle of the work to be stopped in."""

    def mnet(self, x):
        time.sleep(float(os.environ.get(SLOW_VARIABLE, "0")))
        return super().mnet(x)


def stand_in_work(connection) -> None:
    """The body of a worker process, without weights."""
    engine_choice.load_runner = lambda *_: Slow()
    batch_worker.TELL_SECONDS = 0.0
    batch_worker.work(connection)


class Touching(StandInRunner):
    """Writes to the source while it is read, as a copy that goes on does."""

    def mnet(self, x):
        with open(os.environ[TOUCHED_VARIABLE], "ab") as file:
            file.write(b"more")
        return super().mnet(x)


def touching_work(connection) -> None:
    """The body of a worker process whose source changes meanwhile."""
    engine_choice.load_runner = lambda *_: Touching()
    batch_worker.work(connection)


class Failing(StandInRunner):
    """Has an error in it that shows at the 14th frame: the second of day/b.mkv."""

    def mnet(self, x):
        if len(self.mnet_shapes) == 13:
            self.mnet_shapes.append(x.shape)
            raise ZeroDivisionError("two\nlines")
        return super().mnet(x)


def failing_work(connection) -> None:
    """The body of a worker process with an error in it."""
    engine_choice.load_runner = lambda *_: Failing()
    batch_worker.work(connection)


def unusable_work(connection) -> None:
    """The body of a worker process that cannot load networks."""

    def refuse(*_):
        raise InputError("no such thing as a network")

    engine_choice.load_runner = refuse
    batch_worker.work(connection)


def write_weights(folder: Path, content: bytes = b"weights") -> Path:
    """A folder of weights as the manifest describes it, so that nothing depends on the real ones."""
    folder.mkdir(exist_ok=True)
    (folder / "live.onnx").write_bytes(content)
    facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps({"live": {"files": {"live.onnx": facts}}}))
    return folder


def write_shots(folder: Path) -> Path:
    """a.mp4, day/b.mkv and day/c.png, and things that are no shots."""
    (folder / "day").mkdir(parents=True)
    numbered_clip(folder / "a.mp4", 12)
    numbered_clip(folder / "day" / "b.mkv", 8)
    cv2.imwrite(str(folder / "day" / "c.png"), numbered_frame(77))
    (folder / "notes.txt").write_text("nothing")
    (folder / "._a.mp4").write_text("what macOS leaves")
    return folder


def run_batch(monkeypatch, capsys, folder: Path, name: str, *arguments, work=stand_in_work) -> tuple[Path, int, str]:
    """Run the command in this process for an OUT of that name beside `folder`; (OUT, exit code, stderr)."""
    monkeypatch.setattr(batch_pool, "WORK", work)
    out = folder.with_name(name)
    code = cli.main(["batch", str(folder), str(out), *arguments])
    return out, code, capsys.readouterr().err


def start(*arguments, seconds_per_frame: float = 0.0, **options) -> subprocess.Popen:
    """`shm-stream batch` as a process of its own, in a group of its own; stdout and stderr are text pipes."""
    code = COMMAND.format(tests=os.path.dirname(__file__))
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
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
