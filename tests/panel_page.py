"""What tests of the control page look at in the browser, and how they get there."""

from __future__ import annotations

import asyncio
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest
from browser import CHROMIUM, new_tab
from panel_jobs import served

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
needs_webrtc = pytest.mark.skipif(find_spec("aiortc") is None, reason="pip install 'shm-stream[webrtc]'")
JPEGS = "Motion JPEG"
WAYS = [pytest.param("WebRTC", marks=needs_webrtc), JPEGS]
COLOUR_AT = """
(() => {{
  const image = document.querySelector(".picture:not([hidden])"), canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth ?? image.videoWidth; canvas.height = image.naturalHeight ?? image.videoHeight;
  if (!canvas.width) return null;
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  return [...pen.getImageData({x} * canvas.width, {y} * canvas.height, 1, 1).data].slice(0, 3);
}})()
"""
NOBODY = COLOUR_AT.format(x=0.9, y=0.5)


def in_browser(browser, tmp_path, scenario, **options):
    """Run `scenario(tab, desk)` on the page of a running job; the page must not have complained."""

    async def run(server, desk):
        async with new_tab(browser) as tab:
            await tab.open(server.url)
            await tab.until("document.querySelector('#status').textContent === 'running'")
            await scenario(tab, desk)
            assert tab.said == []

    with served(tmp_path, **options) as (server, desk):
        asyncio.run(run(server, desk))


async def becomes(tab, colour, script=NOBODY):
    """Wait until the live picture shows `colour` there."""
    for _ in range(1000):
        found = await tab.run(script)
        if found is not None and np.abs(np.subtract(found, colour)).max() <= 12:
            return
        await asyncio.sleep(0.03)
    raise AssertionError(f"{found} never became {colour}")


def way_is(way: str) -> str:
    return f"document.querySelector('#way').textContent === {way!r}"


def without_aiortc(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "aiortc", None)
    monkeypatch.delitem(sys.modules, "shm_stream.panel.webrtc", raising=False)


async def nobody_watches(server) -> None:
    end = time.monotonic() + 20
    while server.preview.watched:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


def click(selector: str) -> str:
    return f"document.querySelector({selector!r}).click()"
