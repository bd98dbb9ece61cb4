"""Playlists: what is kept of them, and what is never deleted."""

from __future__ import annotations

import pytest
from live_jobs import run, unpaced
from stand_ins import numbered_clip, read_numbers

from shm_stream.errors import InputError

pytestmark = pytest.mark.timeout(60)


def test_playlist_slides_and_old_segments_go(tmp_path, monkeypatch):
    unpaced(monkeypatch)
    clip = numbered_clip(tmp_path / "long.mp4", 400)
    folder = tmp_path / "hls"
    folder.mkdir()
    (folder / "live_000077.ts").write_bytes(b"of yesterday")
    with pytest.raises(InputError, match="live_000077.ts exists; add -y"):
        run(clip, folder / "live.m3u8")
    report = run(clip, folder / "live.m3u8", overwrite=True)
    assert report.live[0].sent == 400
    listed = [line for line in (folder / "live.m3u8").read_text().splitlines() if not line.startswith("#")]
    kept = sorted(path.name for path in folder.glob("*.ts"))
    assert len(listed) == 6 and set(listed) <= set(kept) and len(kept) <= 8 and "live_000000.ts" not in kept
    numbers = read_numbers(folder / "live.m3u8")
    assert numbers[-1] == 399 % 256 and len(numbers) == 300
    with pytest.raises(InputError, match="add -y"):
        run(clip, folder / "live.m3u8")


def test_an_input_named_like_a_segment_is_never_deleted(tmp_path):
    clip = numbered_clip(tmp_path / "live_000000.ts", 5)
    with pytest.raises(InputError, match="is the input itself"):
        run(clip, tmp_path / "live.m3u8", overwrite=True)
    assert len(read_numbers(clip)) == 5
