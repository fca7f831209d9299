"""The audit trail: a line for each change, in the transaction of the change. No line can be changed or deleted."""
