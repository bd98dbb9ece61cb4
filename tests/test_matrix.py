"""Whole jobs over the kinds of clip that cameras and editors write: what must be carried is carried.

Every pair of values of two features occurs in some clip, not every combination of all.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from media import audio_layouts, audio_packets, palette_picture, read_pictures, video_facts, video_times, write_video
from stand_ins import StandInRunner

from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.source import open_source

pytestmark = pytest.mark.timeout(60)

FEATURES = {
    "pix_fmt": ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le"],
    "full": [False, True],
    "matrix": [1, 6, 9],
    "rotation": [0, 90, 180, 270],
    "timing": ["25", "24000/1001", "60", "variable"],
    "size": [(160, 96), (96, 162), (161, 97)],
    "audio": ["none", "aac", "two", "late", "mono", "5.1"],
    "aspect": [None, Fraction(4, 3)],
    "suffix": [".mp4", ".mov", ".mkv"],
}
FRAMES = 4
TICKS = {"25": (1, 25), "24000/1001": (1001, 24000), "60": (1, 60)}
VARIABLE = [0, 40, 51, 133]
AUDIO = {
    "none": [],
    "aac": [("aac", 0.3, 0.0)],
    "two": [("aac", 0.3, 0.0), ("libmp3lame", 0.3, 0.0)],
    "late": [("aac", 0.3, 0.1)],
    "mono": [("aac", 0.3, 0.0, "mono")],
    "5.1": [("aac", 0.3, 0.0, "5.1")],
}
MILLISECOND = Fraction(1, 999)
MATRIX, RANGE = {1: "bt709", 6: "smpte170m", 9: "bt2020nc"}, {1: "tv", 2: "pc"}
"""ffmpeg's names for the numbers of H.273."""


def pairwise(features: dict[str, list]) -> list[dict]:
    """Few combinations in which every pair of values occurs: greedily, without chance."""
    names = list(features)
    missing = {
        ((one, a), (other, b))
        for one, other in combinations(range(len(names)), 2)
        for a, b in product(range(len(features[names[one]])), range(len(features[names[other]])))
    }
    rows = []
    while missing:
        row = dict(min(missing))
        for index in range(len(names)):
            if index not in row:
                row[index] = max(range(len(features[names[index]])), key=lambda a: _gain(row, index, a, missing))
        missing -= set(combinations(sorted(row.items()), 2))
        rows.append({names[index]: features[names[index]][value] for index, value in row.items()})
    return rows


def _gain(row: dict, index: int, value: int, missing: set) -> int:
    return sum(tuple(sorted([(index, value), pair])) in missing for pair in row.items())


CASES = pairwise(FEATURES)


def test_every_pair_occurs_and_the_cases_are_few():
    for (one, values), (other, others) in combinations(FEATURES.items(), 2):
        assert {(str(case[one]), str(case[other])) for case in CASES} == {
            (str(a), str(b)) for a, b in product(values, others)
        }
    assert len(CASES) <= 40


def name_of(case: dict) -> str:
    return "-".join(str(value).replace("/", ":") for value in case.values())


