"""What configurations are measured on: the CPU, CUDA (with NVML beside it), or a script."""
