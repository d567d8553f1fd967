"""Decision trees: from the patterns of satisfied conditions to Shapley values.

A tree is cut into groups: subtrees so small that the conditions on the way to them, folded to one
per feature, and the splits inside them make a pattern of a few bits. Every row has one pattern in
each group, and the pattern says which of the group's leaves the row reaches, or would reach with
other values in some of its features. So the Shapley values of a group are one table, a line per
feature and a column per pattern, and those of a row are sums of table entries.

The table. To a leaf of value v lead D features. With the features in S from a row and the others
from a background row, the leaf is reached when the row satisfies all of S and the background row
all others, so its mean over the background is g(S) = v [S ⊆ x] F(not S), where x are the features
that the row satisfies and F(U) is the share of background rows that satisfy all of U. In the
Shapley value of a feature i, the sum over S of w(|S|) (g(S + i) - g(S)), every term is a subset of
x, so that two sums over subsets,

    N(x) = sum over S ⊆ x of w(|S|) F(not S),   M(x) = sum over S ⊆ x of w(|S| - 1) F(not S),

give all of them: -v N(x) where i is not in x, and v (M(x) - M(x - i) - N(x - i)) where it is.
Sums over all subsets take D 2^D additions. Without a background, F(U) is the product of the shares
of the training rows that each split of a feature in U sends towards the leaf.

Rows come as codes: for each feature the number of thresholds below the value, so that "x <= t" is a
comparison of small integers, and "x is one of" a look-up in a set of codes, kept as bits. A folded
condition is an interval of codes and, where sets decide as well, a set of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from biaskit._kernels import BAD, inner, int64, jit_with_arrays, uint64

__all__ = [
    "BLOCK",
    "MISSING_CODE",
    "MOST_CODES",
    "MOST_FEATURES",
    "Layout",
    "Nodes",
    "add",
    "count",
    "distinct",
    "encode",
    "examples",
    "goes_left",
    "group",
    "tabulate",
]

#: Code of a missing value.
MISSING_CODE = 65_535
#: Codes of a feature are below this.
MOST_CODES = 65_533
#: Most features on the path to a leaf, and most bits of a pattern.
MOST_FEATURES = 16
#: Rows that are processed together, so that their sums stay in the cache.
BLOCK = 2_048

_u16: Any = np.uint16


@jit_with_arrays
def encode(values: Any, thresholds: Any, start: int, stop: int, codes: Any) -> int:
    """Codes of some values: the number of thresholds below each, `MISSING_CODE` for NaN.

    Parameters
    ----------
    values
        Numbers, float64.
    thresholds
        Ascending numbers, float64.
    start, stop
        Which of the values are encoded.
    codes
        As many codes, uint16.

    Returns
    -------
    int
        `stop`, or `BAD`.
    """
    size = thresholds.size
    if size >= MOST_CODES or not 0 <= start <= stop <= min(values.size, codes.size):
        return BAD
    for i in range(start, stop):
        value = values[i]
        at, left = 0, size
        while left > 0:
            half = (left + 1) >> 1
            at += half if thresholds[at + half - 1] < value else 0
            left -= half
        codes[i] = MISSING_CODE if np.isnan(value) else at
    return stop


@jit_with_arrays
def distinct(parent: Any, feature: Any, most: int, found: Any) -> int:
    """Numbers of different features on the way to each node.

    Parameters
    ----------
    parent
        Parent of each node, -1 of a root, int32; every path upwards ends.
    feature
        Feature that each inner node splits by, int32.
    most
        Bound of the count: a node with more has ``most + 1``.
    found
        The numbers, int32.

    Returns
    -------
    int
        Number of nodes, or `BAD`.
    """
    size = parent.size
    if feature.size != size or found.size != size or most < 0:
        return BAD
    seen = np.empty(most + 1, dtype=np.int32)
    for node in range(size):
        n = 0
        up = int64(parent[node])
        while up >= 0:
            if up >= size:
                return BAD
            f = feature[up]
            known = False
            for k in range(n):
                if seen[k] == f:
                    known = True
                    break
            if not known:
                seen[n] = f
                n += 1
                if n > most:
                    break
            up = int64(parent[up])
        found[node] = n
    return len(parent)


class Nodes(NamedTuple):
    """Nodes of an ensemble's trees."""

    #: Node above, -1 at a root; nodes below, `left` -1 at a leaf; int32.
    parent: Any
    left: Any
    right: Any
    #: Feature that splits, the largest code of it that goes left (int32), and whether a missing
    #: value goes left.
    feature: Any
    code: Any
    missing_left: Any
    #: Feature that the split's effect is credited to, int32: the one that its column is made of.
    origin: Any
    #: Where the set of codes that go left begins in `members`, -1 where `code` decides, int64; and
    #: the sets, 64 codes a word, uint64.
    set_at: Any
    members: Any
    #: Output of a leaf, and rows of the training data that reached the node.
    value: Any
    cover: Any


