"""The settings of PEMS: `PemsSettings.load` takes them from the environment (PFA_PEMS_*) and a table of a TOML file."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pfa_rpc.errors import SetupError
from pfa_rpc.schema import MERGED_FIELDS, ORGANIZATION_ALIAS, PEMS_FIELDS
from pfa_rpc.store.limits import without_password
from pfa_rpc.sync.cells import ID_ALIAS, Formats
from pfa_rpc.sync.pems.screen_fields import SCREEN_FIELDS

PREFIX: Final = "PFA_PEMS_"
PAGE_LIMIT: Final = 10_000
"""Most rows that PEMS sends in one answer."""
GRID_ALIASES: Final = {
    "pfa_id": ID_ALIAS,
    "organization_id": ORGANIZATION_ALIAS,
    **{field.name: field.pems for field in PEMS_FIELDS if field.pems},
}
"""Field → column of the grid that it is read from, where an installation does not call it otherwise."""
_US: Final = Formats()
_GRANTS: Final = ("user", "api_key", "token")
_MOST_DECIMALS: Final = max(field.decimals for field in MERGED_FIELDS)


def _check_url(url: str) -> str:
    parts = urlsplit(url.strip())
    if not url.strip():
        return ""
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("write https://HOST or https://HOST/PATH, what stands before /axis/restservices")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"the address must not hold credentials; set {PREFIX}USER and {PREFIX}PASSWORD")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("http would send the credentials readable for everybody; write https")
    return url.strip().rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_header(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("may hold visible ASCII characters only")
    return text


def _check_secret(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and not (secret.get_secret_value().isascii() and secret.get_secret_value().isprintable()):
        raise ValueError("may hold visible ASCII characters only")
    return secret


def _check_certificates(path: Path | None) -> Path | None:
    if path is not None:
        try:
            ssl.create_default_context(cafile=path)
        except OSError as error:  # ssl.SSLError is one
            raise ValueError(f"holds no certificates that can be read: {error.strerror or error}") from None
    return path


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError("is no time zone; write a name such as UTC or America/Edmonton") from None
    return name


def _check_names(names: dict[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Return the table with `names` over those that are known; no name may stand for two fields."""
    for field, name in names.items():
        if field not in known:
            raise ValueError(f"{field!r} is none of the fields {', '.join(known)}")
        if not name.strip():
            raise ValueError(f"{field} needs a name")
    complete = {**known, **{field: name.strip() for field, name in names.items()}}
    taken: dict[str, str] = {}
    for field, name in complete.items():
        other = taken.setdefault(name.lower(), field)
        if other != field:
            raise ValueError(f"{name} cannot be both {other} and {field}")
    return complete


def _check_columns(names: dict[str, str]) -> dict[str, str]:
    return {field: alias.lower() for field, alias in _check_names(names, GRID_ALIASES).items()}


def _check_screen_fields(names: dict[str, str]) -> dict[str, str]:
    return _check_names(names, SCREEN_FIELDS)


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


Text = Annotated[str, AfterValidator(_check_header)]
Secret = Annotated[SecretStr | None, BeforeValidator(_empty_is_none), AfterValidator(_check_secret)]


