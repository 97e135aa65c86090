"""Keeps openapi.yaml up to date. `update` takes what the vendor publishes; `diff` says what a change means to users."""
