"""What T-Net only in every k-th frame costs and is worth, with logits that follow the picture in between.

    python -m training.sweep_interval --data DATA [--intervals 1,2,3] [--runner openvino] [--json interval.json]

Between T-Net's runs optical flow (OpenCV's dense inverse search, ultrafast, on the reduced frames) moves the logits of
the frame before; at a cut T-Net runs at once. Composites whose alpha is exact: held-out people who move, turn and grow
before held-out rooms that the camera pans over, fixed seed. Real clips have no truth: every interval is compared with
the mattes of the first one given. Core-ms are those of T-Net's stage, the mean over all frames.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from shm_stream.engine import Engine
from shm_stream.frame import Frame
from shm_stream.measures import mean_iou
from shm_stream.measures_video import dtssd, move
from shm_stream.preset import get_preset
from shm_stream.prior import tnet_shape
from shm_stream.runners import load_runner
from shm_stream.source import open_source
from shm_stream.work import Work

from . import options
from .geometry import affine, warp
from .layout import backgrounds, people, read_rgb
from .library import Person, load_person

SIZE = (720, 1280)
PERSON_SIDE = 700
HALF = np.float32(0.5)
NAMES = ("tnet_core_ms", "mean_iou_percent", "dtssd_x1e2", "clips_iou_with_first_percent")


@dataclass
class Options:
    data: Path
    runner: str = "native"
    intervals: tuple[int, ...] = (1, 2, 3)
    count: int = 12
    """Composites."""
    frames: int = 24
    """Of each composite and clip."""
    sway: float = 1 / 6
    """How far people move to either side, in heights of the frame."""
    seed: int = 7
    json: Path | None = None


class SparseEngine(Engine):
    """T-Net in every `interval`-th frame of a scene."""

    def __init__(self, runner, interval: int):
        super().__init__(runner, tnet_size=get_preset("live").tnet_size)
        self._interval, self._since, self._logits = interval, 0, None
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def tnet(self, work: Work) -> Work:
        before, self._since = self._prior.picture, self._since + 1
        if before is None or self._since >= self._interval:
            return self._run(work)
        self._prior.see(work.frame.picture, tnet_shape(*work.frame.size, self.tnet_size))
        if self._prior.at_cut:
            return self._run(work)
        work.logits = self._follow(before, self._prior.picture)
        work.new_scene, work.reduced = False, self._prior.picture
        return self._keep(work)

    def _run(self, work: Work) -> Work:
        self._since = 0
        return self._keep(super().tnet(work))

    def _keep(self, work: Work) -> Work:
        self._logits = work.logits
        self._prior.remember(work.logits)
        return work

    def _follow(self, before: np.ndarray, picture: np.ndarray) -> np.ndarray:
        flow = self._flow.calc(*(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (picture, before)), None)
        shape = self._logits.shape[1:]
        if flow.shape[:2] != shape:
            scale = np.float32([shape[1] / flow.shape[1], shape[0] / flow.shape[0]])
            flow = cv2.resize(flow, shape[::-1], interpolation=cv2.INTER_AREA) * scale
        return np.stack([move(plane, flow) for plane in self._logits])


class Measured(dict):
    """Name → all values that were measured, in the unit that the name says."""

    def __init__(self, *names: str):
        super().__init__((name, []) for name in names)

    def means(self) -> dict[str, float | None]:
        """Name → mean; None where nothing was measured."""
        return {name: round(float(np.mean(values)), 3) if values else None for name, values in self.items()}


def moving_composites(o: Options) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
    """(frames [H, W, 3] uint8 RGB, alphas [H, W] float32) of each clip."""
    examples, rooms = people(o.data, "portraits_soft", "validation"), backgrounds(o.data, "validation")
    for index in range(o.count):
        rng = np.random.default_rng((o.seed, index))
        person, room = load_person(examples[index % len(examples)], 800), read_rgb(rooms[rng.integers(len(rooms))])
        yield tuple(zip(*move_before(person, room, o, rng), strict=True))


def move_before(person: Person, room: np.ndarray, o: Options, rng: np.random.Generator):
    """Yields (frame, alpha): a person who sways, turns by 6 degrees and grows by a tenth, each in 25 to 75 frames."""
    height, width = person.alpha.shape
    pace, phase = 2 * np.pi / rng.uniform(25, 75, 4), rng.uniform(0, 2 * np.pi, 4)
    pan = max(4 * o.frames, 2 * o.frames + 40)  # as far as `left` goes
    wide = cv2.resize(room, (SIZE[1] + pan, SIZE[0] + 40), interpolation=cv2.INTER_AREA)
    for number in range(o.frames):
        x, y, turn, growth = np.sin(pace * number + phase)
        matrix = affine(
            (height, width), SIZE, scale=PERSON_SIDE / height * (1 + 0.1 * growth), centre=(width / 2, height),
            angle=6 * turn, anchor=(SIZE[1] / 2 + x * SIZE[0] * o.sway, SIZE[0] + 20 + 20 * y),
        )  # fmt: skip
        alpha = np.float32(warp(person.alpha, matrix, SIZE, border=cv2.BORDER_CONSTANT)) / np.float32(255)
        colours = warp(person.foreground, matrix, SIZE, border=cv2.BORDER_REPLICATE)
        left = round(2 * number + 40 * np.sin(0.1 * number) ** 2)
        behind = wide[20 : 20 + SIZE[0], left : left + SIZE[1]]
        mixed = behind + alpha[..., None] * (colours.astype(np.float32) - behind)
        yield np.uint8(mixed + HALF), alpha


def mattes(engine: SparseEngine, pictures: list[np.ndarray], into: Measured) -> list[np.ndarray]:
    """Alpha of every frame; the cost of T-Net's stage goes to `into`."""
    alphas = []
    for number, picture in enumerate(pictures):
        work, began = Work(Frame(picture, number, number, None, 1)), time.process_time()
        engine.tnet(work)
        into["tnet_core_ms"].append(1e3 * (time.process_time() - began))
        alphas.append(engine.alpha(engine.mnet(work)))
        engine.release(work)
    return alphas


