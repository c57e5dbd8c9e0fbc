"""The processes that work on one study: each is heard of by its heartbeat, and what a silent one left is taken over.

A driver writes a new beat into the study now and then. Nobody's clock is compared with another's: a driver counts as
dead to another one when that has written `MISSED` beats of its own and seen no new one of the former. So an outage of
the storage, in which nobody is heard of, kills nobody.
"""

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.study import Study
from optuna.trial import Trial

from nas.search.record.claims import claim_finish, finishers, take_over
from nas.search.record.notes import note_study, study_notes
from nas.search.record.study import folder_name
from nas.search.record.trial import running, trials

BEAT_S = 10.0
"""Between two beats of a driver."""
MISSED = 6
"""So many of one's own beats without a new one of another driver: it is dead."""
_PREFIX = "driver:"


class Elsewhere(Exception):
    """Another driver of the study makes its result; the message says which."""


class Driver:
    """This process, under a `name` of its own in `study`; `place` says to people where it runs."""

    def __init__(self, study: Study, name: str, place: str) -> None:
        self.name = name
        self._study, self._place = study, place
        self._life, self._beats = secrets.token_hex(4), 0
        self._heard: dict[str, tuple[Any, int]] = {}
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def start(self) -> None:
        """Be heard of, until `leave`."""
        self.beat()
        self._thread.start()

    def beat(self) -> None:
        """Write that this driver lives, and listen to the others."""
        self._beats += 1
        self._write(beat=f"{self._life}-{self._beats}")
        for name, note in self._notes().items():
            last, missed = self._heard.get(name, (None, 0))
            self._heard[name] = note, missed + 1 if note == last else 0

    def leave(self) -> None:
        """Be dead to the others at once: what is left undone is theirs."""
        self._left.set()
        if self._thread.ident:
            self._thread.join(timeout=BEAT_S)
        if not self._thread.is_alive():  # else the storage cannot be reached, and they find out
            self._write(beat=None)

    def is_dead(self, other: str | None) -> bool:
        """Whether `other`, not this driver, has left or was not heard of for long."""
        note, missed = self._heard.get(other or "", ({"beat": ""}, 0))
        return other != self.name and (note["beat"] is None or missed >= MISSED)

    def others_run(self) -> bool:
        """Whether anything of the study is being evaluated by other drivers."""
        return any(trial.driver != self.name for trial in running(self._study))

    def taken_over(self) -> list[Trial]:
        """The trials that dead drivers were evaluating, now this driver's."""
        left = [trial.number for trial in running(self._study) if self.is_dead(trial.driver)]
        taken = (take_over(self._study, number, self.name) for number in left)
        return [trial for trial in taken if trial is not None]

    def require_finish(self) -> None:
        """Take what follows the search, which one driver does.

        Raises:
            Elsewhere: another one does or did it.
        """
        done = len(trials(self._study))
        notes = self._notes()
        for name, note in notes.items():
            if note.get("finished") == _finished(self._study) and name != self.name:
                raise Elsewhere(f"the result is in {note['place']}, and {done} trials are in the study")
        if self.name not in finishers(self._study):
            claim_finish(self._study, self.name)
        first = next(name for name in finishers(self._study) if not self.is_dead(name))
        if first != self.name:
            raise Elsewhere(f"the search is over; {notes[first]['place']} confirms its front and makes the result")

    def finished(self) -> None:
        """Note that the result of all trials so far is made."""
        self._write(finished=_finished(self._study))

    def _write(self, **changes: Any) -> None:
        note = {**self._notes().get(self.name, {}), "place": self._place, **changes}
        note_study(self._study, _PREFIX + self.name, note)

    def _notes(self) -> dict[str, Any]:
        kept = study_notes(self._study).items()
        return {key.removeprefix(_PREFIX): note for key, note in kept if key.startswith(_PREFIX)}

    def _go_on(self) -> None:
        while not self._left.wait(BEAT_S):
            try:
                self.beat()
            except Exception:  # the search itself meets the same error, and says so
                continue


def _finished(study: Study) -> int:
    """How many networks the search has gone through."""
    return sum(trial.state in ("complete", "stopped", "failed") for trial in trials(study))


@contextmanager
def driving(study: Study, folder: Path) -> Iterator[Driver]:
    """The driver that works in `folder` on `study`, heard of meanwhile."""
    driver = Driver(study, folder_name(folder), f"{socket.gethostname()}:{folder.resolve()}")
    driver.start()
    try:
        yield driver
    finally:
        driver.leave()
