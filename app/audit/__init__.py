"""The audit trail for admins: list, file, and the deletion of old lines."""
