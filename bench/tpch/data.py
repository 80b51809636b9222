"""Rows of TPC-H's eight tables: its columns, keys and the distributions that its queries select by, made by numpy.

Not dbgen's own rows: texts are shorter and drawn from fewer words. At scale s there are 6,000,000 s lines of orders.
Source: TPC-H specification, clause 4.2, for words, ranges and numbers of rows.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

Row = tuple[Any, ...]
Numbers = npt.NDArray[np.int64]

REGIONS = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"]
NATIONS = [
    *[("ALGERIA", 0), ("ARGENTINA", 1), ("BRAZIL", 1), ("CANADA", 1), ("EGYPT", 4), ("ETHIOPIA", 0), ("FRANCE", 3)],
    *[("GERMANY", 3), ("INDIA", 2), ("INDONESIA", 2), ("IRAN", 4), ("IRAQ", 4), ("JAPAN", 2), ("JORDAN", 4)],
    *[("KENYA", 0), ("MOROCCO", 0), ("MOZAMBIQUE", 0), ("PERU", 1), ("CHINA", 2), ("ROMANIA", 3)],
    *[("SAUDI ARABIA", 4), ("VIETNAM", 2), ("RUSSIA", 3), ("UNITED KINGDOM", 3), ("UNITED STATES", 1)],
]
COLORS = ["almond", "azure", "blue", "coral", "forest", "green", "ivory", "lemon", "linen", "plum", "rose", "snow"]
TYPES = [
    f"{a} {b} {c}"
    for a in ("STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO")
    for b in ("ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED")
    for c in ("TIN", "NICKEL", "BRASS", "STEEL", "COPPER")
]
CONTAINERS = [
    f"{a} {b}" for a in ("SM", "LG", "MED", "JUMBO", "WRAP") for b in ("CASE", "BOX", "BAG", "JAR", "PKG", "PACK")
]
SEGMENTS = ["AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD"]
PRIORITIES = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"]
INSTRUCTIONS = ["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"]
MODES = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB", "AIR REG"]
WORDS = ["carefully", "final", "deposits", "special", "requests", "quickly", "ironic", "packages"]
FIRST_DAY = datetime.date(1992, 1, 1)
LAST_ORDER = (datetime.date(1998, 8, 2) - FIRST_DAY).days
TODAY = (datetime.date(1995, 6, 17) - FIRST_DAY).days


def cents(value: int) -> Decimal:
    """Return an amount given in hundredths."""
    return Decimal(int(value)).scaleb(-2)


def day(number: int) -> datetime.date:
    """Return a day counted from the first order."""
    return FIRST_DAY + datetime.timedelta(int(number))


class Maker:
    """Makes rows of each table from one seed; the same calls give the same rows."""

    def __init__(self, scale: float, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.suppliers = max(int(10_000 * scale), 25)
        self.parts = max(int(200_000 * scale), 60)
        self.customers = max(int(150_000 * scale), 60)
        self.orders = max(int(1_500_000 * scale), 300)

    def tables(self) -> dict[str, list[Row]]:
        """Return all rows of all tables."""
        orders, lines = self._orders_and_lines(range(1, self.orders + 1))
        return {
            "region": [(i, name, self._text()) for i, name in enumerate(REGIONS)],
            "nation": [(i, name, region, self._text()) for i, (name, region) in enumerate(NATIONS)],
            "supplier": [self.supplier(i) for i in range(1, self.suppliers + 1)],
            "part": [self.part(i) for i in range(1, self.parts + 1)],
            "partsupp": [self.partsupp(p, s) for p in range(1, self.parts + 1) for s in self.suppliers_of(p)],
            "customer": [self.customer(i) for i in range(1, self.customers + 1)],
            "orders": orders,
            "lineitem": lines,
        }

    def _number(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def _one(self, words: Sequence[str]) -> str:
        return words[int(self.rng.integers(len(words)))]

    def _text(self) -> str:
        return " ".join([self._one(WORDS) for _ in range(4)])

    def _phone(self, nation: int) -> str:
        return f"{10 + nation}-{self._number(100, 999)}-{self._number(100, 999)}-{self._number(1000, 9999)}"

    def supplier(self, key: int) -> Row:
        """Make a supplier; a few have complaints."""
        nation = self._number(0, 24)
        comment = "Customer many Complaints" if self.rng.random() < 0.05 else self._text()
        balance = cents(self._number(-99_999, 999_999))
        return key, f"Supplier#{key:09d}", f"address {key}", nation, self._phone(nation), balance, comment

    def part(self, key: int) -> Row:
        """Make a part."""
        maker = self._number(1, 5)
        name = " ".join([self._one(COLORS) for _ in range(3)])
        price = cents(90_000 + (key // 10) % 20_001 + 100 * (key % 1_000))
        brand = f"Brand#{maker}{self._number(1, 5)}"
        size = self._number(1, 50)
        return (
            *(key, name, f"Manufacturer#{maker}", brand, self._one(TYPES), size),
            *(self._one(CONTAINERS), price, self._text()),
        )

    def suppliers_of(self, part: int) -> list[int]:
        """Return the four suppliers of a part."""
        step = self.suppliers // 4 + (part - 1) // self.suppliers
        return sorted({(part + i * step) % self.suppliers + 1 for i in range(4)})

    def partsupp(self, part: int, supplier: int) -> Row:
        """Make what a supplier asks for a part."""
        return part, supplier, self._number(1, 9_999), cents(self._number(100, 100_000)), self._text()

    def customer(self, key: int) -> Row:
        """Make a customer."""
        nation = self._number(0, 24)
        balance = cents(self._number(-99_999, 999_999))
        phone = self._phone(nation)
        return key, f"Customer#{key:09d}", f"street {key}", nation, phone, balance, self._one(SEGMENTS), self._text()

    def _orders_and_lines(self, keys: Sequence[int]) -> tuple[list[Row], list[Row]]:
        orders, lines = [], []
        for key in keys:
            order, own = self.order(key)
            orders.append(order)
            lines += own
        return orders, lines

    def order(self, key: int) -> tuple[Row, list[Row]]:
        """Make an order and its lines; every third customer orders nothing."""
        customer = self._number(1, self.customers)
        customer -= customer % 3 == 0
        date = self._number(0, LAST_ORDER - 151)
        lines = [self._line(key, number, date) for number in range(1, self._number(1, 7) + 1)]
        states = {line[9] for line in lines}
        state = states.pop() if len(states) == 1 else "P"
        total = sum(((line[5] * (1 + line[7]) * (1 - line[6])) for line in lines), Decimal(0)).quantize(Decimal("0.01"))
        clerk = f"Clerk#{self._number(1, 1000):09d}"
        return (key, customer, state, total, day(date), self._one(PRIORITIES), clerk, 0, self._text()), lines

    def _line(self, order: int, number: int, date: int) -> Row:
        part = self._number(1, self.parts)
        suppliers = self.suppliers_of(part)
        quantity = self._number(1, 50)
        price = cents(quantity * (90_000 + (part // 10) % 20_001 + 100 * (part % 1_000)))
        shipped, committed = date + self._number(1, 121), date + self._number(30, 90)
        received = shipped + self._number(1, 30)
        flag = ("R" if self.rng.random() < 0.5 else "A") if received <= TODAY else "N"
        return (
            *(order, part, suppliers[self._number(0, len(suppliers) - 1)], number, Decimal(quantity), price),
            *(cents(self._number(0, 10)), cents(self._number(0, 8)), flag, "O" if shipped > TODAY else "F"),
            *(day(shipped), day(committed), day(received), self._one(INSTRUCTIONS), self._one(MODES), self._text()),
        )
