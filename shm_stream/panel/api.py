"""The JSON interface, which the page uses as well. See docs/panel.md."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import asdict
from urllib.parse import unquote

from aiohttp import WSCloseCode, web

from ..controls import PLACE_RANGES, RANGES
from ..desk import Desk
from ..errors import InputError, ShmStreamError
from ..upload import HEAD, MOST_BYTES, check_decodes, recognise

STATE_SECONDS = 0.5
LONGEST_JSON = 16 << 10


class Api:
    """Handlers for one desk. Whatever opens files runs in a thread of its own."""

    def __init__(self, desk: Desk, webrtc: bool = False):
        self._desk = desk
        self._webrtc = webrtc

    @property
    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/state", self.get_state),
            web.get("/api/live", self.live),
            web.get("/api/backgrounds", self.get_backgrounds),
            web.get("/api/backgrounds/{id}/thumbnail", self.thumbnail),
            web.post("/api/controls", self.controls),
            web.post("/api/background", self.background),
            web.post("/api/backgrounds", self.upload),
            web.post("/api/toggle/{name}", self.toggle),
            web.post("/api/reset", self.reset),
            web.post("/api/stop", self.stop),
        ]

    def state(self) -> dict:
        """Everything that may change, and what the job is."""
        job = self._desk.job
        setting, source, engine = job.controls.setting, job.source, job.engine
        return {
            "source": {"name": str(source.path), "size": [source.width, source.height], "fps": float(source.rate)},
            "engine": {
                "device": engine.runner.device,
                "runner": engine.runner.name,
                "kernel": engine.kernel,
                "lowered": str(job.keeper.level) if job.keeper and job.keeper.position else None,
            },
            "webrtc": self._webrtc,
            "outputs": [str(sink.path) for sink in job.sinks.values()],
            "background": {"id": setting.name, "kind": setting.background.kind, "problem": job.controls.problem},
            "controls": asdict(setting.controls),
            "paused": job.idle.paused,
            "figures": self._figures(),
        }

    def _figures(self) -> dict:
        job, figures = self._desk.job, self._desk.figures.summary()
        latency = figures["latency_ms"]
        offset = round(latency) if job.without_sound and latency is not None else None
        return {**figures, "dropped": getattr(job.source, "dropped", 0), "sound_offset_ms": offset}

    async def get_state(self, request: web.Request) -> web.Response:
        return web.json_response({**self.state(), "ranges": {**RANGES, "place": PLACE_RANGES}})

    async def live(self, request: web.Request) -> web.WebSocketResponse:
        """The state twice a second, until either side ends."""
        socket = web.WebSocketResponse(heartbeat=20, max_msg_size=1024)
        await socket.prepare(request)
        reader = asyncio.ensure_future(socket.receive())  # notices the other side's end
        try:
            while not reader.done():
                await socket.send_json(self.state())
                await asyncio.wait([reader], timeout=STATE_SECONDS)
        except ConnectionError:
            pass
        finally:
            reader.cancel()
            await socket.close(code=WSCloseCode.GOING_AWAY)
        return socket

    async def get_backgrounds(self, request: web.Request) -> web.Response:
        choices = await asyncio.to_thread(self._desk.library.choices)
        return web.json_response([{"id": c.id, "name": c.name, "kind": c.kind} for c in choices])

    async def thumbnail(self, request: web.Request) -> web.Response:
        picture = await _in_thread(self._desk.library.thumbnail, request.match_info["id"])
        return web.Response(body=picture, content_type="image/jpeg")

    async def controls(self, request: web.Request) -> web.Response:
        _try(self._desk.change, await _json(request))
        return web.json_response(self.state())

    async def background(self, request: web.Request) -> web.Response:
        asked = await _json(request)
        match list(asked.items()):
            case [("show", str(what))]:
                await _in_thread(self._desk.show, what)
            case [("step", int(by))] if not isinstance(by, bool):
                await _in_thread(self._desk.step, by)
            case _:
                raise _refused('give {"show": "ID, a colour, blur:N or off"} or {"step": 1}')
        return web.json_response(self.state())

    async def toggle(self, request: web.Request) -> web.Response:
        await _in_thread(self._desk.toggle, request.match_info["name"])
        return web.json_response(self.state())

    async def reset(self, request: web.Request) -> web.Response:
        self._desk.reset()
        return web.json_response(self.state())

    async def stop(self, request: web.Request) -> web.Response:
        await asyncio.to_thread(self._desk.stop)
        return web.json_response(self.state())

    async def upload(self, request: web.Request) -> web.Response:
        """The body is the file; X-File-Name (percent-encoded) is what to call it."""
        if request.content_type != "application/octet-stream":
            raise web.HTTPUnsupportedMediaType(text="send the file itself, as application/octet-stream\n")
        if (request.content_length or 0) > MOST_BYTES:
            raise web.HTTPRequestEntityTooLarge(MOST_BYTES, request.content_length)
        path, kind = None, None
        try:
            head = await _read_head(request)
            kind = _try(recognise, head)
            path = _try(self._desk.library.new_file, kind.suffix)
            await _save(request, head, path)
            await _in_thread(check_decodes, path, kind)
            name = unquote(request.headers.get("X-File-Name", ""))
            choice = await asyncio.to_thread(self._desk.library.bring, path, name)
        except BaseException:
            if path is not None:
                path.unlink(missing_ok=True)
            raise
        return web.json_response({"id": choice.id, "name": choice.name, "kind": choice.kind}, status=201)


async def _read_head(request: web.Request) -> bytes:
    with contextlib.suppress(asyncio.IncompleteReadError):
        return await request.content.readexactly(HEAD)
    raise _refused("the file is empty or nearly so")


async def _save(request: web.Request, head: bytes, path) -> None:
    """What is read counts, not what the header promised."""
    size = len(head)
    with path.open("xb") as file:
        file.write(head)
        async for part in request.content.iter_chunked(1 << 16):
            size += len(part)
            if size > MOST_BYTES:
                raise web.HTTPRequestEntityTooLarge(MOST_BYTES, size)
            file.write(part)


async def _json(request: web.Request) -> dict:
    """The object in the body. Pages of others cannot send this type without asking first."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send application/json\n")
    if (request.content_length or 0) > LONGEST_JSON:
        raise web.HTTPRequestEntityTooLarge(LONGEST_JSON, request.content_length)
    try:
        value = json.loads(await request.text())
    except (ValueError, RecursionError):
        raise _refused("the body is not JSON") from None
    if not isinstance(value, dict):
        raise _refused("the body is not a JSON object")
    return value


async def _in_thread(function, *arguments):
    return await asyncio.to_thread(_try, function, *arguments)


def _try(function, *arguments):
    """What the function returns; a message for people becomes an answer."""
    try:
        return function(*arguments)
    except InputError as error:
        raise _refused(str(error)) from None
    except ShmStreamError as error:
        raise web.HTTPInternalServerError(text=json.dumps({"error": str(error)})) from None


def _refused(message: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": message}), content_type="application/json")
