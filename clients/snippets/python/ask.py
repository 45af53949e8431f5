import json
import os
import secrets

import psycopg
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = Credentials("AKSPSHOP2026", os.environ["SPLITPLANE_SECRET"])

def signed_context(tenant: str, text: str, business: str = "", subject: str = "") -> str:
    request = AWSRequest(method="POST", url="https://shop/ask", data=text.encode(), headers={
        "x-splitplane-tenant": tenant,
        "x-splitplane-business": business,
        "x-splitplane-subject": subject,
        "x-splitplane-nonce": secrets.token_hex(16),
    })
    SigV4Auth(KEY, "splitplane", "us-east-1").add_auth(request)
    return json.dumps(dict(request.headers))

sql = "SELECT count(*) AS orders, sum(total) AS revenue FROM orders"     # whatever the model wrote
with psycopg.connect("dbname=shop user=analytics_app") as connection:
    context = signed_context("brand-a", sql)
    document = connection.execute("SELECT ask(%s::text::jsonb, sql => %s)", (context, sql)).fetchone()[0]
    print(document["rows"], document["truncated"])
    try:
        connection.execute("SELECT ask(%s::text::jsonb, sql => %s)", (context, sql))
    except psycopg.errors.InvalidAuthorizationSpecification as refusal:
        print(refusal.sqlstate, "a context is good for one use")
# => [[2, 42.0]] False
# => 28000 a context is good for one use
