"""How work runs: flows, runs, schedules and workers. Knows only the catalog. Nearly empty yet."""
