"""The command ladder: parse, call one function, print."""
