"""Declined: why a reader or a method leaves a model to the next one."""

from __future__ import annotations

__all__ = ["Declined"]


class Declined(Exception):  # noqa: N818 - not an error: another method takes over
    """Raised where a way of explaining does not fit a model; the message names the reason.

    The message is empty if the next method should not mention it.
    """
