"""Plans a redrive: writes the journal of the runs that are selected. Aside first, so that no half of one is left."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .. import FailedRun, FlowControl, InvalidResponseError, Overrides, filter_names
from ..matching import Matcher
from ._journal import APPLICATION, SCHEMA, VERSION, packed, settings_as_json
from ._model import ACTIONS, JournalError, RedriveError, Settings, State

# More ids than that are looked for in a scan of the whole queue, instead of one after the other.
MOST_SINGLE_LOOKUPS = 200

# Filters that the service does not have.
HERE = ("failure", "contains", "fingerprint")

_MANY = 500


class Selection:
    """Which runs, as it was asked for. Exactly one of ids, filters and the whole queue."""

    def __init__(self, action: str, given: dict[str, Any]) -> None:
        if action not in ACTIONS:
            raise ValueError(f"action is {action!r}; it must be one of {', '.join(ACTIONS)}")
        self.action = action
        here: dict[str, Any] = {name: given.pop(name) for name in HERE if name in given}
        self._matcher = Matcher(here)
        self.all = given.pop("all", False)
        self.ids = given.pop("dlq_ids", None)
        self.overrides = _overrides(action, given)
        self.filters = {name: value for name, value in given.items() if value is not None}
        unknown = self.filters.keys() - set(filter_names())
        if unknown:
            known = ", ".join([*filter_names(), *HERE])
            raise TypeError(f"there is no filter {min(unknown)!r}. The filters are {known}")
        has_filters = bool(self.filters) or not self._matcher.is_empty
        targets = {"dlq_ids": self.ids is not None, "filters": has_filters, "all": self.all}
        if sum(map(bool, targets.values())) != 1:
            got = " and ".join(name for name, is_given in targets.items() if is_given) or "none"
            raise ValueError(f"pass exactly one of dlq_ids=, filters, and all=True for the whole queue; got {got}")

    def matches(self, run: FailedRun) -> bool:
        """What the service cannot look at."""
        return self._matcher.is_empty or self._matcher.matches(run)


class Named:
    """Runs that were given, and ids to look for."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self.ids: dict[str, None] = {}

    def take(self, item: object) -> None:
        """One of the given `dlq_ids`."""
        if isinstance(item, FailedRun):
            self._planner.add(item)
        elif isinstance(item, str):
            self.ids[item] = None
        else:
            raise TypeError(f"dlq_ids takes failed runs and their ids, not {type(item).__name__}")

    @property
    def needs_scan(self) -> bool:
        return len(self.ids) > MOST_SINGLE_LOOKUPS

    def take_of_scan(self, run: FailedRun) -> None:
        if (dlq_id := run.sendable_id) in self.ids:
            self._planner.add(run)
            del self.ids[dlq_id]

    def rest_is_missing(self) -> None:
        for dlq_id in self.ids:
            self._planner.add_missing(dlq_id)


def _overrides(action: str, given: dict[str, Any]) -> dict[str, Any]:
    """As bulk calls take them: by name, or together as `overrides`; `label` by itself is a filter."""
    apart = {name: given.pop(name) for name in [*given] if name in Overrides.__annotations__ and name != "label"}
    together = given.pop("overrides", None) or {}
    twice = apart.keys() & together.keys()
    if twice:
        raise TypeError(f"{min(twice)} is given twice, by itself and in overrides")
    overrides = {name: value for name, value in {**together, **apart}.items() if value is not None}
    if "label" in overrides and not isinstance(overrides["label"], str):
        overrides["label"] = list(overrides["label"])  # which may be read once only
    if action == "delete" and overrides:
        raise ValueError(f"a delete starts no run, and takes no overrides; got {', '.join(overrides)}")
    return overrides


def overrides_as_json(overrides: dict[str, Any]) -> dict[str, Any]:
    """What JSON lacks as text: a delay in seconds, flow control as its fields."""
    plain = dict(overrides)
    if isinstance(plain.get("delay"), timedelta):
        plain["delay"] = _seconds(plain["delay"])
    flow = plain.get("flow_control")
    if isinstance(flow, FlowControl):
        period = _seconds(flow.period) if isinstance(flow.period, timedelta) else flow.period
        plain["flow_control"] = {**asdict(flow), "period": period}
    return plain


def overrides_of_json(plain: dict[str, Any]) -> dict[str, Any]:
    flow = plain.get("flow_control")
    return plain if flow is None else {**plain, "flow_control": FlowControl(**flow)}


def _seconds(span: timedelta) -> str:
    return f"{span // timedelta(seconds=1)}s"


