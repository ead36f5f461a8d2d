"""The worker: the process that loads plugins and runs their hooks; the engine's never does."""
