"""Jobs that pause while nobody watches: readers come and go, at a socket, in PipeWire, at a device, at the page."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from live_readers import free_port
from pipewire_session import camera_node, session, until, what_is_missing
from stand_ins import StandInRunner, frame_number, numbered_clip, numbered_frame, slow_command

from shm_stream import cli, engine_choice
from shm_stream.idle import Audience, Idle
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions
from shm_stream.loopback_readers import LoopbackReaders
from shm_stream.stream_reader import StreamReader

pytestmark = pytest.mark.timeout(90)
MISSING = what_is_missing() if sys.platform == "linux" else "PipeWire is Linux's"
WIDTH, HEIGHT, RATE = 128, 48, 25
GRACE_SECONDS = 0.5


@contextlib.contextmanager
def running(clip, told, **options):
    """A job with --idle that repeats `clip`; it is stopped at the end, and must end well."""
    live = LiveOptions(loop=True, idle_seconds=GRACE_SECONDS, fps_target=0, tell=told.append)
    with Job(JobOptions(clip, runner=StandInRunner(), live=live, **options)) as job:
        reports: list = []
        thread = threading.Thread(target=lambda: reports.append(job.run()), daemon=True)
        thread.start()
        try:
            yield job, reports
        finally:
            job.stop()
            thread.join(20)
    assert reports, "the job failed"


def obs_pictures(port: int, count: int) -> tuple[list[int], float, list[float]]:
    """(numbers of the first pictures that OBS gets, seconds until the first, their times)."""
    began, first, numbers, times = time.monotonic(), 0.0, [], []
    with av.open(f"tcp://127.0.0.1:{port}", format="nut", options={"probesize": "32"}) as container:
        for frame in container.decode(video=0):
            first = first or time.monotonic() - began
            numbers.append(frame_number(frame.to_ndarray(format="rgb24")))
            times.append(frame.time)
            if len(numbers) == count:
                return numbers, first, times
    raise AssertionError("the stream ended")


def test_first_frame_grace_and_return():
    now, here, told, rested = [0.0], [False], [], []
    idle = Idle(2.0, told.append, lambda: now[0])
    idle.add("obs", lambda: Audience(lambda: here[0], lambda: rested.append(now[0])))
    seen = {}
    for now[0] in (0, 1, 2, 3, 3.5, 5, 9):
        seen[now[0]] = idle.pauses()
    assert seen == {0: False, 1: False, 2: False, 3: True, 3.5: True, 5: True, 9: True}
    assert rested == [5], "once, when frames that were on their way have arrived"
    assert idle.seconds == 6
    here[0] = True
    assert not idle.pauses() and idle.seconds == 6 and idle.hindrance is None
    assert told == ["nobody watches: the job pauses", "somebody watches: the job goes on"]


def test_the_networks_rest_until_obs_comes_and_nothing_stale_is_shown(tmp_path):
    told, port = [], free_port()
    clip = numbered_clip(tmp_path / "clip.mp4", 200)  # eight seconds: a number says when it was shown
    with running(clip, told, obs=port) as (job, reports):
        for _ in range(2):
            until(lambda: job.idle.paused)
            time.sleep(0.3)  # what was on its way
            made = len(job.engine.runner.tnet_inputs)
            time.sleep(0.7)
            assert len(job.engine.runner.tnet_inputs) == made, "no frame goes to the networks"
            numbers, first, times = obs_pictures(port, 10)
            assert first < 1.5, "but for what a busy machine takes"
            assert numbers == [round(seconds * RATE) % 200 for seconds in times], "frames of that moment"
            assert job.engine.runner.tnet_inputs[made][0, 3].max() == 0, "the prior alpha is forgotten"
    assert reports[0].paused_seconds > 1.4
    assert told.count("nobody watches: the job pauses") >= 2


def test_a_recording_never_pauses(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *arguments: StandInRunner())
    clip, out = numbered_clip(tmp_path / "clip.mp4", 50), tmp_path / "out.mkv"
    words = [str(clip), "--loop", "--bg", "red", "--obs", str(free_port()), "--idle", "0", "-o", str(out), "-t", "2"]
    assert cli.main([*words, "--fps-target", "0"]) == 0
    said = capsys.readouterr().err
    assert f"warning: --idle has no effect: who watches {out} cannot be known" in said
    assert "the job pauses" not in said and "paused for" not in said
    with av.open(str(out)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times[-1] > 1.5 and max(b - a for a, b in zip(times, times[1:])) < 1


@pytest.mark.parametrize("words", [["clip.mp4"], ["clip.mp4", "-o", "out.mp4"]])
def test_files_do_not_pause(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    numbered_clip(tmp_path / "clip.mp4", 2)
    assert cli.main([*words, "--bg", "red", "--idle"]) == 2
    assert "--idle is for live inputs" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["clip.mp4"]


def test_pictures_that_need_no_other_are_not_even_decoded(tmp_path, monkeypatch):
    decoded, told = [], []
    own = StreamReader._decoded
    monkeypatch.setattr(StreamReader, "_decoded", lambda self, packet: decoded.append(1) or own(self, packet))
    clip, port = tmp_path / "clip.mkv", free_port()
    with av.open(str(clip), "w") as output:
        stream = output.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 128, 48, "yuvj420p"
        for number in range(200):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_frame(number), "rgb24")))
        output.mux(stream.encode(None))
    with running(clip, told, obs=port) as (job, _):
        until(lambda: job.idle.paused)
        time.sleep(0.2)
        before = len(decoded)
        time.sleep(0.6)
        assert len(decoded) == before
        numbers, _, times = obs_pictures(port, 5)
        assert numbers == [round(seconds * RATE) % 200 for seconds in times]


def test_a_limit_of_time_holds_in_a_pause_too(tmp_path):
    told, clip = [], numbered_clip(tmp_path / "clip.mp4", 25)
    with running(clip, told, obs=free_port(), duration=1.5) as (job, reports):
        until(lambda: reports, 20)
    assert job.idle.paused and reports[0].frames < 20


def test_whoever_looks_at_the_page_watches(tmp_path):
    aiohttp = pytest.importorskip("aiohttp")
    from shm_stream.desk import open_desk
    from shm_stream.panel.server import PanelServer

    async def look(server) -> None:
        token = {"Authorization": f"Bearer {server.guard.token}"}
        base = f"http://127.0.0.1:{server.port}"
        async with aiohttp.ClientSession(headers=token, timeout=aiohttp.ClientTimeout(20)) as client:
            assert (await (await client.get(f"{base}/api/state")).json())["paused"]
            async with client.get(f"{base}/preview/composite.mjpeg") as pictures:
                await pictures.content.readexactly(100)
                assert not (await (await client.get(f"{base}/api/state")).json())["paused"]

    told, clip = [], numbered_clip(tmp_path / "clip.mp4", 50)
    with running(clip, told, bg="red", panel=True) as (job, _):
        desk = open_desk(job, None, "red", None)
        server = PanelServer(desk)
        try:
            for _ in range(2):
                until(lambda: job.idle.paused)
                assert "paused" in desk.line()
                asyncio.run(look(server))
        finally:
            server.close()
            desk.close()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and inotify are Linux's")
class TestDevice:
    """A terminal's device stands in for a camera's: a character device that only we know."""

    @pytest.fixture
    def device(self):
        ours, theirs = os.openpty()
        yield os.ttyname(theirs)
        os.close(theirs)
        os.close(ours)

    @staticmethod
    @contextlib.contextmanager
    def reading(device):
        """Another process that has it open, and says so."""
        words = [sys.executable, "-c", "import sys; f = open(sys.argv[1], 'rb', 0); print(1, flush=True); f.read(1)"]
        with subprocess.Popen([*words, device], stdout=subprocess.PIPE) as reader:
            try:
                assert reader.stdout.readline()
                yield
            finally:
                reader.kill()

    def test_others_that_open_it_are_noticed_at_once(self, device):
        readers = LoopbackReaders(device)
        try:
            assert not readers.watched(), "that we have it open does not count"
            for _ in range(2):
                with self.reading(device):
                    until(readers.watched, 5)
                until(lambda: not readers.watched(), 5)
        finally:
            readers.close()

    def test_one_that_was_there_before(self, device):
        with self.reading(device):
            readers = LoopbackReaders(device)
            try:
                assert readers.watched()
            finally:
                readers.close()

    def test_one_that_cannot_be_seen_counts_until_it_closes(self, device, monkeypatch):
        """As another user's program, whose files may not be listed."""
        monkeypatch.setattr("shm_stream.loopback_readers._listed", lambda folder: [])
        readers = LoopbackReaders(device)
        try:
            with self.reading(device):
                until(readers.watched, 5)
            until(lambda: not readers.watched(), 5)
        finally:
            readers.close()


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_a_camera_in_pipewire_wakes_with_its_reader(tmp_path):
    clip, log = numbered_clip(tmp_path / "clip.mp4", 100), tmp_path / "log"
    with tempfile.TemporaryDirectory(prefix="pw") as folder, session(Path(folder)) as environment:
        words = [*slow_command(0), str(clip), "--loop", "--bg", "off", "--vcam", "pipewire", "--idle", "1"]
        with log.open("w") as said:
            command = subprocess.Popen(words, env=environment, stderr=said)
        try:
            for times in (1, 2):
                until(lambda times=times: log.read_text().count("the job pauses") == times)
                time.sleep(2.5)
                assert processor_seconds_of_children(command.pid, 1.0) < 0.05, "nothing repeats the last frame"
                node = until(lambda: camera_node(environment))
                with reading_camera(environment, node, tmp_path / "frames"):
                    until(lambda times=times: log.read_text().count("the job goes on") == times)
                    until(lambda: len(numbers_shown(tmp_path / "frames")) > 1)
        finally:
            command.kill()
            command.wait()


@contextlib.contextmanager
def reading_camera(environment: dict, node: int, path: Path):
    sink = ["filesink", "buffer-mode=unbuffered", f"location={path}"]
    words = ["gst-launch-1.0", "-q", "pipewiresrc", f"path={node}", "!", "video/x-raw,format=YUY2", "!", *sink]
    with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as reader:
        try:
            yield
        finally:
            reader.kill()


def numbers_shown(path: Path) -> set[int]:
    size = HEIGHT * WIDTH * 2
    content = path.read_bytes() if path.exists() else b""
    frames = np.frombuffer(content[: len(content) // size * size], np.uint8).reshape(-1, HEIGHT, WIDTH, 2)
    return {frame_number(frame) for frame in frames}


def processor_seconds_of_children(process: int, seconds: float) -> float:
    """How long the processor works for the children of `process` in so many seconds."""

    def used() -> float:
        lists = [file.read_text().split() for file in Path(f"/proc/{process}/task").glob("*/children")]
        children = [child for each in lists for child in each]
        fields = [Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split() for child in children]
        return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(seconds)
    return used() - before
