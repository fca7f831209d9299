"""Tests of rollouts on one application."""
