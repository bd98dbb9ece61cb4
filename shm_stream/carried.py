"""What a file says beside pictures and sound: titles, chapters, timecode."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from .video_container import open_container

OF_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "timecode"}
"""Metadata that describes the input's own bytes (or, timecode, one moment of it)."""
TIMECODE = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;.])(\d\d)")


def carry_facts(path: Path, output, *, origin_seconds: Fraction, duration_seconds: float | None) -> None:
    """Copy metadata and chapters of a file to a PyAV output that has written nothing yet.

    `origin_seconds`: when, in the input, the output begins. Chapters that end before are left out, and those that
    begin after `duration_seconds` (None: unknown).
    """
    with open_container(path) as source:
        kept = {key: value for key, value in source.metadata.items() if key.lower() not in OF_THE_FILE}
        chapters = source.chapters()
    output.metadata.update(kept)
    moved = (_moved(chapter, origin_seconds, duration_seconds) for chapter in chapters)
    if chapters := [chapter for chapter in moved if chapter is not None]:
        output.set_chapters(chapters)


def _moved(chapter: dict, origin_seconds: Fraction, duration_seconds: float | None) -> dict | None:
    shift = round(origin_seconds / chapter["time_base"])
    start, end = max(0, chapter["start"] - shift), chapter["end"] - shift
    if duration_seconds is not None:
        end = min(end, round(Fraction(duration_seconds) / chapter["time_base"]))
    return chapter | {"start": start, "end": end} if start < end else None


def timecode_at(start: str, frames: int, rate: Fraction) -> str | None:
    """SMPTE timecode `frames` after `start` (`01:00:00:00`, `01:00:00;00` with dropped numbers), or None if it is none.

    Drop-frame (SMPTE ST 12-1): at 30 and 60 numbers a second two (four) are left out at every minute but each tenth.
    """
    match = TIMECODE.fullmatch(start.strip())
    numbers = round(rate)
    if match is None or numbers < 1 or int(match[5]) >= numbers:
        return None
    hours, minutes, seconds, mark, frame = int(match[1]), int(match[2]), int(match[3]), match[4], int(match[5])
    dropped = numbers // 15 if mark != ":" and numbers % 30 == 0 else 0
    whole_minutes = hours * 60 + minutes
    count = (whole_minutes * 60 + seconds) * numbers + frame - dropped * (whole_minutes - whole_minutes // 10) + frames
    count %= 24 * 6 * (600 * numbers - 9 * dropped)
    if dropped:
        tens, rest = divmod(count, 600 * numbers - 9 * dropped)
        count += 9 * dropped * tens
        if rest >= dropped:
            count += dropped * ((rest - dropped) // (60 * numbers - dropped))
    seconds, frame = divmod(count, numbers)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{frame:02}"
