"""The three stages one after the other, then the export.

    python -m training.train_all --data DATA --out checkpoints [--config paper] [--cache checkpoints/cache]

Writes tnet.pt, mnet.pt, joint.pt (each with its .csv and pictures) and weights/ into the folder `--out`. What is
finished is not done again, so the same command resumes after a stop at any moment. Numbers of a single stage stand in
the config. `torchrun --nproc-per-node N -m training.train_all ...` trains in N processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import distributed, export, options, train_joint, train_mnet, train_tnet
from .run import CommonOptions

MODULES = {"tnet": train_tnet, "mnet": train_mnet, "joint": train_joint, "export": export}


@dataclass(kw_only=True)
class Options(CommonOptions):
    out: Path


def plan(config: dict[str, dict], given: dict) -> dict[str, object]:
    """The options of every stage, all checked before the first one starts."""
    folder = options.build(Options, None, config, given).out
    checkpoints = {stage: folder / f"{stage}.pt" for stage in ("tnet", "mnet", "joint")}
    own = {
        "tnet": {"out": checkpoints["tnet"]},
        "mnet": {"out": checkpoints["mnet"]},
        "joint": {**checkpoints, "out": checkpoints["joint"]},
        "export": {"joint": checkpoints["joint"], "weights": folder / "weights"},
    }
    return {
        stage: options.build(module.Options, stage, config, given | own[stage]) for stage, module in MODULES.items()
    }


def train(stages: dict[str, object]) -> bool:
    """Runs the stages in order; False when `stop_at` ended one early. What cannot be exported is said before."""
    export.check(stages["export"])
    distributed.start(stages["tnet"].device)
    for stage in ("tnet", "mnet", "joint"):
        if distributed.rank() == 0:
            print(f"stage {stage}", flush=True)
        if not MODULES[stage].train(stages[stage]):
            return False
    if distributed.rank() == 0:
        export.write(stages["export"])
    return True


def main() -> None:
    options.in_one_line(lambda: train(plan(*options.read_command_line(Options, __doc__, with_config=True))))


if __name__ == "__main__":
    main()
