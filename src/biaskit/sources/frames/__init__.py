"""Tables in memory and streams of Arrow batches as sources, counted by kernels where that pays."""
