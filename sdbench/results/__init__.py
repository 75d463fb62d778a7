"""What was measured: records, the folder they lie in, and the table they make."""
