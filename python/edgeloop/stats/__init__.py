"""Turn raw durations into figures with intervals, or into the reason why there is none.

Every module is pure: arrays in, frozen dataclasses out, no clock, no file, no global state.
Importing one costs numpy only; scipy is imported by the functions that need it, after measuring.
"""
