"""The time that an installation believes it is: `Clock`, which tests set, stop, advance and put wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that runs with the machine's until it is told otherwise. All times are aware, in UTC."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._stopped: datetime | None = None

    def now(self) -> datetime:
        """Return the time that it shows."""
        return self._stopped or datetime.now(UTC) + self._offset

    def set(self, moment: datetime) -> None:
        """Set it to a moment; it goes on from there, or stays where it is stopped."""
        if self._stopped is not None:
            self._stopped = moment.astimezone(UTC)
        self._offset = moment.astimezone(UTC) - datetime.now(UTC)

    def advance(self, step: timedelta) -> None:
        """Put it forward, or back by a negative step."""
        self.set(self.now() + step)

    def stop(self, moment: datetime | None = None) -> None:
        """Keep it at a moment, or at the time that it shows."""
        self._stopped = moment.astimezone(UTC) if moment else self.now()

    def run(self) -> None:
        """Let it go on from the time that it shows."""
        moment, self._stopped = self.now(), None
        self.set(moment)
