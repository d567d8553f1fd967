"""What holds for all tests."""

from __future__ import annotations

import contextlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from support.engines import CONSTRUCTORS, Columns

settings.register_profile(
    "biaskit",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("quick", settings.get_profile("biaskit"), max_examples=10)
settings.load_profile("biaskit")


def pytest_configure(config: pytest.Config) -> None:
    """Spark before 4 leaves the sockets that results come by to the garbage collector."""
    if config.getoption("markexpr") == "not slow":  # a quick look: laws on fewer examples
        settings.load_profile("quick")
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        if importlib.metadata.version("pyspark") < "4":
            for line in (
                "ignore:unclosed <socket:ResourceWarning",
                "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",
            ):
                config.addinivalue_line("filterwarnings", line)


# Engines that take long to start, or to plan a query.
_SLOW = ("spark", "dask", "ibis", "sqlframe", "modin")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow whatever runs on an engine that is, or in a browser."""
    for item in items:
        if item.get_closest_marker("browser") is not None:
            item.add_marker(pytest.mark.slow)
        case = getattr(item, "callspec", None)
        if case is not None and any(engine in case.id for engine in _SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _examples_have_the_types_of_calls() -> Iterator[None]:
    """After all tests: no kernel was compiled but for the types that `biaskit warm` knows."""
    yield
    if "biaskit._kernels" not in sys.modules:
        return
    from numba import config, typeof

    from biaskit._kernels.warm import examples

    for kernel, given in () if config.DISABLE_JIT else examples():
        types = tuple(typeof(one) for one in given)
        assert [one for one in kernel.nopython_signatures if one.args != types] == [], kernel


@pytest.fixture(params=list(CONSTRUCTORS))
def constructor(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Columns], Any]:
    make = CONSTRUCTORS[request.param]
    return lambda columns: make(columns, tmp_path)
