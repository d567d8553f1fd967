"""The verb profile: what each column tells of a facet, and whom the rows are of."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from biaskit.audits.profile.profile import LIMIT, ProfileAsked, profile_rows
from biaskit.audits.profile.rows import ProfileRow
from biaskit.audits.profile.words import ProfileTable, profile_in_words, profile_tables
from biaskit.cli.flags import Parser, add_csv, add_data, add_roles, dialect_given, roles_given
from biaskit.cli.writing.output import (
    about,
    add_output,
    emit,
    progress_line,
    refuse_overwriting,
    settle_output,
)
from biaskit.cli.writing.screen import Records, Shown
from biaskit.counts.spellings import spelled_alike
from biaskit.errors import RolesError
from biaskit.intervals.figures import LEAST_P
from biaskit.reports.report import what_was_read
from biaskit.sources.dispatch import opened

__all__ = ["VERBS"]

_EXAMPLES = """examples:
  biaskit profile loans.parquet --facet sex --label paid --facet-edges age=25,40,65
  biaskit profile loans.parquet --facet sex --population sex:F=0.51 --population sex:M=0.49
  biaskit profile loans.parquet --facet sex --population census.csv
"""
# Roles that a profile makes use of.
_ROLES = (
    *("facet", "label", "frequency", "positive_above", "facet_above", "facet_at_most"),
    "facet_edges",
)


def _add_profile(verb: Callable[..., Parser]) -> None:
    profile = verb("profile", _profile, "What each column tells of a facet.", epilog=_EXAMPLES)
    add_data(profile)
    profile.add_argument(
        "--over",
        action="append",
        metavar="A,B",
        help="columns to profile; repeat it for a name with a comma (default: all)",
    )
    profile.add_argument(
        "--population",
        action="append",
        metavar="FACET:VALUE=SHARE",
        help="share of a value in the population; repeat it for each value. Or a file of people, "
        "or saved counts, with the facet's column",
    )
    profile.add_argument(
        "--limit",
        type=float,
        default=LIMIT,
        metavar="PART",
        help="share of the entropy of facet and of label above which a proxy matters "
        f"(default: {LIMIT})",
    )
    profile.add_argument(
        "--confidence",
        type=float,
        default=0.95,
        metavar="LEVEL",
        help="level of the intervals (default: 0.95)",
    )
    add_roles(profile, _ROLES)
    add_csv(profile)
    add_output(profile)


#: Each verb, and what adds it to the command line.
VERBS = {"profile": _add_profile}


def _profile(args: argparse.Namespace) -> None:
    settle_output(args)
    population = _population(args.population)
    refuse_overwriting(args.output, args.data, [population] if isinstance(population, str) else ())
    dialect = dialect_given(args)
    table = opened(args.data[0] if len(args.data) == 1 else args.data, dialect=dialect)
    given: Any = roles_given(args)
    asked = ProfileAsked(_columns(args.over), population, args.confidence, args.limit)
    with progress_line() as progress:
        held, rows = profile_rows(table, given, asked, progress=progress, dialect=dialect)
    made = Records(
        "profile",
        ProfileRow._fields,
        rows,
        head={**about(1), "roles": held.roles.to_json()},
        summary=profile_in_words(rows, args.confidence),
        before=[what_was_read(held.counts), *spelled_alike(held.counts)],
        level=args.confidence,
        parts=[*map(_records, profile_tables(rows))],
    )
    emit(args, made)


def _records(table: ProfileTable) -> Records:
    numbers = {
        *("u_corrected", "low", "high", "u", "v", "v_uncorrected", "guess", "chance", "u_label"),
        *("share", "other", "difference", "ratio", "z", "chi_squared", "tvd", "kl", "psi"),
        *("p_value", "p_adjusted"),
    }
    return Records(
        table.name,
        table.columns,
        table.rows,
        blank=numbers,
        least={"p_value": LEAST_P, "p_adjusted": LEAST_P},
        optional=("n_missing", "note"),
        once=("facet", "n_missing", "chance", "note"),
        spare=(
            *("v_uncorrected", "u", "p_value", "psi", "kl", "tvd", "ratio", "z", "n_others"),
            *("chance", "v", "guess", "chi_squared", "n_missing", "n"),
        ),
        before=[f"{table.name}: {table.about}"],
        shown=Shown(table.telling, [table.others] if table.others else []),
    )


def _columns(given: Sequence[str] | None) -> list[str] | None:
    """Columns of a flag: several with commas between them, or one each time."""
    if given is None or len(given) > 1:
        return None if given is None else [*given]
    return [one.strip() for one in given[0].split(",")]


def _population(given: Sequence[str] | None) -> str | dict[str, dict[str, float]] | None:
    """Shares by facet, from texts such as ``sex:F=0.51``; or the path of a table."""
    if given is None:
        return None
    made: dict[str, dict[str, float]] = {}
    for text in given:
        named, equals, share = text.rpartition("=")
        facet, colon, value = named.partition(":")
        number = _number(share)
        if len(given) == 1 and not (equals and number is not None):
            return text
        if not (facet and colon and value) or number is None:
            raise RolesError(
                "--population takes a facet, a value and its share, such as sex:F=0.51, or one "
                f"file, not {text!r}"
            )
        if value in made.setdefault(facet, {}):
            raise RolesError(f"--population names {facet}:{value} twice")
        made[facet][value] = number
    return made


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
