"""Online learning: when enough newly accepted observations ask for a training of their study."""
