"""Runs of a multirun started by one of Hydra's launchers: `-m hydra/launcher=joblib`, `submitit_slurm` and others.

Each run is a process of its own, `python -m nas.NAME …` in its run folder, wherever the launcher starts it; one that is
there already goes on. A launcher may write down what it is to do, so words with a password are refused.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf

from nas.commandline.several import OneOf
from nas.errors import ConfigError
from nas.reading.passwords import hide
from nas.reading.words import cut
from nas.resources import data_dir

_KEYS = ("hydra/launcher", "hydra.launcher")
BASIC = "basic"
"""Hydra's own, which starts one run after another; so do we, without it."""


def is_of_launcher(key: str) -> bool:
    """Whether a key of the command line chooses a launcher, or is one of its settings."""
    return key in _KEYS or key.startswith(f"{_KEYS[1]}.")


def launcher_words(words: Sequence[str], *, multirun: bool) -> list[str]:
    """Those of `words` that choose another launcher than Hydra's own, and its settings; none where they do not.

    Raises:
        ConfigError: there is but one run to start, or a word holds a password.
    """
    found = [word for word in words if is_of_launcher(word.lstrip("+").partition("=")[0])]
    if not any(word.partition("=")[::2] != (_KEYS[0], BASIC) for word in found):
        return []
    if not multirun:
        raise ConfigError(f"{cut(found[0])} goes with -m, which starts several runs")
    if secret := [word for word in words if hide(word) != word]:
        key = cut(secret[0].partition("=")[0])
        raise ConfigError(f"{key}: a launcher may write the password down; give {key}=env:NAME instead")
    return found


@dataclass(frozen=True, slots=True)
class Started:
    """What a launcher calls, in whatever process: the run of the folder that Hydra names then."""

    name: str
    place: str
    words: Mapping[str, Sequence[str]]
    environments: Mapping[str, Mapping[str, str]]

    def __call__(self, config: DictConfig) -> int:
        """The exit code of the run."""
        folder = str(HydraConfig.get().runtime.output_dir)
        command = [sys.executable, "-m", f"nas.{self.name}", *self.words[folder], f"hydra.run.dir={_quoted(folder)}"]
        environment = {
            **os.environ,
            **self.environments[folder],
            "TTY_COMPATIBLE": "0",
        }  # lines, since several runs share the terminal
        return subprocess.run(command, cwd=self.place, env=environment, check=False).returncode


def launch(name: str, launcher: Sequence[str], runs: Sequence[tuple[Path, DictConfig, OneOf | None]]) -> list[int]:
    """Start the runs, each a folder, its configuration and its number, by the launcher that the words choose.

    Returns their exit codes.

    Raises:
        ConfigError: the launcher cannot be started.
    """
    words = {str(folder): _words(config) for folder, config, _ in runs}
    told = {str(folder): place.environment() if place else {} for folder, _, place in runs}
    parent = os.path.commonpath([folder.parent for folder, *_ in runs])
    jobs = [[f"hydra.sweep.subdir={_quoted(os.path.relpath(folder, parent))}"] for folder, *_ in runs]
    where = f"hydra.sweep.dir={_quoted(parent)}"
    with hydra.initialize_config_dir(str(data_dir("conf")), job_name=name, version_base="1.3"):
        ours: Any = GlobalHydra.instance().hydra
        overrides = [*launcher, where, "hydra.output_subdir=null"]
        config = ours.compose_config(name, overrides, RunMode.MULTIRUN, with_log_configuration=False)
        context = HydraContext(config_loader=ours.config_loader, callbacks=Callbacks())
        started: Any = Started(name, os.getcwd(), words, told)
        try:
            chosen = Plugins.instance().instantiate_launcher(context, started, config)
        except Exception as error:  # whatever its settings lead to
            raise ConfigError(f"{cut(launcher[0])}: {cut(str(error), 200)}") from None
        return [int(returned.return_value) for returned in chosen.launch(jobs, 0)]


def _words(config: DictConfig) -> list[str]:
    """The words of one run, as it is started by itself."""
    own: Any = OmegaConf.to_container(config.hydra.overrides.hydra)
    return [*task_words(config), *(word for word in own if word.startswith("hydra.searchpath="))]


def task_words(config: DictConfig) -> list[str]:
    """The words that set what a run is told, without those of Hydra."""
    task: Any = OmegaConf.to_container(config.hydra.overrides.task)
    return list(task)


def _quoted(text: str) -> str:
    return QuotedString(text, Quote.single).with_quotes()
