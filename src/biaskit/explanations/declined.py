"""Declined: why a reader or a method passes a model on to the next one."""

from __future__ import annotations

__all__ = ["Declined"]


class Declined(Exception):  # noqa: N818 - not an error: another method takes over
    """Raised where a method does not support a model; the message is the reason.

    The message is empty if the next method should not mention it.
    """