@inner
def goes_left(node: int, c: Any, nodes: Nodes) -> bool:
    """Whether a row whose feature has code `c` goes left at a node."""
    if c == _u16(MISSING_CODE):
        return bool(nodes.missing_left[node] != 0)
    at = nodes.set_at[node]
    if at < 0:
        return bool(int64(c) <= nodes.code[node])
    at += int64(c) >> 6
    if at >= nodes.members.size:
        return False
    return bool((nodes.members[at] >> uint64(c & _u16(63))) & uint64(1))


class Layout(NamedTuple):
    """Groups of leaves, laid out for the kernels; starts are int64, one more than items."""

    #: Where each group's bits start, and the bits: feature, lowest code, highest code, whether a
    #: missing value is in, whether a set decides as well; int32, shape ``(bits, 5)``. The set of a
    #: bit is its line of `words`, 64 codes a word, uint64; all codes before.
    bit_start: Any
    bits: Any
    words: Any
    #: Start of the lines of each group's table, and the feature that each line is credited to, -1
    #: in unused slots; int32.
    line_start: Any
    lines: Any
    #: Where each group's leaves start, and their values, float64.
    leaf_start: Any
    leaves: Any
    #: Where each leaf's literals start, and the literals: line in the group's table (-1 in unused
    #: slots), bits that must be set, bits that must not; int32, shape ``(literals, 3)``.
    literal_start: Any
    literals: Any
    #: Share of the training rows that goes on towards the leaf at each literal, float64.
    shares: Any


@jit_with_arrays
def group(tops: Any, nodes: Nodes, layout: Layout) -> int:
    """Groups of leaves, laid out for the other kernels.

    Parameters
    ----------
    tops
        Node at the top of each group, int32.
    nodes
        The trees.
    layout
        Where the groups are written. Its starts are given; its bits are 0, its lines and literals
        -1 and its shares 1 before.

    Returns
    -------
    int
        Number of groups, or `BAD`.
    """
    inside = np.empty(MOST_FEATURES + 1, dtype=np.int32)
    stack = np.empty(2 * MOST_FEATURES + 4, dtype=np.int32)
    for g in range(tops.size):
        bits = layout.bit_start[g + 1] - layout.bit_start[g]
        if bits > MOST_FEATURES or layout.bit_start[g + 1] > layout.bits.shape[0]:
            return BAD
        if layout.line_start[g + 1] > layout.lines.size:
            return BAD
        if layout.leaf_start[g + 1] > layout.leaves.size:
            return BAD
        top = int64(tops[g])
        n_way = _way(nodes, layout, g, top)
        if n_way < 0 or _subtree(nodes, layout, g, top, n_way, inside, stack) < 0:
            return BAD
    return len(tops)


