"""The control page in a real browser: what people see and do."""

from __future__ import annotations

import asyncio
import io
import re
import sys
import time
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from panel_jobs import served, solid

pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from browser import CHROMIUM, chromium  # noqa: E402

from shm_stream.controls import NEUTRAL  # noqa: E402

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
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
needs_webrtc = pytest.mark.skipif(find_spec("aiortc") is None, reason="pip install 'shm-stream[webrtc]'")
JPEGS = "Motion JPEG"
WAYS = [pytest.param("WebRTC", marks=needs_webrtc), JPEGS]
NOBODY = COLOUR_AT.format(x=0.9, y=0.5)


def in_browser(tmp_path, scenario, **options):
    """Run `scenario(tab, desk)` on the page of a running job; the page must not have complained."""

    async def run(server, desk):
        async with chromium(tmp_path / "profile") as tab:
            await tab.open(server.url)
            await tab.until("document.querySelector('#status').textContent === 'running'")
            await scenario(tab, desk)
            assert tab.said == []

    with served(tmp_path, **options) as (server, desk):
        asyncio.run(run(server, desk))


async def becomes(tab, colour, script=NOBODY):
    """Wait until the live picture shows `colour` there."""
    for _ in range(150):
        found = await tab.run(script)
        if found is not None and np.abs(np.subtract(found, colour)).max() <= 12:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{found} never became {colour}")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    solid(folder / "blue.png", (0, 0, 255))
    return folder


def way_is(way: str) -> str:
    return f"document.querySelector('#way').textContent === {way!r}"


def click(selector: str) -> str:
    return f"document.querySelector({selector!r}).click()"


@pytest.mark.parametrize("way", WAYS)
def test_a_click_changes_the_pixels(tmp_path, folder, way, monkeypatch):
    if way == JPEGS:
        monkeypatch.setitem(sys.modules, "aiortc", None)
        monkeypatch.delitem(sys.modules, "shm_stream.panel.webrtc", raising=False)

    async def scenario(tab, desk):
        await tab.until(way_is(way))
        assert await tab.run("location.search") == "", "the token must not stay in the address"
        await becomes(tab, (255, 0, 0))
        await tab.until("document.querySelector('.tile.own img')?.naturalWidth === 192")
        await tab.run(click(".tile.own input"))
        await becomes(tab, (0, 0, 255))
        await tab.run(click("[value=off]"))
        await becomes(tab, (128, 128, 128))
        await tab.run(click("[value=colour]"))
        await becomes(tab, (255, 0, 0))
        await tab.run(click("[name=view][value=alpha]"))
        await becomes(tab, (0, 0, 0))
        await tab.run(click("[data-toggle=mirror]"))
        await becomes(tab, (255, 255, 255))
        await tab.until("document.querySelector('[data-toggle=mirror]').ariaPressed === 'true'")
        assert await tab.run(way_is(way)) and await tab.run("$('#way').disabled") is (way == JPEGS)

    in_browser(tmp_path, scenario, folder=folder)


@needs_webrtc
def test_the_way_of_the_pictures_can_be_chosen(tmp_path):
    async def scenario(tab, desk):
        for way in ("WebRTC", JPEGS, "WebRTC"):
            await tab.until(way_is(way))
            await becomes(tab, (255, 0, 0))
            shown = await tab.run("all('.picture:not([hidden])').map(picture => picture.id)")
            assert shown == ["video" if way == "WebRTC" else "preview"]
            await tab.run(click("#way"))

    in_browser(tmp_path, scenario)


@needs_webrtc
def test_a_connection_that_fails_is_said_and_jpegs_stay(tmp_path, monkeypatch):
    from shm_stream.panel import webrtc

    answer = webrtc.answer

    async def astray(*arguments):
        return re.sub(r"(?m)^(a=candidate:(?:\S+ ){5})\d+", r"\g<1>9", await answer(*arguments))  # nobody is there

    monkeypatch.setattr(webrtc, "answer", astray)

    async def scenario(tab, desk):
        await becomes(tab, (255, 0, 0))
        await tab.until(way_is("Motion JPEG: WebRTC did not connect"))
        await tab.run(click("[value=off]"))
        await becomes(tab, (128, 128, 128))

    in_browser(tmp_path, scenario)


@needs_webrtc
def test_a_page_that_goes_away_is_not_waited_for(tmp_path):
    async def run(server):
        async with chromium(tmp_path / "profile") as tab:
            await tab.open(server.url)
            await tab.until(way_is("WebRTC"))
            assert server.preview.watched
            await tab.send("Page.navigate", url="about:blank")
            end = time.monotonic() + 5
            while server.preview.watched:
                assert time.monotonic() < end
                await asyncio.sleep(0.05)

    with served(tmp_path) as (server, _):
        asyncio.run(run(server))


