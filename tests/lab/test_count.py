# SPDX-License-Identifier: GPL-2.0-only
"""
What operations cost in instructions, by who executes them: a host with one
processor that counts them.
"""

import pytest

import counting

pytestmark = [pytest.mark.exhaustive, pytest.mark.has_another_lab]


@pytest.fixture(scope="module")
def counted():
    lab = counting.Counted()
    yield lab
    lab.down()


def total(counted, kind, what, few, many):
    cost = counted.cost(kind, what, few, many)
    print(kind, what, {who: round(n) for who, n in cost.items()})
    return sum(cost.values())


@pytest.mark.parametrize("kind", counting.KINDS)
def test_loop(counted, kind):
    """Two instructions each time, and no instruction too few or too many."""
    assert counted.cost(kind, "loop", 10**6, 10**7)["process"] == 2


def test_each_domain_is_another(counted):
    found = [counted.domains[kind] for kind in ("dom0", *counting.GUESTS)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("kind", ("dom0", *counting.GUESTS))
def test_data_path_is_native(counted, kind):
    """To post and to poll is the same in a guest's process as without Xen, to
    the instruction."""
    found, native = ([round(cost["process"]) for cost in
                      counted.costs(of, "message", 200, 1200)]
                     for of in (kind, "native"))
    assert len(found) == 3
    assert found == native


# 1 MiB and 4 KiB, as counted.c has them
PAGES_MORE = 255
MOST_AGAIN = 1.35


@pytest.mark.parametrize("kind", counting.GUESTS)
def test_registered_again(counted, kind):
    """What a guest registers again costs for each page no more than what is
    registered without Xen, nearly. And that costs something."""
    guest, native = (
        (total(counted, of, "reg_1m", 20, 120) -
         total(counted, of, "reg_4k", 20, 120)) / PAGES_MORE
        for of in (kind, "native"))
    print("for each page:", guest, native)
    assert native > 1
    assert guest <= MOST_AGAIN * native
