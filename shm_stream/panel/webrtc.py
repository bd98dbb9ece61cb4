"""The live pictures by WebRTC: as video they take fewer bits than JPEGs.

The page opens a WebSocket, sends an offer and gets the answer; the pictures end when the socket does. They take the
way on which the page itself came: no other address is used or told, and no server elsewhere is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import re
import time
from fractions import Fraction

import numpy as np
from aiohttp import web
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import VideoFrame

from .preview import VIEWS, Preview, Watcher

CLOCK = Fraction(1, 90000)  # of video in RTP (RFC 6184, RFC 7741)
CANDIDATE = re.compile(r"^a=candidate:(?:\S+ ){4}(\S+)", re.MULTILINE)  # its address (RFC 8839, 5.1)
LONGEST_MESSAGE = 16 << 10
HEARTBEAT_SECONDS = 20
EXPECTED = f'send {{"offer": SDP, "view": one of {", ".join(VIEWS)}}} first, for one video; then {{"view": ...}}'


class PictureTrack(MediaStreamTrack):
    """What `watcher` sees, at the time when it sees it."""

    kind = "video"

    def __init__(self, watcher: Watcher):
        super().__init__()
        self._watcher = watcher

    async def recv(self) -> VideoFrame:
        pixels = (await self._watcher.next()).pixels
        return frame_of(pixels, time.monotonic())


class WebRtc:
    """Handles the socket of one who looks at `preview`."""

    def __init__(self, preview: Preview):
        self._preview = preview
        self._closing: set[asyncio.Task] = set()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Until either side ends, or the connection fails."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=LONGEST_MESSAGE)
        await socket.prepare(request)
        watcher = Watcher(self._preview, VIEWS[0])
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        with contextlib.ExitStack() as watching:

            @connection.on("connectionstatechange")
            async def changed() -> None:
                if connection.connectionState == "connected":
                    watching.enter_context(watcher)  # not earlier: nobody would see the pictures
                elif connection.connectionState == "failed":
                    await socket.close()

            try:
                await _converse(socket, connection, watcher, _address(request))
            finally:
                await asyncio.shield(self._close(connection))  # this handler is cancelled when a browser ends
                await socket.close()
        return socket

    def _close(self, connection: RTCPeerConnection) -> asyncio.Task:
        task = asyncio.ensure_future(connection.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return task

    async def close(self, app: web.Application) -> None:
        """Wait for connections that are being closed."""
        await asyncio.gather(*self._closing)


async def _converse(socket, connection: RTCPeerConnection, watcher: Watcher, address: str) -> None:
    """Answer the offer, then follow what is looked at, until the other side ends."""
    try:
        async for asked in _messages(socket):
            watcher.view = asked["view"]
            if connection.localDescription is None:
                connection.addTrack(PictureTrack(watcher))
                await socket.send_json({"answer": await answer(connection, asked.get("offer"), address)})
            elif "offer" in asked:
                raise ValueError(EXPECTED)
    except ValueError as error:
        await socket.send_json({"error": str(error)})


async def _messages(socket):
    """What the page asks. Raises ValueError for anything else."""
    async for message in socket:
        try:
            asked = json.loads(message.data)
        except RecursionError:
            raise ValueError(EXPECTED) from None
        if not isinstance(asked, dict) or asked.get("view") not in VIEWS:
            raise ValueError(EXPECTED)
        yield asked


async def answer(connection: RTCPeerConnection, offer: str, address: str) -> str:
    """The answer to an offer, both SDP; `address` is the only one in it. Raises ValueError."""
    if not isinstance(offer, str) or offer.count("\nm=") != 1 or "\nm=video" not in offer:
        raise ValueError(EXPECTED)
    try:
        await connection.setRemoteDescription(RTCSessionDescription(_without_candidates(offer), "offer"))
        _confine(connection, address)
        await connection.setLocalDescription(await connection.createAnswer())
    except Exception as error:  # the parser raises whatever its parts do
        raise ValueError(f"this offer cannot be answered: {error}") from None
    sdp = connection.localDescription.sdp
    addresses = set(CANDIDATE.findall(sdp))
    if addresses != {address}:
        why = "this version of aioice is not kept to" if addresses else "no pictures can be sent from"
        raise ValueError(f"{why} {address}")
    return sdp


def _without_candidates(sdp: str) -> str:
    """So that nothing is sent to addresses that somebody writes into an offer: the browser comes to us."""
    return "".join(
        line for line in sdp.splitlines(keepends=True) if not line.startswith(("a=candidate:", "a=end-of-candidates"))
    )


def _confine(connection: RTCPeerConnection, address: str) -> None:
    """Have sockets at `address` only. aioice takes all of the machine's but loopback, and has no option for it."""
    for transceiver in connection.getTransceivers():
        ice = transceiver.receiver.transport.transport.iceGatherer._connection
        gather = ice.get_component_candidates
        ice.get_component_candidates = lambda component, addresses, gather=gather: gather(component, [address])


def _address(request: web.Request) -> str:
    """Where the page was reached on this machine."""
    address = ipaddress.ip_address(request.transport.get_extra_info("sockname")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)


def frame_of(pixels: np.ndarray, seconds: float) -> VideoFrame:
    """[h, w, 3] RGB or [h, w] grey uint8 → a frame of that time."""
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="gray" if pixels.ndim == 2 else "rgb24")
    frame.pts, frame.time_base = round(seconds / CLOCK), CLOCK
    return frame
