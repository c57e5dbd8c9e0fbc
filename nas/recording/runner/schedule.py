"""In which order a plan's models are measured: what comes next, by the rows of the results so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .figures import Row, finished, settled

GROUPS = 2  # of chunks, measured one after the other


class Schedule:
    """One configuration (threads, precision, cores) of a plan. `bursts`: the rows of each model, by its id."""

    def __init__(self, plan: Row, configuration: Row, rows: Iterable[Row]) -> None:
        self._name = configuration["name"]
        self._chunks: list[list[Row]] = plan["chunks"]
        self._budget_s, self._used_s = 60 * plan["minutes"], 0.0
        self.bursts: dict[str, list[Row]] = {}
        self._profiled: set[str] = set()
        for row in rows:
            if row.get("configuration") == self._name:
                self.count(row)

    def count(self, row: Row) -> None:
        """Take a further row of this configuration into account."""
        if row["type"] == "burst":
            self.bursts.setdefault(row["id"], []).append(row)
        elif row["type"] == "profile":
            self._profiled.add(row["id"])
        self._used_s += row.get("seconds", 0.0)

    def follow(
        self,
        burst: Callable[[Row], None],
        profile: Callable[[Row], None],
        report: Callable[[str], None],
        begin_group: Callable[[], None] = lambda: None,
    ) -> None:
        """Time models as long as there is one to be timed: `burst` and `profile` measure one, and count its row."""
        while models := self.next_models():
            begin_group()
            while waiting := self.next_pass(models):
                for model in waiting:
                    burst(model)
                report(self.line())
            for model in self.unprofiled(models):
                profile(model)

    def next_models(self) -> list[Row]:
        """The models under way, else those of the next chunks that there is time for; none when all is done."""
        waiting = [chunk for chunk in self._chunks if self.unprofiled(chunk)]
        begun = [chunk for chunk in waiting if any(model["id"] in self.bursts for model in chunk)]
        if not begun:
            done = len(self._chunks) - len(waiting)
            chunk_s = self._used_s / max(done, 1)
            left_s = self._budget_s - self._used_s
            most = min(left_s, self._budget_s / GROUPS) / chunk_s if done else 1
            begun = waiting[: max(1, round(most))] if left_s > chunk_s / 2 else []
        return [model for chunk in begun for model in chunk]

    def next_pass(self, models: Sequence[Row]) -> list[Row]:
        """Those of `models` to be timed once more: of the ones not finished, those with the fewest bursts."""
        counts = {model["id"]: len(self.bursts.get(model["id"], ())) for model in models}
        waiting = [model for model in models if not finished(self.bursts.get(model["id"], ()), model["kind"])]
        fewest = min((counts[model["id"]] for model in waiting), default=0)
        return [model for model in waiting if counts[model["id"]] == fewest]

    def unprofiled(self, models: Sequence[Row]) -> list[Row]:
        """Those of `models` whose last row, that of the profiler, is still to come."""
        return [model for model in models if model["id"] not in self._profiled]

    def line(self) -> str:
        """One line for the user."""
        kinds = {model["id"]: model["kind"] for chunk in self._chunks for model in chunk}
        bursts = {key: found for key, found in self.bursts.items() if key in kinds}
        measured = {key: found for key, found in bursts.items() if finished(found, kinds[key])}
        networks = sum(kinds[key] == "network" for key in measured)
        unsettled = sum(not settled(found, kinds[key]) for key, found in measured.items())
        counts = f"{networks} networks, {len(measured) - networks} layers, {unsettled} not settled"
        return f"{self._name}: {self._used_s:.0f} of {self._budget_s:.0f} s: {counts}"
