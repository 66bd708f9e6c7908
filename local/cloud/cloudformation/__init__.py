"""CloudFormation: the resource types that our template uses, each with every property that it may have there.

resources       types whose service is ours, and buckets
api_resources   types of API Gateway, and which web ACL is in front of which stage
supported       the check that refuses every other type and property before anything is created

The stack engine is ministack's, and so are the types that it implements right already.
"""

from local.cloud.athena.service import AthenaService
from local.cloud.cloudformation import api_resources, resources
from local.cloud.cloudformation.supported import check_template
from local.cloud.emr_serverless.service import EmrServerlessService
from local.cloud.firehose.service import FirehoseService
from local.cloud.kinesis.service import KinesisService


def install(
    kinesis: KinesisService, firehose: FirehoseService, athena: AthenaService, emr: EmrServerlessService
) -> None:
    """Add our resource types and our check of the template to ministack's stack engine."""
    from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

    types = provisioners._RESOURCE_HANDLERS
    for kind, resource_type in resources.types(kinesis, firehose, athena, emr).items():
        types[kind] = resource_type.handlers()
    for kind, resource_type in api_resources.types(types).items():
        types[kind] = resource_type.handlers()

    check_ministack = engine.validate_template_support

    def validate(template: dict[str, object], conditions: dict[str, bool], params: object = None) -> None:
        check_ministack(template, conditions, params)
        check_template(template)

    handlers.validate_template_support = validate
    changesets.validate_template_support = validate
    in_thread = stacks._runs_on_worker_thread
    # These types wait for a stream to become ACTIVE, which the server's own thread must not.
    stacks._runs_on_worker_thread = lambda kind: kind in resources.WAITING_TYPES or in_thread(kind)
