"""Carried counts: what a page keeps of the counts that it was made of, and what it says of that."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from biaskit.counts.embedded import to_block
from biaskit.pages.contents import Contents

__all__ = ["FEW", "block_of", "few_cells", "what_is_carried"]

# Choices that travel with the counts, besides the roles.
_CHOICES = ("name", "limits", "confidence", "seed")
# More cells or letters than this make a page too large to send.
_MOST_CELLS = 20_000
_MOST_LETTERS = 250_000
#: Cells of this many people or fewer may tell who they are.
FEW = 10


def block_of(contents: Contents) -> dict[str, Any] | None:
    """Counts of a page as JSON, with the choices made of them; None where it carries none."""
    if contents.given.get("counts") is False or _cells(contents) > _MOST_CELLS:
        return None
    chosen = {name: contents.given[name] for name in _CHOICES if name in contents.given}
    block = to_block(contents.whole.without_scores(), chosen)
    return block if len(json.dumps(block)) <= _MOST_LETTERS else None


def what_is_carried(contents: Contents, block: dict[str, Any] | None) -> str:
    """One or two sentences on the counts in a page, for those who pass it on."""
    if block is None:
        why = (
            "" if contents.given.get("counts") is False else ", since they would make it too large"
        )
        return f"This page carries no counts{why}: nothing but what it shows."
    few = few_cells(contents)
    told = (
        f"This page carries its counts, {_cells(contents):,} cells (digest {block['sha256'][:12]})"
    )
    if (rounding := contents.whole.protected) is not None:
        return f"{told}; {rounding.text}."
    if not few:
        return f"{told}; none has {FEW} rows or fewer."
    have = "cell has" if few == 1 else "cells have"
    return (
        f"{told}; {few:,} {have} 1 to {FEW} rows, which may tell who somebody is. counts=False "
        "(--no-counts) makes a page without them."
    )


def few_cells(contents: Contents) -> int:
    """Cells of so few people that they may tell who somebody is."""
    tables = contents.whole.tables.values()
    return sum(int(np.count_nonzero((table.n > 0) & (table.n <= FEW))) for table in tables)


def _cells(contents: Contents) -> int:
    return sum(int(np.count_nonzero(table.n)) for table in contents.whole.tables.values())
