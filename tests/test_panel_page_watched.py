"""The control page while things come and go: ways of its pictures, watchers, the job itself."""

from __future__ import annotations

import asyncio
import re

import pytest
from panel_jobs import served

pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from browser import new_tab  # noqa: E402
from panel_page import (  # noqa: E402
    JPEGS,
    WAYS,
    becomes,
    click,
    in_browser,
    needs_browser,
    needs_webrtc,
    nobody_watches,
    way_is,
    without_aiortc,
)

from shm_stream.panel.guard import TOKEN_VARIABLE  # noqa: E402

pytestmark = [pytest.mark.timeout(120), needs_browser]
HIDDEN = """
Object.defineProperty(document, "hidden", {{ value: {}, configurable: true }});
document.dispatchEvent(new Event("visibilitychange"));
"""


@needs_webrtc
def test_the_way_of_the_pictures_can_be_chosen(browser, tmp_path):
    async def scenario(tab, desk):
        for way in ("WebRTC", JPEGS, "WebRTC"):
            await tab.until(way_is(way))
            await becomes(tab, (255, 0, 0))
            shown = await tab.run("all('.picture:not([hidden])').map(picture => picture.id)")
            assert shown == ["video" if way == "WebRTC" else "preview"]
            await tab.run(click("#way"))

    in_browser(browser, tmp_path, scenario)


@needs_webrtc
def test_a_connection_that_fails_is_said_and_jpegs_stay(browser, tmp_path, monkeypatch):
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

    in_browser(browser, tmp_path, scenario)


@pytest.mark.parametrize("way", WAYS)
def test_a_page_that_nobody_sees_costs_nothing(browser, tmp_path, way, monkeypatch):
    """As a browser tells it of a tab in the background."""
    if way == JPEGS:
        without_aiortc(monkeypatch)

    async def run(server):
        async with new_tab(browser) as tab:
            await tab.open(server.url)
            for _ in range(2):
                await tab.until(way_is(way))
                await becomes(tab, (255, 0, 0))
                await tab.run(HIDDEN.format("true"))
                await nobody_watches(server)
                await tab.run(HIDDEN.format("false"))

    with served(tmp_path) as (server, _):
        asyncio.run(run(server))


@needs_webrtc
def test_a_page_that_goes_away_is_not_waited_for(browser, tmp_path):
    async def run(server):
        async with new_tab(browser) as tab:
            await tab.open(server.url)
            await tab.until(way_is("WebRTC"))
            assert server.preview.watched
            await tab.send("Page.navigate", url="about:blank")
            await nobody_watches(server)

    with served(tmp_path) as (server, _):
        asyncio.run(run(server))


def test_an_ended_job_is_said(browser, tmp_path):
    async def run():
        async with new_tab(browser) as tab:
            with served(tmp_path) as (server, _):
                await tab.open(server.url)
                await tab.until("document.querySelector('#status').textContent === 'running'")
                await becomes(tab, (255, 0, 0))
            await tab.until("document.querySelector('#status').textContent === 'the job has ended'")
            assert await tab.run("document.querySelector('[data-toggle]').disabled")

    asyncio.run(run())


def test_a_job_that_is_back_is_shown_again(browser, tmp_path, monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "the-same-for-both-jobs")

    async def run():
        async with new_tab(browser) as tab:
            with served(tmp_path) as (first, _):
                await tab.open(first.url)
                await becomes(tab, (255, 0, 0))
            await tab.until("document.querySelector('#status').textContent === 'the job has ended'")
            with served(tmp_path, bg="blue", port=first.port):
                await tab.until("document.querySelector('#status')?.textContent === 'running'")  # it is loaded anew
                await becomes(tab, (0, 0, 255))
                assert not await tab.run("document.querySelector('[data-toggle]').disabled")

    asyncio.run(run())
