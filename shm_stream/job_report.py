"""What a job did."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .latency import Latency
from .live_sink import LiveReport
from .pipeline import StageTimes


@dataclass
class Report:
    """What a job did."""

    frames: int
    """How many frames each output holds."""
    seconds: float
    """From the first frame asked for until the outputs were complete."""
    device: str
    runner: str
    kernel: str
    """The path of the per-pixel kernels."""
    outputs: dict[str, Path | str]
    """Kind (composite, alpha, foreground, transparent) → file or folder; camera → device; name of a live output → that
    name, which has no secrets."""
    interrupted: bool = False
    """Ctrl-C ended it; the outputs hold what was done until then."""
    input_warning: str | None = None
    """What part of the input could not be read (it is missing in the outputs), or None."""
    warnings: list[str] = field(default_factory=list)
    """Anything else that was left out, such as audio that does not fit into the container."""
    memory_warning: str | None = None
    """That more memory was taken than stated, or None."""
    dropped: int = 0
    """Frames of a live input that came while the engine was busy."""
    quality: str | None = None
    """Of a live job that holds a rate: what the networks were allowed at the end."""
    quality_changes: int = 0
    """How often that was changed."""
    reconnects: int = 0
    """How often a lost live input came back."""
    paused_seconds: float = 0.0
    """For how long nothing was made because nobody watched."""
    latency: Latency | None = None
    """Of live inputs and outputs: how long frames were on their way from the decoder to the outputs."""
    sound_offset_ms: int | None = None
    """By how much a microphone must be delayed to be in step with a virtual camera or OBS, which get pictures only."""
    live: list[LiveReport] = field(default_factory=list)
    """What became of each live output."""
    stages: list[StageTimes] = field(default_factory=list)

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds > 0 else 0.0
