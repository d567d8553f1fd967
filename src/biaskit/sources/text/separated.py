"""CSV and TSV files as a source, plain or compressed, in any dialect."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from biaskit.counts.levels import typed
from biaskit.errors import DataError
from biaskit.sources.batches import Ask, Batch, Counting, of_record_batch, refuse_missing_columns
from biaskit.sources.files.ahead import elsewhere
from biaskit.sources.files.dialect import Dialect, option
from biaskit.sources.files.partitions import names_with_folders, of_folders, with_folders
from biaskit.sources.files.places import File
from biaskit.sources.files.reading import (
    ColumnPath,
    Sizes,
    kernels_choice,
    kernels_run,
    readable,
)
from biaskit.sources.files.turns import Known, looked_into, opened_in_turn
from biaskit.sources.text.faults import instead_of_names, line_of_open_quote, unfit_cell
from biaskit.sources.text.texts import FOUND, OpenText, opening, paths, unpaid

if TYPE_CHECKING:
    from biaskit.sources.coded.cells import Cells

__all__ = ["CsvFiles", "kernels_pay"]

# Bytes of CSV parsed at a time; more where the header is long, since rows may then be long too.
_BLOCK = 1 << 20
_HEADERS_IN_BLOCK = 8
# Bytes from which the kernel pays for being loaded, and from which it pays where it is.
_CROSSOVER = 112 << 20
_CROSSOVER_LOADED = 1 << 19


def kernels_pay(size: int) -> bool:
    """Whether some bytes of CSV are counted faster by a kernel than by Arrow."""
    choice = kernels_choice()
    if choice == "never" or not kernels_run():
        return False
    is_loaded = "biaskit._kernels.text.separated" in sys.modules
    return choice == "always" or size >= (_CROSSOVER_LOADED if is_loaded else _CROSSOVER)


class CsvFiles:
    """CSV and TSV files as a source, all in one dialect."""

    #: Bytes that Arrow has read in this process.
    bytes_by_arrow: ClassVar[int] = 0

    def __init__(self, files: list[File], known: Known, dialect: Dialect | None = None):
        self._files = files
        self._known = known
        self._dialect = dialect or Dialect()

    def names(self) -> list[str]:
        """Names of the columns of the first file, and of its folders' values."""
        first = self._files[0]
        with readable(first), looked_into(first, self._known, from_start=True) as data:
            head = _csv_head(OpenText(first, data, self._dialect))
            return names_with_folders(head.names, first)

    def paths(self, counting: Counting) -> Iterator[ColumnPath]:
        """How each file would be read, and why."""
        roles = counting.roles
        if roles.weight is not None or roles.frequency is not None:
            return paths(self._files, "Arrow", "rows have weights or frequencies")
        pays = kernels_pay(CsvFiles.bytes_by_arrow + Sizes(self._files).total)
        return paths(self._files, *(("kernel", FOUND) if pays else ("Arrow", unpaid(_CROSSOVER))))

    def parts(self, ask: Ask) -> Iterator[Batch | Cells]:
        """Batches of the named columns, or counts of their values."""
        sizes = Sizes(self._files)
        size = CsvFiles.bytes_by_arrow + sizes.total
        with opened_in_turn(self._files, opening(self._known, self._dialect)) as files:
            for file in files:
                with readable(file.path, self._dialect), closing(file):
                    yield from _parts(file, ask, sizes, size)