def test_sliders_and_keys(tmp_path, folder):
    async def scenario(tab, desk):
        for name, value, text in (("feather", 6, "6"), ("temporal", 60, "60 %")):
            slider = f"document.querySelector('[data-control={name}]')"
            await tab.run(
                f"(() => {{ const s = {slider}; s.value = {value}; s.dispatchEvent(new Event('input')) }})()"
            )
            await tab.until(f"{slider}.parentElement.textContent.includes('{text}')")
            while getattr(desk.job.controls.setting.controls, name) != value:
                await asyncio.sleep(0.05)
        await tab.press("]")
        await becomes(tab, (0, 0, 255))
        await tab.press("s")
        await becomes(tab, (128, 128, 128))
        await tab.press("z")
        await tab.until("document.querySelector('#status').textContent === 'frozen'")
        await tab.press("r")
        await tab.until("document.querySelector('#status').textContent === 'be right back'")
        await becomes(tab, (33, 47, 61))
        await tab.run(click("#reset"))
        await tab.until("document.querySelector('#status').textContent === 'running'")
        assert desk.job.controls.setting.controls == NEUTRAL

    in_browser(tmp_path, scenario, folder=folder)


def test_a_dropped_file_becomes_the_background(tmp_path):
    picture = io.BytesIO(cv2.imencode(".png", np.full((30, 40, 3), (30, 200, 250), np.uint8))[1].tobytes())
    numbers = list(picture.getvalue())

    async def scenario(tab, desk):
        await tab.run(
            f"(() => {{ const file = new File([new Uint8Array({numbers})], 'sunset é.png');"
            "const data = new DataTransfer(); data.items.add(file);"
            "dispatchEvent(new DragEvent('dragover', {dataTransfer: data, cancelable: true}));"
            "dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true})) })()"
        )
        await becomes(tab, (250, 200, 30))
        names = await tab.run("[...document.querySelectorAll('.tile.own .name')].map(name => name.textContent)")
        assert names == ["sunset é.png"] and await tab.run("document.querySelector('.tile.own input').checked")
        await tab.run(
            "(() => { const data = new DataTransfer(); data.items.add(new File(['hello'], 'a.txt'));"
            "dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true})) })()"
        )
        await tab.until("document.querySelector('#problem').textContent.startsWith('a.txt: ')")
        tab.said.clear()  # the browser notes the 400 that this was

    in_browser(tmp_path, scenario)


def test_everything_has_a_name_and_fits(tmp_path, folder):
    async def scenario(tab, desk):
        await tab.until("document.querySelectorAll('.tile.own').length === 1")
        tree = (await tab.send("Accessibility.getFullAXTree"))["nodes"]
        roles = ("radio", "slider", "button", "ColorWell")
        found = [node for node in tree if node.get("role", {}).get("value") in roles and not node.get("ignored")]
        unnamed = [node for node in found if not node.get("name", {}).get("value", "").strip()]
        assert len(found) >= 20 and unnamed == []
        for width in (1440, 800, 360):
            await tab.look(width, 800)
            assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), width

    in_browser(tmp_path, scenario, folder=folder)


def test_an_ended_job_is_said(tmp_path):
    async def run():
        async with chromium(tmp_path / "profile") as tab:
            with served(tmp_path) as (server, _):
                await tab.open(server.url)
                await tab.until("document.querySelector('#status').textContent === 'running'")
                await becomes(tab, (255, 0, 0))
            await tab.until("document.querySelector('#status').textContent === 'the job has ended'")
            assert await tab.run("document.querySelector('[data-toggle]').disabled")

    asyncio.run(run())


def test_a_dragged_colour_ends_where_it_was_let_go(tmp_path):
    async def scenario(tab, desk):
        assert await tab.run("document.querySelector('#colour').value") == "#ff0000", "the job began with red"
        await tab.run(
            "for (let n = 0; n <= 60; n++) {"
            "$('#colour').value = '#00' + (n * 4).toString(16).padStart(2, '0') + 'ff';"
            "$('#colour').dispatchEvent(new Event('input')) }"
        )
        await becomes(tab, (0, 240, 255))
        await tab.until("document.querySelector('#colour').value === '#00f0ff'")
        assert desk.background == "#00f0ff"

    in_browser(tmp_path, scenario)


def test_a_slider_keeps_what_was_asked_while_requests_are_on_their_way(tmp_path):
    async def scenario(tab, desk):
        await tab.run(
            "(() => { const [x, y] = document.querySelectorAll('[data-control=place]');"
            "for (let n = 1; n <= 20; n++) { for (const slider of [x, y]) {"
            "slider.value = n; slider.dispatchEvent(new Event('input')) } } })()"
        )
        await tab.until("state.controls.place[0] === 20 && state.controls.place[1] === 20 && sent === null")
        assert desk.job.controls.setting.controls.place == (20, 20, 1)

    in_browser(tmp_path, scenario)
