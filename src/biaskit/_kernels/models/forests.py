"""Forests of deep trees: Shapley values without a table for each pattern.

A tree is laid out in the order of a walk: a node, then all below its left child, then all below its
right one. Each node but the root stands for the condition on the edge to it, folded with those of
the same feature above it, so that a leaf has one condition, the last, for each feature on the way.

Against a background. A row x and a background row z reach a leaf with some features from x and the
others from z only if each of its conditions is satisfied by x or by z. With a conditions that only
x satisfies and b that only z does, the leaf's value v adds v (a - 1)! b! / (a + b)! to the value of
each of the former, and subtracts v a! (b - 1)! / (a + b)! from that of each of the latter. Sixty-
four background rows are the bits of a word: which of them satisfy all that x does not is one "and"
for each edge, and where none is left, nothing below is looked at.

Path-dependent. A condition that the training rows satisfy with share r is satisfied with the chance
m(t) = r (1 - t) + s t when its feature comes from the row with chance t, and s says whether the row
satisfies it. The Shapley value of a feature is the integral over t from 0 to 1 of the sum over the
leaves of v (s - r) times the product of the others' m(t) (G. Owen, Multilinear extensions of
games, 1972), a polynomial, for which as many Gauss-Legendre points as half the features on the
longest way are exact. A walk down multiplies, and the way back adds the leaves, so that each edge
costs the same however many leaves lie below (as in Linear TreeSHAP, arXiv 2209.08192).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from biaskit._kernels import (
    BAD,
    inlined,
    inner,
    int64,
    jit_with_arrays,
    lowest,
    uint64,
)
from biaskit._kernels.models.trees import MISSING_CODE, Nodes, goes_left

__all__ = ["Places", "Trees", "against", "examples", "lay", "margins", "path_dependent", "walk"]

#: Rows of the background that are the bits of a word.
_WORD = 64
#: Most words of the background that are kept for a tree.
_MOST_WORDS = 1 << 22


class Places(NamedTuple):
    """Trees in the order of a walk; the entries of a tree are next to one another."""

    #: Start of each tree, int64, one more than trees.
    start: Any
    #: Node at each place, edges from the root to it, and the place after all below it; int32.
    node: Any
    level: Any
    end: Any
    #: Feature that the edge is credited to, -1 at a root; place of the edge above that has the same
    #: feature, -1 if there is none; and number of different features on the way; int32.
    feature: Any
    above: Any
    different: Any
    #: Share of the training rows that satisfy the edge's condition, folded, and those on the whole
    #: way; float64.
    share: Any
    reached: Any


@jit_with_arrays
def lay(roots: Any, nodes: Nodes, features: int, places: Places) -> int:
    """Trees, laid out for the other kernels.

    Parameters
    ----------
    roots, nodes
        The trees; every path downwards ends.
    features
        Number of features, of which the columns of the trees are made.
    places
        Where the places are written.

    Returns
    -------
    int
        Number of places, or `BAD`.
    """
    size, most = nodes.left.size, places.node.size
    if places.start.size != roots.size + 1:
        return BAD
    last = np.full(features, -1, dtype=np.int32)
    waiting = np.empty(size + 1, dtype=np.int32)
    way = np.empty(size + 1, dtype=np.int32)
    at = 0
    for tree in range(roots.size):
        places.start[tree] = at
        waiting[0] = roots[tree]
        n, depth = 1, 0
        while n > 0:
            n -= 1
            node = int64(waiting[n])
            if node < 0 or node >= size or at >= most:
                return BAD
            parent = int64(nodes.parent[node])
            # The way ends at the parent from now on.
            while depth > 0 and (parent < 0 or places.node[way[depth - 1]] != parent):
                depth -= 1
                _leave(places, way[depth], at, last)
            places.node[at], places.level[at] = node, depth
            places.feature[at], places.above[at], places.different[at] = -1, -1, 0
            places.share[at], places.reached[at] = 1.0, 1.0
            if parent >= 0:
                if depth == 0 or parent >= size:
                    return BAD
                f, up = nodes.origin[parent], way[depth - 1]
                if f < 0 or f >= features:
                    return BAD
                cover, share = nodes.cover[parent], 0.5  # where no training row came
                if cover > 0:
                    share = nodes.cover[node] / cover
                places.reached[at] = places.reached[up] * share
                above = last[f]
                places.feature[at], places.above[at] = f, above
                places.different[at] = places.different[up] + (1 if above < 0 else 0)
                places.share[at] = share if above < 0 else places.share[above] * share
                last[f] = at
            way[depth] = at
            depth += 1
            at += 1
            if nodes.left[node] >= 0:
                if n + 2 > waiting.size:
                    return BAD
                waiting[n], waiting[n + 1] = nodes.right[node], nodes.left[node]
                n += 2
        while depth > 0:
            depth -= 1
            _leave(places, way[depth], at, last)
    places.start[roots.size] = at
    return int(at)


@inlined
def _leave(places: Places, place: int, at: int, last: Any) -> None:
    """Close a place: all below it has been laid out."""
    places.end[place] = at
    if places.feature[place] >= 0:
        last[places.feature[place]] = places.above[place]


@inlined
def _laid(nodes: Nodes, places: Places, features: int, columns: int) -> bool:
    """Whether places and nodes are as `lay` leaves them, so that nothing lies outside of arrays."""
    size, last = places.node.size, places.start.size - 1
    fine = places.level.size == size and places.end.size == size and places.above.size == size
    fine = fine and places.share.size == size and places.feature.size == size
    fine = fine and places.different.size == size and places.start[0] == 0
    fine = fine and places.start[last] == size
    for tree in range(last):
        fine = fine and places.start[tree] < places.start[tree + 1]
        for at in range(places.start[tree], places.start[tree + 1]):
            if not fine:
                return False
            node, first = places.node[at], places.start[tree]
            fine = 0 <= node < nodes.left.size
            fine = fine and at < places.end[at] <= places.start[tree + 1]
            fine = fine and (first < places.above[at] or places.above[at] == -1)
            fine = fine and places.above[at] < at
            fine = fine and places.level[at] <= (0 if at == first else places.level[at - 1] + 1)
            if fine and at > first:
                parent = nodes.parent[node]
                fine = places.level[at] > 0 and 0 <= parent < nodes.left.size
                fine = fine and 0 <= places.feature[at] < features
                fine = fine and 0 <= nodes.feature[parent] < columns
    return bool(fine)


@inlined
def _conditions(
    codes: Any,
    begin: int,
    rows: int,
    nodes: Nodes,
    places: Places,
    tree: int,
    satisfied: Any,
    lost: Any,
) -> None:
    """Which of 64 rows satisfy the condition of each place of a tree, as bits of a word.

    `lost` gets those that satisfy the condition above of the same feature, but not this one. Of
    fewer rows, the others' bits are 0.
    """
    first, last = places.start[tree], places.start[tree + 1]
    everyone = ~uint64(0) >> uint64(_WORD - rows)
    satisfied[0], lost[0] = everyone, uint64(0)
    for at in range(first + 1, last):
        node = places.node[at]
        parent = nodes.parent[node]
        above = places.above[at]
        before = satisfied[above - first] if above >= 0 else everyone
        row = codes[nodes.feature[parent], begin : begin + rows]
        word = uint64(0)
        if nodes.set_at[parent] < 0:
            code, missing_left = nodes.code[parent], nodes.missing_left[parent] != 0
            for i in range(rows):
                c = row[i]
                left = missing_left if c == MISSING_CODE else c <= code
                word |= uint64(left) << uint64(i)
        else:
            for i in range(rows):
                word |= uint64(goes_left(parent, row[i], nodes)) << uint64(i)
        word = word if nodes.left[parent] == node else ~word
        satisfied[at - first], lost[at - first] = before & word, before & ~word


@jit_with_arrays
def _weights(most: int, only_x: Any, only_z: Any) -> None:
    """Weights (a - 1)! b! / (a + b)! and a! (b - 1)! / (a + b)! of a leaf, by a and b."""
    for a in range(most + 1):
        for b in range(most + 1):
            only_x[a, b] = only_z[a, b] = 0.0
            if a > 0:
                # 1 / (a C(a + b, a))
                weight = 1.0 / a
                for k in range(1, b + 1):
                    weight *= k / (a + k)
                only_x[a, b] = weight
            if b > 0:
                weight = 1.0 / b
                for k in range(1, a + 1):
                    weight *= k / (b + k)
                only_z[a, b] = weight


@jit_with_arrays
def against(
    codes: Any,
    start: int,
    stop: int,
    background: Any,
    nodes: Nodes,
    places: Places,
    most: int,
    out: Any,
) -> int:
    """Add the Shapley values of some rows against a background to their sums.

    Parameters
    ----------
    codes, background
        Codes of the rows and of the background, uint16, shape ``(columns, rows)``.
    start, stop
        Which of the rows.
    nodes, places
        The trees, as `lay` lays them out.
    most
        Most different features on a way.
    out
        Sums over the background rows, float64, shape ``(features + 1, rows)``; the last line is
        left alone.

    Returns
    -------
    int
        `stop`, or `BAD`.
    """
    columns, rows = codes.shape
    features = out.shape[0] - 1
    if not 0 <= start <= stop <= rows or out.shape[1] != rows:
        return BAD
    if background.shape[0] != columns or not _laid(nodes, places, features, columns):
        return BAD
    longest = 1
    deepest = 1
    for tree in range(places.start.size - 1):
        longest = max(longest, places.start[tree + 1] - places.start[tree])
    for at in range(places.level.size):
        deepest = max(deepest, int64(places.level[at]))
        if places.different[at] > most:
            return BAD
    weights = np.empty((2, most + 1, most + 1))
    _weights(most, weights[0], weights[1])
    words = max(1, min(_MOST_WORDS // longest, (background.shape[1] + _WORD - 1) // _WORD))
    of_x = np.empty((2, longest), dtype=np.uint64)
    of_z = np.empty((words, 2, longest), dtype=np.uint64)
    scratch = _Walk(
        end=np.empty(deepest + 1, dtype=np.int64),
        feature=np.empty(deepest + 1, dtype=np.int64),
        alive=np.empty(deepest + 1, dtype=np.uint64),
        lost=np.empty(deepest + 1, dtype=np.uint64),
        less=np.empty(deepest + 1),
        more=np.empty((deepest + 1, _WORD)),
        times=np.zeros(_WORD, dtype=np.int64),
        total=np.empty(_WORD),
    )
    sums = np.empty(features)
    for tree in range(places.start.size - 1):
        for z in range(0, background.shape[1], words * _WORD):
            filled = 0
            while filled < words and z + filled * _WORD < background.shape[1]:
                begin = z + filled * _WORD
                size = min(_WORD, background.shape[1] - begin)
                one = of_z[filled]
                _conditions(background, begin, size, nodes, places, tree, one[0], one[1])
                filled += 1
            for x in range(start, stop, _WORD):
                size = min(_WORD, stop - x)
                _conditions(codes, x, size, nodes, places, tree, of_x[0], of_x[1])
                for i in range(size):
                    sums[:] = 0.0
                    for k in range(filled):
                        _one_row(nodes, places, tree, i, of_x, of_z[k], scratch, weights, sums)
                    for f in range(features):
                        out[f, x + i] += sums[f]
    return stop


class _Walk(NamedTuple):
    """Scratch memory of a walk through one tree: its open edges, and a total per background row.

    An edge is open at a place where x or some background row was the first to leave a condition.
    """

    #: Place after all below the edge, and its feature.
    end: Any
    feature: Any
    #: Background rows that were alive above, and those that the edge's condition lost.
    alive: Any
    lost: Any
    #: Totals when the edge was opened: of what the leaves take from features that x does not
    #: satisfy, and of what they add to those that only x does, per background row.
    less: Any
    more: Any
    #: Per background row, the conditions on the way that only x satisfies, and the total.
    times: Any
    total: Any


@jit_with_arrays
def _one_row(
    nodes: Nodes,
    places: Places,
    tree: int,
    row: int,
    of_x: Any,
    of_z: Any,
    walk: _Walk,
    weights: Any,
    sums: Any,
) -> None:
    """Add one tree's values of one row x against 64 background rows.

    A background row is alive if it satisfies all conditions on the way that x does not. What
    a leaf adds to a feature is the same for all features that only x satisfies, and for all that x
    does not. So leaves add to totals, and an edge takes the difference of a total before and after
    all that lies below it.
    """
    one, i = uint64(1), uint64(row)
    first = places.start[tree]
    size = places.start[tree + 1] - first
    alive, less, b = of_z[0, 0], 0.0, int64(0)
    walk.total[:] = 0.0
    n, at = int64(0), int64(0)
    while at <= size:
        while n > 0 and (at == size or first + at >= walk.end[n - 1]):  # close an edge
            n -= 1
            f = walk.feature[n]
            rest = walk.lost[n]
            if rest:
                more = 0.0
                while rest:
                    z = lowest(rest)
                    rest &= rest - one
                    walk.times[z] -= 1
                    more += walk.total[z] - walk.more[n, z]
                sums[f] += more
            else:
                alive = walk.alive[n]
                if f >= 0:
                    sums[f] -= less - walk.less[n]
                    b -= 1
        if at == size:
            break
        place = first + at
        if (of_x[0, at] >> i) & one:
            lost = alive & of_z[1, at]
            if lost:
                walk.end[n], walk.feature[n] = places.end[place], places.feature[place]
                walk.lost[n] = rest = lost
                while rest:
                    z = lowest(rest)
                    rest &= rest - one
                    walk.times[z] += 1
                    walk.more[n, z] = walk.total[z]
                n += 1
        else:
            left = alive & of_z[0, at]
            if left == 0:
                at = places.end[place] - first
                continue
            is_first = (of_x[1, at] >> i) & one
            if is_first or left != alive:
                walk.end[n], walk.lost[n] = places.end[place], uint64(0)
                walk.feature[n] = places.feature[place] if is_first else -1
                walk.alive[n], walk.less[n] = alive, less
                alive = left
                b += int64(is_first)
                n += 1
        if places.end[place] == place + 1:
            value = nodes.value[places.node[place]]
            rest = alive
            while rest:
                z = lowest(rest)
                rest &= rest - one
                a = walk.times[z]
                walk.total[z] += value * weights[0, a, b]
                less += value * weights[1, a, b]
        at += 1


@jit_with_arrays
def path_dependent(
    codes: Any,
    start: int,
    stop: int,
    nodes: Nodes,
    places: Places,
    points: Any,
    weights: Any,
    block: int,
    out: Any,
) -> int:
    """Add the path-dependent Shapley values of some rows to their sums.

    Parameters
    ----------
    codes
        Codes of the rows, uint16, shape ``(columns, rows)``.
    start, stop
        Which of the rows.
    nodes, places
        The trees, as `lay` lays them out.
    points, weights
        Gauss-Legendre points between 0 and 1 and their weights, float64; twice as many as the
        features on the longest way have.
    block
        Rows that are processed together.
    out
        Sums, float64, shape ``(features + 1, rows)``; the last line is left alone.

    Returns
    -------
    int
        `stop`, or `BAD`.
    """
    columns, rows = codes.shape
    features = out.shape[0] - 1
    if not 0 <= start <= stop <= rows or out.shape[1] != rows or block < 1:
        return BAD
    if points.size != weights.size or not _laid(nodes, places, features, columns):
        return BAD
    deepest = 1
    for at in range(places.level.size):
        deepest = max(deepest, int64(places.level[at]))
    # At each level of the way: the product of the conditions' chances, and the sum of the products
    # of the leaves below, at each point; whether a row satisfies the folded condition, and that
    # plus whether it satisfies the one above of the same feature, or 1 where there is none.
    product = np.ones((deepest + 1, points.size, block))
    total = np.zeros((deepest + 1, points.size, block))
    is_in = np.ones((deepest + 1, block))
    state = np.empty((deepest + 1, block))
    part = np.empty(block)
    way = np.empty(deepest + 1, dtype=np.int64)
    for begin in range(start, stop, block):
        size = min(block, stop - begin)
        for tree in range(places.start.size - 1):
            first, last = places.start[tree], places.start[tree + 1]
            deep = int64(0)
            for at in range(first + 1, last + 1):
                level = int64(places.level[at]) if at < last else int64(1)
                while deep >= level:  # the way leaves the lowest edge
                    place = way[deep]
                    part[:size] = 0.0
                    for q in range(points.size):
                        _, gain = _effect(places, place, points[q], weights[q])
                        _add_up(
                            total[deep, q, :size],
                            gain,
                            state[deep, :size],
                            total[deep - 1, q, :size],
                            part[:size],
                        )
                    f = places.feature[place]
                    _add(part[:size], out[f, begin : begin + size])
                    deep -= 1
                if at == last:
                    break
                node = places.node[at]
                f, above = places.feature[at], places.above[at]
                before = is_in[places.level[above] if above >= 0 else 0, :size]
                row = codes[nodes.feature[nodes.parent[node]], begin : begin + size]
                _satisfied(row, node, nodes, before, is_in[level, :size], state[level, :size])
                if nodes.left[node] >= 0:
                    deep = level
                    way[deep] = at
                    for q in range(points.size):
                        factor, _ = _effect(places, at, points[q], weights[q])
                        _multiply(
                            product[deep - 1, q, :size],
                            factor,
                            state[deep, :size],
                            product[deep, q, :size],
                            total[deep, q, :size],
                        )
                    continue
                part[:size] = 0.0
                for q in range(points.size):
                    factor, gain = _effect(places, at, points[q], weights[q])
                    _add_leaf(
                        product[level - 1, q, :size],
                        factor,
                        gain,
                        nodes.value[node],
                        state[level, :size],
                        total[level - 1, q, :size],
                        part[:size],
                    )
                _add(part[:size], out[f, begin : begin + size])
    return stop


@inlined
def _effect(places: Places, at: int, t: float, weight: float) -> Any:
    """What an edge does at a point: factors of the product, and gains per unit of the sum below.

    Three of each: for rows that satisfy the condition above of the same feature no longer, that
    satisfy it but not this one, and that satisfy both. What the condition above gained is taken
    back, since this one includes it.
    """
    share, above = places.share[at], places.above[at]
    before = places.share[above] if above >= 0 else 1.0
    rest = 1.0 - t
    old, new = before * rest + t, share * rest + t
    back = weight * (1.0 - before) / old
    factor = (share / before if before > 0 else 0.0, share * rest / old, new / old)
    gain = (0.0, -weight / rest - back, weight * (1.0 - share) / new - back)
    return factor, gain


@inlined
def _satisfied(row: Any, node: int, nodes: Nodes, before: Any, is_in: Any, state: Any) -> None:
    """Whether rows satisfy the condition on the edge to a node, and those above it, too."""
    parent = nodes.parent[node]
    is_left = nodes.left[parent] == node
    if nodes.set_at[parent] < 0:
        code, missing_left = nodes.code[parent], nodes.missing_left[parent] != 0
        for i in range(row.size):
            c = row[i]
            left = missing_left if c == MISSING_CODE else c <= code
            is_in[i] = before[i] if left == is_left else 0.0
    else:
        for i in range(row.size):
            is_in[i] = before[i] if goes_left(parent, row[i], nodes) == is_left else 0.0
    for i in range(row.size):
        state[i] = before[i] + is_in[i]


@inlined
def _multiply(above: Any, factor: Any, state: Any, product: Any, total: Any) -> None:
    """Products at a node, from those above it; its total begins at 0."""
    for i in range(product.size):
        is_one = factor[2] if state[i] > 1.5 else factor[1]
        product[i] = above[i] * (is_one if state[i] > 0.5 else factor[0])
        total[i] = 0.0


@inlined
def _add_leaf(
    above: Any, factor: Any, gain: Any, value: float, state: Any, total: Any, part: Any
) -> None:
    """Add a leaf to the total of the node above it and to the part of the feature between them."""
    for i in range(part.size):
        is_one = factor[2] if state[i] > 1.5 else factor[1]
        found = value * above[i] * (is_one if state[i] > 0.5 else factor[0])
        gained = gain[2] if state[i] > 1.5 else gain[1]
        total[i] += found
        part[i] += found * (gained if state[i] > 0.5 else gain[0])


@inlined
def _add_up(below: Any, gain: Any, state: Any, total: Any, part: Any) -> None:
    """Add a node's total to that of the node above it and to the part of the feature between."""
    for i in range(part.size):
        gained = gain[2] if state[i] > 1.5 else gain[1]
        total[i] += below[i]
        part[i] += below[i] * (gained if state[i] > 0.5 else gain[0])


