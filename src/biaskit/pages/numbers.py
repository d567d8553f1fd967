"""Numbers as people read them on a page."""

from __future__ import annotations

import math

__all__ = ["MINUS", "interval", "number", "percent", "tick", "tick_percent", "whole"]

MINUS = "\N{MINUS SIGN}"
# Numbers from here on are shown by their power of ten.
_LARGE = 1_000_000
# Numbers of rows from here on are.
_MOST_DIGITS = 10**15


def number(value: float, places: int = 3) -> str:
    """Number with a true minus sign; words or a sign where it is none.

    >>> number(-0.1416), number(1234.5, 1), number(float("nan")), number(float("-inf"))
    ('−0.142', '1,234.5', 'undefined', '−∞')
    >>> number(-0.00004), number(2e300)
    ('−0.000', '2.0e+300')
    """
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    value += 0.0  # the zero below 0 is 0
    shown = f"{value:,.{places}f}" if abs(value) < _LARGE else f"{value:.1e}"
    return f"{MINUS}{shown[1:]}" if value < 0 else shown


def percent(share: float, places: int = 0) -> str:
    """Share of 1 as a percentage.

    >>> percent(0.3536), percent(-0.0712, 1)
    ('35 %', '−7.1 %')
    """
    return f"{number(100 * share, places)} %" if math.isfinite(share) else number(share)


def whole(n: float) -> str:
    """Number of rows.

    >>> whole(1835), whole(12.5), whole(3_000_000)
    ('1,835', '12.5', '3,000,000')
    """
    if not math.isfinite(n):
        return number(n)
    if n != int(n) or abs(n) >= _MOST_DIGITS:
        return number(n, 1)
    return f"{int(n):,}".replace("-", MINUS)


def interval(low: float, high: float, places: int = 3) -> str:
    """Both ends of an interval; nothing where there is none.

    >>> interval(-0.052, 0.014), interval(float("nan"), float("nan"))
    ('−0.052 to 0.014', '')
    """
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{number(low, places)} to {number(high, places)}"


def tick(value: float) -> str:
    """Round value at an axis, without decimals that say nothing.

    >>> tick(0.25), tick(-0.1), tick(12500.0)
    ('0.25', '−0.1', '12,500')
    """
    shown = f"{abs(value):,.6g}"
    return f"{MINUS}{shown}" if value < 0 else shown


def tick_percent(value: float) -> str:
    """Round share at an axis.

    >>> tick_percent(0.025)
    '2.5 %'
    """
    return f"{tick(100 * value)} %"
