"""Which OBS Studio gets its media source from us, and how it is reached."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

from .errors import InputError
from .obs_settings import ObsServer, obs_server

FOUND = "auto"
"""The address that OBS's own settings say."""
HOST = "127.0.0.1"


def check_address(text: str) -> str:
    """`text` when it is FOUND or ws://HOST[:PORT] of this machine. Raises InputError."""
    if text != FOUND:
        _parse(text)
    return text


def set_up_source(address: str, settings: dict) -> str:
    """Have OBS show a media source of these `settings` in the scene that is on air. Returns what was done, in a line.

    `address` is as `check_address` takes it. Raises InputError.
    """
    try:
        from .obs_source import put_source
        from .obs_websocket import PASSWORD_VARIABLE, ObsConnection
    except ModuleNotFoundError as error:
        raise InputError("--obs-setup needs websocket-client: pip install 'shm-stream[obs]'") from error
    server = obs_server()
    host, port = (HOST, server.port) if address == FOUND else _parse(address)
    if port != server.port:
        server = ObsServer()  # what the settings say is about another one
    password = os.environ.get(PASSWORD_VARIABLE) or server.password
    with ObsConnection(f"ws://{host}:{port}", password, server.cure) as obs:
        return put_source(obs, settings)


def _parse(address: str) -> tuple[str, int]:
    """Host, in brackets where it needs them, and port."""
    wanted = "give ws://HOST:PORT, or nothing for the OBS of this machine"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, ObsServer.port if parts.port is None else parts.port
    except ValueError as error:
        raise InputError(f"--obs-setup {address}: {error}; {wanted}") from None
    if parts.username is not None or parts.password is not None:
        raise InputError("--obs-setup takes no password in the address: set OBS_WEBSOCKET_PASSWORD")
    if parts.scheme != "ws" or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise InputError(f"--obs-setup {address} is no address of OBS's websocket server; {wanted}")
    if not _is_here(host):
        raise InputError(f"{host} is another machine, and --obs sends to this one only: run shm-stream beside OBS")
    return (f"[{host}]" if ":" in host else host), port


def _is_here(host: str) -> bool:
    """Only an address of this machine can be bound. Raises InputError for a name that nobody knows."""
    try:
        places = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InputError(f"the name '{host}' is not known; check its spelling and the network") from None
    return any(_can_bind(family, place) for family, *_, place in places)


def _can_bind(family: int, place: tuple) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(place)
            return True
    except OSError:
        return False
