"""Predictors: where a job's predictions come from: a model file, a function, or a server."""
