"""A shop's own domain → its pages and, below one path, the events API: a CloudFront distribution; off by default.

A page that sends events to where it came from needs no CORS, and no list of third parties blocks it. CloudFront passes
on the visitor's User-Agent, which it would otherwise replace by its own; a function of a few lines takes the path's
prefix off, names the visitor by address, and keeps the shop's cookies from the API. The firewall believes the address
because CloudFront shows the proxy's key, and overwrites whatever a visitor sends under that name.

docs/browser.md has the same for a distribution that exists, and for other proxies.
"""

from typing import Final

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from constructs import Construct

from infra.accepted import DISTRIBUTION_FINDINGS, accept
from infra.proxies import PROXY_KEY_HEADER, VISITOR_ADDRESS_HEADER
from infra.settings import SameOriginSettings

_VIEWER_REQUEST: Final = """\
function handler(event) {
    var request = event.request;
    request.uri = request.uri.slice(@@PREFIX_LENGTH@@);
    request.headers['@@HEADER@@'] = {value: event.viewer.ip};
    request.cookies = {};
    return request;
}
"""


def viewer_request_code(settings: SameOriginSettings) -> str:
    """Return the function that CloudFront runs on each request below the path."""
    prefix_length = str(len(settings.path))
    return _VIEWER_REQUEST.replace("@@PREFIX_LENGTH@@", prefix_length).replace(
        "@@HEADER@@", VISITOR_ADDRESS_HEADER.lower()
    )


class SameOrigin(Construct):
    """The distribution before a shop's pages and the API."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        rest_api: apigateway.RestApi,
        api_host: str,
        name: str,
        proxy_key: str,
        settings: SameOriginSettings,
    ) -> None:
        super().__init__(scope, construct_id)
        rewrite = cloudfront.Function(
            self,
            "ViewerRequest",
            function_name=f"{name}-same-origin",
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            code=cloudfront.FunctionCode.from_inline(viewer_request_code(settings)),
        )
        pages = cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(
                settings.pages_host, protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY, origin_id="pages"
            ),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.USE_ORIGIN_CACHE_CONTROL_HEADERS_QUERY_STRINGS,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        )
        events = cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(
                api_host,
                origin_id="events",
                origin_path=f"/{rest_api.deployment_stage.stage_name}",
                protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                custom_headers={PROXY_KEY_HEADER: proxy_key},
            ),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            function_associations=[
                cloudfront.FunctionAssociation(function=rewrite, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST)
            ],
        )
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"{settings.domain}: the shop's pages, and its events below {settings.path}/",
            domain_names=[settings.domain],
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", settings.certificate_arn),
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            default_behavior=pages,
            additional_behaviors={f"{settings.path}/*": events},
        )
        accept(self.distribution, DISTRIBUTION_FINDINGS)
