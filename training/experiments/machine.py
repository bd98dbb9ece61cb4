"""Where and with which source something ran."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import torch

from shm_stream.machine import processor


def commit() -> str:
    """Short name of the checkout's commit, "+" behind it when tracked files differ; "unknown" outside of one."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return name + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def machine() -> str:
    """Processor, cores, torch."""
    return f"{processor()}, {os.cpu_count()} cores, torch {torch.__version__}"
