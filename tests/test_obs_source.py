"""Cut-outs with alpha, read as OBS reads them."""

from __future__ import annotations

import socket

import av
import numpy as np
import pytest
from live_jobs import COUNT, run
from live_readers import Reader, free_port
from media import write_video
from stand_ins import StandInRunner, numbered_clip, numbered_frame

from shm_stream import live_sink
from shm_stream.errors import InputError

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", COUNT)


class HalfRunner(StandInRunner):
    """A subject that fills the left half."""

    def tnet(self, x):
        logits = np.full((3, x.shape[2] // 4, x.shape[3] // 4), -50, np.float32)
        middle = logits.shape[2] // 2
        logits[0, :, :middle] = logits[1, :, middle:] = 50
        return logits


def test_obs_gets_alpha_and_may_come_and_go(tmp_path):
    clip = numbered_clip(tmp_path / "long.mp4", 100)
    port, lines, readers = free_port(), [], []

    def tell(line):
        lines.append(line)
        if "Input Format" in line or ("connection lost" in line and len(readers) < 2):
            readers.append(Reader(f"tcp://127.0.0.1:{port}", limit=10, format="nut"))

    report = run(clip, bg=None, obs=port, runner=HalfRunner(), tell=tell)
    first, second = (reader.result() for reader in readers)
    assert len(first.pictures) == len(second.pictures) == 10
    assert second.times[0] > first.times[-1]
    for picture, seconds in zip(first.pictures + second.pictures, first.times + second.times):
        assert (picture[:, :56, 3] == 255).all() and (picture[:, 72:, 3] == 0).all()
        assert np.abs(picture[:, :48, :3].astype(int) - numbered_frame(round(seconds * 25))[:, :48]).max() < 40
    (live,) = report.live
    assert live.sent >= 20 and not live.lost and live.reconnects == 1 and f"tcp://127.0.0.1:{port}" in lines[0]
    assert list(tmp_path.iterdir()) == [clip]
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free again


def test_obs_that_stops_reading_holds_nobody_up(tmp_path, monkeypatch):
    monkeypatch.setattr(live_sink, "END_SECONDS", 0.5)
    clip = write_video(tmp_path / "big.mkv", [np.zeros((480, 640, 3), np.uint8)] * 50, pix_fmt="yuv420p")
    port = free_port()
    clients = []

    def tell(line):
        if "Input Format" in line:
            clients.append(socket.create_connection(("127.0.0.1", port)))

    report = run(clip, tmp_path / "rec.mkv", obs=port, tell=tell)
    (live,) = report.live
    assert live.dropped > 25 and live.sent + live.dropped <= 50
    with av.open(str(tmp_path / "rec.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 50
    clients[0].close()


def test_port_in_use(clip):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is in use by another program"):
            run(clip, bg=None, obs=port)
