"""What stands around the code: the commands of the Makefile, the lock files, and the wheel as it is installed."""

from __future__ import annotations

import itertools
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
LOCKS = ("dev.txt", "run.txt", "uv.txt", "build.txt")


def run(
    *command: str | Path, where: Path = REPOSITORY, seconds: float = 60, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing on its standard input; variables are added to the environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PFA_"))}
    return subprocess.run(
        [str(word) for word in command],
        cwd=where,
        env=environment | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def copy_of_the_tree(target: Path) -> Path:
    """Copy what a clone would hold: the files that git tracks or would add."""
    listing = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listing.returncode != 0:
        pytest.skip("this is no git checkout, so there is no telling which files belong to it")
    for name in filter(None, listing.stdout.split("\0")):
        source = REPOSITORY / name
        if source.is_file():
            destination = target / name
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, destination)
    return target


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def time_of_children() -> float:
    """Return how long processes that ended have used the processor, in seconds; the machine may be busy."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class TestMake:
    """The commands that everybody types."""

    def test_help_names_every_target_and_is_the_default(self) -> None:
        makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
        targets = re.findall(r"^([a-z-]+):(?!=)", makefile, re.MULTILINE)
        shown = run("make", "--no-print-directory")
        assert shown.returncode == 0
        assert shown.stdout == run("make", "--no-print-directory", "help").stdout
        assert [line.split()[1] for line in shown.stdout.splitlines()] == targets

    def test_setup_does_nothing_where_nothing_changed(self) -> None:
        assert run("scripts/setup.sh", seconds=600).returncode == 0
        begin = time_of_children()
        again = run("scripts/setup.sh")
        assert time_of_children() - begin < 1
        assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    def test_generated_code_is_what_the_protos_give(self) -> None:
        assert run("scripts/protos.sh", "--check").returncode == 0


class TestSetupFailures:
    """A setup that cannot go on says what to do."""

    @pytest.fixture
    def clone(self, tmp_path: Path) -> Path:
        """A folder with all that setup reads, and no environment."""
        for name in ("scripts/setup.sh", "pyproject.toml", "setup.py", *(f"requirements/{lock}" for lock in LOCKS)):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy2(REPOSITORY / name, tmp_path / name)
        return tmp_path

    def test_an_old_python_gets_a_sentence(self, clone: Path) -> None:
        old = clone / "python3.9"
        old.write_text("#!/bin/sh\nexit 1\n")
        old.chmod(0o755)
        answer = run("scripts/setup.sh", where=clone, PYTHON=str(old))
        assert answer.returncode == 1
        assert answer.stderr == (
            f"setup: PYTHON={old} is not a Python 3.11 or newer; name one that is, or leave it out.\n"
        )

    def test_no_network_gets_a_sentence(self, clone: Path) -> None:
        """A registry on a port where nobody listens stands for a network that is not there."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            registry = f"http://127.0.0.1:{unused.getsockname()[1]}/simple"
            answer = run(
                "scripts/setup.sh", where=clone, PYTHON=sys.executable, PIP_INDEX_URL=registry, PIP_FIND_LINKS=""
            )
        assert answer.returncode == 1
        assert "could not be fetched: check the network and try again" in answer.stderr.splitlines()[-1]
        assert not (clone / ".venv/.setup-stamp").exists()

    def test_a_link_to_an_environment_is_left_alone(self, clone: Path) -> None:
        (clone / ".venv").symlink_to(sys.prefix)
        before = sorted(Path(sys.prefix).iterdir())
        assert run("scripts/setup.sh", where=clone).returncode == 0
        assert sorted(Path(sys.prefix).iterdir()) == before

    def test_a_link_to_nothing_gets_a_sentence(self, clone: Path) -> None:
        (clone / ".venv").symlink_to(clone / "gone")
        answer = run("scripts/setup.sh", where=clone)
        assert answer.returncode == 1
        assert "mend or remove the link" in answer.stderr


class TestDemo:
    """A demo that cannot begin says what to do."""

    def test_a_taken_port_gets_a_sentence(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            answer = run("scripts/demo.sh", PORT=str(port), DEMO_DIR=str(tmp_path / "demo"))
        assert answer.returncode == 1
        assert f"port {port} of 127.0.0.1 is taken" in answer.stderr
        assert f"PORT={port % 65535 + 1} make demo" in answer.stderr
        assert not (tmp_path / "demo").exists(), "it complained after it had begun"

    @pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
    def test_what_is_no_port_gets_a_sentence(self, port: str) -> None:
        answer = run("scripts/demo.sh", PORT=port)
        assert (answer.returncode, answer.stderr) == (1, f"demo: PORT={port} is no port; name one from 1 to 65535.\n")

    def test_it_answers_stays_up_and_can_be_run_again(self, tmp_path: Path) -> None:
        port = free_port()
        folder = str(tmp_path / "demo")
        with subprocess.Popen(
            ["scripts/demo.sh"],
            cwd=REPOSITORY,
            env=os.environ | {"PORT": str(port), "DEMO_DIR": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as demo:
            assert demo.stdout is not None
            shown = list(itertools.takewhile(lambda line: "until Ctrl-C" not in line, demo.stdout))
            demo.send_signal(signal.SIGINT)
            rest = demo.stdout.read()
        text = "".join(shown)
        assert demo.returncode == 0, text + rest
        assert 'area_silo = "Silo 4"' in text
        assert re.search(r"From start to answer: \d+\.\d seconds", text)
        assert "20,220" in text
        assert re.search(r"^done .* 3 updated, .* 1 pushed$", text, re.MULTILINE), text
        assert "contract: " in text
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, "the server outlived the demo"
        pems = re.search(r"simulated on http://127\.0\.0\.1:(\d+)", text)
        assert pems is not None
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(pems[1]))) != 0, "the simulated PEMS outlived the demo"
        again = run("scripts/demo.sh", seconds=120, ONCE="1", PORT=str(port), DEMO_DIR=folder)
        assert again.returncode == 0, again.stderr
        assert re.search(r"^total +0 +0 +20,220$", again.stdout, re.MULTILINE), again.stdout
        assert re.search(r"^done .* 1 pushed$", again.stdout, re.MULTILINE), again.stdout


class TestLocks:
    """The locks pin what is installed, and name no place to get it from."""

    @pytest.mark.parametrize("lock", LOCKS)
    def test_every_requirement_is_pinned_and_hashed(self, lock: str) -> None:
        text = (REPOSITORY / "requirements" / lock).read_text(encoding="utf-8")
        requirements = re.split(r"(?<!\\)\n", text.strip())
        assert requirements
        for requirement in requirements:
            assert re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==\S+ ", requirement), requirement.splitlines()[0]
            assert "--hash=sha256:" in requirement, requirement.splitlines()[0]

    def test_they_hold_what_the_project_asks_for(self) -> None:
        """Whoever adds a dependency and forgets `make lock` learns it here."""
        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
        text = (REPOSITORY / "requirements/dev.txt").read_text(encoding="utf-8")
        locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))
        for line in project["project"]["dependencies"] + project["dependency-groups"]["dev"]:
            wanted = Requirement(line)
            assert wanted.name in locked, f"{line} is not locked: run `make lock`"
            assert wanted.specifier.contains(locked[wanted.name]), f"{line} is not met by the lock: run `make lock`"

    @pytest.mark.parametrize("lock", LOCKS)
    def test_no_address_is_written_down(self, lock: str) -> None:
        text = (REPOSITORY / "requirements" / lock).read_text(encoding="utf-8")
        assert "://" not in text
        assert "index" not in text

    @pytest.mark.parametrize("lock", ["run.txt", "uv.txt", "build.txt"])
    def test_all_files_lock_the_same_versions(self, lock: str) -> None:
        def versions(name: str) -> set[str]:
            return set(re.findall(r"^\S+==\S+", (REPOSITORY / "requirements" / name).read_text(), re.MULTILINE))

        assert versions(lock) <= versions("dev.txt")


