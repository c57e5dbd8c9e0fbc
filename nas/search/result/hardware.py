"""A device as front.json tells it."""

from nas.latency.profile import HardwareProfile
from nas.latency.validation import leave_one_out
from nas.results.codec import from_json
from nas.results.hardware import Hardware


def hardware(profile: HardwareProfile) -> Hardware:
    """The device of `profile`, and how well it is predicted."""
    error = {**leave_one_out(profile).to_json(), "how": "leave-one-out"}
    return from_json(Hardware, {**profile.provenance(), "error": error}, profile.label)
