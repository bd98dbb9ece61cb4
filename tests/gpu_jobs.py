"""Whole jobs on the example clip, one on a GPU and one on the CPU, and whether their files are alike."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
from gpu_runs import CLIP, assert_alike

from shm_stream.controls import Controls
from shm_stream.job import Job
from shm_stream.job_options import JobOptions

FRAMES = 12
ENDS = ("output", "alpha", "foreground")
"""The options that name files, here by their ends."""
JOBS = {
    "colour": {"bg": "#405060", "output": ".mkv", "alpha": "/", "codec": "ffv1"},
    "steadied": {"bg": "blur:30", "output": ".mkv", "codec": "ffv1", "controls": Controls(temporal=60), "lookahead": 1},
    "edges": {"bg": "teal", "output": ".mkv", "foreground": "/", "codec": "ffv1", "controls": Controls(shrink=2)},
}
"""Nothing is written with loss. `codec` is that of the composite; an alpha or a foreground beside it would be H.264,
whose encoder decides otherwise for a few rounded pixels: 1 percent of all come back 3 to 40 steps apart."""


def pictures(path: Path, pix_fmt: str = "rgb24") -> np.ndarray:
    """Of a video, or of a folder of them."""
    if path.is_dir():
        return np.stack([cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in sorted(path.iterdir())])
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format=pix_fmt) for frame in container.decode(video=0)])


def job_files(folder: Path, pix_fmt: str = "rgb24", **options) -> tuple:
    """(report, output → pictures of its file) of a job."""
    folder.mkdir()
    paths = {kind: f"{folder / kind}{end}" for kind, end in options.items() if kind in ENDS}
    with Job(JobOptions(input=CLIP, frames=FRAMES, **(options | paths))) as job:
        report = job.run()
    assert report.frames == FRAMES
    return report, {kind: pictures(Path(path), pix_fmt) for kind, path in paths.items()}


def assert_files_alike(made: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Of two jobs."""
    assert made.keys() == expected.keys() and made
    scale = 257 if next(iter(expected.values())).dtype == np.uint16 else 1
    for kind, there in expected.items():
        assert len(there) == FRAMES and there.std() > 5 * scale
        assert_alike(made[kind], there, scale=scale, mean=0.1)
