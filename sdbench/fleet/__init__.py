"""A suite on many devices: shards, their merging, and what starts them."""
