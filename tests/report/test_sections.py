"""nas.report.sections: every section is on the page, and the page can draw every kind of block."""

import typing
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from nas.report import blocks, sections
from nas.report.blocks import Section
from nas.report.html import report_html
from nas.report.sections import SECTIONS
from nas.results.front import Front
from nas.results.trials import TrialRow
from tests.helpers.run_sample import bare_front, climbed_front, sample_front, sample_trials, with_measured
from tests.helpers.several_devices import several_front

MACROS = Path(str(blocks.__file__)).with_name("blocks.html.j2").read_text(encoding="utf-8")
MAKERS = {make.__module__.rpartition(".")[2]: make for row in SECTIONS for make in row}


def test_every_file_of_the_folder_is_a_section_of_the_page() -> None:
    files = {path.stem for path in Path(str(sections.__file__)).parent.glob("*.py")} - {"__init__"}
    assert set(MAKERS) == files


@pytest.mark.parametrize("kind", typing.get_args(blocks.Block))
def test_the_page_can_draw_every_kind_of_block(kind: type) -> None:
    assert f"{{% macro {kind.__name__}(block) %}}" in MACROS, f"blocks.html.j2 has no macro {kind.__name__}"


@pytest.mark.parametrize("name", MAKERS)
class TestEverySection:
    """What any section promises, of any run."""

    @pytest.mark.parametrize(
        ("front", "trials"),
        [
            (sample_front(), sample_trials()),
            (climbed_front(), sample_trials(stopped=4)),
            (with_measured(sample_front()), sample_trials()),
            (several_front(), sample_trials()),
            (bare_front(), []),
        ],
        ids=["sample", "climbed", "measured", "several", "bare"],
    )
    def test_is_made_of_blocks_with_something_in_them(
        self, name: str, front: Front, trials: Sequence[TrialRow]
    ) -> None:
        made = MAKERS[name](front, trials)
        assert isinstance(made, Section)
        assert made.title
        for block in made.blocks:
            assert isinstance(block, typing.get_args(blocks.Block))
            kinds = typing.get_type_hints(type(block)).items()
            optional = {name for name, kind in kinds if type(None) in typing.get_args(kind)}
            for field in fields(block):
                value = getattr(block, field.name)
                missing = value is None and field.name in optional
                assert missing or isinstance(value, Figure | bool) or value, f"no {field.name}"

    def test_is_on_the_page_where_it_has_blocks(self, name: str) -> None:
        front = several_front() if name == "devices" else sample_front()
        made = MAKERS[name](front, sample_trials())
        assert f"<h2>{made.title}</h2>" in report_html(front, sample_trials())
