"""Which settings of a diffusers pipeline to run on a device, with evidence."""

__version__ = "0.1.0"
