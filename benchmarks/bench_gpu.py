"""How long a GPU takes for each piece of a frame: copies, kernels and networks, one after the other.

    python benchmarks/bench_gpu.py
    python benchmarks/bench_gpu.py --sizes 4k --runs 100 --json gpu.json

`gpu` is the time between two CUDA events around a piece, `host` what the CPU takes to start it: where both are alike,
the GPU waits for the CPU. Both are medians. Pictures are noise and are copied by pinned memory as in a job, where T-Net
of one frame runs beside the rest of the one before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from running import run

from shm_stream.cli_bench import SIZES
from shm_stream.colour import ColourTags
from shm_stream.device import choose_device
from shm_stream.engine import Engine
from shm_stream.errors import InputError
from shm_stream.preset import get_preset
from shm_stream.prior import tnet_shape
from shm_stream.runners import load_runner
from shm_stream.yuv_planes import site_count

WARM_UP = 4
COPIED = 1 << 30
"""Bytes copied on the GPU, to see what its memory gives."""


def pieces(runner, size: tuple[int, int]) -> dict[str, Callable[[], object]]:
    """Piece of a frame of `size` → function that enqueues it."""
    import torch

    from shm_stream import device_pictures

    random = np.random.default_rng(0)
    sides = [size, *[tuple(site_count(side) for side in size)] * 2]
    planes, rgb = [random.integers(0, 256, side, np.uint8) for side in sides], random_rgb(random, size)
    transfer, tags = device_pictures.Transfer(torch.device(runner.device)), ColourTags()
    frame, coloured = ([transfer.upload(array) for array in arrays] for arrays in (planes, [rgb]))
    tnet_size = get_preset("live").tnet_size
    shape = tnet_shape(*size, tnet_size)
    x = torch.rand(1, 4, *shape, device=runner.device)
    window = (-runner.halo, -runner.halo, *Engine(runner, tnet_size=tnet_size).padded_size(*size))
    with torch.inference_mode():
        logits = runner.network.tnet(x)[0].contiguous()
        gathered = device_pictures.gather(frame, tags, logits, *window)[None]
        alpha_raw = runner.network.mnet(gathered)[0, 0, : size[0], : size[1]].contiguous()
        alpha = device_pictures.fuse_composite(logits, alpha_raw, frame, frame)[1]
    return {
        "upload planes": lambda: [transfer.upload(plane) for plane in planes],
        "upload RGB": lambda: transfer.upload(rgb),
        "prepare planes": lambda: device_pictures.prepare(frame, tags, *shape),
        "prepare RGB": lambda: device_pictures.prepare(coloured, None, *shape),
        f"T-Net {shape[0]}x{shape[1]}": lambda: runner.network.tnet(x),
        "gather planes": lambda: device_pictures.gather(frame, tags, logits, *window),
        "gather RGB": lambda: device_pictures.gather(coloured, None, logits, *window),
        "M-Net": lambda: runner.network.mnet(gathered),
        "fuse planes": lambda: device_pictures.fuse_composite(logits, alpha_raw, frame, frame),
        "fuse RGB": lambda: device_pictures.fuse_composite(logits, alpha_raw, coloured, coloured),
        "alpha to 8 bits": lambda: (alpha * 255 + 0.5).to(torch.uint8),
        "download planes": lambda: [transfer.download(plane) for plane in frame],
    }


def random_rgb(random: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return random.integers(0, 256, (*size, 3), np.uint8)


def measure(piece: Callable[[], object], runs: int) -> tuple[float, float]:
    """Milliseconds on the GPU and on the host."""
    import torch

    on_gpu, on_host = [], []
    with torch.inference_mode():
        for _ in range(WARM_UP):
            piece()
        torch.cuda.synchronize()
        for _ in range(runs):
            before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            before.record()
            start = time.perf_counter()
            piece()
            on_host.append(1000 * (time.perf_counter() - start))
            after.record()
            after.synchronize()
            on_gpu.append(before.elapsed_time(after))
    return statistics.median(on_gpu), statistics.median(on_host)


def copied_per_second(device: str, runs: int) -> float:
    """GB that the GPU's memory reads and writes in a second of copying."""
    import torch

    one, other = (torch.zeros(COPIED, dtype=torch.uint8, device=device) for _ in range(2))
    return 2e-6 * COPIED / measure(lambda: one.copy_(other), runs)[0]


def facts(runner) -> dict[str, object]:
    import torch

    from shm_stream import torch_ops

    versions = f"torch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    return {"gpu": torch.cuda.get_device_name(runner.device), "versions": versions, "kernels": torch_ops.cuda_path()}


def main(o: argparse.Namespace) -> None:
    if o.runs < 1:
        raise InputError("--runs must be 1 or more")
    runner = load_runner("live", "torch", choose_device(o.device))
    if runner.device == "cpu":
        raise InputError("this measures a GPU: for the CPU there are bench_fuse.py and bench_networks.py")
    import torch

    torch.cuda.set_device(runner.device)
    machine = facts(runner) | {"copied_gb_per_second": round(copied_per_second(runner.device, 8))}
    for name, value in machine.items():
        print(f"{name:<22}{value}")
    rows = []
    print(f"\n{'size':<8}{'piece':<20}{'gpu ms':>9}{'host ms':>9}")
    for size in o.sizes:
        for name, piece in pieces(runner, SIZES[size]).items():
            gpu, host = measure(piece, o.runs)
            rows.append({"size": size, "piece": name, "gpu_ms": round(gpu, 3), "host_ms": round(host, 3)})
            print(f"{size:<8}{name:<20}{gpu:>9.3f}{host:>9.3f}")
    if o.json:
        o.json.write_text(json.dumps({"machine": machine, "runs": o.runs, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=[*SIZES])
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N (default: cuda)")
    parser.add_argument("--runs", type=int, default=30, help="of each piece, after a few to warm up (default: 30)")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    run(main, parser)
