"""What the three stages share: one optimisation step, averaging, log lines, checkpoints, resuming."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from . import checkpoint, distributed
from .schedule import warm_cosine


@dataclass
class CommonOptions:
    """Options of every stage."""

    data: Path
    cache: Path | None = None
    workers: int = 1
    threads: int = 2
    seed: int = 0
    log_every: int = 50
    save_minutes: float = 3.0


class Run:
    """One stage under way: call `advance` with the loss terms of each batch until `finished`."""

    def __init__(self, network: nn.Module, optimiser: torch.optim.Optimizer, out: Path, options):
        """`options` has steps, batch, average, log_every and save_minutes. Goes on from `out` when it exists."""
        self.network, self.optimiser, self.out, self.options = network, optimiser, out, options
        self.schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: warm_cosine(step, options.steps))
        self.average = checkpoint.Average(network, options.average)
        self.step = 0
        if out.exists():
            self._resume()
        self._totals: dict[str, float] = defaultdict(float)
        self._counted = 0
        self._logged_at = self._saved_at = time.monotonic()

    @property
    def finished(self) -> bool:
        return self.step >= self.options.steps

    def advance(self, terms: dict[str, Tensor]) -> None:
        """One step down the gradient of `terms["total"]`."""
        self.optimiser.zero_grad()
        terms["total"].backward()
        distributed.average_gradients(self.network)
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        self.average.update(self.network, self.step)
        self._log(terms)
        if self.finished or time.monotonic() - self._saved_at > 60 * self.options.save_minutes:
            self._save()

    def _log(self, terms: dict[str, Tensor]) -> None:
        for name, value in terms.items():
            self._totals[name] += value.item()
        self._counted += 1
        if self.step % self.options.log_every == 0 and distributed.rank() == 0:
            means = " ".join(f"{name} {total / self._counted:.5f}" for name, total in self._totals.items())
            rate = self._counted * self.options.batch * distributed.world_size() / (time.monotonic() - self._logged_at)
            print(f"step {self.step} {means} {rate:.1f} images/s", flush=True)
            self._totals.clear()
            self._counted, self._logged_at = 0, time.monotonic()

    def _save(self) -> None:
        if distributed.rank():
            return
        checkpoint.save(
            self.out,
            network=self.network.state_dict(),
            optimiser=self.optimiser.state_dict(),
            schedule=self.schedule.state_dict(),
            average=self.average.state,
            step=self.step,
            options=vars(self.options),
        )
        self._saved_at = time.monotonic()

    def _resume(self) -> None:
        saved = checkpoint.load(self.out)
        self.network.load_state_dict(saved["network"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.schedule.load_state_dict(saved["schedule"])
        self.average.state, self.step = saved["average"], saved["step"]
        print(f"resumed at step {self.step}", flush=True)
