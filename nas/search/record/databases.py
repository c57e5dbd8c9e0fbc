"""Databases, and Optuna's gRPC proxy of one, as storages: what they add to Optuna's, and which of their errors pass."""

import json
import time
import warnings
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import GrpcStorageProxy, RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import event, exc
from sqlalchemy.engine import make_url

CONNECT_S = 10
"""Seconds that a server may take to answer."""
SILENT_S = 30
"""Seconds of silence after which a connection is given up, here and by a server of PostgreSQL."""

_CONNECTIONS: dict[str, dict[str, Any]] = {
    "postgresql": {
        "connect_timeout": CONNECT_S,
        "keepalives_idle": SILENT_S // 3,
        "keepalives_interval": SILENT_S // 6,
        "keepalives_count": 4,
        "tcp_user_timeout": 1000 * SILENT_S,
    },
    "mysql": {"connect_timeout": CONNECT_S, "read_timeout": SILENT_S, "write_timeout": SILENT_S},
    "sqlite": {"timeout": 60},
}
"""What a driver is told where the URL does not say it."""


class Database(RDBStorage):
    """Optuna's storage, which writes a whole trial in a few statements instead of three for each parameter."""

    def _get_prepared_new_trial(self, study_id: int, template_trial: FrozenTrial | None, session: Any) -> Any:
        """The trial, its study being locked: no other one sees it without its network."""
        if template_trial is None:
            return super()._get_prepared_new_trial(study_id, template_trial, session)
        new = template_trial
        times = {"datetime_start": new.datetime_start, "datetime_complete": new.datetime_complete}
        trial = models.TrialModel(study_id=study_id, number=None, state=new.state, **times)
        session.add(trial)
        session.flush()
        trial.number = trial.count_past_trials(session)
        own = {"trial_id": trial.trial_id}
        for name, value in new.params.items():
            kind = new.distributions[name]
            written = {"param_value": kind.to_internal_repr(value), "distribution_json": distribution_to_json(kind)}
            session.add(models.TrialParamModel(**own, param_name=name, **written))
        users, systems = models.TrialUserAttributeModel, models.TrialSystemAttributeModel
        for model, attributes in ((users, new.user_attrs), (systems, new.system_attrs)):
            session.add_all(model(**own, key=key, value_json=json.dumps(value)) for key, value in attributes.items())
        return trial

    def close(self) -> None:
        """End its connections."""
        self.engine.dispose()


class Proxy(GrpcStorageProxy):
    """Optuna's proxy, asked as a database is."""

    def _create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> FrozenTrial:
        return self.get_trial(self.create_new_trial(study_id, template_trial))

    def _get_trials(
        self, study_id: int, states: None, included_trial_ids: set[int], trial_id_greater_than: int
    ) -> list[FrozenTrial]:
        """Optuna's client keeps what is finished, and asks for the rest."""
        every = self.get_all_trials(study_id, deepcopy=False)
        return [
            trial for trial in every if trial._trial_id > trial_id_greater_than or trial._trial_id in included_trial_ids
        ]


def open_database(url: str) -> Database:
    """The database at a URL, with the tables of Optuna in it.

    Raises:
        Exception: whatever its driver raises.
    """
    kind, query = make_url(url).get_backend_name(), make_url(url).query
    connection = {name: value for name, value in _CONNECTIONS.get(kind, {}).items() if name not in query}
    storage = _made(url, {"connect_args": connection, "pool_pre_ping": kind != "sqlite"})
    if kind == "postgresql":
        event.listen(storage.engine, "connect", _let_go)
        storage.engine.dispose()  # the connections that were made before
    return storage


def _made(url: str, options: dict[str, Any]) -> Database:
    """The database; of several drivers that make its tables at once each comes to find them made."""
    for _ in range(9):
        try:
            return Database(url, dict(options))
        except (exc.DBAPIError, StorageInternalError) as error:
            if "exist" not in str(error) and "duplicate" not in str(error):
                raise
            time.sleep(0.5)
    return Database(url, options)


def _let_go(connection: Any, _: Any) -> None:
    """A driver that is cut off while it has a study locked must not keep it so."""
    connection.execute(f"SET idle_in_transaction_session_timeout = '{SILENT_S}s'")
    connection.commit()


def open_proxy(host: str, port: int) -> Proxy:
    """The proxy of a storage there.

    Raises:
        ConnectionError: nobody answers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        proxy = Proxy(host=host, port=port)
    try:
        proxy.wait_server_ready(CONNECT_S)
    except ConnectionError:
        proxy.close()
        raise ConnectionError(f"no proxy answers at {host}:{port}") from None
    return proxy


def passes(error: Exception) -> bool:
    """Whether `error` says that a storage cannot be reached, or is busy: the same may succeed later."""
    if type(error).__module__.partition(".")[0] == "grpc":
        return getattr(error, "code", lambda: None)() is not None and error.code().name in ("UNAVAILABLE", "UNKNOWN")  # type: ignore[attr-defined]
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    if isinstance(cause, exc.PendingRollbackError):  # of a second statement after the connection broke
        return True
    if not isinstance(cause, (exc.OperationalError, exc.InterfaceError)):
        return False
    return "sqlite" not in type(cause.orig).__module__ or "locked" in str(cause)
