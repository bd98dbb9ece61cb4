"""The live pictures of the control page: made only for those who look."""

from __future__ import annotations

import asyncio
import time

import pytest
from panel_jobs import served

pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from panel_client import PATIENCE, with_client  # noqa: E402

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
