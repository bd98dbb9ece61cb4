"""The GStreamer element `shmmatte`: RGBA in, the same colours with straight alpha out. Loaded by GStreamer itself."""

import cv2
import gi
import numpy as np

gi.require_version("Gst", "1.0")
gi.require_version("GstBase", "1.0")
from gi.repository import GLib, GObject, Gst, GstBase  # noqa: E402

from shm_stream import Matting, ShmStreamError  # noqa: E402

CAPS = Gst.Caps.from_string("video/x-raw,format=RGBA,width=[1,2147483647],height=[1,2147483647]")


class ShmMatte(GstBase.BaseTransform):
    """Writes alpha into each buffer's own memory."""

    __gstmetadata__ = ("Human matting", "Filter/Effect/Video", "Gives people an alpha channel", "shm-stream")
    __gsttemplates__ = tuple(
        Gst.PadTemplate.new(name, direction, Gst.PadPresence.ALWAYS, CAPS)
        for name, direction in (("sink", Gst.PadDirection.SINK), ("src", Gst.PadDirection.SRC))
    )
    preset = GObject.Property(type=str, default="live", nick="preset", blurb="networks: live, studio or paper")
    device = GObject.Property(type=str, default="auto", nick="device", blurb="auto, cpu, cuda or cuda:N")
    runner = GObject.Property(type=str, default="", nick="runner", blurb="what runs the networks; empty: the usual one")

    def __init__(self):
        super().__init__()
        self.set_in_place(True)
        self._shape = (0, 0, 4)
        self._video = None

    def do_start(self) -> bool:
        """Load the networks."""
        try:
            self._video = Matting(self.preset, self.device, self.runner or None).video()
        except ShmStreamError as error:
            return self._fail(error)
        return True

    def do_set_caps(self, incaps, outcaps) -> bool:
        structure = incaps.get_structure(0)
        self._shape = (structure.get_value("height"), structure.get_value("width"), 4)
        self._video.reset()
        return True

    def do_transform_ip(self, buffer) -> Gst.FlowReturn:
        if buffer.has_flags(Gst.BufferFlags.DISCONT):
            self._video.reset()
        mapped, memory = buffer.map(Gst.MapFlags.READ | Gst.MapFlags.WRITE)
        if not mapped:
            self._fail("a buffer's memory cannot be written")
            return Gst.FlowReturn.ERROR
        try:
            rgba = np.ndarray(self._shape, np.uint8, buffer=memory.data)
            rgba[..., 3] = self._video(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)) * 255 + 0.5
        except ShmStreamError as error:
            self._fail(error)
            return Gst.FlowReturn.ERROR
        finally:
            buffer.unmap(memory)
        return Gst.FlowReturn.OK

    def _fail(self, problem) -> bool:
        """Tell the pipeline, which then stops."""
        error = GLib.Error.new_literal(Gst.ResourceError.quark(), str(problem), Gst.ResourceError.FAILED)
        self.post_message(Gst.Message.new_error(self, error, ""))
        return False


GObject.type_register(ShmMatte)
__gstelementfactory__ = ("shmmatte", Gst.Rank.NONE, ShmMatte)
