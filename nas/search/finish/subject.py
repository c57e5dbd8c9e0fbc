"""What is to be trained: networks, and the images and pretrained weights that they learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nas.data.prepare import describe
from nas.data.settings import DataSettings
from nas.errors import ArchitectureError, ConfigError
from nas.nets.pretrained import NONE, absolute, auto_space
from nas.reading.checks import checked
from nas.reading.files import read_text
from nas.reading.words import cut, short
from nas.reading.yaml_text import parse_yaml
from nas.results.front import Front
from nas.results.member import Member
from nas.results.named import ALL, find_architecture, find_member, run_of
from nas.results.run_folder import read_front
from nas.search.finish.settings import TrainSettings
from nas.spaces.architecture import Architecture
from nas.spaces.load import AUTO, load_space
from nas.spaces.space import SearchSpace


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a run's `.hydra/config.yaml` says of its images and of where its networks start."""

    data: DataSettings
    search_space: str
    init: str = NONE


@dataclass(frozen=True, slots=True)
class Subject:
    """Networks by what they are called, the images, split with `seed`, and pretrained weights or `NONE`.

    `space` tells stages of networks that start from the weights; None: their blocks do. `front` is that of the run.
    """

    folder: Path
    networks: Mapping[str, Architecture]
    data: DataSettings
    seed: int
    init: str
    space: SearchSpace | None = None
    front: Front | None = None

    def about(self, arch: Architecture) -> Member | None:
        """What the run knows of a network."""
        members = self.front.confirmed if self.front else ()
        return next((each for each in members if each.key == arch.key), None)


def subject_of(settings: TrainSettings, folder: Path) -> Subject:
    """What the settings ask for; `folder` is where a training of `arch` goes.

    Raises:
        NasError: a setting is wrong, or the run cannot be read.
    """
    if settings.run is not None:
        return _of_run(settings, settings.run)
    assert settings.arch is not None
    assert settings.data is not None
    assert not isinstance(settings.member, tuple)
    arch, data = find_architecture(settings.arch, settings.member), settings.augment.of(settings.data)
    about = describe(data)
    arch = replace(arch, in_channels=about.channels, classes=len(about.classes))
    return Subject(folder, {settings.arch: arch}, data, settings.seed, absolute(settings.init or NONE))


def _of_run(settings: TrainSettings, run: str) -> Subject:
    folder = run_of(run)
    if folder is None:
        raise ConfigError(f"run={short(run)} is no folder of a finished search: it has no front.json")
    front, where = read_front(folder), cut(run, 200)
    networks = {f"member {text}": each for text, each in _members(front, settings.member, where)}
    path = folder / ".hydra" / "config.yaml"
    config = _read(path) if path.is_file() else None
    data = settings.data or (config.data if config else None)
    if data is None:
        raise ConfigError(f"{cut(str(path), 200)} is not there, which says how images are read; give data=…")
    init = settings.init or (config.init if config else NONE)
    space = _space(config, front) if config and init != NONE else None
    return Subject(
        folder.resolve(),
        {name: each.architecture for name, each in networks.items()},
        settings.augment.of(data),
        front.seed,
        absolute(init),
        space,
        front,
    )


def _members(front: Front, member: object, where: str) -> Sequence[tuple[str, Member]]:
    if member == ALL:
        if not front.front:
            raise ArchitectureError(f"{where} has no member on its front")
        return [(str(number), each) for number, each in enumerate(front.front, start=1)]
    wanted = member if isinstance(member, tuple) else (member,)
    return [(str(each), find_member(front, each, where)) for each in wanted]


def _read(path: Path) -> RunConfig:
    where = cut(str(path), 200)
    return checked(RunConfig, parse_yaml(read_text(path, ConfigError), where, ConfigError), where, ConfigError)


def _space(config: RunConfig, front: Front) -> SearchSpace:
    """The run's search space, by which its networks are cut out of weights."""
    pixels = front.data.native_resolution
    chosen = config.search_space
    space = load_space(auto_space(config.init, pixels) if chosen == AUTO else chosen)
    (channels,) = {each.architecture.in_channels for each in front.confirmed[:1]}
    return space.with_data(channels, len(front.data.classes), pixels)
