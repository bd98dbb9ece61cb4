"""The mean of the weights of several runs of a stage, as one more checkpoint for the next stage.

    python -m training.soup checkpoints/tnet.pt checkpoints/tnet_more.pt --out checkpoints/tnet_mean.pt

Runs that began from the same weights and were shown different things often lie in one valley, and the middle of it
serves new pictures better than either (Wortsman et al. 2022, "Model soups"). Measure before you keep it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from shm_stream.errors import InputError

from . import checkpoint, options
from .parts import without_head


def mean(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Entry by entry; counters are taken from the last. Raises InputError when the networks differ."""
    shapes = [{name: value.shape for name, value in state.items()} for state in states]
    if any(shape != shapes[0] for shape in shapes):
        raise InputError("these checkpoints are of different networks or stages: nothing lies between them")
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in states[-1].items()
    }


def write(paths: list[Path], out: Path) -> None:
    """Writes the mean of the averaged weights; the head for parts is left out. Raises ShmStreamError."""
    checkpoint.save(out, average=mean([without_head(checkpoint.load(path)["average"]) for path in paths]), step=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--out", required=True, type=Path)
    options.run_parser(lambda o: write(o.checkpoints, o.out), parser)


if __name__ == "__main__":
    main()
