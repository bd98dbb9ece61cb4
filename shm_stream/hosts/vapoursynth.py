"""A VapourSynth filter: `alpha(clip)` is the clip's matte."""

from __future__ import annotations

import numpy as np
import vapoursynth as vs

from ..colour import default_matrix
from ..errors import InputError
from ..matting_api import Matting


def alpha(clip: vs.VideoNode, *, prior: bool = True, **options) -> vs.VideoNode:
    """The matte of `clip`, GRAY8 in full range, frame for frame.

    `options` are those of `Matting`. Each frame is told what was seen in the one before; where the host jumps, or asks
    for frames out of order, a new scene begins. `prior=False` mattes every frame alone, and so the same in any order.
    Raises InputError for clips that change size or format, and for what `Matting` cannot use.
    """
    if clip.format is None or not clip.width or not clip.height:
        raise InputError("the clip changes its size or format; give every part the same with resize first")
    rgb, matte = _rgb(clip), clip.std.BlankClip(format=vs.GRAY8, keep=True)
    return matte.std.ModifyFrame([matte, rgb], _Selector(Matting(**options).video(prior=prior)))


def _rgb(clip: vs.VideoNode) -> vs.VideoNode:
    """RGB24; clips that do not say their matrix have that of their size."""
    if clip.format.color_family != vs.YUV:
        return clip.resize.Bicubic(format=vs.RGB24)
    said = clip.get_frame(0).props.get("_Matrix", vs.MATRIX_UNSPECIFIED)
    matrix = default_matrix(clip.height) if said == vs.MATRIX_UNSPECIFIED else said
    return clip.resize.Bicubic(format=vs.RGB24, matrix_in=matrix)


class _Selector:
    """Called with each frame's number, the empty matte and the picture; VapourSynth calls one at a time."""

    def __init__(self, video):
        self._video, self._next = video, 0

    def __call__(self, n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        empty, picture = f
        if n != self._next:
            self._video.reset()
        self._next = n + 1
        matte = empty.copy()
        drawn = self._video(np.stack([np.asarray(plane) for plane in picture], axis=-1))
        np.asarray(matte[0])[...] = drawn * 255 + 0.5
        matte.props["_Range"] = vs.RANGE_FULL
        return matte
