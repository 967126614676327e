"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


class UtcTime(sa.TypeDecorator[datetime]):
    """An aware UTC time. SQLite keeps no zone, so it is taken off and put back."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the value as the database takes it."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the value as the program knows it."""
        return value if value is None or value.tzinfo is not None else value.replace(tzinfo=UTC)


class WholeNumber(sa.TypeDecorator[Decimal]):
    """A whole number of any size as a parameter: numeric on PostgreSQL; on SQLite an integer as long as 64 bits do."""

    impl = sa.Numeric(38, 0)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Return the type that the database knows."""
        # SQLAlchemy would hand a Numeric over as a float.
        return dialect.type_descriptor(sa.BigInteger() if dialect.name == "sqlite" else sa.Numeric(38, 0))

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> Any:
        """Return the value as the database takes it."""
        if value is None or dialect.name != "sqlite":
            return value
        return int(value) if abs(value) < 2**63 else float(value)


class NameList(sa.TypeDecorator[tuple[str, ...]]):
    """A list of field names: an array on PostgreSQL, JSON text on SQLite. An empty list is stored as missing."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Return the type that the database knows."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(sa.Text()))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: sa.Dialect) -> Any:
        """Return the value as the database takes it."""
        if not value:
            return None
        return list(value) if dialect.name == "postgresql" else json.dumps(list(value))

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> tuple[str, ...]:
        """Return the value as the program knows it."""
        if value is None:
            return ()
        return tuple(value if dialect.name == "postgresql" else json.loads(value))
