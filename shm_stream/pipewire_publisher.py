"""A PipeWire camera that shows raw frames from stdin: run by the system's Python, which has GStreamer's bindings.

It imports nothing of shm_stream, and is a program of its own because PipeWire 0.3 can crash whoever publishes.
Arguments: width, height, frames per second as a fraction, and RGB or I420 in BT.601. It says "ready", or in one line
what is missing.
"""

import os
import sys

PACKAGES = (
    "python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-bad gstreamer1.0-pipewire"
)
INSTALL = f"sudo apt install {PACKAGES}"
ELEMENTS = ("appsrc", "videoconvert", "compositor", "pipewiresink")
NODE = (
    "media.class=Video/Source,media.role=Camera,node.name=shm-stream,node.description=shm-stream,"
    f"shm-stream.publisher={os.getpid()}"
)


def description(width: int, height: int, rate: str, pixel_format: str) -> str:
    """The pipeline. Readers take YUY2 for BT.601, whatever its caps say: so that is what it has to be.

    The compositor is there for its buffers: with those of appsrc, pipewiresink 0.3.65 crashes when a reader comes.
    It also repeats the last frame for as long as none arrives.
    """
    size = f"width={width},height={height},framerate={rate}"
    planes = ",colorimetry=bt601,chroma-site=jpeg" if pixel_format == "I420" else ""  # in the middle of its sites
    return (
        "appsrc name=frames is-live=true format=time do-timestamp=true max-buffers=2 leaky-type=downstream "
        f"caps=video/x-raw,format={pixel_format}{planes},{size} ! videoconvert ! "
        f"compositor background=black latency=0 ! video/x-raw,format=YUY2,{size},colorimetry=bt601 ! "
        f'pipewiresink mode=provide sync=false stream-properties="properties,{NODE}"'
    )


def load_gstreamer():
    """The Gst module. Ends the process when something is not installed."""
    try:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstApp", "1.0")
        from gi.repository import Gst, GstApp  # noqa: F401 - GstApp gives appsrc its methods
    except (ImportError, ValueError):
        sys.exit(f"GStreamer's Python bindings are not installed: {INSTALL}")
    Gst.init(None)
    missing = [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]
    if missing:
        sys.exit(f"GStreamer has no {', '.join(missing)}: {INSTALL}")
    return Gst


def frame_bytes(width: int, height: int, pixel_format: str) -> int:
    """GStreamer's rows start at multiples of four bytes. Sides of I420 are even here."""
    rows = [3 * width] if pixel_format == "RGB" else [width, width // 2]  # as many of U and V together as of luma
    return sum((row + 3) // 4 * 4 for row in rows) * height


def publish(Gst, width: int, height: int, rate: str, pixel_format: str) -> None:
    """Show frames until stdin ends, which it does however our parent ends."""
    pipeline = Gst.parse_launch(description(width, height, rate, pixel_format))
    if pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE:
        sys.exit("PipeWire does not answer: systemctl --user start pipewire wireplumber")
    print("ready", flush=True)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # nobody reads what libraries say from now on
    os.dup2(silence, 2)
    frames, bus = pipeline.get_by_name("frames"), pipeline.get_bus()
    size = frame_bytes(width, height, pixel_format)
    while len(pixels := sys.stdin.buffer.read(size)) == size:
        frames.emit("push-buffer", Gst.Buffer.new_wrapped(pixels))
        if bus.pop_filtered(Gst.MessageType.ERROR):
            sys.exit(1)  # the daemon has ended, or refuses: whoever starts us again learns it
    pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    publish(load_gstreamer(), int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
