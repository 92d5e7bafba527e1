"""An engine on a Ray cluster: each chunk of a run is trained by an actor, on whichever node has room for it.

engine.py    what `hypergraph` calls; it starts driver.py, so that Ray changes nothing of the caller's process
driver.py    a process beside it that joins the cluster, gives the chunks out, and writes what comes back into the run
cluster.py   joining a cluster, and what its nodes have
trainer.py   the actor, which starts the same worker process as the local engine in a folder of its node
files.py     which files of a chunk travel, and in which order they are written
messages.py  what these processes tell each other
"""
