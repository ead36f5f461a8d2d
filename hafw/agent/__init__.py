"""The agent: the only event loop of a node."""
