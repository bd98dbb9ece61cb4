"""Outputs that somebody watches while they are made: what their addresses mean, and what is sent there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .errors import InputError

STDOUT = "-"
HLS_SUFFIX = ".m3u8"
FORMATS = {"rtmp": "flv", "rtmps": "flv", "udp": "mpegts", "rtsp": "flv", "srt": "mpegts"}
"""Protocols that can be pushed to → FFmpeg's name of what goes to the process that pushes."""
STDOUT_FORMATS = ("nut", "rawvideo")
OBS_PORT = 8555
HAVE_KEYS = ("rtmp", "rtmps")
NEED_PORT = ("udp", "srt")


@dataclass(frozen=True)
class LiveTarget:
    """One live output."""

    protocol: str
    """One of FORMATS, or hls, stdout, obs."""
    address: str
    """URL, path, or the port of an OBS output."""

    @property
    def name(self) -> str:
        """What messages call it; stream keys and passwords are left out."""
        if self.protocol == "obs":
            return f"OBS at port {self.address}"
        if self.protocol == "stdout":
            return "stdout"
        return _without_secrets(self.address, self.protocol) if self.protocol in FORMATS else self.address


def split_outputs(output) -> tuple[str | os.PathLike | None, list[LiveTarget]]:
    """The one file (or folder) and the live targets among `output`: None, one, or several. Raises InputError."""
    if output is None:
        return None, []
    several = isinstance(output, Iterable) and not isinstance(output, (str, os.PathLike))
    outputs = list(output) if several else [output]
    targets = [(one, live_target(os.fspath(one))) for one in outputs]
    files = [one for one, target in targets if target is None]
    if len(files) > 1:
        raise InputError(f"two files for the composite ({files[0]} and {files[1]}): give one, and any live outputs")
    live = [target for _, target in targets if target is not None]
    for target in live:
        if live.count(target) > 1:
            raise InputError(f"{target.name} is asked for twice; give each output its own address")
    return (files[0] if files else None), live


def live_target(text: str) -> LiveTarget | None:
    """The target that `text` names, or None when it is an ordinary file or folder. Raises InputError."""
    if text == STDOUT:
        return LiveTarget("stdout", text)
    match = re.match(r"([a-z][a-z0-9+.-]*)://", text, re.IGNORECASE)
    if match is None:
        return LiveTarget("hls", text) if Path(text).suffix.lower() == HLS_SUFFIX else None
    protocol = match[1].lower()
    if protocol not in FORMATS:
        known = ", ".join(f"{name}://" for name in FORMATS)
        raise InputError(f"cannot push to {protocol}://; use one of {known}, a file, a .m3u8 playlist or - for stdout")
    return LiveTarget(protocol, _checked(text, protocol))


def _checked(url: str, protocol: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"what follows {protocol}:// is not an address: {error}") from None
    name = _without_secrets(url, protocol)
    if not host:
        raise InputError(f"{name} names no host; write {protocol}://HOST...")
    if protocol in NEED_PORT and port is None:
        raise InputError(f"{name} names no port; write {protocol}://{host}:PORT")
    if protocol in HAVE_KEYS and not parts.path.strip("/"):
        raise InputError(f"{name} names no application and stream key; write {protocol}://{host}/APP/KEY")
    return url


def _without_secrets(url: str, protocol: str) -> str:
    parts = urlsplit(url)
    place = f"{protocol}://{parts.netloc.rpartition('@')[2]}"
    path = parts.path
    if protocol in HAVE_KEYS and path.strip("/").count("/"):
        path = path.rstrip("/").rpartition("/")[0] + "/..."
    return place + path
