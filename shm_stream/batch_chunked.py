"""How far a shot is that is made in chunks."""

from __future__ import annotations

from dataclasses import replace
from zipfile import BadZipFile

from .batch_manifest import FAILED
from .batch_worker import Task
from .chunk_files import ChunkTask
from .chunk_plan import Plan
from .seam import fits

CHANGED = "it was changed or deleted meanwhile; run again"


class ChunkedShot:
    """Knows which chunks are still to be waited for, which must be made again, and what comes after them."""

    def __init__(self, task: Task, sha256: str, plan: Plan):
        self._join = ChunkTask(task.shot, task.job, task.settings, task.out, sha256, plan)
        self._chunks = self._join.of_all_chunks()
        self._frames = [0] * len(self._chunks)
        self._open = len(self._chunks)
        self._made: set[int] = set()
        self._fitting = 0
        """How many chunks, from the first on, continue each other."""
        self._failed: dict[int, dict] = {}

    def tasks(self) -> list[ChunkTask]:
        """One for each chunk."""
        return self._chunks

    def count(self, task: ChunkTask, frames: int) -> int:
        """So many frames of a chunk are done; returns how many of the shot are."""
        if task.chunk is not None:
            number = task.chunk.number
            self._frames[number] = max(frames, self._frames[number])  # it may be made again
        return sum(self._frames)

    def ended(self, task: ChunkTask, result: dict) -> tuple[list[ChunkTask], dict | None]:
        """(what to do next, the shot's record or None) after the record of a chunk, or of the joining."""
        if task.chunk is None:
            return [], result
        number = task.chunk.number
        if result["status"] == FAILED:
            self._failed[number] = result
        else:
            self._made.add(number)
        following = self._mend(result)
        self._open += len(following) - 1
        if self._open:
            return following, None
        return ([], self._failure()) if self._failed else ([self._join], None)

    def _mend(self, result: dict) -> list[ChunkTask]:
        """The first chunk that does not continue the one before, to be made again from there."""
        while self._fitting in self._made:
            chunk = self._chunks[self._fitting]
            try:
                if self._fitting and not fits(chunk.before().states, chunk.states):
                    self._made.remove(self._fitting)
                    return [replace(chunk, resumes=True)]
            except (OSError, ValueError, TypeError, BadZipFile):
                self._made.remove(self._fitting)
                self._failed[self._fitting] = {**result, "status": FAILED, "reason": CHANGED}
            else:
                self._fitting += 1
        return []

    def _failure(self) -> dict:
        """The record of the shot: that of its first failed chunk, which says what was kept."""
        number, result = min(self._failed.items())
        count = len(self._chunks)
        kept = f"; {count - len(self._failed)} chunks are kept for the next run"
        return {**result, "reason": f"chunk {number + 1} of {count}: {result['reason']}{kept}"}
