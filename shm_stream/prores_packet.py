"""ProRes 4444 frames whose alpha is replaced by one of all 16 bits. Layout: SMPTE RDD 36.

A frame is a header, a picture header, a table with the size of each slice, and the slices. A slice is a header with the
sizes of Y, Cb and Cr, these three, and alpha, whose size is what is left. Numbers are big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import chain

import numpy as np

from .prores_alpha import SLICE_BLOCKS, code_alpha, slice_count

LARGEST_SLICE = 0xFFFF
FRAME_SIZE, NAME, FRAME_HEADER, DIMENSIONS, FORM, ALPHA_TYPE = 0, 4, 8, 16, 20, 25
"""Where a frame has its size, `icpf`, its header, width and height, chroma format and fields, and kind of alpha."""
PROGRESSIVE_444, FORM_MASK = 0xC0, 0xCC
ALPHA_16_BITS, ALPHA_MASK = 2, 0x0F
PICTURE = struct.Struct(">BIHB")
"""8 times the header's size, bytes of the picture, slices, 16 times the binary logarithm of a slice's macroblocks."""
SLICE_HEADER = 8
"""8 times its size, quantiser, then the sizes of Y, Cb and Cr in two bytes each."""
UNKNOWN = "this version of FFmpeg lays ProRes frames out in a way that is not known here; write FFV1 into .mkv instead"


@dataclass(frozen=True)
class Layout:
    """Where the parts of a frame lie."""

    picture: int
    table: int
    slices: int
    slice_blocks: int
    """Macroblocks in a slice."""
    sizes: np.ndarray
    """[slices] int64 bytes of each slice."""
    kept: np.ndarray
    """[slices] int64 bytes of each slice before its alpha."""


def with_alpha(packet, alpha: np.ndarray) -> bytes:
    """A frame that an encoder made, with another alpha.

    packet  anything with the bytes of a progressive frame that has 16-bit alpha
    alpha   [H, W] uint16, of the frame's size, 0 to 65535

    Raises ValueError for a frame that is laid out in another way, and where a slice becomes too large for its size to
    be said. That takes 60 kB of colours in one slice; random pixels have 12.
    """
    frame = memoryview(packet)
    layout = _layout(frame, alpha.shape)
    coded, alpha_sizes = code_alpha(alpha, layout.slice_blocks)
    sizes = layout.kept + alpha_sizes
    if sizes.max() > LARGEST_SLICE:
        raise ValueError(f"a slice of ProRes would take {sizes.max()} bytes, more than the {LARGEST_SLICE} it can have")
    begins = layout.slices + np.cumsum(layout.sizes) - layout.sizes
    colours = _parts(frame, begins, layout.kept)
    alphas = _parts(memoryview(coded), np.cumsum(alpha_sizes, dtype=np.int64) - alpha_sizes, alpha_sizes)
    return b"".join([_head(frame, layout, sizes), *chain.from_iterable(zip(colours, alphas, strict=True))])


def _parts(whole: memoryview, begins: np.ndarray, sizes: np.ndarray) -> list[memoryview]:
    return [whole[begin : begin + size] for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True)]


def _head(frame: memoryview, layout: Layout, sizes: np.ndarray) -> bytes:
    """All before the first slice, with the new sizes."""
    head = bytearray(frame[: layout.slices])
    total = layout.slices + int(sizes.sum())
    struct.pack_into(">I", head, FRAME_SIZE, total)
    struct.pack_into(">I", head, layout.picture + 1, total - layout.picture)
    head[layout.table :] = sizes.astype(">u2").tobytes()
    return bytes(head)


def _layout(frame: memoryview, size: tuple[int, int]) -> Layout:
    """`size`: height and width that the frame must have. Raises ValueError."""
    try:
        layout = _read(frame)
        known = _is_known(frame, layout, size)
    except (struct.error, ValueError, IndexError):  # it ends too early
        known = False
    if not known:
        raise ValueError(UNKNOWN)
    return layout


def _read(frame: memoryview) -> Layout:
    picture = FRAME_HEADER + struct.unpack_from(">H", frame, FRAME_HEADER)[0]
    header, _, count, blocks = PICTURE.unpack_from(frame, picture)
    table = picture + (header >> 3)
    slices = table + 2 * count
    sizes = np.frombuffer(frame, ">u2", count, table).astype(np.int64)
    begins = slices + np.cumsum(sizes) - sizes
    headers = np.frombuffer(frame, np.uint8)[begins[:, None] + np.arange(SLICE_HEADER)].astype(np.int64)
    kept = (headers[:, 0] >> 3) + (headers[:, 2::2] << 8).sum(1) + headers[:, 3::2].sum(1)
    return Layout(picture, table, slices, 1 << (blocks >> 4), sizes, kept)


def _is_known(frame: memoryview, layout: Layout, size: tuple[int, int]) -> bool:
    """Whether the frame is progressive, has alpha of 16 bits, and is all there."""
    width, height = struct.unpack_from(">HH", frame, DIMENSIONS)
    length, (_, picture_length, _, _) = struct.unpack_from(">I", frame)[0], PICTURE.unpack_from(frame, layout.picture)
    ends = length, layout.picture + picture_length, layout.slices + int(layout.sizes.sum())
    return (
        bytes(frame[NAME:FRAME_HEADER]) == b"icpf"
        and (height, width) == size
        and frame[FORM] & FORM_MASK == PROGRESSIVE_444
        and frame[ALPHA_TYPE] & ALPHA_MASK == ALPHA_16_BITS
        and {*ends} == {len(frame)}
        and layout.slice_blocks in SLICE_BLOCKS
        and len(layout.sizes) == slice_count(size, layout.slice_blocks)
        and bool((layout.kept < layout.sizes).all())
    )
