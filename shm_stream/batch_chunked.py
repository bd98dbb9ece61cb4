"""How far a shot is that is made in chunks."""

from __future__ import annotations

from .batch_chunks import ChunkTask
from .batch_manifest import FAILED
from .batch_worker import Task
from .chunk_plan import Plan


class ChunkedShot:
    """Knows which chunks are still to be waited for, and what comes after them."""

    def __init__(self, task: Task, sha256: str, plan: Plan):
        self._join = ChunkTask(task.shot, task.job, task.settings, task.out, sha256, plan)
        self._plan = plan
        self._frames = [0] * len(plan.chunks)
        self._open = len(plan.chunks)
        self._failed: dict[int, dict] = {}

    def tasks(self) -> list[ChunkTask]:
        """One for each chunk."""
        join = self._join
        return [
            ChunkTask(join.shot, join.job, join.settings, join.out, join.sha256, self._plan, chunk)
            for chunk in self._plan.chunks
        ]

    def count(self, task: ChunkTask, frames: int) -> int:
        """So many frames of a chunk are done; returns how many of the shot are."""
        if task.chunk is not None:
            self._frames[task.chunk.number] = frames
        return sum(self._frames)

    def ended(self, task: ChunkTask, result: dict) -> tuple[list[ChunkTask], dict | None]:
        """(what to do next, the shot's record or None) after the record of a chunk, or of the joining."""
        if task.chunk is None:
            return [], result
        self._open -= 1
        if result["status"] == FAILED:
            self._failed[task.chunk.number] = result
        if self._open:
            return [], None
        return ([], self._failure()) if self._failed else ([self._join], None)

    def _failure(self) -> dict:
        """The record of the shot: that of its first failed chunk, which says what was kept."""
        number, result = min(self._failed.items())
        count = len(self._plan.chunks)
        kept = f"; {count - len(self._failed)} chunks are kept for the next run"
        return {**result, "reason": f"chunk {number + 1} of {count}: {result['reason']}{kept}"}
