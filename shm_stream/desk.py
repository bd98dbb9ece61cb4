"""What a person can do to a running job, be it from the page, from a program or from the keyboard."""

from __future__ import annotations

import threading
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from .background import Background, named_background
from .background_library import BackgroundLibrary
from .controls import NEUTRAL
from .errors import InputError
from .figures import Figures
from .job import Job
from .source_images import read_image

SWITCHES = {"mirror": ("mirror", True, False), "freeze": ("hold", "freeze", "none"), "slate": ("hold", "slate", "none")}
"""What can be toggled → control, on, off."""


class Desk:
    """Acts on `job` from any thread. Backgrounds are opened here, so that no frame waits for them."""

    def __init__(self, job: Job, library: BackgroundLibrary):
        self.job = job
        self.library = library
        self.figures = Figures()
        job.watchers.append(self.figures.note)
        self._lock = threading.Lock()  # of two who choose at a time the later one wins
        self._before_off = "blur"

    def change(self, changes: dict) -> None:
        """Replace some controls. Raises InputError."""
        self.job.controls.change(changes)

    def reset(self) -> None:
        """All controls as if none had been touched; the background stays."""
        self.change(asdict(NEUTRAL))

    def toggle(self, name: str) -> None:
        """`mirror`, `freeze`, `slate`, or `background`: between it and the scene itself. Raises InputError."""
        if name == "background":
            self.show(self._before_off if self.background == "off" else "off")
            return
        if name not in SWITCHES:
            raise InputError(f"'{name[:40]}' cannot be toggled; there are {', '.join(SWITCHES)} and background")
        control, on, off = SWITCHES[name]
        present = getattr(self.job.controls.setting.controls, control)
        self.change({control: off if present == on else on})

    @property
    def background(self) -> str:
        """The present background: the id of a choice, or a colour, blur:N or off."""
        return self.job.controls.setting.name

    def show(self, what: str) -> None:
        """The background of that id, or a colour, blur, blur:N or off. Raises InputError; then the old one stays."""
        with self._lock:
            background = self._open(what)
            if self.background != "off":
                self._before_off = self.background
            self.job.controls.show(background, what)

    def step(self, by: int) -> None:
        """The next choice, or the one `by` places away; around the end. Raises InputError when there are none."""
        ids = [choice.id for choice in self.library.choices()]
        if not ids:
            raise InputError("there is nothing to choose from: give --backgrounds DIR")
        here = ids.index(self.background) if self.background in ids else (-1 if by > 0 else 0)
        self.show(ids[(here + by) % len(ids)])

    def line(self) -> str:
        """How the job does at the moment, for a terminal."""
        return f"paused, nobody watches; {self.figures.line()}" if self.job.idle.paused else self.figures.line()

    def close(self) -> None:
        """Nothing is steered from here any more; what was brought along is deleted."""
        self.job.watchers.remove(self.figures.note)
        self.library.close()

    def stop(self) -> None:
        """End the job; its outputs are finished."""
        self.job.stop()

    def _open(self, what: str) -> Background:
        ids = {choice.id for choice in self.library.choices()}
        return self.library.open(what) if what in ids else named_background(what)


def open_desk(job: Job, folder: str | None, bg: str, slate: str | None) -> Desk:
    """A desk whose library has `folder`, and the file `bg` when the job began with one. Raises InputError.

    `slate`: the picture to show for "be right back"; None for the one that comes with the package.
    """
    card = read_image(Path(slate)) if slate else read_own_slate()
    given = Path(bg)
    desk = Desk(job, BackgroundLibrary(Path(folder) if folder else None, given if given.is_file() else None))
    if given.is_file():
        job.controls.rename("given")
    job.controls.set_slate(card)
    return desk


def read_own_slate() -> np.ndarray:
    """[H, W, 3] uint8 RGB"""
    with as_file(files(__package__).joinpath("panel", "slate.jpg")) as path:
        return read_image(path)
