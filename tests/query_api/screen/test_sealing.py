"""Sealed identifiers: open to us, opaque to everybody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.screen.sealing import KEY_FILE, NotSealedHere, Seal, secret_of_folder
from schemas.identifiers import COUNTER_LIMIT, DeviceId, ServiceRequestId

EUI = st.binary(min_size=8, max_size=8).map(lambda data: data.hex("-").upper())
SEAL = Seal("a secret of 32 characters or more")


@given(EUI)
def test_a_device_comes_back(eui: str) -> None:
    """And the same one has the same address always."""
    sealed = SEAL.device(DeviceId(eui))
    assert SEAL.open_device(sealed) == eui
    assert sealed == SEAL.device(DeviceId(eui))
    assert len(sealed) == 32


@given(EUI, EUI, st.integers(1, COUNTER_LIMIT - 1))
def test_a_request_comes_back(originator: str, target: str, counter: int) -> None:
    """In canonical form, however large its counter."""
    request = ServiceRequestId(f"{originator}:{target}:{counter}")
    assert SEAL.open_request(SEAL.request(request)) == request


@given(st.text(max_size=80))
def test_what_was_not_sealed_here_opens_to_nothing(text: str) -> None:
    """Whatever it is."""
    with pytest.raises(NotSealedHere):
        SEAL.open_device(text)
    with pytest.raises(NotSealedHere):
        SEAL.open_request(text)


def test_a_seal_holds_for_its_key_and_purpose() -> None:
    """A changed letter, another system's key, a device where a request is wanted."""
    sealed = SEAL.device(DeviceId("00-DB-12-34-56-78-90-A0"))
    for text in (("B" if sealed[0] == "A" else "A") + sealed[1:], sealed[:-4], sealed + "AAAA"):
        with pytest.raises(NotSealedHere):
            SEAL.open_device(text)
    with pytest.raises(NotSealedHere):
        Seal("another secret of 32 characters or more").open_device(sealed)
    with pytest.raises(NotSealedHere):
        SEAL.open_request(sealed)


def test_without_a_secret_one_is_made_and_kept(tmp_path: Path) -> None:
    """For its owner only."""
    secret = secret_of_folder(tmp_path / "data")
    assert secret_of_folder(tmp_path / "data") == secret
    assert len(secret) == 64
    assert (tmp_path / "data" / KEY_FILE).stat().st_mode & 0o077 == 0