def write_case(folder, case: dict):
    """H.264 in MOV, or FFV1 in MKV for odd sizes, which H.264 does not have in 4:2:0."""
    path, codec, options = folder / "in.mov", "libx264", {"crf": "4", "preset": "ultrafast", "bf": "0"}
    if case["size"][0] % 2:
        path, codec, options = folder / "in.mkv", "ffv1", {}
    step, per_second = TICKS.get(case["timing"], (1, 1000))
    pts = VARIABLE if case["timing"] == "variable" else [step * number for number in range(FRAMES)]
    return write_video(
        path, [palette_picture(*case["size"], shift) for shift in range(FRAMES)], codec=codec, options=options,
        pix_fmt=case["pix_fmt"], full=case["full"], matrix=case["matrix"], rotation=case["rotation"],
        aspect=case["aspect"], audio=AUDIO[case["audio"]], pts=pts, time_base=Fraction(1, per_second),
        last_duration=step,
    )  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """(input, output, report) of the job on a case, which runs once."""

    @functools.cache
    def run(number: int):
        case, folder = CASES[number], tmp_path_factory.mktemp("case")
        path, target = write_case(folder, case), folder / f"out{case['suffix']}"
        with Job(JobOptions(path, target, bg="red", crf=6, runner=StandInRunner())) as opened:
            return path, target, opened.run()

    return run


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: name_of(CASES[number]))
def test_what_is_carried(ran, number):
    case, (path, target, report) = CASES[number], ran(number)
    before, after = video_times(path), video_times(target)
    assert report.frames == len(after) == FRAMES and report.input_warning is None
    assert all(abs((b - before[0]) - (a - after[0])) <= MILLISECOND for b, a in zip(before, after, strict=True))

    facts, turned = video_facts(target), case["rotation"] in (90, 270)
    width, height = case["size"]
    assert facts["size"] == ((height, width) if turned else (width, height))
    assert read_pictures(target)[0].rotation == 0, "pictures are written upright"
    tag = 9 if case["matrix"] == 9 else case["matrix"]
    assert facts["tags"] == (case["matrix"], 2 if case["full"] else 1, tag, tag)
    aspect = case["aspect"] or Fraction(1)
    if path.suffix == ".mkv":
        aspect = Fraction(1)  # FFV1 in MKV cannot say it
    assert (facts["aspect"] or Fraction(1)) == (1 / aspect if turned else aspect)
    assert ("10" in facts["format"]) == ("10" in case["pix_fmt"])

    layouts = ["".join(sound[3:]) or "stereo" for sound in AUDIO[case["audio"]]]
    assert [*map(layout_name, audio_layouts(target))] == layouts
    for stream in range(facts["audio"]):
        assert [data for _, data in audio_packets(target, stream)] == [data for _, data in audio_packets(path, stream)]
    if facts["audio"]:
        lag = audio_packets(path)[0][0] - before[0], audio_packets(target)[0][0] - after[0]
        assert abs(lag[0] - lag[1]) <= 2 * MILLISECOND
    if shutil.which("ffprobe") is not None:
        check_by_ffmpeg(target, facts, layouts, [float(a - after[0]) for a in after])


def layout_name(name: str) -> str:
    """AAC says of its six channels that those behind are at the back or at the sides, as the container has it."""
    return name.partition("(")[0]


def check_by_ffmpeg(path, facts: dict, layouts: list[str], times: list[float]) -> None:
    """The program that comes with ffmpeg decodes the file and finds in it what PyAV does."""
    shown = "format=format_name:stream:stream_side_data:frame=media_type,pts_time,width,height"
    command = ["ffprobe", "-v", "error", "-show_entries", shown, "-of", "json", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == "", "ffmpeg complains"
    found = json.loads(done.stdout)
    (video,) = (stream for stream in found["streams"] if stream["codec_type"] == "video")
    assert (video["width"], video["height"]) == facts["size"] and "side_data_list" not in video
    assert (video["color_space"], video["color_range"]) == (MATRIX[facts["tags"][0]], RANGE[facts["tags"][1]])
    assert video["pix_fmt"] == facts["format"] and video["codec_name"] == facts["codec"].removeprefix("lib")
    aspect = video.get("sample_aspect_ratio", "1:1").replace(":", "/")
    assert Fraction(aspect) == (facts["aspect"] or 1)
    seconds = [float(frame["pts_time"]) for frame in found["frames"] if frame["media_type"] == "video"]
    assert np.abs(np.subtract(seconds, seconds[0]) - times).max() <= 1e-3
    sounds = [stream["channel_layout"] for stream in found["streams"] if stream["codec_type"] == "audio"]
    assert [*map(layout_name, sounds)] == layouts


@pytest.mark.parametrize("number", range(0, len(CASES), 3), ids=lambda number: name_of(CASES[number]))
def test_colours_are_those_of_the_input(ran, number):
    case, (_, target, _) = CASES[number], ran(number)
    wanted = np.rot90(palette_picture(*case["size"]), case["rotation"] // 90)
    found = next(iter(open_source(target))).pixels
    assert np.abs(np.median(np.abs(found.astype(int) - wanted), axis=(0, 1))).max() <= 3
