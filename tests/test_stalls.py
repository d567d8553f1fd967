"""Stores that stall, or answer an invalid answer: an error in time, or the first interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import biaskit
from biaskit import BiaskitError
from biaskit.sources.files import ranges
from support.stalling import Stalling, stored


@pytest.mark.slow
@pytest.mark.parametrize("answers", [0, 1, 2])
@pytest.mark.parametrize("choice", ["never", "always"])
@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.jsonl"])
def test_a_store_that_stalls_is_given_up(
    name: str, choice: str, answers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", choice)
    for attribute, value in {"_PATIENCE": 0.2, "_WHOLE": 0, "_FIRST": 1_000}.items():
        monkeypatch.setattr(ranges, attribute, value)
    monkeypatch.setattr(ranges, "_LONGEST", 4_000)
    start, place = time.monotonic(), Stalling(stored(name), answers)
    with pytest.raises(BiaskitError, match=r"cannot be read as .*has not answered for 0.2 sec"):
        biaskit.count(f"a/{name}", facet="sex", label="y", filesystem=place)
    assert time.monotonic() - start < 60


@pytest.mark.parametrize("name", ["x.parquet", "x.csv"])
def test_whatever_a_store_raises_or_gives_is_said_in_words(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for attribute, value in {"_WHOLE": 0, "_FIRST": 1_000}.items():
        monkeypatch.setattr(ranges, attribute, value)

    def raises() -> bytes:
        raise RuntimeError("the session is over")

    def waits() -> bytes:
        raise TimeoutError

    for then, words in (
        (raises, "RuntimeError: the session is over"),
        (waits, "TimeoutError"),
        (lambda: "x", "gave a str"),
    ):
        for choice in ("never", "always"):
            monkeypatch.setenv("BIASKIT_KERNELS", choice)
            place = Stalling(stored(name), 1, then)
            with pytest.raises(BiaskitError, match=words):
                biaskit.count(f"a/{name}", facet="sex", label="y", filesystem=place)


INTERRUPTED = """
import sys
sys.path.insert(0, {tests!r})
from support.stalling import Stalling, stored
import biaskit
from biaskit.sources.files import ranges
ranges._WHOLE, ranges._FIRST, ranges._LONGEST = 0, 1_000, 4_000
print("ready", flush=True)
place = Stalling(stored({name!r}), {answers})
biaskit.count("a/" + {name!r}, facet="sex", label="y", filesystem=place)
"""


@pytest.mark.slow
@pytest.mark.parametrize("answers", [0, 2])
@pytest.mark.parametrize(
    ("name", "choice"),
    [("x.parquet", "never"), ("x.parquet", "always"), ("x.csv", "auto"), ("x.jsonl", "auto")],
)
def test_the_first_interrupt_ends_a_wait_for_a_store(name: str, choice: str, answers: int) -> None:
    program = INTERRUPTED.format(tests=str(Path(__file__).parent), name=name, answers=answers)
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "BIASKIT_KERNELS": choice},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    with pytest.raises(subprocess.TimeoutExpired):  # it waits
        process.wait(3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert err.strip().splitlines()[-1] == "KeyboardInterrupt"
