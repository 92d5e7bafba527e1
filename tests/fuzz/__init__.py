"""Mutated files of strangers: each is accepted with correct results, or refused in one line, soon and in little memory.

`test_fuzz.py` mutates as hypothesis likes, as part of `make test`; `PYTHONPATH=tests python -m fuzz` mutates as many
times as asked, and goes on from what reached code that nothing before it had reached.
"""
