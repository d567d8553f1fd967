"""Figures of Clarify that are published or recorded, and ours for the same cases."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa

import biaskit
from biaskit import METRICS

__all__ = ["CASES", "GOLDENS", "LABELLED", "NAMES", "figures", "number"]

GOLDENS = json.loads(
    (Path(__file__).parents[1] / "data" / "clarify.json").read_text(encoding="utf-8")
)
CASES = {case["id"]: case for case in GOLDENS["cases"]}
_OF_CLARIFY = {name for case in CASES.values() for name in case["documented"]}
#: Our symbol for each of Clarify's metrics, which calls DCAcc by either name.
NAMES = {s: s for s in METRICS if s in _OF_CLARIFY} | {"DCA": "DCAcc", "DCAcc": "DCAcc"}
LABELLED = {i: c for i, c in CASES.items() if "label" in c["roles"] and "facet" in c["roles"]}


def figures(case: dict[str, Any]) -> dict[str, float]:
    """Biaskit's figures for a case, by symbol."""
    if "counts" in case:
        cells = case["counts"]
        table = {k: [c[k] for c in cells for _ in range(c["n"])] for k in cells[0] if k != "n"}
    else:
        table = case["columns"]
    roles = {k: v for k, v in case["roles"].items() if k not in ("features", "k")}
    report = biaskit.report(pa.table(table), **roles)
    return dict(zip(report["metric"], report["estimate"], strict=True))


def number(value: Any) -> float:
    return math.nan if value is None else float(value)
