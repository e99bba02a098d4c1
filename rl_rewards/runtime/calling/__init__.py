"""Calls of servers: limits, retries, a circuit breaker, replies of bounded size. Below scorers; knows `types` and `redaction` alone."""
