"""Walks down decision trees: their outputs, and Shapley values from sampled orders of features."""

from __future__ import annotations

from typing import Any

import numpy as np

from biaskit._kernels import BAD, inner, int64, jit_with_arrays
from biaskit._kernels.trees import MISSING_CODE

__all__ = ["margins", "walk"]

_PRIME = (1 << 31) - 1
_u16: Any = np.uint16


@inner
def _below(node: int, c: Any, left: Any, right: Any, code: Any, missing_left: Any) -> int:
    """Node that a row whose feature has code `c` goes to."""
    is_missing = c == _u16(MISSING_CODE)
    goes_left = missing_left[node] != 0 if is_missing else int64(c) <= code[node]
    below = left[node] if goes_left else right[node]
    return int(below)


@jit_with_arrays
def margins(
    codes: Any,
    start: int,
    stop: int,
    roots: Any,
    left: Any,
    right: Any,
    feature: Any,
    code: Any,
    missing_left: Any,
    value: Any,
    out: Any,
) -> int:
    """Outputs of some rows, by walking down every tree.

    Parameters
    ----------
    codes
        Codes of the rows, uint16, shape ``(features, rows)``.
    start, stop
        Which of the rows.
    roots, left, right, feature, code, missing_left, value
        The trees, as `trees.group` takes them; the way down ends everywhere.
    out
        Where the sums of the leaves are added, float64.

    Returns
    -------
    int
        `stop`, or `BAD`.
    """
    features, rows = codes.shape
    size = left.size
    if not 0 <= start <= stop <= min(rows, out.size):
        return BAD
    for root in roots:
        for i in range(start, stop):
            node = int64(root)
            while 0 <= node < size and left[node] >= 0:
                f = feature[node]
                if f < 0 or f >= features:
                    return BAD
                node = _below(node, codes[f, i], left, right, code, missing_left)
            if node < 0 or node >= size:
                return BAD
            out[i] += value[node]
    return stop


@jit_with_arrays
def _one_output(
    codes: Any,
    roots: Any,
    left: Any,
    right: Any,
    feature: Any,
    code: Any,
    missing_left: Any,
    value: Any,
    base: float,
    logistic: bool,
) -> float:
    """Output of one row: the sum of its leaves, or the logistic function of it."""
    total = base
    for root in roots:
        node = int64(root)
        while left[node] >= 0:
            node = _below(node, codes[feature[node]], left, right, code, missing_left)
        total += value[node]
    return 1.0 / (1.0 + np.exp(-total)) if logistic else total


@jit_with_arrays
def walk(
    rows: Any,
    start: int,
    stop: int,
    background: Any,
    used: Any,
    seed: int,
    roots: Any,
    left: Any,
    right: Any,
    feature: Any,
    code: Any,
    missing_left: Any,
    value: Any,
    base: float,
    logistic: bool,
    out: Any,
    noise: Any,
) -> int:
    """Sampled Shapley values of the output of trees, or of the logistic function of it.

    From every background row, a walk changes one feature after the other to the row's, in a random
    order, and another walk in the opposite order; what each step changes in the output is put to
    its feature's account.

    Parameters
    ----------
    rows, background
        Codes, uint16, shapes ``(rows, features)`` and ``(background rows, features)``.
    start, stop
        Which of the rows.
    used
        Features that some tree splits by, int64.
    seed
        What the orders follow from, together with a row's place.
    roots, left, right, feature, code, missing_left, value, base, logistic
        The trees, as `margins` takes them.
    logistic
        Whether the logistic function makes the output of the sum of the leaves.
    out, noise
        Where the values of the rows are written, shape ``(features + 1, rows)``, the last line
        their output; and an estimate of the variance that sampling gives them, which is not too
        small on average. Zeros before.

    Returns
    -------
    int
        `stop`, or `BAD`.
    """
    n, features = rows.shape
    k = background.shape[0]
    size = left.size
    if not 0 <= start <= stop <= n or background.shape[1] != features or k == 0:
        return BAD
    if out.shape != (features + 1, n) or noise.shape != (features + 1, n):
        return BAD
    for f in used:
        if f < 0 or f >= features:
            return BAD
    for node in range(size):
        if left[node] >= 0 and (
            left[node] >= size
            or right[node] < 0
            or right[node] >= size
            or feature[node] < 0
            or feature[node] >= features
        ):
            return BAD
    for root in roots:
        if root < 0 or root >= size:
            return BAD
    order = used.copy()
    now = np.empty(features, dtype=np.uint16)
    once = np.empty((2, features))
    for i in range(start, stop):
        order[:] = used
        # S. K. Park and K. W. Miller's generator, with the multiplier of 1993.
        state = (seed + i * 7_919) % (_PRIME - 1) + 1
        for _ in range(4):
            state = state * 48_271 % _PRIME
        end = _one_output(
            rows[i], roots, left, right, feature, code, missing_left, value, base, logistic
        )
        out[features, i] = end
        for b in range(k):
            for j in range(order.size - 1, 0, -1):
                state = state * 48_271 % _PRIME
                other = state % (j + 1)
                order[j], order[other] = order[other], order[j]
            first = _one_output(
                background[b],
                roots,
                left,
                right,
                feature,
                code,
                missing_left,
                value,
                base,
                logistic,
            )
            once[:] = 0.0
            for turn in range(2):
                now[:] = background[b]
                before = first
                for j in range(order.size):
                    f = order[j] if turn == 0 else order[order.size - 1 - j]
                    if now[f] == rows[i, f]:
                        continue
                    now[f] = rows[i, f]
                    after = _one_output(
                        now, roots, left, right, feature, code, missing_left, value, base, logistic
                    )
                    once[turn, f] = after - before
                    before = after
            for j in range(order.size):
                f = order[j]
                out[f, i] += (once[0, f] + once[1, f]) / (2 * k)
                noise[f, i] += (once[0, f] - once[1, f]) ** 2 / (4 * k * k)
    return stop
