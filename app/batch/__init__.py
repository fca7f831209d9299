"""Answers to tables of conditions: at once, or as a job."""
