"""The live pictures of the control page: made only for those who look."""

from __future__ import annotations

import asyncio

import pytest
from panel_jobs import served

pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from panel_client import PATIENCE, with_client  # noqa: E402

pytestmark = pytest.mark.timeout(60)


def test_moving_pictures_are_made_only_while_somebody_watches(tmp_path):
    async def scenario(client):
        await asyncio.sleep(0.5)
        assert server.preview.latest("composite") == (0, b"")
        async with client._session.get(client.base + "/preview/composite.mjpeg", headers=client.token) as answer:
            assert answer.content_type == "multipart/x-mixed-replace"
            seen = b""
            while seen.count(b"\xff\xd8\xff") < 3:
                seen += await asyncio.wait_for(answer.content.readany(), PATIENCE)
        while sum(server.preview._watching.values()):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        number = server.preview.latest("composite")[0]
        await asyncio.sleep(0.5)
        assert server.preview.latest("composite")[0] == number >= 3

    with served(tmp_path) as (server, _):
        with_client(server, scenario)
