"""Ranges of remote files: the right bytes, each asked for once, and only so many ahead."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biaskit.sources.files import ranges
from biaskit.sources.files.ahead import in_order
from biaskit.sources.files.places import RemoteFile
from biaskit.sources.files.ranges import Extent, Fetcher, RemoteBytes


class Place:
    """A filesystem of one file, which notes what it is asked for."""

    def __init__(self, content: bytes, broken_at: int | None = None):
        self.content = content
        self.broken_at = broken_at
        self.asked: list[Extent] = []
        self._lock = threading.Lock()

    def open_input_file(self, _: str) -> Place:
        return self

    def read_at(self, length: int, start: int) -> bytes:
        with self._lock:
            self.asked.append((start, length))
        if self.broken_at is not None and start <= self.broken_at < start + length:
            raise OSError("the line is cut")
        return self.content[start : start + length]

    def close(self) -> None:
        pass


def bytes_of(place: Place, fetcher: Fetcher, *, from_start: bool = False) -> RemoteBytes:
    file = RemoteFile(place, "x", "x", len(place.content), None)
    return RemoteBytes(file, fetcher, from_start=from_start)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"_FIRST": 10, "_WHOLE": 20, "_LONGEST": 50, "_AHEAD": 120}.items():
        monkeypatch.setattr(ranges, name, size)


extents = st.lists(
    st.lists(st.tuples(st.integers(0, 990), st.integers(1, 200)), max_size=5), max_size=8
)


@given(extents, st.integers(21, 1_000), st.booleans(), st.randoms(use_true_random=False))
def test_any_plan_gives_the_right_bytes(
    groups: list[list[Extent]], size: int, from_start: bool, rand: random.Random
) -> None:
    content = rand.randbytes(size)
    place, fetcher = Place(content), Fetcher()
    data = bytes_of(place, fetcher, from_start=from_start)
    inside = [[(at, n) for at, n in group if at + n <= size] for group in groups]
    data.plan(inside)
    for number, group in enumerate(inside):
        for at, n in group:
            assert data.read(at, n) == content[at : at + n]
            into = bytearray(n)
            assert data.read_into(at, memoryview(into)) == n
            assert into == content[at : at + n]
        data.forget(number)
    at, n = rand.randrange(size), rand.randrange(1, size)
    assert data.read(at, n) == content[at : at + n]
    data.close()
    fetcher.close()


def test_each_byte_is_asked_for_once_and_holes_are_small() -> None:
    rand = random.Random(0)
    content = rand.randbytes(100_000)
    place, fetcher = Place(content), Fetcher()
    data = bytes_of(place, fetcher)
    groups: list[list[Extent]] = []
    at = 4
    while at < 99_000:
        groups.append([])
        for _ in range(4):
            n = rand.randrange(1, 140) if rand.random() < 0.1 else rand.randrange(1, 20)
            groups[-1].append((at, n))
            at += n + rand.choice([0, 0, 3, 500])
    data.plan(groups)
    for number, group in enumerate(groups):
        for start, n in group:
            assert data.read(start, n) == content[start : start + n]
        data.forget(number)
    needed = sum(n for group in groups for _, n in group)
    asked = sorted(place.asked)
    assert needed <= sum(n for _, n in asked) <= needed * 1.125 + 10
    assert all(start + n <= then for (start, n), (then, _) in pairwise(asked))
    assert max(n for _, n in asked) <= 1.5 * 50
    assert len(asked) < len(groups) * 4
    data.close()
    fetcher.close()


def test_no_more_is_asked_for_ahead_than_may_be() -> None:
    place, fetcher = Place(bytes(10_000)), Fetcher()
    data = bytes_of(place, fetcher)
    data.plan([[(100 * i, 40)] for i in range(50)])
    data.read(0, 40)
    assert fetcher._held == 120
    data.forget(0)
    data.read(100, 40)
    assert fetcher._held == 120
    # What is needed at once is asked for at once.
    data.read(4_000, 40)
    assert fetcher._held == 160
    data.close()
    assert fetcher._held == 0
    fetcher.close()


def test_threads_never_wait_for_each_other() -> None:
    rand = random.Random(1)
    content = rand.randbytes(50_000)
    fetcher = Fetcher()
    files = [bytes_of(Place(content), fetcher) for _ in range(3)]
    groups = [[(1_000 * i + 90 * k, 80) for k in range(6)] for i in range(45)]
    for data in files:
        data.plan(groups)

    def read(item: tuple[RemoteBytes, int]) -> bool:
        data, number = item
        found = all(data.read(at, n) == content[at : at + n] for at, n in groups[number])
        data.forget(number)
        return found

    items = [(data, number) for data in files for number in range(45)]
    rand.shuffle(items)
    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(read, items, timeout=60))
    fetcher.close()


def test_a_request_that_fails_is_said_by_who_needs_it() -> None:
    place, fetcher = Place(bytes(1_000), broken_at=350), Fetcher()
    data = bytes_of(place, fetcher)
    data.plan([[(100 * i, 40)] for i in range(9)])
    assert data.read(0, 40) == bytes(40)
    with pytest.raises(OSError, match="the line is cut"):
        data.read(300, 60)
    assert data.read(800, 40) == bytes(40)
    fetcher.close()


def test_arrow_reads_any_place() -> None:
    content = random.Random(2).randbytes(1_000)
    fetcher = Fetcher()
    data = bytes_of(Place(content), fetcher)
    data.plan([[(100, 300)]])
    source = data.source()
    assert source.size() == 1_000
    assert source.read_at(250, 130) == content[130:380]
    assert source.read_at(300, 900) == content[900:]
    assert source.seek(20) == 20
    assert source.read(5) == content[20:25]
    assert source.read() == content[25:]
    fetcher.close()


def test_what_is_read_once_is_let_go_of() -> None:
    content = random.Random(3).randbytes(5_000)
    place, fetcher = Place(content), Fetcher()
    data = bytes_of(place, fetcher, from_start=True)
    data.plan_all()
    source = data.source(once=True)
    found = b""
    while part := source.read(33):
        found += part
        assert fetcher._held <= 120 + 50
    assert found == content
    assert sum(n for _, n in place.asked) == 5_000
    data.close()
    assert fetcher._held == 0
    fetcher.close()


def test_results_come_in_order_and_items_are_taken_as_needed() -> None:
    taken = []

    def items() -> Any:
        for i in range(30):
            taken.append(i)
            yield i

    results = in_order(lambda i: i * i, items(), 3, 5)
    assert next(results) == 0
    assert len(taken) == 6
    assert [*results] == [i * i for i in range(1, 30)]
    assert [*in_order(abs, iter([-1, -2]), 1, 5)] == [1, 2]


def test_an_item_that_fails_ends_the_rest() -> None:
    done = []

    def invert(i: int) -> float:
        done.append(i)
        return 1 / (3 - i)

    results = in_order(invert, range(1_000), 2, 4)
    assert [next(results) for _ in range(3)] == [1 / 3, 1 / 2, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert len(done) < 20
