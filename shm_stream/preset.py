"""Presets: which two networks work together, and at what size."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InputError


@dataclass(frozen=True)
class Preset:
    name: str
    tnet_size: int
    """T-Net's input has about as many pixels as a square of this side."""
    halo: int
    """Pixels of context that M-Net eats on every side."""
    multiple: int
    """M-Net's output height and width are multiples of this."""
    uses_prior: bool
    """Whether T-Net reads the previous frame's alpha."""
    encoder: int | None = None
    """Which EfficientNet-Lite T-Net is made of: 0 to 2. None: the networks are the paper's."""

    @property
    def local_mnet(self) -> bool:
        """Whether M-Net is the local colour model, which the native kernel draws and ONNX can hold."""
        return self.encoder is not None

    def build(self):
        """A fresh `SHM` network (imports torch)."""
        from .matting_network import SHM

        if self.encoder is None:
            from .mnet_paper import PaperMNet
            from .tnet_paper import PaperTNet

            return SHM(PaperTNet(), PaperMNet())
        from .mnet import LiveMNet
        from .tnet import LiveTNet

        return SHM(LiveTNet(self.encoder), LiveMNet())


PRESETS = {
    "live": Preset("live", tnet_size=256, halo=20, multiple=4, uses_prior=True, encoder=0),
    "studio": Preset("studio", tnet_size=384, halo=20, multiple=4, uses_prior=True, encoder=2),
    "paper": Preset("paper", tnet_size=800, halo=0, multiple=1, uses_prior=False),
}


def get_preset(name: str) -> Preset:
    """Raises InputError for an unknown name."""
    if name not in PRESETS:
        raise InputError(f"unknown preset '{name}': choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
