"""A server for the Model Context Protocol in front of a database with splitplane.

Who asks is read from the access token of each request and from nothing else. The server signs every call of the database with
a splitplane key of its own; the database verifies the signature and confines the call.

    config      the TOML file, checked at start
    principal   claims of a token to tenant, business and subject
    tokens      verification of access tokens
    signing     the signed context of one call
    database    calls of the database, cancelled when the client gives up
    refusals    what a caller is told of an error
    tools       ask, describe, verified_queries
    app         the HTTP application
"""
