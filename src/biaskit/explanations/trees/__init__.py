"""Trees: Shapley values of ensembles, by tables of patterns or by walks, and their outputs."""
