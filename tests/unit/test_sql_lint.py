"""Each rule of the SQL lint catches a statement that breaks it, and lets through those that do not."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from pfa_rpc.store.syncing.tables import metadata
from tests.sql_lint import REFERENCE_TABLES, Lint, key_findings

LINT = Lint(frozenset({"records", "field_values"}))

BAD = [
    ("one organization", "UPDATE records SET position = 1"),
    ("one organization", "UPDATE records SET position = 1 WHERE id = $1"),
    ("one organization", "UPDATE records SET position = 1 WHERE organization_id = $1 OR id = $2"),
    ("one organization", "UPDATE records SET position = 1 WHERE NOT organization_id = $1"),
    ("one organization", "UPDATE records SET position = 1 WHERE organization_id <> $1"),
    ("one organization", "UPDATE records SET position = 1 WHERE organization_id = ANY ($1)"),
    ("one organization", "UPDATE records SET position = 1 WHERE organization_id IN ($1, $2)"),
    ("one organization", "UPDATE records SET position = 1 WHERE id = 'organization_id = $1'"),
    ("one organization", "UPDATE records SET position = 1 -- WHERE organization_id = $1"),
    ("one organization", "UPDATE records SET position = 1 WHERE id IN (SELECT id FROM x WHERE organization_id = $1)"),
    ("one organization", "UPDATE records SET id = n.id FROM new AS n WHERE n.organization_id = $1"),
    ("one organization", "UPDATE records SET id = n.id FROM n WHERE records.organization_id = n.organization_id"),
    ("one organization", "UPDATE records AS r SET id = $1 WHERE records.organization_id = $2"),
    ("one organization", "UPDATE records SET organization_id = $1 WHERE organization_id = $2"),
    ("one organization", "UPDATE records SET (id, organization_id) = ($1, $2) WHERE organization_id = $2"),
    ("one organization", "DELETE FROM records"),
    ("one organization", "DELETE FROM public.records WHERE id = $1"),
    ("one organization", "WITH gone AS (DELETE FROM records RETURNING id) SELECT id FROM gone"),
    ("one organization", "SELECT id FROM records WHERE id = $1 FOR UPDATE"),
    ("one organization", "SELECT id FROM records FOR NO KEY UPDATE SKIP LOCKED"),
    ("one organization", "SELECT id FROM records r JOIN field_values v ON true WHERE r.organization_id = $1 FOR SHARE"),
    ("one organization", "SELECT id FROM (SELECT id FROM records) AS r FOR UPDATE"),
    ("one organization", "INSERT INTO records (id) VALUES ($1)"),
    ("one organization", "INSERT INTO records SELECT * FROM records"),
    ("one organization", "TRUNCATE records"),
    ("one organization", "LOCK TABLE records"),
    (
        "one organization",
        "INSERT INTO records (organization_id) VALUES ($1) "
        "ON CONFLICT (organization_id) DO UPDATE SET organization_id = excluded.organization_id",
    ),
    ("on conflict", "INSERT INTO records (organization_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
    ("on conflict", "INSERT INTO records (organization_id, id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING"),
    ("on conflict", "INSERT INTO records (organization_id) VALUES ($1) ON CONFLICT ON CONSTRAINT pk DO NOTHING"),
    ("volatile", "UPDATE records SET position = random() WHERE organization_id = $1"),
    ("volatile", "UPDATE records SET at = now() WHERE organization_id = $1"),
    ("volatile", "UPDATE records SET at = CURRENT_TIMESTAMP WHERE organization_id = $1"),
    ("volatile", "INSERT INTO records (organization_id, id) VALUES ($1, gen_random_uuid())"),
    ("volatile", "INSERT INTO records (organization_id, position) VALUES ($1, coalesce($2, nextval('numbers')))"),
    ("volatile", "DELETE FROM records WHERE organization_id = $1 AND at < now()"),
    ("merge", "MERGE INTO records USING new ON records.id = new.id WHEN MATCHED THEN DELETE"),
    ("set_config", "SELECT set_config('pfa.organization', $1, true)"),
    ("notify", "NOTIFY changed"),
    ("notify", "SELECT pg_notify('changed', $1)"),
    ("trigger", "CREATE TRIGGER t BEFORE INSERT ON records EXECUTE FUNCTION f()"),
    ("tables", "INSERT INTO elsewhere (id) VALUES ($1)"),
    ("tables", "UPDATE elsewhere SET id = $1"),
    ("copy", "COPY records FROM STDIN"),
    ("copy", "COPY records (id, organization_id) FROM STDIN"),
    ("copy", "COPY instance_keys (name, value) FROM STDIN"),
    ("merge", "SELECT 1; MERGE INTO records USING new ON true WHEN MATCHED THEN DELETE"),
]

GOOD = [
    "UPDATE records SET position=$1::BIGINT WHERE records.organization_id = $2::VARCHAR AND records.id = $3",
    "UPDATE records SET position = 1 WHERE (id = $1 AND (organization_id = $2))",
    "UPDATE records SET position = 1 WHERE position BETWEEN $1 AND $2 AND $3 = organization_id",
    "UPDATE ONLY public.records AS r SET id = n.id FROM unnest($1) AS n (id) WHERE r.organization_id = $2",
    "UPDATE records SET id = n.id FROM n JOIN m ON m.organization_id = n.organization_id "
    "WHERE records.organization_id = 'RIO'",
    "UPDATE instance_keys SET value = $1 WHERE name = $2",
    "DELETE FROM records WHERE organization_id = :code",
    "DELETE FROM records WHERE organization_id = $1 /* OR */ RETURNING id",
    "SELECT id, now() FROM records WHERE id = $1",
    "SELECT id FROM records WHERE organization_id = $1 AND id = $2 FOR UPDATE SKIP LOCKED",
    "SELECT r.id FROM records AS r JOIN field_values v ON v.organization_id = r.organization_id "
    "WHERE r.organization_id = $1 AND v.organization_id = $1 FOR UPDATE",
    "INSERT INTO records (organization_id, id) VALUES ($1, $2), ($3, $4)",
    "INSERT INTO records (organization_id, id) SELECT $1, id FROM unnest($2) AS n (id) "
    "ON CONFLICT (organization_id, id) DO UPDATE SET id = excluded.id WHERE records.organization_id = $1",
    "INSERT INTO instance_keys (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    "INSERT INTO records (organization_id, now) VALUES ($1, 'random()')",
    "SET LOCAL statement_timeout = '10s'",
    "COPY records (organization_id, id) FROM STDIN",
    "COPY (SELECT payload FROM records) TO STDOUT",
]


@pytest.mark.parametrize(("rule", "statement"), BAD)
def test_a_statement_that_breaks_a_rule_is_caught(rule: str, statement: str) -> None:
    assert {finding.rule for finding in LINT.statement(statement)} == {rule}


@pytest.mark.parametrize("statement", GOOD)
def test_a_statement_that_breaks_none_is_let_through(statement: str) -> None:
    assert list(map(str, LINT.statement(statement))) == []


def test_notify_after_the_commit_is_let_through() -> None:
    assert LINT.statement("NOTIFY changed", in_transaction=False) == []


@pytest.mark.parametrize(
    ("table", "columns"),
    [("records", None), ("records", ["id", "organization_id"]), ("instance_keys", ["name"]), ("elsewhere", ["id"])],
)
def test_a_copy_that_breaks_a_rule_is_caught(table: str, columns: list[str] | None) -> None:
    assert [finding.rule for finding in LINT.copy(table, columns)] == ["copy"]


def test_a_copy_that_begins_with_the_organization_is_let_through() -> None:
    assert LINT.copy("records", ["organization_id", "id"]) == []


def table(*parts: sa.schema.SchemaItem) -> sa.MetaData:
    """Return a schema of one table that is right by itself, and more."""
    found = sa.MetaData()
    columns = [sa.Column(name, sa.Text(), primary_key=True) for name in ("organization_id", "id")]
    sa.Table("other", found, sa.Column("id", sa.Text(), primary_key=True), sa.Column("organization_id", sa.Text()))
    sa.Table("things", found, *columns, sa.Column("code", sa.Text()), *parts)
    return found


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("uq_code", sa.UniqueConstraint("code", "organization_id", name="uq_code")),
        ("ux_code", sa.Index("ux_code", "code", unique=True)),
        ("ux_lower", sa.Index("ux_lower", sa.text("lower(code)"), unique=True)),
        ("fk_code", sa.ForeignKeyConstraint(["code"], ["other.id"], name="fk_code")),
    ],
)
def test_a_key_that_does_not_begin_with_the_organization_is_caught(name: str, part: sa.schema.SchemaItem) -> None:
    assert f"keys: {name} of things does not begin with organization_id" in map(str, key_findings(table(part)))


def test_a_primary_key_and_a_table_without_organizations_are_caught() -> None:
    found = table()
    sa.Table("elsewhere", found, sa.Column("id", sa.Text(), primary_key=True))
    assert sorted(map(str, key_findings(found))) == [
        "keys: a key of other does not begin with organization_id",
        "tables: elsewhere has no organization_id, and no reason is given for that",
    ]


def test_keys_of_the_schema_begin_with_the_organization() -> None:
    assert list(map(str, key_findings(metadata))) == []


def test_each_table_without_organizations_has_a_reason() -> None:
    without = {name for name, found in metadata.tables.items() if "organization_id" not in found.columns}
    assert without | {"alembic_version"} == REFERENCE_TABLES.keys()
    assert all(REFERENCE_TABLES.values())
