"""The record of a batch: a line of JSON for every finished or failed shot, on disk before the next one counts."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from .errors import InputError, ShmStreamError

NAME = "manifest.jsonl"
STATUSES = DONE, PARTIAL, FAILED, SKIPPED = "done", "partial", "failed", "skipped"
"""What became of a shot. SKIPPED is never written: its line is there already."""


class Manifest:
    """Opened for one run at a time. `latest` has the last line of each shot, by the shot's name."""

    def __init__(self, folder: Path):
        """Raises InputError when it cannot be opened or another run has it open."""
        self.path = folder / NAME
        with contextlib.ExitStack() as opened:
            try:
                self._file = opened.enter_context(open(self.path, "a+b", buffering=0))
            except OSError as error:
                raise InputError(f"cannot open {self.path}: {error.strerror}") from error
            self._lock()
            self.latest = self._read()
            opened.pop_all()

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"another batch is writing to {self.path.parent}; wait until it has ended") from error
        except OSError:
            pass  # some network folders know no locks

    def _read(self) -> dict[str, dict]:
        """Mend the end of the file, and return the last line of each shot; lines that make no sense are passed over."""
        self._file.seek(0)
        text = self._file.read()
        whole, newline, tail = text.rpartition(b"\n")
        if tail and parse_line(tail) is None:
            self._file.truncate(len(whole + newline))  # power was lost while it was written
        elif tail:
            self._file.write(b"\n")
        lines = [parse_line(line) for line in text.split(b"\n")]
        return {line["source"]: line for line in lines if line is not None}

    def append(self, record: dict) -> None:
        """Add a line; it is on disk when this returns. Raises ShmStreamError."""
        line = json.dumps(record).encode() + b"\n"
        self._check_place()
        try:
            if self._file.write(line) != len(line):
                raise OSError(None, "the disk is full")
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ShmStreamError(f"cannot write {self.path}: {error.strerror}") from error
        self.latest[record["source"]] = record

    def _check_place(self) -> None:
        """Lines in a file that was deleted would be lost. Raises ShmStreamError."""
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno())):
                return
        raise ShmStreamError(f"{self.path} was moved or deleted while the batch ran; nothing more is made")

    def close(self) -> None:
        """Let other runs have it."""
        with contextlib.suppress(OSError):
            self._file.close()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


def parse_line(line: bytes) -> dict | None:
    """The record of a line, or None if it is not one."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("source"), str) else None
