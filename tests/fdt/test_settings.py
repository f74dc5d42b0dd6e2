"""Settings: typed, documented once, refused in one sentence, and passed on to child processes."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from fdt import settings as module
from fdt.errors import UserError
from fdt.settings import HIDDEN, Settings, listing, markdown, variable

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without any setting of ours."""
    for name in list(os.environ):
        if name.startswith("FDT_") or name in ("KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL"):
            monkeypatch.delenv(name)


def test_nothing_set_gives_a_development_machine() -> None:
    """The defaults run on one machine, with the retention that the design names."""
    settings = Settings()
    assert settings.profile == "development"
    assert settings.kafka_bootstrap_servers is None
    assert settings.retention == timedelta(days=30)
    assert settings.device_types == ("ESME", "GSME")


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("P30D", timedelta(days=30)),
        ("PT90S", timedelta(seconds=90)),
        ("0.5", timedelta(seconds=0.5)),
    ],
)
def test_a_duration_is_iso_8601_or_seconds(
    text: str, duration: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways of writing one mean the same."""
    monkeypatch.setenv("FDT_RETENTION", text)
    assert Settings().retention == duration


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("28800", "PT8H"),
        ("PT36H", "P1DT12H"),
        ("P30D", "P30D"),
        ("90", "PT1M30S"),
        ("0.25", "PT0.25S"),
        ("100", "PT1M40S"),
    ],
)
def test_a_duration_is_shown_in_its_largest_units(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is shown can be set."""
    monkeypatch.setenv("FDT_RETENTION", text)
    held = Settings()
    assert ("FDT_RETENTION", shown) in {(name, value) for name, value, _ in listing(held)}
    monkeypatch.setenv("FDT_RETENTION", shown)
    assert Settings().retention == held.retention


def test_device_types_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """In any case and with spaces, as people write lists."""
    monkeypatch.setenv("FDT_DEVICE_TYPES", "esme, PPMID")
    assert Settings().device_types == ("ESME", "PPMID")


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files pass empty strings for what is not there."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "")
    assert Settings().kafka_bootstrap_servers is None


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("FDT_RETENTION", "a month", "a duration is ISO 8601 such as P30D"),
        ("FDT_RETENTION", "0", "a duration is above zero"),
        ("FDT_PARTITIONS", "0", "it should be greater than or equal to 1"),
        ("FDT_PARTITIONS", "four", "it should be a valid integer"),
        ("FDT_API_PORT", "70000", "it should be less than or equal to 65535"),
        ("FDT_DEVICE_TYPES", "CHF", "only ESME, GSME, PPMID, HCALCS are tracked"),
        ("FDT_WORKER_NAME", "../0", "a name is up to 100 letters"),
        ("FDT_PROFILE", "test", "it should be 'development' or 'production'"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_sentence(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the variable, what was given, what is wrong and a value that would do."""
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError) as refused:
        Settings()
    message = str(refused.value)
    assert message.startswith(f"{name} is {value!r}, which cannot be used: {sentence}")
    assert "; use for example " in message
    assert "\n" not in message


def test_a_misspelt_variable_is_refused_with_the_right_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would otherwise be a setting silently left at its default."""
    monkeypatch.setenv("FDT_RETENSION", "P30D")
    with pytest.raises(UserError, match="no setting FDT_RETENSION: did you mean FDT_RETENTION"):
        Settings()


def test_events_must_outlive_what_is_made_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the table could not be rebuilt from the topics."""
    monkeypatch.setenv("FDT_EVENT_RETENTION", "P29D")
    with pytest.raises(UserError, match="FDT_EVENT_RETENTION is shorter than FDT_RETENTION"):
        Settings()


def test_production_names_its_brokers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only development starts a broker of its own."""
    monkeypatch.setenv("FDT_PROFILE", "production")
    with pytest.raises(UserError, match="KAFKA_BOOTSTRAP_SERVERS is not set"):
        Settings()


def test_a_command_that_needs_a_broker_says_how_to_name_one() -> None:
    """One sentence for every such command."""
    with pytest.raises(UserError, match="KAFKA_BOOTSTRAP_SERVERS is not set"):
        Settings().require_brokers()


def test_settings_go_on_to_another_process_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `environment` says gives the very same settings there."""
    given = Settings(
        data_dir=Path("/somewhere"),
        kafka_bootstrap_servers="a:1,b:2",
        retention=timedelta(days=3),
        commit_interval=timedelta(milliseconds=1),
        clock_skew_past=timedelta(seconds=1_234_567.5),
        device_types=("PPMID",),
    )
    for name, value in given.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == given


def test_every_setting_says_what_it_does() -> None:
    """A description is a sentence."""
    for _, _, description in listing(Settings()):
        assert description.endswith(".")


def test_no_two_settings_share_a_variable() -> None:
    """Names are one to one."""
    names = [variable(field) for field in Settings.model_fields]
    assert len(set(names)) == len(names)


def test_the_password_of_a_url_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the listing nor in a refusal."""
    url = "https://reader:s3cret@registry.example"
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", url)
    shown = {name: value for name, value, _ in listing(Settings())}
    assert shown["SCHEMA_REGISTRY_URL"] == f"https://reader:{HIDDEN}@registry.example"
    monkeypatch.setenv("FDT_API_PORT", url)
    with pytest.raises(UserError) as refused:
        Settings()
    assert "s3cret" not in str(refused.value)


def test_the_page_of_settings_is_the_one_that_the_code_makes() -> None:
    """`fdt settings --markdown` was run after the last change."""
    assert DOCUMENT.read_text(encoding="utf-8") == markdown()
    assert module.PREFIX in markdown()
