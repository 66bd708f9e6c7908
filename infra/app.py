"""Settings → the CDK app, and the app → its one CloudFormation template as JSON.

The template needs no bootstrapped account: no assets, no parameters, no rules. Import this only after
`node_runtime.put_node_on_path()`; CDK starts its Node process as soon as it is imported.
"""

import json
import tempfile

from aws_cdk import App, BootstraplessSynthesizer

from infra.pipeline_stack import PipelineStack
from infra.settings import EnvironmentSettings

#: Hashes of construct paths and CDK's own version would make the same template differ from machine to machine.
_CONTEXT = {"aws:cdk:enable-path-metadata": False, "aws:cdk:enable-asset-metadata": False}


def pipeline_app(settings: EnvironmentSettings, *, outdir: str) -> tuple[App, PipelineStack]:
    """Compose the app of one environment; what it synthesizes goes under `outdir`."""
    app = App(
        analytics_reporting=False, context=_CONTEXT, default_stack_synthesizer=BootstraplessSynthesizer(), outdir=outdir
    )
    return app, PipelineStack(app, "Pipeline", settings=settings)


def template_json(settings: EnvironmentSettings) -> str:
    """Return the template of one environment, its keys sorted, so that equal templates are equal texts."""
    with tempfile.TemporaryDirectory() as outdir:
        app, stack = pipeline_app(settings, outdir=outdir)
        template = app.synth().get_stack_by_name(stack.stack_name).template
    return json.dumps(template, indent=2, sort_keys=True)
