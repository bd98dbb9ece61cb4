"""How much memory video encoders take, and how they are made to take less.

Measured with `benchmarks/encoder_memory.py`: the growth of a process that encodes moving pictures of 640x360 and
1920x1080 with the settings of `video_codecs`, in FFmpeg 8's libraries on two cores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import av

from .errors import InputError
from .video_codecs import Encoding


@dataclass(frozen=True)
class Cost:
    """Of one encoder, in bytes; what grows with pictures is in multiples of the memory of one."""

    fixed: float
    pictures: float
    waiting: int = 0
    """How many pictures it looks ahead by itself: longer is better quality at the same size of file."""
    pictures_each: float = 0.0
    """More for each of those."""


COSTS = {
    "libx264": Cost(8e6, 15.5, waiting=10, pictures_each=1.9),
    "libx265": Cost(46e6, 30, waiting=15, pictures_each=2.9),
    "libsvtav1": Cost(40e6, 115),
    "libvpx-vp9": Cost(24e6, 54, waiting=25, pictures_each=1.5),
    "prores_ks": Cost(4e6, 3),
    "ffv1": Cost(4e6, 25),
    "qtrle": Cost(4e6, 4),
    "png": Cost(4e6, 3),
    "utvideo": Cost(4e6, 5),
    "magicyuv": Cost(4e6, 5),
}


def cost_of(encoding: Encoding) -> Cost:
    """Raises InputError for an encoder that nobody has measured."""
    if encoding.codec not in COSTS:
        known = ", ".join(COSTS)
        raise InputError(f"how much memory {encoding.codec} takes is not known: leave out --max-memory, or use {known}")
    return COSTS[encoding.codec]


def encoder_bytes(encoding: Encoding, pixels: int, look_ahead: float) -> float:
    """For pictures of so many pixels; `look_ahead`: 0 to 1, share of the encoder's own."""
    cost = cost_of(encoding)
    alike = cost.pictures + cost.pictures_each * round(look_ahead * cost.waiting)
    if encoding.pix_fmt == "yuva420p":  # alpha is encoded apart, as the luma of a second picture
        return 2 * (cost.fixed + alike * pixels * bytes_per_pixel("yuv420p"))
    return cost.fixed + alike * pixels * bytes_per_pixel(encoding.pix_fmt)


def bytes_per_pixel(pix_fmt: str) -> float:
    """Of a picture in one of FFmpeg's pixel formats."""
    return av.VideoFormat(pix_fmt).padded_bits_per_pixel / 8


def bounded(encoding: Encoding, look_ahead: float) -> Encoding:
    """The same with that share of its look-ahead, and without what grows with the number of cores."""
    cost = cost_of(encoding)
    waiting = str(round(look_ahead * cost.waiting))
    given = encoding.options
    params = f"{given.get('x265-params', 'log-level=none')}:frame-threads=1:rc-lookahead={waiting}"
    own = {
        "libx264": {"rc-lookahead": waiting},
        "libx265": {"x265-params": params},
        "libsvtav1": {"svtav1-params": "lp=1"},
        "libvpx-vp9": {"lag-in-frames": waiting},
    }
    return replace(encoding, options=given | own.get(encoding.codec, {}))
