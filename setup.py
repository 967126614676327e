"""Puts migrations/ into the wheel as pfa_rpc/migrations; everything else about the build stands in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithMigrations(build_py):
    """The usual build, and the migrations: they live outside src/ but a `pfa migrate` needs them wherever it runs."""

    def run(self) -> None:
        """Build; an editable install finds migrations/ in place."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "pfa_rpc", "migrations")
            shutil.copytree("migrations", target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithMigrations})
