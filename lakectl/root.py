"""The composition root: settings in, an open lake out. What `import lakectl` gives to people."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.catalog import Catalog
from catalog.errors import Conflict, InvalidInput
from catalog.handles import Handles
from catalog.metadata import turns
from catalog.model import Dataset, IngestReport, QueryResult, Version
from lakectl import settings
from lakectl.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from catalog.planning import IngestRequest
    from lakectl.runs import Runs


class Lake(Catalog):
    """An open lake; a context manager.

    Every verb of `catalog.catalog.Catalog` is here, and datasets as objects.
    """

    def __init__(self, found: Settings) -> None:
        handles = Handles(
            found.database,
            found.warehouse,
            found.state,
            readonly=found.readonly,
            verify=found.verify,
        )
        super().__init__(handles)
        self.settings = found
        handles.on_read = _tell_run

    @cached_property
    def runs(self) -> Runs:
        """Its runs and flows: started, looked at, ended, taken back."""
        from lakectl.runs import Runs

        return Runs(self)

    def close(self) -> None:
        """Let go of every connection and process."""
        if "runs" in self.__dict__:
            self.runs.close()
        super().close()

    @property
    def name(self) -> str:
        """The name of its folder, with the profile where that is not the default one."""
        folder = self.settings.root.name
        return folder if self.settings.profile == "default" else f"{folder}@{self.settings.profile}"

    def ingest(self, request: IngestRequest) -> IngestReport:
        """Load sources into a dataset; inside a flow the load is the run's, and lands once."""
        context = sys.modules.get("jobs.context")
        scope = context.run_scope.get() if context is not None else None
        if context is None or scope is None:
            return super().ingest(request)
        run_id = request.run_id or scope.run_id
        if request.write_key is not None:
            return super().ingest(replace(request, run_id=run_id))
        key = context.write_key(request.into)
        return super().ingest(replace(request, write_key=key, run_id=run_id, same_rows=True))

    def dataset(self, name: str) -> DatasetHandle:
        """A dataset by name; it need not exist before the first append.

        Raises:
            InvalidName: the name cannot be one.
        """
        return DatasetHandle(self, name)

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _tell_run(dataset: Dataset, version: int) -> None:
    """Let the run that is going on here, if one is, know what it reads."""
    telling = sys.modules.get("jobs.telling")  # else no flow can be running
    if telling is not None:
        telling.note_read(dataset.id, str(dataset.name), version)


class DatasetHandle:
    """A dataset of a lake, at its current version or at a named one.

    Args:
        lake: the open lake.
        name: `namespace.name`.
        at: a version by number, tag, branch, snapshot id or time; None for the current one.
    """

    def __init__(self, lake: Lake, name: str, at: str | int | None = None) -> None:
        from catalog.names import parse_dataset

        self.name = str(parse_dataset(name))
        self._lake = lake
        self._at = at

    def __repr__(self) -> str:
        at = "" if self._at is None else f" at {self._at}"
        return f"<dataset {self.name}{at} of {self._lake.name}>"

    def at(self, version: str | int) -> DatasetHandle:
        """The same dataset at a version."""
        return DatasetHandle(self._lake, self.name, version)

    def describe(self) -> Dataset:
        """Everything known of it now.

        Raises:
            NotFound: the dataset or the version is not there.
        """
        if self._at is not None:
            from catalog import query

            query.dataset_at(self._lake.handles, self.name, self._at)
        return self._lake.describe(self.name)

    def versions(self) -> list[Version]:
        """Every version ever committed, newest first."""
        return self._lake.handles.reader.versions(self.describe())

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        return self._lake.to_arrow(self.name, self._at)

    def to_pandas(self) -> pd.DataFrame:
        """All rows as a pandas data frame."""
        return self.to_arrow().to_pandas()

    def preview(self, limit: int = 20) -> QueryResult:
        """The first rows."""
        return self._lake.preview(self.name, self._at, limit)

    def append(self, frame: Any, message: str | None = None, **options: Any) -> IngestReport:
        """Add the rows of a data frame, Arrow table or reader as a new version."""
        return self._load(frame, "append", message, options)

    def overwrite(self, frame: Any, message: str | None = None, **options: Any) -> IngestReport:
        """Make the rows of a frame the new version; the old ones stay in the version before."""
        return self._load(frame, "overwrite", message, options)

    def merge(
        self, frame: Any, key: Sequence[str], message: str | None = None, **options: Any
    ) -> IngestReport:
        """Replace the rows whose key is there, add the others."""
        return self._load(frame, "merge", message, {**options, "key": tuple(key)})

    def _load(
        self, frame: Any, mode: str, message: str | None, options: dict[str, Any]
    ) -> IngestReport:
        from catalog.planning import IngestRequest
        from catalog.schema import SchemaPolicy

        if self._at is not None:
            raise InvalidInput(f"{self.name} at {self._at} is a past version; it cannot change.")
        known = {field.name for field in fields(IngestRequest)}
        known -= {"into", "frame", "mode", "message", "sources"}  # said by the call itself
        for name in options:
            if name not in known:
                raise InvalidInput(f"There is no option {name!r}.", f"Known: {sorted(known)}.")
        if "schema" in options:
            policies = [str(policy) for policy in SchemaPolicy]
            if options["schema"] not in policies:
                asked = options["schema"]
                raise InvalidInput(f"There is no schema policy {asked!r}.", f"Use {policies}.")
            options["schema"] = SchemaPolicy(options["schema"])
        if "partition_by" in options:
            options["partition_by"] = tuple(options["partition_by"])
        request = IngestRequest(
            into=self.name, frame=as_arrow(frame), mode=mode, message=message, **options
        )
        return self._lake.ingest(request)


