"""What does each command of the command line do: one file per command."""
