"""Models: from the objects and files of the libraries that make them to what explains them."""
