"""Matting inside other programs: a VapourSynth filter and a GStreamer element. See docs/hosts.md."""

from pathlib import Path

GST_PLUGIN_PATH = Path(__file__).parent / "gstreamer"
"""What GStreamer's variable of that name has to be for the element `shmmatte` to be found."""
