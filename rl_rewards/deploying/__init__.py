"""Rubrics and metric folders -> services."""
