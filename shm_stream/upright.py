"""Pictures as decoders give them, turned upright and brought to one size."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from .colour import resolve_tags
from .fine_planes import depth_of, fine_from_frame
from .hardware_decoder import STAYS
from .orientation import orientation_of
from .planes import SITED, frame_to_rgb, planes_of
from .transfer import eight_bits
from .yuv_planes import YuvPlanes


class Upright:
    """What the first picture of a stream says about all of them, and the way to make the others like it.

    `width`, `height` and `sample_aspect_ratio` are those of upright pictures, `colour` their ColourTags, `bits` those
    of each channel; `planar` tells that they come as YuvPlanes.
    """

    def __init__(self, first: av.VideoFrame, sample_aspect_ratio: Fraction | None):
        """The first picture alone knows orientation and colours for sure. Raises InputError for unknown colours."""
        self._orientation = orientation_of(first)
        self._stored = first.height, first.width
        turned = self._orientation.transposed
        self.width, self.height = (first.height, first.width) if turned else (first.width, first.height)
        aspect = sample_aspect_ratio or Fraction(1)
        self.sample_aspect_ratio = 1 / aspect if turned else aspect
        pix_fmt = _pixel_format(first)
        self.bits = depth_of(pix_fmt)
        self.planar = pix_fmt in SITED and self._orientation.keeps_sites(*self._stored)
        self.colour = resolve_tags(
            first.colorspace, first.color_range, first.color_primaries, first.color_trc,
            height=first.height, pix_fmt=pix_fmt,
        )  # fmt: skip
        self._reformatter = VideoReformatter()

    def __call__(self, picture: av.VideoFrame) -> tuple[np.ndarray | YuvPlanes, np.ndarray | None]:
        """What a Frame holds: the decoder's own planes where they can be used, turned where they have to be, else
        [height, width, 3] uint8 RGB; and beside that float32 RGB of what has more than 8 bits.

        A change of size in mid-stream is scaled to the first size.
        """
        alike = (picture.height, picture.width) == self._stored
        if picture.format.name == STAYS and not (alike and self._can_stay(picture)):
            picture = picture.reformat(format=_pixel_format(picture))  # to the host
        if alike and self._orientation.keeps_sites(*self._stored):
            planes = self._own_planes(picture)
            if planes is not None:
                return self._orientation.turned_planes(planes), None
        if depth_of(picture.format.name) > 8:
            fine = self._turned(fine_from_frame(picture, self.colour))
            return eight_bits(fine), fine
        return self._turned(frame_to_rgb(picture, self.colour, self._reformatter)), None

    def _can_stay(self, picture: av.VideoFrame) -> bool:
        return not self._orientation.changes and _pixel_format(picture) == "nv12"

    def _own_planes(self, picture: av.VideoFrame) -> YuvPlanes | None:
        """Where they are, or None when they are of another kind."""
        if picture.format.name != STAYS:
            return planes_of(picture, self.colour)
        from .device_planes import planes_on_device  # imports torch

        return planes_on_device(picture, self.colour)

    def _turned(self, pixels: np.ndarray) -> np.ndarray:
        pixels = self._orientation.turned(pixels)
        if pixels.shape[:2] != (self.height, self.width):
            pixels = cv2.resize(pixels, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return pixels


def _pixel_format(picture: av.VideoFrame) -> str:
    """FFmpeg's name of how pixels are stored, also where they lie on a GPU."""
    there = getattr(picture, "sw_format", None)
    return (there or picture.format).name
