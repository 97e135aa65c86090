"""Numbers as people type them: ASCII digits only. Python takes more for a number: `1_000`, digits of other scripts."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    ParamType = click.ParamType
else:

    class ParamType(click.ParamType):
        """Before click 8.4 it takes no type in brackets."""

        def __class_getitem__(cls, converted: Any) -> Any:
            return cls


# More wait than anybody has. Beyond it, sockets overflow.
A_DAY = 86_400


class Whole(ParamType[Any]):
    """A whole number that is not negative, or one of these words."""

    name = "number"

    def __init__(self, *words: str) -> None:
        self._words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, int) or value in self._words:
            return value
        if not re.fullmatch("[0-9]{1,18}", str(value)):
            self.fail(f"{value!r} is no whole number, such as {' or '.join(['20', *self._words])}", param, ctx)
        return int(value)


class Seconds(ParamType[float]):
    """A wait, with decimals."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        number = float(value) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}", str(value)) else math.nan
        if not 0 < number <= A_DAY:
            self.fail(f"{value!r} is no number of seconds, such as 0.5 or 30 (up to {A_DAY:,})", param, ctx)
        return number


WHOLE, LIMIT, SECONDS = Whole(), Whole("all"), Seconds()
