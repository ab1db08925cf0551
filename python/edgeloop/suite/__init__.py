"""Suites: a matrix of models, runtimes and options from one TOML file, measured and resumed."""