@inner
def _way(nodes: Nodes, layout: Layout, g: int, top: int) -> int:
    """Bits of the way from the root to a group, one for each feature on it, and their lines.

    Returns the number of bits, or `BAD`.
    """
    bits = layout.bits
    first_bit, last_bit = layout.bit_start[g], layout.bit_start[g + 1]
    lines = layout.lines[layout.line_start[g] : layout.line_start[g + 1]]
    n = int64(0)
    below, node = top, int64(nodes.parent[top])
    while node >= 0:
        f = nodes.feature[node]
        k = int64(0)
        while k < n and bits[first_bit + k, 0] != f:
            k += 1
        at = first_bit + k
        if k == n:
            if at >= last_bit or _line(lines, nodes.origin[node]) < 0:
                return BAD
            bits[at, 0], bits[at, 1], bits[at, 2], bits[at, 3] = f, 0, MOST_CODES - 1, 1
            n += 1
        is_left = nodes.left[node] == below
        if nodes.set_at[node] >= 0:
            if _narrow(nodes, node, is_left, layout.words, at) < 0:
                return BAD
            bits[at, 4] = 1
        elif is_left:
            bits[at, 2] = min(bits[at, 2], nodes.code[node])
        else:
            bits[at, 1] = max(bits[at, 1], nodes.code[node] + 1)
        if is_left != (nodes.missing_left[node] != 0):
            bits[at, 3] = 0
        below, node = node, int64(nodes.parent[node])
    return int(n)


@inner
def _line(lines: Any, origin: int) -> int:
    """Line of a feature in a group, which takes the first unused one if it has none; or `BAD`."""
    for k in range(lines.size):
        if lines[k] < 0:
            lines[k] = origin
        if lines[k] == origin:
            return int(k)
    return BAD


@inner
def _narrow(nodes: Nodes, node: int, is_left: bool, words: Any, at: int) -> int:
    """Leave in the set of a bit the codes that go to one side of a node. Returns 0, or `BAD`."""
    start = nodes.set_at[node]
    for k in range(words.shape[1]):
        # Codes of a feature with fewer words than the longest one end before the others.
        word = nodes.members[start + k] if start + k < nodes.members.size else uint64(0)
        if at >= words.shape[0]:
            return BAD
        words[at, k] &= word if is_left else ~word
    return 0


@inner
def _subtree(
    nodes: Nodes, layout: Layout, g: int, top: int, n_way: int, inside: Any, stack: Any
) -> int:
    """Bits, lines and leaves of a group: a bit for each split, a line for each new feature.

    `inside` and `stack` are scratch memory for the splits and for the nodes to visit. Returns the
    number of leaves, or `BAD`.
    """
    bits = layout.bits
    first_bit, last_bit = layout.bit_start[g], layout.bit_start[g + 1]
    lines = layout.lines[layout.line_start[g] : layout.line_start[g + 1]]
    n_bits = int64(n_way)
    n_inside, n_leaves, depth = int64(0), int64(0), int64(1)
    stack[0] = top
    while depth > 0:
        depth -= 1
        node = int64(stack[depth])
        if node < 0 or node >= nodes.parent.size:
            return BAD
        if nodes.left[node] < 0:
            leaf = layout.leaf_start[g] + n_leaves
            if leaf >= layout.leaf_start[g + 1]:
                return BAD
            n_leaves += 1
            layout.leaves[leaf] = nodes.value[node]
            way = bits[first_bit : first_bit + n_way, 0]
            if _leaf(nodes, layout, leaf, node, top, way, lines, inside) < 0:
                return BAD
            continue
        if n_bits >= last_bit - first_bit or depth + 2 > stack.size:
            return BAD
        if _line(lines, nodes.origin[node]) < 0:
            return BAD
        at = first_bit + n_bits
        bits[at, 0], bits[at, 1], bits[at, 2] = nodes.feature[node], 0, nodes.code[node]
        bits[at, 3] = nodes.missing_left[node]
        if nodes.set_at[node] >= 0:
            bits[at, 2], bits[at, 4] = MOST_CODES - 1, 1
            if _narrow(nodes, node, True, layout.words, at) < 0:
                return BAD
        inside[n_inside] = node
        n_inside += 1
        n_bits += 1
        stack[depth], stack[depth + 1] = nodes.right[node], nodes.left[node]
        depth += 2
    return int(n_leaves)


