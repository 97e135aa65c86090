# Read by hatchling too, so it is written once, and importing the package need not search installed metadata for it.
__version__ = "0.1.0"
