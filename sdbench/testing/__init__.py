"""In pytest: configurations of a suite as test items, and the fixture for a user's own test."""
