"""The control page in a real browser: what people do with it."""

from __future__ import annotations

import asyncio
import io

import cv2
import numpy as np
import pytest
from panel_jobs import solid

pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from panel_page import JPEGS, WAYS, becomes, click, in_browser, needs_browser, way_is, without_aiortc  # noqa: E402

from shm_stream.controls import NEUTRAL  # noqa: E402

pytestmark = [pytest.mark.timeout(120), needs_browser]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    solid(folder / "blue.png", (0, 0, 255))
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_a_click_changes_the_pixels(browser, tmp_path, folder, way, monkeypatch):
    if way == JPEGS:
        without_aiortc(monkeypatch)

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

    in_browser(browser, tmp_path, scenario, folder=folder)


def test_sliders_and_keys(browser, tmp_path, folder):
    async def scenario(tab, desk):
        for name, value, text in (("feather", 6, "6"), ("temporal", 60, "60 %")):
            slider = f"document.querySelector('[data-control={name}]')"
            await tab.run(f"(() => {{ const s = {slider}; s.value = {value}; s.dispatchEvent(new Event('input')) }})()")
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

    in_browser(browser, tmp_path, scenario, folder=folder)


def test_a_dropped_file_becomes_the_background(browser, tmp_path):
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

    in_browser(browser, tmp_path, scenario)


def test_everything_has_a_name_and_fits(browser, tmp_path, folder):
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

    in_browser(browser, tmp_path, scenario, folder=folder)


def test_a_dragged_colour_ends_where_it_was_let_go(browser, tmp_path):
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

    in_browser(browser, tmp_path, scenario)


def test_a_slider_keeps_what_was_asked_while_requests_are_on_their_way(browser, tmp_path):
    async def scenario(tab, desk):
        await tab.run(
            "(() => { const [x, y] = document.querySelectorAll('[data-control=place]');"
            "for (let n = 1; n <= 20; n++) { for (const slider of [x, y]) {"
            "slider.value = n; slider.dispatchEvent(new Event('input')) } } })()"
        )
        await tab.until("state.controls.place[0] === 20 && state.controls.place[1] === 20 && sent === null")
        assert desk.job.controls.setting.controls.place == (20, 20, 1)

    in_browser(browser, tmp_path, scenario)
