"""What tests share: real servers, and waiting without guessing.

    servers   NATS and PostgreSQL for tests, and databases that cost little
    waiting   `eventually`: poll a claim until it holds

Tests get the servers through the fixtures of `tests/conftest.py`. Nothing in the product imports
this package.
"""
