"""One self-contained HTML page of everything a store has to say, with the SQL and the runs behind each number."""
