from pathlib import Path

import pytest

from penstock.boot.config import read_settings
from penstock.boot.identity import token_rules
from penstock.boot.secrets import server_secret
from penstock.kernel.errors import Invalid


def test_the_command_line_goes_before_the_environment_and_both_before_the_defaults() -> None:
    settings = read_settings({"PENSTOCK_PORT": "1", "PENSTOCK_DATA": "/d", "OTHER": "x"}, port=2, host=None)

    assert (settings.port, settings.data, settings.host) == (2, Path("/d"), "127.0.0.1")


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PENSTOCK_PROT", "1"),
        ("PENSTOCK_PORT", "x"),
        ("PENSTOCK_PORT", "65536"),
        ("PENSTOCK_INSECURE", "maybe"),
        ("PENSTOCK_OWNER_KEY", "short"),
        ("PENSTOCK_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_variable_is_refused(variable: str, text: str) -> None:
    with pytest.raises(Invalid):
        read_settings({variable: text})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
def test_listening_beyond_this_machine_needs_authentication_or_insistence(host: str) -> None:
    with pytest.raises(Invalid, match="--insecure"):
        read_settings({}, host=host)

    assert read_settings({}, host=host, insecure=True).host == host
    assert read_settings({"PENSTOCK_OWNER_KEY": "0123456789abcdef"}, host=host).host == host


def test_an_identity_provider_switches_authentication_on() -> None:
    settings = read_settings({"PENSTOCK_OIDC_ISSUER": "https://id.example", "PENSTOCK_OIDC_OWNERS": "a, b"}, host="::")
    rules = token_rules(settings)

    assert (rules.issuer, rules.audience, rules.owners) == ("https://id.example", "penstock", {"a", "b"})


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("ISSUER", "http://id.example", "https"),
        ("ISSUER", "id.example", "https"),
        ("TENANCY", "shared", "individual"),
        ("DEFAULT_ROLE", "admin", "read or write"),
        ("FIRST_ROLE", "owner", "read or write or admin"),
        ("OWNER_TRUSTS", "[{}]", "issuer"),
        ("ENROLL", "maybe", "true"),
    ],
)
def test_a_wrong_setting_of_an_identity_provider_is_refused(name: str, text: str, word: str) -> None:
    with pytest.raises(Invalid, match=word):
        token_rules(read_settings({f"PENSTOCK_OIDC_{name}": text}))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_may_always_be_listened_on(host: str) -> None:
    assert read_settings({}, host=host).is_local


def test_a_secret_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    file = tmp_path / "secret"

    first = server_secret(file)

    assert len(first) == 32
    assert server_secret(file) == first
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_broken_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")

    with pytest.raises(Invalid, match="remove it"):
        server_secret(tmp_path / "secret")
