"""What T-Net's size and M-Net's tiles are worth: validation quality against core-milliseconds, with a plot.

    python -m training.sweep_shapes --data DATA [--sizes 160,256] [--tiles 4,8] [--plot docs/shapes.png]

T-Net's size decides quality and cost: portraits and portraits_soft as `evaluate` measures them, and one frame of the
example clip at 1080p (webcam.mkv) on one thread, the least of some runs. The side of the tiles decides only the cost:
sparse and dense agree within an 8-bit step whatever it is.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from shm_stream import Matting
from shm_stream.bench_clip import EXAMPLE
from shm_stream.colour import ColourTags
from shm_stream.cover_fit import cover_fit
from shm_stream.engine import Engine
from shm_stream.errors import InputError
from shm_stream.frame import Frame
from shm_stream.planes import planes_from_rgb
from shm_stream.preset import get_preset
from shm_stream.prior import tnet_shape
from shm_stream.runners import load_runner
from shm_stream.source import open_source
from shm_stream.tiles import active_grid
from shm_stream.work import Work

from . import options
from .evaluate import measure_set

FULL_HD = (1080, 1920)
FRAME = 45
REPEATS = 15
SETS = ("portraits_soft", "portraits")
BLUE, INK = "#1b6ca8", "#303840"


@dataclass
class Options:
    data: Path
    runner: str = "native"
    sizes: tuple[int, ...] = (128, 160, 192, 224, 256, 288, 320, 384)
    tiles: tuple[int, ...] = (4, 8, 16, 32, 64, 128)
    plot: Path | None = None
    json: Path | None = None


def example_frame() -> Frame:
    """A frame of the example clip at 1080p, as planes."""
    with open_source(EXAMPLE, max_frames=FRAME + 1) as source:
        *_, last = source
    return Frame(planes_from_rgb(cover_fit(last.pixels, *FULL_HD[::-1]), ColourTags()), 0, 0, last.time_base, 1)


def least_core_ms(work) -> float:
    """Of some calls, all threads together."""
    costs = []
    for _ in range(REPEATS):
        before = time.process_time()
        work()
        costs.append(1e3 * (time.process_time() - before))
    return round(min(costs), 2)


def sweep_sizes(o: Options, runner, frame: Frame) -> list[dict]:
    rows = []
    for size in o.sizes:
        engine = Engine(runner, tnet_size=size)
        cost = least_core_ms(lambda engine=engine: engine.tnet(Work(frame)))
        matting = Matting(runner=runner, tnet_size=size)
        figures = {name: measure_set(matting, o.data, name) for name in SETS}
        images = sum(figures[name]["images"] for name in SETS)
        iou = sum(figures[name]["mean_iou_percent"] * figures[name]["images"] for name in SETS) / images
        rows.append({
            "tnet_size": size, "shape": tnet_shape(*FULL_HD, size), "tnet_core_ms": cost,
            "mean_iou_percent": round(iou, 3), "mad_x1e3": figures["portraits_soft"]["mad_x1e3"],
        })  # fmt: skip
        print(json.dumps(rows[-1]), flush=True)
    return rows


def sweep_tiles(o: Options, runner, frame: Frame) -> list[dict]:
    """M-Net in tiles of some sides, all of which are whole blocks."""
    logits = Engine(runner, tnet_size=get_preset("live").tnet_size).tnet(Work(frame)).logits
    alpha_raw, rows = np.empty(FULL_HD, np.float32), []
    for side in o.tiles:
        wanted = blocks_of_tiles(active_grid(logits, *FULL_HD, side), side // runner.multiple, runner.multiple)
        cost = least_core_ms(lambda wanted=wanted: runner.draw(frame.picture, logits, wanted, alpha_raw))
        rows.append({"tile": side, "drawn_percent": round(100 * float(wanted.mean()), 2), "mnet_core_ms": cost})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def blocks_of_tiles(tiles: np.ndarray, each: int, block: int) -> np.ndarray:
    """uint8 grid of tiles, `each` blocks wide → of the blocks of the frame."""
    rows, columns = (-(-side // block) for side in FULL_HD)
    return np.ascontiguousarray(np.kron(tiles, np.ones((each, each), np.uint8))[:rows, :columns])


def draw(path: Path, sizes: list[dict], tiles: list[dict], shipped: int) -> None:
    figure = Figure(figsize=(13, 4.2), layout="constrained", facecolor="white")
    panels = figure.subplots(1, 3)
    costs = [row["tnet_core_ms"] for row in sizes]
    for panel, key, title in zip(panels, ("mean_iou_percent", "mad_x1e3"), ("mean IoU, %", "MAD x 1e-3")):
        panel.plot(costs, [row[key] for row in sizes], "o-", color=BLUE)
        for row in sizes:
            # a word beside the number would reach into the next label
            weight = "bold" if row["tnet_size"] == shipped else "normal"
            point = (row["tnet_core_ms"], row[key])
            panel.annotate(row["tnet_size"], point, (4, 4), textcoords="offset points", weight=weight)
        label(panel, f"portraits: {title}, by T-Net size", "core-ms of T-Net; bold: the size that is shipped")
    panels[2].plot([row["tile"] for row in tiles], [row["mnet_core_ms"] for row in tiles], "o-", color=BLUE)
    panels[2].set_xscale("log", base=2)
    panels[2].set_xticks([row["tile"] for row in tiles], [row["tile"] for row in tiles])
    panels[2].set_ylim(bottom=0)
    label(panels[2], "core-ms of M-Net, by side of its tiles", "pixels")
    figure.savefig(path, dpi=100)


def label(panel, title: str, x: str) -> None:
    panel.set_title(title, loc="left", fontsize=11, color=INK)
    panel.set_xlabel(x)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(color="#e4e8ec")


def measure_all(o: Options) -> None:
    cv2.setNumThreads(1)
    runner, frame = load_runner("live", o.runner), example_frame()
    if min(o.tiles) < 1 or any(side % runner.multiple for side in o.tiles):
        raise InputError(f"--tiles must be multiples of M-Net's blocks of {runner.multiple}")
    tiles, sizes = sweep_tiles(o, runner, frame), sweep_sizes(o, runner, frame)
    if o.json:
        o.json.write_text(json.dumps({"tiles": tiles, "sizes": sizes}, indent=1) + "\n")
    if o.plot:
        draw(o.plot, sizes, tiles, get_preset("live").tnet_size)


def main() -> None:
    options.run(measure_all, Options, __doc__)


if __name__ == "__main__":
    main()
