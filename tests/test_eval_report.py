"""The page of `shm-stream eval --html`: one file, the right pictures in the right order."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from labelled_photos import RedRunner, block, write_red

from shm_stream import cli, engine_choice
from shm_stream.eval_pictures import HEIGHT, TOO_LITTLE, TOO_MUCH, WIDEST, data_uri, error_map, shrink
from shm_stream.eval_report import ALONE, choose_cases
from shm_stream.evaluate import PhotoResult, find_examples

pytestmark = pytest.mark.timeout(60)


class Page(HTMLParser):
    """Pictures by caption, names of the cases, rows of each table, tags that are open."""

    def __init__(self, text: str):
        super().__init__()
        self.pictures, self.cases, self.tables, self.open, self.links = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.links += [value for key, value in attributes.items() if key in ("src", "href")]
        if tag == "img":
            self.pictures.append((attributes["alt"], decode(attributes["src"])))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag not in ("img", "meta", "input", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1].append(data)
        if self.open and self.open[-1] == "b":
            self.cases.append(data)


def decode(uri: str) -> np.ndarray:
    kind, data = re.fullmatch(r"data:image/(jpeg|png);base64,([A-Za-z0-9+/=]+)", uri).groups()
    data = base64.b64decode(data)
    assert data.startswith(b"\xff\xd8" if kind == "jpeg" else b"\x89PNG")
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.fixture
def page(tmp_path, monkeypatch, capsys):
    """Measure the photos of a folder and read the page."""

    def page(folder, *arguments) -> tuple[Page, str]:
        monkeypatch.setattr(engine_choice, "load_runner", lambda *_: RedRunner())
        path = tmp_path / "report.html"
        code = cli.main(["eval", str(folder), "--html", str(path), "-q", "-y", *arguments])
        assert code == 0, capsys.readouterr().err
        assert not [other.name for other in tmp_path.iterdir() if "partial" in other.name]
        text = path.read_text(encoding="utf-8")
        return Page(text), text

    return page


@pytest.fixture
def twenty(tmp_path):
    """Photo n is 10 n steps too faint."""
    folder = tmp_path / "twenty"
    folder.mkdir()
    for number in range(20):
        write_red(folder, f"n{number:02}", block(255 - 10 * number), truth=block(255))
    return folder


def test_worst_and_median_photos(page, twenty):
    found, text = page(twenty)
    worst, median = [19, 18, 17, 16, 15, 14, 13, 12], [11, 10, 9, 8]
    assert found.cases == [f"n{number:02}.png" for number in worst + median] and found.open == []
    assert [caption for caption, _ in found.pictures] == ["photo", "matte", "truth", "error"] * 12
    for position, number in enumerate(worst + median):
        photo, matte, truth, error = (picture for _, picture in found.pictures[4 * position : 4 * position + 4])
        assert photo.shape == error.shape == (40, 48, 3) and matte.shape == truth.shape == (40, 48)
        assert (matte == block(255 - 10 * number)).all() and (truth == block(255)).all()
        assert not error[:, 24:].any() and (error[:, :24, 0] == round((10 * number / 255) ** 0.5 * 255)).all()
    assert "Worst 8 by MAD" in text and "Median 4" in text and ALONE not in text


@pytest.mark.parametrize(
    ("count", "worst", "median", "best"),
    [(2, 1, 1, 0), (3, 1, 1, 1), (4, 1, 1, 2), (5, 2, 1, 2), (6, 2, 2, 2), (9, 3, 3, 3), (12, 4, 4, 4)]
    + [(13, 4, 4, 0), (16, 6, 4, 0), (19, 7, 4, 0), (20, 8, 4, 0), (21, 8, 4, 0)],
)
def test_small_folders_have_median_photos_too(twenty, count, worst, median, best):
    write_red(twenty, "n20", block(40), truth=block(255))
    examples = find_examples(twenty)[0]
    results = [PhotoResult(example, {"rvm_mad": 1.0 * number}) for number, example in enumerate(examples[:count])]
    cases = choose_cases(results)
    assert [len(shown) for shown in (cases.worst, cases.median, cases.best)] == [worst, median, best]
    order = [result.figures["rvm_mad"] for result in cases.worst + cases.median + cases.best]
    assert order == sorted(order, reverse=True) and len(set(order)) == len(order) and order[0] == count - 1
    middles = {(count - 1) // 2, count // 2}  # of an odd number of photos one, of an even number two
    assert middles & {result.figures["rvm_mad"] for result in cases.median}


def test_a_single_photo_is_the_worst_and_said_to_be_all(page, tmp_path):
    write_red(tmp_path, "only", block(200), truth=block(255))
    found, text = page(tmp_path)
    assert found.cases == ["only.png"] and len(found.pictures) == 4 and found.open == []
    assert "Worst 1 by MAD" in text and ALONE in text and "<h2>Median" not in text


def test_it_needs_nothing_else(page, twenty):
    found, text = page(twenty)
    assert all(link.startswith("data:image/") for link in found.links)
    assert not re.search(r"https?:|<script|@import|url\(|<link", text)
    assert "prefers-color-scheme: dark" in text and text.startswith("<!doctype html>")


def test_tables_hold_means_and_every_photo(page, twenty):
    found, text = page(twenty)
    means, every = found.tables
    mad = 1000 * np.mean([10 * number / 255 / 2 for number in range(20)])
    assert means[0] == ["measure", "mean", "photos", "unit"]
    assert ["RVM MAD", f"{mad:.2f}", "20", "mean of |alpha - truth| x 1e3"] in means
    assert len(means) == 9 and len(every) == 21  # nobody is missing: no line for empty photos
    assert every[1][0] == "n00.png" and every[20][1] == f"{1000 * 190 / 255 / 2:.2f}"
    for fact in ("T-Net size 256", "stand-in on cpu", "live_tnet.onnx", "split all"):
        assert fact in text


def test_hard_masks_rank_by_mean_iou(page, tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    for columns in (24, 20, 10, 15):
        write_red(folder, f"c{columns}", block(255, columns), person=block(255))
    write_red(folder, "empty", block(128), person=block(0))
    found, text = page(folder)
    assert found.cases == [f"{name}.png" for name in ("c10", "c15", "empty", "c20", "c24")]
    assert re.findall(r"<h2>(\w+ \d.*?)</h2>", text) == ["Worst 2 by mean IoU", "Median 1", "Best 2"]
    assert len(found.pictures) == 20
    assert [
        "empty",
        f"{1000 * 128 / 255 / 2:.2f}",
        "1",
        "mean alpha x 1e3 where the label holds nobody",
    ] in found.tables[0]


def test_a_folder_without_people_ranks_by_mean_alpha(page, tmp_path):
    folder = tmp_path / "rooms"
    folder.mkdir()
    for level in (0, 90, 30):
        write_red(folder, f"l{level}", block(level), person=block(0))
    found, text = page(folder)
    assert found.cases == ["l90.png", "l30.png", "l0.png"] and "Worst 1 by mean alpha" in text
    assert [row[0] for row in found.tables[0]] == ["measure", "empty"]


def test_names_cannot_break_the_page(page, tmp_path):
    folder = tmp_path / "a <b> & c"
    folder.mkdir()
    write_red(folder, '<script>"&', block(200), truth=block(255))
    found, text = page(folder)
    assert (
        found.cases == ['<script>"&.png'] and "<script" not in text and "<h1>Mattes of a &lt;b&gt; &amp; c</h1>" in text
    )


def test_pictures_become_small_in_their_own_proportions():
    for (height, width), wanted in (
        ((480, 640), (240, 320)),
        ((100, 50), (100, 50)),
        ((300, 3000), (48, 480)),
        ((4000, 2), (240, 1)),
        ((1, 9000), (1, 480)),
    ):
        assert shrink(np.zeros((height, width, 3), np.uint8)).shape[:2] == wanted
        assert shrink(np.zeros((height, width), np.uint8)).shape == wanted
    assert (HEIGHT, WIDEST) == (240, 480)
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    assert (decode(data_uri(picture, "png"))[..., ::-1] == picture).all()


def test_error_map_tells_too_much_from_too_little():
    alpha, truth = np.float32([[1, 0, 0.5, 0.25]]), np.float32([[0, 1, 0.5, 0]])
    much, little, right, some = error_map(alpha, truth)[0]
    assert (much == TOO_MUCH).all() and (little == TOO_LITTLE).all() and not right.any()
    assert (some == np.rint(TOO_MUCH / 2)).all()
