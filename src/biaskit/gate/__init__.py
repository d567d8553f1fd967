"""The gate: data sets, each with its roles and limits, to findings and an exit code."""

from biaskit.gate.config import Config, DataSet, config_file, data_of, read_config
from biaskit.gate.findings import CODES, Code, Finding
from biaskit.gate.machines import as_gate_json, as_github, as_junit, as_sarif
from biaskit.gate.outcomes import (
    Outcome,
    broken,
    check_data_set,
    dry_run,
    failed,
    write_baseline,
)
from biaskit.gate.people import as_text, conclusion, markdown_summary

__all__ = [
    "CODES",
    "Code",
    "Config",
    "DataSet",
    "Finding",
    "Outcome",
    "as_gate_json",
    "as_github",
    "as_junit",
    "as_sarif",
    "as_text",
    "broken",
    "check_data_set",
    "conclusion",
    "config_file",
    "data_of",
    "dry_run",
    "failed",
    "markdown_summary",
    "read_config",
    "write_baseline",
]
