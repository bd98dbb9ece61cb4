"""Alpha, colour and convention of every deliverable, as other readers find them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from deliverables import FORMATS, Format, by_ffmpeg, errors, known_picture, wanted, write

from shm_stream.transfer import linear_from_srgb, srgb_from_linear

pytestmark = pytest.mark.timeout(60)


def needs_package_of(kind: Format) -> None:
    name = {"exr": "OpenEXR", "tif": "tifffile"}.get(kind.target.rpartition(".")[2])
    if name is not None:
        pytest.importorskip(name, reason=f"{name} is missing: pip install 'shm-stream[film]'")


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.target)
def test_round_trip(tmp_path, kind):
    needs_package_of(kind)
    alpha, colour = errors(write(tmp_path, kind), kind)
    assert alpha <= kind.alpha_error and colour <= kind.colour_error


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the program ffmpeg is missing: install ffmpeg")
@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.target)
def test_ffmpeg_reads_the_same_alpha(tmp_path, kind):
    needs_package_of(kind)
    error = np.abs(by_ffmpeg(write(tmp_path, kind), kind) - known_picture()[..., 3]).max()
    assert error <= max(2 * kind.alpha_error, 2.0**-kind.decoded_bits if kind.decoded_bits else 0)


def test_conventions_differ_where_alpha_is_partial():
    """The test above would not tell conventions apart if the known picture did not."""
    straight, linear = (wanted(Format("", "", 8, "", 0, 0, linear=flag, premultiplied=flag)) for flag in (False, True))
    assert np.abs(straight - linear)[..., :3].max() > 0.5


def test_what_is_stated_in_files(tmp_path):
    package, tifffile = pytest.importorskip("OpenEXR"), pytest.importorskip("tifffile")
    kinds = {kind.target: kind for kind in FORMATS}
    headers = [package.File(str(write(tmp_path, kinds[name]))).header() for name in ("m.%04d.exr", "n.%04d.exr")]
    assert [header["alphaMode"] for header in headers] == ["premultiplied", "straight"]
    assert headers[0]["colorInteropID"] == "lin_rec709_scene" and "colorInteropID" not in headers[1]
    samples = []
    for name in ("k.%04d.tif", "l.%04d.tif"):
        with tifffile.TiffFile(write(tmp_path, kinds[name])) as file:
            samples.append(file.pages[0].extrasamples)
    assert samples == [(2,), (1,)]  # TIFF 6.0: unassociated (straight), associated (premultiplied)


def test_the_curve_is_that_of_srgb_and_goes_on_beyond_white():
    values = np.array([-1.5, -0.02, 0, 0.04045, 0.5, 1, 1.7], np.float32)
    linear = linear_from_srgb(values)
    np.testing.assert_allclose(linear[[2, 3, 4, 5]], [0, 0.0031308, 0.21404114, 1], rtol=1e-4)
    assert abs(linear[4] - 0.5**2.2) > 0.003, "this is not gamma 2.2"
    np.testing.assert_allclose(srgb_from_linear(linear), values, atol=2e-6)


def test_the_docs_name_every_format_and_its_error():
    """The table of docs/media.md is what tests/deliverables.py prints; only its last digits may change."""
    text = (Path(__file__).resolve().parent.parent / "docs" / "media.md").read_text(encoding="utf-8")
    for kind in FORMATS:
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {kind.name} |"))
        _, _, bits, alpha, colour, convention, _ = (cell.strip() for cell in row.split("|"))
        assert (int(bits), convention) == (kind.bits, kind.convention)
        assert float(alpha) <= 1.02 * kind.alpha_error and float(colour) <= 1.02 * kind.colour_error