class Planner:
    """Takes the runs one by one, and makes the journal of them when it ends without an error."""

    def __init__(
        self,
        path: Path,
        selection: Selection,
        base_url: str,
        region: str | None,
        on_progress: Callable[[int], object] | None,
    ) -> None:
        self._path = path
        self._on_progress = on_progress
        self._aside = path.with_name(f".{path.name}.{os.getpid()}-{time.monotonic_ns()}")
        self._about = {
            "action": selection.action,
            "overrides": json.dumps(overrides_as_json(selection.overrides)),
            "base_url": base_url,
            "region": region,
            "planned_at": time.time_ns() // 1_000_000,
            "settings": settings_as_json(Settings()),
        }
        self.count = 0
        self._left_out = 0
        self._waiting: list[tuple[str, FailedRun | None]] = []
        if path.exists():
            raise RedriveError(f"{path} exists already; a plan does not replace anything: pass another name")
        for left in (path.with_name(f"{path.name}{end}") for end in ("-wal", "-journal")):
            # SQLite would apply it to the new journal: what an earlier one of this name was about would be in it.
            if left.exists():
                raise RedriveError(f"{left} is left of an earlier journal: delete it, or pass another name")
        try:
            self._connection = sqlite3.connect(self._aside, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._failed(error) from None
        try:
            self._connection.executescript(
                f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA application_id = {APPLICATION};"
                f"PRAGMA user_version = {VERSION}; {SCHEMA}"
            )
        except sqlite3.Error as error:
            self._remove()
            raise self._failed(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            self._remove()

    def _remove(self) -> None:
        """What was written aside. The finished journal has another name."""
        self._connection.close()
        for path in (self._aside, self._aside.with_name(f"{self._aside.name}-wal")):
            with suppress(OSError):
                path.unlink()

    def add(self, run: FailedRun) -> None:
        """A run that is in the queue. Each once, whatever the service does."""
        dlq_id = run.sendable_id
        if dlq_id is None:
            self._left_out += 1
        else:
            self._add(dlq_id, run)

    def add_missing(self, dlq_id: str) -> None:
        """An id that was asked for, and is not in the queue."""
        self._add(dlq_id, None)

    def _add(self, dlq_id: str, run: FailedRun | None) -> None:
        self._waiting.append((dlq_id, run))
        if len(self._waiting) >= _MANY:
            self._write()

    def _write(self) -> None:
        try:
            self._connection.execute("BEGIN")
            for dlq_id, run in self._waiting:
                self._insert(dlq_id, run)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(error) from None
        self._waiting.clear()
        if self._on_progress is not None:
            self._on_progress(self.count)

    def _insert(self, dlq_id: str, run: FailedRun | None) -> None:
        row = (dlq_id, _entered(run), State.GONE if run is None else State.PLANNED)
        query = "INSERT OR IGNORE INTO run (dlq_id, entered, state) VALUES (?, ?, ?)"
        inserted = self._connection.execute(query, row)
        if inserted.rowcount and run is None:
            self._connection.execute(
                "UPDATE run SET error = 'not in the queue when it was planned', at = ? WHERE number = ?",
                (self._about["planned_at"], inserted.lastrowid),
            )
        elif inserted.rowcount and run is not None:
            self._connection.execute("INSERT INTO payload VALUES (?, ?, ?)", (inserted.lastrowid, *packed(run)))
            self.count += 1

    def _finish(self) -> None:
        self._write()
        if not self.count:
            raise RedriveError("no failed run matches; no journal was made, and nothing was sent but reads")
        about = {**self._about, "left_out": self._left_out}
        try:
            self._connection.executemany("INSERT INTO about VALUES (?, ?)", about.items())
            # It stays so. Whoever opens the journal first has nothing to change, for which SQLite would not wait.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.close()
            _sync(self._aside)
            _rename_to_new(self._aside, self._path)
        except FileExistsError:
            raise RedriveError(f"{self._path} exists already; a plan does not replace anything") from None
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> JournalError:
        return JournalError(f"{self._path} cannot be written: {getattr(error, 'strerror', None) or error}")


def _entered(run: FailedRun | None) -> int | None:
    if run is None:
        return None
    try:
        moment = run.entered_at or run.created_at
    except InvalidResponseError:
        return None
    return None if moment is None else int(moment.timestamp() * 1000)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _rename_to_new(source: Path, target: Path) -> None:
    """Raises FileExistsError, and replaces nothing."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError(target) from None
        os.rename(source, target)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
