"""`ladder serve`: one store over HTTP, read-only. Parse, call one function, answer."""
