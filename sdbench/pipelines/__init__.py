"""What is measured: diffusers pipelines, the built-in one, and a simulated one."""
