"""Trainings of own studies: preflight, start, the job, and the candidates beside the active versions."""
