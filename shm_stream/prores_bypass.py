"""Alpha that goes round FFmpeg's ProRes encoder, which takes 10 bits of it and the format 16."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from .errors import ShmStreamError
from .prores_packet import with_alpha
from .transfer import levels
from .video_codecs import Encoding

ALPHA_BITS = 16


def bypasses(encoding: Encoding) -> bool:
    """Whether an encoder's frames get their alpha here."""
    return encoding.codec == "prores_ks" and encoding.pix_fmt.startswith("yuva")


class AlphaBypass:
    """Keeps alpha of the pictures that the encoder has not given back yet. They come back in order."""

    def __init__(self, path: Path):
        """`path`: of the file, for messages."""
        self._path = path
        self._planes: deque[np.ndarray] = deque()

    def keep(self, picture: np.ndarray) -> np.ndarray:
        """[H, W, 4] float32 RGBA, 0 to 1 → [H, W, 3], the colours for the encoder."""
        alpha = cv2.extractChannel(picture, 3)
        self._planes.append(levels(alpha, (1 << ALPHA_BITS) - 1).astype(np.uint16))
        return picture[..., :3]

    def put_into(self, packets: Iterable[av.Packet]) -> Iterator[av.Packet]:
        """The encoder's packets with the alpha of their pictures. Raises ShmStreamError."""
        for packet in packets:
            try:
                yield _like(packet, with_alpha(packet, self._planes.popleft()))
            except ValueError as error:
                raise ShmStreamError(f"cannot write {self._path}: {error}") from error


def _like(packet: av.Packet, content: bytes) -> av.Packet:
    made = av.Packet(content)
    made.stream, made.time_base = packet.stream, packet.time_base
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.is_keyframe = packet.is_keyframe
    return made
