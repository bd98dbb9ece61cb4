"""A headless Chromium, driven over its DevTools socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import shutil

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync "
    "--disable-component-update --disable-dev-shm-usage --hide-scrollbars --remote-debugging-port=0 about:blank"
)
START_SECONDS = 20


class Tab:
    """One page. Everything raises when the page does."""

    def __init__(self, socket):
        self._socket = socket
        self._count = 0
        self.said: list[str] = []
        """What the page complained about."""

    async def send(self, method: str, **parameters) -> dict:
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json(timeout=20)
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict) -> None:
        parameters = event.get("params", {})
        if event["method"] == "Runtime.exceptionThrown":
            self.said.append(str(parameters["exceptionDetails"].get("exception", {}).get("description")))
        if event["method"] == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.said.append(parameters["entry"]["text"])

    async def run(self, script: str):
        """The value of a JavaScript expression; promises are waited for."""
        result = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, script: str, seconds: float = 15):
        """Wait for the expression to become true."""
        end = asyncio.get_running_loop().time() + seconds
        while not (value := await self.run(script)):
            assert asyncio.get_running_loop().time() < end, f"never: {script}"
            await asyncio.sleep(0.1)
        return value

    async def open(self, url: str) -> None:
        await self.send("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' || document.querySelector('#preview')")

    async def press(self, key: str) -> None:
        """A key, as if typed."""
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, key=key, **(text if kind == "keyDown" else {}))

    async def picture(self) -> bytes:
        """A screenshot, PNG."""
        return base64.b64decode((await self.send("Page.captureScreenshot"))["data"])

    async def look(self, width: int, height: int, scheme: str = "light") -> None:
        """Set the window's size and the colour scheme."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


@contextlib.asynccontextmanager
async def chromium(profile, *options, environment=None):
    """A Tab of a browser of its own, whose files are in the folder `profile`."""
    words = [CHROMIUM, f"--user-data-dir={profile}", *options, *OPTIONS.split()]
    process = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.PIPE, env=environment)
    try:
        async with aiohttp.ClientSession() as session:
            port = await asyncio.wait_for(_port(process.stderr), START_SECONDS)
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                address = next(t for t in await answer.json() if t["type"] == "page")["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=0) as socket:
                tab = Tab(socket)
                for domain in ("Page", "Runtime", "Log"):
                    await tab.send(f"{domain}.enable")
                yield tab
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _port(stderr) -> str:
    while line := await stderr.readline():
        if found := re.search(rb"DevTools listening on ws://[^:]+:(\d+)/", line):
            return found[1].decode()
    raise AssertionError("Chromium did not start")
