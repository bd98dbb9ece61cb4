"""Whether a live job stays as it begins: memory, latency, and sound in step with the pictures.

    python benchmarks/soak_live.py [CLIP] [--seconds 600] [--size 360p] [--bg BACKGROUND]

CLIP (default: the example clip) is repeated as a camera would play it, with a beep in every second at which the
light changes. The job writes a recording, which is deleted, and an MPEG-TS stream over UDP, which another process
reads and decodes. Every 10 seconds a line of JSON says how many frames were written and dropped, how much memory the
process has, and how long frames took from the decoder until they were handed to all outputs. The last line compares
the end with the beginning: a minute of each, or a third of a shorter run. Sound that drifts by more than 20 ms is a
failure, exit code 1.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import socket
import tempfile
import time
from array import array
from pathlib import Path

import av
import numpy as np
from marks import Marks, drift, write_marked
from running import run

from shm_stream.bench_clip import EXAMPLE
from shm_stream.cli_bench import GREEN, SIZES
from shm_stream.errors import InputError, ShmStreamError
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions
from shm_stream.machine import peak_rss_mb, rss_mb

DRIFT_MS = 20
WINDOW_SECONDS = 60
OPEN_SECONDS, SILENCE_SECONDS = 60.0, 5.0
"""How long the reader waits for the stream to begin, and after its end."""
SOAK_SIZES = {"360p": (360, 640)} | SIZES


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", metavar="CLIP", nargs="?", type=Path, default=EXAMPLE)
    parser.add_argument("--seconds", metavar="N", type=float, default=600, help="how long the job is")
    parser.add_argument("--every", metavar="N", type=float, default=10, help="seconds between two lines")
    parser.add_argument("--clip-seconds", metavar="N", type=int, default=30, help="after which the clip is repeated")
    parser.add_argument("--size", choices=SOAK_SIZES, default="360p", help="what the clip is cropped and scaled to")
    parser.add_argument("--bg", metavar="BACKGROUND", default=GREEN)
    return parser


def measure(o: argparse.Namespace) -> None:
    """Run the job and print what it does. Raises ShmStreamError."""
    if not 0 < 3 * o.every <= o.seconds:
        raise InputError(f"three lines at least: --seconds {o.seconds:g} must be three times --every {o.every:g}")
    if o.clip_seconds < 2 or o.clip_seconds % 2:
        raise InputError(f"--clip-seconds {o.clip_seconds} must be even: people are bright and dim in turn")
    if rss_mb() is None:
        raise InputError("this system does not tell a process how much memory it has; use Linux")
    with tempfile.TemporaryDirectory(prefix="shm-stream-soak-") as folder:
        clip, recording = Path(folder, "clip.mkv"), Path(folder, "recording.mkv")
        apart(write_marked, o.clip, clip, SOAK_SIZES[o.size], o.clip_seconds)()
        url = f"udp://127.0.0.1:{free_udp_port()}"
        heard_by_reader = apart(read_stream, url)
        facts = soak(o, clip, recording, url)
        window = min(WINDOW_SECONDS, o.seconds / 3)
        with av.open(str(recording)) as container:
            of_recording = Marks().read(container)
        conclude(facts, of_recording, heard_by_reader(), window)


def apart(function, *arguments):
    """Start `function` in a process of its own, whose memory is not the job's; call what comes back for its result."""
    pool = multiprocessing.get_context("spawn").Pool(1, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    pending = pool.apply_async(function, arguments)

    def result():
        with pool:
            return pending.get()

    return result


def read_stream(url: str) -> Marks:
    """What comes from `url` until it is silent."""
    with av.open(f"{url}?overrun_nonfatal=1", timeout=(OPEN_SECONDS, SILENCE_SECONDS)) as container:
        return Marks().read(container)


def free_udp_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Course:
    """The frames of a job and its memory, as time goes by; told of each frame in the sink's thread."""

    def __init__(self, job: Job, every: float):
        self.memory: list[float] = []
        self._times, self._latencies = array("d"), array("f")
        self._job, self._every = job, every
        self._began: float | None = None

    def note(self, work) -> None:
        now = time.perf_counter()
        self._began = self._began or now
        self._times.append(now - self._began)
        self._latencies.append(1000 * (now - work.begun_seconds))
        if self._times[-1] >= (len(self.memory) + 1) * self._every:
            self._say(self._times[-1])

    def _say(self, seconds: float) -> None:
        self.memory.append(rss_mb())
        facts = {"seconds": round(seconds, 1), "frames": len(self._times), "dropped": self._job.source.dropped}
        facts |= {"rss_mb": round(self.memory[-1], 1)} | self.latency(seconds - self._every, seconds)
        print(json.dumps(facts), flush=True)

    def latency(self, first: float, last: float) -> dict:
        """Milliseconds that frames took between two moments."""
        times = np.array(self._times)
        inside = np.array(self._latencies)[(times >= first) & (times <= last)]
        p50, p95 = np.percentile(inside, (50, 95)) if len(inside) else (np.nan, np.nan)
        return {"p50_ms": round(float(p50), 1), "p95_ms": round(float(p95), 1)}

    def ends(self, window: float) -> dict:
        """Latency of the first `window` seconds and of the last."""
        end = self._times[-1]
        return {"latency_at_first": self.latency(0, window), "latency_at_last": self.latency(end - window, end)}


def soak(o: argparse.Namespace, clip: Path, recording: Path, url: str) -> dict:
    """Run the job; what can be said of it without its outputs."""
    live = LiveOptions(loop=True)
    with Job(JobOptions(clip, [recording, url], bg=o.bg, duration=o.seconds, live=live)) as job:
        course = Course(job, o.every)
        job.watchers.append(course.note)
        report = job.run()
    if report.interrupted:
        raise KeyboardInterrupt
    (sent,) = report.live
    memory = course.memory
    return {
        "frames": report.frames,
        "dropped": report.dropped,
        "quality_changes": report.quality_changes,
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "memory_growth_percent": round(100 * (memory[-1] / memory[0] - 1), 2),
        **course.ends(min(WINDOW_SECONDS, o.seconds / 3)),
        "udp": {"sent": sent.sent, "dropped": sent.dropped, "reconnects": sent.reconnects},
    }


def conclude(facts: dict, of_recording: Marks, of_stream: Marks, window: float) -> None:
    """Print the last line. Raises ShmStreamError when the sound drifted, or nothing shows whether it did."""
    facts["recording"] = {"read_back": of_recording.frames, "damaged": of_recording.damaged}
    facts["udp"] |= {"read_back": of_stream.frames, "damaged": of_stream.damaged, "end": of_stream.end}
    drifts = {"recording": drift_ms(of_recording, window), "udp": drift_ms(of_stream, window)}
    print(json.dumps(facts | {"drift": drifts}))
    for name, found in drifts.items():
        if found["ms"] is None:
            raise ShmStreamError(f"too few marks can be seen in the {name} to say whether its sound drifts")
        if abs(found["ms"]) > DRIFT_MS + found["unsure_ms"]:
            raise ShmStreamError(f"sound of the {name} drifted by {found['ms']:g} ms, more than {DRIFT_MS} ms")


def drift_ms(marks: Marks, window: float) -> dict:
    """Drift in milliseconds, how far that may be wrong because frames were dropped, and how many marks there were."""
    offsets = marks.offsets()
    found = drift(offsets, window) or (None, None)
    ms, unsure_ms = (None if seconds is None else round(1000 * seconds, 1) for seconds in found)
    return {"ms": ms, "unsure_ms": unsure_ms, "marks": len(offsets)}


if __name__ == "__main__":
    run(measure, make_parser())
