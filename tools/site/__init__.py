"""What `nox -s docs` needs besides Zensical."""