def as_arrow(frame: Any) -> Any:
    """A pandas frame, Arrow table, batch, reader or anything that speaks Arrow's C interface.

    Raises:
        InvalidInput: it is none of these, or Arrow has no type for a column of it.
    """
    import pyarrow as pa

    try:
        found = _as_arrow(frame)
    except (pa.ArrowException, AttributeError, OverflowError, TypeError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        first = first.rstrip(".")
        raise InvalidInput(f"The frame cannot be turned into Arrow: {first}.") from error
    for column in found.schema:
        kind = str(getattr(column.type, "extension_name", ""))
        if kind.startswith("pandas."):
            raise InvalidInput(
                f"Column {column.name!r} is a {kind.removeprefix('pandas.')} of pandas, which only "
                "pandas knows.",
                "Turn it into timestamps or text first.",
            )
    return found


def _as_arrow(frame: Any) -> Any:
    import pyarrow as pa

    if isinstance(frame, pa.Table | pa.RecordBatchReader):
        return frame
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if type(frame).__module__.startswith("pandas"):
        return pa.Table.from_pandas(frame, preserve_index=False)
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(frame)
    kind = type(frame).__name__
    raise InvalidInput(f"A {kind} cannot be loaded.", "Give a data frame or an Arrow table.")


def open_lake(lake: str | Path | None = None, *, profile: str | None = None) -> Lake:
    """Open the lake in a folder; without one, from LAKECTL_LAKE or upwards from here.

    Raises:
        NotFound: there is no lake.
        StoreUnreachable: its metadata store does not answer.
    """
    return Lake(settings.load(str(lake) if lake is not None else None, profile))


def init_lake(
    folder: str | Path = ".",
    *,
    warehouse: str = "warehouse",
    database: str = "sqlite:///.lakectl/lake.db",
) -> tuple[Settings, list[str]]:
    """Make a lake in a folder.

    Several may do so at once: one makes it, the others find it made.

    Args:
        folder: where; it is made if need be.
        warehouse: a folder (counted from the lake's) or gs://bucket/prefix.
        database: sqlite:///path (counted likewise) or postgresql://….

    Returns:
        The settings and what a person should know.

    Raises:
        InvalidInput: no folder can have this name.
        Conflict: there is a lake already.
        StoreUnreachable: the store or the warehouse cannot be made.
    """
    from catalog.metadata import database as store

    root = Path(folder).expanduser().resolve()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        if error.errno not in {errno.ENAMETOOLONG, errno.ENOTDIR}:
            raise
        raise InvalidInput(f"{root} cannot be a folder: {error.strerror}.") from error
    url = settings.absolute_database(root, database)
    place = settings.absolute_warehouse(root, warehouse)
    state = root / ".lakectl"
    state.mkdir(mode=0o700, exist_ok=True)
    with turns.turn(state / "init.lock"):
        if (root / settings.FILE).exists():
            raise Conflict(
                f"There is a lake in {root} already.", f"Look at it: lakectl -h; cd {root}"
            )
        _prepare_warehouse(place)
        store.create(url)
        notes = settings.write(root, warehouse, database)
    return settings.load(str(root)), notes


def _prepare_warehouse(uri: str) -> None:
    from catalog.storage import open_warehouse

    warehouse = open_warehouse(uri)
    if not warehouse.is_remote:
        Path(uri).mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    probe = f"{warehouse.uri}/.lakectl-probe-{Path(uri).name}-{id(warehouse)}"
    warehouse.write(probe, b"lakectl")
    warehouse.delete([probe])


def write_example(found: Settings, name: str) -> Path:
    """Write an example flow into the lake's folder; returns its path.

    Raises:
        Conflict: there is a file of that name.
    """
    text = (Path(__file__).parent / "examples" / f"{name}.py").read_text(encoding="utf-8")
    path = found.root / "flows" / f"{name}.py"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.exists():
        raise Conflict(f"There is a {path} already.")
    path.write_text(text, encoding="utf-8")
    return path


def migrate(lake: str | None = None, profile: str | None = None) -> list[str]:
    """Bring the metadata store of a lake up to this program; make it, if it is gone.

    Returns:
        What is to be done next, in sentences.
    """
    from catalog.metadata import audit
    from catalog.metadata import database as store

    store.create(settings.load(lake, profile).database)
    with open_lake(lake, profile=profile) as opened:
        knows_any = bool(audit.tables(opened.handles.reader))
        if knows_any or next(iter(opened.handles.warehouse.walk()), None) is None:
            return []
    return [
        "It knows no dataset, but its warehouse holds files. Take in what is there: "
        "lakectl doctor --repair"
    ]


def connect(lake: str | Path | None = None, *, profile: str | None = None) -> Any:
    """A DuckDB connection in which every dataset of a lake is there by name.

    Past versions: `FROM lake_at('nyc.trips', 3)`. It is your own connection in your own process:
    unlike `lakectl sql` it may read and write whatever you may.
    """
    from catalog import connecting

    opened = open_lake(lake, profile=profile)
    return connecting.connect(opened.handles)


def labels_of(texts: Iterable[str]) -> dict[str, str]:
    """Labels from `key=value` texts; `key=` takes one away.

    Raises:
        InvalidInput: a text without `=`.
    """
    found = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise InvalidInput(f"{text!r} is no label.", "Write it as key=value.")
        found[key] = value
    return found
