"""Measurements that anyone can repeat; each prints ratios of variants that ran side by side."""
