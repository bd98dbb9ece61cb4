"""What M-Net's width is worth: a short training for each width, error inside the unknown band against its cost.

    python -m training.sweep_width --data DATA --out FOLDER [--widths 8,16,32,48] [--steps 400] [--plot docs/width.png]

All widths see the same pictures in the same order, then the composites of `evaluate_composites`, with the shipped
T-Net. Cost, on one thread, of a frame of the example clip at 1080p: for every width its tiles in onnxruntime; and what
users get, its blocks in the native kernel, for the one width that the kernel is compiled for, 32. A finished training
is kept in FOLDER and not repeated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from matplotlib.figure import Figure

from shm_stream import Matting, native
from shm_stream.engine import Engine
from shm_stream.frame import Frame
from shm_stream.measures import unknown_band
from shm_stream.mnet import HALO, LiveMNet
from shm_stream.mnet_kernel import BLOCK, MNetKernel, pack_parameters
from shm_stream.preset import get_preset
from shm_stream.runners.torch import TorchRunner
from shm_stream.tiles import TILE, active_blocks, active_tiles
from shm_stream.work import Work

from . import checkpoint, evaluate_composites, options, train_mnet
from .export import export_mnet
from .sweep_shapes import BLUE, FULL_HD, example_frame, label, least_core_ms


@dataclass
class Options:
    data: Path
    out: Path
    widths: tuple[int, ...] = (8, 16, 24, 32, 48)
    steps: int = 400
    batch: int = 8
    workers: int = 1
    count: int = 24
    plot: Path | None = None
    json: Path | None = None


def trained(o: Options, width: int) -> LiveMNet:
    network, stage = LiveMNet(width), o.out / f"width{width}.pt"
    common = {"steps": o.steps, "batch": o.batch, "workers": o.workers}
    train_mnet.train(train_mnet.Options(data=o.data, out=stage, cache=o.out / "cache", **common), network=network)
    checkpoint.load_part(network, stage, "mnet")
    return network.eval()


def error(o: Options, runner: TorchRunner) -> float:
    """MAD x 1e3 inside the unknown band, mean over composites."""
    matting, found = Matting(runner=runner), []
    for scene in evaluate_composites.composites(evaluate_composites.Options(o.data, count=o.count)):
        truth = scene.alpha.astype(np.float32) / 255
        alpha = matting.still(scene.image)
        found.append(evaluate_composites.errors(alpha, truth, unknown_band(truth))["mad"])
    return round(float(np.mean(found)), 2)


def tiles_cost(network: LiveMNet, folder: Path, logits: np.ndarray) -> float:
    """Core-ms of the tiles of a frame in onnxruntime."""
    tiles = len(active_tiles(logits, *FULL_HD))
    path = export_mnet(network, folder / "sweep_mnet.onnx", HALO)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).random((tiles, 6, TILE + 2 * HALO, TILE + 2 * HALO), np.float32)
    return least_core_ms(lambda: session.run(None, {"tile": x}))


def native_cost(network: LiveMNet, frame: Frame, logits: np.ndarray) -> float | None:
    """Core-ms of the blocks of a frame in the native kernel; None for a width that it does not have."""
    if native.path_name() == native.REFERENCE:
        return None
    try:
        parameters = pack_parameters({name: tensor.numpy() for name, tensor in network.state_dict().items()})
    except ValueError:
        return None
    kernel, wanted = MNetKernel(parameters), active_blocks(logits, *FULL_HD, BLOCK)
    alpha_raw = np.empty(FULL_HD, np.float32)
    return least_core_ms(lambda: kernel.draw(frame.picture, logits, wanted, alpha_raw))


def draw(path: Path, rows: list[dict]) -> None:
    figure = Figure(figsize=(6, 4), layout="constrained", facecolor="white")
    panel = figure.subplots()
    panel.plot([row["tiles_core_ms"] for row in rows], [row["band_mad_x1e3"] for row in rows], "o-", color=BLUE)
    for row in rows:
        ours = row["native_core_ms"]
        name = row["width"] if ours is None else f"{row['width']} ({ours:.1f} in the native kernel)"
        panel.annotate(name, (row["tiles_core_ms"], row["band_mad_x1e3"]), (4, 4), textcoords="offset points")
    label(panel, "MAD x 1e-3 in the unknown band, by M-Net's width", "core-ms of M-Net's tiles in onnxruntime")
    figure.savefig(path, dpi=100)


def measure_all(o: Options) -> None:
    options.check_least(o, 1, "widths", "count")
    runner, rows = TorchRunner("live", "cpu"), []
    torch.set_num_threads(1)
    frame = example_frame()
    logits = Engine(runner, tnet_size=get_preset("live").tnet_size).tnet(Work(frame)).logits
    for width in o.widths:
        runner.network.mnet = network = trained(o, width)
        rows.append({
            "width": width, "band_mad_x1e3": error(o, runner),
            "tiles_core_ms": tiles_cost(network, o.out, logits), "native_core_ms": native_cost(network, frame, logits),
        })  # fmt: skip
        print(json.dumps(rows[-1]), flush=True)
    if o.json:
        o.json.write_text(json.dumps(rows, indent=1) + "\n")
    if o.plot:
        draw(o.plot, rows)


def main() -> None:
    options.run(measure_all, Options, __doc__)


if __name__ == "__main__":
    main()
