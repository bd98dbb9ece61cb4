"""The PipeWire camera of a whole job, as a page in Chromium sees it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import camera_portal
import numpy as np
import pipewire_session
import pytest
from pipewire_session import camera_node, session, until

pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from browser import CHROMIUM, new_tab, running_browser  # noqa: E402

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "webcam.mkv"


def what_is_missing() -> str | None:
    if sys.platform != "linux":
        return "PipeWire is Linux's"
    if CHROMIUM is None:
        return "needs Chromium: apt-get install chromium"
    return pipewire_session.what_is_missing() or camera_portal.what_is_missing()


MISSING = what_is_missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
OPTIONS = ("--use-fake-ui-for-media-stream", "--enable-features=WebRtcPipeWireCamera")  # allows; shows no real dialog
COLOUR = (10, 200, 60)
WATCH = """
(async () => {
  document.querySelector("video").srcObject?.getTracks().forEach((track) => track.stop());
  for (let tries = 0; ; tries++) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({video: true});
      document.querySelector("video").srcObject = stream;
      return stream.getVideoTracks()[0].label;
    } catch (error) {  // a busy machine is slow to tell the browser of the camera
      if (error.name !== "NotFoundError" || tries === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
})()
"""
SEEN = """
(() => {
  const video = document.querySelector("video"), canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  if (!canvas.width) return null;
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0);
  const at = (x, y) => [...pen.getImageData(x * canvas.width, y * canvas.height, 1, 1).data].slice(0, 3);
  return [canvas.width, canvas.height, at(0.04, 0.05), at(0.96, 0.05), at(0.5, 0.6)];
})()
"""


def shows_the_colour(seen) -> bool:
    return seen is not None and np.abs(np.subtract(seen[2:4], COLOUR)).max() <= 8


async def look(tab, tries: int = 80):
    """What the page sees as soon as that is the new background, or at last."""
    for _ in range(tries):
        if shows_the_colour(seen := await tab.run(SEEN)):
            break
        await asyncio.sleep(0.1)
    return seen


@pytest.fixture
def desktop():
    with (
        tempfile.TemporaryDirectory(prefix="pw") as folder,
        session(Path(folder)) as environment,
        camera_portal.camera_portal(environment) as allowed,
    ):
        yield allowed


@pytest.fixture
def command(desktop):
    """shm-stream, which shows the example's person before a colour."""
    words = [sys.executable, "-m", "shm_stream", str(EXAMPLE), "--loop", "--bg", "#0ac83c", "--vcam", "pipewire"]
    job = subprocess.Popen(words, env=desktop, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: camera_node(desktop) or job.poll() is not None)
        assert job.poll() is None, job.stderr.read()
        yield job
    finally:
        job.kill()
        job.communicate(timeout=30)


@pytest.mark.skipif(not EXAMPLE.exists(), reason="needs the source tree")
def test_a_page_sees_the_person_before_the_colour(desktop, command, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<video id="preview" autoplay muted></video>')

    async def scenario(address):
        async with new_tab(address) as tab:
            await tab.open(page.as_uri())
            for _ in range(3):  # PipeWire 0.3 leaves some readers without a picture when the machine is busy
                assert await tab.run(WATCH) == "shm-stream"
                if shows_the_colour(seen := await look(tab)):
                    break
            assert seen[:2] == [640, 480] and shows_the_colour(seen), seen
            assert np.abs(np.subtract(seen[4], COLOUR)).max() > 60, "the person hides the colour"

    with running_browser(tmp_path / "profile", *OPTIONS, environment=desktop) as address:
        asyncio.run(scenario(address))
