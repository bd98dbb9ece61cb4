"""Live outputs that break for good or for a while: the recording beside them goes on, and the report says so."""

from __future__ import annotations

import shutil
import socket

import pytest
from live_readers import free_port
from stand_ins import StandInRunner, numbered_clip, read_numbers

from shm_stream import cli, engine_choice, sink_obs
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions
from shm_stream.sink_hls import HlsOutlet
from shm_stream.source import open_source

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", 100)


@pytest.fixture
def breaking(monkeypatch):
    """A playlist with an error in it that shows at the fifth picture."""
    written = []
    write = HlsOutlet.write

    def fail(self, *arguments):
        written.append(arguments)
        if len(written) == 5:
            raise ZeroDivisionError("two\nlines")
        write(self, *arguments)

    monkeypatch.setattr(HlsOutlet, "write", fail)


def test_an_internal_error_ends_one_output_and_is_told(clip, tmp_path, breaking, monkeypatch, capsys):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    code = cli.main([str(clip), "--bg", "red", "-o", str(tmp_path / "h.m3u8"), "-o", str(tmp_path / "rec.mp4")])
    err = capsys.readouterr().err
    name = tmp_path / "h.m3u8"
    assert code == 1 and read_numbers(tmp_path / "rec.mp4") == list(range(100))
    assert f"{name}: stopped by an internal error, please report it: ZeroDivisionError: two lines\n" in err
    assert f"{name}: 4 frames sent, 96 dropped\n" in err
    assert err.splitlines()[-1] == f"shm-stream: error: {name} had no connection at the end"


def test_a_playlist_comes_back_with_its_folder(clip, tmp_path):
    folder, lines = tmp_path / "hls", []
    folder.mkdir()

    def on_frame(count):
        if count == 5:
            shutil.rmtree(folder)

    def tell(line):
        lines.append(line)
        if "connection lost" in line:
            folder.mkdir()

    options = JobOptions(
        clip, [tmp_path / "rec.mp4", folder / "h.m3u8"], bg="red", runner=StandInRunner(), live=LiveOptions(tell=tell)
    )
    with Job(options) as job:
        report = job.run(on_frame)
    assert read_numbers(tmp_path / "rec.mp4") == list(range(100))
    assert len(lines) == 2 and "connection lost (No such file or directory)" in lines[0] and "connected" in lines[1]
    (live,) = report.live
    assert not live.lost and live.reconnects == 1 and live.sent > 10
    assert set(read_numbers(folder / "h.m3u8")) <= set(range(50, 100))


def test_a_viewer_that_cannot_be_greeted_is_let_go(clip, monkeypatch):
    with open_source(clip) as source:
        outlet = sink_obs.ObsOutlet(port := free_port(), source)

        def refuse(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(sink_obs.av, "open", refuse)
        with socket.create_connection(("127.0.0.1", port), timeout=5) as viewer:
            with pytest.raises(OSError, match="No space"):
                outlet.connect()
            assert viewer.recv(1) == b""
        monkeypatch.undo()
        with socket.create_connection(("127.0.0.1", port), timeout=5) as viewer:
            outlet.connect()
            assert viewer.recv(3) == b"nut"
            outlet.release()
