"""Request ids, log lines, metrics, traces and error reports."""
