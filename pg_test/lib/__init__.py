"""What splitplane's suites, demo and bench share.

    cluster     throwaway servers, and the wait until a context signed now is taken
    signing     an independent signer of contexts
    plane       the extension in one database: calling role, key, relations
    session     one call as an application makes it, a session of the calling role, and how a refusal must look
    tally       what passed, what failed, and the last line of a suite
    functions   the crate's #[pg_test] functions by name
    standin     a stand-in for the services that speak for a model
"""