@inner
def _leaf(
    nodes: Nodes,
    layout: Layout,
    leaf: int,
    node: int,
    top: int,
    way: Any,
    lines: Any,
    inside: Any,
) -> int:
    """Literals of a leaf: the bits of the way to its group, and those of the splits above it.

    `way` has the feature of each bit of the way, `lines` the feature of each line of the group.

    Returns their number, or `BAD`.
    """
    literals, shares = layout.literals, layout.shares
    first, last = layout.literal_start[leaf], layout.literal_start[leaf + 1]
    if first > last or last > literals.shape[0]:
        return BAD
    n = int64(0)
    below, up = node, int64(nodes.parent[node])
    is_inside = node != top
    while up >= 0:
        line = int64(0)
        while line < lines.size and lines[line] != nodes.origin[up]:
            line += 1
        k = int64(0)
        while k < n and literals[first + k, 0] != line:
            k += 1
        if k == n:
            if first + k >= last:
                return BAD
            literals[first + k, 0], literals[first + k, 1], literals[first + k, 2] = line, 0, 0
            shares[first + k] = 1.0
            n += 1
        if is_inside:
            i = int64(0)
            while inside[i] != up:
                i += 1
            side = 1 if nodes.left[up] == below else 2
            literals[first + k, side] |= 1 << (way.size + i)
            is_inside = up != top
        else:
            for i in range(way.size):
                if way[i] == nodes.feature[up]:
                    literals[first + k, 1] |= 1 << i
        came = nodes.cover[up]
        shares[first + k] *= nodes.cover[below] / came if came > 0 else 0.5
        below, up = up, int64(nodes.parent[up])
    return int(n)


@jit_with_arrays
def _patterns(
    codes: Any, start: int, stop: int, layout: Layout, first: int, last: int, found: Any
) -> None:
    """Patterns of some rows in one group, a bit for each condition that a row satisfies."""
    n = stop - start
    bits, words = layout.bits, layout.words
    found[:n] = 0
    for k in range(first, last):
        row = codes[bits[k, 0], start:stop]
        low, high = _u16(bits[k, 1]), _u16(bits[k, 2])
        bit = _u16(1 << (k - first))
        if bits[k, 4]:
            for i in range(n):
                c = row[i]
                if c == _u16(MISSING_CODE):
                    hit = bits[k, 3] != 0
                else:
                    hit = low <= c <= high and int64(c) >> 6 < words.shape[1]
                    hit = hit and (words[k, int64(c) >> 6] >> uint64(c & _u16(63))) & uint64(1) != 0
                found[i] |= bit if hit else _u16(0)
        elif bits[k, 3]:
            for i in range(n):
                hit = ((low <= row[i]) & (row[i] <= high)) | (row[i] == _u16(MISSING_CODE))
                found[i] |= bit if hit else _u16(0)
        else:
            for i in range(n):
                found[i] |= bit if (low <= row[i]) & (row[i] <= high) else _u16(0)


@jit_with_arrays
def count(codes: Any, layout: Layout, first: int, last: int, at: Any, counts: Any) -> int:
    """Add rows to the counts of their patterns in some groups.

    Parameters
    ----------
    codes
        Codes of the rows, uint16, shape ``(features, rows)``.
    layout, first, last
        Groups, as `group` lays them out, and which of them.
    at
        Where the counts of each group start, int64.
    counts
        Where the counts are added, a place for each pattern, int64.

    Returns
    -------
    int
        `last`, or `BAD`.
    """
    bit_start, bits = layout.bit_start, layout.bits
    if first < 0 or last >= bit_start.size or bit_start[last] > bits.shape[0]:
        return BAD
    for k in range(bit_start[first], bit_start[last]):
        if bits[k, 0] < 0 or bits[k, 0] >= codes.shape[0]:
            return BAD
    rows = codes.shape[1]
    found = np.empty(BLOCK, dtype=np.uint16)
    for start in range(0, rows, BLOCK):
        stop = min(start + BLOCK, rows)
        for g in range(first, last):
            size = 1 << (bit_start[g + 1] - bit_start[g])
            if at[g] < 0 or at[g] + size > counts.size:
                return BAD
            _patterns(codes, start, stop, layout, bit_start[g], bit_start[g + 1], found)
            mine = counts[at[g] : at[g] + size]
            for i in range(stop - start):
                mine[found[i]] += 1
    return last


