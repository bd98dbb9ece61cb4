"""Files from a browser: recognised by their first bytes, measured before they are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av

from .errors import InputError

MOST_BYTES = 100 << 20
MOST_PIXELS = 64_000_000
"""Of a picture or of a video's frames: a few hundred bytes can claim to be gigabytes."""
HEAD = 12
"""How many bytes `recognise` needs."""


@dataclass(frozen=True)
class FileKind:
    """What a file is, whatever its name says."""

    mark: bytes
    offset: int
    suffix: str
    demuxer: str
    """FFmpeg's; named, because some formats are lists of other files to open."""


KINDS = (
    FileKind(b"\x89PNG\r\n\x1a\n", 0, ".png", "png_pipe"),
    FileKind(b"\xff\xd8\xff", 0, ".jpg", "jpeg_pipe"),
    FileKind(b"WEBP", 8, ".webp", "webp_pipe"),
    FileKind(b"ftyp", 4, ".mp4", "mov"),
    FileKind(b"\x1aE\xdf\xa3", 0, ".mkv", "matroska"),
)


def recognise(head: bytes) -> FileKind:
    """The kind of a file that begins with `head`. Raises InputError."""
    for kind in KINDS:
        if head[kind.offset : kind.offset + len(kind.mark)] == kind.mark:
            return kind
    raise InputError("this is not a picture or video that can be used: give PNG, JPEG, WebP, MP4, MOV, MKV or WebM")


def check_decodes(path: Path, kind: FileKind) -> None:
    """Decode the first picture, which FFmpeg refuses when it has more than MOST_PIXELS. Raises InputError."""
    limit = {"max_pixels": str(MOST_PIXELS)}
    try:
        with av.open(str(path), format=kind.demuxer, stream_options=[limit] * 8) as container:
            stream = container.streams.video[0]
            stream.codec_context.options = limit
            next(container.decode(stream))
    except (av.FFmpegError, IndexError, StopIteration, ValueError):
        million = MOST_PIXELS // 1_000_000
        problem = f"this file holds no picture that can be read, or one of more than {million} million pixels"
        raise InputError(problem) from None
