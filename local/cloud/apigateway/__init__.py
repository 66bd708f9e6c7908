"""API Gateway's data plane: deployed REST APIs that call Kinesis, with the meaning that AWS gives their templates.

gateway            a request → its reply: route, media type, model, mapping, Kinesis or a MOCK, mapping back
firewall           a web ACL → whether it blocks a request
rest_apis          ministack's record of a deployed API → typed routes
encoding           a body under its Content-Encoding → the body
body               a body as one JSON document, and its validation by a model
vtl, vtl_values    a mapping template → its text, and the values that a template sees
faults             the replies that API Gateway gives by itself

The control plane (it deploys an API) is ministack's. Other integrations than Kinesis and MOCK, headers that are mapped
from a request, authorizers, API keys, caching and binary media types are left out, and refused where they would matter.
Three things are left out silently: WAF's rules that AWS keeps secret, the compression of replies, and a deployment's
snapshot of the API (a stage serves the API as it now is).
"""
