"""Sizes and checksums of the small files of a table: metadata, manifest lists, manifests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table; of files written before nothing is known."""
    op.create_table(
        "metadata_files",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("dataset_id", sa.String(32), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("checksum", sa.String(80), nullable=False),
    )
    op.create_index("metadata_files_dataset", "metadata_files", ["dataset_id"])
