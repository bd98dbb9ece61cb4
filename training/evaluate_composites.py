"""Measures what M-Net adds, on composites whose alpha is exact: held-out people pasted on held-out backgrounds.

    python -m training.evaluate_composites --data DATA [--weights WEIGHTS] [--count 40] [--folder FOLDER]
        [--json metrics.json]

First it says which weights these are: those that users get, or the ones in WEIGHTS. Fixed seed. Inside the unknown
band (pixels near a true alpha that is neither 0 nor 1) it prints MAD, gradient and connectivity error of T-Net with
M-Net and of T-Net alone (alpha_raw = 1/2, that is alpha = F_s + U_s/2, enlarged). `--folder` keeps the composites and
both results as pictures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shm_stream import Matting
from shm_stream.measures import compare, unknown_band

from . import measured, options, scenes
from .layout import backgrounds, held_out, make_folder, read_rgb, write_picture
from .library import load_person
from .without_mnet import WithoutMNet


@dataclass
class Options:
    data: Path
    count: int = 40
    size: int = 720
    seed: int = 7
    preset: str = "live"
    runner: str = ""
    """Empty: the usual one, as users get it."""
    weights: Path | None = None
    """A folder that `export` wrote; without one the weights that users get."""
    folder: Path | None = None
    json: Path | None = None


def composites(o: Options):
    """Yields `count` scenes of `size` x `size` pixels, one person each, never seen in training."""
    examples = held_out(o.data, "portraits_soft")
    rooms = backgrounds(o.data, "validation")
    for index in range(o.count):
        rng = np.random.default_rng((o.seed, index))
        person = load_person(examples[index % len(examples)], 800)
        room = read_rgb(rooms[rng.integers(len(rooms))])
        yield scenes.composite([person], room, (o.size, o.size), rng, fill=(0.6, 1.5))


def errors(alpha: np.ndarray, truth: np.ndarray, band: np.ndarray) -> dict[str, float]:
    """Per pixel of the band: MAD x 1e3, gradient and connectivity error x 1e3."""
    found = compare(alpha, truth, band)
    sums = {"mad": found.absolute, "grad": found.gradient, "conn": found.connectivity}
    return {name: 1e3 * value / found.pixels for name, value in sums.items()}


def keep(folder: Path, index: int, scene: scenes.Scene, alphas: dict[str, np.ndarray]) -> None:
    """X.jpg and X.alpha.png (a folder that `shm-stream eval` reads), and X's results in subfolders."""
    pictures = {f"{index:03}.jpg": scene.image, f"{index:03}.alpha.png": scene.alpha}
    pictures |= {f"{name}/{index:03}.png": np.round(255 * alpha).astype(np.uint8) for name, alpha in alphas.items()}
    for name, picture in pictures.items():
        write_picture(folder / name, picture)


def report(rows: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Means over the scenes, and by how many percent M-Net lowers each error."""
    means = {who: {k: float(np.mean([row[who][k] for row in rows])) for k in rows[0][who]} for who in rows[0]}
    lower = {k: 100 * (1 - value / means["tnet_alone"][k]) for k, value in means["with_mnet"].items()}
    return means | {"lower_percent": lower}


def evaluate(o: Options) -> None:
    options.check_least(o, 1, "count", "size")
    if o.folder:
        make_folder(o.folder)
    runner = measured.load(o.preset, o.runner, o.weights)
    mattings = {
        "tnet_alone": Matting(o.preset, runner=WithoutMNet(runner)),
        "with_mnet": Matting(o.preset, runner=runner),
    }
    rows = []
    for index, scene in enumerate(composites(o)):
        truth = scene.alpha.astype(np.float32) / 255
        band = unknown_band(truth)
        alphas = {name: matting.still(scene.image) for name, matting in mattings.items()}
        rows.append({name: errors(alpha, truth, band) for name, alpha in alphas.items()})
        if o.folder:
            keep(o.folder, index, scene, alphas)
    result = report(rows)
    print(f"inside the unknown band, {len(rows)} composites; MAD, Grad and Conn per pixel x 1e-3")
    for name, figures in result.items():
        print(f"{name:14}" + "  ".join(f"{key} {value:.2f}" for key, value in figures.items()))
    if o.json:
        o.json.write_text(json.dumps(result, indent=2) + "\n")


def main() -> None:
    options.run(evaluate, Options, __doc__)


if __name__ == "__main__":
    main()
