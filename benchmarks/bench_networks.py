"""What the networks of a preset cost for a 1080p webcam frame: one core, onnxruntime, in core-milliseconds.

    python benchmarks/bench_networks.py [CLIP ...] [--weights FOLDER] [--size 1080p] [--json networks.json]

Frames of the clips (default: the example clip), cropped to 16:9 and enlarged, go through T-Net; M-Net then draws the
tiles where it can matter, each with its halo. Weights decide how many tiles that is: a T-Net that is sure leaves few.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from shm_stream.bench_clip import EXAMPLE, fit
from shm_stream.cli_bench import SIZES
from shm_stream.fuse import gather
from shm_stream.preset import get_preset
from shm_stream.prior import Prior, tnet_shape
from shm_stream.source import open_source
from shm_stream.tiles import TILE, active_tiles, unknown_bound

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
REPEATS = 5


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def timed(network: onnxruntime.InferenceSession, x: np.ndarray) -> tuple[np.ndarray, float]:
    """The network's answer and the least milliseconds of some runs."""
    name = network.get_inputs()[0].name
    took = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        answer = network.run(None, {name: x})[0]
        took.append(1e3 * (time.perf_counter() - begin))
    return answer, min(took)


def frames(clips: list[Path], size: tuple[int, int], every: int = 30):
    """Every 30th frame of each clip as [H, W, 3] uint8 of the wanted size."""
    for clip in clips:
        with open_source(clip) as source:
            for frame in source:
                if frame.index % every == every // 2:
                    yield fit(frame.pixels, *size)


def measure(pixels: np.ndarray, tnet, mnet, preset) -> dict[str, float]:
    """Costs of one frame, the second of two equal ones, so that the prior alpha is there."""
    size, prior = pixels.shape[:2], Prior()
    prior.remember(timed(tnet, prior.tnet_input(pixels, tnet_shape(*size, preset.tnet_size)))[0][0])
    logits, tnet_ms = timed(tnet, prior.tnet_input(pixels, tnet_shape(*size, preset.tnet_size)))
    logits = np.ascontiguousarray(logits[0])
    tiles = active_tiles(logits, *size)
    side = TILE + 2 * preset.halo
    x = np.empty((6, side, side), np.float32)
    mnet_ms = 0.0
    for top, left in tiles:
        gather(pixels, logits, top - preset.halo, left - preset.halo, side, side, out=x)
        mnet_ms += timed(mnet, x[None])[1]
    unknown = float((unknown_bound(logits) > 0.5 / 255).mean())
    return {"tnet_ms": tnet_ms, "mnet_ms": mnet_ms, "tiles": len(tiles), "unknown_percent": 100 * unknown}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--size", choices=SIZES, default="1080p")
    parser.add_argument("--json", type=Path)
    o = parser.parse_args()
    cv2.setNumThreads(1)
    preset = get_preset("live")
    networks = [session(o.weights / f"live_{name}.onnx") for name in ("tnet", "mnet")]
    rows = [measure(pixels, *networks, preset) for pixels in frames(o.clips or [EXAMPLE], SIZES[o.size])]
    height, width = SIZES[o.size]
    print(f"{len(rows)} frames of {width}x{height}, T-Net at {tnet_shape(height, width, preset.tnet_size)}, one core")
    result = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    for name, median in result.items():
        values = [row[name] for row in rows]
        print(f"{name:16} median {median:7.1f}  least {min(values):7.1f}  most {max(values):7.1f}")
    if o.json:
        o.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
