"""Everything that can be turned: one file a knob, all named in `sdbench.knobs.registry`."""
