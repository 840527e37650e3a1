"""The datasets by name: export writes what the dataset tells, and refuses what doesn't fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamseg.datasets import catalogue, jsonl
from streamseg.datasets.simulator import Options, simulate
from streamseg.errors import ConfigError

SMALL = Options(seed=3, customers=20, events=500)


def test_export_writes_the_lines_of_the_dataset(tmp_path: Path) -> None:
    path = tmp_path / "shop.jsonl.gz"
    assert catalogue.export("simulator", path, SMALL) == 500
    assert [record.value for chunk in jsonl.read(path) for record in chunk] == list(simulate(SMALL).lines())


def test_every_named_dataset_says_what_it_is_and_under_which_licence() -> None:
    assert catalogue.NAMES == ("online_retail", "journey", "simulator")
    assert all(dataset.about and dataset.licence for dataset in catalogue.DATASETS)


def test_an_unknown_name_is_refused_with_the_names_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        catalogue.export("retail", tmp_path / "a.jsonl")
    assert str(refused.value) == "there is no dataset 'retail'; choose one of online_retail, journey, simulator"


def test_real_data_takes_no_options() -> None:
    with pytest.raises(ConfigError, match="the dataset journey has no options; only simulator takes a seed"):
        catalogue.lines("journey", SMALL)
