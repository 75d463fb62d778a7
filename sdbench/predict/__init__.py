"""Memory of a configuration, told without running it on a device."""
