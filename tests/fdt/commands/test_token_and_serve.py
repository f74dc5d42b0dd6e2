"""``fdt token`` and ``fdt serve`` as commands: what they print, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from joserfc import jwt

from fdt.cli import run
from query_api.identity.keys import DEVELOPMENT_ISSUER, DevelopmentKey

ALPHA = "90-b3-d5-1f-30-01-00-00"


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder of the test's own, and no broker."""
    monkeypatch.setenv("FDT_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)


def test_only_the_token_goes_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, signed by the development key, with what was asked for."""
    asked = ["token", "--role", "supplier", "--role", "auditor", "--user-id", ALPHA]
    assert run([*asked, "--subject", "ann", "--minutes", "5"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    claims = jwt.decode(out.strip(), DevelopmentKey(tmp_path).private).claims
    assert claims["exp"] - claims["nbf"] == 300
    assert {name: claims[name] for name in ("iss", "sub", "roles", "user_ids", "aud")} == {
        "iss": DEVELOPMENT_ISSUER,
        "sub": "ann",
        "roles": ["supplier", "auditor"],
        "user_ids": [ALPHA.upper()],
        "aud": "firmware-tracking",
    }


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--role", "supplier"], "A supplier needs a User ID"),
        (["--role", "supplier", "--user-id", "A-1"], "--user-id: Not a valid User ID"),
        (["--role", "boss"], "is not one of"),
        (["--role", "auditor", "--minutes", "0"], "--minutes"),
        ([], "--role"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing on standard output, so that a script cannot take the message for a token."""
    assert run(["token", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert why in err


def test_no_development_token_in_production(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a token nor a key."""
    monkeypatch.setenv("FDT_PROFILE", "production")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker:9092")
    monkeypatch.setenv("FDT_OIDC_ISSUER", "https://idp.example")
    assert run(["token", "--role", "auditor"]) == 2
    assert "FDT_PROFILE is production" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_serving_needs_a_broker(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence."""
    assert run(["serve"]) == 2
    assert "KAFKA_BOOTSTRAP_SERVERS is not set" in capsys.readouterr().err


def test_serving_where_nobody_can_sign_in_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Open to the network without an identity provider."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("FDT_API_HOST", "0.0.0.0")
    assert run(["serve"]) == 2
    assert "Nobody could sign in" in capsys.readouterr().err
