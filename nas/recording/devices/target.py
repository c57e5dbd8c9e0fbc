"""One device to measure on: its kind, and how it is reached."""

from dataclasses import dataclass, field, fields

from nas.errors import ConfigError
from nas.reading.words import short
from nas.recording.devices import DEVICES, Kind
from nas.recording.devices.base import Measure, Reach


@dataclass(frozen=True, slots=True)
class Target:
    """A device of the kind `kind`, reached by those settings of `reach` that go with it."""

    kind: Kind = "host"
    reach: Reach = field(default_factory=Reach)

    def __post_init__(self) -> None:
        for key in (each.name for each in fields(Reach)):
            value = getattr(self.reach, key)
            if value is not None and key not in DEVICES[self.kind].takes:
                kinds = [kind for kind, device in DEVICES.items() if key in device.takes]
                raise ConfigError(f"{key} goes with device={' or device='.join(kinds)}, not with device={self.kind}")
            if isinstance(value, str) and (not value or value.startswith("-")):
                raise ConfigError(f"{key} must not be empty or begin with -, got {short(value)}")
        DEVICES[self.kind].check(self.reach)


def open_device(target: Target, name: str) -> Measure:
    """What measures on `target`; `name` is the profile's, and names the folder on a device that is not this host."""
    return DEVICES[target.kind].open(target.reach, name)
