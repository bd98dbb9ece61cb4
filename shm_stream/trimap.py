"""The order of T-Net's three channels, written down once."""

from enum import IntEnum


class Trimap(IntEnum):
    """Channel index in logits and trimaps `[3, h, w]`: F, B and U of the paper (section 3)."""

    FOREGROUND = 0
    BACKGROUND = 1
    UNKNOWN = 2
