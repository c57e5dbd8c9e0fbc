"""Weights from the Hugging Face hub, as timm publishes them: `hub:mobilenetv2_100.ra_in1k`, or `hub:OWNER/NAME`.

The only place that fetches anything, and only when a setting says `hub:`.
"""

from pathlib import Path

from nas.errors import ConfigError
from nas.nets.pretrained.base import Pretrained
from nas.nets.pretrained.file import CONFIG, from_file, read_config
from nas.reading.words import cut

PREFIX = "hub:"


def load(name: str) -> Pretrained:
    """The weights that the hub holds under `name`, which begins with hub:, fetched once and then kept in its cache.

    Raises:
        ConfigError: huggingface_hub is not installed, the hub does not give them, or they are not of a network known.
    """
    try:
        from huggingface_hub import hf_hub_download, model_info
    except ImportError:
        raise ConfigError(
            f"init={cut(name)} needs the library huggingface_hub: pip install huggingface_hub, or timm, which has it"
        ) from None
    repository = name.removeprefix(PREFIX)
    repository = repository if "/" in repository else f"timm/{repository}"
    try:
        config, weights = (Path(hf_hub_download(repository, file)) for file in (CONFIG, "model.safetensors"))
        card = model_info(repository).card_data
    except Exception as error:  # whatever the library and its network raise
        raise ConfigError(f"init={cut(name)}: {repository} cannot be fetched: {cut(str(error), 160)}") from None
    licence = str(card.license) if card and getattr(card, "license", None) else None
    return from_file(weights, name, f"https://huggingface.co/{repository}", read_config(config), licence)
