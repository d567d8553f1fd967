"""Archives of models as SageMaker's containers leave them, and crafted ones."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from support.clarify_jobs import JOBS

__all__ = ["linear_archive", "params", "symbol", "tarred", "zipped"]


def tarred(path: Path, files: Mapping[str, bytes]) -> Path:
    """A ``model.tar.gz`` of some files."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of some files."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return held.getvalue()


def params(arrays: Mapping[str, Any], version: int = 2) -> bytes:
    """Arrays in the form of MXNet, of one of its versions: 0 is the form before the first."""
    made = [struct.pack("<QQQ", 0x112, 0, len(arrays))]
    for array in arrays.values():
        one = np.asarray(array, dtype=np.float32)
        if version:
            made.append(struct.pack("<I", 0xF993FAC7 + version))
        if version >= 2:
            made.append(struct.pack("<i", 0))
        length = "q" if version else "I"
        made.append(struct.pack(f"<I{one.ndim}{length}", one.ndim, *one.shape))
        made.append(struct.pack("<iii", 1, 0, 0))
        made.append(one.tobytes())
    made.append(struct.pack("<Q", len(arrays)))
    made += [struct.pack("<Q", len(name)) + name.encode() for name in arrays]
    return b"".join(made)


def symbol(*operations: str) -> bytes:
    """A symbol of some operations."""
    nodes = [{"op": "null", "name": "data"}, *({"op": one, "name": one} for one in operations)]
    return json.dumps({"nodes": nodes}).encode()


def linear_archive(path: Path, threshold: float | None = None) -> Path:
    """The published linear model as Linear Learner packs it."""
    model = json.loads((JOBS / "adult_linear_model.json").read_text())
    arrays = {"arg:fc0_weight": [model["weights"]], "arg:fc0_bias": [model["bias"]]}
    further = {"predictor": {"best_threshold": threshold}} if threshold is not None else {}
    files = {
        "mx-mod-0000.params": params(arrays),
        "mx-mod-symbol.json": symbol("FullyConnected", "LogisticRegressionOutput"),
        "additional-params.json": json.dumps(further).encode(),
    }
    return tarred(path, {"model_algo-1": zipped(files)})
