"""How results are to be handed over: bits, straight or premultiplied, linear or encoded, and who they are for."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from .errors import InputError
from .live_target import split_outputs

STRAIGHT, PREMULTIPLIED = "straight", "premultiplied"
BITS = (8, 10, 12, 16)
TARGETS = ("nuke", "resolve", "premiere", "obs", "web")
FIRST_NUMBER = {"nuke": 1001}
"""Of numbered pictures, where a target counts from there."""
TARGET_SUFFIX = {"nuke": ".exr", "resolve": ".mov", "premiere": ".mov", "obs": ".webm", "web": ".webm"}


@dataclass(frozen=True)
class Delivery:
    """What was asked for. None means the usual of the format."""

    bits: int | None = None
    """At least that many in each channel where the format can; None: as many as the source has."""
    image_format: str | None = None
    """`png`, `tif`, ...: of pictures in a folder."""
    start_number: int | None = None
    """Of the first picture of a numbered sequence; None: 0."""
    alpha_mode: str | None = None
    """STRAIGHT or PREMULTIPLIED colours beside an alpha channel."""
    linear: bool | None = None
    """Whether colours are linear light, or encoded as the source has them."""


USUAL = Delivery()


def wanted_bits(delivery: Delivery, source) -> int | None:
    """What was asked for, else what a source of more than 8 bits has, else None."""
    if delivery.bits is not None:
        return delivery.bits
    bits = getattr(source, "bits", 8)
    return bits if bits > 8 else None


def check_delivery(delivery: Delivery) -> None:
    """Raises InputError for values that no output can have."""
    if delivery.bits is not None and delivery.bits not in BITS:
        raise InputError(f"{delivery.bits} bits are not usable; give one of {', '.join(map(str, BITS))}")
    if delivery.start_number is not None and not 0 <= delivery.start_number <= 99_999_999:
        raise InputError(f"start number {delivery.start_number} is out of range; give 0 to 99999999")
    if delivery.alpha_mode not in (None, STRAIGHT, PREMULTIPLIED):
        raise InputError(f"alpha mode {delivery.alpha_mode!r} is unknown; use {STRAIGHT} or {PREMULTIPLIED}")


def for_target(options, target: str):
    """A job's options with what `target` (one of TARGETS) needs filled in. Raises InputError for what contradicts it.

    Without a background the output is transparent. `docs/media.md` says what each target gets.
    """
    if target not in TARGETS:
        raise InputError(f"{target!r} is not known as a target; use one of {', '.join(TARGETS)}")
    suffix, (output, _) = TARGET_SUFFIX[target], split_outputs(options.output)
    given = None if output is None else os.path.splitext(output)[1].lower()
    if given not in (None, suffix, "" if target == "nuke" else suffix):
        raise InputError(f"{target} gets {suffix}, but the output is {output}; change its name or leave it out")
    if options.codec is not None:
        raise InputError(f"codec {options.codec} and --for {target} exclude each other; leave one of them out")
    filled = {"bg": "transparent" if options.bg is None else options.bg, "sidecar": True}
    if target == "nuke":
        filled["image_format"] = "exr" if given == "" else options.image_format
    elif target in ("resolve", "premiere"):
        filled["codec"] = "prores_ks"
    return replace(options, **filled)
