"""ProRes frames taken apart, and their alpha decoded, by SMPTE RDD 36 and without the code under test."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np


@dataclass(frozen=True)
class Slice:
    """Where it lies in the picture, in pixels, and its bytes."""

    top: int
    left: int
    columns: int
    data: bytes

    @property
    def alpha(self) -> bytes:
        header = self.data[0] >> 3
        return self.data[header + sum(struct.unpack_from(">3H", self.data, 2)) :]


def frames_of(path: Path) -> list[bytes]:
    """The packets of a .mov file's video."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def slices_of(frame: bytes) -> tuple[tuple[int, int], list[Slice]]:
    """(height, width) and the slices of a progressive frame with 16 bits of alpha; all its sizes are checked."""
    size, name, header = struct.unpack_from(">I4sH", frame)
    width, height, form = struct.unpack_from(">HHB", frame, 16)
    assert size == len(frame) and name == b"icpf" and form == 0xC0 and frame[25] & 15 == 2
    picture = 8 + header
    picture_header, picture_size, count, shift = struct.unpack_from(">BIHB", frame, picture)
    assert picture + picture_size == len(frame)
    position = picture + (picture_header >> 3)
    sizes = struct.unpack_from(f">{count}H", frame, position)
    position += 2 * count
    slices = []
    for (top, left, columns), length in zip(places(height, width, 1 << (shift >> 4)), sizes, strict=True):
        slices.append(Slice(top, left, columns, frame[position : position + length]))
        position += length
    assert position == len(frame)
    return (height, width), slices


def places(height: int, width: int, blocks: int) -> list[tuple[int, int, int]]:
    """(top, left, columns) of each slice in pixels, for slices of `blocks` macroblocks."""
    result = []
    for top in range(0, height, 16):
        block, part = 0, blocks
        while block * 16 < width:
            while (block + part) * 16 >= width + 16:
                part //= 2
            result.append((top, block * 16, part * 16))
            block += part
    return result


def alpha_of(frame: bytes) -> np.ndarray:
    """[H, W] uint16 of a frame."""
    (height, width), slices = slices_of(frame)
    return joined(height, width, [(part.top, part.left, part.columns, part.alpha) for part in slices])


def joined(height: int, width: int, coded) -> np.ndarray:
    """[height, width] uint16 of coded slices: (top, left, columns, bytes) of each."""
    picture = np.zeros((height + 15, width + 15), np.uint16)
    for top, left, columns, data in coded:
        picture[top : top + 16, left : left + columns] = np.reshape(values_of(data, 16 * columns), (16, columns))
    return picture[:height, :width]


def values_of(data: bytes, count: int) -> list[int]:
    """`count` values of 16 bits from the scanned alpha of a slice, which must end with less than a byte to spare."""
    bits, place = "".join(f"{byte:08b}" for byte in data), 0

    def take(number: int) -> int:
        nonlocal place
        place += number
        return int(bits[place - number : place], 2)

    values, value = [], 0xFFFF
    while len(values) < count:
        if take(1):
            value = (value + take(16)) % 65536
        else:
            size, negative = take(6) + 1, take(1)
            value = (value - size if negative else value + size) % 65536
        values.append(value)
        if not take(1):
            run = take(4) or take(11)
            values += [value] * run
    assert len(values) == count and place <= len(bits) < place + 8 and "1" not in bits[place:]
    return values
