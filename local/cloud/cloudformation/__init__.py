"""CloudFormation: the resource types that our template uses, each with every property that it may have there.

The stack engine, and the types that it already does right, are ministack's. Ours are the types whose service is ours
and those of which it ignores something. What neither does is refused before anything is made.
"""

from local.cloud.cloudformation import api_resources, athena_workgroup, bucket, streams, web_acl_association
from local.cloud.cloudformation.handler import Handlers
from local.cloud.cloudformation.supported import check_template


def install() -> None:
    """Put our resource types and our check of the template in place."""
    from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

    types: dict[str, Handlers] = provisioners._RESOURCE_HANDLERS
    streams.register(types)
    athena_workgroup.register(types)
    bucket.register(types)
    api_resources.register(types)
    web_acl_association.register(types)

    checked = engine.validate_template_support

    def validate(template: dict[str, object], conditions: dict[str, bool], params: object = None) -> None:
        checked(template, conditions, params)
        check_template(template)

    handlers.validate_template_support = validate
    changesets.validate_template_support = validate
    in_thread = stacks._runs_on_worker_thread
    # These wait for a stream to become ACTIVE, which the server's own thread must not.
    stacks._runs_on_worker_thread = lambda kind: kind in streams.TYPES or in_thread(kind)
