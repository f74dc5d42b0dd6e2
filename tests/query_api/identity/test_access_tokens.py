"""Access tokens: what is accepted, and every attack that is not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from query_api.identity.access import Caller, Role
from query_api.identity.access_tokens import Authenticator, Claims, development_token
from query_api.identity.keys import DEVELOPMENT_ISSUER, DevelopmentKey
from query_api.identity.provider_http import ProviderAway
from query_api.web.problems import KINDS, Problem
from schemas.identifiers import Eui64
from tests.query_api.tokens import AUDIENCE, ISSUER, TokenMaker
from tests.query_api.world import ALPHA, BETA, OneKey, World, device_id

TOKENS = TokenMaker()
NOW = int(time.time())


def authenticator(claims: Claims | None = None) -> Authenticator:
    """Accepts the tokens of :data:`TOKENS`."""
    keys = {ISSUER: OneKey(TOKENS.key)}
    return Authenticator(keys, AUDIENCE, claims or Claims(), now=lambda: NOW)


def caller(token: str, claims: Claims | None = None) -> Caller:
    """Who a token stands for."""
    return authenticator(claims).caller([f"Bearer {token}"])


def test_a_good_token_gives_subject_organisation_and_roles() -> None:
    """User IDs are read in any spelling; unknown roles mean nothing."""
    found = caller(
        TOKENS.make(user_ids=[ALPHA.lower(), BETA], roles=["supplier", "cleaner"], sub="bob")
    )
    assert found == Caller("bob", frozenset({ALPHA, BETA}), frozenset({Role.SUPPLIER}))


def test_claims_may_be_texts_with_spaces() -> None:
    """Some providers can only send texts."""
    found = caller(TOKENS.make(user_ids=f"{ALPHA} {BETA}", roles="auditor service-centre"))
    assert found.user_ids == {ALPHA, BETA}
    assert found.roles == {Role.AUDITOR, Role.SERVICE_CENTRE}


def test_claims_may_be_nested_or_carry_dots_in_their_names() -> None:
    """``realm_access.roles`` as Keycloak nests it; a claim of that very name comes first."""
    nested = TOKENS.make(roles=None, realm_access={"roles": ["auditor"]})
    assert caller(nested, Claims(roles="realm_access.roles")).roles == {Role.AUDITOR}
    dotted_name: dict[str, Any] = {"https://idp.example/roles": ["auditor"]}
    dotted = TOKENS.make(**dotted_name)
    assert caller(dotted, Claims(roles="https://idp.example/roles")).roles == {Role.AUDITOR}
    assert caller(nested, Claims(roles="realm_access.roles.x")).roles == frozenset()


@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("RS256", RSAKey.generate_key(2048, private=True)),
        ("EdDSA", OKPKey.generate_key("Ed25519", private=True)),
        ("Ed25519", OKPKey.generate_key("Ed25519", private=True)),
    ],
)
def test_the_other_allowed_algorithms_work(alg: str, key: RSAKey | OKPKey) -> None:
    """RS256 and Ed25519 signatures (under its old name too) are as good as ES256."""
    token = TOKENS.make(header={"alg": alg, "kid": key.thumbprint()}, key=key)
    accepting = Authenticator({ISSUER: OneKey(key)}, AUDIENCE, Claims())
    assert accepting.caller([f"Bearer {token}"]).subject == "alice"


def test_times_have_half_a_minute_of_leeway() -> None:
    """Clocks of two machines differ a little."""
    assert caller(TOKENS.make(exp=NOW - 20)).subject == "alice"
    assert caller(TOKENS.make(nbf=NOW + 20)).subject == "alice"


OTHER = ECKey.generate_key("P-256", private=True)


def tampered() -> str:
    """Another user's claims under a good token's signature."""
    head, _, signature = TOKENS.make().split(".")
    _, body, _ = TOKENS.make(roles=["service-centre"]).split(".")
    return f"{head}.{body}.{signature}"


def not_claims() -> str:
    """A well-signed token whose content is no object."""
    header = {"alg": "ES256", "kid": TOKENS.key.thumbprint()}
    return jws.serialize_compact(header, b'["iss"]', TOKENS.key)


def without_key_id() -> str:
    """A well-signed token that does not say by which key."""
    return jwt.encode({"alg": "ES256"}, TOKENS.claims(), TOKENS.key)


@pytest.mark.parametrize(
    ("token", "how"),
    [
        pytest.param(TOKENS.make(exp=NOW - 40), "expired", id="expired"),
        pytest.param(TOKENS.make(exp=None), "exp", id="never expires"),
        pytest.param(TOKENS.make(exp="tomorrow"), "sign in again", id="expiry is no time"),
        pytest.param(TOKENS.make(nbf=NOW + 40), "not valid yet", id="not valid yet"),
        pytest.param(TOKENS.make(iat=NOW + 900), "sign in again", id="issued in the future"),
        pytest.param(TOKENS.make(aud="another-api"), "another audience", id="other audience"),
        pytest.param(TOKENS.make(aud=None), "aud", id="no audience"),
        pytest.param(TOKENS.make(aud=["a", "b"]), "another audience", id="other audiences"),
        pytest.param(TOKENS.make(sub=None), "sub", id="no subject"),
        pytest.param(TOKENS.make(iss="https://evil.example"), "issuer", id="foreign issuer"),
        pytest.param(TOKENS.make(iss=None), "issuer", id="no issuer"),
        pytest.param(TOKENS.make(iss=[ISSUER]), "issuer", id="issuer is a list"),
        pytest.param(TOKENS.make(iss=DEVELOPMENT_ISSUER), "issuer", id="development issuer"),
        pytest.param(TOKENS.make(key=OTHER), "signature", id="signed by another key"),
        pytest.param(
            TOKENS.make(key=OTHER, header={"kid": OTHER.thumbprint()}),
            "signing key",
            id="another key's id",
        ),
        pytest.param(
            TOKENS.make(key=OTHER, header={"jwk": OTHER.as_dict(private=False)}),
            "signature",
            id="brings its own key",
        ),
        pytest.param(without_key_id(), "kid", id="no key id"),
        pytest.param(tampered(), "signature", id="tampered"),
        pytest.param(not_claims(), "not a signed JSON Web Token", id="content is no object"),
        pytest.param(TOKENS.unsigned(), "must be signed", id="alg none"),
        pytest.param(TOKENS.unsigned("nOnE"), "must be signed", id="alg nOnE"),
        pytest.param(TOKENS.unsigned("ES256"), "signature", id="signature left out"),
        pytest.param(
            TOKENS.by_public_key(),
            "must be signed",
            id="HS256 with the public key as secret",
        ),
        pytest.param(
            TOKENS.make(key=ECKey.generate_key("P-384"), header={"alg": "ES384"}),
            "must be signed",
            id="algorithm off the list",
        ),
        pytest.param(TOKENS.make(user_ids=["A-1"]), "is not a User ID", id="claim is no User ID"),
        pytest.param("a.b.c", "not a signed JSON Web Token", id="no token"),
        pytest.param("x" * 20_000, "usual size", id="too long"),
        pytest.param("é.é.é", "usual size", id="not ASCII"),
        pytest.param(f"{TOKENS.make()}.a.b", "not a signed", id="five parts"),
    ],
)
def test_a_bad_token_is_refused_with_how_to_fix_it(token: str, how: str) -> None:
    """401, a challenge, and a sentence that helps the honest."""
    with pytest.raises(Problem) as refused:
        caller(token)
    problem = refused.value
    assert KINDS[problem.kind][0] == 401
    assert how in problem.detail
    assert problem.headers["WWW-Authenticate"] == 'Bearer realm="fdt", error="invalid_token"'


@pytest.mark.parametrize(
    "headers",
    [
        ["Basic YTpi"],
        ["Bearer"],
        ["Bearer "],
        [TOKENS.make()],
        [f"Bearer {TOKENS.make()}", f"Bearer {TOKENS.make()}"],
    ],
)
def test_another_header_than_one_bearer_token_is_refused(headers: list[str]) -> None:
    """One header, one scheme."""
    with pytest.raises(Problem, match="exactly one header"):
        authenticator().caller(headers)


def test_without_a_token_the_challenge_says_what_to_send() -> None:
    """RFC 6750: no error code where nothing was sent."""
    answer = World().stranger().get(f"/v1/devices/{device_id(1)}")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="fdt"'
    assert "Authorization: Bearer <token>" in answer.json()["detail"]


def test_signing_in_comes_before_the_question() -> None:
    """A stranger learns nothing from a bad question either."""
    world = World()
    for path in ("/v1/devices", "/v1/devices/x", "/v1/service-requests/x?limit=0"):
        assert world.stranger().get(path).status_code == 401


def test_a_provider_that_is_away_is_not_the_callers_fault() -> None:
    """503 with Retry-After."""

    class Away:
        def holds(self, kid: str) -> bool:
            return False

        def key(self, kid: str) -> Any:
            raise ProviderAway("down")

    accepting = Authenticator({ISSUER: Away()}, AUDIENCE, Claims())
    headers = [f"Bearer {TOKENS.make()}"]
    assert not accepting.announced(headers).asks_nobody
    with pytest.raises(Problem) as refused:
        accepting.caller(headers)
    assert refused.value.kind == "sign-in-unavailable"
    assert refused.value.headers == {"Retry-After": "5"}


def test_what_is_refused_as_it_is_asks_nobody() -> None:
    """No header, no token, an unknown issuer: no thread is kept for them."""
    accepting = authenticator()
    foreign = TOKENS.make(iss="https://elsewhere.example")
    for headers in ([], ["Basic x"], ["Bearer x"], [f"Bearer {foreign}"]):
        with pytest.raises(Problem):
            accepting.announced(headers)
        with pytest.raises(Problem):
            accepting.caller(headers)


def test_a_development_token_is_read_back(tmp_path: Any) -> None:
    """What ``fdt token`` signs, the local server accepts, under any names of the claims."""
    key, claims = DevelopmentKey(tmp_path), Claims("org.ids", "org.roles")
    token = development_token(
        key,
        audience=AUDIENCE,
        claims=claims,
        subject="dev",
        user_ids=[Eui64(ALPHA)],
        roles=[Role.SUPPLIER, Role.AUDITOR],
        valid_s=60,
    )
    accepting = Authenticator({DEVELOPMENT_ISSUER: DevelopmentKey(tmp_path)}, AUDIENCE, claims)
    assert accepting.caller([f"bearer {token}"]) == Caller(
        "dev", frozenset({ALPHA}), frozenset({Role.SUPPLIER, Role.AUDITOR})
    )
