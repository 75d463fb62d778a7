"""How one configuration is measured: warm-up, latency, stages, memory. Runs inside a worker."""
