"""The control page's live pictures by WebRTC, as a program sees them: where they go, when they begin and end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import numpy as np
import pytest
from panel_jobs import served

aiohttp = pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")
pytest.importorskip("aiortc", reason="pip install 'shm-stream[webrtc]'")

import ifaddr  # noqa: E402
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription  # noqa: E402
from panel_client import PATIENCE, with_client  # noqa: E402

from shm_stream.panel import webrtc  # noqa: E402

pytestmark = pytest.mark.timeout(60)
PATH = "/preview/webrtc"


class Viewer:
    """A program in place of a browser."""

    def __init__(self, peer: RTCPeerConnection, line):
        self.peer, self.line = peer, line

    async def picture(self) -> np.ndarray:
        track = self.peer.getReceivers()[0].track
        return (await asyncio.wait_for(track.recv(), PATIENCE)).to_ndarray(format="rgb24")

    async def right_becomes(self, colour) -> None:
        end = time.monotonic() + PATIENCE
        while np.abs((found := (await self.picture())[:, 80:].reshape(-1, 3).mean(0)) - colour).max() > 12:
            assert time.monotonic() < end, found


def sdp_addresses(sdp: str) -> list[str]:
    return [line.split()[4] for line in sdp.splitlines() if line.startswith("a=candidate:")]


async def offer_of(peer: RTCPeerConnection, address: str = "127.0.0.1") -> str:
    peer.addTransceiver("video", direction="recvonly")
    webrtc._confine(peer, address)
    await peer.setLocalDescription(await peer.createOffer())
    return peer.localDescription.sdp


@contextlib.asynccontextmanager
async def looking(client, view="composite", host="127.0.0.1"):
    """A Viewer that is connected, and the answer it got."""
    address = client.base.replace("127.0.0.1", host) + PATH
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        async with client._session.ws_connect(address, headers=client.token) as line:
            await line.send_json({"offer": await offer_of(peer, host), "view": view})
            answer = (await line.receive_json(timeout=PATIENCE))["answer"]
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            yield Viewer(peer, line), answer
    finally:
        await peer.close()


async def until_nobody_watches(server) -> float:
    """Seconds that it took."""
    begun = time.monotonic()
    while server.preview.watched:
        assert time.monotonic() < begun + PATIENCE
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


def test_pictures_and_views_over_loopback_only(tmp_path):
    async def scenario(client):
        async with looking(client, "alpha") as (viewer, answer):
            assert sdp_addresses(answer) == ["127.0.0.1"]
            await viewer.right_becomes((0, 0, 0))
            await client.post("/api/controls", {"mirror": True})
            await viewer.right_becomes((255, 255, 255))
            await viewer.line.send_json({"view": "source"})
            await viewer.right_becomes((128, 128, 128))
            await viewer.line.send_json({"view": "composite"})
            await client.post("/api/background", {"show": "#0000ff"})
            await client.post("/api/controls", {"mirror": False})
            await viewer.right_becomes((0, 0, 255))

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


def test_they_begin_with_the_connection_and_end_with_the_socket(tmp_path, capfd):
    async def scenario(client):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        async with client._session.ws_connect(client.base + PATH, headers=client.token) as line:
            await line.send_json({"offer": await offer_of(peer), "view": "alpha"})
            await line.receive_json(timeout=PATIENCE)
            await asyncio.sleep(0.5)
            assert not server.preview.watched, "nobody has connected"
        await peer.close()
        async with looking(client) as (viewer, _):
            await viewer.picture()
            assert server.preview.watched
            await viewer.line.close()
            assert await until_nobody_watches(server) < 2

    with served(tmp_path) as (server, _):
        with_client(server, scenario)
    assert capfd.readouterr().err == ""


def test_a_server_that_ends_leaves_nothing_behind(tmp_path, capfd):
    async def scenario(client):
        async with looking(client) as (viewer, _):
            await viewer.picture()
            await asyncio.to_thread(server.close)
            server.close = lambda: None

    with served(tmp_path) as (server, _):
        with_client(server, scenario)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "asked",
    [
        [1],
        {"view": "composite"},
        {"offer": 1, "view": "composite"},
        {"offer": "v=0", "view": "composite"},
        {"offer": "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 2, "view": "composite"},
        {"offer": "v=0\r\nm=video nonsense\r\n", "view": "composite"},
        {"offer": "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", "view": "composite"},
        {"offer": "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "view": "everything"},
    ],
)
def test_other_messages_are_explained(tmp_path, capfd, asked):
    async def scenario(client):
        async with client._session.ws_connect(client.base + PATH, headers=client.token) as line:
            await line.send_json(asked)
            said = await line.receive_json(timeout=PATIENCE)
            assert set(said) == {"error"} and ("send {" in said["error"] or "cannot be answered" in said["error"])
            assert (await line.receive(timeout=PATIENCE)).type == aiohttp.WSMsgType.CLOSE
        assert (await client.get("/api/state"))[0] == 200

    with served(tmp_path) as (server, _):
        with_client(server, scenario)
    assert capfd.readouterr().err == ""


def test_what_is_no_json_and_what_is_too_long_ends_the_socket(tmp_path, capfd):
    async def scenario(client):
        for text in ("hello", "[" * 9000, '"' + "x" * 20000 + '"'):
            async with client._session.ws_connect(client.base + PATH, headers=client.token) as line:
                await line.send_str(text)
                while (await line.receive(timeout=PATIENCE)).type == aiohttp.WSMsgType.TEXT:
                    pass
        assert (await client.get("/api/state"))[0] == 200

    with served(tmp_path) as (server, _):
        with_client(server, scenario)
    assert capfd.readouterr().err == ""


def test_nothing_is_sent_to_addresses_in_an_offer(tmp_path):
    async def scenario(client):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
            victim.bind(("127.0.0.1", 0))
            victim.settimeout(1)
            named = f"a=candidate:1 1 udp 2113937151 127.0.0.1 {victim.getsockname()[1]} typ host\r\n"
            async with client._session.ws_connect(client.base + PATH, headers=client.token) as line:
                await line.send_json({"offer": await offer_of(peer) + named, "view": "alpha"})
                assert "answer" in await line.receive_json(timeout=PATIENCE)
                with pytest.raises(TimeoutError):
                    await asyncio.to_thread(victim.recv, 100)
        await peer.close()

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


def test_a_page_for_other_machines_uses_the_address_it_was_reached_at(tmp_path):
    addresses = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    outside = [address for address in addresses if not address.startswith("127.")]
    if not outside:
        pytest.skip("this machine has no address but loopback")

    async def scenario(client):
        for host in ("127.0.0.1", outside[0]):
            async with looking(client, "alpha", host) as (viewer, answer):
                assert sdp_addresses(answer) == [host]
                await viewer.right_becomes((0, 0, 0))

    with served(tmp_path, host="0.0.0.0") as (server, _):
        with_client(server, scenario)


def test_another_version_of_aioice_is_refused_when_it_offers_other_addresses(tmp_path, monkeypatch):
    confine = webrtc._confine

    async def scenario(client):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.addTransceiver("video", direction="recvonly")
        confine(peer, "127.0.0.1")
        await peer.setLocalDescription(await peer.createOffer())
        monkeypatch.setattr(webrtc, "_confine", lambda connection, address: confine(connection, "127.0.0.2"))
        async with client._session.ws_connect(client.base + PATH, headers=client.token) as line:
            await line.send_json({"offer": peer.localDescription.sdp, "view": "alpha"})
            assert await line.receive_json(timeout=PATIENCE) == {
                "error": "this version of aioice is not kept to 127.0.0.1"
            }
        await peer.close()

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


def test_odd_sizes_and_grey_become_frames():
    for shape in ((95, 127, 3), (95, 127)):
        frame = webrtc.frame_of(np.full(shape, 200, np.uint8), 1.5)
        assert (frame.width, frame.height, frame.pts) == (127, 95, 135000)
        assert np.abs(frame.reformat(format="yuv420p").to_ndarray(format="rgb24").astype(int) - 200).max() <= 2
