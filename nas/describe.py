"""`python -m nas.describe arch=mobilenet_v2`: a network stage by stage, its costs and its predicted milliseconds."""

import json
import re
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nas.commandline import Invocation, command, warn
from nas.errors import ConfigError
from nas.latency.anatomy import anatomy
from nas.latency.doubtful import doubtful_times
from nas.latency.profile import load_profile
from nas.reading.plain import one_line
from nas.report.anatomy.svg import anatomy_svg
from nas.report.anatomy.table import anatomy_json, print_anatomy
from nas.results.named import find_architecture
from nas.results.run_folder import write_text

MOST_DEVICES = 8


@dataclass(frozen=True, slots=True)
class DescribeSettings:
    """What `nas.describe` can be told."""

    arch: str
    """What `nas.predict` takes: a name such as mobilenet_v2, a JSON or exported ONNX file, a notation, or a member of a
    run, as RUN#2."""
    member: int | str | None
    """Where arch is the folder of a run or its front.json: which network, such as 2, by its number in the front, or its
    key."""
    hardware: str | tuple[str, ...] | None
    """Profiles whose milliseconds are shown, as in `nas.predict`; a list such as [pixel4,raspberry_pi4]; null for
    none."""
    precision: Literal["fp32", "fp16", "int8"] | None
    """Of bytes; null: that of the first profile."""
    rows: Literal["stages", "blocks", "layers"]
    """What has a row of the table."""
    format: Literal["table", "json", "svg"]
    """table; json, which has every layer; or svg, a picture of them."""
    file: str | None
    """Of the picture, such as net.svg; null: named after arch, in the working folder."""
    open: Literal["yes", "no"]
    """Whether the picture is opened in a browser."""

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles asked for.

        Raises:
            ConfigError: there are too many, or one twice.
        """
        listed = (self.hardware,) if isinstance(self.hardware, str) else self.hardware or ()
        if len(listed) > MOST_DEVICES or len(set(listed)) < len(listed):
            raise ConfigError(f"hardware must be at most {MOST_DEVICES} profiles, each once, got {len(listed)}")
        return listed


def main(settings: DescribeSettings, _: Invocation) -> None:
    """Print the tables or the JSON, or write the picture."""
    arch = find_architecture(settings.arch, settings.member)
    profiles = [load_profile(each) for each in settings.profiles]
    for profile in profiles:
        for doubt in doubtful_times(profile):
            warn(doubt)
    precision = settings.precision or (profiles[0].precision if profiles else "fp32")
    found = anatomy(arch, profiles, precision)
    if settings.format == "json":
        print(json.dumps(anatomy_json(found, settings.arch)))
    elif settings.format == "svg":
        path = Path(settings.file or f"{re.sub('[^A-Za-z0-9_.-]+', '-', settings.arch)[-80:].strip('-.')}.svg")
        write_text(path, anatomy_svg(found, settings.arch))
        print(one_line(str(path)))
        if settings.open == "yes":
            webbrowser.open(path.resolve().as_uri())
    else:
        print_anatomy(found, settings.arch, settings.rows)


if __name__ == "__main__":
    command("describe", DescribeSettings, main)
