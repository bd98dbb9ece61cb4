"""The page of a batch: which shots come first, what is on it, and how it behaves in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from batch_runs import read_manifest, use_workers, write_shots, write_weights
from stand_ins import StandInRunner, numbered_clip
from test_eval_report import Page
from test_qc_statistics import series

from shm_stream import cli, engine_choice
from shm_stream.qc_card import Card, breakable
from shm_stream.qc_curves import POINTS, curve_path, fold
from shm_stream.qc_files import load_statistics, statistics_path
from shm_stream.qc_report import render
from shm_stream.qc_statistics import ShotStatistics

pytestmark = pytest.mark.timeout(90)
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def record(name: str, status: str = "done", reason: str | None = None, **facts) -> dict:
    common = {"source": name, "status": status, "reason": reason, "ended": "2026-01-02T03:04:05+00:00", "sha256": "5ha"}
    return {**common, "frames": 60, "seconds": 1.5, "warnings": [], "outputs": [], "settings": {"crf": 18}, **facts}


def card(name: str, **figures) -> Card:
    statistics = ShotStatistics()
    statistics.figures = series(**figures)
    picture = "data:image/jpeg;base64,/9j/"
    statistics.sampled.kept = [{"index": index, "picture": picture, "alpha": picture} for index in range(0, 60, 4)]
    statistics.worst.kept = [{"index": 30, "picture": picture, "alpha": picture, "value": 0.1}]
    return Card(record(name), statistics)


def cards() -> list[Card]:
    """Two fine shots, three with findings and two that did not come out whole."""
    cuts = [int(index == 30) for index in range(60)]
    return [
        card("b/fine10.mp4"),
        card("b/fine9.mp4"),
        card("cut.mp4", cut=cuts),
        card("nobody.mp4", coverage=[0.0] * 60),
        card("leaves.mp4", coverage=[0.2] * 40 + [0.0] * 20),
        Card(record("half.mkv", "partial", "input ended early"), None),
        Card(record("text.mp4", "failed", "it is <not> a video", frames=0, sha256=None), None),
    ]


def order(page: str) -> list[str]:
    return re.findall(r'data-name="([^"]*)"', page)


def test_what_needs_a_look_comes_first():
    page = render("shots", cards())
    assert order(page) == [
        "text.mp4", "half.mkv", "nobody.mp4", "leaves.mp4", "cut.mp4", "b/fine9.mp4", "b/fine10.mp4"
    ]  # fmt: skip
    assert re.findall(r'data-state="(\w+)" data-kinds', page) == ["failed", "partial", *["look"] * 3, *["fine"] * 2]
    assert "7 shots: 1 failed, 1 partial, 3 to look at, 2 fine" in page and "2026-01-02 03:04 UTC" in page
    assert "it is &lt;not&gt; a video" in page and "input ended early" in page


def test_findings_are_told_marked_and_shown():
    text = card("leaves.mp4", coverage=[0.2] * 40 + [0.0] * 20).html(1)
    assert "<li>subject leaves <b>1.60 s</b></li>" in text
    assert text.count('<line x1="675.0" x2="675.0"') == 3  # at 40.5 of 60 in each curve
    assert "subject leaves <b>1.60 s · frame 40</b>" in text and "most flicker <b>1.20 s · frame 30</b>" in text
    assert text.count('class="frame"') == 8 + 2


def test_curves_keep_every_spike():
    values = np.zeros(100_000)
    values[77_777] = 1
    assert len(fold(values)) == POINTS and fold(values).max() == 1 and (fold(values[:100]) == values[:100]).all()
    assert curve_path(np.array([0.0, 1.0]), 1.0) == "M0 100 L0 100.0 250 100.0 750 4.0 1000 4.0 L1000 100Z"


def test_names_may_be_long_and_cannot_break_the_page():
    name = '<script>"&_' + "long_" * 60 + ".mp4"
    page = Page(render(name, [card(name)]))
    assert page.open == [] and all(link.startswith("data:image/") for link in page.links)
    assert breakable("a/b_c<") == "a/<wbr>b_<wbr>c&lt;"


@pytest.fixture
def out(tmp_path, monkeypatch):
    """A batch of two videos, a photo and a file that is no video, made by stand-ins."""
    monkeypatch.setenv("SHM_STREAM_WEIGHTS", str(write_weights(tmp_path / "weights")))
    use_workers(monkeypatch)
    (write_shots(tmp_path / "in") / "text.mp4").write_text("no video")
    assert run(tmp_path) == 1
    return tmp_path / "out"


def run(folder, *arguments) -> int:
    return cli.main(["batch", str(folder / "in"), str(folder / "out"), "--bg", "red", "-q", *map(str, arguments)])


def read(path) -> tuple[Page, str]:
    text = path.read_text(encoding="utf-8")
    return Page(text), text


def test_every_batch_leaves_a_page(out):
    page, text = read(out / "report.html")
    assert order(text) == ["text.mp4", "a.mp4", "day/b.mkv", "day/c.png"]
    assert page.open == [] and all(link.startswith("data:image/") for link in page.links)
    assert not re.search(r"https?:|@import|url\(|<link|src=\"(?!data:)", text)
    assert len(page.pictures) > 2 * (3 + 2 + 1) and "the worker" not in text
    sha256 = {line["source"]: line["sha256"] for line in read_manifest(out)}
    assert all(value in text for value in sha256.values())


def test_a_run_that_skips_has_the_statistics_of_the_run_before(out):
    before = read(out / "report.html")[0].pictures
    assert run(out.parent) == 1
    after = read(out / "report.html")[0].pictures
    assert len(after) == len(before) > 0 and all((one[1] == two[1]).all() for one, two in zip(before, after))


def test_statistics_of_other_results_are_not_shown(out):
    line = read_manifest(out)[0]
    assert load_statistics(out, line).figures.coverage
    assert load_statistics(out, {**line, "outputs": []}) is None
    other = [{**line["outputs"][0], "sha256": "0"}]
    assert load_statistics(out, {**line, "outputs": other}) is None
    for text in ("torn {", "[]", json.dumps({"outputs": line["outputs"]})):
        statistics_path(out, "a.mp4").write_text(text)
        assert load_statistics(out, line) is None
    assert run(out.parent) == 1 and "No statistics were kept" in (out / "report.html").read_text()


def test_a_page_or_a_table_elsewhere(out, tmp_path, capsys):
    assert run(tmp_path, "--report", tmp_path / "qc.csv") == run(tmp_path, "--report", tmp_path / "qc.html") == 1
    assert (tmp_path / "qc.html").read_bytes() == (out / "report.html").read_bytes()
    assert (tmp_path / "qc.csv").read_text().startswith("source,status")
    capsys.readouterr()
    assert run(tmp_path, "--report", tmp_path / "qc.txt") == 2 and "must end with .csv" in capsys.readouterr().err
    assert run(tmp_path, "--report", tmp_path / "none" / "qc.html") == 2 and "does not exist" in capsys.readouterr().err


def test_a_single_job_has_a_page_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    clip, page = numbered_clip(tmp_path / "clip.mp4", 30), tmp_path / "clip.html"
    words = [str(clip), "--bg", "red", "-o", str(tmp_path / "o.mp4"), "-y", "-q", "--report"]
    assert cli.main([*words, str(page)]) == 0
    found, text = read(page)
    assert order(text) == ["clip.mp4"] and len(found.pictures) >= 16 and "<dt>bg</dt><dd>red</dd>" in text
    assert cli.main([*words, str(tmp_path / "clip.txt")]) == 2 and "must end with .html" in capsys.readouterr().err
    assert cli.main([word for word in words if word != "-y"] + [str(page)]) == 2  # it exists


DRIVE = """
const told = [], press = key => document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const seen = () => all("article").filter(card => !card.hidden).map(card => card.dataset.name);
const tell = () => told.push(seen());
tell(); press("2"); tell(); press("Escape");
search.value = "LEAVES subject"; search.dispatchEvent(new Event("input")); tell(); press("Escape");
kind.value = "cut"; kind.onchange(); tell(); press("Escape");
search.value = "zebra"; search.oninput(); tell(); told.push(!one("#none").hidden); press("Escape");
sort.value = "name"; sort.onchange(); tell(); sort.value = "need"; sort.onchange(); tell();
press("j"); press("j"); press("k"); press("j"); told.push(document.activeElement.dataset.name);
press("Enter"); told.push(document.activeElement.querySelector("details").open);
press("/"); told.push(document.activeElement.id);
told.push(document.documentElement.scrollWidth <= innerWidth);
document.title = JSON.stringify(told);
"""


@pytest.mark.skipif(BROWSER is None, reason="no browser (apt-get install chromium)")
def test_in_a_browser_it_filters_searches_sorts_and_is_used_by_keys(tmp_path):
    long = card("a/" + "very_long_name_" * 20 + ".mp4")
    page = tmp_path / "page.html"
    page.write_text(render("shots", [*cards(), long]).replace("</script>", f"{DRIVE}</script>"), encoding="utf-8")
    ended = subprocess.run(
        [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--window-size=700,900", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    everything, failed, searched, cuts, nothing, said_so, named, again, focused, opened, field, fits = json.loads(
        re.search("<title>(.*)</title>", ended.stdout)[1]
    )
    assert everything[:2] == ["text.mp4", "half.mkv"] and len(everything) == 8 and again == everything
    assert (failed, searched, cuts) == (["text.mp4"], ["leaves.mp4"], ["cut.mp4"])
    assert nothing == [] and said_so and named[1:3] == ["b/fine9.mp4", "b/fine10.mp4"]
    assert (focused, opened, field, fits) == ("half.mkv", True, "search", True)
