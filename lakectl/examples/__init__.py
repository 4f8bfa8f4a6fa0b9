"""Example projects that `lakectl init --example NAME` writes."""