@inlined
def _add(part: Any, sums: Any) -> None:
    """Add parts to sums."""
    for i in range(part.size):
        sums[i] += part[i]


_PRIME = (1 << 31) - 1


class Trees(NamedTuple):
    """Trees whose leaves add up to an output."""

    roots: Any
    nodes: Nodes
    #: Columns by the feature that they are made of, and where those of each feature start, int64.
    columns: Any
    starts: Any
    #: What the leaves are added to.
    base: float
    #: Whether the output is the logistic function of the sum.
    logistic: bool


@inner
def _below(node: int, c: Any, nodes: Nodes) -> int:
    """Node that a row whose feature has code `c` goes to."""
    below = nodes.left[node] if goes_left(node, c, nodes) else nodes.right[node]
    return int(below)


@jit_with_arrays
def margins(codes: Any, start: int, stop: int, roots: Any, nodes: Nodes, out: Any) -> int:
    """Outputs of some rows, by walking down every tree.

    Parameters
    ----------
    codes
        Codes of the rows, uint16, shape ``(features, rows)``.
    start, stop
        Which of the rows.
    roots, nodes
        The trees, as `trees.group` takes them, and their roots; every path downwards ends.
    out
        Where the sums of the leaves are added, float64.

    Returns
    -------
    int
        `stop`, or `BAD`.
    """
    features, rows = codes.shape
    size = nodes.left.size
    if not 0 <= start <= stop <= min(rows, out.size):
        return BAD
    for root in roots:
        for i in range(start, stop):
            node = int64(root)
            while 0 <= node < size and nodes.left[node] >= 0:
                f = nodes.feature[node]
                if f < 0 or f >= features:
                    return BAD
                node = _below(node, codes[f, i], nodes)
            if node < 0 or node >= size:
                return BAD
            out[i] += nodes.value[node]
    return stop


