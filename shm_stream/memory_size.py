"""How much memory somebody allows, in words or as a number."""

from __future__ import annotations

import re

from .errors import InputError


def memory_size(given: str | int) -> int:
    """Bytes of `900M`, `1.5G` or 2_000_000_000. Raises InputError."""
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,3})?)([kMGT]?)B?", str(given), re.ASCII)
    size = round(float(match[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[match[2]]) if match else 0
    if size < 1_000_000:
        raise InputError(f"'{given}' is not a size of memory; give bytes such as 900M or 2G")
    return size
