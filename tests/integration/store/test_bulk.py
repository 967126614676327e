"""Many texts as one parameter arrive as they were."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pfa_rpc.store.bulk import text_array
from pfa_rpc.store.database import Database

TEXTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@example(texts=[])
@example(texts=[""])
@example(texts=['"', "\\", "a,b", "{}", "NULL", " ", '","'])
@given(texts=TEXTS)
async def test_texts_are_the_array_that_they_are_written_as(postgresql_url: str, texts: list[str]) -> None:
    database = Database(postgresql_url)
    async with database.reading() as connection:
        result = await connection.exec_driver_sql("SELECT ($1::TEXT)::TEXT[]", (text_array(texts),))
        assert result.scalar_one() == texts
    await database.close()