@jit_with_arrays
def tabulate(
    layout: Layout,
    first: int,
    last: int,
    at: Any,
    counts: Any,
    rows: int,
    table_at: Any,
    tables: Any,
    means: Any,
) -> int:
    """Tables of some groups, and their contributions to the mean output.

    Parameters
    ----------
    layout, first, last
        Groups, as `group` lays them out, and which of them.
    at, counts, rows
        Counts of the background's patterns, as `count` makes them, and its number of rows; with 0
        rows, the shares of the training rows take their place.
    table_at
        Where the table of each group starts, int64.
    tables
        The tables, float64: a column per pattern, a line per line of the group and one more, the
        output itself.
    means
        Where the mean output of each group is written, float64.

    Returns
    -------
    int
        `last`, or `BAD`.
    """
    bit_start, line_start, leaf_start = layout.bit_start, layout.line_start, layout.leaf_start
    leaves, literal_start, literals = layout.leaves, layout.literal_start, layout.literals
    shares = layout.shares
    if first < 0 or last >= bit_start.size or last > means.size:
        return BAD
    most = 1 << MOST_FEATURES
    leaf_pattern = np.empty(most, dtype=np.int64)
    share = np.empty(most)
    less, more = np.empty(most), np.empty(most)
    weight = np.zeros(MOST_FEATURES + 1)
    part = np.empty(most)
    for g in range(first, last):
        size = 1 << (bit_start[g + 1] - bit_start[g])
        n_lines = line_start[g + 1] - line_start[g]
        start = table_at[g]
        if size > most or start < 0 or start + size * (n_lines + 1) > tables.size:
            return BAD
        if rows > 0 and at[g] + size > counts.size:
            return BAD
        tables[start : start + size * (n_lines + 1)] = 0
        mean = 0.0
        for leaf in range(leaf_start[g], leaf_start[g + 1]):
            v = leaves[leaf]
            begin, end = literal_start[leaf], literal_start[leaf + 1]
            while end > begin and literals[end - 1, 0] < 0:
                end -= 1
            d = end - begin
            if d > MOST_FEATURES:
                return BAD
            full = (1 << d) - 1
            for k in range(begin, end):
                if literals[k, 0] >= n_lines:
                    return BAD
            leaf_pattern[:size] = 0
            for k in range(begin, end):
                yes, no, bit = int64(literals[k, 1]), int64(literals[k, 2]), 1 << (k - begin)
                for j in range(size):
                    leaf_pattern[j] |= bit if (j & yes) == yes and (j & no) == 0 else 0
            # Share of the background that satisfies all of a set, for every set.
            if rows > 0:
                share[: full + 1] = 0
                for j in range(size):
                    share[leaf_pattern[j]] += counts[at[g] + j]
                for k in range(d):
                    bit = 1 << k
                    for s in range(full + 1):
                        if s & bit == 0:
                            share[s] += share[s | bit]
                for s in range(full + 1):
                    share[s] /= rows
            else:
                share[0] = 1.0
                for k in range(d):
                    bit = 1 << k
                    for s in range(bit):
                        share[s | bit] = share[s] * shares[begin + k]
            mean += v * share[full]
            for j in range(size):
                if leaf_pattern[j] == full:
                    tables[start + size * n_lines + j] += v
            if d == 0 or v == 0:
                continue
            # w(s) = s! (d - 1 - s)! / d!
            weight[0] = 1.0 / d
            for s in range(1, d):
                weight[s] = weight[s - 1] * s / (d - s)
            for s in range(full + 1):
                n = 0
                rest = s
                while rest:
                    rest &= rest - 1
                    n += 1
                less[s] = v * weight[n] * share[full ^ s] if n < d else 0.0
                more[s] = v * weight[n - 1] * share[full ^ s] if n > 0 else 0.0
            for k in range(d):
                bit = 1 << k
                for s in range(full + 1):
                    if s & bit:
                        less[s] += less[s ^ bit]
                        more[s] += more[s ^ bit]
            for k in range(d):
                bit = 1 << k
                for x in range(full + 1):
                    other = x & ~bit
                    part[x] = more[x] - more[other] - less[other] if x & bit else -less[x]
                to = start + size * int64(literals[begin + k, 0])
                for j in range(size):
                    tables[to + j] += part[leaf_pattern[j]]
        means[g] = mean
    return last


