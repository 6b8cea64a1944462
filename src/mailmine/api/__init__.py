"""The REST API: compatible with Communications Mining (its public behaviour), one module per resource.

`app.create(database, blobs)` makes the application, to be served under any path prefix.
A new route is an endpoint in the module of its resource and a row in `rights.RIGHTS`.
"""
