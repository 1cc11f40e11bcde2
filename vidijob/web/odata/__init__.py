"""Services that speak OData v3: whatever such a service does that does not depend on what its entities mean. A face says which
sets of entities there are, and what each of them can do.
"""
