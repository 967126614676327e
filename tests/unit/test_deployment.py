"""The container's files: what they promise of who reaches the service, as whom it runs, and when it is killed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.specifiers import SpecifierSet

from pfa_rpc.server.settings import Settings, variable
from tests.deployment import ROOT, MissingVariable, compose, instructions, interpolated, last_stage, seconds

OURS: Final = ("migrate", "service")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of docker-compose.yml."""
    found: dict[str, Any] = compose()["services"]
    return found


def values(part: object) -> list[str]:
    """Return every text in a document."""
    if isinstance(part, dict):
        return [text for each in part.values() for text in values(each)]
    if isinstance(part, list):
        return [text for each in part for text in values(each)]
    return [part] if isinstance(part, str) else []


def compose_spec(file: Path) -> subprocess.CompletedProcess[str]:
    """Check a file against the JSON schema of the compose specification."""
    program = Path(sys.executable).parent / "check-jsonschema"
    arguments = ["--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


class TestCompose:
    """docker-compose.yml."""

    def test_it_follows_the_specification(self) -> None:
        done = compose_spec(ROOT / "docker-compose.yml")
        assert done.returncode == 0, done.stdout + done.stderr

    def test_the_check_finds_what_the_specification_forbids(self, tmp_path: Path) -> None:
        wrong = tmp_path / "docker-compose.yml"
        wrong.write_text((ROOT / "docker-compose.yml").read_text("utf-8").replace("start_period", "start_periode"))
        assert compose_spec(wrong).returncode == 1

    def test_this_machine_alone_reaches_the_service_and_nothing_reaches_the_others(
        self, services: dict[str, Any]
    ) -> None:
        assert {name for name, service in services.items() if "ports" in service} == {"service"}
        ports = [interpolated(port, {}) for port in services["service"]["ports"]]
        assert ports == ["127.0.0.1:50051:50051", "127.0.0.1:9464:9464"]
        assert services["service"]["environment"]["PFA_METRICS_LISTEN"].endswith(":9464")
        assert compose()["networks"]["inside"] == {"internal": True}
        assert all(service["networks"] == ["inside"] for name, service in services.items() if name != "service")

    def test_it_does_not_start_without_secrets_and_says_how_to_make_them(self, services: dict[str, Any]) -> None:
        for where, name in (("service", "PFA_API_TOKENS"), ("postgres", "POSTGRES_PASSWORD")):
            with pytest.raises(MissingVariable, match=r"\.env.*openssl rand"):
                interpolated(services[where]["environment"][name], {})

    def test_every_variable_of_the_service_is_a_setting(self, services: dict[str, Any]) -> None:
        known = set(map(variable, Settings.model_fields))
        for name in OURS:
            assert set(services[name]["environment"]) <= known

    def test_every_variable_that_it_reads_is_in_the_example_and_the_other_way_round(
        self, services: dict[str, Any]
    ) -> None:
        read = {name for text in values(services) for name in re.findall(r"\$\{(\w+)", text)}
        example = (ROOT / ".env.example").read_text("utf-8")
        assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) == read
        assert "/.env" in (ROOT / ".gitignore").read_text("utf-8").split()

    def test_the_example_holds_no_secret(self) -> None:
        example = (ROOT / ".env.example").read_text("utf-8")
        assert set(re.findall(r"^[A-Z_]+=(.*)$", example, re.MULTILINE)) == {""}

    def test_the_service_starts_after_the_migration_and_that_after_the_database(self, services: dict[str, Any]) -> None:
        conditions = {name: each["condition"] for name, each in services["service"]["depends_on"].items()}
        assert conditions == {
            "postgres": "service_healthy",
            "redis": "service_started",
            "migrate": "service_completed_successfully",
        }
        assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
        assert services["migrate"]["restart"] == "no"

    def test_calls_get_their_time_before_the_process_is_killed(self, services: dict[str, Any]) -> None:
        service = services["service"]
        allowed = seconds(service["stop_grace_period"])
        assert allowed >= float(service["environment"]["PFA_STOP_SECONDS"]) + 10

    @pytest.mark.parametrize("name", OURS)
    def test_our_containers_may_do_no_more_than_they_must(self, services: dict[str, Any], name: str) -> None:
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert "cap_add" not in service

    def test_whatever_stays_up_is_checked_and_started_again(self, services: dict[str, Any]) -> None:
        for name, service in services.items():
            if name != "migrate":
                assert service["restart"] == "unless-stopped"
                assert service["healthcheck"]["test"][0] == "CMD"

    def test_records_are_on_a_volume_and_answers_are_not(self, services: dict[str, Any]) -> None:
        assert services["postgres"]["volumes"] == ["postgres-data:/var/lib/postgresql/data"]
        assert "postgres-data" in compose()["volumes"]
        assert "volumes" not in services["redis"]
        assert services["redis"]["tmpfs"] == ["/data"]

    def test_the_database_has_connections_for_the_pool(self, services: dict[str, Any]) -> None:
        (most,) = [int(word.split("=")[1]) for word in services["postgres"]["command"] if "max_connections=" in word]
        pool = int(interpolated(services["service"]["environment"]["PFA_DATABASE_POOL_SIZE"], {}))
        assert most >= 2 * pool + 20, "two processes, during an upgrade, and a margin"

    def test_images_are_of_a_version(self, services: dict[str, Any]) -> None:
        for name in ("postgres", "redis"):
            assert re.fullmatch(rf"{name}:\d+(\.\d+)?-bookworm", services[name]["image"])
        assert services["migrate"]["image"] == services["service"]["image"]


