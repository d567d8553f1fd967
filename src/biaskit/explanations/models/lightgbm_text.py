"""LightGBM's models, from the text form that the library itself writes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError
from biaskit.explanations.declined import Declined
from biaskit.explanations.models.ensembles import TreeModel, Trees, refuse_large

__all__ = ["from_lightgbm"]

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_CATEGORIES = "\npandas_categorical:"
#: Treatment of missing values by a split, in two bits of its type.
_NONE, _ZERO, _NAN = 0, 1, 2
#: In their place, for splits by categories.
_SET = 4
_LOGS = {"poisson", "gamma", "tweedie"}


def from_lightgbm(text: str, *, knows_categories: bool = False) -> TreeModel:
    """Model in the text that LightGBM writes.

    Parameters
    ----------
    text
        The text.
    knows_categories
        Whether the caller turns the categories of pandas into their codes, which the trees have.

    Raises
    ------
    DataError
        It is not a LightGBM model, or is damaged.
    Declined
        It holds something that the kernels do not support.
    """
    try:
        return _read(text, knows_categories)
    except (LookupError, ValueError, ArithmeticError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"this is not a model that LightGBM wrote, or it is damaged ({error!r}); "
            "save it with save_model"
        ) from error


def _read(text: str, knows_categories: bool) -> TreeModel:
    head, *blocks = text.split("\nTree=")
    if not head.startswith("tree"):
        raise DataError("this is not a model that LightGBM wrote: its first line is not 'tree'")
    kept = text.rpartition(_CATEGORIES)[2].strip() if _CATEGORIES in text else ""
    # The trees' numbers are then category codes, not those in the data.
    if kept not in ("", "[]", "null") and not knows_categories:
        raise Declined("categories of pandas")
    about = _entries(head)
    features = tuple(about["feature_names"].split(" "))  # one for all outputs
    if len(features) != int(about["max_feature_idx"]) + 1:
        raise DataError("the model is damaged: its names and features differ in number")
    outputs = int(about["num_tree_per_iteration"])
    if not 0 < outputs <= 10_000 or len(blocks) % outputs:
        raise DataError(
            "the model is damaged: the number of trees is not a multiple of the number of outputs"
        )
    refuse_large(outputs, len(features))
    average = "average_output" in head.splitlines()
    scale = outputs / len(blocks) if average and blocks else 1.0
    parts = [Trees() for _ in range(outputs)]
    missing = _Missing(len(features))
    for number, block in enumerate(blocks):
        _add(parts[number % outputs], _entries(block.split("\nend of trees")[0]), scale, missing)
    kind, *options = about.get("objective", "").split(" ") or [""]
    if kind == "binary" and "sigmoid:1" not in options:
        raise Declined("a sigmoid that is not 1")
    is_log_odds = kind in {"binary", "cross_entropy"}
    unit = "log-odds" if is_log_odds else "log" if kind in _LOGS else "margin"
    unit = "output" if unit == "margin" and outputs == 1 else unit
    nan_is_zero, zero_is_missing = missing.rules()
    made = {
        str(k) if outputs > 1 else "": part.ensemble(
            features,
            0.0,
            nan_is_zero=nan_is_zero,
            zero_is_missing=zero_is_missing,
            whole=missing.categorical,
        )
        for k, part in enumerate(parts)
    }
    named = features != tuple(f"Column_{i}" for i in range(len(features)))
    return TreeModel(made, unit, is_log_odds=is_log_odds, has_names=named)


def _entries(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.splitlines() if "=" in line)
    return {name: value for name, _, value in pairs}


class _Missing:
    """Treatment of missing values by each feature, the same in every split.

    A feature is either categorical or numeric; a missing category goes right.
    """

    def __init__(self, features: int):
        self._kind = np.full(features, -1)

    @property
    def categorical(self) -> frozenset[int]:
        """Features whose splits name categories."""
        return frozenset(np.flatnonzero(self._kind == _SET).tolist())

    def add(self, feature: NDArray[np.int64], kind: NDArray[np.int64]) -> None:
        for f, k in {*zip(feature.tolist(), kind.tolist(), strict=True)}:
            if not 0 <= f < len(self._kind):
                raise DataError("the model is damaged: a node splits by no feature")
            if self._kind[f] not in (-1, k):
                raise Declined("a feature whose missing values are treated in two ways")
            self._kind[f] = k

    def rules(self) -> tuple[frozenset[int], frozenset[int]]:
        """Features in which NaN counts as 0, and those in which 0 counts as missing."""
        kinds = self._kind
        return (
            frozenset(np.flatnonzero(kinds == _NONE).tolist()),
            frozenset(np.flatnonzero(kinds == _ZERO).tolist()),
        )


def _add(trees: Trees, entries: Mapping[str, str], scale: float, missing: _Missing) -> None:
    if entries.get("is_linear", "0") != "0":
        raise Declined("linear leaves")
    leaves = int(entries["num_leaves"])
    values = _numbers(entries["leaf_value"], max(leaves, 1)) * scale
    if leaves <= 1:
        trees.add(
            left=[-1],
            right=[-1],
            feature=[0],
            threshold=[0.0],
            missing_left=[0],
            value=values,
            cover=[1.0],
        )
        return
    inner = leaves - 1
    kind = _indices(entries["decision_type"], inner)
    feature = _indices(entries["split_feature"], inner)
    is_categorical = (kind & _CATEGORICAL) != 0
    missing.add(feature, np.where(is_categorical, _SET, (kind >> 2) & 3))
    thresholds = _numbers(entries["threshold"], inner)

    def children(name: str) -> NDArray[np.int64]:
        found = _indices(entries[name], inner)
        place = np.where(found < 0, inner + ~found, found)  # the leaves follow the inner nodes
        return np.concatenate([place, np.full(leaves, -1)])

    def padded(found: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.concatenate([found, np.zeros(leaves, dtype=found.dtype)])

    counts = [_numbers(entries["internal_count"], inner), _numbers(entries["leaf_count"], leaves)]
    trees.add(
        left=children("left_child"),
        right=children("right_child"),
        feature=padded(feature),
        threshold=padded(np.where(is_categorical, 0.0, thresholds)),
        missing_left=padded(np.where(is_categorical, 0, kind & _DEFAULT_LEFT)),
        value=np.concatenate([np.zeros(inner), values]),
        cover=np.concatenate(counts),
        sets=_sets(entries, np.flatnonzero(is_categorical), thresholds),
    )


def _sets(
    entries: Mapping[str, str], nodes: NDArray[np.intp], thresholds: NDArray[np.float64]
) -> dict[int, NDArray[np.intp]]:
    """Categories that go left at each node, which are bits of 32-bit words."""
    if not len(nodes):
        return {}
    edges = _indices(entries["cat_boundaries"], int(entries["num_cat"]) + 1)
    numbers = _numbers(entries["cat_threshold"], int(edges[-1]))
    if edges[0] != 0 or np.any(np.diff(edges) < 0):
        raise DataError("the model is damaged: its sets of categories overlap")
    if not np.all((numbers >= 0) & (numbers < 2**32) & (numbers == np.floor(numbers))):
        raise DataError("the model is damaged: its sets of categories are not bits")
    words = numbers.astype(np.uint32)
    made = {}
    for node in nodes.tolist():
        at = int(thresholds[node])
        if not 0 <= at < len(edges) - 1:
            raise DataError("the model is damaged: a node names a set that does not exist")
        bits = np.unpackbits(words[edges[at] : edges[at + 1]].view(np.uint8), bitorder="little")
        made[node] = np.flatnonzero(bits)
    return made


def _numbers(text: str, count: int) -> NDArray[np.float64]:
    found = np.array(text.split(), dtype=np.float64)
    if len(found) != count:
        raise DataError(f"the model is damaged: {len(found)} numbers where {count} should be")
    return found


def _indices(text: str, count: int) -> NDArray[np.int64]:
    found = _numbers(text, count)
    if not np.all((np.abs(found) < 2**31) & (found == np.floor(found))):  # NaN is neither
        raise DataError("the model is damaged: a node's index is not a whole number")
    return found.astype(np.int64)
