"""Servers in processes of their own, which tests start on loopback."""
