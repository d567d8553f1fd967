"""Counting: from any table to `Counts`, in one pass over its rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from biaskit.counts.counts import Counts
from biaskit.counts.roles import RoleArguments, Roles, refuse_no_facet, roles_of, takes_roles
from biaskit.progress import Asked, Progress, told
from biaskit.sources.batches import Ask, Counting, Source
from biaskit.sources.dispatch import opened, refuse_counts, source_of
from biaskit.sources.encode import Encoder, OptionalEncoder
from biaskit.sources.files.dialect import Dialect, dialect_of
from biaskit.sources.grids import encoders_of
from biaskit.sources.histogram import Histograms

if TYPE_CHECKING:
    from biaskit.sources.sample import Sample

__all__ = [
    "Counted",
    "Progress",
    "count",
    "count_roles",
    "counted",
    "counted_from",
    "counted_in_part",
    "counts_given",
]


class Counted(NamedTuple):
    """Result of one pass: the counts, and the sample of rows, if requested."""

    counts: Counts
    sample: Sample | None = None


@takes_roles
def count(
    data: Any,
    roles: Roles | None = None,
    *,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    filesystem: Any = None,
    progress: Asked = None,
    **given: Unpack[RoleArguments],
) -> Counts:
    r"""Counts of the rows of any table, read once, in pieces.

    Parameters
    ----------
    data
        A path, a glob, a folder or a list of them (Parquet, CSV, TSV, JSON Lines or JSON, the texts
        also compressed), local or an address such as ``s3://bucket/key``; a ``.zip`` of such texts;
        an ``.xlsx``; ``"-"`` for standard input, a named pipe, or a file that is open in binary
        mode, which are read once, from where they stand; a pandas or polars frame; a pyarrow table,
        reader or dataset; anything that speaks Arrow's stream protocol; a frame of
        PySpark, DuckDB, Ibis, Dask, SQLFrame, Modin or lazy polars, whose engine groups the rows.
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, weight, frequency, positive, positive_above, predicted_above, \
predicted_positive, facet_values, reference, facet_above, facet_at_most, facet_edges, score, \
score_range, features
        The roles of the columns, as `Roles` takes them. `features` are not counted: counts have no
        rows. They are accepted so that the same roles serve `biaskit.report` as well.
    csv
        How CSV files are written, where that is not as their names say; with it, files of any other
        name are CSV too. A mapping of ``delimiter`` (one character), ``header`` (whether the first
        row has names; without names the columns are ``"0"``, ``"1"`` ...), ``columns`` (names of
        all of them, for files without a header, or with ``header=True`` in place of it),
        ``encoding``, ``comment`` (character that begins lines to be left out), ``decimal`` (``","``
        for numbers such as ``31500,5``), ``strip`` (whether blanks around unquoted values are
        dropped; between values that a blank separates, several are as one) and ``na_values`` (what
        is missing besides the empty cell). Several texts are a list, or a text with commas.
    input_format
        Format of the files where their names do not say it, or say another: ``"csv"``, ``"tsv"``,
        ``"jsonl"``, ``"parquet"`` or ``"xlsx"``; for a compressed text also ``"csv.gz"`` and the
        like, though its first bytes say that as well.
    sheet
        Name of the sheet of a workbook, where it has several.
    filesystem
        Filesystem of pyarrow or fsspec that holds the paths.
    progress
        True for a bar (in a notebook, one of the notebook); or a function, which is called about
        ten times a second with a `Step`: ``doing`` is ``"reading"``, or ``"compiling"`` when the
        first call of its kind compiles kernels; ``rows`` have been read, the share ``done`` of the
        data (None where it is unknown). An error that it raises ends the call.

    Returns
    -------
    Counts
        Counts of every row; missing values are a level of their own.

    Raises
    ------
    RolesError
        The roles contradict each other.
    DataError
        The data cannot be read, or a column is not what its role needs.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "F", "M", "M"], "hired": [0, 1, 1, 1]})
    >>> biaskit.count(df, facet="sex", label="hired").rows
    4
    >>> cells = pd.DataFrame({"sex": ["F", "M"], "hired": [0, 1], "people": [40, 60]})
    >>> biaskit.count(cells, facet="sex", label="hired", frequency="people").rows
    100

    A file without a header, whose values are padded with blanks, and ``?`` where one is missing:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "people.data")
    >>> _ = path.write_text("F, no\nF, yes\nM, ?\n")
    >>> form = dict(columns=["sex", "hired"], strip=True, na_values=["?"])
    >>> biaskit.count(path, facet="sex", label="hired", csv=form).rows
    3

    An open file, and a function that is told how far the call is:

    >>> import io
    >>> file = io.BytesIO(b"sex,hired\nF,0\nM,1\n")
    >>> biaskit.count(file, facet="sex", label="hired", input_format="csv", progress=print).rows
    Step(doing='reading', rows=2, done=None)
    2
    """
    dialect = dialect_of(csv, input_format, sheet)
    with told(progress) as tell:
        return count_roles(data, roles_of(roles, given), tell, filesystem, dialect)


def count_roles(
    data: Any,
    roles: Roles,
    progress: Progress | None = None,
    filesystem: Any = None,
    dialect: Dialect | None = None,
) -> Counts:
    """Counts of the rows of any table, for roles already made; they have no features."""
    return counted(data, roles, progress=progress, filesystem=filesystem, dialect=dialect).counts


def counted(
    data: Any,
    roles: Roles,
    *,
    keep_rows: bool = False,
    progress: Progress | None = None,
    filesystem: Any = None,
    dialect: Dialect | None = None,
) -> Counted:
    """Counts of the rows of any table, and with `keep_rows` a sample of them, from one pass.

    The counts have no features; if rows are kept, the roles name the sample's features.

    Raises
    ------
    RolesError
        The roles name no facet.
    DataError
        The data cannot be read, or a column is not what its role needs.
    """
    refuse_counts(data)
    refuse_no_facet(roles)
    source = source_of(data, filesystem, dialect)
    return counted_from(source, roles, keep_rows=keep_rows, progress=progress)


def counts_given(
    data: Any,
    roles: Roles | None,
    given: RoleArguments,
    *,
    dialect: Dialect | None,
    filesystem: Any,
    progress: Asked,
    refuse: Callable[[Roles], None] | None = None,
) -> Counts:
    """Counts of whatever a call names: rows are counted, saved counts get its choices.

    `refuse` raises where rows need not be read with such roles.
    """
    table = opened(data, filesystem, dialect)
    if isinstance(table, Counts):
        return table.choosing(**(given if roles is None else roles_of(roles, given).given()))
    roles = roles_of(roles, given)
    if refuse is not None:
        refuse(roles)
    with told(progress) as tell:
        made = counted(table, roles, progress=tell, filesystem=filesystem, dialect=dialect)
    return made.counts


def counted_from(
    source: Source,
    roles: Roles,
    *,
    keep_rows: bool = False,
    progress: Progress | None = None,
    literal: bool = False,
) -> Counted:
    """Counts of the rows of a source, as from `counted`.

    If `literal`, texts of a CSV stay as they are written, even where all could be numbers.
    """
    return _counted(source, roles, encoders_of(roles, literal=literal), keep_rows, progress)


def counted_in_part(
    source: Source, roles: Roles, optional: Collection[str], progress: Progress | None = None
) -> tuple[Counts, dict[str, str]]:
    """Counts of the rows of a source, and the optional columns that cannot be counted, with why.

    Of these the counts have only whether a value is missing. A column that is cut is not optional.
    """
    encoders = encoders_of(roles, optional=optional)
    counts = _counted(source, roles, encoders, False, progress).counts
    reasons = {
        column: one.reason for column, one in encoders.items() if isinstance(one, OptionalEncoder)
    }
    return counts, {column: reason for column, reason in reasons.items() if reason}


def _counted(
    source: Source,
    roles: Roles,
    encoders: Mapping[str, Encoder],
    keep_rows: bool,
    progress: Progress | None,
) -> Counted:
    columns = [*roles.columns()]
    if not keep_rows:
        sampler, ask = None, Ask(columns, roles.numeric, Counting(roles, encoders))
    else:
        from biaskit.sources.sample import Sampler  # only FT needs rows

        sampler = Sampler(roles, encoders, source.names)
        ask = Ask([*columns, *sampler.columns], roles.numeric)
    with Histograms(roles, encoders, sampler) as histograms:
        for part in source.parts(ask):
            part.add_to(histograms)
            if progress is not None:
                progress(histograms.rows, part.done)
    if sampler is None:
        roles = roles.replaced(features=None)
    counts = Counts(roles, histograms.tables(), histograms.rows, histograms.scores())
    return Counted(counts, None if sampler is None else sampler.sample())