def _parts(file: OpenText, ask: Ask, sizes: Sizes, size: int) -> Iterator[Batch | Cells]:
    """Rows of a file; `size` is the bytes that the process will have read after this source."""
    path, dialect = file.path, file.dialect or Dialect()
    head = _csv_head(file)
    hint = instead_of_names(head.cells)
    if not (dialect.has_header or dialect.columns):
        hint = "; the columns of a file without a header are numbered from 0"
    refuse_missing_columns(ask.columns, names_with_folders(head.names, path), str(path), hint)
    folders = of_folders(ask.columns, head.names, path)

    def tidied(batch: Batch) -> Batch:
        return batch if dialect.decimal == "." else _with_points(batch)

    def finished(batch: Batch) -> Batch:
        return with_folders(batch, folders, ask.numeric)

    def done(read: int) -> float | None:
        return sizes.done(path, read / sizes.of(path))

    def converting(columns: Sequence[str]) -> Any:
        return _conversion(dialect, columns, own, ask.numeric)

    own = [name for name in ask.columns if name not in folders]
    longest = _block_of(head.names if head.above is None else [*head.names, *head.cells])
    rows = 0
    if kernels_pay(size):
        from biaskit.sources.text.blocks import Blocks, Columns  # few files are so large

        names, has_header = head.names, dialect.has_header
        if Blocks.can_read(file, ask):
            columns = Columns(names, has_header, own, longest, converting, tidied, finished)
            blocks = Blocks(file, columns, ask, done)
            yield from blocks.parts()
            if blocks.are_all:
                return
            rows = blocks.rows
    CsvFiles.bytes_by_arrow += sizes.of(path)
    file.fetch()
    texts = frozenset(name for name in own if name not in ask.numeric)
    batches = _after(rows, _csv_batches(file, head, own, converting, longest))
    for batch in elsewhere(batches) if file.is_far else batches:
        made = of_record_batch(batch, own, str(path), done(file.bytes_read), texts)
        yield finished(tidied(made))


def _after(rows: int, batches: Iterable[Any]) -> Iterator[Any]:
    """Arrow's batches without the first rows."""
    for batch in batches:
        skipped = min(rows, batch.num_rows)
        rows -= skipped
        yield batch.slice(skipped) if skipped else batch


class _Head(NamedTuple):
    """What stands at the start of a CSV file."""

    #: Names of the columns.
    names: list[str]
    #: Cells of the first row, names or not.
    cells: list[str]
    #: Rows above the first row of values, where Arrow does not read the names from them.
    above: int | None


def _with_points(batch: Batch) -> Batch:
    """Batch whose texts that are numbers with a decimal comma have a decimal point."""
    import pyarrow as pa

    columns = dict(batch.columns)
    for name in batch.texts.intersection(columns):
        array = columns[name]
        texts = [_with_point(text, name, batch.where) for text in array.dictionary.to_pylist()]
        columns[name] = pa.DictionaryArray.from_arrays(array.indices, pa.array(texts, pa.string()))
    return replace(batch, columns=columns)


def _with_point(text: str | None, column: str, where: str) -> str | None:
    if text is None or not ("," in text or "." in text):
        return text
    made = text.replace(",", ".")
    if isinstance(typed([made])[0], str):  # no number with either mark
        return text
    if "." in text:
        raise DataError(
            f"{where}: column {column!r} holds {text!r}, which is a number with a decimal point; "
            f"leave out {option('decimal', ',')}, or write numbers in one way"
        )
    return made


def _csv_head(file: OpenText) -> _Head:
    """Names of the columns of a CSV file, and its first row.

    Raises
    ------
    DataError
        There are more or fewer columns than the dialect names, or it is unsaid whether they are
        named in the file too.
    """
    dialect = file.dialect or Dialect()
    with readable(file.path):
        # Invalid UTF-8 matters only in the columns that are read, where Arrow refuses it.
        lines = file.first_lines(errors="surrogateescape", newline="")
        try:
            above, cells = 0, list[str]()
            for cells in csv.reader(lines, delimiter=file.delimiter):
                if cells:
                    break
                above += 1  # Arrow skips empty lines, too
        except csv.Error as error:
            raise DataError(f"{str(file.path)!r} has no readable header: {error}") from error
    names = dialect.columns
    if names is None:
        if dialect.has_header:
            return _Head(cells, cells, None)
        return _Head([str(place) for place in range(len(cells))], cells, 0)
    if cells and len(names) != len(cells):
        raise DataError(
            f"{file.path}: {option('columns', '...')} names {len(names):,} columns, but the first "
            f"row has {len(cells):,}{instead_of_names(cells) if len(cells) == 1 else ''}"
        )
    given = {name.casefold() for name in names}
    if dialect.header is None and any(cell.strip().casefold() in given for cell in cells):
        raise DataError(
            f"{file.path}: the first row has names of columns; give {option('header', True)} if "
            f"they are to be replaced, or {option('header', False)} if they are values"
        )
    return _Head([*names], cells, above + 1 if dialect.has_header else 0)