class PemsSettings(BaseSettings):
    """Where PEMS is, who we are there, and what this installation is like. Environment wins over the file."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(_check_url)] = Field(
        "",
        description="Address of PEMS, what stands before /axis/restservices: https, or http on loopback. "
        "Empty: there is no PEMS to be in step with.",
    )
    tenant: Text = Field("", description="Tenant of the installation.")
    user: Text = Field("", description="User that signs in with a password.")
    password: Secret = Field(None, description="Password of the user.")
    api_key: Secret = Field(None, description="Key to sign in with, in place of user and password.")
    token: Secret = Field(None, description="Bearer token to sign in with, in place of user and password.")
    ca_file: Annotated[Path | None, BeforeValidator(_empty_is_none), AfterValidator(_check_certificates)] = Field(
        None, description="Certificates (PEM) to trust PEMS by, where those of the system do not include its own."
    )
    proxy: Secret = Field(
        None, description="URL of the HTTP proxy that PEMS is reached through. Empty: it is reached directly."
    )
    grid_name: str = Field("CUPFAG", min_length=1, description="Name of the grid that records are read from.")
    grid_id: int = Field(100541, description="Number of that grid.")
    grid_function: str = Field("", description="User function of that grid. Empty: its name.")
    screen_name: str = Field("CUPFA2", min_length=1, description="User-defined screen that records are written with.")
    columns: Annotated[dict[str, str], AfterValidator(_check_columns)] = Field(
        default_factory=dict,
        validate_default=True,
        description="Columns of the grid that have another name in this installation: field = column.",
    )
    screen_fields: Annotated[dict[str, str], AfterValidator(_check_screen_fields)] = Field(
        default_factory=dict,
        validate_default=True,
        description="Fields of the screen that have another name in this installation: field = name.",
    )
    version_column: Annotated[str, AfterValidator(str.lower)] = Field(
        "",
        description="Column of the grid that shows a record's update counter. Empty: the grid does not show it.",
    )
    date_format: str = Field(
        _US.date,
        description="How the grid writes a date: YYYY, DD, and MM or MON (JAN), and what stands between.",
    )
    decimal_point: str = Field(_US.point, description="What stands before decimals in the grid.")
    thousands: str = Field(_US.thousands, description="What stands between thousands in the grid. Empty: nothing.")
    flag_texts: tuple[str, str] = Field(
        ("+", "-"), description="What the screen takes for a flag that is set, and for one that is not."
    )
    time_zone: Annotated[str, AfterValidator(_check_zone)] = Field(
        "UTC", description="Zone of the time at which PEMS says that a record was last changed."
    )
    money_decimals: int = Field(
        2, ge=0, le=_MOST_DECIMALS, description="Decimals that PEMS keeps of a rate or price; finer edits are refused."
    )
    page_rows: int = Field(PAGE_LIMIT, ge=1, le=PAGE_LIMIT, description="Rows asked for at once.")
    ranges: int = Field(
        4,
        ge=1,
        le=8,
        description="Ranges of an organization's rows that are read at once, where everything is read. 1: one after "
        "another.",
    )
    page_bytes: int = Field(
        128 * 1024 * 1024, ge=1 << 16, le=1 << 31, description="Largest answer that is read, in bytes."
    )
    requests_per_second: float = Field(
        10.0, gt=0, le=1_000, description="Most requests a second that all workers of an organization make together."
    )
    connect_seconds: float = Field(10.0, gt=0, le=300, description="How long connecting may take, in seconds.")
    read_seconds: float = Field(
        60.0, gt=0, le=3_600, description="How long PEMS may be silent before and within an answer, in seconds."
    )
    request_seconds: float = Field(
        180.0, gt=0, le=7_200, description="How long one request may take as a whole, in seconds."
    )
    attempts: int = Field(
        4, ge=1, le=20, description="How often something is read before it fails; a write is never sent again unasked."
    )
    retry_seconds: float = Field(
        0.5, ge=0, le=60, description="Wait before the second attempt, in seconds; it doubles with each further one."
    )
    longest_wait_seconds: float = Field(
        60.0, gt=0, le=3_600, description="Longest wait between two attempts, in seconds, whatever PEMS asks for."
    )

    sync_seconds: float = Field(
        900.0,
        ge=0,
        le=2_678_400,
        description="Time between two synchronizations of an organization that begin by themselves, in seconds, where "
        "the organization sets no other. 0: none does.",
    )
    full_sync_hours: float = Field(
        24.0,
        gt=0,
        le=8_784,
        description="Hours after which one of these reads everything, which finds records that PEMS has no more.",
    )

    @classmethod
    def load(cls, file: Mapping[str, Any] | None = None, **given: Any) -> Self:
        """Return the settings of this process.

        Args:
            file: the table of the TOML file, where it has one.
            **given: settings that win over environment and file; None for one left out.

        Raises:
            SetupError: a setting is wrong; the sentence names its variable and what would be right.
        """
        environment = {name.upper() for name in os.environ}
        chosen = {name: value for name, value in (file or {}).items() if PREFIX + name.upper() not in environment}
        chosen |= {name: value for name, value in given.items() if value is not None}
        try:
            return cls(**chosen)
        except ValidationError as error:
            raise SetupError("; ".join(map(_sentence, error.errors(include_url=False)))) from None

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        try:
            self.formats  # noqa: B018 - raises where the three do not go together
        except ValueError as error:
            raise ValueError(f"{PREFIX}DATE_FORMAT, {PREFIX}DECIMAL_POINT, {PREFIX}THOUSANDS: {error}") from None
        if self.is_configured and not self.tenant:
            raise ValueError(f"{PREFIX}TENANT is not set; PEMS needs to know the tenant")
        grants = [name for name in _GRANTS if getattr(self, name)]
        if self.is_configured and (len(grants) != 1 or bool(self.user) != bool(self.password)):
            raise ValueError(
                f"set {PREFIX}USER and {PREFIX}PASSWORD, or {PREFIX}API_KEY, or {PREFIX}TOKEN, and only one of these"
            )
        return self

    @property
    def is_configured(self) -> bool:
        """Whether there is a PEMS to be in step with."""
        return bool(self.base_url)

    @property
    def formats(self) -> Formats:
        """How the grid writes values."""
        return Formats(self.date_format, self.decimal_point, self.thousands)

    @property
    def zone(self) -> tzinfo:
        """Zone of the stamps."""
        return UTC if self.time_zone == "UTC" else ZoneInfo(self.time_zone)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets in the clear."""
        found = (self.password, self.api_key, self.token, self.proxy)
        return tuple(secret.get_secret_value() for secret in found if secret is not None)


def _sentence(fault: Any) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return message
    name = str(fault["loc"][0])
    if name not in PemsSettings.model_fields:
        return f"{name!r} is no setting of PEMS; known are {', '.join(PemsSettings.model_fields)}"
    field_type = str(PemsSettings.model_fields[name].annotation)
    given = ""
    if "SecretStr" not in field_type and "input" in fault:
        given = f"={without_password(str(fault['input']))[:100]!r}"
    return f"{PREFIX}{name.upper()}{given}: {message}"
