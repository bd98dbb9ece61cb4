"""The composite in a virtual camera, at the clip's own pace. pyvirtualcam (GPL-2.0) is imported here only."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from .camera_pictures import PackedPlanes, Pixels
from .errors import InputError, ShmStreamError
from .idle import Audience
from .loopback_readers import LoopbackReaders
from .pipewire_camera import ALIGN, PipeWireCamera

if TYPE_CHECKING:
    import numpy as np

    from .frame import Frame
    from .yuv_planes import YuvPlanes

FIRST_DEVICE = "auto"
PIPEWIRE = "pipewire"


class CameraSink:
    """Frames of files go to a virtual camera `pts_seconds` after the first was sent, those of live inputs at once."""

    kind = "composite"
    takes_planes = True

    def __init__(self, spec: str, source):
        """`spec` is "auto", a device such as /dev/video2, "pipewire", or a pyvirtualcam backend such as "obs".

        Opens the camera. Raises InputError when pyvirtualcam, the device or the frames do not allow it.
        """
        if source.kind != "video":
            raise InputError(f"{source.path} is a {source.kind}; a virtual camera needs a video")
        self._camera, self._pictures = _open_camera(spec, source)
        self.path = self._camera.device
        self._started: float | None = None
        self._live = source.live

    def write(self, frame: Frame, picture: np.ndarray | YuvPlanes) -> None:
        """[H, W, 3] uint8 RGB or planes. Waits for the frame's time; a frame that is late is sent at once."""
        content = self._pictures.hold(picture)
        if not self._live:  # there, a slow first frame would delay all the others
            self._wait(frame.pts_seconds)
        try:
            self._camera.send(content)
        except (RuntimeError, ValueError) as error:
            raise ShmStreamError(f"virtual camera {self.path} failed: {error}") from error

    def find_audience(self) -> Audience | None:
        """Who has the camera open; None where nobody can know."""
        if isinstance(self._camera, PipeWireCamera):
            return self._camera.find_audience()
        try:
            readers = LoopbackReaders(self.path)
        except OSError:
            return None
        return Audience(readers.watched, close=readers.close)

    @property
    def warning(self) -> str | None:
        """What those who watched have missed."""
        restarts = getattr(self._camera, "restarts", 0)
        return f"the PipeWire camera ended and was published again, times: {restarts}" if restarts else None

    def _wait(self, pts_seconds: float) -> None:
        now = time.perf_counter()
        if self._started is None:
            self._started = now - pts_seconds
        time.sleep(max(0.0, self._started + pts_seconds - now))

    def finish(self) -> str:
        """Close the camera; returns its device."""
        self._camera.close()
        return self.path

    def abort(self) -> None:
        self._camera.close()


def _open_camera(spec: str, source) -> tuple:
    """(camera, what brings pictures into its form)."""
    size = source.width, source.height
    planar = source.planar and not any(side % 2 for side in size)
    if spec == PIPEWIRE:
        camera = PipeWireCamera(*size, source.rate, planar=planar)
        return camera, PackedPlanes(*size, ALIGN) if planar else Pixels()
    try:
        import pyvirtualcam
        from pyvirtualcam.camera import BACKENDS
    except ImportError as error:
        raise InputError("a virtual camera needs pyvirtualcam: pip install 'shm-stream[vcam]'") from error
    backend, device = (spec, None) if spec in BACKENDS else (next(iter(BACKENDS)), spec)

    def opened(pixel_format):
        return pyvirtualcam.Camera(
            *size,
            float(source.rate),
            fmt=pixel_format,
            device=None if device == FIRST_DEVICE else device,
            backend=backend,  # always named: otherwise a failing one is silently replaced by the next
        )

    if planar:
        with contextlib.suppress(RuntimeError):  # not every backend takes planes; what else is wrong is said below
            return opened(pyvirtualcam.PixelFormat.I420), PackedPlanes(*size)
    try:
        return opened(pyvirtualcam.PixelFormat.RGB), Pixels()
    except RuntimeError as error:
        raise InputError(f"no virtual camera: {error}") from error
