"""What went wrong with a live output, as one line with the cure."""

from __future__ import annotations

import errno
import socket
from urllib.parse import urlsplit

from .live_target import LiveTarget


def describe(error: Exception, target: LiveTarget) -> str:
    """The line for what the system, FFmpeg or the forwarding process raised while `target` was opened or fed."""
    parts = urlsplit(target.address)
    code, reason = getattr(error, "errno", None), reason_of(error)
    place = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    if not resolves(parts.hostname):
        return f"the name '{parts.hostname}' is not known; check its spelling and the network"
    if code == errno.ECONNREFUSED:
        return f"nothing listens at {place}: is the server running, and are address and port right?"
    if code in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return f"{place} cannot be reached: {reason}; check the network"
    if code == errno.ETIMEDOUT:
        return f"{place} did not answer in time; check address, port and firewall"
    return f"{target.name} was closed by the server ({reason}): is the stream key right?"


def reason_of(error: Exception) -> str:
    """The system's own words."""
    return getattr(error, "strerror", None) or str(error)


def resolves(host: str | None) -> bool:
    """Whether the name of a host can be looked up."""
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    return True
