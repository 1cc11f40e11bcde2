"""Who may do what, as the contract lists it (sections 1.1 to 1.8 and 5), written from there and not from our own table.

Where the contract names no role, whoever has logged in may; that an external id is read and given with the roles of what it
names, and that the graph is read as all task definitions are, are our own decisions.
"""

from __future__ import annotations

#: Role, or several of which each is enough, or ``*`` for whoever has logged in → operations. ``{}`` is any segment.
LISTED = {
    "_job_read": """
        GET /job
        GET /job/{}
        GET /job/problem
        GET /job/{}/problem
        GET /job/{}/external-id
    """,
    "_job_write": """
        POST /job
        POST /import/raw
        DELETE /job
        PUT /job/{}
        DELETE /job/{}
        POST /job/{}/re-run
        DELETE /job/{}/external-id
        PUT /job/{}/external-id/{}
        DELETE /job/{}/external-id/{}
    """,
    "_job_search": "PUT /job/search",
    "_job_notification_read": """
        GET /job/notification
        GET /job/notification/{}
        GET /job/notification/{}/external-id
        GET /job/{}/notification
        GET /job/{}/notification/{}
        GET /job/{}/notification/{}/external-id
    """,
    "_job_notification_write": """
        POST /job/notification
        DELETE /job/notification
        PUT /job/notification/{}
        DELETE /job/notification/{}
        DELETE /job/notification/{}/external-id
        PUT /job/notification/{}/external-id/{}
        DELETE /job/notification/{}/external-id/{}
        POST /job/{}/notification
        DELETE /job/{}/notification
        PUT /job/{}/notification/{}
        DELETE /job/{}/notification/{}
        DELETE /job/{}/notification/{}/external-id
        PUT /job/{}/notification/{}/external-id/{}
        DELETE /job/{}/notification/{}/external-id/{}
    """,
    "_placeholder_notification_read": """
        GET /notification
        GET /notification/{}
        GET /notification/{}/external-id
    """,
    "_placeholder_notification_write": """
        POST /notification
        DELETE /notification
        PUT /notification/{}
        DELETE /notification/{}
        DELETE /notification/{}/external-id
        PUT /notification/{}/external-id/{}
        DELETE /notification/{}/external-id/{}
    """,
    "_taskdefinition_read": """
        GET /task-definition
        GET /task-definition/{}
        GET /task-definition/{}/validate
        GET /task-definition/{}/script
        GET /task-definition/{}/metadata
        GET /task-definition/{}/metadata/{}
        GET /task-definition/jobtype/{}
        GET /task-definition/jobtype/{}/graph
        GET /task-definition/jobtype/{}/graph/dot
        GET /task-definition/jobtype/{}/step/{}
        GET /task-definition/jobtype/{}/step/{}/validate
        GET /task-definition/jobtype/{}/step/{}/script
        GET /task-definition/jobtype/{}/step/{}/metadata
        GET /task-definition/jobtype/{}/step/{}/metadata/{}
    """,
    "_taskdefinition_write": """
        POST /task-definition
        PUT /task-definition/{}
        DELETE /task-definition/{}
        PUT /task-definition/{}/script
        PUT /task-definition/{}/metadata
        DELETE /task-definition/{}/metadata
        PUT /task-definition/{}/metadata/{}
        DELETE /task-definition/{}/metadata/{}
        POST /task-definition/jobtype/{}
        DELETE /task-definition/jobtype/{}
        PUT /task-definition/jobtype/{}/step/{}
        DELETE /task-definition/jobtype/{}/step/{}
        PUT /task-definition/jobtype/{}/step/{}/script
        PUT /task-definition/jobtype/{}/step/{}/metadata
        DELETE /task-definition/jobtype/{}/step/{}/metadata
        PUT /task-definition/jobtype/{}/step/{}/metadata/{}
        DELETE /task-definition/jobtype/{}/step/{}/metadata/{}
    """,
    "_administrator": """
        GET /task-group
        DELETE /task-group
        GET /task-group/{}
        PUT /task-group/{}
        DELETE /task-group/{}
        PUT /task-group/{}/transcoder/{}
        DELETE /task-group/{}/transcoder/{}
        GET /task-group/{}/metadata
        PUT /task-group/{}/metadata
        DELETE /task-group/{}/metadata
        GET /task-group/{}/metadata/{}
        PUT /task-group/{}/metadata/{}
        DELETE /task-group/{}/metadata/{}
        PUT /configuration/job-pool
        PATCH /configuration/job-pool
        DELETE /configuration/job-pool
        DELETE /configuration/job-pool/{}
        PUT /configuration/job-priority
        DELETE /configuration/job-priority
        PUT /configuration/properties
        PUT /configuration/properties/{}
        DELETE /configuration/properties/{}
        PUT /configuration/cors
        GET /user/{}/token
    """,
    "_administrator _configuration_read": """
        GET /configuration
        GET /configuration/job-pool
        GET /configuration/job-priority
        GET /configuration/properties
        GET /configuration/properties/{}
    """,
    "*": """
        GET /jobtype
        GET /version
        GET /whoami
        GET /token
        GET /selftest
        GET /site
    """,
}
#: Operation → the roles of which each is enough; none: whoever has logged in.
CONTRACT = {
    " ".join(line.split()): frozenset() if roles == "*" else frozenset(roles.split())
    for roles, lines in LISTED.items()
    for line in lines.splitlines()
    if line.strip()
}
