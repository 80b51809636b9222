"""Settings of object stores, given among a connector's own: which there are, and that the libraries want texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.ports.source import TransportRefused

__all__ = ["needs_extra", "storage_options"]

_PREFIXES = ("aws_", "azure_", "google_", "gcp_", "http1_", "http2_", "proxy_")
_PLAIN = (
    "access_key_id", "secret_access_key", "region", "endpoint", "endpoint_url", "session_token", "token",
    "skip_signature", "unsigned_payload", "imdsv1_fallback", "virtual_hosted_style_request", "metadata_endpoint",
    "s3_express", "request_payer", "allow_http", "account_name", "account_key", "access_key", "master_key",
    "client_id", "client_secret", "tenant_id", "sas_key", "sas_token", "bearer_token", "use_emulator",
    "service_account", "service_account_path", "service_account_key", "allow_invalid_certificates",
    "connect_timeout", "timeout", "user_agent", "pool_idle_timeout", "pool_max_idle_per_host", "randomize_addresses",
)  # fmt: skip


def storage_options(config: Mapping[str, Any], own: tuple[str, ...]) -> dict[str, str]:
    """Return what of a connector's settings is the store's. Raises: TransportRefused for what is nobody's."""
    options: dict[str, str] = {}
    for name, value in config.items():
        if name in own:
            continue
        if not name.startswith(_PREFIXES) and name not in _PLAIN:
            raise TransportRefused(
                f"there is no setting {name!r}, nor have object stores one; there are {', '.join(own)}"
            )
        if value is not None:
            options[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return options


def needs_extra(library: str, error: ImportError) -> TransportRefused:
    """Return the refusal of a connector whose library is not installed."""
    return TransportRefused(
        f"this connector needs the library {library!r}, which is not installed: install penstock[lake] ({error})"
    )
