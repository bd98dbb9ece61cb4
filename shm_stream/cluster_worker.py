"""What happens on a worker of a cluster: one task after the other in each of its threads, with networks loaded once."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from . import __version__, weights
from .batch_pool import ENDS
from .batch_worker import perform_task
from .errors import InputError
from .partial import sweep

_stopped: set[str] = set()  # batches that were ended
_own = threading.local()  # .runner: the loaded one of this thread


@dataclass(frozen=True)
class Facts:
    """What the results of a worker depend on."""

    unseen: tuple[Path, ...]
    """Those of the paths asked about that are not there."""
    weights: dict[str, str]
    """File name → sha256."""
    version: str = __version__

    def difference(self, there: Facts) -> str | None:
        """Why a worker with these facts cannot take part, or None."""
        if there.unseen:
            return f"does not see {there.unseen[0]}; all machines need it under that path"
        if there.version != self.version:
            return f"has shm-stream {there.version}, this is {self.version}; install the same everywhere"
        if there.weights != self.weights:
            return "has other weights; install the same everywhere"
        return None


def facts_of(paths: list[Path]) -> Facts | str:
    """Those of this process; a string says why it has none."""
    try:
        presets = weights.manifest()
        for preset, facts in presets.items():
            for name in facts["files"]:
                weights.find(name, preset)
    except InputError as error:
        return f"has no usable weights: {error}"
    files = {name: facts["sha256"] for preset in presets.values() for name, facts in preset["files"].items()}
    return Facts(tuple(path for path in paths if not path.exists()), files)


class Stopped(Exception):
    """The batch was ended by whoever started it."""


def stop(session: str) -> None:
    """Let everything of a batch end that this process is at."""
    _stopped.add(session)


def perform(task, session: str, key: str) -> tuple[str, object]:
    """Do a task; the message that ends it. Other messages go to the topic `session` as they come."""
    from distributed import get_worker

    worker, ending = get_worker(), []

    def tell(message: tuple[str, object]) -> None:
        if session in _stopped:
            raise Stopped
        if message[0] in ENDS:
            ending.append(message)
        else:
            worker.log_event(session, (key, *message))

    sweep(task.shot.targets(task.out))  # what a worker left that died at it
    try:
        _own.runner = perform_task(task, getattr(_own, "runner", None), tell)
    except InputError as error:
        return "unusable", str(error)
    return ending[0]