def sweep(o: Options, runner) -> list[dict]:
    measured = {interval: Measured(*NAMES) for interval in o.intervals}
    for pictures, truths in moving_composites(o):
        for interval, into in measured.items():
            found = mattes(SparseEngine(runner, interval), pictures, into)
            into["mean_iou_percent"] += [100 * mean_iou(a, t >= HALF) for a, t in zip(found, truths, strict=True)]
            pairs = zip(found[1:], found, truths[1:], truths, strict=False)
            into["dtssd_x1e2"] += [100 * dtssd(*four) for four in pairs]
    for clip in sorted((o.data / "videos").glob("*.m[kp][v4]")):
        compare_with_first(clip, o, runner, measured)
    return [{"interval": interval} | into.means() for interval, into in measured.items()]


def compare_with_first(clip: Path, o: Options, runner, measured: dict[int, Measured]) -> None:
    with open_source(clip, max_frames=o.frames) as source:
        pictures = [frame.pixels for frame in source]
    first = None
    for interval, into in measured.items():
        found = mattes(SparseEngine(runner, interval), pictures, into)
        first = first or [alpha >= HALF for alpha in found]
        pairs = [(a, p) for a, p in zip(found, first, strict=True) if 0 < p.mean() < 1]
        into["clips_iou_with_first_percent"] += [100 * mean_iou(*pair) for pair in pairs]


def measure_all(o: Options) -> None:
    options.check_least(o, 1, "intervals")
    options.check_least(o, 2, "frames")
    cv2.setNumThreads(1)
    rows = sweep(o, load_runner("live", o.runner))
    for row in rows:
        print(json.dumps(row))
    if o.json:
        o.json.write_text(json.dumps(rows, indent=1) + "\n")


def main() -> None:
    options.run(measure_all, Options, __doc__)


if __name__ == "__main__":
    main()
