"""The only speaker of PyIceberg: pointers, manifests and commits of Iceberg v2 tables."""
