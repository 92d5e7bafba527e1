"""The report of runs: one HTML file that needs no network and no server.

collect.py   a run's records, as plain values for the page
drawings.py  its networks and the places of their neurons, from price to price and from checkpoint to checkpoint
blobs.py     arrays, packed into texts
write.py     from runs to a file
page.py      the file: template, style, scripts and data in one
page/        what the browser runs; main.js is its map
"""
