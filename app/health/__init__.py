"""Health: liveness of the process, and readiness to answer predictions."""
