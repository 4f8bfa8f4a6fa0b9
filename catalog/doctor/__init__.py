"""Holding a lake's promises against its files, and mending what can be mended."""
