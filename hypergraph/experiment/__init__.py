"""An experiment from beginning to end, as library code: it prints nothing and sends its events to an observer.

plan.py      check a request and make the configuration of a run
run.py       train, sweep, analyse, draw
report.py    write the page to look at
networks.py  generate, classify and draw single networks
display.py   an observer that shows an experiment on a terminal or in a notebook
streams.py   standard error, without which the work goes on
api.py       the functions of `import hypergraph`
"""
