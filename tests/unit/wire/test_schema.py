from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from streamseg.wire import schema
from streamseg.wire.schema import MESSAGES, ROOT, differences, files, json_schema
from streamseg.wire.topics import TOPICS


def test_the_files_in_topics_are_what_the_code_declares() -> None:
    assert differences(ROOT) == []


def test_a_changed_a_missing_and_a_stale_file_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert schema.main(["--write", "--root", str(tmp_path)]) == 0
    assert schema.main(["--check", "--root", str(tmp_path)]) == 0
    (tmp_path / "topics.toml").write_text("")
    (tmp_path / "schemas" / "touchpoint.json").unlink()
    (tmp_path / "schemas" / "order.json").write_text("{}")
    assert schema.main(["--check", "--root", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"topics/{name} differs from the code; renew it: python -m streamseg.wire.schema --write"
        for name in ("schemas/order.json", "schemas/touchpoint.json", "topics.toml")
    ]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_a_schema_is_json_schema_2020_12(message: schema.Message) -> None:
    Draft202012Validator.check_schema(json_schema(message))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_every_field_says_what_it_means_and_its_examples_are_valid(message: schema.Message) -> None:
    for name, field in json_schema(message)["properties"].items():
        assert field["description"].endswith("."), name
        for example in field.get("examples", ()):
            Draft202012Validator(field).validate(example)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_further_fields_are_allowed_so_that_readers_survive_additions(message: schema.Message) -> None:
    assert "additionalProperties" not in json_schema(message)


def test_asyncapi_refers_to_the_schemas_and_topics_that_exist() -> None:
    generated = files()
    document = json.loads(generated["asyncapi.json"])
    assert set(document["channels"]) < {topic.name for topic in TOPICS}
    for name, message in document["components"]["messages"].items():
        assert message["payload"]["$ref"] == f"schemas/{name}.json"
        assert message["payload"]["$ref"] in generated
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in document["channels"]
