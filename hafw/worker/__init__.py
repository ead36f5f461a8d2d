"""The worker: the process that loads plugins and runs their hooks, so that the engine's never does."""
