"""vidijob: a job server for media work that speaks the Vidispine (VidiCore) job API.

The floors; a file imports only what stands below it, and rooms beside each other do not know each other::

    11 cli                              the commands
    10 bench                            figures of the whole on this machine
    9  app        demo      front       one process, put together · a first look · one address for several sites
    8  application  workshop  opening   the HTTP server: every face on the engine · what a machine carries steps out with · its database
    7  api  console                     faces: the job APIs of others, a room each · the operator's pages
    6  web                              what faces share of HTTP
    5  engine                           what is done with jobs: verbs, questions, loops
    4  executors  store     odata       how a step is carried out · Postgres · the protocol OData, for a face that speaks it
    3  jobs       binding     access    the domain · documents in XML and JSON · who may do what
    2  settings   resources   help      every setting · sql/ and schemas/ · the help pages
       observability                    metrics, logs, traces: what there is, not what it is about
    1  errors
"""
