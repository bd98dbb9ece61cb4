"""`--obs-setup`: a real OBS Studio gets its source, once, and shows it."""

from __future__ import annotations

import contextlib
import threading
import time

import numpy as np
import obs_session
import pytest
from live_readers import free_port
from panel_jobs import LeftHalf
from stand_ins import numbered_clip, write_clip

from shm_stream import cli, obs_setup, obs_websocket
from shm_stream.errors import InputError
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions
from shm_stream.obs_websocket import NOT_FOUND, ObsRefusal
from shm_stream.sink_obs import source_settings

MISSING = obs_session.what_is_missing()
pytestmark = [pytest.mark.timeout(90), pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]
URL = "tcp://127.0.0.1:1"
GREY, RED = (128, 128, 128), (255, 0, 0)


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with obs_session.session(tmp_path_factory.mktemp("obs")) as obs:
        obs.add_red("Scene")
        yield obs


@pytest.fixture
def obs(studio, monkeypatch):
    """OBS with a red scene, whose settings are found; without our source."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(studio.folder))
    monkeypatch.delenv(obs_websocket.PASSWORD_VARIABLE, raising=False)
    studio.line.request("SetCurrentProgramScene", sceneName="Scene")
    yield studio
    until(lambda: is_gone(studio), "the source did not go")


def until(condition, what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def is_gone(obs) -> bool:
    """Whether OBS has let go of our source, whose name is taken until then; asks it to."""
    try:
        obs.line.request("GetInputSettings", inputName="shm-stream")
        obs.line.request("RemoveInput", inputName="shm-stream")
    except ObsRefusal as refusal:
        return refusal.code == NOT_FOUND
    return False


@contextlib.contextmanager
def running(tmp_path, port: int):
    """The lines of a job that shows OBS a person in the left half of a grey clip, until it is left."""
    clip = write_clip(tmp_path / "clip.mp4", [np.full((96, 128, 3), 128, np.uint8)] * 10)
    lines = []
    options = JobOptions(
        clip, obs=port, obs_setup="auto", runner=LeftHalf(), live=LiveOptions(loop=True, tell=lines.append)
    )
    with Job(options) as job:
        thread = threading.Thread(target=job.run, daemon=True)
        thread.start()
        try:
            yield lines
        finally:
            job.stop()
            thread.join(20)
    assert not thread.is_alive()


def is_grey(picture, x: int) -> bool:
    return np.abs(picture[180, x].astype(int) - GREY).max() < 8


def our_items(obs, scene: str = "Scene") -> list[dict]:
    return [item for item in obs.items(scene) if item["sourceName"] == "shm-stream"]


def test_the_scene_shows_the_person_in_front_of_red(obs, tmp_path):
    with running(tmp_path, free_port()) as lines:
        until(lambda: is_grey(obs.picture(), 200), "the person did not come")
        picture = obs.picture()
    assert lines[0] == "in OBS: created the source 'shm-stream' in the scene 'Scene'"
    # 4:3 in the middle of 16:9, as high as the scene: x from 80 to 560
    assert is_grey(picture, 90) and is_grey(picture, 310)
    assert (picture[:, :76] == RED).all() and (picture[:, 330:] == RED).all()


def test_a_second_job_uses_the_source_that_is_there(obs, tmp_path):
    port = free_port()
    with running(tmp_path, free_port()):
        until(lambda: is_grey(obs.picture(), 200), "the person did not come")
        (item,) = our_items(obs)
    place = {"positionX": 100, "boundsWidth": 320}
    where = {"sceneName": "Scene", "sceneItemId": item["sceneItemId"]}
    obs.line.request("SetSceneItemTransform", **where, sceneItemTransform=place)
    with running(tmp_path, port) as lines:
        until(lambda: is_grey(obs.picture(), 110), "the person did not come")
    (item,) = our_items(obs)
    assert lines[0] == "in OBS: updated the source 'shm-stream' in the scene 'Scene'"
    assert place.items() <= item["sceneItemTransform"].items(), "what was moved stays"
    inputs = obs.line.request("GetInputList")["inputs"]
    assert [one["inputName"] for one in inputs if one["inputKind"] == "ffmpeg_source"] == ["shm-stream"]
    settings = obs.line.request("GetInputSettings", inputName="shm-stream")["inputSettings"]
    assert settings == source_settings(f"tcp://127.0.0.1:{port}")


def test_another_scene_gets_the_same_source(obs):
    obs_setup.set_up_source("auto", source_settings(URL))
    obs.line.request("CreateScene", sceneName="Break")
    obs.line.request("SetCurrentProgramScene", sceneName="Break")
    for expected in ("added", "found"):
        said = obs_setup.set_up_source("auto", source_settings(URL))
        assert said == f"in OBS: {expected} the source 'shm-stream' in the scene 'Break'"
    assert len(our_items(obs)) == len(our_items(obs, "Break")) == 1
    assert our_items(obs, "Break")[0]["sceneItemTransform"]["boundsType"] == "OBS_BOUNDS_SCALE_INNER"
    obs.line.request("SetCurrentProgramScene", sceneName="Scene")
    obs.line.request("RemoveScene", sceneName="Break")


def test_a_source_of_another_kind_is_left_alone(obs):
    colour = {"inputName": "shm-stream", "inputKind": "color_source_v3"}
    obs.line.request("CreateInput", sceneName="Scene", **colour)
    with pytest.raises(InputError, match=r"a source 'shm-stream' that is no media source \(color_source_v3\): rename"):
        obs_setup.set_up_source("auto", source_settings(URL))


def test_passwords(obs, tmp_path, monkeypatch, capsys):
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    words = [str(clip), "--obs", str(free_port()), "--obs-setup"]
    monkeypatch.setenv(obs_websocket.PASSWORD_VARIABLE, "wrong")
    assert cli.main(words) == 2
    wrong = capsys.readouterr().err
    assert wrong.count("\n") == 1 and "OBS refused the password: set OBS_WEBSOCKET_PASSWORD to the one it has" in wrong
    monkeypatch.delenv(obs_websocket.PASSWORD_VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert cli.main([*words, f"ws://localhost:{obs.port}"]) == 2
    none = capsys.readouterr().err
    assert none.count("\n") == 1 and "OBS wants the password of its websocket server: set OBS_WEBSOCKET" in none
    assert not our_items(obs) and list(tmp_path.iterdir()) == [clip]
    monkeypatch.setenv(obs_websocket.PASSWORD_VARIABLE, obs_session.PASSWORD)
    assert obs_setup.set_up_source(f"ws://localhost:{obs.port}", source_settings(URL)).startswith("in OBS: created")


GROUPED = {
    "name": "Untitled",
    "current_scene": "Scene",
    "current_program_scene": "Scene",
    "scene_order": [{"name": "Scene"}],
    "sources": [
        {"id": "scene", "name": "Scene", "settings": {"items": [{"name": "Group", "id": 1}], "id_counter": 1}},
        {"id": "ffmpeg_source", "name": "shm-stream", "settings": {}},
    ],
    "groups": [
        {"id": "group", "name": "Group", "settings": {"items": [{"name": "shm-stream", "id": 1}], "id_counter": 1}}
    ],
}


def test_a_source_in_a_group_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv(obs_websocket.PASSWORD_VARIABLE, obs_session.PASSWORD)
    with obs_session.session(tmp_path / "o", GROUPED) as obs:
        (before,) = obs.items("Scene")
        assert before["isGroup"]
        said = obs_setup.set_up_source(f"ws://127.0.0.1:{obs.port}", source_settings(URL))
        assert "updated" in said and len(obs.items("Scene")) == 1
