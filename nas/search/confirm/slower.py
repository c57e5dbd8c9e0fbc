"""Where int8 is slower than fp32, which users would not expect: on this machine, or on the device."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from nas.errors import ProfileError
from nas.latency.predictor import latency
from nas.latency.profile import HardwareProfile, load_profile
from nas.results.member import ModelFile
from nas.spaces.architecture import Architecture

NOISE = 1.05
"""What is slower by less may be so by chance."""


def with_slower(
    files: Sequence[ModelFile], profile: HardwareProfile | None, arch: Architecture
) -> tuple[ModelFile, ...]:
    """The files, of which those in int8 say where they are slower than in fp32."""
    device = _on_device(profile, arch) if profile else None
    return tuple(
        replace(file, slower="; ".join(text for text in (_here(file, files), device) if text) or None)
        if file.precision == "int8" and file.path
        else file
        for file in files
    )


def _here(file: ModelFile, files: Sequence[ModelFile]) -> str | None:
    mine = file.host_latency_ms
    others = [each.host_latency_ms for each in files if (each.format, each.precision) == (file.format, "fp32")]
    if mine is None or not others or others[0] is None or mine.median <= NOISE * others[0].median:
        return None
    return f"int8 is slower here: {mine.median:.3g} ms, fp32 {others[0].median:.3g} ms"


def _on_device(profile: HardwareProfile, arch: Architecture) -> str | None:
    """By the predictions of the profile's configurations that differ in precision alone."""
    with suppress(ProfileError):
        both = [_configuration(profile, precision) for precision in ("int8", "fp32")]
        int8, fp32 = (latency(arch, each).ms for each in both)
        if int8 > NOISE * fp32:
            return f"int8 is slower on {both[0].label}: {int8:.3g} ms, fp32 {fp32:.3g} ms predicted"
    return None


def _configuration(profile: HardwareProfile, precision: str) -> HardwareProfile:
    if profile.precision == precision:
        return profile
    return load_profile(f"{profile.name}:{profile.configuration.replace(profile.precision, precision)}")
