"""What tests of sinks share: frames of files written as the engine would hand them on, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from media import numbered_picture, write_video

from shm_stream.errors import InputError
from shm_stream.frame import Frame
from shm_stream.sink import open_sink


def clip(path, count=6, **options):
    return write_video(path, [numbered_picture(number) for number in range(count)], **options)


def make(kind: str, frame: Frame) -> np.ndarray:
    """What the engine would hand to a sink of `kind`."""
    grey = frame.pixels[..., 0]
    rgba = np.dstack([frame.pixels, ramp(*grey.shape)])
    return {"alpha": np.ascontiguousarray(grey), "transparent": rgba}.get(kind, frame.pixels)


def ramp(height: int, width: int) -> np.ndarray:
    """[height, width] uint8 alpha from 0 to 255 with flat ends."""
    return np.clip(np.linspace(-60, 315, width), 0, 255).astype(np.uint8)[None].repeat(height, 0)


def convert(source, target, kind="composite", **options):
    sink = open_sink(target, source, kind=kind, **options)
    for frame in source:
        sink.write(frame, make(kind, frame))
    return sink.finish()


def refused(target, source, match, **options):
    with pytest.raises(InputError, match=match) as caught:
        open_sink(target, source, **{"kind": "composite", **options})
    assert "\n" not in str(caught.value)
