"""What people and programs read of a run: one file a format, all from the same view."""
