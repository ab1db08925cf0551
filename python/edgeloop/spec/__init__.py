"""The words of a request: each option once."""
