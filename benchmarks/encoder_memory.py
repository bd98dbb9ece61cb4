"""What video encoders take of memory: the growth of this process while one encodes moving pictures.

    python benchmarks/encoder_memory.py libx264 .mp4 [--kind transparent] [--size 1080p] [--bits 10] [--look-ahead 0.5]

`--look-ahead` is the share that `shm_stream.encoder_memory` leaves the encoder; without it the encoder is opened as
usual. Prints a line of JSON: what was measured, and what is expected of it. One encoder a run: memory that was taken
once is not always given back.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from running import run

from shm_stream.bench_clip import EXAMPLE, open_video
from shm_stream.cli_bench import SIZES
from shm_stream.colour import ColourTags
from shm_stream.encoder_memory import bounded, encoder_bytes
from shm_stream.errors import InputError
from shm_stream.machine import rss_mb
from shm_stream.memory_plan import give_back_memory
from shm_stream.video_codecs import add_video_stream, choose_encoding

SMALL = {"360p": (360, 640)} | SIZES


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codec")
    parser.add_argument("suffix", metavar="EXT")
    parser.add_argument("--kind", default="composite", choices=("composite", "alpha", "transparent"))
    parser.add_argument("--size", choices=SMALL, default="1080p")
    parser.add_argument("--bits", type=int)
    parser.add_argument("--look-ahead", type=float)
    parser.add_argument("--frames", type=int, default=36)
    return parser


def measure(o: argparse.Namespace) -> None:
    """Encode, and print the line. Raises InputError."""
    if o.frames < 1:
        raise InputError("--frames must be 1 or more")
    if o.look_ahead is not None and not 0 <= o.look_ahead <= 1:
        raise InputError("--look-ahead must be from 0 to 1")
    if rss_mb() is None:
        raise InputError("this system does not tell a process how much memory it has; use Linux")
    height, width = SMALL[o.size]
    give_back_memory()
    tags = ColourTags(1, primaries=1, transfer=1)
    encoding = choose_encoding(Path(f"a{o.suffix}"), o.kind, (width, height), tags, o.codec, None, o.bits)
    if o.look_ahead is not None:
        encoding = bounded(encoding, o.look_ahead)
    with tempfile.TemporaryDirectory(prefix="shm-stream-bench-") as folder:
        grown = growth(encoding, (width, height), o.frames, Path(folder, f"a{o.suffix}"))
    expected = encoder_bytes(encoding, width * height, 1.0 if o.look_ahead is None else o.look_ahead) / 1e6
    print(json.dumps({"codec": encoding.codec, "pixel_format": encoding.pix_fmt, "mb": round(grown, 1),
                      "expected_mb": round(expected, 1)}))  # fmt: skip


def growth(encoding, size: tuple[int, int], frames: int, path: Path) -> float:
    """MB that the process has more while pictures are encoded than before."""
    picture = cv2.resize(next(iter(open_video(EXAMPLE))).pixels, size)
    moved(picture, 0, encoding.pix_fmt)  # what converting takes is there before
    with av.open(str(path), "w", format=encoding.container) as container:
        stream = add_video_stream(container, encoding, size, Fraction(25))
        before = most = rss_mb()
        for index in range(frames):
            container.mux(stream.encode(moved(picture, index, encoding.pix_fmt)))
            most = max(most, rss_mb())
        container.mux(stream.encode(None))
        return max(most, rss_mb()) - before


def moved(picture: np.ndarray, index: int, pix_fmt: str) -> av.VideoFrame:
    """The picture a little further on, as the encoder takes it."""
    rolled = np.roll(picture, (7 * index, 11 * index), (0, 1))
    frame = av.VideoFrame.from_ndarray(rolled, "rgb24").reformat(format=pix_fmt)
    frame.pts, frame.time_base, frame.duration = index, Fraction(1, 25), 1
    return frame


if __name__ == "__main__":
    run(measure, make_parser())
