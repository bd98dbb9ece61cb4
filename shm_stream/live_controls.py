"""Controls and background of a running job: changed from any thread, read by the fuse stage once a frame."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import numpy as np

from .background import Background, ImageBackground
from .controls import Controls
from .errors import ShmStreamError
from .frame import Frame


@dataclass(frozen=True)
class Setting:
    """What holds for a frame, all of it decided at one moment."""

    controls: Controls
    background: Background | None = None
    name: str | None = None
    """What the background is called, for those who ask."""


class LiveControls:
    """Holds the present `Setting`. A background is opened and fitted by whoever brings it, so that no frame waits."""

    def __init__(self, controls: Controls, background: Background | None, name: str | None = None):
        self._now = Setting(controls, background, name)
        self._used = self._now
        self._lock = threading.Lock()  # for changes, which read before they write
        self._frame: Frame | None = None
        self.slate: ImageBackground | None = None
        """What the hold of that name shows."""
        self.problem: str | None = None
        """Why the last background could not be shown, or None."""

    @property
    def setting(self) -> Setting:
        return self._now

    def change(self, changes: dict) -> Controls:
        """Replace some fields of the controls, from the next frame on. Raises InputError, and nothing changed."""
        with self._lock:
            self._now = replace(self._now, controls=self._now.controls.changed(changes))
            return self._now.controls

    def show(self, background: Background, name: str) -> None:
        """Composite over `background` from the next frame on; it is closed when another has taken its place.

        Raises InputError when it cannot be read; then the old one stays.
        """
        if self._frame is not None:
            background.prepare(self._frame)
        with self._lock:
            self._now = replace(self._now, background=background, name=name)
            self.problem = None

    def set_slate(self, pixels: np.ndarray) -> None:
        """The card to show, [H, W, 3] uint8 RGB; before the job runs."""
        self.slate = ImageBackground(pixels)

    def rename(self, name: str) -> None:
        """Call the present background otherwise."""
        with self._lock:
            self._now = replace(self._now, name=name)

    def take(self, frame: Frame) -> Setting:
        """The setting for `frame`. Only the fuse stage calls this: it alone uses and closes backgrounds."""
        setting, self._frame = self._now, frame
        if setting.background is not self._used.background:
            try:
                setting.background.begin(frame)
            except ShmStreamError as error:
                setting.background.close()
                setting = self._keep_old(str(error))
            else:
                self._used.background.close()
        self._used = setting
        return setting

    def _keep_old(self, problem: str) -> Setting:
        """The job goes on with the background it had."""
        with self._lock:
            old = replace(self._now, background=self._used.background, name=self._used.name)
            self._now, self.problem = old, problem
            return old

    def close(self) -> None:
        """Close what is open. No `take` may be running or follow."""
        for setting in {id(s.background): s for s in (self._used, self._now)}.values():
            if setting.background is not None:
                setting.background.close()
