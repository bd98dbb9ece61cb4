"""Masks: in whichever form they come, each level of 16 bits becomes the nearest of 8, and planes need no RGB."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from media import palette_picture, write_video

from shm_stream.frame import Frame
from shm_stream.labelled import read_label
from shm_stream.masks import grey, open_mask
from shm_stream.source import open_source
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


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (6, False), (6, True), (9, False)])
def test_a_video_of_planes_is_as_grey_as_its_rgb(tmp_path, monkeypatch, matrix, full):
    """Also where it has colours. Nothing is converted for it; grey levels are exact."""
    ramp = cv2.merge([np.tile(np.arange(256, dtype=np.uint8), (128, 1))] * 3)
    colours = palette_picture(256, 128) // 2 + np.uint8(60)
    picture = np.vstack([ramp, cv2.GaussianBlur(colours, (0, 0), 3)])
    path = write_video(
        tmp_path / "mask.mkv", [picture], pix_fmt="yuv420p", codec="ffv1", options={}, matrix=matrix, full=full
    )
    frame = next(iter(open_source(path)))
    wanted = grey(frame.pixels).astype(int)
    monkeypatch.setattr("shm_stream.frame.rgb_from_planes", lambda planes: pytest.fail("converted to RGB"))
    found = open_mask(path, "--keep", input_of("video")).at(FRAME)
    assert np.abs(found[:126] - ramp[:126, :, 0].astype(int)).max() <= (0 if full else 1)
    assert np.abs(found - wanted)[:126].max() <= 1 and np.abs(found - wanted)[130:].max() <= 2
    assert found[:120, 0].max() == 0 and found[:120, 255].min() == 255
