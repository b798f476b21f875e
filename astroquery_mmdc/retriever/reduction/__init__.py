"""From what a survey delivers to light curves of one kind."""
