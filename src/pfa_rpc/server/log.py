"""The log: one structured line an event, on stderr, with secrets and control characters kept out of it."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from pfa_rpc.server.settings import LogFormat, LogLevel, Settings
from pfa_rpc.server.wire_text import harmless

VALUE_BYTES: Final = 2_000
"""Longest text in a line of the log, in bytes; a trace is not cut."""


def configure(settings: Settings) -> None:
    """Send our events, and what libraries log, to stderr in the settings' format."""
    level = getattr(logging, settings.log_level.value.upper())
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _make_harmless,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings.log_format)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    _quieten_libraries(settings.log_level)


def _renderers(log_format: LogFormat) -> list[structlog.types.Processor]:
    if log_format is LogFormat.JSON:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    # A richer trace shows the values of variables, secrets among them, and takes seconds of every other call.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _quieten_libraries(level: LogLevel) -> None:
    # Migrations and the driver announce every step; what they find wrong still shows. SQL is never wanted: it is in the
    # libraries' debug level, with its parameters; so are the cookies of a session with PEMS.
    for name in ("alembic", "aiosqlite", "sqlalchemy", "asyncio", "grpc", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(max(logging.WARNING, getattr(logging, level.value.upper())))


def _make_harmless(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = harmless(value, VALUE_BYTES)
    return event
