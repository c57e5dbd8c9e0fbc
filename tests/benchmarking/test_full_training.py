"""benchmarks.full_training: both ways on a few images, and what the table makes of them."""

from pathlib import Path

import pytest

from benchmarks.full_training import main, table
from tests.helpers.images import write_classes


@pytest.mark.filterwarnings("ignore")  # Lightning's hints
def test_both_ways_are_trained_once_and_tabled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split in ("train", "val"):
        write_classes(tmp_path / "images" / split, {"a": 24, "b": 24})
    given = ["--images", str(tmp_path / "images"), "--arch", "12x3 conv3/2-8 fc10", "--epochs", "1", "--seeds", "1"]
    given += ["--results", str(tmp_path / "results.jsonl"), "--place", str(tmp_path / "place"), "--batch-size", "8"]
    main(given)
    first = capsys.readouterr().out
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 2
    main(given)
    assert capsys.readouterr().out == first
    assert first.splitlines()[-1].startswith("| 1 | ")


def test_the_table_compares_at_equal_epochs_and_at_equal_accuracy() -> None:
    records = [
        {"way": way, "epochs": epochs, "seed": seed, "accuracy": accuracy + 0.01 * seed, "seconds": seconds}
        for seed in (0, 1)
        for way, epochs, accuracy, seconds in (
            ("plain", 10, 0.80, 100.0),
            ("plain", 20, 0.90, 200.0),
            ("nas.train", 10, 0.85, 100.0),
            ("nas.train", 20, 0.95, 400.0),
        )
    ]
    *_, ten, twenty = table(records).splitlines()
    assert ten == "| 10 | 80.5 | 100 | 85.5 | 100 | +5.0 ± 0.0 | 1.00 |"
    assert twenty == "| 20 | 90.5 | 200 | 95.5 | 400 | +5.0 ± 0.0 | 1.00 |"
