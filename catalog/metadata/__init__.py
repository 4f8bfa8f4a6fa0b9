"""The metadata store: our tables on SQLite or Postgres, their migrations and their queries."""
