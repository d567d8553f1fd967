"""Pages of bias audits under Local Law 144: the summary of results as HTML, or as a workbook."""

from __future__ import annotations

from biaskit.audits.local_law.summary_of_results import blocks, figures_in_text, statements, title
from biaskit.audits.local_law.tables import Audit
from biaskit.pages.document import document
from biaskit.pages.exports.workbook import Sheet, write_workbook
from biaskit.pages.markup import Safe, el, table
from biaskit.store.version import __version__

__all__ = ["page_of_audit", "write_audit"]


def page_of_audit(made: Audit) -> str:
    """HTML of a summary of results."""
    tables = [
        table(
            block.title,
            block.columns,
            [figures_in_text(row, block.names) for row in block.rows],
            label=block.title,
            texts=(*range(1, block.names), len(block.columns) - 1),
        )
        for block in blocks(made)
    ]
    told = statements(made)
    body = [
        el("p", "New York City Local Law 144, 6 RCNY 5-300 to 5-304", class_="mute"),
        el("h1", title(made)),
        *tables,
        el("h2", "About these tables"),
        el("ul", *(el("li", one) for one in told)),
    ]
    return document(title(made), Safe("".join(body)), description=" ".join(told[:2]))


def write_audit(made: Audit, path: str) -> None:
    """Write a summary of results as an Excel file, a sheet for each of its tables."""
    facts = [
        ("biaskit", f"{title(made)}, made by biaskit {__version__}"),
        *(("" if place else "about", one) for place, one in enumerate(statements(made))),
    ]
    sheets = [Sheet(block.title, block.columns, block.rows) for block in blocks(made)]
    write_workbook(path, facts, sheets)