def _block_of(names: Sequence[str]) -> int:
    """Bytes that Arrow parses at a time, the limit for the length of a row."""
    return max(_BLOCK, _HEADERS_IN_BLOCK * sum(len(name) + 1 for name in names))


def _last_column(names: Sequence[str]) -> list[str]:
    """Name of the last column, where Arrow finds it by its name."""
    return [name for name in names[-1:] if name.isprintable() and names.count(name) == 1]


def _conversion(
    dialect: Dialect, columns: Sequence[str], own: Collection[str], numeric: Collection[str]
) -> Any:
    """Arrow's options by which cells become the values of some columns, and no others.

    An empty cell is missing, quoted or not; anything else is a value. Cells of columns that are not
    the file's `own` needed ones are bytes.
    """
    import pyarrow as pa
    import pyarrow.csv as pv

    def type_of(name: str) -> Any:
        if name not in own:
            return pa.binary()
        return pa.float64() if name in numeric else pa.dictionary(pa.int32(), pa.string())

    return pv.ConvertOptions(
        include_columns=[*columns],
        column_types={name: type_of(name) for name in columns},
        null_values=["", *dialect.na_values],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        decimal_point=dialect.decimal,
    )


def _csv_batches(
    file: OpenText,
    head: _Head,
    own: Sequence[str],
    converting: Callable[[Sequence[str]], Any],
    block: int,
) -> Iterator[Any]:
    """Arrow's batches of some columns of a file."""
    import pyarrow as pa
    import pyarrow.csv as pv

    # The last column is read too, as bytes where it has no role: it shows whether a quotation mark
    # is never closed.
    last = _last_column(head.names)
    included = dict.fromkeys([*own, *last]) or head.names[:1]
    convert = converting([*included])
    parse = pv.ParseOptions(delimiter=file.delimiter, newlines_in_values=True)
    read = pv.ReadOptions(block_size=block)
    if head.above is not None:
        read.column_names = head.names
        read.skip_rows_after_names = head.above
    cell = None
    try:
        for batch in pv.open_csv(file.text(), read, parse, convert):
            if last and batch.num_rows:
                cell = batch.column(last[0])[-1]
            yield batch
    except pa.ArrowInvalid as error:
        decimal = (file.dialect or Dialect()).decimal
        if unfit := unfit_cell(error, head.names, str(file.path), decimal):
            raise unfit from error
        if "straddling" not in str(error):
            if file.delimiter == " " and "Expected" in str(error):
                raise DataError(
                    f"{file.path}: {error}; if several blanks separate, give "
                    f"{option('strip', True)}"
                ) from error
            raise
        raise DataError(
            f"{str(file.path)!r} has a row of more than {block >> 20} MB, perhaps because a "
            "quotation mark is never closed; close it, leave out the column of long texts, or "
            "write Parquet"
        ) from error
    if cell is not None:
        _refuse_open_quote(file, cell.as_py())


def _refuse_open_quote(file: OpenText, cell: object) -> None:
    """Refuse a file whose last cell may be the rest of the file after a quotation mark.

    Arrow ends such a cell with the file. Where the cell is in another column, the row is too short
    for Arrow, and where it is longer than a block, too long.
    """
    text = cell.decode(errors="replace") if isinstance(cell, bytes) else cell
    if not isinstance(text, str) or len(text.splitlines()) < 2:
        return
    if file.is_read_once:
        if not file.closes(text):
            raise DataError(
                f"{file.path}: a quotation mark is never closed, so the rows after it are lost; "
                "close it, or double it if it is part of the text"
            )
        return
    if line := line_of_open_quote(file.first_lines(errors="replace"), file.delimiter):
        raise DataError(
            f"{file.path}, line {line:,}: a quotation mark is never closed, so the rows after it "
            "are lost; close it, or double it if it is part of the text"
        )