class TestDockerfile:
    """Dockerfile and .dockerignore."""

    def test_what_it_copies_exists_and_is_let_in(self) -> None:
        ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        assert "*" in ignored
        for copy in (each for each in instructions() if each.name == "COPY" and "--from" not in each.text):
            for source in copy.words[:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in ignored

    def test_what_it_copies_is_committed(self) -> None:
        sources = [
            f for each in instructions() if each.name == "COPY" and "--from" not in each.text for f in each.words[:-1]
        ]
        if not (ROOT / ".git").exists():
            pytest.skip("this is no checkout")
        for source in sources:
            done = subprocess.run(["git", "ls-files", source], cwd=ROOT, capture_output=True, text=True, check=True)
            assert done.stdout, source

    def test_both_stages_have_the_python_that_the_tests_have(self) -> None:
        images = {each.words[0] for each in instructions() if each.name == "FROM"}
        assert images == {"python:3.11-slim-bookworm"}
        wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
        assert SpecifierSet(wanted).contains("3.11")

    def test_packages_are_those_of_the_lock_files_alone(self) -> None:
        installs = [each.text for each in instructions() if each.name == "RUN" and " install " in each.text]
        assert len(installs) == 3
        for text in installs:
            assert "--no-deps" in text
            assert "--require-hashes" in text or "--no-index" in text

    def test_it_runs_as_a_user_of_its_own_with_a_fixed_number(self) -> None:
        (user,) = last_stage("USER")
        number, group = user.text.split(":")
        assert int(number) >= 1000
        assert any(f"--uid {number} " in run.text and f"--gid {group} " in run.text for run in last_stage("RUN"))

    def test_the_image_has_nothing_that_builds(self) -> None:
        runs = [run.text for run in last_stage("RUN")]
        assert not any(re.search(r"apt-get|\binstall\b|gcc", text) for text in runs)
        assert any("uninstall" in text and "pip setuptools wheel" in text for text in runs)
        assert [copy.text for copy in last_stage("COPY")] == ["--from=build /opt/pfa /opt/pfa"]

    def test_it_checks_health_as_the_compose_file_does(
        self,
    ) -> None:
        (check,) = last_stage("HEALTHCHECK")
        options, _, command = check.text.partition(" CMD ")
        theirs = compose()["services"]["service"]["healthcheck"]
        assert ["CMD", *json.loads(command)] == theirs["test"]
        ours = dict(re.findall(r"--([a-z-]+)=(\S+)", options))
        assert {name.replace("-", "_"): value for name, value in ours.items()} == {
            name: str(value) for name, value in theirs.items() if name != "test"
        }

    def test_it_listens_where_the_compose_file_publishes(self) -> None:
        (port,) = last_stage("EXPOSE")
        service = compose()["services"]["service"]
        assert service["environment"]["PFA_LISTEN"] == f"0.0.0.0:{port.text}"
        assert service["ports"][0].endswith(f":{port.text}")