@jit_with_arrays
def add(
    codes: Any,
    start: int,
    stop: int,
    layout: Layout,
    first: int,
    last: int,
    table_at: Any,
    tables: Any,
    out: Any,
) -> int:
    """Add the table entries of some rows' patterns in some groups to the rows' sums.

    Parameters
    ----------
    codes
        Codes of the rows, uint16, shape ``(columns, rows)``.
    start, stop
        Which of the rows.
    layout, first, last
        Groups, as `group` lays them out, and which of them.
    table_at, tables
        As `tabulate` fills them.
    out
        Sums, float64, shape ``(features + 1, rows)``; the last line is of the output itself.

    Returns
    -------
    int
        `stop`, or `BAD`.
    """
    bit_start, bits = layout.bit_start, layout.bits
    line_start, lines = layout.line_start, layout.lines
    columns, rows = codes.shape
    features = out.shape[0] - 1
    if not 0 <= start <= stop <= rows or out.shape[1] != rows:
        return BAD
    if first < 0 or last >= bit_start.size or bit_start[last] > bits.shape[0]:
        return BAD
    for k in range(bit_start[first], bit_start[last]):
        if bits[k, 0] < 0 or bits[k, 0] >= columns:
            return BAD
    for g in range(first, last):
        size = 1 << (bit_start[g + 1] - bit_start[g])
        n_lines = line_start[g + 1] - line_start[g]
        if table_at[g] < 0 or table_at[g] + size * (n_lines + 1) > tables.size:
            return BAD
        for k in range(line_start[g], line_start[g + 1]):
            if lines[k] < -1 or lines[k] >= features:
                return BAD
    found = np.empty(BLOCK, dtype=np.uint16)
    for begin in range(start, stop, BLOCK):
        end = min(begin + BLOCK, stop)
        n = end - begin
        for g in range(first, last):
            size = 1 << (bit_start[g + 1] - bit_start[g])
            _patterns(codes, begin, end, layout, bit_start[g], bit_start[g + 1], found)
            at = table_at[g]
            n_lines = line_start[g + 1] - line_start[g]
            for k in range(n_lines + 1):
                f = features if k == n_lines else int64(lines[line_start[g] + k])
                if f >= 0:
                    line = tables[at + k * size : at + (k + 1) * size]
                    sums = out[f, begin:end]
                    for i in range(n):
                        sums[i] += line[found[i]]
    return stop


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    whole, long, real = np.zeros(1, np.int32), np.zeros(1, np.int64), np.zeros(1)
    pairs, codes = np.zeros((1, 1), np.int32), np.zeros((1, 1), np.uint16)
    bits = np.zeros(1, np.uint64)
    flags = np.zeros(1, np.uint8)
    nodes = Nodes(
        *(whole, whole, whole, whole, whole, flags, whole),
        long,
        bits,
        real,
        real,
    )
    layout = Layout(
        long, pairs, np.zeros((1, 1), np.uint64), long, whole, long, real, long, pairs, real
    )
    yield encode, real, real, 0, 0, codes[0]
    yield distinct, whole, whole, 0, whole
    yield group, whole, nodes, layout
    yield count, codes, layout, 0, 0, long, long
    yield tabulate, layout, 0, 0, long, long, 0, long, real, real
    yield add, codes, 0, 0, layout, 0, 0, long, real, np.zeros((1, 1))
