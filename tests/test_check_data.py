"""The data check names every kind of bad file, and only those."""

import sys

import cv2
import numpy as np
import pytest
from training_setup import write_data, write_photo

from training import check_data


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data")


def run(monkeypatch, capsys, data) -> tuple[int, list[str], str]:
    """Exit code, lines on standard output, and standard error."""
    monkeypatch.setattr(sys, "argv", ["check_data", f"--data={data}"])
    try:
        check_data.main()
        code = 0
    except SystemExit as stopped:
        code = stopped.code
    printed = capsys.readouterr()
    return code, printed.out.splitlines(), printed.err


def test_good_data_passes(monkeypatch, capsys, data):
    code, lines, _ = run(monkeypatch, capsys, data)
    assert code == 0 and len(lines) == 1 and lines[0].startswith("15 photos")


def spoil_photo(folder):
    (folder / "p1.jpg").write_bytes(b"no picture")
    return "p1.jpg as an image"


def cut_photo(folder):
    whole = (folder / "p1.jpg").read_bytes()
    (folder / "p1.jpg").write_bytes(whole[:60])
    return "p1.jpg as an image"


def other_size(folder):
    cv2.imwrite(str(folder / "p1.alpha.png"), np.arange(100, dtype=np.uint8).reshape(10, 10))
    return "p1.alpha.png is 10x10"


def no_label(folder):
    for kind in ("mask", "alpha"):
        (folder / f"p1.{kind}.png").unlink()
    return "p1.jpg has no label"


def no_photo(folder):
    (folder / "p2.jpg").unlink()
    (folder / "p2.alpha.png").unlink()
    return "p2.mask.png has no photo"


def empty_mask(folder):
    cv2.imwrite(str(folder / "p1.mask.png"), np.zeros((128, 96), np.uint8))
    return "p1.mask.png is empty"


def grey_mask(folder):
    mask = cv2.imread(str(folder / "p1.mask.png"), cv2.IMREAD_GRAYSCALE)
    mask[5, 5] = 7
    cv2.imwrite(str(folder / "p1.mask.png"), mask)
    return "p1.mask.png is no hard mask: it holds 1 values besides 0 and 255, 7 among them"


def flat_alpha(folder):
    cv2.imwrite(str(folder / "p1.alpha.png"), np.full((128, 96), 255, np.uint8))
    return "p1.alpha.png is 255 everywhere"


def small_photo(folder):
    small = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    cv2.imwrite(str(folder / "p1.png"), small)
    (folder / "p1.jpg").unlink()
    for kind in ("mask", "alpha"):
        label = cv2.imread(str(folder / f"p1.{kind}.png"), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(folder / f"p1.{kind}.png"), cv2.resize(label, (50, 40), interpolation=cv2.INTER_NEAREST))
    return "p1.png is 50x40"


def leak(folder):
    """p0 is the validation photo; the same pixels come back in another set, in another file format."""
    copy = folder.parent / "fullbody" / "zz.png"
    cv2.imwrite(str(copy), cv2.imread(str(folder / "p0.jpg")))
    for kind in ("mask", "alpha"):
        (copy.parent / f"zz.{kind}.png").write_bytes((folder / f"p0.{kind}.png").read_bytes())
    return f"{folder / 'p0.jpg'} is a validation photo, and {copy}"


@pytest.mark.parametrize(
    "damage",
    [
        spoil_photo,
        cut_photo,
        other_size,
        no_label,
        no_photo,
        empty_mask,
        grey_mask,
        flat_alpha,
        small_photo,
        leak,
    ],
)
def test_each_kind_of_bad_file_is_named(monkeypatch, capsys, data, damage):
    expected = damage(data / "people" / "portraits")
    code, lines, error = run(monkeypatch, capsys, data)
    assert code == 1 and error.startswith("error: 1 problems in")
    assert len(lines) == 1 and expected in lines[0], lines


def test_all_are_named_at_once(monkeypatch, capsys, data):
    expected = [spoil_photo(data / "people" / "portraits"), flat_alpha(data / "people" / "fullbody")]
    (data / "backgrounds" / "rooms" / "r1.jpg").write_bytes(b"")
    code, lines, _ = run(monkeypatch, capsys, data)
    assert code == 1 and len(lines) == 3
    assert all(any(text in line for line in lines) for text in [*expected, "r1.jpg: the file is empty"])


def test_duplicates_within_a_split_are_allowed(monkeypatch, capsys, data):
    write_photo(data / "people" / "groups", "q", 31)
    write_photo(data / "people" / "groups", "r", 31)
    assert run(monkeypatch, capsys, data)[0] == 0


def test_a_folder_of_another_layout_is_an_input_error(monkeypatch, capsys, tmp_path):
    code, _, error = run(monkeypatch, capsys, tmp_path)
    assert code == 2 and f"there is no folder {tmp_path / 'people'}" in error
