"""Verdicts: where an interval lies against a limit, for many numbers judged together.

A verdict is *pass* where the whole interval is inside the limit, *fail* where the whole of it is
outside, and *uncertain* otherwise. Among a hundred numbers that lie on their limits, some would
pass or fail by chance. Numbers that are judged together therefore need wider intervals, by Holm's
rule: the most certain verdict among m needs an interval of level ``1 - alpha / m``, the next one of
``1 - alpha / (m - 1)``, and so on until one does not hold. Each number lies either inside its limit
or outside, so among m numbers at most m verdicts can be wrong, and the chance that any is stays
below alpha.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from biaskit.intervals.holm import holm

__all__ = ["FAIL", "PASS", "UNCERTAIN", "Claim", "Verdict", "verdicts"]

PASS, FAIL, UNCERTAIN = "pass", "fail", "uncertain"


class Claim(NamedTuple):
    """A number that should lie between two limits, and its interval."""

    estimate: float
    low: float
    high: float
    limit_low: float
    limit_high: float
    #: 1 minus the level at which an end of the interval just meets each limit; NaN where only the
    #: interval's own level is known.
    doubt_low: float = math.nan
    doubt_high: float = math.nan
    #: Why it cannot be judged, where it cannot.
    withheld: str = ""


class Verdict(NamedTuple):
    """Verdict on a claim, and the reason where it is not obvious."""

    name: str
    reason: str
    #: How uncertain it is: the widest interval with the same verdict has the level ``1 - doubt``.
    doubt: float
    #: False where it was withheld, whatever its interval.
    judged: bool = True


def verdicts(
    claims: Sequence[Claim], *, confidence: float = 0.95, together: bool = True
) -> list[Verdict]:
    """Verdict on each claim, judged together.

    Parameters
    ----------
    claims
        Numbers with their intervals and limits. A claim whose doubts are unknown is judged only as
        certain as its own interval shows.
    confidence
        Level of the intervals.
    together
        False to judge each by its own interval alone.

    Examples
    --------
    >>> clear = Claim(0.3, 0.2, 0.4, -0.1, 0.1, 1e-9, 1e-5)
    >>> near = Claim(0.2, 0.105, 0.295, -0.1, 0.1, 1e-6, 0.04)
    >>> [one.name for one in verdicts([clear, near])]
    ['fail', 'fail']
    >>> [one.name for one in verdicts([near] * 3)]
    ['uncertain', 'uncertain', 'uncertain']
    """
    alpha = 1 - confidence
    alone = [_alone(claim, alpha) for claim in claims]
    if not together:
        return alone
    judged = [i for i, claim in enumerate(claims) if not claim.withheld]
    hold = holm([alone[i].doubt for i in judged], alpha)
    made = list(alone)
    for i, holds in zip(judged, hold, strict=True):
        if not holds:
            made[i] = _not_among(len(judged), alone[i])
    return made


def _alone(claim: Claim, alpha: float) -> Verdict:
    """Verdict on a claim by its own interval."""
    if claim.withheld:
        return Verdict(UNCERTAIN, claim.withheld, 1.0, judged=False)
    if claim.low > claim.limit_high:
        doubt = _known(claim.doubt_high, alpha)
        return Verdict(FAIL, f"the whole interval is above {claim.limit_high:g}", doubt)
    if claim.high < claim.limit_low:
        doubt = _known(claim.doubt_low, alpha)
        return Verdict(FAIL, f"the whole interval is below {claim.limit_low:g}", doubt)
    over = [
        f"{limit:g}"
        for limit, crossed in (
            (claim.limit_low, claim.low < claim.limit_low),
            (claim.limit_high, claim.high > claim.limit_high),
        )
        if crossed
    ]
    if over:
        return Verdict(UNCERTAIN, f"the interval crosses {' and '.join(over)}", 1.0)
    ends = ((claim.doubt_low, claim.limit_low), (claim.doubt_high, claim.limit_high))
    doubt = max(0.0 if math.isinf(limit) else _known(doubt, alpha) for doubt, limit in ends)
    return Verdict(PASS, "", doubt)


def _known(doubt: float, alpha: float) -> float:
    return alpha if math.isnan(doubt) else min(doubt, alpha)


def _not_among(number: int, alone: Verdict) -> Verdict:
    """Verdict on a claim that is not certain enough among so many."""
    if alone.name == UNCERTAIN:
        return alone
    reason = f"a {alone.name} by itself, but not certainly among {number} judged together"
    return Verdict(UNCERTAIN, reason, alone.doubt)
