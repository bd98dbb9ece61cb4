"""Pictures → frames as an encoder takes them: in its pixel format, with the times that its container counts in."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from .convention import Convention
from .errors import ShmStreamError
from .fine_planes import depth_of, frame_from_fine
from .frame import Frame
from .planes import frame_from_grey, frame_from_rgb, set_tags
from .prores_bypass import ALPHA_BITS, AlphaBypass, bypasses
from .transfer import in_depth
from .video_codecs import Encoding
from .yuv_planes import YuvPlanes, picture_size


class EncoderFrames:
    """For one video file, whose pictures all have the size of the first."""

    def __init__(self, path: Path, encoding: Encoding, convention: Convention, rate: Fraction):
        self._path, self._encoding, self._convention, self._rate = path, encoding, convention, rate
        self._bypass = AlphaBypass(path) if bypasses(encoding) else None
        self._size: tuple[int, int] | None = None
        self._last_number = -1

    @property
    def fine(self) -> bool:
        """Whether more than 8 bits are kept of float32 pictures."""
        return depth_of(self._encoding.pix_fmt) > 8

    @property
    def kept_bits(self) -> int:
        """Of each pixel of a picture, kept until its packet comes: alpha that goes round the encoder."""
        return ALPHA_BITS if self._bypass else 0

    def make(self, frame: Frame, picture: np.ndarray | YuvPlanes) -> av.VideoFrame:
        """A picture shown at `frame.pts` for `frame.duration`. Raises ShmStreamError for one of another size."""
        self._check_size(frame, picture_size(picture)[::-1])
        if on_device(picture):
            from .device_planes import frame_on_device  # imports torch, as those who made the picture did

            result = set_tags(frame_on_device(picture), self._encoding.tags)
        elif isinstance(picture, YuvPlanes):
            result = set_tags(picture.frame, self._encoding.tags)
        else:
            result = self._converted(self._convention.apply(in_depth(picture, self.fine)))
        result.pts, result.time_base, result.duration = frame.pts, frame.time_base, frame.duration
        if self._encoding.container == "avi":
            self._count_by_rate(result)
        return result

    def complete(self, packets: list[av.Packet]) -> Iterable[av.Packet]:
        """The encoder's packets with what went round it."""
        return packets if self._bypass is None else self._bypass.put_into(packets)

    def _check_size(self, frame: Frame, size: tuple[int, int]) -> None:
        self._size = self._size or size
        if size != self._size:
            raise ShmStreamError(
                f"cannot write {self._path}: picture {frame.index} is {size[0]}x{size[1]}, the first "
                f"was {self._size[0]}x{self._size[1]}; a video holds one size, write to a folder instead"
            )

    def _converted(self, picture: np.ndarray) -> av.VideoFrame:
        encoding = self._encoding
        if self._bypass is not None:
            picture = self._bypass.keep(picture)
        if self.fine:  # also for 8 bits, which libswscale would dither
            return frame_from_fine(picture, encoding.pix_fmt, encoding.tags)
        convert = frame_from_grey if picture.ndim == 2 else frame_from_rgb
        return convert(picture, encoding.pix_fmt, encoding.tags)

    def _count_by_rate(self, frame: av.VideoFrame) -> None:
        """AVI knows no timestamps, only the number of a picture at its one rate."""
        self._last_number = number_at(self._rate, frame.pts, frame.time_base, self._last_number)
        frame.pts, frame.time_base, frame.duration = self._last_number, 1 / self._rate, 1


def on_device(picture: np.ndarray | YuvPlanes) -> bool:
    """Whether a picture is DevicePlanes, told without importing torch."""
    return hasattr(picture, "tensors")


def number_at(rate: Fraction, time: int, time_base: Fraction, last: int) -> int:
    """The number of a picture, at `rate` a second, that is shown at `time`; `last`: that of the picture before."""
    return max(round(time * time_base * rate), last + 1)
