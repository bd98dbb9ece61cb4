"""The outputs of one frame, repeated for as long as the controls say so."""

from __future__ import annotations

import numpy as np

from .controls import Controls
from .fuse_arguments import Picture
from .planes import new_planes
from .yuv_planes import YuvPlanes


class Held:
    """Keeps copies, and gives out copies: sinks may keep what they get, and buffers go round."""

    def __init__(self):
        self._kept: dict[str, Picture] | None = None

    def repeats(self, controls: Controls) -> bool:
        """Whether the frame at hand is not to be made at all. Forgets what it held when the controls let go."""
        if controls.hold != "freeze":
            self._kept = None
        return self._kept is not None

    def keep(self, outputs: dict[str, Picture]) -> None:
        """From now on these are repeated."""
        self._kept = {kind: copy_picture(picture) for kind, picture in outputs.items()}

    def copies(self) -> dict[str, Picture]:
        """Kind → a picture of its own."""
        return {kind: copy_picture(picture) for kind, picture in self._kept.items()}


def copy_picture(picture: Picture) -> Picture:
    """RGB, alpha or planes; planes become those of a new yuv420p frame that an encoder takes as it is."""
    if not isinstance(picture, YuvPlanes):
        return np.array(picture)
    copied = new_planes(*picture.size, picture.tags)
    copied.y[...], copied.u[...], copied.v[...] = picture.y, picture.u, picture.v
    return copied
