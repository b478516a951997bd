"""The version of this module: that of the library it comes with, which tests/python/python.sh compares."""

__version__ = "0.1.0"
