"""What maintainers run. Not part of the package."""
