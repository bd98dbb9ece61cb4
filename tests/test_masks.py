"""Masks of 16 bits: in whichever form they come, each level becomes the nearest of 8 bits."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from shm_stream.frame import Frame
from shm_stream.labelled import read_label
from shm_stream.masks import open_mask
from shm_stream.source_images import read_image
from shm_stream.transfer import eight_bits

LEVELS = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
NEAREST = np.rint(LEVELS / 257).astype(np.uint8)
FRAME = Frame(np.zeros((256, 256, 3), np.uint8), 0, 0, Fraction(1, 25), 1, stem="a")


def saved(path: Path) -> Path:
    """A mask of every level."""
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), LEVELS)
    return path


def input_of(kind: str, *files: Path) -> SimpleNamespace:
    """What the masks are for: one frame."""
    return SimpleNamespace(kind=kind, height=256, width=256, live=False, frame_count=1, files=list(files))


def grey_video(path: Path) -> Path:
    """The same as one frame of a video."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "gray16le"
        stream.codec_context.color_range = 2
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(LEVELS, "gray16le")), *stream.encode(None)]:
            container.mux(packet)
    return path


def test_every_level_of_16_bits_is_rounded():
    assert np.array_equal(eight_bits(LEVELS), NEAREST)
    assert np.array_equal(eight_bits(LEVELS * np.float32(1 / 65535)), NEAREST)


def mask_in(path: Path, source: SimpleNamespace) -> np.ndarray:
    """[256, 256] uint8 of the one frame."""
    mask = open_mask(path, "holdout", source)
    try:
        return mask.at(FRAME)
    finally:
        mask.close()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_pictures_are_rounded_alike_alone_and_in_folders(tmp_path, suffix):
    path = saved(tmp_path / "masks" / f"a{suffix}")
    assert np.array_equal(mask_in(path, input_of("video")), NEAREST)
    assert np.array_equal(mask_in(path.parent, input_of("video")), NEAREST)
    assert np.array_equal(mask_in(path.parent, input_of("folder", tmp_path / "a.jpg")), NEAREST)


def test_a_video_is_rounded_like_pictures(tmp_path):
    assert np.array_equal(mask_in(grey_video(tmp_path / "masks.mkv"), input_of("video")), NEAREST)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_labels_and_backgrounds_are_rounded_too(tmp_path, suffix):
    path = saved(tmp_path / f"a{suffix}")
    assert np.array_equal(read_label(path, (256, 256)), NEAREST)
    assert np.array_equal(read_image(path), np.dstack([NEAREST] * 3))
