"""The web server of the control page, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading

from aiohttp import web

from ..desk import Desk
from ..errors import InputError
from ..idle import Audience
from .api import Api
from .guard import LOOPBACK_NAMES, Guard, add_headers, make_token
from .pages import Pages
from .preview import Preview

DEFAULT_HOST = "127.0.0.1"
GOODBYE_SECONDS = 0.5


class PanelServer:
    """Serves from the moment it is made until `close`. Raises InputError when the address cannot be had."""

    def __init__(self, desk: Desk, host: str = DEFAULT_HOST, port: int = 0):
        self._socket = _bind(host, port)
        self.port = self._socket.getsockname()[1]
        self.host = host
        self.guard = Guard(make_token(), host, self.port)
        self.preview = Preview(desk.job.engine)
        self._app = web.Application(middlewares=[self.guard.middleware])
        self._app.on_response_prepare.append(add_headers)
        webrtc = _open_webrtc(self.preview)
        if webrtc is not None:
            self._app.on_cleanup.append(webrtc.close)
        self._app.add_routes(Api(desk, webrtc is not None).routes + Pages(self.guard, self.preview, webrtc).routes)
        self._job, self._audience = desk.job, Audience(lambda: self.preview.watched)
        self._job.watchers.append(self.preview.offer)
        self._job.idle.welcome(self._audience)
        self._loop, self._ended = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="shm-panel", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """What to open; it carries the token."""
        name = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        name = f"[{name}]" if ":" in name else name
        return f"http://{name}:{self.port}/?token={self.guard.token}"

    @property
    def warning(self) -> str | None:
        """What to know about the address, or None."""
        if self.host in LOOPBACK_NAMES:
            return None
        return "other machines can reach the control page, and what it sends is not encrypted"

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._run())
        finally:
            self._loop.close()

    async def _run(self) -> None:
        runner = web.AppRunner(
            self._app,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=GOODBYE_SECONDS,
            handle_signals=False,
        )
        await runner.setup()
        await web.SockSite(runner, self._socket).start()
        await self._ended.wait()
        await runner.cleanup()

    def close(self) -> None:
        """Say goodbye to those who watch, and end the threads."""
        self._job.idle.dismiss(self._audience)
        self._job.watchers.remove(self.preview.offer)
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._socket.close()


def _open_webrtc(preview: Preview):
    """Live pictures by WebRTC, or None where aiortc is not installed; the page then says that it shows Motion JPEG."""
    try:
        from .webrtc import WebRtc
    except ImportError:
        return None
    return WebRtc(preview)


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InputError(f"the control page cannot use --panel-host {host}: {error.strerror}") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(64)
    except OSError as error:
        bound.close()
        cure = "give --panel another PORT, or 0 for any free one"
        raise InputError(f"the control page cannot use {host}:{port}: {error.strerror}; {cure}") from None
    return bound
