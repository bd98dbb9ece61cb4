"""Writes trained networks as the files that users load: safetensors, ONNX graphs, manifest.json.

    python -m training.export --joint checkpoints/joint.pt --weights weights
    python -m training.export --tnet checkpoints/tnet.pt --mnet checkpoints/mnet.pt --weights weights

Checkpoints are read for their averaged weights. What a manifest.json says of older weights of the preset (licence,
sources, metrics) does not hold for new ones: where it says so much, `--facts` must give what does.

ONNX graphs take any frame size; the paper's M-Net has none, since the
ONNX exporter knows no unpooling: that preset runs in torch.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from shm_stream.errors import InputError
from shm_stream.matting_network import SHM
from shm_stream.preset import get_preset

from . import options
from .graph import write_graph
from .layout import make_folder
from .train_joint import adjust_logits, load_stage


@dataclass
class Options:
    preset: str = "live"
    joint: Path | None = None
    tnet: Path | None = None
    mnet: Path | None = None
    weights: Path = Path("weights")
    sharpness: float = 1.0
    """T-Net's logits are multiplied by this. Trained on trimaps of random width it is less sure than it could be; the
    factor is chosen on the validation split."""
    foreground_bias: float = 0.0
    unknown_bias: float = 0.0
    """What is then added to the logits of these classes, chosen likewise."""
    facts: Path | None = None
    """JSON with what the manifest says besides commit and checksums: licence, sources, metrics, commands."""


def load_averaged(network: SHM, o: Options) -> SHM:
    """Fills both networks with the averaged weights of their checkpoints, or of the joint one."""
    if o.joint:
        load_stage(network, o.joint)
    elif o.tnet and o.mnet:
        load_stage(network.tnet, o.tnet)
        load_stage(network.mnet, o.mnet)
    else:
        raise InputError("give --joint, or --tnet and --mnet")
    adjust_logits(network.tnet, o.sharpness, o.foreground_bias, o.unknown_bias)
    return network.eval()


def export_tnet(network: nn.Module, path: Path) -> Path:
    """ONNX: frame [N, 4, h, w] → logits."""
    return write_graph(network, torch.rand(2, 4, 64, 96), "frame", ["logits"], path)


def export_mnet(network: nn.Module, path: Path, halo: int) -> Path:
    """ONNX: tile [N, 6, H, W] → alpha_raw."""
    return write_graph(network, torch.rand(2, 6, 64 + 2 * halo, 96 + 2 * halo), "tile", ["alpha_raw"], path)


def read_object(path: Path) -> dict:
    """A JSON object. Raises InputError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object")
    return content


def read_manifest(folder: Path) -> dict:
    """The manifest of a folder that may have none yet. Raises InputError."""
    path = folder / "manifest.json"
    return read_object(path) if path.exists() else {}


def check(o: Options) -> dict:
    """The facts to write. Raises InputError when they cannot be read, when the folder takes no files, or when those of
    older weights would be lost."""
    make_folder(o.weights)
    if o.facts:
        return read_object(o.facts)
    entry = read_manifest(o.weights).get(o.preset)
    if isinstance(entry, dict) and (lost := entry.keys() - {"commit", "files"}):
        raise InputError(
            f"{o.weights / 'manifest.json'} has {', '.join(sorted(lost))} of the '{o.preset}' weights there now;"
            " give --facts with those of the new ones, or another folder as --weights"
        )
    return {}


def write_manifest(folder: Path, name: str, files: list[Path], facts: dict) -> None:
    """One entry per preset; other presets' entries stay."""
    path, manifest = folder / "manifest.json", read_manifest(folder)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    entry = {"commit": commit, **facts, "files": {}}
    for file in files:
        data = file.read_bytes()
        entry["files"][file.name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest[name] = entry
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def write(o: Options) -> None:
    """Writes all files of the preset."""
    preset, facts = get_preset(o.preset), check(o)
    network = load_averaged(preset.build(), o)
    tensors = o.weights / f"{preset.name}.safetensors"
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, tensors)
    files = [tensors]
    if preset.local_mnet:
        files.append(export_tnet(network.tnet, o.weights / f"{preset.name}_tnet.onnx"))
        files.append(export_mnet(network.mnet, o.weights / f"{preset.name}_mnet.onnx", preset.halo))
    write_manifest(o.weights, preset.name, files, facts)
    for file in files:
        print(f"{file} {file.stat().st_size} bytes")


def main() -> None:
    options.run(write, Options, __doc__, "export")


if __name__ == "__main__":
    main()
