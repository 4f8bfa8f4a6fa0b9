"""What the lake is: datasets, versions, schemas, storage and queries. Knows no other package."""
