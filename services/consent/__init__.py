"""Consent: decides whether data may flow. What is unknown is denied."""
