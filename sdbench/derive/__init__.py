"""Telling what need not be measured: latencies and peaks of configurations from those of others."""
