"""Disks that become full."""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess

import pytest


@contextlib.contextmanager
def file_size_limit(folder, size: int):
    """No file becomes larger than `size` bytes, as under a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    folder.mkdir()
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def small_disk(folder, size: int):
    """A file system of `size` bytes."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small tmpfs cannot be mounted here; run as root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
