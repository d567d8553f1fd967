"""Intervals and tests of metrics, from the tallies of two sides alone.

Every metric of the library says of which proportions it is made (`biaskit.metrics.forms`), and its
interval follows from their limits at any level: `figures` finds the ends and the p-values,
`evidence` and `distances` say how. A metric that does not say so has `draws` instead.
docs/intervals.md shows what all of them cover.
"""
