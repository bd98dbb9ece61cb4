"""Which weights a script measures, and what executes them. It says so before anything else."""

from __future__ import annotations

import os
from pathlib import Path

from shm_stream import weights
from shm_stream.errors import InputError
from shm_stream.runners import Runner, load_runner

DIGEST = 12
"""How many digits of a sha256 are shown."""


def load(preset: str, runner: str, folder: Path | None) -> Runner:
    """The runner of that name (empty: the usual one) with the weights in `folder`, or where users' are found.

    For the rest of the process `folder` is what $SHM_STREAM_WEIGHTS names. Raises InputError.
    """
    if folder:
        if not (folder / "manifest.json").is_file():
            raise InputError(f"{folder} holds no manifest.json; give a folder that training.export wrote as --weights")
        os.environ[weights.FOLDER_VARIABLE] = str(folder)
    loaded = load_runner(preset, runner or None)
    files = weights.manifest()[preset]["files"]
    digests = ", ".join(f"{name} {facts['sha256'][:DIGEST]}" for name, facts in files.items())
    print(f"weights in {weights.folder()}: {digests}; runner {loaded.name}", flush=True)
    return loaded
