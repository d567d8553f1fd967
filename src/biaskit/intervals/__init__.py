"""Intervals and tests of metrics, from the tallies of two sides alone.

Every metric of the library declares the proportions that it is computed from
(`biaskit.metrics.forms`); its interval follows from their limits at any level. `figures` finds the
ends and the p-values, by the methods of `evidence` and `distances`. A metric without such a
declaration uses `draws`. docs/intervals.md shows the coverage of all of them.
"""
