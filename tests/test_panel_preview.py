"""The live pictures of the control page: made only for those who look."""

from __future__ import annotations

import asyncio
import socket
import time

import numpy as np
import pytest
from panel_jobs import served

pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from panel_client import PATIENCE, with_client  # noqa: E402

from shm_stream.panel import pages  # noqa: E402

pytestmark = pytest.mark.timeout(60)


async def until_nobody_watches(server) -> None:
    end = time.monotonic() + PATIENCE
    while server.preview.watched:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def pictures_made(server) -> int:
    """How many small copies the job makes in half a second."""
    made, small = [], server.preview.small
    server.preview.small = lambda *arguments: made.append(1) or small(*arguments)
    await asyncio.sleep(0.5)
    del server.preview.small
    return len(made)


def test_moving_pictures_are_made_only_while_somebody_watches(tmp_path):
    async def scenario(client):
        await until_nobody_watches(server)
        assert await pictures_made(server) == 0
        async with client._session.get(client.base + "/preview/composite.mjpeg", headers=client.token) as answer:
            assert answer.content_type == "multipart/x-mixed-replace"
            seen = b""
            while seen.count(b"\xff\xd8\xff") < 3:
                seen += await asyncio.wait_for(answer.content.readany(), PATIENCE)
            assert await pictures_made(server) > 0
        await until_nobody_watches(server)
        assert await pictures_made(server) == 0

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


def test_one_who_is_slow_gets_few_pictures_not_old_ones(tmp_path, monkeypatch):
    """Half a megabyte each; what waits in buffers is a second old on a network of 4 Mbit/s."""
    noise = np.random.default_rng(0).integers(0, 256, (540, 960, 3), np.uint8)
    asked, next_jpeg = [], pages._next_jpeg
    monkeypatch.setattr(pages, "_next_jpeg", lambda watcher: asked.append(1) or next_jpeg(watcher))
    with served(tmp_path) as (server, _), socket.socket() as client:
        server.preview.small = lambda work, view: noise
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
        client.connect(("127.0.0.1", server.port))
        request = f"GET /preview/composite.mjpeg HTTP/1.1\r\nHost: localhost\r\nCookie: {server.guard.cookie}="
        client.sendall(f"{request}{server.guard.token}\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        time.sleep(3)
        assert 1 <= len(asked) <= 3
