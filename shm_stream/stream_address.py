"""What the text of an input means when it is not simply a file: a camera, a screen, a network stream or stdin."""

from __future__ import annotations

import os
import re
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .errors import InputError
from .live_options import LiveOptions

STDIN = "-"
LIVE_PROTOCOLS = ("rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "rtp")
FILE_PROTOCOLS = ("http", "https")
LISTENING = {
    "rtmp": {"listen": "1"},
    "rtsp": {"rtsp_flags": "listen", "listen_timeout": "86400"},
    "tcp": {"listen": "1"},
    "http": {"listen": "1"},
}
"""Protocols whose sender may connect to us → FFmpeg's options for it."""
SCREEN_WORDS = ("screen", "x11grab")
DISPLAY = re.compile(r"(?:x11grab:)?([\w.-]*:[0-9]+(?:\.[0-9]+)?(?:\+[0-9]+,[0-9]+)?)")
"""An X display with its screen, and where on it the picture begins."""
SCREEN_RATE = "30"
CAMERA_FORMATS = {"yuyv": "yuyv422", "mjpg": "mjpeg"}
"""What the formats of cameras are called elsewhere → FFmpeg's name."""


@dataclass(frozen=True)
class StreamAddress:
    """What to open, and what kind of thing it is."""

    kind: str
    """camera, screen, network, stdin or loop."""
    name: str
    """What messages call it; passwords are left out."""
    url: str
    """For FFmpeg."""
    format: str | None = None
    """FFmpeg's name of the format or device, where it cannot be found out from what is read."""
    options: dict[str, str] = field(default_factory=dict)
    listens: bool = False
    """The sender connects to us."""
    live: bool = True
    """Frames come when they come, and old ones are dropped."""

    @property
    def comes_back(self) -> bool:
        """Whether it makes sense to open it again when it was lost."""
        return self.live and self.kind in ("camera", "screen", "network")

    @property
    def stem(self) -> str:
        """A file name without extension, for outputs that were given none."""
        last = urlsplit(self.name).path.rsplit("/", 1)[-1] if "://" in self.name else self.name
        words = re.sub(r"[^\w.-]+", "_", last.rsplit(".", 1)[0]).strip("._-")
        return words or self.kind


def parse_address(text: str, options: LiveOptions) -> StreamAddress | None:
    """The stream that `text` names, or None when it is a file or a folder. Raises InputError."""
    address = _address(text, options)
    _check_options(text, address, options)
    return address


def _address(text: str, options: LiveOptions) -> StreamAddress | None:
    if text == STDIN:
        return _stdin(options)
    if re.fullmatch("[0-9]{1,3}", text):
        return _camera(f"/dev/video{int(text)}", f"camera {int(text)}", options)
    if text.startswith(("/dev/video", "/dev/v4l/")) or _is_device(text):
        return _camera(text, text, options)
    if text in SCREEN_WORDS or DISPLAY.fullmatch(text):
        return _screen(text, options)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        return _network(text, options)
    return _loop(text) if options.loop else None


def _stdin(options: LiveOptions) -> StreamAddress:
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("nothing is piped into stdin: use it like  ffmpeg ... -f nut - | shm-stream - ...")
    raw, settings = options.raw, {"fd": str(sys.stdin.fileno())}
    if raw is not None:
        width, height = raw.size
        settings |= {"video_size": f"{width}x{height}", "pixel_format": raw.pix_fmt, "framerate": str(raw.rate)}
    return StreamAddress("stdin", "stdin", "fd:", raw and "rawvideo", settings, live=options.live)


def _camera(device: str, name: str, options: LiveOptions) -> StreamAddress:
    settings = _asked(options)
    if options.input_format is not None:
        settings["input_format"] = CAMERA_FORMATS.get(options.input_format.lower(), options.input_format.lower())
    return StreamAddress("camera", name, device, "v4l2", settings)


def _screen(text: str, options: LiveOptions) -> StreamAddress:
    display = os.environ.get("DISPLAY") if text in SCREEN_WORDS else DISPLAY.fullmatch(text)[1]
    if not display:
        raise InputError("no X display to record: DISPLAY is not set; name one, such as :0.0 (Wayland has none)")
    settings = {"framerate": SCREEN_RATE, **_asked(options)}
    return StreamAddress("screen", f"screen {display}", display, "x11grab", settings)


def _asked(options: LiveOptions) -> dict[str, str]:
    settings = {}
    if options.size is not None:
        settings["video_size"] = f"{options.size[0]}x{options.size[1]}"
    if options.rate is not None:
        settings["framerate"] = str(options.rate)
    return settings


def _network(text: str, options: LiveOptions) -> StreamAddress:
    protocol = text.split(":", 1)[0].lower()
    if protocol == "srt":
        raise InputError(
            "SRT is not built in; run  srt-live-transmit "
            f"'{without_password(text)}' udp://127.0.0.1:9000  and give udp://127.0.0.1:9000 as the input"
        )
    if protocol not in LIVE_PROTOCOLS + FILE_PROTOCOLS:
        known = ", ".join(LIVE_PROTOCOLS + FILE_PROTOCOLS)
        raise InputError(f"unknown protocol {protocol}:// in {without_password(text)}; use one of {known}")
    if options.listen and protocol not in LISTENING:
        raise InputError(f"--listen is for {', '.join(LISTENING)}; {protocol}:// needs no connection or a server")
    live = options.live or options.listen or protocol in LIVE_PROTOCOLS
    settings = _network_settings(protocol, live) | (LISTENING[protocol] if options.listen else {})
    return StreamAddress("network", without_password(text), text, None, settings, options.listen, live)


def _network_settings(protocol: str, live: bool) -> dict[str, str]:
    if protocol in ("rtsp", "rtsps"):
        return {"rtsp_transport": "tcp"}  # over UDP lost packets grey the picture
    if protocol == "udp":
        return {"overrun_nonfatal": "1", "fifo_size": "50000"}
    if protocol in FILE_PROTOCOLS and not live:
        return {"reconnect": "1", "reconnect_delay_max": "30"}  # goes on where it was
    return {}


def _loop(text: str) -> StreamAddress:
    path = Path(text)
    if path.is_dir():
        raise InputError(f"{text} is a folder; --loop repeats a video file")
    return StreamAddress("loop", text, f"file:{path.absolute()}")


def _check_options(text: str, address: StreamAddress | None, options: LiveOptions) -> None:
    """Raise InputError for an option that this input cannot follow."""
    kind = address.kind if address is not None else "file"
    wrong = {
        "--loop": options.loop and kind not in ("loop", "file"),
        "--live": options.live and kind == "file",
        "--listen": options.listen and kind != "network",
        "--idle": options.idle_seconds is not None and (address is None or not address.live),
        "--microphone": options.microphone is not None and (address is None or not address.live),
        "--raw": options.raw is not None and kind != "stdin",
        "--size": options.size is not None and kind not in ("camera", "screen"),
        "--fps": options.rate is not None and kind not in ("camera", "screen"),
        "--input-format": options.input_format is not None and kind != "camera",
    }
    uses = {
        "--loop": "repeats a video file",
        "--live": "is for streams and stdin; --loop plays a file like a camera",
        "--listen": "is for network streams",
        "--idle": "is for live inputs; --loop plays a file like a camera, --live stdin and http",
        "--microphone": "is for live inputs; a file has its own sound",
        "--raw": "says what stdin carries: give - as the input",
        "--size": "is for cameras and screens",
        "--fps": "is for cameras and screens",
        "--input-format": "is for cameras",
    }
    for option, applies in wrong.items():
        if applies:
            raise InputError(f"{option} {uses[option]}, but the input is {without_password(text)}")


def without_password(text: str) -> str:
    """An address as it may be shown: what stands between :// and @ is left out."""
    return re.sub(r"(?<=://)[^/@]*@", "", text)


def _is_device(text: str) -> bool:
    try:
        return stat.S_ISCHR(os.stat(text).st_mode)
    except (OSError, ValueError):
        return False
