"""Pages: a report that people read, as one HTML file that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Unpack

from biaskit import metrics as room
from biaskit.counts.counts import Counts, same_roles
from biaskit.counts.embedded import asked_before
from biaskit.counts.roles import RoleArguments, Roles, roles_of, takes_roles
from biaskit.counts.sharing.rounding import refuse_unprotected_roles
from biaskit.errors import refuse_level, refuse_missing, refuse_seed
from biaskit.explanations.attributions import Attributions
from biaskit.gate.check import check_rows
from biaskit.gate.limits import limits_of
from biaskit.metrics import Metric, needs_rows
from biaskit.pages.carried import block_of, what_is_carried
from biaskit.pages.contents import Contents, Dated
from biaskit.pages.document import document
from biaskit.pages.exports.cards import evaluation_details, model_card
from biaskit.pages.inputs import (
    comparable,
    dated_counts,
    dependence_of,
    drift_of,
    gaps_of,
    paths_read,
    refuse_exact,
)
from biaskit.pages.markup import Safe
from biaskit.pages.origin import call_of, command_of, file_names, given_beside_roles
from biaskit.pages.sections.facets import facet_section, lonely_section, the_one_value
from biaskit.pages.sections.first import first_screen, headline
from biaskit.pages.sections.parts import dependence_by_value, parts_of_gap
from biaskit.pages.sections.reading import how_to_read, where_from
from biaskit.pages.sections.tables import limits as limits_section
from biaskit.pages.sections.times import over_dates, since_baseline
from biaskit.pages.settled import settled
from biaskit.progress import Asked, told
from biaskit.reports.report import Measured, measured
from biaskit.reports.summary import summary_of
from biaskit.reports.surely import Judged
from biaskit.sources.counting import counted
from biaskit.sources.dispatch import opened
from biaskit.sources.files.dialect import Dialect, dialect_of
from biaskit.sources.sample import Sample
from biaskit.store import written
from biaskit.store.formats import markdown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Page", "body_of", "contents_of", "made_of", "page"]

# Height of a page in a notebook, in pixels.
_IN_NOTEBOOK = 720


@dataclass(frozen=True)
class Page:
    """A page: its HTML, and what it shows.

    A notebook shows it in a frame. `save` writes it to a file, whole or not at all.
    """

    html: str
    contents: Contents = field(repr=False)
    #: Files that it was made of, which `save` does not overwrite.
    read: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, contents: Contents, read: tuple[str, ...] = ()) -> Page:
        """Page that shows these contents."""
        return cls(made_of(contents), contents, read)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file; `path` is replaced only once the new file is whole.

        Raises
        ------
        DataError
            The folder does not exist or cannot be written.
        RolesError
            The page was made of this very file.
        """
        written.refuse_unwritable(path)
        written.refuse_inputs(path, self.read)
        with written.atomically(path) as file:
            file.write(self.html.encode())

    def model_card(self) -> str:
        """Markdown of a section for a model card: what was found, with the leading numbers."""
        shown = self.contents
        return model_card(
            shown.rows,
            shown.counts,
            shown.summary,
            name=shown.name,
            checked=shown.checked,
            metrics=shown.metrics,
        )

    def evaluation_details(self) -> dict[str, Any]:
        """Item of ``evaluation_details`` of a SageMaker model card (its content schema 1.0)."""
        shown = self.contents
        return evaluation_details(
            shown.rows,
            shown.counts,
            shown.summary,
            name=shown.name,
            metrics=shown.metrics,
        )

    @property
    def text(self) -> str:
        """The headline and the summary, as plain text."""
        return "\n".join([headline(self.contents), "", self.contents.summary.text])

    def _repr_html_(self) -> str:
        """Show the page in a frame of its own, so that its style and a notebook's stay apart."""
        inside = self.html.replace("&", "&amp;").replace("'", "&#39;")
        return (
            f"<iframe srcdoc='{inside}' sandbox='allow-scripts' width='100%' "
            f"height='{_IN_NOTEBOOK}' loading='lazy' title='Bias report'></iframe>"
        )

    def _repr_markdown_(self) -> str:
        """The headline and the summary, in which no name is markup."""
        first, _, *told = map(markdown, self.text.split("\n"))
        return "\n".join([f"**{first}**", "", *(f"* {one}" for one in told)])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Show the summary where a notebook drops frames."""
        return {
            "text/html": self._repr_html_(),
            "text/markdown": self._repr_markdown_(),
            "text/plain": self.text,
        }


@takes_roles
def page(
    data: Any,
    roles: Roles | None = None,
    *,
    metrics: Iterable[str | Metric] | str | None = None,
    limits: Mapping[str | Metric, Any] | None = None,
    baseline: Any = None,
    attributions: Attributions | str | os.PathLike[str] | None = None,
    dependence: pd.DataFrame | None = None,
    name: str | None = None,
    counts: bool = True,
    round_to: int | None = None,
    missing: str | None = None,
    confidence: float | None = None,
    seed: int | None = None,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    filesystem: Any = None,
    progress: Asked = None,
    **given: Unpack[RoleArguments],
) -> Page:
    """Page that shows a report to people: verdict, charts, tables, and where they come from.

    Parameters
    ----------
    data
        Anything that `biaskit.report` takes. Several saved counts (a list, or a pattern of files),
        in the order of their names, are dates: the page is about the last of them, and shows each
        leading metric over time.
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, weight, frequency, positive, positive_above, predicted_above, \
predicted_positive, facet_values, reference, facet_above, facet_at_most, facet_edges, score, \
score_range, features
        The roles of the columns, as `Roles` takes them.
    metrics
        Symbols or metrics; by default every metric whose columns are given.
    limits
        By metric, the distance from parity or the range that is allowed, as for `biaskit.check`.
    baseline
        Counts of the same roles, or the path of saved ones: the page shows what has changed.
    attributions
        What `biaskit.attribute` returns, or the path of saved ones: the page shows which features
        make the gap in a model's output.
    dependence
        What `biaskit.partial_dependence` returns, with the same facets.
    name
        Name of the data on the page; by default that of the file, without folders.
    counts
        Whether the page carries its counts, so that `Counts.load` and every function that takes
        counts can read them back from it. They tell how many people each cell has.
    round_to
        Protects the counts, as `Counts.protect` does, before anything is shown of them.
    missing
        ``"bounds"`` for intervals that hold whichever side the rows of a missing facet are on, as
        for `biaskit.report`; the tables then have the least and the greatest value as well.
    confidence, seed
        Level of the intervals (by default 0.95), and seed of the random draws for metrics of your
        own; by default those of the page that is read back, as are its limits and its name.
    csv
        How CSV files are written, as for `biaskit.count`.
    input_format, sheet
        Format of the files, and the sheet of a workbook, as for `biaskit.count`.
    filesystem
        Filesystem of pyarrow or fsspec that holds the paths.
    progress
        Whether a bar shows how far the call is, or a function that is told, as for `biaskit.count`.

    Returns
    -------
    Page
        ``html`` is the whole page, which fetches nothing and is readable without scripts;
        ``save(path)`` writes it. The same counts make the same bytes.

    Raises
    ------
    RolesError, DataError
        As for `biaskit.report`, `biaskit.check` and `biaskit.compare`.

    Examples
    --------
    >>> import biaskit
    >>> made = biaskit.page(
    ...     biaskit.datasets.berkeley(), facet="gender", label="decision", positive="admitted",
    ...     group="department", name="Berkeley, 1973",
    ... )
    >>> print(made.text.splitlines()[0])
    The share whose decision is admitted is 30.4 % for those whose gender is female, 14.2 points \
