"""Looking around: ls, show, schema, versions, search. None of these imports anything heavy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from lakectl.cli import output
from lakectl.cli.options import open_lake, output_option


def summary_object(summary: Any) -> dict[str, Any]:
    """A dataset as scripts see it in `ls -o json`."""
    return {
        "name": str(summary.name),
        "kind": str(summary.kind),
        "version": summary.version,
        "rows": summary.rows,
        "bytes": summary.bytes,
        "files": summary.files,
        "owner": summary.owner,
        "description": summary.description,
        "labels": dict(summary.labels),
        "updated_at": summary.updated_at,
    }


_TITLES = {
    "updated_at": "updated",
    "committed_at": "committed",
    "recorded_at": "recorded",
    "dropped_at": "dropped",
    "rows_added": "added",
    "rows_deleted": "deleted",
    "schema_id": "schema",
}


def _human(column: str, value: Any) -> str:
    from screens import text

    if value is None or value == "":
        return ""
    if column in {"rows", "files", "rows_added", "rows_deleted"}:
        return text.count(value)
    if column == "bytes":
        return text.size(value)
    if column in {"updated_at", "committed_at", "recorded_at", "dropped_at"}:
        return text.age(value, datetime.now(UTC))
    if column == "version":
        return f"v{value}"
    if column == "labels":
        return " ".join(f"{k}={v}" for k, v in value.items())
    if column in {"tags", "found_in"}:
        return " ".join(value)
    return text.cell(value)


@click.command()
@click.argument("namespace", required=False)
@click.option("--dropped", is_flag=True, help="List dropped datasets, which undrop brings back.")
@output_option
@click.pass_context
def ls(ctx: click.Context, namespace: str | None, dropped: bool, output_form: str | None) -> None:
    """List the datasets, all or those of NAMESPACE; or one by its full name."""
    lake = open_lake(ctx)
    if dropped:
        found = [{**summary_object(s), "dropped_at": at} for s, at in lake.dropped()]
        columns = ["name", "version", "rows", "bytes", "dropped_at"]
    else:
        one = namespace is not None and "." in namespace
        listed = [lake.describe(str(namespace)).summary] if one else lake.ls(namespace)
        found = [summary_object(s) for s in listed]
        columns = ["name", "version", "rows", "bytes", "updated_at", "owner", "description"]
    if output_form in {"json", "jsonl"}:
        _print_objects(found, output_form)
        return
    if not found and output_form in {None, "table", "wide"}:
        output.note("No datasets yet. Load one: lakectl ingest FILE --into namespace.name")
    if output_form == "wide":
        columns = list(found[0]) if found else columns
    _print_table(columns, found, output_form)


def _print_table(columns: list[str], found: list[dict[str, Any]], form: str | None) -> None:
    rows = ([f[c] for c in columns] for f in found)
    output.print_rows(columns, rows, form, _human, _TITLES)


def _print_objects(found: list[dict[str, Any]], form: str) -> None:
    if form == "json":
        output.print_json(found)
        return
    for one in found:
        output.print_json(one)


@click.command()
@click.argument("name")
@output_option
@click.pass_context
def show(ctx: click.Context, name: str, output_form: str | None) -> None:
    """Tell everything about dataset NAME."""
    from catalog.types import text_of

    lake = open_lake(ctx)
    dataset = lake.describe(name)
    fields = [
        {"id": f.id, "name": f.name, "type": text_of(f.type), "required": f.required, "doc": f.doc}
        for f in dataset.schema.fields
    ]
    known = {v.snapshot_id: v.version for v in lake.handles.reader.versions(dataset)}
    found = {
        **summary_object(dataset.summary),
        "schema": fields,
        "partitioning": [p.text(dataset.schema) for p in dataset.partitioning],
        "location": dataset.location,
        "metadata_location": dataset.metadata_location,
        "snapshot_id": dataset.snapshot_id,
        "tags": {t: known.get(s) for t, s in dataset.tags.items()},
        "branches": {b: known.get(s) for b, s in dataset.branches.items()},
    }
    if output_form in {"json", "jsonl"}:
        output.print_json(found)
        return
    scalars = [(k, v) for k, v in found.items() if k not in {"schema"}]
    shown = [(k, _shown(k, v)) for k, v in scalars]
    # A place is there to be copied, so it is never cut.
    output.print_rows(["field", "value"], shown, output.uncut(output_form))
    if output_form in {None, "table", "wide"}:
        output.blank_line()
        rows = [(f["id"], f["name"], f["type"], f["doc"] or "") for f in fields]
        output.print_rows(["id", "column", "type", "doc"], rows, output_form)


def _shown(key: str, value: Any) -> str:
    from screens import text

    if key in {"tags", "branches"}:
        return " ".join(f"{name}=v{number}" for name, number in value.items())
    if key == "partitioning":
        return ", ".join(value)
    if key == "updated_at":
        return text.exact(value)
    return _human(key, value)


@click.command()
@click.argument("name")
@click.option("--history", is_flag=True, help="How the schema came to be, oldest first.")
@click.option("--at", "version", help="The schema of a version.")
@output_option
@click.pass_context
def schema(
    ctx: click.Context, name: str, history: bool, version: str | None, output_form: str | None
) -> None:
    """Show the columns of dataset NAME."""
    from catalog import query
    from catalog.types import text_of

    lake = open_lake(ctx)
    if history:
        _print_history(lake, name, output_form)
        return
    dataset, found = query.dataset_at(lake.handles, name, version)
    fields = query.schema_of(lake.handles, dataset, found).fields
    columns = ["id", "name", "type", "required", "doc"]
    rows = [(f.id, f.name, text_of(f.type), f.required, f.doc) for f in fields]
    output.print_rows(columns, rows, output_form, _human)


def _print_history(lake: Any, name: str, output_form: str | None) -> None:
    from catalog import schema as rules

    revisions = lake.schemas(name)
    found = []
    before = None
    for revision in revisions:
        changes: list[rules.Change] = []
        if before is not None:
            changes = rules.diff(before, revision.schema)
        found.append(
            {
                "schema_id": revision.schema.schema_id,
                "version": revision.version,
                "recorded_at": revision.recorded_at,
                "run_id": revision.run_id,
                "columns": len(revision.schema.fields),
                "changes": [c.to_json() for c in changes],
                "text": "; ".join(str(c) for c in changes) or "first schema",
            }
        )
        before = revision.schema
    if output_form in {"json", "jsonl"}:
        _print_objects([{k: v for k, v in f.items() if k != "text"} for f in found], output_form)
        return
    found = [{**f, "changes": f["text"]} for f in found]
    _print_table(["schema_id", "version", "recorded_at", "columns", "changes"], found, output_form)


@click.command()
@click.argument("name")
@output_option
@click.pass_context
def versions(ctx: click.Context, name: str, output_form: str | None) -> None:
    """List the versions of dataset NAME, newest first."""
    lake = open_lake(ctx)
    found = [
        {
            "version": v.version,
            "snapshot_id": v.snapshot_id,
            "committed_at": v.committed_at,
            "operation": v.operation,
            "rows_added": v.rows_added,
            "rows_deleted": v.rows_deleted,
            "rows": v.rows,
            "files": v.files,
            "schema_id": v.schema_id,
            "run_id": v.run_id,
            "message": v.message,
            "tags": list(v.tags),
            "state": v.state,
        }
        for v in lake.versions(name)
    ]
    if output_form in {"json", "jsonl"}:
        _print_objects(found, output_form)
        return
    columns = ["version", "committed_at", "operation", "rows", "rows_added", "rows_deleted"]
    columns += ["tags", "run", "message", "state", "files", "schema_id"]
    if output_form == "wide" and found:
        columns = [*found[0], "run"]
    names = lake.runs.history.names({str(v["run_id"]) for v in found if v["run_id"]})
    for version in found:
        version["run"] = names.get(str(version["run_id"]), version["run_id"])
    _print_table(columns, found, output_form)


@click.command()
@click.argument("words", nargs=-1, required=True)
@output_option
@click.pass_context
def search(ctx: click.Context, words: tuple[str, ...], output_form: str | None) -> None:
    """Find datasets by WORDS in their name, columns, owner, description, labels or tags."""
    lake = open_lake(ctx)
    hits = lake.search(" ".join(words))
    found = [{**summary_object(h.dataset.summary), "found_in": list(h.found_in)} for h in hits]
    if output_form in {"json", "jsonl"}:
        _print_objects(found, output_form)
        return
    columns = ["name", "rows", "updated_at", "owner", "found_in", "description"]
    _print_table(columns, found, output_form)
