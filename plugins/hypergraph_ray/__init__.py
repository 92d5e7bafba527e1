"""An engine on a Ray cluster: pieces of a run are given to actors, on whichever nodes have room for them.

engine.py    what `hypergraph` calls; it starts driver.py, so that Ray changes nothing of the caller's process
driver.py    a process beside it that joins the cluster
pieces.py    how the driver gives out pieces, whatever dies
training.py  the pieces of a training, which are chunks: what comes back is written into the run
jobs.py      the pieces of an analysis, which are jobs: what comes back is passed on to the engine
cluster.py   joining a cluster, and what its nodes have
trainer.py   the actor that trains, which starts the same worker process as the local engine in a folder of its node
worker.py    the actor that does jobs
files.py     which files of a chunk travel, and in which order they are written
messages.py  what these processes tell each other
"""
