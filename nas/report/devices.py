"""A search on several devices as each of them sees it: what every figure and sentence of one device takes."""

from collections.abc import Sequence
from dataclasses import replace

from nas.results.front import Front
from nas.results.several import OneDevice, seen_on
from nas.results.trials import TrialRow


def views(front: Front) -> tuple[Front, ...]:
    """The front on each of several devices, as if it were the only one; of a single device the front itself."""
    return tuple(_view(front, each) for each in front.several.devices) if front.several else (front,)


def device_names(front: Front) -> tuple[str, ...]:
    """What the devices are called."""
    return tuple(each.name for each in front.several.devices) if front.several else (front.hardware.name,)


def devices_text(front: Front) -> str:
    """The devices by their full names."""
    return " and ".join(view.hardware.device for view in views(front))


def _view(front: Front, one: OneDevice) -> Front:
    text = tuple(each.removesuffix(f" on {one.name}") for each in front.budget.text if _is_of(each, front, one))
    return replace(
        front,
        hardware=one.hardware,
        budget=replace(front.budget, limits={**front.budget.limits, **one.budget}, text=text),
        objectives=("accuracy", "latency"),
        baselines=tuple(seen_on(each, one.name) for each in front.baselines),
        front=tuple(seen_on(each, one.name) for each in front.front),
        confirmed=tuple(seen_on(each, one.name) for each in front.confirmed),
        gain=one.gain,
        several=None,
    )


def _is_of(text: str, front: Front, one: OneDevice) -> bool:
    """Whether a limit of the budget is one of that device, or of all."""
    others = [each.name for each in front.several.devices if each.name != one.name] if front.several else []
    return not any(text.endswith(f" on {name}") for name in others)


def trials_on(trials: Sequence[TrialRow], device: str) -> list[TrialRow]:
    """The trials with what they cost on that one of several devices, as if it were the only one."""
    return [replace(row, costs={**row.costs, **dict(_of_device(row, device))}) for row in trials]


def _of_device(row: TrialRow, device: str) -> list[tuple[str, float]]:
    parts = [(*field.partition(":"), value) for field, value in row.on_devices.items()]
    return [(field, value) for field, _, name, value in parts if name == device]
