"""Who may talk to the page: someone who has the token, from a page that this server gave out.

The token keeps out other users of the machine and other web pages. The check of `Host` keeps out pages whose name was
made to point to this address after they were loaded (DNS rebinding), that of `Origin` and `Sec-Fetch-Site` pages that
make a browser send requests with its cookies (CSRF).
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
import secrets
import socket
from urllib.parse import urlsplit

from aiohttp import web

from ..errors import InputError

TOKEN_VARIABLE = "SHM_STREAM_PANEL_TOKEN"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
DENIED = "Open the address that shm-stream printed in its terminal: it carries the key to this page.\n"


def make_token() -> str:
    """A new random token, or the one in TOKEN_VARIABLE for programs that must know it. Raises InputError."""
    chosen = os.environ.get(TOKEN_VARIABLE)
    if chosen is None:
        return secrets.token_urlsafe(24)
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,128}", chosen):
        raise InputError(f"{TOKEN_VARIABLE} must be 16 to 128 letters, digits, - or _, hard to guess")
    return chosen


class Guard:
    """Its `middleware` is for all requests, WebSockets among them."""

    def __init__(self, token: str, host: str, port: int):
        self.token = token
        self.cookie = f"shm_stream_{port}"  # cookies do not know ports: two jobs need two names
        self._names = LOOPBACK_NAMES | {host.lower()}
        self._open = host not in LOOPBACK_NAMES

    @web.middleware
    async def middleware(self, request: web.Request, handler) -> web.StreamResponse:
        self.check(request)
        return await handler(request)

    def check(self, request: web.Request) -> None:
        """Raises HTTPForbidden for a wrong place, HTTPUnauthorized for a wrong token."""
        if not self._host_is_ours(request.headers.get("Host", "")):
            raise web.HTTPForbidden(text="This name does not belong to the control page.\n")
        if not _from_own_page(request):
            raise web.HTTPForbidden(text="Other pages may not use the control page.\n")
        offered = (token.encode(errors="surrogateescape") for token in self._tokens(request))  # they may be any bytes
        if not any(hmac.compare_digest(token, self.token.encode()) for token in offered):
            raise web.HTTPUnauthorized(text=DENIED, headers={"WWW-Authenticate": "Bearer"})

    def _host_is_ours(self, header: str) -> bool:
        try:
            name = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        # Seen from elsewhere the machine has many addresses; an address cannot be made to point to another.
        return self._open and (_is_address(name) or name == socket.gethostname().lower())

    def _tokens(self, request: web.Request) -> list[str]:
        """What a request offers; in the address only to open the page, where it is taken away again."""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        offered = [request.cookies.get(self.cookie), bearer if scheme.lower() == "bearer" else None]
        if request.method == "GET" and request.path == "/":
            offered.append(request.query.get("token"))
        return [token for token in offered if token]


def _from_own_page(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.headers.get('Host')}":
        return False
    site = request.headers.get("Sec-Fetch-Site", "none")
    opened = request.path == "/" and request.headers.get("Sec-Fetch-Mode") == "navigate"
    return site in ("same-origin", "none") or (opened and request.method == "GET")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """For every answer, errors too: nothing from elsewhere, nothing framed, nothing kept."""
    response.headers.update(HEADERS)
