"""SDK: the shape of SageMaker's Python SDK, so that a notebook runs its jobs here unchanged."""
