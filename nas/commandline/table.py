"""The commands that there are: each is `python -m nas.NAME`, and `sepconv-nas NAME`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listed:
    """A command: what it does, and `module:class` of its settings; none for one that takes no `key=value`."""

    does: str
    settings: str = ""


COMMANDS: Mapping[str, Listed] = {
    "search": Listed("search networks for a device, a budget and images", "nas.search.settings:SearchSettings"),
    "data": Listed("look at images before a search", "nas.data.__main__:SurveySettings"),
    "report": Listed("make the report of a run again"),
    "train": Listed("train a member of a front, or any network, in full", "nas.search.finish.settings:TrainSettings"),
    "export": Listed("write files of a run's networks for any device", "nas.export:ExportSettings"),
    "predict": Listed("predict how fast a network is on a device", "nas.predict:PredictSettings"),
    "describe": Listed("show a network stage by stage or layer by layer", "nas.describe:DescribeSettings"),
    "bench": Listed("measure how fast a network is", "nas.bench:BenchSettings"),
    "networks": Listed("list the published networks", "nas.networks:NetworksSettings"),
    "devices": Listed("list the devices that are known", "nas.devices:DevicesSettings"),
    "validate": Listed("show how well a device is predicted", "nas.validate:ValidateSettings"),
    "record": Listed("measure a device", "nas.record:RecordSettings"),
    "dashboard": Listed("open a run in optuna-dashboard, or in Weights & Biases", "nas.dashboard:DashboardSettings"),
}
"""By name, in the order in which they are listed."""
