"""What is done with a batch evaluated once: sharing it among callers, aggregates, the failure watch, the hook for a record."""