lower than the 44.5 % for those whose gender is male.
    >>> made.html[:15]
    '<!DOCTYPE html>'
    """
    asked = room.chosen(metrics)
    before = asked_before(data)
    confidence = before.get("confidence", 0.95) if confidence is None else confidence
    seed = before.get("seed", 0) if seed is None else seed
    refuse_level(confidence)
    refuse_seed(seed)
    refuse_missing(missing)
    dialect = dialect_of(csv, input_format, sheet)
    chosen = given if roles is None else roles_of(roles, given).given()
    each = [(one, of.choosing(**chosen)) for one, of in dated_counts(data, filesystem, dialect)]
    sample = None
    if each:
        whole = each[-1][1]
    elif isinstance(table := opened(data, filesystem, dialect), Counts):
        whole = table.choosing(**chosen)
    else:
        roles = roles_of(roles, given)
        keep_rows = needs_rows(roles, asked)
        with told(progress) as tell:
            whole, sample = counted(
                table,
                roles,
                keep_rows=keep_rows,
                progress=tell,
                filesystem=filesystem,
                dialect=dialect,
            )
    if round_to is not None:
        refuse_unprotected_roles(None, None, whole.roles.features)
        whole, sample = whole.protect(round_to), None
        each = [(one, of.protect(round_to)) for one, of in each]
    contents = contents_of(
        whole,
        sample,
        metrics=asked,
        limits=before.get("limits") if limits is None else limits,
        baseline=baseline,
        attributions=attributions,
        dependence=dependence,
        name=before.get("name") if name is None else name,
        files=file_names(data),
        carried=counts,
        round_to=round_to,
        missing=missing,
        dated=each,
        dialect=dialect,
        confidence=confidence,
        seed=seed,
    )
    read = paths_read(None if filesystem is not None else data, baseline, attributions)
    return Page.of(contents, read)


def contents_of(
    counts: Counts,
    sample: Sample | None = None,
    *,
    metrics: Sequence[Metric] | None = None,
    limits: Mapping[str | Metric, Any] | None = None,
    baseline: Any = None,
    attributions: Any = None,
    dependence: Any = None,
    name: str | None = None,
    files: Sequence[str] = (),
    carried: bool = True,
    round_to: int | None = None,
    missing: str | None = None,
    dated: Sequence[tuple[str, Counts]] = (),
    dialect: Dialect | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    measure: Callable[..., list[Measured]] = measured,
) -> Contents:
    """Contents of a page of some counts; see `page`. `files` are the names of their files.

    `measure` makes the rows, and may know some of them from before.
    """
    if counts.protected is not None:
        refuse_exact(baseline, dated, attributions, dependence)
    allowed = limits_of(limits) if limits is not None else []
    whole = settled(counts)
    counts = comparable(whole)
    found: list[Measured] = []
    if counts.rows or not whole.rows:  # no rows at all are refused
        found = measure(counts, metrics, confidence, seed, sample, missing=missing)
    shown = list(dict.fromkeys(one.metric for one in found))
    rows = [one.row for one in found]
    judged = Judged(rows, counts, shown)
    return Contents(
        name=name if name is not None else _name_of(files),
        files=files,
        given=given_beside_roles(
            name=name,
            metrics=metrics,
            limits=limits,
            confidence=confidence,
            seed=seed,
            baseline=baseline,
            attributions=attributions,
            dependence=dependence,
            csv=dialect,
            counts=carried,
            round_to=round_to,
            missing=missing,
        ),
        whole=whole,
        counts=counts,
        metrics=shown,
        rows=rows,
        judged=judged,
        summary=summary_of(judged),
        confidence=confidence,
        seed=seed,
        checked=check_rows(rows, allowed, confidence=confidence) if rows else (),
        limits={one.metric.symbol: (one.low, one.high) for one in allowed} if allowed else None,
        drift=drift_of(counts, baseline, confidence, seed),
        gaps=gaps_of(attributions, counts, confidence),
        dependence=dependence_of(dependence),
        dated=[*_of_dates(dated, whole.roles, metrics, confidence, seed, missing)],
    )


def _of_dates(
    dated: Sequence[tuple[str, Counts]],
    roles: Roles,
    metrics: Sequence[Metric] | None,
    confidence: float,
    seed: int,
    missing: str | None,
) -> Iterator[Dated]:
    """Rows of each of several dated counts; those that compare nothing have none."""
    for name, counts in dated:
        same = same_roles(roles, counts.roles, f"({dated[-1][0]} and {name}) cannot share a page")
        counts = comparable(replace(counts, roles=same))
        given = metrics, confidence, seed
        found = measured(counts, *given, missing=missing) if counts.rows else []
        yield Dated(name, [one.row for one in found])


def _name_of(files: Sequence[str]) -> str:
    if not files:
        return "data"
    files = ["standard input" if file == "-" else file for file in files]
    more = len(files) - 1
    return f"{files[0]} and {more:,} more file{'s' if more > 1 else ''}" if more else files[0]


def body_of(contents: Contents, *last: Safe | None) -> Safe:
    """Sections of a page that shows these contents, and others that stand last."""
    roles = contents.whole.roles
    sections: list[Safe | None] = [*first_screen(contents), *limits_section(contents)]
    for facet in roles.facet:
        if the_one_value(contents.whole, facet) is not None:
            sections.append(lonely_section(contents, facet))
            continue
        extra = [
            *parts_of_gap(contents, facet),
            *dependence_by_value(contents, facet),
            *since_baseline(contents, facet),
            *over_dates(contents, facet),
        ]
        sections.append(facet_section(contents, facet, *extra))
    sections += [how_to_read(contents), *last]
    return Safe("".join(one for one in sections if one is not None))


def made_of(contents: Contents) -> str:
    """HTML of a page that shows these contents."""
    roles = contents.whole.roles
    block = block_of(contents)
    command = command_of(contents.files, roles, contents.given)
    call = call_of(contents.files, roles, contents.given)
    body = body_of(contents, where_from(contents, command, call, what_is_carried(contents, block)))
    facets = ", ".join(facet.name for facet in roles.facet)
    outcome = roles.predicted or roles.label
    what = f"{facets} and {outcome}" if outcome else facets
    return document(
        f"Bias report: {what}, {contents.name}",
        body,
        description=headline(contents),
        meta={"biaskit:counts": "none" if block is None else block["sha256"]},
        counts=block,
    )
