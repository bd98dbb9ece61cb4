"""A headless Chromium, driven over its DevTools socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync "
    "--disable-component-update --disable-dev-shm-usage --hide-scrollbars --remote-debugging-port=0 about:blank"
)
START_SECONDS = 40


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

    async def until(self, script: str, seconds: float = 30):
        """Wait for the expression to become true."""
        end = asyncio.get_running_loop().time() + seconds
        while not (value := await self.run(script)):
            assert asyncio.get_running_loop().time() < end, f"never: {script}"
            await asyncio.sleep(0.03)
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


@contextlib.contextmanager
def running_browser(profile: Path, *options, environment=None) -> Iterator[str]:
    """The DevTools address of a browser of its own, whose files are in the folder `profile`."""
    words = [CHROMIUM, f"--user-data-dir={profile}", *options, *OPTIONS.split()]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, env=environment, **quiet) as process:
        try:
            yield _address(profile / "DevToolsActivePort")
        finally:
            process.kill()


def _address(said: Path) -> str:
    """Of the file that Chromium writes when it is ready: a port and a path, a line each."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError, ValueError):
            port, path = said.read_text().split()
            return f"ws://127.0.0.1:{port}{path}"
        time.sleep(0.02)
    raise AssertionError("Chromium did not start")


@contextlib.asynccontextmanager
async def new_tab(address: str) -> AsyncIterator[Tab]:
    """A Tab of that browser that shares no cookies and no storage with others."""
    async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
        browser = Tab(socket)
        own = await browser.send("Target.createBrowserContext")
        target = (await browser.send("Target.createTarget", url="about:blank", **own))["targetId"]
        page = f"{address.split('/devtools/')[0]}/devtools/page/{target}"
        try:
            async with session.ws_connect(page, max_msg_size=0) as socket:
                tab = Tab(socket)
                for domain in ("Page", "Runtime", "Log"):
                    await tab.send(f"{domain}.enable")
                yield tab
        finally:
            await browser.send("Target.disposeBrowserContext", **own)
