"""A chunk of a shot of a batch, and its files below the results, where they stay until all chunks are joined."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath

from .batch_files import files_of, is_intact
from .batch_shots import Shot
from .chunk_plan import Chunk, Plan
from .job_options import JobOptions
from .partial import write_texts
from .picture_format import is_pattern

FOLDER = ".chunks"


@dataclass(frozen=True)
class ChunkTask:
    """A chunk to be made; without `chunk`, all of them to be joined."""

    shot: Shot
    job: JobOptions
    settings: dict
    out: Path
    sha256: str
    """Of the source."""
    plan: Plan
    chunk: Chunk | None = None
    resumes: bool = False
    """Make it, though it may be there, from what the chunk before it left: its lead-in did not bring it there."""

    @property
    def folder(self) -> Path:
        """Where the chunks of its shot are."""
        return self.out / FOLDER / self.shot.name

    @property
    def states(self) -> Path:
        """Of the chunk; see `seam`."""
        return self._path(".states.npz")

    @property
    def facts(self) -> Path:
        """What is known of the chunk, as JSON: written last."""
        return self._path(".json")

    def _path(self, suffix: str) -> Path:
        return self.folder / f"{self.chunk.number:04d}{suffix}"

    def output(self, kind: str) -> str:
        """One of the chunk's outputs, as a path below `folder`. Pictures have a folder for each chunk."""
        name, made = PurePosixPath(self.shot.outputs[kind]).name, f"{self.chunk.number:04d}.{kind}"
        return f"{made}/{name}" if is_pattern(Path(name)) else f"{made}{Path(name).suffix}"

    def files(self, kind: str) -> list[Path]:
        """The file of that output, or its pictures in order."""
        return files_of(self.folder, self.output(kind))

    def of_all_chunks(self) -> list[ChunkTask]:
        """A task for each chunk."""
        return [replace(self, chunk=chunk) for chunk in self.plan.chunks]

    def before(self) -> ChunkTask:
        """The task of the chunk before."""
        return replace(self, chunk=self.plan.chunks[self.chunk.number - 1], resumes=False)


def save_facts(task: ChunkTask, facts: dict) -> None:
    """Say that a chunk is complete. Raises ShmStreamError."""
    write_texts({task.facts: json.dumps({**_identity(task), **facts})})


def load_facts(task: ChunkTask) -> dict | None:
    """What was saved of a chunk, if it is there and what this task asks for."""
    try:
        facts = json.loads(task.facts.read_bytes())
        same = all(facts[key] == value for key, value in _identity(task).items())
        intact = all(is_intact(task.folder, output) for output in facts["outputs"])
        return facts if same and intact and task.states.is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _identity(task: ChunkTask) -> dict:
    """All that a chunk depends on, as JSON holds it."""
    return {"sha256": task.sha256, "settings": task.settings, "chunk": asdict(task.chunk)}


def remove_chunks(task) -> None:
    """Delete the chunks of the shot of a task, be it that of a chunk or of the whole, and folders that become empty."""
    folder = task.out / FOLDER / task.shot.name
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # one that other chunks are in
        for parent in folder.parents:
            if parent == task.out:
                break
            parent.rmdir()
