"""Pure reasoning about a run: records in, values out, no files and no torch."""
