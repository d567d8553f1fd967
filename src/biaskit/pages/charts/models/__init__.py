"""Charts of models: what their outputs rest on."""