@jit_with_arrays
def _one_output(codes: Any, trees: Trees) -> float:
    """Output of one row: the sum of its leaves, or the logistic function of it."""
    nodes, total = trees.nodes, trees.base
    for root in trees.roots:
        node = int64(root)
        while nodes.left[node] >= 0:
            node = _below(node, codes[nodes.feature[node]], nodes)
        total += nodes.value[node]
    return 1.0 / (1.0 + np.exp(-total)) if trees.logistic else total


@jit_with_arrays
def walk(
    rows: Any,
    start: int,
    stop: int,
    background: Any,
    used: Any,
    seed: int,
    trees: Trees,
    out: Any,
    noise: Any,
) -> int:
    """Sampled Shapley values of the output of trees, or of the logistic function of it.

    From every background row, a walk changes one feature after the other to the row's, in a random
    order, and another walk in the opposite order; the change of the output in each step is credited
    to its feature.

    Parameters
    ----------
    rows, background
        Codes, uint16, shapes ``(rows, columns)`` and ``(background rows, columns)``.
    start, stop
        Which of the rows.
    used
        Features that some tree splits by, int64.
    seed
        Seed of the orders, combined with a row's place.
    trees
        The trees.
    out, noise
        Where the values of the rows are written, shape ``(features + 1, rows)``, the last line
        their output; and an estimate of the variance that sampling gives them, which is not too
        small on average. Zeros before.

    Returns
    -------
    int
        `stop`, or `BAD`.
    """
    n, columns = rows.shape
    k, features = background.shape[0], trees.starts.size - 1
    nodes, roots = trees.nodes, trees.roots
    left, right, feature = nodes.left, nodes.right, nodes.feature
    size = left.size
    if not 0 <= start <= stop <= n or background.shape[1] != columns or k == 0:
        return BAD
    if out.shape != (features + 1, n) or noise.shape != (features + 1, n):
        return BAD
    for f in used:
        if f < 0 or f >= features:
            return BAD
    for column in trees.columns:
        if column < 0 or column >= columns:
            return BAD
    for f in range(features):
        if not 0 <= trees.starts[f] <= trees.starts[f + 1] <= trees.columns.size:
            return BAD
    for node in range(size):
        if left[node] >= 0 and (
            left[node] >= size
            or right[node] < 0
            or right[node] >= size
            or feature[node] < 0
            or feature[node] >= columns
        ):
            return BAD
    for root in roots:
        if root < 0 or root >= size:
            return BAD
    order = used.copy()
    now = np.empty(columns, dtype=np.uint16)
    once = np.empty((2, features))
    for i in range(start, stop):
        order[:] = used
        # S. K. Park and K. W. Miller's generator, with the multiplier of 1993.
        state = (seed + i * 7_919) % (_PRIME - 1) + 1
        for _ in range(4):
            state = state * 48_271 % _PRIME
        end = _one_output(rows[i], trees)
        out[features, i] = end
        for b in range(k):
            for j in range(order.size - 1, 0, -1):
                state = state * 48_271 % _PRIME
                other = state % (j + 1)
                order[j], order[other] = order[other], order[j]
            first = _one_output(background[b], trees)
            once[:] = 0.0
            for turn in range(2):
                now[:] = background[b]
                before = first
                for j in range(order.size):
                    f = order[j] if turn == 0 else order[order.size - 1 - j]
                    changes = False
                    for c in trees.columns[trees.starts[f] : trees.starts[f + 1]]:
                        if now[c] != rows[i, c]:
                            now[c], changes = rows[i, c], True
                    if not changes:
                        continue
                    after = _one_output(now, trees)
                    once[turn, f] = after - before
                    before = after
            for j in range(order.size):
                f = order[j]
                out[f, i] += (once[0, f] + once[1, f]) / (2 * k)
                noise[f, i] += (once[0, f] - once[1, f]) ** 2 / (4 * k * k)
    return stop


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    whole, long, real = np.zeros(1, np.int32), np.zeros(1, np.int64), np.zeros(1)
    codes, bits, out = np.zeros((1, 1), np.uint16), np.zeros(1, np.uint64), np.zeros((1, 1))
    flags = np.zeros(1, np.uint8)
    nodes = Nodes(
        *(whole, whole, whole, whole, whole, flags, whole),
        long,
        bits,
        real,
        real,
    )
    places = Places(long, whole, whole, whole, whole, whole, whole, real, real)
    yield lay, whole, nodes, 0, places
    yield against, codes, 0, 0, codes, nodes, places, 0, out
    yield path_dependent, codes, 0, 0, nodes, places, real, real, 0, out
    yield margins, codes, 0, 0, whole, nodes, real
    yield walk, codes, 0, 0, codes, long, 0, Trees(whole, nodes, long, long, 0.0, True), out, out
