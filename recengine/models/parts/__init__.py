"""What ``hybrid`` is made of, one method a file."""
