"""What the project is measured on; every module runs as `python -m benchmarks.<name>`."""
