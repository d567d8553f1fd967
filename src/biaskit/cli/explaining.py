"""The verb that splits the gap in a model's output into contributions of its features: explain."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from biaskit.cli.flags import Once, Parser, add_csv, add_roles, dialect_given, roles_given
from biaskit.cli.writing.output import (
    about,
    add_output,
    emit,
    progress_line,
    refuse_overwriting,
    settle_output,
)
from biaskit.cli.writing.screen import Records
from biaskit.counts.roles import Roles
from biaskit.errors import RolesError, refuse_level, refuse_seed
from biaskit.explanations.models import kinds_of_files
from biaskit.explanations.request import SIDES
from biaskit.store import written

__all__ = ["VERBS"]

_EXPLAIN = "Split the gap between two sides' model outputs into the contributions of its features."
_EXPLAIN_MORE = """examples:
  biaskit explain --model model.json rows.parquet --facet gender --facet-values F
  biaskit explain --model model.txt rows.csv --facet age --facet-above 40 --background rows.csv
  biaskit explain --model scores:score rows.csv --features income,debt --facet gender -o gap.csv
"""


def _add_explain(verb: Callable[..., Parser]) -> None:
    explain = verb("explain", _explain, _EXPLAIN, epilog=_EXPLAIN_MORE)
    explain.add_argument("data", nargs="+", metavar="DATA", help="files, globs or folders of rows")
    explain.add_argument(
        "--model",
        required=True,
        action=Once,
        metavar="MODEL",
        help=f"{kinds_of_files(risky=False)}, module:function; with --trust-model "
        f"{kinds_of_files(risky=True)}",
    )
    add_roles(explain, SIDES, required=("facet",))
    add_csv(explain)
    explain.add_argument(
        "--background",
        action="append",
        metavar="FILE",
        help="rows to compare with, such as the data themselves (default: what the trees record "
        "of their training rows, or 50 rows of the data for other models)",
    )
    explain.add_argument(
        "--features",
        type=lambda text: text.split(","),
        action=Once,
        metavar="A,B",
        help="columns that the model takes, in its order (default: those that it names)",
    )
    explain.add_argument(
        "--output-class",
        action=Once,
        metavar="CLASS",
        help="class to explain, where the model has several",
    )
    explain.add_argument(
        "--scale",
        choices=["auto", "raw", "probability"],
        default="auto",
        help="scale to explain (default: the one that is exact: a tree ensemble's margin, such as "
        "log-odds, or any other model's own output)",
    )
    explain.add_argument(
        "--values",
        action=Once,
        metavar="FILE",
        help="also write every row's values to this Parquet file",
    )
    explain.add_argument(
        "--key", action=Once, metavar="COLUMN", help="column that names the rows in that file"
    )
    explain.add_argument(
        "--save",
        action=Once,
        metavar="FILE",
        help="also save the attributions, for `biaskit report --attributions FILE`",
    )
    explain.add_argument(
        "--confidence",
        type=float,
        default=0.95,
        metavar="LEVEL",
        help="level of the intervals (default: 0.95)",
    )
    explain.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the random draws (default: 0)"
    )
    explain.add_argument(
        "--sampling-error",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="error of a part, as a share of the largest part, where trees are too deep for the "
        "whole background and a sample of it is drawn (default: 0.01)",
    )
    explain.add_argument(
        "--trust-model",
        "--trust-pickle",
        action="store_true",
        help="let its library open a model file that biaskit cannot read itself; this may run "
        "code or crash, so use it only if you know who made the file",
    )
    add_output(explain)


#: The verb, and what adds it to the command line.
VERBS = {"explain": _add_explain}


def _explain(args: argparse.Namespace) -> None:
    from biaskit.explanations.gaps import GapRow, gap_rows
    from biaskit.explanations.methods.choice import explained
    from biaskit.explanations.request import Request
    from biaskit.explanations.summing import attributions_of

    refuse_level(args.confidence)
    refuse_seed(args.seed)
    settle_output(args)
    read = [*args.data, *(args.background or ())]
    refuse_overwriting(args.output, read, [args.model])
    outputs = {"--output": args.output, "--values": args.values, "--save": args.save}
    for flag, path in outputs.items():
        if path is not None and flag != "--output":
            written.refuse_unwritable(path)
            refuse_overwriting(path, read, [args.model])
    _refuse_one_file_twice(outputs)
    roles = Roles(**{**roles_given(args), "features": None})
    request = Request(
        model=args.model,
        data=args.data,
        roles=roles,
        background=args.background,
        features=args.features,
        output_class=args.output_class,
        scale=args.scale,
        seed=args.seed,
        trust_model=args.trust_model,
        values_to=args.values,
        key=args.key,
        dialect=dialect_given(args),
        sampling_error=args.sampling_error,
    )
    with progress_line() as progress:
        found = attributions_of(explained(request), progress)
    if args.save is not None:
        found.save(args.save)
    rows = gap_rows(found, roles, args.confidence)
    same = {"output", "scale", "method"} - ({"output"} if len(found.about.outputs) > 1 else set())
    unit = f"{found.about.scale} scale ({found.about.unit}); {found.about.method}"
    made = Records(
        "explanation",
        GapRow._fields,
        rows,
        head={**about(1), "roles": roles.to_json()},
        hidden=same,  # what is the same in every row is printed once for people
        optional=("low", "high", "n_missing", "n_other", "note"),
        once=("facet", "value", "output", "n_a", "n_d", "n_missing", "n_other"),
        spare=("n_other", "n_missing", "n_a", "n_d", "mean_abs_a", "mean_abs_d"),
        before=[f"{found.rows:,} rows; {unit}"],
        level=args.confidence,
    )
    emit(args, made)


def _refuse_one_file_twice(outputs: Mapping[str, str | None]) -> None:
    """Refuse flags that name the same file to write."""
    seen: dict[Path, str] = {}
    for flag, path in outputs.items():
        if path is not None and (other := seen.setdefault(Path(path).resolve(), flag)) != flag:
            raise RolesError(f"{other} and {flag} name the same file; give each its own")
