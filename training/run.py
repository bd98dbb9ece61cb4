"""What the three stages share: their options, optimisation steps, averaging, log, checkpoints, resuming."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from shm_stream.errors import InputError

from . import checkpoint, distributed, preview, stream
from .checks import check_stage
from .log import Log
from .schedule import warm, warm_cosine


@dataclass
class CommonOptions:
    """Options of every stage."""

    data: Path
    cache: Path | None = None
    preset: str = "live"
    device: str = "auto"
    amp: bool = False
    """Half precision with loss scaling: float16 on a GPU, bfloat16 on a CPU."""
    workers: int = 1
    threads: int = 2
    seed: int = 0
    log_every: int = 50
    preview_every: int = 500
    """Steps between two pictures of predictions; 0 for none."""
    save_minutes: float = 3.0
    stop_at: int = 0
    """Stop after this many steps in all, to be resumed later; the schedule stays that of `steps`."""
    shared_norms: bool = True
    """Batch norms use the batches of all processes together, not each process its own."""
    constant_rate: bool = False
    """Keep the rate after its rise instead of lowering it along a cosine."""


class Run:
    """One stage under way: `follow` takes its steps until `steps`, or `stop_at`."""

    def __init__(self, network: nn.Module, optimiser: torch.optim.Optimizer, out: Path, options, device="cpu"):
        """`options` are CommonOptions with steps, batch and average. Goes on from `out` when it exists.

        `network` must be on `device` already. Several processes must all see the same `out`.
        """
        self.network, self.optimiser, self.out, self.options = network, optimiser, out, options
        self.device = torch.device(device)
        factor = warm if options.constant_rate else partial(warm_cosine, steps=options.steps)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=options.amp)
        self.average = checkpoint.Average(network, options.average)
        self.step = 0
        if out.exists():
            self._resume()
        if options.shared_norms:
            distributed.share_batch_norms(network)
        self.log = Log(out.with_suffix(".csv"), self.step)
        self._totals: dict[str, Tensor] = defaultdict(float)
        self._counted = 0
        self._logged_at = self._saved_at = time.monotonic()

    @property
    def complete(self) -> bool:
        return self.step >= self.options.steps

    @property
    def finished(self) -> bool:
        return self.complete or 0 < self.options.stop_at <= self.step

    def follow(self, make_samples: Callable[[], stream.Samples], loss: Callable, collate=None) -> bool:
        """Trains to the end and says whether the stage is complete.

        `loss(batch)` gives a dict of named terms with `total`, and a function that gives a `Preview`. Samples are made
        only when there is something left to do.
        """
        if not self.finished:
            places = stream.Places(self.step, self.options.steps, self.options.batch)
            on_gpu = self.device.type == "cuda"
            batches = stream.batches(make_samples(), places, self.options.workers, collate, pin=on_gpu)
            self._logged_at = self._saved_at = time.monotonic()
            while not self.finished:
                self._take_step(to_device(next(batches), self.device), loss)
        distributed.wait()  # for the checkpoint that the first process writes
        return self.complete

    def _take_step(self, batch, loss: Callable) -> None:
        # what the network draws (dropout) depends on seed, step and process alone, as samples do
        place = (self.options.seed, self.step, distributed.rank())
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))
        half = torch.float16 if self.device.type == "cuda" else torch.bfloat16
        with torch.autocast(self.device.type, half, enabled=self.options.amp):
            terms, look = loss(batch)
        self._descend(terms["total"])
        self._log(terms)
        every = self.options.preview_every
        if every and self.step % every == 0 and distributed.rank() == 0:
            preview.write(self.out.parent / f"{self.out.stem}_previews" / f"{self.step:06}.png", look())
        if self.finished or time.monotonic() - self._saved_at > 60 * self.options.save_minutes:
            self._save()

    def _descend(self, total: Tensor) -> None:
        """One step down the gradient, averaged over the processes."""
        self.optimiser.zero_grad()
        self.scaler.scale(total).backward()
        distributed.average_gradients(self.network)
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self._rate = self.schedule.get_last_lr()[-1]
        self.schedule.step()
        self.step += 1
        self.average.update(self.network, self.step)

    def _log(self, terms: dict[str, Tensor]) -> None:
        """Sums up; every `log_every` steps, prints and writes the means over these steps and all processes."""
        for name, value in terms.items():
            self._totals[name] += value.detach().float()
        self._counted += 1
        if self.step % self.options.log_every:
            return
        values = distributed.mean(torch.stack(list(self._totals.values())) / self._counted).tolist()
        means = dict(zip(self._totals, values))
        speed = self._counted * self.options.batch * distributed.world_size() / (time.monotonic() - self._logged_at)
        if distributed.rank() == 0:
            self.log.write({"step": self.step, **means, "rate": self._rate, "images_per_second": round(speed, 2)})
            text = " ".join(f"{name} {value:.5f}" for name, value in means.items())
            print(f"step {self.step} {text} {speed:.1f} images/s", flush=True)
        self._totals.clear()
        self._counted, self._logged_at = 0, time.monotonic()

    def _save(self) -> None:
        self._saved_at = time.monotonic()
        if distributed.rank():
            return
        checkpoint.save(
            self.out,
            network=self.network.state_dict(),
            optimiser=self.optimiser.state_dict(),
            schedule=self.schedule.state_dict(),
            scaler=self.scaler.state_dict(),
            average=self.average.state,
            step=self.step,
            options=vars(self.options),
        )

    def _resume(self) -> None:
        saved = checkpoint.load(self.out)
        if lost := {"network", "optimiser", "schedule", "average", "step"} - saved.keys():
            raise InputError(f"{self.out} holds no run to go on with (no {min(lost)}); give another --out")
        try:
            self.network.load_state_dict(saved["network"])
            self.optimiser.load_state_dict(saved["optimiser"])
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{self.out} is of another network or stage ({reason}); give another --out") from error
        self.schedule.load_state_dict(saved["schedule"])
        if saved.get("scaler") and self.options.amp:
            self.scaler.load_state_dict(saved["scaler"])
        self.average.load(saved["average"])
        self.step = saved["step"]
        if distributed.rank() == 0:
            print(f"resumed at step {self.step}", flush=True)


def begin(options: CommonOptions) -> torch.device:
    """What every stage does first: checks its numbers and that results can be written, joins the other processes, sets
    threads and seed. Gives back the device. Raises InputError."""
    check_stage(options)
    device = distributed.start(options.device)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    return device


def to_device(batch, device: torch.device):
    """Moves the tensors of a batch: a list or a dict of them."""
    if isinstance(batch, dict):
        return {name: value.to(device, non_blocking=True) for name, value in batch.items()}
    return [value.to(device, non_blocking=True) for value in batch]
