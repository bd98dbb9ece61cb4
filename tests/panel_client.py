"""A program that talks to a control page and knows its token."""

from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import cv2
import numpy as np

PATIENCE = 15


class Client:
    """A session with one server."""

    def __init__(self, server, session):
        self.base = f"http://127.0.0.1:{server.port}"
        self.token = {"Authorization": f"Bearer {server.guard.token}"}
        self._session = session

    async def call(self, method, path, *, token=True, **options):
        """(status, headers, JSON or bytes)."""
        headers = {**(self.token if token else {}), **options.pop("headers", {})}
        options = {"allow_redirects": False, **options}
        async with self._session.request(method, self.base + path, headers=headers, **options) as answer:
            body = await answer.read()
            value = json.loads(body) if answer.content_type == "application/json" else body
            return answer.status, answer.headers, value

    async def get(self, path, **options):
        return await self.call("GET", path, **options)

    async def post(self, path, value=None, **options):
        return await self.call("POST", path, json={} if value is None else value, **options)

    async def picture(self, view="composite") -> np.ndarray:
        status, _, jpeg = await self.get(f"/preview/{view}.jpg")
        assert status == 200
        return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]

    async def right_becomes(self, colour, view="composite") -> None:
        """Wait until the right half of the picture, where nobody is, has that colour."""
        end = time.monotonic() + PATIENCE
        while np.abs((found := await self.picture(view))[:, 80:].reshape(-1, 3).mean(0) - colour).max() > 12:
            assert time.monotonic() < end, found[:, 80:].reshape(-1, 3).mean(0)


def with_client(server, scenario) -> None:
    """Run `scenario(client)` to its end."""

    async def run():
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session:
            await scenario(Client(server, session))

    asyncio.run(run())
