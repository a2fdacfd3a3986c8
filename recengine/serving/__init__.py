"""What readers get, and what is kept of it."""
