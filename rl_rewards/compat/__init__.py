"""Other libraries' import names, as thin layers over this one."""
