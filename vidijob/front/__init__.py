"""One front for several sites: it routes by the id of a job and merges lists. A thin program that speaks to the sites' servers
over the Vidispine API, as any client does; it has no database, no users and no state that a restart would lose.

Why so: each site stays a whole installation, with its own database, rights, documents and version. A front that read the
sites' databases itself would have to have all their schemas and passwords, and to decide who may what a second time. Any
number of fronts may run side by side.

What goes where is the table of ``directions.py``; ``README.md`` tells it for people.
"""
