"""The page itself and the pictures in it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from importlib.resources import files

from aiohttp import web

from .guard import Guard
from .preview import VIEWS, Preview, Watcher

ASSETS = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "look.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
FIRST_PICTURE_SECONDS = 10
SEND_BYTES = 32 << 10  # about one picture
BOUNDARY = b"--frame\r\n"


class Pages:
    """Handlers of the page, its assets and the live pictures, those by WebRTC where there is one."""

    def __init__(self, guard: Guard, preview: Preview, webrtc=None):
        self._guard = guard
        self._preview = preview
        self._webrtc = webrtc
        self._texts = {name: read_asset(name) for name in ("page.html", *ASSETS)}

    @property
    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.page),
            *(web.get(f"/{name}", self.asset) for name in ASSETS),
            web.get("/preview/{view}.mjpeg", self.moving),
            web.get("/preview/{view}.jpg", self.still),
            *([web.get("/preview/webrtc", self._webrtc.handle)] if self._webrtc else []),
        ]

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The token goes from the address into a cookie, so that it is in no history and on no screen."""
        if "token" in request.query:
            moved = web.HTTPSeeOther("/")
            moved.set_cookie(self._guard.cookie, self._guard.token, httponly=True, samesite="Strict", path="/")
            raise moved
        return web.Response(body=self._texts["page.html"], content_type="text/html", charset="utf-8")

    async def asset(self, request: web.Request) -> web.Response:
        name = request.path[1:]
        return web.Response(body=self._texts[name], content_type=ASSETS[name], charset="utf-8")

    async def moving(self, request: web.Request) -> web.StreamResponse:
        """Motion JPEG, for as long as somebody looks. Browsers show a part when the next boundary has come."""
        view = _view(request)
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        await response.prepare(request)
        _hold_little(request)
        with Watcher(self._preview, view) as watcher, contextlib.suppress(ConnectionError):
            await response.write(BOUNDARY)
            while True:
                jpeg = await _next_jpeg(watcher)
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
                await response.write(head + jpeg + b"\r\n" + BOUNDARY)
        return response

    async def still(self, request: web.Request) -> web.Response:
        """The next picture."""
        with Watcher(self._preview, _view(request)) as watcher:
            try:
                jpeg = await asyncio.wait_for(_next_jpeg(watcher), FIRST_PICTURE_SECONDS)
            except asyncio.TimeoutError:
                raise web.HTTPServiceUnavailable(text="no frame has come\n") from None
        return web.Response(body=jpeg, content_type="image/jpeg")


def read_asset(name: str) -> bytes:
    """A file of this package."""
    return files(__package__).joinpath(name).read_bytes()


async def _next_jpeg(watcher: Watcher) -> bytes:
    picture = await watcher.next()
    return await asyncio.to_thread(lambda: picture.jpeg)


def _hold_little(request: web.Request) -> None:
    """A slow network loses pictures; with the system's buffers of megabytes it would get old ones."""
    request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    request.transport.set_write_buffer_limits(high=0)


def _view(request: web.Request) -> str:
    view = request.match_info["view"]
    if view not in VIEWS:
        raise web.HTTPNotFound(text=f"there are {', '.join(VIEWS)}\n")
    return view
