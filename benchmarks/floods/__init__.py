"""The latency of one client while another one floods the service: ``python -m benchmarks.floods``."""
