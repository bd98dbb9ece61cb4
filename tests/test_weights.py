"""Weight files: found, checked against the manifest, and refused with one clear line when damaged."""

import json

import pytest

from shm_stream import weights
from shm_stream.errors import WeightsError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of weights with one small file, named by the environment variable."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "a.onnx").write_bytes(b"0123456789")
    digest = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"  # sha256 of those ten bytes
    (tmp_path / "manifest.json").write_text(
        json.dumps({"live": {"files": {"a.onnx": {"bytes": 10, "sha256": digest}}}})
    )
    return tmp_path


def test_good_file_is_found(folder):
    assert weights.find("a.onnx", "live") == folder / "a.onnx"


def test_truncated_file(folder):
    (folder / "a.onnx").write_bytes(b"01234")
    with pytest.raises(WeightsError, match="a.onnx has 5 bytes instead of 10; reinstall"):
        weights.find("a.onnx", "live")


def test_corrupted_file(folder):
    (folder / "a.onnx").write_bytes(b"012345678X")
    with pytest.raises(WeightsError, match="a.onnx is corrupted"):
        weights.find("a.onnx", "live")


def test_missing_file_and_unlisted_file(folder):
    (folder / "a.onnx").unlink()
    for name in ("a.onnx", "b.onnx"):
        with pytest.raises(WeightsError, match=f"{name} is missing"):
            weights.find(name, "live")


def test_preset_without_weights(folder):
    with pytest.raises(WeightsError, match=r"no weights for preset 'paper' .*there are: live.*training/README.md"):
        weights.find("paper.safetensors", "paper")


def test_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(WeightsError, match="nowhere hold.* no manifest.json"):
        weights.folder()


def test_broken_manifest(folder):
    (folder / "manifest.json").write_text("{")
    with pytest.raises(WeightsError, match="manifest.json cannot be read"):
        weights.manifest()


@pytest.mark.parametrize(
    "content",
    [
        {"live": {}},
        {"live": "yes"},
        {"live": {"files": ["a.onnx"]}},
        {"live": {"files": {"a.onnx": {"sha256": "0"}}}},
        {"live": {"files": {"a.onnx": {"bytes": 10}}}},
        {"live": {"files": {"a.onnx": {"bytes": "10", "sha256": "0"}}}},
    ],
)
def test_a_manifest_that_lists_no_files(folder, content):
    (folder / "manifest.json").write_text(json.dumps(content))
    for work in (weights.manifest, lambda: weights.find("a.onnx", "live")):
        with pytest.raises(WeightsError, match="manifest.json does not list the files of 'live' with bytes and sha256"):
            work()


def test_a_manifest_of_another_kind(folder):
    (folder / "manifest.json").write_text("[]")
    with pytest.raises(WeightsError, match=r"manifest.json is no list of presets; reinstall"):
        weights.manifest()
