"""An experiment from beginning to end, as library code: it prints nothing and tells an observer what happens.

plan.py      what was asked for, checked, as the configuration of a run
run.py       train, sweep, analyse, draw
networks.py  single networks: generate, classify, draw
display.py   an observer that shows an experiment on a terminal or in a notebook
api.py       the functions of `import hypergraph`
"""
