"""What went wrong with a camera, screen, stream or pipe, as one line with the cure."""

from __future__ import annotations

import errno
import os
import socket
import stat
from urllib.parse import urlsplit

import av

from .stream_address import StreamAddress

LIST = "see what there is with  shm-stream --list-cameras"
NOT_INDEXED = "an mp4 with its index at the end cannot be piped (pipe mkv, ts or nut, or name the file)"


def describe(error: Exception, address: StreamAddress) -> str:
    """The line for what PyAV or the system raised while `address` was opened or read."""
    explain = {"camera": _camera, "screen": _screen, "network": _network, "stdin": _stdin}.get(address.kind, _other)
    return explain(error, address)


def _camera(error: Exception, address: StreamAddress) -> str:
    device, code = address.url, _code(error)
    if code == errno.ENODEV:
        return f"{device} was unplugged, or its driver is gone; plug it in again"
    if not os.path.exists(device):
        return f"there is no camera {device}; plug it in, or {LIST}"
    if not stat.S_ISCHR(os.stat(device).st_mode):
        return f"{device} is not a camera; {LIST}"
    if code == errno.EACCES or not os.access(device, os.R_OK | os.W_OK):
        return f"no permission for {device}; type  sudo usermod -aG video $USER  and log in again"
    if code == errno.EBUSY:
        return f"{device} is in use by another program; close it (to see which:  fuser -v {device} )"
    if code in (errno.ENOTTY, errno.ENXIO):
        return f"{device} is not a camera; {LIST}"
    if code == errno.EINVAL:
        return f"{device} refuses the size, rate or format that was asked for; {LIST}"
    return f"cannot read {device}: {_reason(error)}"


def _screen(error: Exception, address: StreamAddress) -> str:
    if _code(error) == errno.EINVAL:
        return f"the part of {address.name} that was asked for lies outside of it; give a smaller --size"
    return f"cannot record {address.name}: {_reason(error)}; is this the display (echo $DISPLAY), and may it be read?"


def _network(error: Exception, address: StreamAddress) -> str:
    name, parts = address.name, urlsplit(address.url)
    if isinstance(error, av.HTTPNotFoundError):
        return f"{name} does not exist on the server (404); check the path or stream key"
    if isinstance(error, (av.HTTPUnauthorizedError, av.HTTPForbiddenError)):
        return f"the server refused {name}: wrong or missing name and password ({parts.scheme}://NAME:PASSWORD@...)"
    if isinstance(error, (av.HTTPClientError, av.HTTPServerError)):
        return f"the server of {name} answered with an error: {_reason(error)}"
    if isinstance(error, av.InvalidDataError):
        return f"what comes from {name} is not a video that can be read here"
    if _code(error) == errno.ECONNREFUSED:
        return f"nothing listens at {_place(parts)}: is the server running, and are address and port right?"
    if _code(error) in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return f"{_place(parts)} cannot be reached: {_reason(error)}; check the network"
    if _code(error) == errno.EADDRINUSE:
        return f"{_place(parts)} is in use by another program here; choose another port"
    if isinstance(error, av.ExitError) or _code(error) == errno.ETIMEDOUT:
        return f"nothing came from {name} in time: is the sender running, and is the stream key right?"
    if not _resolves(parts.hostname):
        return f"the name '{parts.hostname}' is not known; check its spelling and the network"
    if parts.scheme.startswith("http"):
        return f"cannot read {name}: {_reason(error)}; an mp4 with its index at the end needs a server that can seek"
    return f"cannot read {name}: {_reason(error)}; check the stream key, and that somebody is streaming to it"


def _stdin(error: Exception, address: StreamAddress) -> str:
    if isinstance(error, av.InvalidDataError):
        return f"stdin carries no video that can be read: bare frames need --raw, and {NOT_INDEXED}"
    return f"cannot read stdin: {_reason(error)}"


def _other(error: Exception, address: StreamAddress) -> str:
    return f"cannot read {address.name}: {_reason(error)}"


def _place(parts) -> str:
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _resolves(host: str | None) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    return True


def _code(error: Exception) -> int | None:
    return getattr(error, "errno", None)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
