"""The networks that no other of the run beats, from cheap to expensive."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from matplotlib.axes import Axes

from nas.api.frames import data_frame
from nas.api.member import Member
from nas.errors import ConfigError
from nas.measures import PREDICTED
from nas.reading.words import did_you_mean, short
from nas.report.drawing import png, svg
from nas.report.figures import draw_front, front_figure
from nas.report.networks import cost_measure
from nas.report.notebook.html import front_html
from nas.report.summary import headline
from nas.resources import names
from nas.results import front as results
from nas.results import member as found_networks
from nas.results.choice import knee, most_accurate, near_best, recommended
from nas.results.costs import DeviceFigure, cost_of_field, cost_values
from nas.results.run_folder import write_bytes
from nas.results.trials import read_trials


@dataclass(frozen=True, slots=True, repr=False)
class Front(Sequence[Member]):
    """The front of the run in `folder`: `front[0]` is the first member, m1; `result` is what front.json says."""

    folder: Path
    result: results.Front = field(compare=False)
    members: tuple[Member, ...]

    @overload
    def __getitem__(self, index: int) -> Member: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Member, ...]: ...
    def __getitem__(self, index: int | slice) -> Member | tuple[Member, ...]:
        return self.members[index]

    def __len__(self) -> int:
        return len(self.members)

    def knee(self) -> Member:
        """The member beyond which accuracy gets expensive: the farthest above the line from the cheapest to the best.

        Where none is above that line, the cheapest within a point of the best.

        Raises:
            ConfigError: the front is empty.
        """
        measure, members = cost_measure(self.result), self._some()
        return self._member((knee(members, measure) or near_best(members, measure)).key)

    def recommended(self) -> Member:
        """The member that the report says to ship.

        Raises:
            ConfigError: there is none, since nothing was confirmed or nothing learned.
        """
        chosen = recommended(self.result)
        if chosen is None:
            raise ConfigError(f"no network can be recommended: {headline(self.result)}")
        return self._member(chosen.member.key)

    def at(self, **limits: float) -> Member:
        """The most accurate member within limits: `front.at(latency_ms=20)`, `front.at(macs=100e6, params=1e6)`.

        A limit is named as the cost in front.json; of one of several devices `at(**{"latency_ms:pixel4": 20})`.

        Raises:
            ConfigError: there is no such cost, or no member within it.
        """
        members = self._some()
        known = cost_values(members[0].costs)
        for name in limits:
            if name not in known:
                raise ConfigError(f"unknown cost {short(name)}{did_you_mean(name, known)}; known: {names(known)}")
        inside = [each for each in members if all(cost_values(each.costs)[name] <= limits[name] for name in limits)]
        if not inside:
            least = {name: min(cost_values(each.costs)[name] for each in members) for name in limits}
            asked, there = (", ".join(f"{key}={value:g}" for key, value in some.items()) for some in (limits, least))
            raise ConfigError(f"no member of the front is within {asked}; the least there is: {there}")
        return self._member(most_accurate(inside).key)

    def to_frame(self) -> Any:
        """A `pandas.DataFrame`: a row for each member, indexed by its number from 1, as `member=` of commands takes it.

        Raises:
            ConfigError: pandas is not installed.
        """
        return data_frame(list(self._rows()), "member")

    def plot(self, axes: Axes | None = None) -> Axes:
        """The front among all trials and baselines on `axes`, by default new ones of pyplot; those axes."""
        if axes is None:
            from matplotlib import pyplot  # which chooses where pictures go, as no import of this project's does

            axes = pyplot.subplots(layout="constrained")[1]
        draw_front(axes, self.result, read_trials(self.folder))
        axes.legend(fontsize="small")
        return axes

    def save(self, path: str | Path) -> Path:
        """Write the front to a file, by its ending: `.csv`, `.json` as front.json, or the figure as `.png` or `.svg`.

        Raises:
            ConfigError: it ends in something else.
            RunError: it cannot be written.
        """
        write = {".csv": self._csv, ".json": self._json, ".png": self._png, ".svg": self._svg}
        place = Path(path).expanduser()
        if place.suffix.lower() not in write:
            raise ConfigError(f"cannot save the front as {short(place.name)}; the name must end in {', '.join(write)}")
        return write_bytes(place, write[place.suffix.lower()]())

    def __repr__(self) -> str:
        return "\n".join([headline(self.result), *(f"  {each.name}" for each in self)])

    def _repr_html_(self) -> str:
        return front_html(self.result, read_trials(self.folder))

    def _some(self) -> Sequence[found_networks.Member]:
        """The members as front.json has them, of which there is one at least."""
        if not self.members:
            raise ConfigError(f"the front is empty: {headline(self.result)}")
        return self.result.front

    def _member(self, key: str) -> Member:
        return next(each for each in self.members if each.key == key)

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        for number, each in enumerate(self.members, start=1):
            yield {
                "member": number,
                "name": each.name,
                "key": each.key,
                "accuracy": each.accuracy.value,
                "accuracy_low": each.accuracy.low,
                "accuracy_high": each.accuracy.high,
                "val_accuracy": each.result.val_accuracy.value,
                "probability": each.result.probability,
                **_costs(each.result),
                "int8_accuracy": _int8_accuracy(each.result),
                "notation": each.notation,
                "onnx": str(each.files.get("fp32", "")),
                "onnx_int8": str(each.files.get("int8", "")),
            }

    def _csv(self) -> bytes:
        rows, text = list(self._rows()), io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else ["member"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()

    def _json(self) -> bytes:
        return (json.dumps(self.result.to_json(), indent=2, allow_nan=False) + "\n").encode()

    def _png(self) -> bytes:
        return png(front_figure(self.result, read_trials(self.folder)))

    def _svg(self) -> bytes:
        return svg(front_figure(self.result, read_trials(self.folder)))


def _costs(network: found_networks.Member) -> dict[str, Any]:
    """By the columns of trials.csv."""
    row: dict[str, Any] = {}
    for name, value in cost_values(network.costs).items():
        row[name] = value
        figure = cost_of_field(network.costs, name)
        if isinstance(figure, DeviceFigure) and name in PREDICTED and (ends := PREDICTED[name].predicted):
            row |= {ends[0]: figure.low, ends[1]: figure.high}
    return row


def _int8_accuracy(network: found_networks.Member) -> float | None:
    file = network.shipped().file("int8")
    return file.accuracy.value if file and file.accuracy else None
