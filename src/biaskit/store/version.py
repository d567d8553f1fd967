"""Version of the package, which what it writes is stamped with."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.2.0"
