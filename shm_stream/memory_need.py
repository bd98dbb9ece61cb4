"""What a job's frames take of memory, from the arrays that the stages make, in bytes per pixel.

What single stages need beside those (`_fuse_work`, `_source_work`, `bytes_per_pixel` of sinks) was fitted to the
most resident memory of 4K jobs with one and with three frames on their way, and rounded up.
"""

from __future__ import annotations

from dataclasses import dataclass

from .controls import NEUTRAL
from .decoder_memory import decoder_bytes
from .encoder_memory import encoder_bytes

SLACK_BYTES = 30e6
"""Libraries that are loaded by their first use, packets, sound."""
MARGIN = 1.05
"""Of what is computed."""
RGB, FINE = 3, 12
"""Bytes of a pixel's colours in 8 bits and in float32."""


@dataclass(frozen=True)
class Need:
    """Bytes that a job takes beside what the process has already."""

    once: float
    each: float
    """For every frame on its way."""
    works: list[float]
    """More for a frame while a stage works on it, for each of these stages."""
    encodings: tuple
    pixels: int

    def bytes(self, frames: int, look_ahead: float) -> float:
        encoders = sum(encoder_bytes(encoding, self.pixels, look_ahead) for encoding in self.encodings)
        works = sum(sorted(self.works)[-frames:])  # a frame is in one stage at a time
        return SLACK_BYTES + MARGIN * (self.once + self.each * frames + works + encoders)


def need_of(source, engine, sinks: list, guided: int = 0) -> Need:
    """Of a job on the CPU; `guided`: how many masks and trimaps it reads. Raises InputError for unknown encoders."""
    pixels, behind = source.width * source.height, engine.controls.setting.background
    kept = decoder_bytes(source) + (_background_bytes(behind.source) if getattr(behind, "kind", "") == "video" else 0)
    kept += guided * 10 * 1.5 * pixels  # a mask may be a video: what its decoder keeps
    kept += 1000 * source.width * getattr(engine.runner, "threads", 1)  # rows of blocks in M-Net's kernel: mnet_cpu
    if "composite" in engine.outputs:
        kept += (RGB + (1.5 if engine.planar else 0)) * pixels  # the background
    sink = max(each.bytes_per_pixel for each in sinks)  # they write one after the other
    works = [pixels * work for work in (_source_work(source), _fuse_work(engine), sink)]
    encodings = tuple(each.encoding for each in sinks if hasattr(each, "encoding"))
    return Need(kept, pixels * (_frame(source, engine) + guided), works, encodings, pixels)


def _frame(source, engine) -> float:
    """Bytes per pixel of a frame when it has all that it ever has."""
    wanted, fine = engine.outputs, engine.fine
    estimates = wanted & {"foreground", "transparent"}
    held = 0.0 if source.kind == "image" else _given(source)  # one image is there already
    if source.planar and (estimates or ("composite" in wanted and not engine.planar)):
        held += RGB  # and the same in RGB
    held += 4 + (4 if fine or estimates else 0)  # alpha_raw, alpha
    sizes = {"alpha": 1, "composite": 1.5 if engine.planar else RGB, "foreground": RGB, "transparent": 4 + 1}
    fine_sizes = {"alpha": 0, "composite": FINE, "foreground": FINE, "transparent": FINE + 4}
    held += sum((fine_sizes if kind in fine else sizes)[kind] for kind in wanted)
    return held + (4 + FINE + RGB if _edits(engine) else 0)  # alpha before edges and as logits, the changed picture


def _background_bytes(source) -> float:
    """Of a video behind the subject, which holds two pictures as they come and in RGB."""
    return decoder_bytes(source) + 2 * (1.5 + RGB) * source.width * source.height


def _given(source) -> float:
    """Bytes per pixel of what the source gives."""
    return (1.5 if source.planar else RGB) + (FINE if source.bits > 8 else 0)


def _source_work(source) -> float:
    """Bytes per pixel while a frame is read, beside the frame."""
    if source.kind == "image":
        return 0
    if source.bits > 8:
        return 2 * FINE  # samples, and these merged
    return 0 if source.planar else 12  # a picture file, and what its decoder keeps (JPEG: coefficients)


def _fuse_work(engine) -> float:
    """Bytes per pixel while outputs are made, beside the frame and the outputs."""
    wanted, fine = engine.outputs, engine.fine
    work = 20 if _edits(engine) else 3  # edges, light and placement work in float32; a background may be blurred
    if wanted & {"foreground", "transparent"}:
        work += 48 if fine else 17  # estimate_foreground: a half-size pyramid, colours, frame.fine
    return work + (3 * FINE if "composite" in fine else 0)


def _edits(engine) -> bool:
    return engine.controls.setting.controls != NEUTRAL or engine.guides.edits
