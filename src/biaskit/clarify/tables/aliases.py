"""Aliases: columns by other names, so that one column may play several parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from biaskit.errors import RolesError
from biaskit.sources.batches import Ask, Batch, Source, rows_of

__all__ = ["Aliased"]


class Aliased:
    """Source whose columns have further names.

    `name_of` maps each further name to the column.
    """

    def __init__(self, source: Source, name_of: Mapping[str, str]):
        self._source = source
        self._name_of = name_of

    def names(self) -> list[str]:
        """Names of the columns, the further ones last."""
        return [*self._source.names(), *self._name_of]

    def parts(self, ask: Ask) -> Iterator[Batch]:
        """Batches of the named columns, by their names here."""
        real = {name: self._name_of.get(name, name) for name in ask.columns}
        numeric = {real[name] for name in ask.columns if name in ask.numeric}
        clash = numeric & {real[name] for name in ask.columns if name not in ask.numeric}
        if clash:
            raise RolesError(
                f"column {min(clash)!r} is cut in one part and compared in another, and has too "
                "many values to be counted; leave out one of the two"
            )
        columns = list(dict.fromkeys(real.values()))
        for batch in rows_of(self._source, columns, numeric):
            made = {name: batch.columns[real[name]] for name in ask.columns}
            texts = frozenset(name for name in ask.columns if real[name] in batch.texts)
            yield replace(batch, columns=made, texts=texts)
