"""The names of the ready flows; a module each, imported when it is used."""

NAMES = ("export", "ingest", "transform", "upkeep")
