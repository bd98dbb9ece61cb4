"""Loaded by Dask workers of the tests: their networks are stand-ins that take their time."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from batch_bodies import Slow  # noqa: E402

from shm_stream import batch_worker, engine_choice  # noqa: E402

engine_choice.load_runner = lambda *_: Slow()
batch_worker.TELL_SECONDS = 0.0
