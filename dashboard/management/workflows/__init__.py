"""`manage.py workflows`: the verbs and the lists at a terminal, for people and for programs.

It calls the library as the HTTP API does, and prints the same JSON. Who may start it may do all,
since they can read the database as well; `--as` says on whose behalf they act.
"""
