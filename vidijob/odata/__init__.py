"""OData v3, the protocol, for a face that speaks it: shapes and ``$metadata``, query options, the three formats, bodies, batches.
Pure; it knows neither what is asked for nor HTTP.
"""