@pytest.fixture(scope="module")
def built_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree so that nothing left over in this one gets into it."""
    tree = copy_of_the_tree(tmp_path_factory.mktemp("tree"))
    uv = REPOSITORY / ".venv/bin/uv"
    build = run(uv, "build", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable, where=tree)
    assert build.returncode == 0, build.stderr
    (wheel,) = (tree / "dist").glob("*.whl")
    return wheel


class TestWheel:
    """What is installed elsewhere is whole."""

    def test_it_holds_everything_that_the_sources_hold(self, built_wheel: Path) -> None:
        names = set(zipfile.ZipFile(built_wheel).namelist())
        tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "src", "migrations")
        expected = {
            name.removeprefix("src/") if name.startswith("src/") else f"pfa_rpc/{name}"
            for name in tracked.stdout.splitlines()
            if (REPOSITORY / name).is_file()
        }
        assert {"nlq/py.typed", "pfa/v1/record_pb2.py", "pfa/v1/record_pb2.pyi"} <= expected
        assert "pfa_rpc/migrations/env.py" in expected
        assert any(name.endswith(".lark") for name in expected)
        assert expected - names == set()

    def test_it_works_away_from_the_repository(self, built_wheel: Path, tmp_path: Path) -> None:
        """Installed elsewhere, it finds its own migrations and not those of the repository."""
        zipfile.ZipFile(built_wheel).extractall(tmp_path / "site")
        program = (
            "import nlq, pfa_rpc; from pfa_rpc.store.migrating.migrate import migrations_path; print(pfa_rpc.__file__);"
            "print(migrations_path())"
        )
        answer = run(sys.executable, "-c", program, where=tmp_path, PYTHONPATH=str(tmp_path / "site"))
        assert answer.returncode == 0, answer.stderr
        assert [Path(line) for line in answer.stdout.splitlines()] == [
            tmp_path / "site/pfa_rpc/__init__.py",
            tmp_path / "site/pfa_rpc/migrations",
        ]
        made = run(
            sys.executable,
            "-c",
            "import sys; from pfa_rpc.cli.main import main; sys.exit(main(['migrate']))",
            where=tmp_path,
            PYTHONPATH=str(tmp_path / "site"),
            PFA_DATABASE_URL=f"sqlite:///{tmp_path}/pfa.sqlite3",
        )
        assert made.returncode == 0, made.stderr
        assert (tmp_path / "pfa.sqlite3").stat().st_size > 0
