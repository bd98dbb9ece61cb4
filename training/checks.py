"""What a stage checks before it begins: its numbers, and that what it makes can be kept."""

from __future__ import annotations

from shm_stream.errors import InputError
from shm_stream.partial import check_target
from shm_stream.preset import get_preset

from .layout import make_folder
from .options import check_least


def check_stage(options) -> None:
    """`options` are those of a stage. Makes the folders of --out and --cache. Raises InputError."""
    check_least(options, 1, "steps", "batch", "size", "threads", "log_every")
    check_least(options, 0, "workers", "preview_every", "stop_at")
    make_folder(options.out.parent)
    check_target(options.out, [], overwrite=True)
    if options.cache:
        make_folder(options.cache)


def check_size(preset: str, size: int, ratio: int = 1) -> None:
    """Raises InputError for a side of samples that T-Net, which gets them reduced by `ratio`, cannot halve 5 times."""
    step = ratio if get_preset(preset).encoder is None else 32 * ratio
    if size % step:
        raise InputError(f"{size} is no multiple of {step}: T-Net cannot read samples of that --size")
