"""Pictures of what the networks do: photo, T-Net alone, T-Net + M-Net, composite, and a detail of each.

    python -m training.show PHOTO... --out strip.jpg [--background beach.jpg]

T-Net alone is F_s + U_s/2 at reduced size, enlarged: what would be shown without M-Net.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from shm_stream.background import open_background
from shm_stream.engine import Engine
from shm_stream.frame import Frame
from shm_stream.partial import check_results
from shm_stream.preset import get_preset
from shm_stream.runners import load_runner
from shm_stream.work import Work

from . import options
from .layout import limit_side, read_rgb
from .without_mnet import WithoutMNet


def outputs(runner, image: np.ndarray, background: str) -> dict[str, np.ndarray]:
    """alpha [H, W] and composite [H, W, 3], uint8, of one still."""
    backdrop = open_background(background, image.shape[1], image.shape[0])
    engine = Engine(runner, tnet_size=get_preset("live").tnet_size, outputs=("alpha", "composite"), background=backdrop)
    work = Work(Frame(image, 0, 0, 1, 1))
    for _, stage in engine.stages:
        work = stage(work)
    return work.outputs


def detail(alpha: np.ndarray, side: int) -> tuple[slice, slice]:
    """The square with the most half-covered pixels: hair, usually."""
    soft = ((alpha > 20) & (alpha < 235)).astype(np.float32)
    density = cv2.boxFilter(soft, -1, (side, side), borderType=cv2.BORDER_CONSTANT)
    y, x = np.unravel_index(density.argmax(), density.shape)
    top, left = (int(np.clip(c - side // 2, 0, n - side)) for c, n in zip((y, x), alpha.shape))
    return slice(top, top + side), slice(left, left + side)


def strip(runner, image: np.ndarray, background: str) -> np.ndarray:
    """[H, 8·H', 3]: the four pictures, then the same detail of each, enlarged."""
    coarse = outputs(WithoutMNet(runner), image, background)
    fine = outputs(runner, image, background)
    grey = [np.repeat(a["alpha"][..., None], 3, 2) for a in (coarse, fine)]
    window = detail(fine["alpha"], min(image.shape[:2]) // 3)
    pictures = [image, *grey, fine["composite"]]
    height = image.shape[0]
    close = [
        cv2.resize(np.ascontiguousarray(p[window]), (height, height), interpolation=cv2.INTER_LINEAR) for p in pictures
    ]
    return np.hstack([*pictures, *close])


def write(o: argparse.Namespace) -> None:
    check_results(o, "out")
    runner = load_runner("live", o.runner)
    rows = []
    for path in o.photos:
        row = strip(runner, limit_side(read_rgb(path), 800), o.background)
        rows.append(cv2.resize(row, (o.height * row.shape[1] // row.shape[0], o.height), interpolation=cv2.INTER_AREA))
    width = max(row.shape[1] for row in rows)
    sheet = np.vstack([np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0))) for row in rows])
    cv2.imwrite(str(o.out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    print(o.out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--background", default="#3060a0")
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--runner", default="onnxruntime")
    options.run_parser(write, parser)


if __name__ == "__main__":
    main()
