"""The media source that shows our cut-outs, made in a running OBS Studio or brought up to date there."""

from __future__ import annotations

from .errors import InputError
from .obs_websocket import NOT_FOUND, ObsConnection, ObsRefusal

NAME = "shm-stream"
KIND = "ffmpeg_source"
"""What OBS calls a media source."""


def put_source(obs: ObsConnection, settings: dict) -> str:
    """Have the source in the scene that is on air, once, with these `settings`. Returns what was done, in a line.

    One that is there already stays where it is and as large as it is. Raises InputError.
    """
    answer = obs.request("GetCurrentProgramScene")
    scene = answer.get("sceneName") or answer["currentProgramSceneName"]  # the older name will go one day
    there = _settings(obs)
    if there is None:
        source = {"inputName": NAME, "inputKind": KIND, "inputSettings": settings}
        _fit(obs, scene, obs.request("CreateInput", sceneName=scene, **source)["sceneItemId"])
        done = "created"
    else:
        done = _update(obs, scene, there, settings)
    return f"in OBS: {done} the source '{NAME}' in the scene '{scene}'"


def _settings(obs: ObsConnection) -> dict | None:
    """Of the source that is there, or None."""
    try:
        source = obs.request("GetInputSettings", inputName=NAME)
    except ObsRefusal as refusal:
        if refusal.code == NOT_FOUND:
            return None
        raise
    if source["inputKind"] != KIND:
        raise InputError(f"OBS has a source '{NAME}' that is no media source ({source['inputKind']}): rename that one")
    return source["inputSettings"]


def _update(obs: ObsConnection, scene: str, there: dict, settings: dict) -> str:
    done = "found"
    if there | settings != there:  # else OBS comes by itself, and setting them would cut it off again
        obs.request("SetInputSettings", inputName=NAME, inputSettings=settings)
        done = "updated"
    if _shows(obs, scene):
        return done
    _fit(obs, scene, obs.request("CreateSceneItem", sceneName=scene, sourceName=NAME)["sceneItemId"])
    return "added"


def _shows(obs: ObsConnection, scene: str) -> bool:
    """Whether the source is in the scene, or in a group there."""
    items = obs.request("GetSceneItemList", sceneName=scene)["sceneItems"]
    for group in [item["sourceName"] for item in items if item.get("isGroup")]:
        items += obs.request("GetGroupSceneItemList", sceneName=group)["sceneItems"]
    return any(item["sourceName"] == NAME for item in items)


def _fit(obs: ObsConnection, scene: str, item: int) -> None:
    """In the middle, as large as the picture allows: OBS itself would leave it small in a corner."""
    video = obs.request("GetVideoSettings")
    frame = {"boundsWidth": video["baseWidth"], "boundsHeight": video["baseHeight"]}
    place = {"boundsType": "OBS_BOUNDS_SCALE_INNER", "boundsAlignment": 0, **frame}
    obs.request("SetSceneItemTransform", sceneName=scene, sceneItemId=item, sceneItemTransform=place)
