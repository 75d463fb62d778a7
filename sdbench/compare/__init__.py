"""Two sides of one suite, compared: effects with their intervals, verdicts, and what they mean."""
