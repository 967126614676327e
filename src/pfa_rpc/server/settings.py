"""The settings: `Settings.load` reads them from the environment (PFA_*) and a TOML file, `Settings.shown` shows them.

The table of docs/operations.md and `pfa serve --show-config` derive from the fields of `Settings`.
"""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from pfa_rpc.cache.urls import Target
from pfa_rpc.errors import SetupError
from pfa_rpc.server.addresses import Address
from pfa_rpc.server.settings_file import CONFIG_FILE, PEMS_TABLE, file_settings, nearest_name, pems_table
from pfa_rpc.server.shown_settings import ShownSetting, shown_settings
from pfa_rpc.store.limits import Limits
from pfa_rpc.sync.pems.settings import PREFIX as PEMS_PREFIX
from pfa_rpc.sync.pems.settings import PemsSettings

PREFIX: Final = "PFA_"
OTHER_VARIABLES: Final = (CONFIG_FILE, "PFA_SERVER", "PFA_TOKEN", "PFA_ORGANIZATION")
"""Variables of ours that are no settings of the server: the file, and what the client commands read."""
SECRET_LENGTH: Final = 16
"""Shortest secret, in characters."""


class LogLevel(enum.StrEnum):
    """What the log holds: this level and those after it."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(enum.StrEnum):
    """How a line of the log is written."""

    JSON = "json"
    CONSOLE = "console"


def _check_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if len(text) < SECRET_LENGTH:
        raise ValueError(f"a secret needs at least {SECRET_LENGTH} characters, not {len(text)}")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("may hold visible ASCII characters only, no spaces")
    return secret


def _split_secrets(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _check_address(text: str) -> str:
    return str(Address.parse(text))


def _check_metrics_address(text: str) -> str:
    return _check_address(text) if text.strip() else ""


def _check_redis(url: SecretStr | None) -> SecretStr | None:
    if url is not None:
        Target.parse(url.get_secret_value())
    return url


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _default_log_format() -> LogFormat:
    return LogFormat.CONSOLE if sys.stderr.isatty() else LogFormat.JSON


Secret = Annotated[SecretStr, AfterValidator(_check_secret)]


class Settings(BaseSettings):
    """The settings of a server. Command line wins over environment, environment over file, file over defaults."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    database_url: str = Field(
        "sqlite:///pfa.sqlite3",
        description="The database: sqlite:///RELATIVE/PATH, sqlite:////ABSOLUTE/PATH or postgresql://USER:PASSWORD@HOST/NAME.",
    )
    listen: Annotated[str, AfterValidator(_check_address)] = Field(
        "127.0.0.1:50051",
        description="HOST:PORT or [IPV6]:PORT to listen on; port 0 takes a free one. "
        "An address that is not loopback needs api_tokens.",
    )
    api_tokens: Annotated[tuple[Secret, ...], NoDecode, BeforeValidator(_split_secrets)] = Field(
        (),
        description="Bearer tokens, separated by commas, of which every call must carry one; each at least "
        "16 characters. Empty: no token is asked for.",
    )
    token_key: Annotated[Secret | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        description="Secret that page, resume and revision tokens are signed with, at least 16 characters. "
        "Empty: one that is kept in the database.",
    )
    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = Field(
        LogLevel.INFO,
        description="What is logged: debug, info, warning or error. Only debug shows filters and questions.",
    )
    log_format: Annotated[LogFormat, BeforeValidator(_lower)] = Field(
        default_factory=_default_log_format,
        description="json or console. Without it console on a terminal, json elsewhere.",
    )
    stream_write_seconds: float = Field(
        60.0,
        gt=0,
        le=86_400,
        description="How long a stream waits for a client that does not read, in seconds, before it ends with ABORTED.",
    )
    max_request_bytes: int = Field(
        4 * 1024 * 1024,
        ge=1024,
        le=256 * 1024 * 1024,
        description="Largest request, in bytes.",
    )
    history_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="For how many days the history of changes is kept; 0: for ever. What is older is neither listed "
        "nor followed from.",
    )
    max_concurrent_calls: int = Field(
        1_000,
        ge=1,
        le=100_000,
        description="Most calls at once; one more gets RESOURCE_EXHAUSTED. Health checks do not count.",
    )
    max_watchers: int = Field(
        2_000,
        ge=1,
        le=100_000,
        description="Most calls at once that go on until somebody ends them, such as WatchRecords; they do not count "
        "as calls otherwise. One more gets RESOURCE_EXHAUSTED.",
    )
    watch_bytes: int = Field(
        64 * 1024 * 1024,
        ge=16 * 1024 * 1024,
        le=1 << 40,
        description="Most that waits for the watchers of one process together, in bytes. Where it is too much, who is "
        "furthest behind reads from the database, and a client that takes nothing is ended, the slowest first.",
    )
    stop_seconds: float = Field(
        10.0,
        ge=0,
        le=3_600,
        description="How long calls may go on, in seconds, after the server was told to stop.",
    )
    database_pool_size: int = Field(
        5,
        ge=1,
        le=1_000,
        description="Most connections to the database that one process takes.",
    )
    database_direct_connections: int = Field(
        2,
        ge=0,
        le=100,
        description="Connections to the database besides, which read what each organization is at; every cached answer "
        "is checked so. 0: the pool does it, more slowly (PostgreSQL).",
    )
    database_statement_seconds: float = Field(
        30.0,
        gt=0,
        le=86_400,
        description="How long a statement may run, in seconds (PostgreSQL).",
    )
    database_lock_seconds: float = Field(
        10.0,
        gt=0,
        le=86_400,
        description="How long a statement may wait for another writer, in seconds (PostgreSQL).",
    )
    redis_url: Annotated[SecretStr | None, BeforeValidator(_empty_is_none), AfterValidator(_check_redis)] = Field(
        None,
        description="Redis that keeps answers for all processes: redis://HOST:PORT/DATABASE, "
        "redis+sentinel://HOST:PORT,HOST:PORT/SERVICE or redis+cluster://HOST:PORT,HOST:PORT; rediss for TLS. "
        "Empty: each process keeps its own.",
    )
    cache_process_bytes: int = Field(
        224 * 1024 * 1024,
        ge=0,
        le=1 << 40,
        description="Most that one process keeps of answers in its memory, in bytes; 0 keeps nothing there.",
    )
    cache_modified_records: int = Field(
        5_000,
        ge=0,
        le=100_000,
        description="Most records that PEMS does not know of yet which the cache keeps together for an organization; "
        "where there are more the database serves them. 0 keeps none.",
    )
    metrics_listen: Annotated[str, AfterValidator(_check_metrics_address)] = Field(
        "",
        description="HOST:PORT or [IPV6]:PORT that serves metrics over HTTP; port 0 takes a free one. "
        "An address that is not loopback needs api_tokens, and asks for one of them. Empty: none.",
    )

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)
    _pems: PemsSettings | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Return the settings of this process; `given` are those of the command line, None for one left out.

        Raises SetupError, with a sentence that names the variable, its value, and what would be right.
        """
        given = {name: value for name, value in given.items() if value is not None}
        sources = _sources(cls, PREFIX, file_settings(cls.model_fields), given)
        try:
            settings = cls(**given)
        except ValidationError as error:
            raise SetupError("; ".join(_sentences(error, sources))) from None
        settings._sources.update(sources)
        settings._pems = PemsSettings.load(pems_table(cls.model_fields))
        settings._check_exposure()
        return settings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the command line, the environment, and the file."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, file_settings(settings_cls.model_fields))

    @property
    def pems(self) -> PemsSettings:
        """Where PEMS is, if anywhere, and what it is like. Raises SetupError."""
        return self._pems or PemsSettings.load()

    @property
    def address(self) -> Address:
        """Where to listen."""
        return Address.parse(self.listen)

    @property
    def bearer_tokens(self) -> tuple[str, ...]:
        """The tokens in the clear."""
        return tuple(token.get_secret_value() for token in self.api_tokens)

    @property
    def metrics_address(self) -> Address | None:
        """Where metrics are served, if they are."""
        return Address.parse(self.metrics_listen) if self.metrics_listen else None

    @property
    def database_limits(self) -> Limits:
        """How much of the database this process may take."""
        return Limits(
            pool_size=self.database_pool_size,
            statement_seconds=self.database_statement_seconds,
            lock_seconds=self.database_lock_seconds,
            direct_connections=self.database_direct_connections,
            primary_only=True,
        )

    def shown(self) -> list[ShownSetting]:
        """Return a line for every setting, those of PEMS behind the others, secrets hidden."""
        known = _sources(PemsSettings, PEMS_PREFIX, pems_table(type(self).model_fields), {})
        pems = shown_settings(self.pems, known, prefix=PEMS_PREFIX, table=PEMS_TABLE)
        return [*shown_settings(self, self._sources, prefix=PREFIX), *pems]

    def _check_exposure(self) -> None:
        for name, address in (("listen", self.address), ("metrics_listen", self.metrics_address)):
            if address is not None and not address.is_loopback and not self.api_tokens:
                raise SetupError(
                    f"{variable(name)}={address} can be reached from other machines, and {variable('api_tokens')} "
                    "is not set; set it to one or more secrets that callers send as `authorization: Bearer SECRET`, "
                    "or listen on 127.0.0.1"
                )


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def unknown_variables(environment: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """Return the PFA_ variables that nothing reads, each with the nearest one that is read."""
    pems = [PEMS_PREFIX + name.upper() for name in PemsSettings.model_fields]
    known = [*map(variable, Settings.model_fields), *OTHER_VARIABLES, *pems]
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    return [(name, nearest_name(name, known)) for name in unknown]


def _sources(cls: type[BaseSettings], prefix: str, file: Iterable[str], given: Mapping[str, Any]) -> dict[str, str]:
    """Return where each setting that was set comes from."""
    sources = dict.fromkeys(file, os.environ.get(CONFIG_FILE, ""))
    environment = {name.upper() for name in os.environ}
    sources |= {name: "environment" for name in cls.model_fields if prefix + name.upper() in environment}
    return sources | dict.fromkeys(given, "command line")


def _sentences(error: ValidationError, sources: Mapping[str, str]) -> Iterable[str]:
    """Say for each wrong setting where it was set, to what, and what would be right."""
    for fault in error.errors(include_url=False, include_context=False):
        name = str(fault["loc"][0]) if fault["loc"] else "settings"
        source = sources.get(name, "environment")
        named = variable(name) if source == "environment" else f"{name} ({source})"
        given = "" if _is_secret(name) or "input" not in fault else f"={str(fault['input'])[:100]!r}"
        yield f"{named}{given}: {fault['msg'].removeprefix('Value error, ')}"


def _is_secret(name: str) -> bool:
    return name in {"api_tokens", "token_key", "redis_url"}
