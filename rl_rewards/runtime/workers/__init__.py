"""Persistent worker processes, each of which can be killed without loss to the others."""
