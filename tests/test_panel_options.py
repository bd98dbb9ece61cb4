"""The control page on the command line."""

from __future__ import annotations

import pytest
from panel_jobs import served
from stand_ins import StandInRunner, numbered_clip, read_numbers

pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from panel_client import with_client  # noqa: E402

from shm_stream import cli, engine_choice  # noqa: E402

pytestmark = pytest.mark.timeout(60)


def test_a_port_in_use_is_said_before_anything_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    clip = numbered_clip(tmp_path / "other.mp4", 3)

    async def scenario(client):
        await client.right_becomes((255, 0, 0))

    with served(tmp_path) as (server, _):
        with_client(server, scenario)
        assert cli.main([str(clip), "--bg", "red", "--panel", str(server.port)]) == 2
        assert "give --panel another PORT, or 0 for any free one" in capsys.readouterr().err
    assert not list(tmp_path.glob("*_composite*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--panel-host 0.0.0.0", "belongs to the control page: add --panel"),
        ("--backgrounds .", "while a job runs: add --panel"),
        ("--panel 0 --backgrounds nowhere", "nowhere is not a folder"),
        ("--panel 0 --slate nowhere.png", "nowhere.png"),
        ("--panel 0 --panel-host nowhere.invalid", "cannot use --panel-host nowhere.invalid"),
    ],
)
def test_wrong_page_options_end_before_anything_is_written(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    monkeypatch.chdir(tmp_path)
    clip = numbered_clip(tmp_path / "clip.mp4", 3)
    assert cli.main([str(clip), "--bg", "red", *words.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_file_with_a_page_is_written_as_ever(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    clip = numbered_clip(tmp_path / "clip.mp4", 8)
    assert cli.main([str(clip), "--bg", "red", "--panel", "0"]) == 0
    assert "control page: http://127.0.0.1:" in capsys.readouterr().err
    assert read_numbers(tmp_path / "clip_composite.mp4") == list(range(8))
