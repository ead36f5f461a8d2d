"""The command line. Data goes to stdout, talk to stderr, and the exit status tells a script all."""
