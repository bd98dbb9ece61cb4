"""Measures how steady mattes of real clips are, which have no truth: over all of them, as the model cards state it.

    python -m training.evaluate_flicker --data DATA [--weights FOLDER] [--preset live] [--json flicker.json]
    python -m training.evaluate_flicker --clips CLIPS

First it says which weights these are: those that users get, or the ones in FOLDER. The clips are DATA/videos/*.mkv, or
all files in CLIPS. Flicker is what `shm-stream eval --video` prints: the mean change of alpha x 1e3 from frame to
frame after the motion of the picture is taken out, as users get it (with the prior alpha) and with every frame matted
like a still (without). The last line has the sums over the clips, and their ratio.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from shm_stream import Matting
from shm_stream.errors import InputError
from shm_stream.evaluate_video import measure_flicker
from shm_stream.source import open_source

from . import measured, options

WITH, WITHOUT = "flicker_with_prior", "flicker_without_prior"


@dataclass
class Options:
    data: Path | None = None
    clips: Path | None = None
    """A folder of clips instead of those of DATA."""
    preset: str = "live"
    runner: str = ""
    """Empty: the usual one, as users get it."""
    weights: Path | None = None
    """A folder that `export` wrote; without one the weights that users get."""
    json: Path | None = None


def find_clips(o: Options) -> list[Path]:
    """The clips in the order of their names. Raises InputError when there are none."""
    if (o.data is None) == (o.clips is None):
        raise InputError("give either --data, whose videos/*.mkv are measured, or --clips")
    folder = o.clips or o.data / "videos"
    clips = sorted(path for path in folder.glob("*" if o.clips else "*.mkv") if path.is_file())
    if not clips:
        raise InputError(f"{folder} holds no clips{'' if o.clips else ' (*.mkv)'}")
    return clips


def measure(matting: Matting, clip: Path) -> dict[str, float]:
    """Flicker with and without the prior, and the number of frames."""
    with open_source(clip) as source:
        found = measure_flicker(matting, source, lambda count: None)
    if found.warning:
        raise InputError(f"{clip} was not read to its end: {found.warning}")
    return {name: found.figures[name] for name in (WITH, WITHOUT, "frames")}


def total(rows: list[dict[str, float]]) -> dict[str, float]:
    """The sums over the clips: a clip that flickers more counts for more."""
    return {name: sum(row[name] for row in rows) for name in rows[0]}


def line(name: str, row: dict[str, float]) -> str:
    ratio = f"{row[WITH] / row[WITHOUT]:.3f}" if row[WITHOUT] else "-"
    return f"{name:24}{row[WITH]:>12.3f}{row[WITHOUT]:>10.3f}{ratio:>8}{row['frames']:>8}"


def evaluate(o: Options) -> None:
    clips = find_clips(o)
    matting = Matting(o.preset, runner=measured.load(o.preset, o.runner, o.weights))
    print(f"{'flicker x 1e3':24}{'with prior':>12}{'without':>10}{'ratio':>8}{'frames':>8}")
    rows = {}
    for clip in clips:
        rows[clip.name] = measure(matting, clip)
        print(line(clip.name, rows[clip.name]), flush=True)
    sums = total(list(rows.values()))
    print(line(f"sums over {len(rows)} clips", sums))
    if o.json:
        result = {"clips": rows, "sums": sums | {"ratio": sums[WITH] / sums[WITHOUT] if sums[WITHOUT] else None}}
        o.json.write_text(json.dumps(result, indent=2) + "\n")


def main() -> None:
    options.run(evaluate, Options, __doc__)


if __name__ == "__main__":
    main()
